"""Is it true? Every claim of the source texts with the computation that tests it, lesson by lesson.

`report(1)` is plain text that is the same on every run; `show(1)` is a table for a notebook.
"""

import html
import importlib
import pkgutil
import textwrap
from dataclasses import dataclass

from course_lib import claims
from course_lib.claims import SOURCES, VERDICTS, Claim, Finding

__all__ = [
    "SOURCES",
    "VERDICTS",
    "Claim",
    "Finding",
    "Result",
    "Table",
    "for_lesson",
    "lessons",
    "report",
    "show",
]

CHECKED_LESSONS = tuple(
    sorted(int(m.name[-2:]) for m in pkgutil.iter_modules(claims.__path__) if m.name.startswith("lesson_"))
)


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
    counts = {verdict: sum(result.verdict == verdict for result in results) for verdict in VERDICTS}
    parts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{len(results)} claims: {parts}"


def _row(result: Result) -> str:
    note = " (judged on evidence)" if result.basis == "evidence" else ""
    return (
        f'<tr id="claim-{html.escape(result.id)}"><th scope="row">{html.escape(result.statement)}</th>'
        f'<td><span class="cw-verdict cw-verdict-{result.verdict}">{result.verdict}</span></td>'
        f"<td><strong>{html.escape(result.value)}</strong><br>{html.escape(result.why + note)}</td>"
        f"<td>{html.escape(result.source)}</td></tr>"
    )
