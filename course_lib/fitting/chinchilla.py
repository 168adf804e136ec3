"""L(N, D) = E + A/N^alpha + B/D^beta, fitted to the true minimum (Hoffmann et al. 2022, arXiv 2203.15556).

The objective is theirs: the sum over runs of the Huber loss, threshold 1e-3, of log predicted less log
observed loss. The minimum is found by Newton's method (`newton`) from a grid of exponents; all starts end
there or the fit says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting import fit as common
from course_lib.fitting import newton
from course_lib.fitting.fit import DELTA, Fit, Problem, finish, plain, solve
from course_lib.fitting.newton import Array
from course_lib.fitting.runs import any_runs
from course_lib.fitting.three_terms import ALL, LEAST, MOST, NAMES, ThreeTerms

CHI2 = {1: 3.841, 2: 5.991}  # 95 % points of chi-squared with 1 and 2 degrees of freedom
TIED = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]])  # alpha = beta
_FEW = np.array([[0.1, 0.1], [0.3, 0.3], [0.3, 1.2], [1.2, 0.3]])  # starts enough for a law with fewer terms
_TERMS = (
    (("E",), "a floor"),
    (("A", "alpha"), "the size term"),
    (("B", "beta"), "the data term"),
)


class Optimum(NamedTuple):
    """The compute-optimal run for a budget."""

    params: Any
    tokens: Any
    loss: Any


@dataclass(frozen=True, kw_only=True)
class ChinchillaFit(Fit):
    """E + A/N^alpha + B/D^beta, loss in nats per token."""

    needs = (3, 3)

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    @staticmethod
    def formula(law: Mapping[str, Any], *inputs: Any) -> Any:
        """E + A/N^alpha + B/D^beta of arrays N and D; formulas.chinchilla_loss is the scalar home."""
        params, tokens = inputs
        return law["E"] + law["A"] * params ** -law["alpha"] + law["B"] * tokens ** -law["beta"]

    def constants(self) -> dict[str, float]:
        """The five constants, as `formulas.chinchilla_loss` takes them."""
        return {"E": self.E, "A": self.A, "B": self.B, "alpha": self.alpha, "beta": self.beta}

    @property
    def exponent(self) -> float:
        """a in N* ~ C^a: beta/(alpha + beta)."""
        return self.beta / (self.alpha + self.beta)

    @guard.guarded
    def optimum(self, flops: ArrayLike) -> Optimum:
        """The N and D of least loss with 6 N D = `flops`, and that loss."""
        return Optimum(*(plain(x) for x in optimum(self.constants(), common.positive_inputs((flops,), 1)[0])))


def optimum(law: Mapping[str, Any], flops: Any) -> Optimum:
    """Closed form of the minimum at 6 N D = C, on arrays; formulas.chinchilla_params is the scalar home."""
    alpha, beta = law["alpha"], law["beta"]
    log_g = (np.log(alpha * law["A"]) - np.log(beta * law["B"])) / (alpha + beta)
    params = np.exp(log_g + beta / (alpha + beta) * np.log(flops / 6.0))
    tokens = flops / 6.0 / params
    return Optimum(params, tokens, ChinchillaFit.formula(law, params, tokens))


@guard.guarded
def fit_chinchilla(
    params: Any, tokens: Any = None, loss: Any = None, *, delta: float = DELTA, tied: bool = False,
    floor: bool = True, starts: ArrayLike | None = None,
) -> ChinchillaFit:  # fmt: skip
    """Fit the law to runs: N parameters, D tokens, L nats per token; or to a `Runs`, a table, a CSV path.

    `tied` keeps alpha = beta, `floor=False` keeps E = 0. `starts` (S, 5) are rows log A, log B, log E, alpha,
    beta (see `hoffmann_grid`); a start's exponents are used, clipped to 0.05 .. 4, and its amplitudes, which
    enter linearly, are replaced by least squares. Default: 25 pairs of exponents from 0.1 to 3.
    """
    runs = any_runs(params, tokens, loss)
    runs.need(6, 3)
    mix = TIED if tied else ALL
    if not floor:
        mix = mix[:, 1:]
    model = ThreeTerms(runs.params, runs.tokens, runs.loss, mix)
    rows = model.starts() if starts is None else model.starts(_exponents(starts))
    problem = solve(model, rows, delta)
    return finish(ChinchillaFit, problem, (runs.params, runs.tokens), runs.loss, *_judge(problem, model))


def _exponents(starts: ArrayLike) -> Array:
    rows = np.atleast_2d(np.asarray(starts, float))
    if rows.shape[1] != 5 or not np.isfinite(rows).all():
        raise ValueError(
            "starts must be finite rows of five: log A, log B, log E, alpha, beta; "
            f"got an array of shape {rows.shape}"
        )
    return rows[:, 3:]


def _judge(problem: Problem, model: ThreeTerms) -> tuple[list[str], list[str]]:
    """Warnings, and the names of parameters that the data leave open."""
    values = common.best_values(problem)
    warnings: list[str] = []
    open_names: set[str] = set()
    for name, term in (("alpha", "A"), ("beta", "B")):
        if values[term] > 0 and values[name] <= LEAST:
            warnings.append(f"{name} is at its lower bound {LEAST}: {term} cannot be told from a constant.")
            open_names |= {name, term, "E"}
        elif values[name] >= MOST:
            warnings.append(f"{name} is at its upper bound {MOST:g}: the term serves a few points only.")
            open_names |= {name, term}
    if values["E"] == 0 and model.used[0]:
        warnings.append("E is 0, its lower bound: these losses show no floor.")
    rises = costs_of_dropping(problem, model, [0, 1, 2]) if model.mix is ALL else []
    for (names, what), rise in zip(_TERMS, rises, strict=False):
        if not tells(problem, rise, len(names)):
            open_names |= set(names)
            warnings.append(
                f"{' and '.join(names)} not identified: without {what} the objective is only "
                f"{100 * rise:.2g} % higher, no more than chance would make it."
            )
    return warnings, [name for name in NAMES if name in open_names]


def costs_of_dropping(problem: Problem, model: ThreeTerms, terms: list[int]) -> list[float]:
    """How much higher, relative, the best objective is with each amplitude in `terms` held at 0."""
    starts = model.starts(_FEW)
    rows = np.tile(starts, (len(terms), 1))
    held = np.zeros(rows.shape, bool)
    for k, place in enumerate(terms):
        held[k * len(starts) : (k + 1) * len(starts), place] = True
    rows[held] = 0.0
    weights = np.ones(len(model.target))
    found = newton.minimize(model, model.target, weights, rows, problem.delta, held=held)
    poorer = found.objective.reshape(len(terms), -1).min(1)
    best = float(problem.minima.objective[problem.best])
    if best <= problem.rounding:
        return [0.0 if x <= 10 * problem.rounding else float("inf") for x in poorer]
    return [max(float(x) / best - 1, 0.0) for x in poorer]


def tells(problem: Problem, rise: float, freedom: int) -> bool:
    """Whether an objective higher by `rise` is more than chance: likelihood ratio at the 95 % point.

    Beyond the threshold the Huber loss is absolute, so errors count as Laplace: log likelihood -n log
    objective. Where most residuals are below it this is least squares, and half of that.
    """
    n = len(problem.model.target)
    absolute = problem.minima.objective[problem.best] > 0.25 * n * problem.delta**2
    return bool((2 if absolute else 1) * n * np.log1p(rise) > CHI2[freedom])
