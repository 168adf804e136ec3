"""Exams over facts: the same networks, graded fact by fact or by whole sheets.

A network of `facts` is asked k questions, each drawn as often as it comes up in training; it passes if
every answer is right. If the answers are independent, the share of passed exams is accuracy^k: a smooth
curve turned into a cliff by the grading alone (Schaeffer, Miranda & Koyejo 2023, arXiv 2304.15004). Here the
share is counted on drawn exams, so that the formula can be checked instead of believed.

`python -m course_lib.tiny.exams` remakes the shipped table (about half a minute of one core).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from course_lib import rows as tables
from course_lib.tiny.checks import whole
from course_lib.tiny.corpus import step_generator
from course_lib.tiny.facts import FactsRun, Source, run_facts

HIDDEN = (2, 4, 8, 16, 32, 64, 128, 256)  # units of the networks in the table
SAMPLES = 1_048_576  # labels that each of them reads
QUESTIONS, EXAMS = 30, 20_000  # on a sheet; sheets drawn
DRAW_SEED = 5_150
SHEETS, LONGEST = 12, 60  # sheets that are stored answer by answer, and questions on each


@dataclass(frozen=True)
class Row:
    """One network and its grades."""

    hidden: int  # units
    params: int  # weights and biases
    samples: int  # labels read
    loss: float  # nats per noisy label, exact over all facts
    accuracy: float  # share of single questions answered rightly: exact
    surprise: float  # nats per question: -log of the probability given to the right value, exact
    passed: float  # share of drawn exams of QUESTIONS with every answer right
    sheets: str  # SHEETS x LONGEST answers as they were given, 1 right and 0 wrong


def passed(correct: Tensor, source: Source, questions: int = QUESTIONS, exams: int = EXAMS) -> float:
    """Share of drawn exams in which every question is answered rightly; `correct` (K,) says which are."""
    if correct.shape != (source.keys,) or correct.dtype != torch.bool:
        raise ValueError(f"correct must hold True or False for each of the {source.keys:,} facts")
    count = whole("questions", questions) * whole("exams", exams)
    fact, _ = source.draw(count, step_generator(DRAW_SEED, questions))
    return float(correct[fact].view(exams, questions).all(dim=1).float().mean())


def sheets(correct: Tensor, source: Source) -> str:
    """The same drawn sheets for every network, answer by answer: 1 right, 0 wrong."""
    fact, _ = source.draw(SHEETS * LONGEST, step_generator(DRAW_SEED, 0))
    return "".join("1" if right else "0" for right in correct[fact].tolist())


def grade(run: FactsRun, source: Source | None = None) -> Row:
    """All grades of one network."""
    source = source or Source()
    return Row(
        hidden=run.hidden,
        params=run.params,
        samples=run.samples,
        loss=run.loss,
        accuracy=run.accuracy,
        surprise=float(source.frequency @ -run.right.log()),
        passed=passed(run.correct, source),
        sheets=sheets(run.correct, source),
    )


def examine(hidden: Sequence[int] = HIDDEN, samples: int = SAMPLES) -> list[Row]:
    """Train networks of these sizes on one and the same source and grade them."""
    source = Source()
    return [grade(run_facts(h, samples, source=source), source) for h in hidden]


@cache
def rows() -> tuple[Row, ...]:
    """The shipped table, smallest network first."""
    return tuple(tables.read(_table(), Row, ("hidden",)))


def _table() -> Path:
    return tables.path("exams.csv")


def main() -> None:
    """Write the table that ships."""
    table = []
    for row in examine():
        print(row.hidden, row.accuracy, row.passed, flush=True)
        table.append({k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(row).items()})
    tables.write_cells(_table(), table[0], table)


if __name__ == "__main__":
    main()
