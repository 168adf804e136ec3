"""The data-constrained law: what repeated tokens and surplus parameters are worth.

Muennighoff et al. 2023 (arXiv 2305.16264): L = E + A/N'^alpha + B/D'^beta, where D' counts repeated tokens,
and N' parameters beyond those that match the unique tokens, at a worth that decays with R_D and R_N.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting.fit import DELTA, Fit, best_values, finish, solve
from course_lib.fitting.newton import Array
from course_lib.fitting.runs import Runs, read_runs
from course_lib.fitting.smooth import Smooth
from course_lib.fitting.three_terms import LEAST, MOST, ThreeTerms

_FIVE = ("E", "A", "B", "alpha", "beta")
_LEAST_R, _MOST_R = 1e-2, 1e4  # worth almost nothing at once; worth as much as fresh


@dataclass(frozen=True, kw_only=True)
class DataConstrainedFit(Fit):
    """E + A/N'^alpha + B/D'^beta with the worth of repeats, loss in nats per token."""

    needs = (2, 1, 2)

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    R_D: float  # repeats after which a token is worth 1/e of a fresh one
    R_N: float  # the same for parameters beyond those that match the unique tokens

    @staticmethod
    def formula(law: Mapping[str, Any], *inputs: Any) -> Any:
        """The law on arrays N, U, D; formulas.data_constrained_loss is the scalar home."""
        params, unique, tokens = inputs
        unique = np.minimum(unique, tokens)
        with np.errstate(over="ignore"):
            match = (np.log(law["alpha"] * law["A"]) - np.log(law["beta"] * law["B"])
                     + law["beta"] * np.log(unique)) / law["alpha"]  # fmt: skip
            worth_n = _worth(np.minimum(np.exp(match), params), params, law["R_N"])
        worth_d = _worth(unique, tokens, law["R_D"])
        return law["E"] + law["A"] * worth_n ** -law["alpha"] + law["B"] * worth_d ** -law["beta"]

    def constants(self) -> dict[str, float]:
        """The seven constants, as `formulas.data_constrained_loss` takes them."""
        return {name: getattr(self, name) for name in (*_FIVE, "R_D", "R_N")}


def _worth(first: Any, total: Any, scale: Any) -> Any:
    return first * (1 - scale * np.expm1(-(total / first - 1) / scale))


class _Model(Smooth):
    """Of E, A, B as in `ThreeTerms`, alpha, beta (or one for both), log R_D, log R_N; or the last two."""

    def __init__(self, runs: Runs, unique: Array, tied: bool, base: Mapping[str, float] | None) -> None:
        self.plain = ThreeTerms(runs.params, runs.tokens, runs.loss)
        self.target = self.plain.target
        self.repeats = np.log(runs.tokens / unique)
        self.log_unique = np.log(unique) - self.plain.center[1]
        self.fixed = None
        power = [LEAST] if tied else [LEAST, LEAST]
        self.lower = np.array([0, 1e-9, 1e-9, *power, np.log(_LEAST_R), np.log(_LEAST_R)])
        self.upper = np.array([20, 1e4, 1e4, *[MOST for _ in power], np.log(_MOST_R), np.log(_MOST_R)])
        if base is not None:
            self.fixed = self.plain.inside(*(np.array([base[name]]) for name in _FIVE))[0]
            self.lower, self.upper = self.lower[-2:], self.upper[-2:]
        self.tied = tied

    def five_and_two(self, theta: Any) -> tuple[list[Any], list[Any]]:
        """Columns (S, 1) of the five constants and of log R_D, log R_N."""
        columns = [theta[:, i : i + 1] for i in range(theta.shape[1])]
        if self.fixed is not None:
            return [np.full((len(theta), 1), x) for x in self.fixed], columns
        five, two = columns[:-2], columns[-2:]
        return (five + five[-1:] if self.tied else five), two

    def slopes(self, theta: Any) -> tuple[Any, Any]:
        """Log prediction and derivatives; complex parameters are welcome."""
        (floor, a, b, alpha, beta), (log_rd, log_rn) = self.five_and_two(theta)
        n, d = self.plain.n, self.log_unique
        gap = np.log(alpha * a) - np.log(beta * b)
        match = (gap + beta * d) / alpha  # log N that matches U, about the center
        capped = match.real >= n
        u_n = np.where(capped, n, match)
        log_n, dn_du, dn_dr = _log_worth(u_n, n, log_rn)
        log_d, _, dd_dr = _log_worth(d, d + self.repeats, log_rd)
        by_size, by_data = np.exp(-alpha * log_n), np.exp(-beta * log_d)
        m = floor + a * by_size + b * by_data
        pull_n, pull_d = -alpha * a * by_size, -beta * b * by_data  # dm/dlog N', dm/dlog D'
        via = np.where(capped, 0.0, pull_n * dn_du)
        parts = [
            np.ones_like(m), by_size + via / (alpha * a), by_data - via / (alpha * b),
            -a * by_size * log_n + via * (1 / alpha - match) / alpha,
            -b * by_data * log_d + via * (d - 1 / beta) / alpha,
            pull_d * dd_dr, pull_n * dn_dr,
        ]  # fmt: skip
        if self.tied:
            parts[3:5] = [parts[3] + parts[4]]
        if self.fixed is not None:
            parts = parts[-2:]
        return np.log(m), np.stack(parts, 1) / m[:, None, :]

    def outside(self, theta: Array) -> dict[str, Array]:
        """The seven public constants, (S,) each."""
        five, two = self.five_and_two(theta)
        values = self.plain.outside(np.hstack(five))
        return values | {"R_D": np.exp(two[0][:, 0]), "R_N": np.exp(two[1][:, 0])}

    def starts(self) -> Array:
        """Plain fits' starts crossed with three values of each R."""
        decay = np.log(np.array(list(itertools.product((1.0, 5.0, 30.0), repeat=2))))
        if self.fixed is not None:
            return decay
        pairs = np.array([(x, x) for x in (0.15, 0.35, 0.7)])
        five = self.plain.starts(pairs)
        five = five[:, :-1] if self.tied else five
        return np.array([[*row, *two] for row in five for two in decay])


