"""Published benchmark scores of models in the catalog, a source to each row, and how to compare two models.

Scores are the makers' own unless the source says otherwise: prompts and harnesses differ between them.
"""

from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path

from course_lib import guard
from course_lib import rows as tables

KINDS = ("base", "instruct")


@dataclass(frozen=True)
class Score:
    """One published result."""

    model: str  # a name of the catalog
    tuned: str  # base or instruct
    benchmark: str
    shots: str  # examples in the prompt
    score: float  # per cent
    confirmed: bool  # read in the source or a copy of it; else as widely reported
    source: str


@cache
def rows() -> tuple[Score, ...]:
    """Every published result of the table."""
    place = Path(str(resources.files("course_lib.catalog") / "scores.csv"))
    table = tables.cells_of(place, [f.name for f in fields(Score)], ("model", "tuned", "benchmark"))
    return tuple(
        Score(
            cells["model"], cells["tuned"], cells["benchmark"], cells["shots"],
            tables.number(where, "score", cells["score"]), cells["confirmed"] == "yes", cells["source"],
        )
        for where, cells in table
    )  # fmt: skip


def of(model: str, tuned: str = "base") -> dict[str, float]:
    """Scores of a model by benchmark, in per cent; a ValueError names the models that have any."""
    if tuned not in KINDS:
        raise ValueError(f"tuned must be base or instruct, got {tuned!r}")
    found = {row.benchmark: row.score for row in rows() if row.model == model and row.tuned == tuned}
    if not found:
        known = ", ".join(sorted({row.model for row in rows() if row.tuned == tuned}))
        raise ValueError(f"no scores of {model!r} ({tuned}); there are {known}")
    return found


def mmlu(model: str, tuned: str = "base") -> float:
    """MMLU in per cent (Hendrycks et al. 2021, arXiv 2009.03300): four choices, so guessing gives 25."""
    return of(model, tuned)["MMLU"]


def compare(first: str, second: str, tuned: str = "base") -> dict[str, tuple[float, float]]:
    """Both models' scores on the benchmarks that they share."""
    a, b = of(first, tuned), of(second, tuned)
    return {name: (a[name], b[name]) for name in a if name in b}


guard.module(globals())
