"""The over-training law of Gadre et al. 2024 (arXiv 2403.08540): L(C, M) = E + (a M^eta + b M^-eta) C^-eta.

M = D/N is the ratio of tokens to parameters. It is Chinchilla's law with equal exponents alpha = beta =
2 eta, at C = 6 N D: over-training by a factor moves the loss along parallel lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting.chinchilla import TIED
from course_lib.fitting.fit import DELTA, Fit, best_values, finish, solve
from course_lib.fitting.newton import Array
from course_lib.fitting.runs import read_runs
from course_lib.fitting.three_terms import LEAST, ThreeTerms


@dataclass(frozen=True, kw_only=True)
class OvertrainingFit(Fit):
    """E + (a M^eta + b M^-eta) C^-eta, loss in nats per token."""

    needs = (3, 2)

    E: float
    a: float
    b: float
    eta: float

    @staticmethod
    def formula(law: Mapping[str, Any], *inputs: Any) -> Any:
        """The law on arrays C, M; formulas.overtraining_loss is the scalar home."""
        flops, ratio = inputs
        return (
            law["E"]
            + (law["a"] * ratio ** law["eta"] + law["b"] * ratio ** -law["eta"]) * flops ** -law["eta"]
        )

    @property
    def best_ratio(self) -> float:
        """M of least loss at any C: (b/a)^(1/(2 eta)); 0 or infinite when a term is missing."""
        with np.errstate(divide="ignore"):
            return float(np.exp((np.log(self.b) - np.log(self.a)) / (2 * self.eta)))

    def constants(self) -> dict[str, float]:
        """E, a, b, eta, as `formulas.overtraining_loss` takes them."""
        return {"E": self.E, "a": self.a, "b": self.b, "eta": self.eta}


class _Model(ThreeTerms):
    """Three terms with one exponent, under the names of the paper."""

    def outside(self, theta: Array) -> dict[str, Array]:
        """E, a, b, eta, (S,) each: a = A 6^eta, b = B 6^eta."""
        five = super().outside(theta)
        eta = five["alpha"] / 2
        return {"E": five["E"], "a": five["A"] * 6**eta, "b": five["B"] * 6**eta, "eta": eta}


@guard.guarded
def fit_overtraining(
    flops: ArrayLike, ratio: ArrayLike, loss: ArrayLike, *, delta: float = DELTA
) -> OvertrainingFit:
    """Fit the law to runs of C FLOPs at M tokens per parameter, loss in nats."""
    runs = read_runs(params=flops, tokens=ratio, loss=loss)
    runs.need(5, 2)
    params = np.sqrt(runs.params / runs.tokens / 6)
    model = _Model(params, params * runs.tokens, runs.loss, TIED)
    problem = solve(model, model.starts(), delta)
    values = best_values(problem)
    warnings: list[str] = []
    unidentified: list[str] = []
    if values["E"] == 0:
        warnings.append("E is 0, its lower bound: these losses show no floor.")
    for name in ("a", "b"):
        if values[name] == 0:
            unidentified.append(name)
            warnings.append(f"{name} is 0, its lower bound: these runs show only one effect of M.")
    if 2 * values["eta"] <= LEAST:
        unidentified = ["eta", "E", "a", "b"]
        warnings.append("eta is at its lower bound: the loss does not fall with compute.")
    return finish(OvertrainingFit, problem, (runs.params, runs.tokens), runs.loss, warnings, unidentified)
