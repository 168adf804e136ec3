"""A game of scaling: a hidden law, a budget for experiments, and one large run to decide on.

You may train small models, one at a time. Each costs 6 N D FLOPs of a laboratory budget and returns a loss
with noise. Then you bet: the size of one model a hundred times beyond the whole budget, and its loss. The
law is drawn anew for each number of a game, from ranges that hold the published ones (Hoffmann et al. 2022,
arXiv 2203.15556; Besiroglu et al. 2024, arXiv 2404.10102).

Everything is plain: the explorable of lesson 20 translates this file to JavaScript, and the same number of a
game gives the same law and the same noise in both homes.
"""

import math

from course_lib import formulas, guard

LAB = 1e21  # FLOPs for experiments
TARGET = 1e23  # FLOPs of the run that is decided on
MOST_RUNS = 10
CHEAPEST = 1e18  # FLOPs of the smallest experiment
NOISE = 0.005  # standard deviation of the log of a loss between seeds
SIZES = (1e7, 1e11)  # parameters an experiment may have
SPLIT_POINTS = 60.0
FORECAST_POINTS = 40.0
WASTE_AT_ZERO = 0.2  # a bet that wastes so large a share of the target's compute gets no points for its split
MISS_AT_ZERO = 0.08  # nats by which a forecast may miss until it gets no points
PRIME = 67108859  # the largest below 2^26 that leaves 2 when divided by 3
KEYS = [7919, 104729, 1299709, 15485863, 32452843, 49979687]  # any numbers; these are primes
ROUNDS = 6
PLANNED = (1e19, 4e19, 1.6e20)  # the scripted strategy: three sizes at each of these budgets


def cubed(x: int, key: int) -> int:
    """(x + key)^3 mod PRIME: a bijection, since 3 does not divide PRIME - 1; every product is below 2^53."""
    y = (x + key) % PRIME
    return ((y * y) % PRIME * y) % PRIME


def uniform_at(seed: int, place: int) -> float:
    """A number above 0 and below 1 for a seed and a place: rounds of `cubed`, as ciphers stir their input.

    A linear generator will not do: its numbers for neighboring seeds, and the pairs that make a normal
    number, are then related.
    """
    x = cubed(seed % PRIME, 1)
    for i in range(ROUNDS):
        x = cubed(x, KEYS[i] + place)
    return (x + 0.5) / PRIME


def normal_at(seed: int, place: int) -> float:
    """A standard normal number at a place of the stream (Box & Muller)."""
    radius = math.sqrt(-2.0 * math.log(uniform_at(seed, 2 * place)))
    return radius * math.cos(2.0 * math.pi * uniform_at(seed, 2 * place + 1))


def between(seed: int, place: int, low: float, high: float) -> float:
    """A number drawn evenly between two ends."""
    return low + (high - low) * uniform_at(seed, place)


def truth(seed: int) -> dict[str, float]:
    """The hidden law of a game: E, A, B, alpha, beta.

    Drawn are the floor, both exponents, and at 1e21 FLOPs the best tokens per parameter (3 to 90) and the
    loss above the floor; A and B follow from the balance alpha A/N^alpha = beta B/D^beta at that optimum.
    """
    if not (seed >= 1 and seed <= 1e6):
        raise ValueError(f"a game has a number from 1 to 1,000,000; got {seed}")
    floor = between(seed, 101, 1.4, 2.0)
    alpha = between(seed, 102, 0.25, 0.45)
    beta = between(seed, 103, 0.25, 0.45)
    ratio = 3.0 * 30.0 ** uniform_at(seed, 104)
    excess = between(seed, 105, 0.35, 0.65)
    n = math.sqrt(1e21 / 6.0 / ratio)
    size = excess * beta / (alpha + beta)
    a, b = size * n**alpha, (excess - size) * (n * ratio) ** beta
    return {"E": floor, "A": a, "B": b, "alpha": alpha, "beta": beta}


def train(seed: int, place: int, params: float, flops: float) -> dict[str, float]:
    """Experiment number `place` of a game: N, D, C and the noisy loss."""
    tokens = formulas.positive("flops", flops) / 6.0 / formulas.positive("params", params)
    loss = formulas.chinchilla_loss(params, tokens, truth(seed))
    return {"n": params, "d": tokens, "c": flops, "loss": loss * math.exp(NOISE * normal_at(seed, place))}


def allowed(spent: float, params: float, flops: float) -> str:
    """Why an experiment may not be made now; empty if it may."""
    if not (params >= SIZES[0] and params <= SIZES[1]):
        return "An experiment has between 10 million and 100 billion parameters."
    if not (flops >= CHEAPEST * 0.999):
        return "An experiment costs at least 1e18 FLOPs."
    if spent + flops > LAB * 1.000001:
        return "The laboratory has not enough budget left for that."
    return ""


def play(seed: int, asked: list[dict[str, float]]) -> list[dict[str, float]]:
    """The experiments of a game, from `n` and `c` of each; those that may not be made are left out."""
    made: list[dict[str, float]] = []
    spent = 0.0
    for one in asked:
        if len(made) < MOST_RUNS and allowed(spent, one["n"], one["c"]) == "":
            made.append(train(seed, len(made), one["n"], one["c"]))
            spent += one["c"]
    return made


