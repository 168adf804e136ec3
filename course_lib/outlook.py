"""What loss to expect of a plan, and how far to trust it.

The law is L = E + A/N^alpha + B/D^beta with a named set of constants (`formulas.chinchilla_loss`); repeated
text counts at its worth (Muennighoff et al. 2023, arXiv 2305.16264). The interval holds the published sets of
constants, widened by the standard error of the refit (Besiroglu et al. 2024, arXiv 2404.10102). All of it is
in nats per token of one corpus, cut by one tokenizer. It is no score on any test.

Plain code: pages translate it to JavaScript.
"""

import math
from typing import Any

from course_lib import formulas, guard, proportions

LAWS = {
    "refit": formulas.BESIROGLU, "printed": formulas.HOFFMANN_PRINTED, "unrounded": formulas.HOFFMANN_PRECISE,
}  # fmt: skip
LAW_NAMES = {"refit": "refit of 2024", "printed": "printed in 2022", "unrounded": "2022 unrounded"}
Z = 1.96  # normal quantile of a two-sided 95 % interval
MOST_WORTH = 0.5  # exponent of sparsity at which a mixture is worth the geometric mean of active and total

# The design behind the fit's uncertainty: sizes and texts of Hoffmann et al., log-evenly, 240 runs.
DESIGN = {"n": [70e6, 16e9], "d": [5e9, 500e9]}
DESIGN_ROWS = 16
DESIGN_COLUMNS = 15
# Standard errors of E, log A, log B, alpha, beta as the notebook of Besiroglu et al. gives them.
PUBLISHED_ERRORS = [0.026, 125.0 / 482.01, 1293.0 / 2085.43, 0.015, 0.021]


def law_of(ask: dict[str, Any], name: str) -> dict[str, float]:
    """The constants of a set; a mixture's size term is that of sparsity^worth times its active N."""
    law = LAWS[name]
    gain = proportions.SPARSITY ** ask["worth"] if ask["kind"] == "moe" else 1.0
    scaled = law["A"] / gain ** law["alpha"]
    return {"E": law["E"], "A": scaled, "B": law["B"], "alpha": law["alpha"], "beta": law["beta"]}


def worth_of_text(tokens: float, unique: float) -> float:
    """Worth in fresh tokens of what is read: repeats fade (Muennighoff et al. 2023); `unique` 0: no limit."""
    if unique <= 0 or tokens <= unique:
        return tokens
    return formulas.worth_of_repeats(unique, tokens, formulas.MUENNIGHOFF_R_D)


def tokens_worth(fresh: float, unique: float) -> float:
    """Tokens to read so that they are worth `fresh`; 0 where no number of repeats is enough."""
    if unique <= 0 or fresh <= unique:
        return fresh
    left = 1 - (fresh / unique - 1) / formulas.MUENNIGHOFF_R_D
    return unique * (1 - formulas.MUENNIGHOFF_R_D * math.log(left)) if left > 1e-9 else 0.0


def loss_at(params: float, tokens: float, unique: float, law: dict[str, float]) -> float:
    """Chinchilla's law with repeated text at its worth. Nats per token."""
    return formulas.chinchilla_loss(params, worth_of_text(tokens, unique), law)


def covariance() -> list[list[float]]:
    """Covariance of E, log A, log B, alpha, beta in the refit: our reconstruction, for intervals.

    Published are five standard errors, and the constants are strongly correlated. A least-squares fit of
    log L on DESIGN has a covariance s^2 M^-1; one s brings its five standard errors to within a quarter of
    the published ones, which is what makes the reconstruction credible.
    """
    law = LAWS["refit"]
    m = [[0.0 for _ in range(5)] for _ in range(5)]
    for i in range(DESIGN_ROWS):
        for k in range(DESIGN_COLUMNS):
            n = along(DESIGN["n"], i / (DESIGN_ROWS - 1))
            d = along(DESIGN["d"], k / (DESIGN_COLUMNS - 1))
            g = [x / formulas.chinchilla_loss(n, d, law) for x in gradient(n, d, law)]
            for p in range(5):
                for q in range(5):
                    m[p][q] += g[p] * g[q]
    inverse = invert(m)
    logs = [math.log(PUBLISHED_ERRORS[p] / math.sqrt(inverse[p][p])) for p in range(5)]
    s2 = math.exp(2 * sum(logs) / 5)
    return [[s2 * x for x in row] for row in inverse]


def along(ends: list[float], share: float) -> float:
    """A point between two ends on a log scale."""
    return ends[0] * (ends[1] / ends[0]) ** share


def gradient(params: float, tokens: float, law: dict[str, float]) -> list[float]:
    """Derivatives of L by E, log A, log B, alpha, beta."""
    by_size = law["A"] / params ** law["alpha"]
    by_text = law["B"] / tokens ** law["beta"]
    return [1.0, by_size, by_text, -by_size * math.log(params), -by_text * math.log(tokens)]


def invert(matrix: list[list[float]]) -> list[list[float]]:
    """Inverse of a symmetric positive matrix by Gauss and Jordan, scaled to a unit diagonal first."""
    n = len(matrix)
    size = [math.sqrt(matrix[i][i]) for i in range(n)]
    rows = [
        [matrix[i][j] / size[i] / size[j] for j in range(n)] + [1.0 if i == j else 0.0 for j in range(n)]
        for i in range(n)
    ]
    for i in range(n):
        pivot = rows[i][i]
        rows[i] = [x / pivot for x in rows[i]]
        for k in range(n):
            if k != i:
                factor = rows[k][i]
                rows[k] = [rows[k][j] - factor * rows[i][j] for j in range(2 * n)]
    return [[rows[i][n + j] / size[i] / size[j] for j in range(n)] for i in range(n)]


def interval(params: float, tokens: float, ask: dict[str, Any], cov: list[list[float]]) -> dict[str, Any]:
    """Predicted loss of each constants set, the fit's standard error, and an interval around them all.

    From the lowest set minus 1.96 standard errors to the highest plus as much; for a mixture also over
    worths from 0 (experts add nothing) to 0.5 (the geometric mean of active and total).
    """
    fresh = worth_of_text(tokens, ask["unique"])
    g = gradient(params, fresh, law_of(ask, "refit"))
    variance = sum([g[i] * g[j] * cov[i][j] for i in range(5) for j in range(5)])
    sd = math.sqrt(max(0.0, variance))
    sets = []
    losses = []
    for name in LAWS:
        sets.append({"name": name, "loss": formulas.chinchilla_loss(params, fresh, law_of(ask, name))})
        for worth in ([0.0, MOST_WORTH] if ask["kind"] == "moe" else [0.0]):
            other = changed(ask, {"worth": worth})
            losses.append(formulas.chinchilla_loss(params, fresh, law_of(other, name)))
    middle = formulas.chinchilla_loss(params, fresh, law_of(ask, ask["law"]))
    return {"loss": middle, "low": min(losses) - Z * sd, "high": max(losses) + Z * sd, "sd": sd, "sets": sets}


def changed(ask: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of an ask with some values changed."""
    out = {}
    for key in ask:
        out[key] = ask[key]
    for key in changes:
        out[key] = changes[key]
    return out


guard.module(globals())
