"""The forecast of the held-out runs, made from the grid alone and written before they are made.

PROTOCOL.md says how. `write` chooses the filter by predicting the largest budget from the others, measures
on the grid how far such predictions miss, fits the law to all budgets, and puts a loss and an interval for
every held-out run into a file together with a hash of the rows it came from.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from course_lib import formulas
from course_lib.files import replace_text
from course_lib.rows import read_json
from course_lib.study import table
from course_lib.study.design import counts, select
from course_lib.study.table import Run

RULE = "matmul"  # how N is counted in the fits
JUDGED = (5.0, 200.0)  # characters per parameter of the runs by which procedures are judged
Z = 1.96  # normal quantile of a two-sided 95 % interval
DRAWS = 1_000

Filter = Callable[[Run], bool]
FILTERS: dict[str, Filter] = {
    "all": lambda run: True,
    "ratio": lambda run: 3 <= run.ratio(RULE) <= 500,
    "middle": lambda run: 5 <= run.ratio(RULE) <= 200,
    "learned": lambda run: run.budget >= 3e10,
    "learned, ratio": lambda run: run.budget >= 3e10 and 3 <= run.ratio(RULE) <= 500,
    "learned, middle": lambda run: run.budget >= 3e10 and 5 <= run.ratio(RULE) <= 200,
}


@dataclass(frozen=True)
class Forecast:
    """What was foretold for one held-out run."""

    key: str
    budget: float  # nominal FLOPs
    params: int  # N by `RULE`
    tokens: float  # effective characters
    loss: float  # nats per character
    low: float  # 95 % interval of a single run
    high: float
    law_sd: float  # parts of the interval, as standard deviations of log loss
    seed_sd: float
    hindcast_sd: float


def effective(run_tokens: float, passes: float) -> float:
    """Characters read, repeated ones at what they are worth (Muennighoff et al. 2023)."""
    if passes <= 1:
        return run_tokens
    return formulas.effective_tokens(run_tokens / passes, passes)


def fit(rows: Sequence[Run], name: str) -> Any:
    """The law fitted to the rows that pass a filter of `FILTERS`."""
    from course_lib import fitting

    kept = [run for run in rows if FILTERS[name](run)]
    return fitting.fit_chinchilla(
        [run.n(RULE) for run in kept], [effective(run.tokens, run.passes) for run in kept],
        [run.loss for run in kept],
    )  # fmt: skip


def miss(rows: Sequence[Run], name: str, up_to: float, target: float) -> float:
    """Root mean square of log loss when the budgets up to one predict the judged runs of another."""
    law = fit([run for run in rows if run.budget <= up_to], name)
    errors = [
        math.log(run.loss / law.predict(run.n(RULE), effective(run.tokens, run.passes)))
        for run in rows
        if run.budget == target and JUDGED[0] <= run.ratio(RULE) <= JUDGED[1]
    ]
    return math.sqrt(sum(e * e for e in errors) / len(errors))


def seed_sd(rows: Sequence[Run]) -> float:
    """Standard deviation of log loss between seeds, over the judged runs of the two largest budgets."""
    largest = sorted({run.budget for run in rows})[-2:]
    squares, freedom = 0.0, 0
    for budget in largest:
        for width in {run.d_model for run in rows if run.budget == budget}:
            logs = [math.log(r.loss) for r in rows if r.budget == budget and r.d_model == width
                    and JUDGED[0] <= r.ratio(RULE) <= JUDGED[1]]  # fmt: skip
            if len(logs) > 1:
                center = sum(logs) / len(logs)
                squares += sum((x - center) ** 2 for x in logs)
                freedom += len(logs) - 1
    return math.sqrt(squares / freedom)


def make(rows: Sequence[Run]) -> dict[str, Any]:
    """The forecast from grid rows: filter, hindcast errors, law, and a forecast for each held-out run."""
    from course_lib import fitting

    budgets = sorted({run.budget for run in rows})
    if len(budgets) < 5 or any(run.kind != "grid" for run in rows):
        raise ValueError(f"the forecast needs the grid's runs of five budgets or more, got {len(budgets)}")
    largest, before, two_before = budgets[-1], budgets[-2], budgets[-3]
    tried = {name: miss(rows, name, before, largest) for name in FILTERS}
    chosen = min(tried, key=lambda name: tried[name])
    hindcast = {"3": tried[chosen], "10": miss(rows, chosen, two_before, largest)}
    law = fit(rows, chosen)
    drawn = fitting.bootstrap(law, n=DRAWS, seed=0)
    forecasts = []
    for job in select(["heldout"]):
        params = counts(job.width)[RULE]
        tokens = effective(job.tokens, job.tokens / _pass_tokens(rows))
        low, _, high = drawn.predict(params, tokens)
        parts = (
            math.log(high / low) / (2 * Z),
            seed_sd(rows),
            hindcast["3" if job.budget < 5 * largest else "10"],
        )
        middle, sd = law.predict(params, tokens), math.sqrt(sum(p * p for p in parts))
        rounded = [round(p, 6) for p in parts]
        forecasts.append(
            asdict(Forecast(
                job.key, job.budget, params, round(tokens), round(middle, 4),
                round(middle * math.exp(-Z * sd), 4), round(middle * math.exp(Z * sd), 4), *rounded,
            ))
        )  # fmt: skip
    return {
        "grid_sha256": digest(rows), "filter": chosen, "rule": RULE,
        "law": {name: float(f"{value:.8g}") for name, value in law.constants().items()},
        "filters_tried": {name: round(value, 6) for name, value in tried.items()},
        "hindcast": {name: round(value, 6) for name, value in hindcast.items()},
        "forecasts": forecasts,
    }  # fmt: skip


def digest(rows: Sequence[Run]) -> str:
    """A hash of what the forecast was made from: keys and losses."""
    text = "\n".join(f"{run.key} {run.loss}" for run in sorted(rows, key=lambda run: run.key))
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path) -> Path:
    """Write the forecast beside a table; refuse to replace one, or to make one after the fact."""
    place = beside(path)
    if place.exists():
        raise ValueError(f"{place} is there already; a forecast is made once")
    if table.runs("heldout", path):
        raise ValueError(f"{path} has held-out runs already: a forecast made now would be none")
    text = json.dumps(make(table.runs("grid", path)), indent=1) + "\n"
    replace_text(place, text)
    return place


def beside(path: Path) -> Path:
    """Where the forecast of a table is."""
    return path.with_name("forecast.json")


def read(path: Path | None = None) -> dict[str, Any]:
    """The forecast of a table (default: the shipped one); "forecasts" are `Forecast` objects."""
    place = Path(str(files("course_lib.study") / "forecast.json")) if path is None else beside(path)
    if not place.is_file():
        raise ValueError(
            f"{place}: no forecast yet; make the grid, then `python -m course_lib.study forecast`"
        )
    found: dict[str, Any] = read_json(place)
    try:
        return {**found, "forecasts": [Forecast(**row) for row in found["forecasts"]]}
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError(f"{place}: damaged, this is no forecast of ours ({error})") from error


def _pass_tokens(rows: Sequence[Run]) -> float:
    """Characters in one pass over the training text, from the run that made the most passes."""
    longest = max(rows, key=lambda run: run.passes)
    return longest.tokens / longest.passes