def solve3(rows: list[list[float]], right: list[float]) -> list[float]:
    """Three equations in three unknowns by Cramer's rule; an empty list where they do not determine them."""
    a, b, c = rows[0], rows[1], rows[2]
    det = determinant(a, b, c)
    size = abs(a[0] * b[1] * c[2]) + 1e-300
    if abs(det) < 1e-12 * size:
        return []
    out = []
    for k in range(3):
        m = [[r[0], r[1], r[2]] for r in rows]
        for i in range(3):
            m[i][k] = right[i]
        out.append(determinant(m[0], m[1], m[2]) / det)
    return out


def determinant(a: list[float], b: list[float], c: list[float]) -> float:
    """Determinant of a 3 x 3 matrix by its rows."""
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )


def fit_at(runs: list[dict[str, float]], alpha: float, beta: float) -> dict[str, float]:
    """Least squares for E, A, B at given exponents; `error` is the mean square, `found` 0 if none fits.

    The powers are scaled to about one, so that the equations stay solvable.
    """
    xs = [(r["n"] / 1e9) ** -alpha for r in runs]
    ys = [(r["d"] / 1e10) ** -beta for r in runs]
    losses = [r["loss"] for r in runs]
    n = len(runs)
    columns = [[1.0 for _ in runs], xs, ys]
    rows = [[sum([p[i] * q[i] for i in range(n)]) for q in columns] for p in columns]
    found = solve3(rows, [sum([p[i] * losses[i] for i in range(n)]) for p in columns])
    law = {"E": 0.0, "A": 0.0, "B": 0.0, "alpha": alpha, "beta": beta, "error": 1e9, "found": 0}
    if len(found) == 3 and found[0] > 0 and found[1] > 0 and found[2] > 0:
        misses = [losses[i] - found[0] - found[1] * xs[i] - found[2] * ys[i] for i in range(n)]
        law["E"], law["A"], law["B"] = found[0], found[1] * 1e9**alpha, found[2] * 1e10**beta
        law["error"], law["found"] = sum([m * m for m in misses]) / n, 1
    return law


def fit(runs: list[dict[str, float]]) -> dict[str, float]:
    """The law that fits a game's runs best: a grid of both exponents, the rest by least squares.

    `found` is 0 with fewer than six runs, or where no law with positive constants goes through them.
    Exponents that the runs cannot tell apart are drawn, weakly, towards 1/3: a prior, and the only one.
    """
    best = {"E": 0.0, "A": 0.0, "B": 0.0, "alpha": 0.0, "beta": 0.0, "error": 1e9, "found": 0}
    if len(runs) < 6:
        return best
    lowest = 1e9
    for i in range(15):
        for j in range(15):
            alpha, beta = 0.22 + 0.018 * i, 0.22 + 0.018 * j
            law = fit_at(runs, alpha, beta)
            pull = (alpha - 0.34) ** 2 + (beta - 0.34) ** 2
            score = len(runs) * law["error"] / NOISE**2 / 5.0 + pull / 0.06**2
            if law["found"] == 1 and score < lowest:
                lowest, best = score, law
    return best


def three_slices(seed: int) -> list[dict[str, float]]:
    """The scripted strategy's experiments: three sizes around 20 tokens per parameter at three budgets."""
    asked = []
    for c in PLANNED:
        middle = formulas.rule_of_20_params(c)
        for factor in (0.25, 1.0, 4.0):
            asked.append({"n": middle * factor, "c": c})
    return play(seed, asked)


def bet_of(law: dict[str, float]) -> dict[str, float]:
    """The bet that follows from a fitted law: N for the target and the loss there."""
    n = formulas.chinchilla_params(TARGET, law)
    return {"n": n, "loss": formulas.chinchilla_loss(n, TARGET / 6.0 / n, law)}


def scripted(seed: int) -> dict[str, float]:
    """The bet of the scripted strategy: three slices and a fit (the rule of 20 if nothing fits)."""
    law = fit(three_slices(seed))
    return bet_of(law) if law["found"] == 1 else rule_of_thumb()


def rule_of_thumb() -> dict[str, float]:
    """The bet without a single experiment: 20 tokens per parameter, and the loss of the refitted law."""
    n = formulas.rule_of_20_params(TARGET)
    return {"n": n, "loss": formulas.chinchilla_loss(n, 20.0 * n, formulas.BESIROGLU)}


def waste(seed: int, params: float) -> float:
    """Share of the target's compute that a bet wastes: a better split reaches its loss with the rest."""
    law = truth(seed)
    loss = formulas.chinchilla_loss(params, TARGET / 6.0 / params, law)
    return max(0.0, 1.0 - formulas.chinchilla_flops_for_loss(loss, law) / TARGET)


def score(seed: int, bet: dict[str, float]) -> dict[str, float]:
    """Points of a bet (0 to 100), and where they come from: waste, the true loss, the forecast's miss."""
    law = truth(seed)
    n = formulas.positive("the bet's parameters", bet["n"])
    loss = formulas.chinchilla_loss(n, TARGET / 6.0 / n, law)
    wasted, miss = waste(seed, n), bet["loss"] - loss
    split = SPLIT_POINTS * max(0.0, 1.0 - wasted / WASTE_AT_ZERO)
    forecast = FORECAST_POINTS * max(0.0, 1.0 - abs(miss) / MISS_AT_ZERO)
    return {"n": n, "said": bet["loss"], "loss": loss, "waste": wasted, "miss": miss, "split": split,
            "forecast": forecast, "points": split + forecast}  # fmt: skip


def optimum(seed: int) -> dict[str, float]:
    """The bet that wins: N* of the hidden law at the target, and the loss there."""
    return bet_of(truth(seed))


guard.module(globals())
