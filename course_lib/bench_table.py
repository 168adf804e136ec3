"""The table of `make bench`: what was measured, what came out, and what the course holds itself to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured number beside its target; `below` says on which side of the target it should lie."""

    what: str
    value: float
    target: float
    unit: str = ""  # written behind both numbers
    below: bool = True
    digits: int = 2  # after the point
    worst: str = ""  # where the worst of several was found

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target if self.below else self.value >= self.target

    def cells(self) -> tuple[str, str, str, str]:
        """What, result, target, verdict, as text."""
        unit = f" {self.unit}" if self.unit else ""
        result = f"{self.value:,.{self.digits}f}{unit}"
        side = "at most" if self.below else "at least"
        where = f" ({self.worst})" if self.worst else ""
        return self.what, result + where, f"{side} {self.target:g}{unit}", "yes" if self.met else "NO"


def table(rows: Iterable[Row]) -> Iterator[str]:
    """The rows as lines of a Markdown table, ready for the README."""
    lines = [("what", "result", "target", "met"), *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    for number, line in enumerate(lines):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
