"""IsoFLOP parabolas: at each compute budget the size of least loss, and the power law through these minima.

Approach 2 of Hoffmann et al. 2022 (arXiv 2203.15556): at a fixed budget, loss against log N is fitted by a
parabola; its minimum is N* for the budget; N* = k C^a is a straight line through the minima on log-log axes.
A minimum counts only where the parabola opens upward and runs lie on both sides of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting.fit import plain
from course_lib.fitting.newton import Array
from course_lib.fitting.resample import MOST, Interval
from course_lib.fitting.runs import read_runs


@dataclass(frozen=True)
class Parabola:
    """loss = loss_min + curvature (log N - log n_opt)^2 at one budget."""

    budget: float  # FLOPs
    n_opt: float  # N of the minimum, by the count of N that was put in
    loss_min: float  # nats
    curvature: float  # nats per squared unit of log N; above 0 where the parabola opens upward
    edges: tuple[float, float]  # smallest and largest N fitted
    interval: tuple[float, float]  # 95 % for n_opt (Fieller); (0, inf) where the runs do not bound it
    r2: float  # share of the variance of the loss explained
    points: int
    ok: bool  # a true minimum with runs on both sides of it
    reason: str  # why not, if not

    @guard.guarded
    def predict(self, params: ArrayLike) -> Any:
        """Loss on the parabola at N."""
        x = np.log(np.asarray(params, float)) - np.log(self.n_opt)
        return plain(self.loss_min + self.curvature * x**2)


@dataclass(frozen=True)
class OptimumLaw:
    """N* = coefficient C^exponent through the minima."""

    coefficient: float
    exponent: float
    budgets: Array = field(repr=False)
    optima: Array = field(repr=False)
    r2: float = 0.0  # on log-log axes

    @guard.guarded
    def params(self, flops: ArrayLike) -> Any:
        """N* at a budget."""
        return plain(self.coefficient * np.asarray(flops, float) ** self.exponent)

    predict = params


@dataclass(frozen=True)
class IsoflopBootstrap:
    """The law through the minima with intervals from resampled runs."""

    law: OptimumLaw
    exponents: Array = field(repr=False)  # (n,)
    centers: Array = field(repr=False)  # (n,) log N* at the mean log budget
    middle: float  # that mean log budget
    level: float
    unit: str  # what was drawn: "runs" or "groups"
    refused: int  # resamples with fewer than two budgets that had a true minimum

    def exponent(self) -> Interval:
        """Interval of a in N* ~ C^a."""
        return self._around(self.law.exponent, self.exponents)

    @guard.guarded
    def params(self, flops: float) -> Interval:
        """Interval of N* at a budget."""
        logs = self.centers + self.exponents * (np.log(flops) - self.middle)
        return self._around(self.law.params(flops), np.exp(logs))

    def _around(self, own: float, values: Array) -> Interval:
        tail = (1 - self.level) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        return Interval(float(low), own, float(high))


@guard.guarded
def isoflop(budgets: ArrayLike, params: ArrayLike, loss: ArrayLike) -> list[Parabola]:
    """A parabola in log N for each budget, by rising budget; put in tokens for `params` to get D*.

    Runs belong to one budget when their `budgets` are equal to one part in 1e6: give the nominal budget.
    """
    slices = _slices(budgets, params, loss)
    return [
        _parabola(float(slices.budgets[k]), slices.x[rows], slices.loss[rows])
        for k, rows in enumerate(slices.rows)
    ]


@guard.guarded
def optimum_law(parabolas: Sequence[Parabola]) -> OptimumLaw:
    """N* = k C^a by least squares on logarithms, through the parabolas that have a true minimum."""
    good = [p for p in parabolas if p.ok]
    if len(good) < 2:
        reasons = "; ".join(f"{p.budget:.3g}: {p.reason}" for p in parabolas if not p.ok)
        raise ValueError(f"a law needs two budgets with a true minimum, got {len(good)} ({reasons})")
    budgets, optima = np.array([p.budget for p in good]), np.array([p.n_opt for p in good])
    x, y = np.log(budgets), np.log(optima)
    slope = float(((x - x.mean()) * y).sum() / ((x - x.mean()) ** 2).sum())
    rest = ((y - y.mean() - slope * (x - x.mean())) ** 2).sum()
    total = ((y - y.mean()) ** 2).sum()
    return OptimumLaw(
        float(np.exp(y.mean() - slope * x.mean())),
        slope,
        budgets,
        optima,
        float(1 - rest / total) if total else 1.0,
    )


@guard.guarded
def isoflop_bootstrap(
    budgets: ArrayLike, params: ArrayLike, loss: ArrayLike, n: int = 1000, seed: int = 0,
    groups: Sequence[Hashable] | None = None, level: float = 0.95,
) -> IsoflopBootstrap:  # fmt: skip
    """The law through the minima, and again from `n` resamples of the runs within each budget.

    `groups` (a label for each run, such as its size) draws whole groups within each budget. Same seed, same
    numbers.
    """
    if not (isinstance(n, int | np.integer) and 20 <= n <= MOST) or not 0 < level < 1:
        raise ValueError(
            f"a bootstrap needs 20 to {MOST:,} resamples and a level such as 0.95, got {n} and {level}"
        )
    law = optimum_law(isoflop(budgets, params, loss))
    slices = _slices(budgets, params, loss)
    if groups is not None and len(groups) != len(slices.x):
        raise ValueError(f"groups needs a label for each of the {len(slices.x)} runs, got {len(groups)}")
    rng = np.random.default_rng(seed)
    logs = np.full((n, len(slices.rows)), np.nan)
    for k, rows in enumerate(slices.rows):
        labels = None if groups is None else [groups[i] for i in rows]
        logs[:, k] = _resampled_minima(slices.x[rows], slices.loss[rows], labels, n, rng)
    x = np.log(slices.budgets)
    there = np.isfinite(logs)
    kept = there.sum(1) >= 2
    if kept.sum() < n / 2:
        raise ValueError("most resamples have no true minimum at two budgets; add runs beside the minima")
    there, logs = there[kept], np.where(there, logs, 0.0)[kept]
    count = there.sum(1)
    mean_x, mean_y = (there * x).sum(1) / count, logs.sum(1) / count
    offset = (x - mean_x[:, None]) * there
    exponents = (offset * logs).sum(1) / (offset**2).sum(1)
    middle = float(x.mean())
    centers = mean_y + exponents * (middle - mean_x)
    unit = "runs" if groups is None else "groups"
    return IsoflopBootstrap(law, exponents, centers, middle, level, unit, int((~kept).sum()))


@dataclass(frozen=True)
class _Slices:
    budgets: Array  # (K,) rising
    rows: list[Any]  # (K) indices of the runs of each
    x: Array  # log N
    loss: Array


def _slices(budgets: ArrayLike, params: ArrayLike, loss: ArrayLike) -> _Slices:
    """The runs by budget, checked."""
    runs = read_runs(params=params, tokens=budgets, loss=loss)
    order = np.argsort(runs.tokens, kind="stable")
    cut = np.flatnonzero(np.diff(np.log(runs.tokens[order])) > 1e-6) + 1
    rows = [np.sort(part) for part in np.split(order, cut)]
    if max(len(part) for part in rows) < 3:
        raise ValueError(
            f"no budget has three runs ({len(rows)} budgets for {len(runs)} runs): give the nominal budget "
            "of each run, equal for the runs of one slice, not its exact FLOPs"
        )
    return _Slices(
        np.array([runs.tokens[part].mean() for part in rows]), rows, np.log(runs.params), runs.loss
    )


def _quadratic(u: Array, y: Array, w: Array) -> Array:
    """Weighted least-squares coefficients (R, 3) of 1, u, u^2, for weights (R, n); nan where undetermined."""
    powers = np.stack([np.ones_like(u), u, u**2])
    square = np.einsum("rn,in,jn->rij", w, powers, powers)
    right = np.einsum("rn,in,n->ri", w, powers, y)
    enough = np.array([len(np.unique(u[row > 0])) >= 3 for row in w])
    coefficients = np.full((len(w), 3), np.nan)
    if enough.any():
        coefficients[enough] = np.linalg.solve(square[enough], right[enough][:, :, None])[:, :, 0]
    return coefficients


def _parabola(budget: float, x: Array, y: Array) -> Parabola:
    """The parabola of one budget."""
    middle, edges = x.mean(), (float(np.exp(x.min())), float(np.exp(x.max())))
    u = x - middle
    (c, b, a) = _quadratic(u, y, np.ones((1, len(u))))[0]
    total = ((y - y.mean()) ** 2).sum()
    rest = ((y - c - b * u - a * u**2) ** 2).sum() if np.isfinite(a) else np.nan
    r2 = float(1 - rest / total) if total > 0 else float("nan")
    reason = _refusal(u, b, a)
    if not np.isfinite(a) or a == 0:
        best = int(y.argmin())
        n_best, least = float(np.exp(x[best])), float(y[best])
        return Parabola(budget, n_best, least, float("nan"), edges, (0.0, np.inf), r2, len(u), False, reason)
    vertex = float(np.clip(-b / (2 * a), -300, 300))
    low, high = _fieller(u, b, a, rest) if a > 0 else (-np.inf, np.inf)
    with np.errstate(over="ignore"):
        interval = float(np.exp(middle + low)), float(np.exp(middle + high))
        n_opt = float(np.exp(middle + vertex))
    return Parabola(
        budget, n_opt, float(c - b**2 / (4 * a)), float(a), edges, interval, r2, len(u), not reason, reason
    )


def _refusal(u: Array, b: float, a: float) -> str:
    """Why the vertex is no true minimum; empty if it is one."""
    if not np.isfinite(a):
        return "fewer than three different sizes"
    if a <= 0:
        return "the parabola opens downward"
    vertex = -b / (2 * a)
    if vertex <= u.min():
        return "no run is smaller than the minimum"
    if vertex >= u.max():
        return "no run is larger than the minimum"
    return ""


def _fieller(u: Array, b: float, a: float, rest: float) -> tuple[float, float]:
    """95 % interval of the vertex -b/(2a), a ratio of estimates: exact for normal errors (Fieller 1954)."""
    from scipy.special import stdtrit

    freedom = len(u) - 3
    if freedom < 1:
        return -np.inf, np.inf
    powers = np.stack([np.ones_like(u), u, u**2])
    covariance = np.linalg.inv(powers @ powers.T) * rest / freedom
    t2 = float(stdtrit(freedom, 0.975)) ** 2
    # All v with (b + 2 a v)^2 <= t^2 var(b + 2 a v): a quadratic inequality in v.
    vb, va, vab = covariance[1, 1], 4 * covariance[2, 2], 2 * covariance[1, 2]
    p, q, r = 4 * a**2 - t2 * va, 2 * a * b - t2 * vab, b**2 - t2 * vb
    if p <= 0:
        return -np.inf, np.inf
    root = np.sqrt(max(q**2 - p * r, 0.0))
    return (-q - root) / p, (-q + root) / p


def _resampled_minima(
    x: Array, y: Array, labels: Sequence[Hashable] | None, n: int, rng: np.random.Generator
) -> Array:
    """log N* of one budget for `n` resamples; nan where a resample has no true minimum."""
    order: dict[Hashable, int] = {}
    member = (
        np.arange(len(x)) if labels is None else np.array([order.setdefault(s, len(order)) for s in labels])
    )
    units = int(member.max()) + 1
    weights = rng.multinomial(units, np.full(units, 1 / units), size=n)[:, member].astype(float)
    u = x - x.mean()
    _, b, a = _quadratic(u, y, weights).T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = -b / (2 * a)
        low = np.where(weights > 0, u, np.inf).min(1)
        high = np.where(weights > 0, u, -np.inf).max(1)
        good = (a > 0) & (vertex > low) & (vertex < high)
    return np.where(good, vertex + x.mean(), np.nan)
