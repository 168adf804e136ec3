"""What every fit of the room has in common: many starts, one best, and an honest account of both.

A fit keeps its data and its problem, so that `bootstrap` can fit it again to resampled runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib import guard
from course_lib.fitting import newton
from course_lib.fitting.newton import Array, Minima

DELTA = 1e-3  # Huber threshold on log loss, as in Hoffmann et al. 2022
SAME = 1e-8  # two objectives closer than this, relative, are the same minimum
_WARM = 0.02  # threshold to begin with at the optimum of other resamples of the same runs
_PERSIST = 3000  # steps for a best start that has not converged


class LawModel(newton.Model, Protocol):
    """A `newton.Model` that knows its data and its parameters' public names."""

    target: Array  # (n,) log losses, about their mean

    def outside(self, theta: Array) -> dict[str, Array]:
        """Public parameters by name, (S,) each."""
        ...


@dataclass(frozen=True)
class Problem:
    """A law with its data, solved: what a bootstrap needs to solve it again."""

    model: LawModel
    delta: float
    starts: Array  # (S, p) all starts of the full fit
    minima: Minima  # where they ended

    @property
    def best(self) -> int:
        """Row of the lowest objective, converged ones first among equals."""
        objective = self.minima.objective
        ties = objective <= objective.min() * (1 + SAME) + self.rounding
        rank = np.where(ties, ~self.minima.converged + 0.5 * objective / max(objective.max(), 1e-300), np.inf)
        return int(rank.argmin())

    @property
    def rounding(self) -> float:
        """Objectives below this are zero but for rounding."""
        return 10 * newton.NOTHING * self.delta**2 * len(self.model.target)

    @property
    def theta(self) -> Array:
        """Best parameters (p,), as the model counts them."""
        return self.minima.theta[self.best]

    def at_best(self) -> NDArray[np.bool_]:
        """Which starts reached the best objective, to one part in 1e8."""
        objective = self.minima.objective
        return objective <= objective.min() * (1 + SAME) + self.rounding

    def refit(self, weights: Array, extra: int = 3) -> Minima:
        """Best fit for each row of `weights` (R, n): from the full fit and from `extra` more starts."""
        spread = np.linspace(0, len(self.starts) - 1, extra + 2).astype(int)[1:-1]
        starts = np.vstack([self.theta, self.starts[spread]])
        rows, size = len(weights), len(starts)
        found = newton.minimize(
            self.model, self.model.target, np.repeat(weights, size, axis=0), np.tile(starts, (rows, 1)),
            self.delta, first=np.tile([_WARM, *[1.0] * (size - 1)], rows),
        )  # fmt: skip
        best = found.objective.reshape(rows, size).argmin(1) + size * np.arange(rows)
        return found.rows(best)


def solve(model: LawModel, starts: Array, delta: float = DELTA) -> Problem:
    """Minimize from every start, every run counting once.

    Equal starts are run once and counted as often as given. A best one that has not converged, in the long
    curved valley of a law that the data leave open, is given many more steps.
    """
    if not 0 < delta < 10:
        raise ValueError(
            f"delta is the Huber threshold on log loss, positive (published: {DELTA}), got {delta}"
        )
    weights = np.ones(len(model.target))
    different, back = np.unique(starts, axis=0, return_inverse=True)
    minima = newton.minimize(model, model.target, weights, different, delta)
    best = int(minima.objective.argmin())
    if not minima.converged[best]:
        further = newton.minimize(
            model, model.target, weights, minima.theta[[best]], delta, first=delta, max_steps=_PERSIST
        )
        minima = minima.replace(best, further)
    return Problem(model, delta, starts, minima.rows(back.ravel()))


