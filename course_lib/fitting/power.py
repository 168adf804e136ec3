"""Power laws in one variable, L = (x_c/x)^a with or without a floor, and Kaplan et al.'s joint law.

Kaplan et al. 2020 (arXiv 2001.08361) fit no floor: eq. 1.1 in N, 1.2 in D, 1.5 in both. The objective is that
of all fits here, Huber on log loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib import guard
from course_lib.fitting.chinchilla import costs_of_dropping, tells
from course_lib.fitting.fit import DELTA, Fit, best_values, finish, solve
from course_lib.fitting.newton import Array
from course_lib.fitting.runs import Runs, any_runs, read_runs
from course_lib.fitting.smooth import Smooth
from course_lib.fitting.three_terms import ALL, LEAST, ThreeTerms

_SIZE_ONLY, _NO_FLOOR = ALL[:, [0, 1, 3]], ALL[:, [1, 3]]  # E + A/x^alpha, A/x^alpha

_GONE = -14.0  # log of a millionth: a term so much smaller than the other says nothing


@dataclass(frozen=True, kw_only=True)
class PowerFit(Fit):
    """L = amplitude x^-exponent + floor, which is (scale/x)^exponent + floor."""

    needs = (2,)

    exponent: float
    amplitude: float
    floor: float

    @staticmethod
    def formula(law: Mapping[str, Any], *inputs: Any) -> Any:
        """amplitude x^-exponent + floor of an array; formulas.power_law is the scalar home."""
        return law["floor"] + law["amplitude"] * inputs[0] ** -law["exponent"]

    @property
    def scale(self) -> float:
        """x_c: where the law without its floor would be 1 nat. Far outside the data; one with `exponent`."""
        with np.errstate(over="ignore", divide="ignore"):
            return float(np.exp(np.log(self.amplitude) / self.exponent)) if self.exponent else float("inf")

    def constants(self) -> dict[str, float]:
        """Exponent, amplitude, floor."""
        return {"exponent": self.exponent, "amplitude": self.amplitude, "floor": self.floor}


class _PowerModel(ThreeTerms):
    """Two of the three terms, with the public names of a power law."""

    def outside(self, theta: Array) -> dict[str, Array]:
        """Exponent, amplitude and floor, (S,) each."""
        five = super().outside(theta)
        return {"exponent": five["alpha"], "amplitude": five["A"], "floor": five["E"]}


@guard.guarded
def fit_power(x: ArrayLike, loss: ArrayLike, floor: bool = False, *, delta: float = DELTA) -> PowerFit:
    """Fit L = (x_c/x)^a, with `floor=True` L = floor + (x_c/x)^a; x is N, D or C, loss in nats."""
    runs = read_runs(params=x, tokens=x, loss=loss)
    runs.need(4 if floor else 3, 3 if floor else 2)
    model = _PowerModel(runs.params, np.ones(len(runs)), runs.loss, _SIZE_ONLY if floor else _NO_FLOOR)
    if not floor:
        model.lower = np.array([0.0, -8.0])  # a loss that rises with x is a finding, not an error
    problem = solve(model, model.starts(), delta)
    values = best_values(problem)
    warnings: list[str] = []
    unidentified: list[str] = []
    if values["exponent"] <= LEAST:
        warnings.append(f"The exponent is {values['exponent']:.3g}: the loss does not fall with x.")
        unidentified = ["exponent", "amplitude", "floor"] if floor else []
    elif floor:
        if values["floor"] == 0:
            warnings.append("The floor is 0, its lower bound: these losses show none.")
        if not tells(problem, costs_of_dropping(problem, model, [0])[0], 1):
            unidentified = ["floor"]
            warnings.append("floor not identified: without it the law fits as well as chance allows.")
    return finish(PowerFit, problem, (runs.params,), runs.loss, warnings, unidentified)


@dataclass(frozen=True, kw_only=True)
class KaplanFit(Fit):
    """[(n_c/N)^(alpha_n/alpha_d) + d_c/D]^alpha_d, loss in nats, no floor."""

    needs = (2, 2)

    alpha_n: float
    n_c: float
    alpha_d: float
    d_c: float

    @staticmethod
    def formula(law: Mapping[str, Any], *inputs: Any) -> Any:
        """The joint law on arrays N, D; formulas.kaplan_joint_loss is the scalar home."""
        params, tokens = inputs
        by_size = np.exp(law["alpha_n"] / law["alpha_d"] * np.log(law["n_c"] / params))
        return (by_size + law["d_c"] / tokens) ** law["alpha_d"]

    def constants(self) -> dict[str, float]:
        """alpha_n, n_c, alpha_d, d_c, as `formulas.kaplan_joint_loss` takes them."""
        return {"alpha_n": self.alpha_n, "n_c": self.n_c, "alpha_d": self.alpha_d, "d_c": self.d_c}


class _KaplanModel(Smooth):
    """log L = alpha_d log(e^(p - k n) + e^(q - d)), n and d about their means; of p, q, k, alpha_d."""

    def __init__(self, runs: Runs) -> None:
        n, d, log_loss = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)
        self.center = (float(n.mean()), float(d.mean()), float(log_loss.mean()))
        self.n, self.d, self.target = n - n.mean(), d - d.mean(), log_loss - log_loss.mean()
        # p and q are logs of the two terms of L^(1/alpha_d) over that of the mean loss, at the data's center.
        self.lower, self.upper = np.array([-40.0, -40.0, 1e-2, 2e-3]), np.array([40.0, 40.0, 50.0, 8.0])

    def slopes(self, theta: Any) -> tuple[Any, Any]:
        """Log prediction and derivatives; complex parameters are welcome."""
        p, q, k, power = (theta[:, i : i + 1] for i in range(4))
        by_size, by_data = p - k * self.n, q - self.d
        top = np.maximum(by_size.real, by_data.real)
        by_size, by_data = np.exp(by_size - top), np.exp(by_data - top)
        both = by_size + by_data
        log_both, share = np.log(both) + top, by_size / both
        parts = [power * share, power * (1 - share), -power * share * self.n, log_both]
        return power * log_both, np.stack(parts, 1)

    def outside(self, theta: Array) -> dict[str, Array]:
        """alpha_n, n_c, alpha_d, d_c, (S,) each."""
        n0, d0, l0 = self.center
        p, q, k, power = theta.T
        with np.errstate(over="ignore"):
            n_c, d_c = np.exp((p + l0 / power) / k + n0), np.exp(q + l0 / power + d0)
        return {"alpha_n": k * power, "n_c": n_c, "alpha_d": power, "d_c": d_c}


@guard.guarded
def fit_kaplan(params: Any, tokens: Any = None, loss: Any = None, *, delta: float = DELTA) -> KaplanFit:
    """Fit Kaplan et al.'s joint law L(N, D): N without embeddings, D tokens, L in nats; or a table."""
    runs = any_runs(params, tokens, loss)
    runs.need(5, 2)
    model = _KaplanModel(runs)
    half = np.log(0.5)
    grid = itertools.product((0.3, 0.7, 1.5), (0.05, 0.1, 0.2, 0.5))
    problem = solve(model, np.array([[half, half, k, power] for k, power in grid]), delta)
    warnings: list[str] = []
    unidentified: list[str] = []
    log_n, log_d = problem.theta[:2]
    for term, names in ((log_n - log_d, ["n_c", "alpha_n"]), (log_d - log_n, ["d_c"])):
        if term < _GONE:
            unidentified += names
            warnings.append(f"{' and '.join(names)} not identified: their term is less than a millionth.")
    if problem.minima.bound[problem.best].any():
        warnings.append("A parameter stands at a bound of the search: the law does not describe these runs.")
        unidentified = ["alpha_n", "n_c", "alpha_d", "d_c"]
    return finish(KaplanFit, problem, (runs.params, runs.tokens), runs.loss, warnings, unidentified)
