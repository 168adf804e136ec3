"""What the source texts claim, one file per lesson, and the rules that turn a recomputation into a verdict.

A claim is data (id, source, statement in our words) plus a function that recomputes it: a `Finding`.
No verdict on a number is typed in: it follows from the difference between the claimed and the computed value.
Where the question is one of judgment the finding says `basis="evidence"` and names what it rests on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from course_lib.catalog import config_of as config_of  # the claims take it from here

VERDICTS = ("confirmed", "rounded", "caveat", "wrong", "unconfirmed")

SOURCES = {
    "text 0": "blog article: one architecture from nano-GPT to GPT-3",
    "text 1": "course chapter: from the transformer to large models",
    "text 2": "book chapter: scaling laws and large language models",
    "text 3": "visual lesson: language models at scale",
    "text 4": "course section: architecture recap and scaling laws",
    "papers": "the cited papers, on their own results",
}


@dataclass(frozen=True)
class Finding:
    """What a check came to: a verdict, the right value as text, and why in one line."""

    verdict: str
    value: str
    why: str
    basis: str = "computed"  # or evidence: a judgment, which `why` grounds

    def __post_init__(self) -> None:
        """Refuse a verdict outside the five."""
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict must be one of {', '.join(VERDICTS)}; got {self.verdict!r}")


@dataclass(frozen=True)
class Claim:
    """A checkable statement of a source text, in our words."""

    id: str
    source: str  # a key of SOURCES
    statement: str
    check: Callable[[], Finding]

    def __post_init__(self) -> None:
        """Refuse an unknown source."""
        if self.source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}; got {self.source!r}")


def agree(claimed: float, actual: float, digits: int) -> str:
    """Verdict on a number printed with `digits` significant digits.

    confirmed: within half a unit of the last printed digit; rounded: within one and a half; wrong: beyond,
    or more than 10 % off, whatever the digits.
    """
    unit = 10.0 ** (math.floor(math.log10(abs(claimed))) - digits + 1)
    units = abs(actual - claimed) / unit
    if units > 1.5 or abs(actual / claimed - 1) > 0.1:
        return "wrong"
    return "confirmed" if units <= 0.5 else "rounded"


def worst(*verdicts: str) -> str:
    """The gravest of several verdicts on the parts of one claim."""
    order = ("confirmed", "rounded", "caveat", "unconfirmed", "wrong")
    return max(verdicts, key=order.index)


def by_cases(holds: list[bool]) -> str:
    """Verdict on a general statement tried on several cases: all hold, some do, or none does."""
    if not holds:
        raise ValueError("a general statement needs at least one case")
    if all(holds):
        return "confirmed"
    return "caveat" if any(holds) else "wrong"