@dataclass(frozen=True, kw_only=True)
class Fit(ABC):
    """The common part of every fitted law."""

    needs: ClassVar[tuple[int, ...]]  # different values of each input without which the law is not determined

    objective: float  # sum over runs of the Huber loss of log predicted - log observed
    converged: bool  # no Newton step could lower the objective by one part in 1e9
    share_at_best: float  # of the starts, those that reached the best objective to one part in 1e8
    starts: int  # how many there were
    steps: int  # Newton steps of the best one
    warnings: tuple[str, ...]  # what a reader of the numbers must know, a sentence each
    unidentified: tuple[str, ...]  # parameters that these data do not pin down
    inputs: tuple[Array, ...] = field(repr=False)  # what the law is a function of, (n,) each
    loss: Array = field(repr=False)
    problem: Problem = field(repr=False)

    @staticmethod
    @abstractmethod
    def formula(law: Mapping[str, Any], *inputs: Any) -> Any:
        """The law itself, on arrays."""

    @abstractmethod
    def constants(self) -> dict[str, float]:
        """The fitted parameters by name."""

    @property
    def identified(self) -> bool:
        """Whether the data pin down every parameter."""
        return not self.unidentified

    @property
    def message(self) -> str:
        """How the fit went, in a sentence or more."""
        reached = round(self.share_at_best * self.starts)
        head = "Converged" if self.converged else "NOT CONVERGED: do not use these numbers"
        first = f"{head}; {reached} of {self.starts} starts reached the best objective."
        return " ".join([first, *self.warnings])

    @property
    def residuals(self) -> Array:
        """Log observed loss less log predicted, a run each."""
        return np.log(self.loss) - np.log(self.formula(self.constants(), *self.inputs))

    @guard.guarded
    def predict(self, *inputs: ArrayLike) -> Any:
        """Loss in nats that the law gives; a float for numbers, an array for arrays."""
        return plain(self.formula(self.constants(), *positive_inputs(inputs, len(self.inputs))))

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {value:.6g}" for name, value in self.constants().items())
        return f"{type(self).__name__}({values}; objective {self.objective:.6g}). {self.message}"


FitType = TypeVar("FitType", bound=Fit)


def finish(
    kind: type[FitType], problem: Problem, inputs: tuple[Array, ...], loss: Array,
    warnings: list[str], unidentified: list[str],
) -> FitType:  # fmt: skip
    """The fit of a solved problem: constants at its best minimum, and what there is to say of them."""
    minima, best = problem.minima, problem.best
    return kind(
        **best_values(problem), objective=float(minima.objective[best]),
        converged=bool(minima.converged[best]), share_at_best=float(problem.at_best().mean()),
        starts=len(problem.starts), steps=int(minima.steps[best]),
        warnings=(*minima_warning(problem), *warnings),
        unidentified=tuple(unidentified), inputs=inputs, loss=loss, problem=problem,
    )  # fmt: skip


def best_values(problem: Problem) -> dict[str, Any]:
    """Public constants at the best minimum."""
    return {name: float(v[0]) for name, v in problem.model.outside(problem.theta[None]).items()}


def minima_warning(problem: Problem) -> list[str]:
    """What to say when some starts ended elsewhere."""
    elsewhere = ~problem.at_best()
    stuck, other = (int((elsewhere & x).sum()) for x in (~problem.minima.converged, problem.minima.converged))
    says = []
    if other:
        says.append(f"{other} starts ended in other, higher minima.")
    if stuck:
        says.append(f"{stuck} starts were still on their way: the objective has long flat valleys.")
    return says


def positive_inputs(inputs: tuple[ArrayLike, ...], count: int) -> list[Array]:
    """The inputs of a prediction as arrays, all positive and finite."""
    if len(inputs) != count:
        raise ValueError(f"this law needs {count} inputs, got {len(inputs)}")
    arrays = [np.asarray(x, float) for x in inputs]
    for i, x in enumerate(arrays):
        if not (np.isfinite(x).all() and (x > 0).all()):
            raise ValueError(
                f"input {i + 1} of the prediction must be positive and finite, got {inputs[i]!r}"
            )
    return arrays


def plain(x: Any) -> Any:
    """A float for a single number, the array itself for an array."""
    return float(x) if np.ndim(x) == 0 else np.asarray(x)
