"""At which size did an ability appear? Published onsets, and scores of later models, each with its source.

Onsets are table 1 of Wei et al. 2022 (arXiv 2206.07682): the smallest model, in parameters and training
FLOPs, that was seen to have an ability that smaller ones of its family lacked. Scores are single results
that test a threshold claimed elsewhere. The data are in `abilities.csv` beside this file.
"""

from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path

from course_lib import guard
from course_lib import rows as tables

KINDS = ("onset", "score")


@dataclass(frozen=True)
class Ability:
    """One published result."""

    kind: str  # "onset" (Wei et al. 2022, table 1) or "score" (one model, one benchmark)
    ability: str  # what the model did, in a few words
    group: str  # few-shot, augmented (Wei et al.'s two parts), reasoning, code or knowledge
    model: str
    params: float  # of that model
    flops: float | None  # of its training, where the source gives it
    score: float | None  # percent, for kind "score"
    source: str


@cache
def abilities(kind: str = "") -> tuple[Ability, ...]:
    """All rows or those of one kind, smallest model first."""
    if kind not in ("", *KINDS):
        raise ValueError(f"kind must be {', '.join(KINDS)} or empty for all; got {kind!r}")
    place = Path(str(resources.files("course_lib.catalog") / "abilities.csv"))
    names = [f.name for f in fields(Ability)]
    rows = [_row(where, cells) for where, cells in tables.cells_of(place, names, ("ability", "model"))]
    return tuple(sorted((r for r in rows if kind in ("", r.kind)), key=lambda r: r.params))


def _row(where: str, cells: dict[str, str]) -> Ability:
    """Cells to a record; an empty number is None."""
    flops, score = (
        tables.number(where, key, cells[key]) if cells[key] else None for key in ("flops", "score")
    )
    words = {key: cells[key] for key in ("kind", "ability", "group", "model", "source")}
    return Ability(**words, params=tables.number(where, "params", cells["params"]), flops=flops, score=score)


guard.module(globals())
