"""What a fitted law says of models that were not trained, how far to trust it, and how to judge it later.

A forecast is a loss and an interval, written down before the run. `backtests` leaves out the largest budgets
of a study and predicts them; `ridge` shows how little the data say about the floor E; `approach_two` measures
what a parabola does to noise-free losses (Czech et al. 2026, arXiv 2603.22339); `Forecast.score` judges.
Losses are in nats per token (a character in the course's study), N counts what 6 N D counts: every
parameter but the token table. Importing this needs neither torch nor a table of results.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib import formulas, guard

if TYPE_CHECKING:
    from course_lib.study import Run

Array = NDArray[np.float64]

RULE = "matmul"  # the study's protocol: N without the token table
NORMAL_95 = 1.959964  # 95 % of a normal lie within so many standard deviations


@dataclass(frozen=True)
class Forecast:
    """A loss in nats and the interval that should hold the run with probability `level`."""

    low: float
    mid: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        """Reject an interval that does not hold its own forecast."""
        if not (0 < self.low <= self.mid <= self.high < math.inf and 0 < self.level < 1):
            raise ValueError(
                f"a forecast needs 0 < low <= mid <= high and a level between 0 and 1, got "
                f"{self.low}, {self.mid}, {self.high}, {self.level}"
            )

    def holds(self, truth: float) -> bool:
        """Whether the truth lies in the interval, its ends included."""
        return self.low <= truth <= self.high

    def score(self, truth: float) -> float:
        """Interval score in nats, smaller is better: `formulas.interval_score`."""
        return formulas.interval_score(self.low, self.high, self.level, truth)

    def one_run(self, noise: float) -> Forecast:
        """The interval for one run, from one for the mean of many: seeds add their own variance.

        `noise` is the standard deviation between seeds, in nats.
        """
        sigma = NORMAL_95 * formulas.not_negative("noise", noise)
        low = self.mid - math.hypot(self.mid - self.low, sigma)
        return Forecast(low, self.mid, self.mid + math.hypot(self.high - self.mid, sigma), self.level)


def columns(runs: Sequence[Run], rule: str = RULE) -> tuple[Array, Array, Array]:
    """N, D and loss of runs of the study, an array each; D is the worth of the characters read.

    By the protocol, text read more than once counts for less (`study.forecast.effective`).
    """
    from course_lib.study.forecast import effective

    if not runs:
        raise ValueError("there are no runs: give at least one run of the study")
    triples = [(run.n(rule), effective(run.tokens, run.passes), run.loss) for run in runs]
    n, d, loss = (np.array(column, float) for column in zip(*triples, strict=True))
    return n, d, loss


def seed_noise(runs: Sequence[Run]) -> float:
    """Standard deviation of the loss between seeds, as a share of the loss, pooled over equal runs."""
    groups: dict[tuple[str, float, int, float, int], list[float]] = defaultdict(list)
    for run in runs:
        groups[run.kind, run.budget, run.d_model, run.lr, run.tokens].append(math.log(run.loss))
    several = [logs for logs in groups.values() if len(logs) > 1]
    if not several:
        raise ValueError("seed noise needs at least two runs that differ in nothing but the seed")
    squares = sum(sum((x - sum(logs) / len(logs)) ** 2 for x in logs) for logs in several)
    return math.sqrt(squares / sum(len(logs) - 1 for logs in several))


@dataclass(frozen=True)
class Backtest:
    """A budget that was left out and predicted from smaller ones; losses are means over seeds."""

    fitted_to: float  # the largest budget that the laws saw, FLOPs
    target: float  # the budget predicted, FLOPs
    runs: int  # that the law of N and D was fitted to
    loss: float  # of the best size at the target
    law: float  # E + A/N^alpha + B/D^beta at that size
    line: float  # a power law without floor through the best loss of each budget
    bent: float | None  # the same with a floor, where there are enough budgets

    def error(self, which: str) -> float:
        """Predicted over measured loss, less 1; `which` is "law", "line" or "bent"."""
        value = {"law": self.law, "line": self.line, "bent": self.bent}[which]
        return math.nan if value is None else value / self.loss - 1


def best_sizes(runs: Sequence[Run], rule: str = RULE) -> dict[float, tuple[float, float, float]]:
    """N, D and mean loss of the best size at each budget, seeds averaged, by rising budget."""
    cells: dict[tuple[float, int], list[Run]] = defaultdict(list)
    for run in runs:
        cells[run.budget, run.d_model].append(run)
    best: dict[float, tuple[float, float, float]] = {}
    for (budget, _), same in sorted(cells.items()):
        n, d, losses = columns(same, rule)
        if budget not in best or losses.mean() < best[budget][2]:
            best[budget] = (float(n[0]), float(d[0]), float(losses.mean()))
    return best


def backtests(
    runs: Sequence[Run], rule: str = RULE, least: int = 3, keep: Callable[[Run], bool] = lambda run: True
) -> list[Backtest]:
    """Leave the largest out: fit the first `least` and more budgets of a grid, predict each larger one.

    `keep` picks the runs to which the law of N and D is fitted; the lines take the best of each budget.
    """
    from course_lib import fitting

    best = best_sizes(runs, rule)
    budgets = list(best)
    if len(budgets) <= least:
        raise ValueError(f"leaving out needs more than {least} budgets, got {len(budgets)}")
    out = []
    for count in range(least, len(budgets)):
        known = budgets[:count]
        seen = [run for run in runs if run.budget in known and keep(run)]
        law = fitting.fit_chinchilla(*columns(seen, rule))
        frontier = [best[budget][2] for budget in known]
        line = fitting.fit_power(known, frontier)
        bent = fitting.fit_power(known, frontier, floor=True) if count > 3 else None
        for target in budgets[count:]:
            n, d, loss = best[target]
            out.append(Backtest(known[-1], target, len(seen), loss, law.predict(n, d), line.predict(target),
                                bent.predict(target) if bent else None))  # fmt: skip
    return out


def ridge(
    params: ArrayLike, tokens: ArrayLike, loss: ArrayLike, floors: Sequence[float]
) -> list[dict[str, float]]:
    """For each floor E in nats the best A, alpha, B and beta that go with it, and how well they fit.

    Rows hold E, A, B, alpha, beta, `objective` (Huber on log loss, that of every fit here) and `miss`
    (root mean square of the log residuals: 0.01 is about 1 % of the loss).
    """
    from course_lib.fitting.fit import solve
    from course_lib.fitting.three_terms import ThreeTerms

    n, d, y = (np.asarray(x, float) for x in (params, tokens, loss))
    rows = []
    found: Array | None = None  # where the search for the last floor ended
    for floor in floors:
        if not 0 <= floor < y.min():
            raise ValueError(f"a floor lies between 0 and the smallest loss {y.min():.4g}, got {floor}")
        model = ThreeTerms(n, d, y)
        pinned = floor / math.exp(model.center[2])
        model.lower, model.upper = model.lower.copy(), model.upper.copy()
        model.lower[0] = model.upper[0] = pinned
        starts = model.starts()
        problem = solve(model, starts if found is None else np.vstack([found[None], starts[::5]]))
        found = problem.theta
        law = {name: float(x[0]) for name, x in model.outside(problem.theta[None]).items()}
        law["E"] = floor
        fitted = law["E"] + law["A"] * n ** -law["alpha"] + law["B"] * d ** -law["beta"]
        objective = float(problem.minima.objective[problem.best])
        rows.append({**law, "objective": objective, "miss": float(np.sqrt(np.mean(np.log(fitted / y) ** 2)))})
    return rows


@dataclass(frozen=True)
class Judged:
    """A held-out run and what had been written down about it before it was made."""

    key: str
    budget: float  # FLOPs
    width: int
    loss: float  # measured, nats
    said: Forecast

    @property
    def error(self) -> float:
        """Forecast over measured loss, less 1."""
        return self.said.mid / self.loss - 1

    @property
    def hit(self) -> bool:
        """Whether the interval holds the run."""
        return self.said.holds(self.loss)


def registered() -> list[Judged]:
    """Every held-out run of the shipped study beside its pre-registered forecast: hits and misses alike."""
    from course_lib import study

    said = {f.key: f for f in study.held_out_forecast()["forecasts"]}
    runs = study.runs("heldout")
    if not runs:
        raise ValueError("the study has no held-out runs yet: `python -m course_lib.study run heldout`")
    missing = [run.key for run in runs if run.key not in said]
    if missing:
        raise ValueError(f"no forecast was written for {', '.join(missing)}")
    promised = [Forecast(said[run.key].low, said[run.key].loss, said[run.key].high) for run in runs]
    return [
        Judged(run.key, run.budget, run.d_model, run.loss, forecast)
        for run, forecast in zip(runs, promised, strict=True)
    ]


@dataclass(frozen=True)
class TwoStep:
    """What parabolas and a line through their minima make of a surface that is known exactly."""

    exponent: float  # a in N* = k C^a, as found
    true_exponent: float
    params: float  # N* at the target, as found
    true_params: float

    @property
    def error(self) -> float:
        """N* found over the true one, less 1."""
        return self.params / self.true_params - 1


def approach_two(
    law: dict[str, float],
    factor: float,
    target: float = 1e25,
    budgets: Sequence[float] = (),
    points: int = 15,
) -> TwoStep:
    """Approach 2 of Hoffmann et al. 2022 on noise-free losses: sizes from N*/factor to N* factor.

    At each budget a parabola in log N goes through `points` sizes; a line through log N* of the minima is
    read off at `target` FLOPs. Default budgets: 1e18 to 1e22, one each decade.
    """
    if not factor > 1 or points < 3:
        raise ValueError(f"sizes must spread (factor above 1) over at least 3 points; got {factor}, {points}")
    known = np.asarray(budgets or [1e18, 1e19, 1e20, 1e21, 1e22], float)
    minima = []
    for budget in known:
        offset = np.linspace(-math.log(factor), math.log(factor), points)
        sizes = formulas.chinchilla_params(float(budget), law) * np.exp(offset)
        losses = [formulas.chinchilla_loss(n, budget / 6 / n, law) for n in sizes]
        bend, slope, _ = np.polyfit(offset, losses, 2)
        minima.append(math.log(formulas.chinchilla_params(float(budget), law)) - slope / (2 * bend))
    exponent, height = np.polyfit(np.log(known), minima, 1)
    true_exponent = law["beta"] / (law["alpha"] + law["beta"])
    return TwoStep(float(exponent), true_exponent, math.exp(height + exponent * math.log(target)),
                   formulas.chinchilla_params(target, law))  # fmt: skip


def shared_rate(runs: Sequence[Run], width: int, rule: str = RULE) -> dict[str, Any]:
    """What one learning rate for all widths does to the slope of loss against N, from a sweep of rates.

    All runs read the same number of characters. Returns the slope of log loss on log N with each width's best
    rate ("tuned") and with the rate nearest to the best of `width` ("shared"), and the losses of both.
    """
    widths = sorted({run.d_model for run in runs})
    if len({run.tokens for run in runs}) != 1 or len(widths) < 3:
        raise ValueError("give runs of one length and of three widths or more")
    by_width = {w: [run for run in runs if run.d_model == w] for w in widths}
    if width not in by_width:
        raise ValueError(f"no runs of width {width}; there are {widths}")
    rate = min(by_width[width], key=lambda run: run.loss).lr
    tuned = [min(by_width[w], key=lambda run: run.loss) for w in widths]
    shared = [min(by_width[w], key=lambda run: abs(math.log(run.lr / rate))) for w in widths]
    out: dict[str, Any] = {"rate": rate, "widths": widths}
    for name, chosen in (("tuned", tuned), ("shared", shared)):
        logs = [math.log(run.n(rule)) for run in chosen]
        slope = float(np.polyfit(logs, [math.log(run.loss) for run in chosen], 1)[0])
        out[name] = {
            "slope": slope,
            "losses": [run.loss for run in chosen],
            "rates": [run.lr for run in chosen],
        }
    return out


def facts_slopes(runs: Sequence[Run]) -> dict[str, float]:
    """Slopes of log(loss - entropy) of the facts runs: "size" at the most data, "data" at the largest size.

    The entropy is exact, so that no fitted floor is in them; seeds are averaged. The held-out network is left
    out.
    """
    grid = facts_grid(runs)
    cells: dict[tuple[int, int], list[float]] = defaultdict(list)
    for run in grid:
        if run.entropy is None:
            raise ValueError(f"{run.key} has no known entropy; give runs of kind 'facts'")
        cells[run.n("total"), run.tokens].append(run.loss - run.entropy)
    excess = {key: sum(values) / len(values) for key, values in cells.items()}
    largest, most = max(n for n, _ in excess), max(d for _, d in excess)
    size = [(n, x) for (n, d), x in excess.items() if d == most]
    data = [(d, x) for (n, d), x in excess.items() if n == largest]
    return {name: _log_slope(points) for name, points in (("size", size), ("data", data))}


def facts_grid(runs: Sequence[Run]) -> list[Run]:
    """The facts runs without the held-out ones: networks that were trained on one amount of data only."""
    amounts: dict[int, set[int]] = defaultdict(set)
    for run in runs:
        amounts[run.d_model].add(run.tokens)
    kept = [run for run in runs if len(amounts[run.d_model]) > 1]
    if not kept:
        raise ValueError("there is no facts grid: give runs of several sizes and amounts of data")
    return kept


def _log_slope(points: Sequence[tuple[float, float]]) -> float:
    """Slope of a straight line through points on log-log axes."""
    x, y = np.log(np.array(points, float)).T
    return float(np.polyfit(x, y, 1)[0])


guard.module(globals())
