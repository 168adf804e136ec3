"""Is it true? Every claim of the source texts with the computation that tests it, lesson by lesson.

`report(1)` is plain text that is the same on every run; `show(1)` is a table for a notebook;
`all_claims()` and `counts()` are what the book's fact check page is made of.
"""

import html
import importlib
import pkgutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from course_lib import claims
from course_lib.claims import SOURCES, VERDICTS, Claim, Finding

__all__ = [
    "MEANING",
    "SOURCES",
    "VERDICTS",
    "Claim",
    "Finding",
    "Result",
    "Table",
    "all_claims",
    "counts",
    "for_lesson",
    "lessons",
    "report",
    "show",
]

CHECKED_LESSONS = tuple(
    sorted(int(m.name[-2:]) for m in pkgutil.iter_modules(claims.__path__) if m.name.startswith("lesson_"))
)

MEANING = {  # in the order of VERDICTS; the limits are those of claims.agree and claims.by_cases
    "confirmed": "The recomputed number is within half a unit of the last digit printed, "
    "or the statement holds in every case tried.",
    "rounded": "Up to one and a half units of the last digit off: right in substance, loose in print.",
    "caveat": "Holds in some of the cases tried and fails in others, "
    "or needs a condition that the text leaves out.",
    "wrong": "Further off than that, or by more than a tenth whatever the digits, "
    "or the statement fails in every case tried.",
    "unconfirmed": "Nothing published settles it: a leak, an estimate, or a price without date and seller.",
}


@dataclass(frozen=True)
class Result:
    """A claim and what checking it came to."""

    id: str
    lesson: int
    source: str
    statement: str
    verdict: str
    value: str
    why: str
    basis: str


def lessons() -> tuple[int, ...]:
    """Lessons whose claims are in."""
    return CHECKED_LESSONS


def for_lesson(lesson: int) -> list[Result]:
    """Check every claim that belongs to a lesson, in order."""
    if lesson not in CHECKED_LESSONS:
        known = ", ".join(str(number) for number in CHECKED_LESSONS)
        raise ValueError(f"there are claims for lessons {known}; got {lesson!r}")
    module = importlib.import_module(f"course_lib.claims.lesson_{lesson:02d}")
    return [_check(lesson, claim) for claim in module.CLAIMS]


def all_claims() -> list[Result]:
    """Check every claim there is, in the order of the lessons (some seconds: a few need torch)."""
    return [result for lesson in CHECKED_LESSONS for result in for_lesson(lesson)]


def counts(results: Sequence[Result] | None = None) -> dict[str, dict[str, int]]:
    """How many claims of each source, and of "all", came to each verdict; of all lessons unless given."""
    rows = all_claims() if results is None else results
    every = {"all": dict.fromkeys(VERDICTS, 0)}
    tally = {source: dict.fromkeys(VERDICTS, 0) for source in SOURCES} | every
    for result in rows:
        tally[result.source][result.verdict] += 1
        tally["all"][result.verdict] += 1
    return tally


def report(lesson: int) -> str:
    """Plain text: one block per claim, then the count of each verdict."""
    results = for_lesson(lesson)
    blocks = [
        f"{result.id}  {result.verdict.upper()}  ({result.source})\n"
        + _wrap("claim: ", result.statement)
        + _wrap("value: ", result.value)
        + _wrap("why:   ", result.why + (" [evidence]" if result.basis == "evidence" else ""))
        for result in results
    ]
    return "\n".join(blocks) + "\n" + _summary(results)


def show(lesson: int) -> "Table":
    """A table for a notebook: HTML where it can be shown, the report where not."""
    return Table(lesson)


class Table:
    """The claims of a lesson as an accessible table."""

    def __init__(self, lesson: int) -> None:
        """Check the claims once."""
        self.lesson = lesson
        self.results = for_lesson(lesson)

    def __repr__(self) -> str:
        return report(self.lesson)

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col">{name}</th>' for name in ("Claim", "Verdict", "What computing gives", "Source")
        )
        rows = "".join(_row(result) for result in self.results)
        return (
            f'<table class="cw-factcheck"><caption>{html.escape(_summary(self.results))}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _check(lesson: int, claim: Claim) -> Result:
    finding = claim.check()
    return Result(
        id=claim.id,
        lesson=lesson,
        source=claim.source,
        statement=claim.statement,
        verdict=finding.verdict,
        value=finding.value,
        why=finding.why,
        basis=finding.basis,
    )


def _wrap(label: str, text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  " + label, subsequent_indent=" " * 9) + "\n"


def _summary(results: list[Result]) -> str:
    """Counts in the fixed order of the verdicts: "20 claims: 9 confirmed, 4 rounded, ..."."""
    parts = ", ".join(f"{count} {verdict}" for verdict, count in counts(results)["all"].items() if count)
    return f"{len(results)} claims: {parts}"


def _row(result: Result) -> str:
    note = " (judged on evidence)" if result.basis == "evidence" else ""
    return (
        f'<tr id="claim-{html.escape(result.id)}"><th scope="row">{html.escape(result.statement)}</th>'
        f'<td><span class="cw-verdict cw-verdict-{result.verdict}">{result.verdict}</span></td>'
        f"<td><strong>{html.escape(result.value)}</strong><br>{html.escape(result.why + note)}</td>"
        f"<td>{html.escape(result.source)}</td></tr>"
    )
