"""The fit as it was published, to show where it stops. For lessons only: use `fit_chinchilla` for numbers.

Hoffmann et al. 2022 (arXiv 2203.15556) and its replications hand the Huber objective to L-BFGS from a grid of
starts. scipy's L-BFGS-B stops at a gradient below 1e-5, or at a relative decrease below 2e-9 of a number not
smaller than 1. The sum over 240 points is of order 1e-3 at its minimum; the mean is 240 times smaller still,
and its gradient is "zero" long before the minimum (Besiroglu et al. 2024, arXiv 2404.10102, tell the story).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting.fit import DELTA
from course_lib.fitting.newton import Array, huber
from course_lib.fitting.runs import read_runs


@dataclass(frozen=True)
class Stop:
    """Where L-BFGS-B stopped from one start."""

    start: tuple[float, ...]  # log A, log B, log E, alpha, beta
    E: float
    A: float
    B: float
    alpha: float
    beta: float
    objective: float  # the sum of Huber losses there, whichever of sum and mean was minimized
    steepest: float  # largest component of the gradient that the optimizer saw
    iterations: int
    calls: int  # of the objective
    says: str  # the optimizer's own message

    def constants(self) -> dict[str, float]:
        """The five constants, as `formulas.chinchilla_loss` takes them."""
        return {"E": self.E, "A": self.A, "B": self.B, "alpha": self.alpha, "beta": self.beta}


@guard.guarded
def hoffmann_grid() -> Array:
    """The published starts, (4500, 5): log A, log B in 0..25, log E in -1..1, alpha, beta in 0..2."""
    tens, ones, twos = np.arange(0, 26, 5.0), np.arange(-1, 1.1, 0.5), np.arange(0, 2.1, 0.5)
    return np.array(list(itertools.product(tens, tens, ones, twos, twos)))


@guard.guarded
def log_sum_exp_objective(
    params: ArrayLike, tokens: ArrayLike, loss: ArrayLike, *, delta: float = DELTA, mean: bool = False
) -> Callable[[Array], tuple[float, Array]]:
    """The published objective of (log A, log B, log E, alpha, beta) and its gradient.

    Sum (or mean) over runs of Huber(LSE(a - alpha log N, b - beta log D, e) - log L).
    """
    runs = read_runs(params=params, tokens=tokens, loss=loss)
    n, d, log_loss = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)
    share = 1 / len(runs) if mean else 1.0

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * n, b - beta * d, np.full_like(n, e)])
        top = terms.max(0)
        parts = np.exp(terms - top)
        whole = parts.sum(0)
        residual = np.log(whole) + top - log_loss
        pull = np.clip(residual, -delta, delta) * parts / whole * share
        gradient = np.array([*pull.sum(1), -(pull[0] @ n), -(pull[1] @ d)])
        return float(huber(residual, delta).sum() * share), gradient

    return value_and_gradient


@guard.guarded
def published_procedure(
    params: ArrayLike, tokens: ArrayLike, loss: ArrayLike, *, objective: Literal["sum", "mean"] = "mean",
    starts: ArrayLike | int = 20, seed: int = 0, gradient: Literal["numeric", "exact"] = "numeric",
    delta: float = DELTA,
) -> list[Stop]:  # fmt: skip
    """L-BFGS-B with scipy's default tolerances from each start; the stops by rising objective.

    `starts` is rows like `hoffmann_grid()`, or how many of it to draw. `gradient="numeric"` lets scipy take
    differences, as the published code does; "exact" shows that the tolerance is at fault, not the gradient.
    """
    from scipy.optimize import minimize

    if objective not in ("sum", "mean") or gradient not in ("numeric", "exact"):
        raise ValueError(
            f"objective is 'sum' or 'mean', gradient 'numeric' or 'exact'; got {objective!r}, {gradient!r}"
        )
    rows = _starts(starts, seed)
    exact = log_sum_exp_objective(params, tokens, loss, delta=delta, mean=objective == "mean")
    summed = log_sum_exp_objective(params, tokens, loss, delta=delta)
    given: dict[str, Any] = {"jac": True} if gradient == "exact" else {}
    function = exact if gradient == "exact" else (lambda theta: exact(theta)[0])
    stops = []
    for row in rows:
        found = minimize(function, row, method="L-BFGS-B", **given)
        a, b, e, alpha, beta = (float(x) for x in found.x)
        stops.append(Stop(
            tuple(row.tolist()), _exp(e), _exp(a), _exp(b), alpha, beta, summed(found.x)[0],
            float(np.abs(found.jac).max()), int(found.nit), int(found.nfev), str(found.message),
        ))  # fmt: skip
    return sorted(stops, key=lambda stop: stop.objective)


def _exp(x: float) -> float:
    """e^x, kept finite: L-BFGS may stop anywhere."""
    return math.exp(min(x, 700.0))


def _starts(starts: ArrayLike | int, seed: int) -> Array:
    if isinstance(starts, int | np.integer):
        if not 1 <= starts <= 4500:
            raise ValueError(f"starts is rows of five or a number from 1 to 4500, got {starts}")
        return hoffmann_grid()[np.random.default_rng(seed).choice(4500, size=int(starts), replace=False)]
    rows = np.atleast_2d(np.asarray(starts, float))
    if rows.ndim != 2 or rows.shape[1] != 5:
        raise ValueError(
            f"each start has five numbers: log A, log B, log E, alpha, beta; got shape {rows.shape}"
        )
    return rows