def _log_worth(first: Any, total: Any, log_scale: Any) -> tuple[Any, Any, Any]:
    """log of the worth, and its derivatives by log `first` and by log scale; all logarithms.

    The exponent of `repeats` is capped: beyond exp(60) repeats a worth has long reached its limit.
    """
    scale = np.exp(log_scale)
    gap = total - first
    repeats = np.exp(np.where(gap.real > 60, 60.0, gap)) - 1
    decay = np.exp(-repeats / scale)
    worth = 1 + scale * (1 - decay)
    by_first = 1 - decay * (repeats + 1) / worth
    by_scale = (scale * (1 - decay) - repeats * decay) / worth
    return first + np.log(worth), by_first, by_scale


@guard.guarded
def fit_data_constrained(
    params: ArrayLike, unique: ArrayLike, tokens: ArrayLike, loss: ArrayLike, *, tied: bool = True,
    base: Mapping[str, float] | None = None, delta: float = DELTA,
) -> DataConstrainedFit:  # fmt: skip
    """Fit the law to runs: N parameters, U different tokens, D tokens read (D/U epochs), L nats per token.

    `tied` keeps alpha = beta, as the paper does. With `base`, the constants of a Chinchilla law, only R_D and
    R_N are fitted.
    """
    runs = read_runs(params=params, tokens=tokens, loss=loss)
    different = read_runs(params=unique, tokens=tokens, loss=loss).params
    runs.need(4 if base else 8, 2)
    different = np.minimum(different, runs.tokens)
    if (runs.tokens <= different * (1 + 1e-9)).all():
        raise ValueError(
            "no run repeats its data (tokens <= unique everywhere); fit_chinchilla is the law for these"
        )
    if base is not None and any(not base.get(name, 0) > 0 for name in _FIVE):
        raise ValueError(
            f"base needs positive {', '.join(_FIVE)}, as fit.constants() gives them; got {dict(base)}"
        )
    model = _Model(runs, different, tied, base)
    problem = solve(model, model.starts(), delta)
    values = best_values(problem)
    warnings: list[str] = []
    unidentified: list[str] = []
    for name, what in (("R_D", "repeated tokens"), ("R_N", "surplus parameters")):
        if values[name] <= _LEAST_R * 1.01 or values[name] >= _MOST_R * 0.99:
            side = "nothing" if values[name] < 1 else "as much as the first"
            unidentified.append(name)
            warnings.append(f"{name} is at a bound: {what} look worth {side}; these runs say no more.")
    if values["E"] == 0:
        warnings.append("E is 0, its lower bound: these losses show no floor.")
    inputs = (runs.params, different, runs.tokens)
    return finish(DataConstrainedFit, problem, inputs, runs.loss, warnings, unidentified)
