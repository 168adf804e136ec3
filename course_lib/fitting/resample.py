"""Intervals by the bootstrap: fit the law again to resampled runs and read off the spread (Efron 1979).

Runs are drawn with replacement, or whole groups of runs when runs of a group share their errors (points of
one training curve, seeds of one size). Every resample is fitted to its own minimum, from the full fit and
from three more starts. Same seed, same numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting.fit import Fit, positive_inputs
from course_lib.fitting.newton import Array

MOST = 100_000  # resamples: more would fill the memory and tell nothing


class Interval(NamedTuple):
    """Lower end, the full fit's own value, upper end: floats, or arrays."""

    low: Any
    mid: Any
    high: Any


@dataclass(frozen=True)
class Bootstrap:
    """A fit and the constants of its resamples. Intervals are percentiles at `level`."""

    fit: Fit
    samples: dict[str, Array] = field(repr=False)  # (n,) for each constant
    level: float
    seed: int
    unit: str  # what was drawn: "runs" or "groups"
    failed: int  # resamples whose fit did not converge; they are left out
    noise: Array = field(repr=False)  # (n,) one observed log residual for each sample

    def __len__(self) -> int:
        return len(self.noise)

    @guard.guarded
    def interval(self, name: str) -> Interval:
        """Interval of a constant, or of `exponent` (a in N* ~ C^a)."""
        if name == "exponent" and name not in self.samples:
            return self.exponent()
        if name not in self.samples:
            raise ValueError(f"there is no constant {name!r}; there are {', '.join(self.samples)}")
        return self._around(self.fit.constants()[name], self.samples[name])

    @guard.guarded
    def predict(self, *inputs: ArrayLike) -> Interval:
        """Interval of the law's loss at these inputs: the mean of many runs, not of one."""
        return self._around(self.fit.predict(*inputs), self._spread(inputs))

    @guard.guarded
    def predict_run(self, *inputs: ArrayLike) -> Interval:
        """Interval for the loss of one single run: the law's, widened by the residuals of the fitted runs."""
        spread = self._spread(inputs)
        noise = self.noise.reshape(-1, *[1] * (spread.ndim - 1))
        return self._around(self.fit.predict(*inputs), spread * np.exp(noise))

    def exponent(self) -> Interval:
        """Interval of a in N* ~ C^a, beta/(alpha + beta)."""
        own = self.fit.constants()
        if "alpha" not in own or "beta" not in own:
            raise ValueError(f"{type(self.fit).__name__} has no alpha and beta, hence no exponent of N*")
        alpha, beta = self.samples["alpha"], self.samples["beta"]
        return self._around(own["beta"] / (own["alpha"] + own["beta"]), beta / (alpha + beta))

    @guard.guarded
    def optimum(self, flops: ArrayLike) -> dict[str, Interval]:
        """Intervals of the compute-optimal `params`, `tokens`, `ratio` (D/N), `loss` at 6 N D = `flops`."""
        from course_lib.fitting.chinchilla import ChinchillaFit, optimum

        if not isinstance(self.fit, ChinchillaFit):
            raise ValueError(f"{type(self.fit).__name__} has no compute-optimal point; fit_chinchilla has")
        (budget,) = positive_inputs((flops,), 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = optimum(self._columns(budget.ndim), budget)
        own = self.fit.optimum(flops)
        result = {name: self._around(getattr(own, name), getattr(found, name)) for name in own._fields}
        result["ratio"] = self._around(own.tokens / own.params, found.tokens / found.params)
        return result

    def _columns(self, ndim: int) -> dict[str, Array]:
        """The samples, shaped to be combined with inputs of `ndim` dimensions."""
        return {name: values.reshape(-1, *[1] * ndim) for name, values in self.samples.items()}

    def _spread(self, inputs: tuple[ArrayLike, ...]) -> Array:
        arrays = positive_inputs(inputs, len(self.fit.inputs))
        ndim = np.broadcast(*arrays).ndim
        return np.asarray(self.fit.formula(self._columns(ndim), *arrays))

    def _around(self, own: Any, values: Array) -> Interval:
        tail = (1 - self.level) / 2
        low, high = np.quantile(values, [tail, 1 - tail], axis=0)
        return Interval(float(low), float(own), float(high)) if values.ndim == 1 else Interval(low, own, high)

    def __str__(self) -> str:
        rows = [f"{name} {i.mid:.5g} [{i.low:.5g}, {i.high:.5g}]" for name in self.samples
                for i in (self.interval(name),)]  # fmt: skip
        left_out = f"; {self.failed} did not converge and are left out" if self.failed else ""
        return (
            f"{100 * self.level:g} % intervals from {len(self)} resamples of {self.unit}{left_out}: "
            + ", ".join(rows)
        )


@guard.guarded
def bootstrap(
    fit: Fit, n: int = 1000, seed: int = 0, groups: Sequence[Hashable] | None = None, level: float = 0.95,
    starts: int = 4,
) -> Bootstrap:  # fmt: skip
    """Fit `n` resamples of the runs of `fit`; `groups` (a label for each run) draws whole groups instead.

    `starts` is how many starts each resample has beside the full fit.
    """
    if not (isinstance(n, int | np.integer) and 20 <= n <= MOST):
        raise ValueError(f"n is the number of resamples, at least 20 and at most {MOST:,}; got {n}")
    if not 0 < level < 1:
        raise ValueError(f"level is a share such as 0.95, got {level}")
    rng = np.random.default_rng(seed)
    weights = _draw(fit, n, rng, groups)
    minima = fit.problem.refit(weights, starts)
    kept = minima.converged
    if kept.sum() < n / 2:
        raise ValueError(
            f"only {kept.sum()} of {n} resamples could be fitted: these runs do not pin the law down "
            f"({fit.message}); add runs or fit a law with fewer parameters"
        )
    samples = {k: v[kept] for k, v in fit.problem.model.outside(minima.theta).items() if k in fit.constants()}
    # Residuals are smaller than errors, because the fit has bent to them.
    runs = len(fit.loss)
    wide = np.sqrt(runs / max(runs - len(fit.constants()), 1))
    noise = wide * rng.choice(fit.residuals, size=n)[kept]
    return Bootstrap(
        fit, samples, level, seed, "runs" if groups is None else "groups", int((~kept).sum()), noise
    )


def _draw(fit: Fit, n: int, rng: np.random.Generator, groups: Sequence[Hashable] | None) -> Array:
    """How often each run is drawn, (n, runs). Draws too poor for the law are drawn again."""
    runs = len(fit.loss)
    if groups is None:
        member = np.arange(runs)
    else:
        if len(groups) != runs:
            raise ValueError(f"groups needs a label for each of the {runs} runs, got {len(groups)}")
        order: dict[Hashable, int] = {}
        member = np.array([order.setdefault(label, len(order)) for label in groups])
    units = int(member.max()) + 1
    if units < 4:
        raise ValueError(
            f"a bootstrap over {units} groups says nothing; give at least 4, or leave groups out"
        )
    weights = np.empty((n, runs))
    filled = 0
    for _ in range(100):
        drawn = rng.multinomial(units, np.full(units, 1 / units), size=n - filled)[:, member].astype(float)
        rich = drawn[[_enough(fit, row > 0) for row in drawn]]
        weights[filled : filled + len(rich)] = rich
        filled += len(rich)
        if filled == n:
            return weights
    raise ValueError(
        "resamples of these runs rarely determine the law; add runs, or draw runs instead of groups"
    )


def _enough(fit: Fit, present: Any) -> bool:
    """Whether the runs drawn could determine the law: more than it has parameters, and values to compare."""
    if present.sum() <= len(fit.constants()):
        return False
    return all(len(np.unique(x[present])) >= k for x, k in zip(fit.inputs, fit.needs, strict=True))
