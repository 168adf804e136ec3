"""The fact check page: every claim of the source texts, checked anew whenever the book is built.

Rows, counts and bars come from `course_lib.factcheck`. The tables are whole without scripts;
book/assets/facts.js adds sorting and filtering, and unhides the controls that it serves.
"""

from __future__ import annotations

import functools
import html
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from course_kept import kept
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from course_lib import factcheck

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("Id", "Claim", "Verdict", "What computing gives", "Source", "Lesson")
CELL = '<td role="cell"'


@functools.cache
def results() -> tuple[factcheck.Result, ...]:
    """All claims, checked once for both tables."""
    rows = kept("facts", lambda: [asdict(result) for result in factcheck.all_claims()])
    return tuple(factcheck.Result(**row) for row in rows)


@functools.cache
def lesson_links() -> dict[int, tuple[str, str]]:
    """Lesson number -> address from the page, and title."""
    parts = yaml.safe_load((ROOT / "book" / "lessons.yml").read_text(encoding="utf-8"))
    lessons = [lesson for part in parts for lesson in part["lessons"]]
    return {n: (f"../lessons/{one['file']}.html", one["title"]) for n, one in enumerate(lessons, 1)}


def verdict_mark(verdict: str) -> str:
    """The name of a verdict in its color."""
    return f'<span class="fact-verdict" data-verdict="{verdict}">{verdict}</span>'


def bar(count: int, most: int, verdict: str = "") -> str:
    """A bar as long as the count; what it says stands beside it in digits."""
    width = f"{100 * count / most:.1f}"
    return (f'<svg class="fact-bar" data-verdict="{verdict}" viewBox="0 0 100 6" preserveAspectRatio="none" '
            f'aria-hidden="true"><rect width="{width}" height="6"/></svg>')


def verdict_table() -> str:
    """The five verdicts: what each means and how many claims got it."""
    tally = factcheck.counts(results())["all"]
    most = max(tally.values())
    rows = "".join(
        f'<tr><th scope="row">{verdict_mark(verdict)}</th><td>{html.escape(meaning)}</td>'
        f'<td class="fact-count" data-filter="verdict={verdict}"><span>{tally[verdict]}</span>'
        f"{bar(tally[verdict], most, verdict)}</td></tr>"
        for verdict, meaning in factcheck.MEANING.items())
    return ('<table class="facts-verdicts"><caption>The five verdicts</caption><thead><tr>'
            '<th scope="col">Verdict</th><th scope="col">What it says</th><th scope="col">Claims</th></tr>'
            f"</thead><tbody>{rows}</tbody></table>")


def source_table() -> str:
    """How the claims of each source came out."""
    tally = factcheck.counts(results())
    most = max(count for name, row in tally.items() if name != "all" for count in row.values())
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Source", *factcheck.VERDICTS, "claims"))
    rows = "".join(source_row(name, tally[name], most) for name in factcheck.SOURCES)
    total = "".join(f"<td>{count}</td>" for count in (*tally["all"].values(), sum(tally["all"].values())))
    return (f'<table class="facts-sources"><caption>Verdicts by source</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}"
            f'<tr class="facts-total"><th scope="row">all</th>{total}</tr></tbody></table>')


def source_row(name: str, tally: dict[str, int], most: int) -> str:
    """One source: its kind, a number with a bar for each verdict, and their sum."""
    cells = "".join(
        f'<td class="fact-count"{_filter(name, verdict) if count else ""}><span>{count}</span>'
        f"{bar(count, most, verdict)}</td>"
        for verdict, count in tally.items())
    kind = html.escape(factcheck.SOURCES[name])
    return (f'<tr><th scope="row">{name}<small>{kind}</small></th>{cells}<td class="fact-count" '
            f'data-filter="source={name}"><span>{sum(tally.values())}</span></td></tr>')


def _filter(source: str, verdict: str) -> str:
    """What a click on a count shows."""
    return f' data-filter="source={source}&amp;verdict={verdict}"'


def claims_table() -> str:
    """The controls, hidden until the script serves them, and all claims, in the order of the lessons."""
    head = "".join(f'<th role="columnheader" scope="col"{_sorted(name)}>{name}</th>' for name in COLUMNS)
    rows = "".join(claim_row(result) for result in results())
    return (f'{controls()}<div class="table-scroll facts-box" aria-label="All claims, scrolls sideways">'
            f'<table class="facts" role="table"><caption>All {len(results())} claims</caption>'
            f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
            f'<tbody role="rowgroup">{rows}</tbody></table></div>')


def _sorted(name: str) -> str:
    """The order in which the book prints the claims."""
    return ' aria-sort="ascending"' if name == "Lesson" else ""


def claim_row(result: factcheck.Result) -> str:
    """One claim."""
    address, title = lesson_links()[result.lesson]
    note = ' <span class="fact-note">Judged on evidence.</span>' if result.basis == "evidence" else ""
    weight = factcheck.VERDICTS.index(result.verdict)
    anchor = f"claim-{html.escape(result.id)}"
    return (f'<tr role="row" id="{anchor}" data-verdict="{result.verdict}" data-source="{result.source}" '
            f'data-lesson="{result.lesson}">{CELL} class="fact-id">{html.escape(result.id)}</td>'
            f'<th role="rowheader" scope="row">{html.escape(result.statement)}</th>'
            f'{CELL} data-key="{weight}">{verdict_mark(result.verdict)}</td>'
            f'{CELL}><strong>{html.escape(result.value)}</strong> '
            f'<span class="fact-why">{html.escape(result.why)}{note}</span></td>'
            f'{CELL}>{result.source}</td>{CELL} data-key="{result.lesson}">'
            f'<a href="{address}#{anchor}">{result.lesson} {html.escape(title)}</a></td></tr>')


def controls() -> str:
    """Words, verdict, source, lesson; how many rows are shown."""
    tally = factcheck.counts(results())
    verdicts = {v: f"{v} ({tally['all'][v]})" for v in factcheck.VERDICTS}
    sources = {name: f"{name} ({sum(tally[name].values())})" for name in factcheck.SOURCES}
    lessons = {str(n): f"{n} {lesson_links()[n][1]}" for n in factcheck.lessons()}
    menus = menu("verdict", "Verdict", verdicts) + menu("source", "Source", sources)
    words = ('<div class="facts-words"><label for="fact-words">Words</label><input type="search" '
             'id="fact-words" name="words" autocomplete="off" placeholder="such as: GPT-3 cost"></div>')
    return (f'<form class="facts-controls" aria-label="Filter the claims" hidden>{words}{menus}'
            f'{menu("lesson", "Lesson", lessons)}<button type="reset">Show all</button></form>'
            '<p class="facts-shown" role="status" hidden></p>')


def menu(name: str, label: str, options: dict[str, str]) -> str:
    """A select with `all` on top."""
    choices = "".join(f'<option value="{value}">{html.escape(text)}</option>'
                      for value, text in options.items())
    return (f'<div><label for="fact-{name}">{label}</label><select id="fact-{name}" name="{name}">'
            f'<option value="">all</option>{choices}</select></div>')


class FactCounts(SphinxDirective):
    """The verdicts with their meaning, and the count of each by source."""

    def run(self) -> list[nodes.Node]:
        """Embed both small tables."""
        return [nodes.raw("", verdict_table() + source_table(), format="html")]


class FactCheck(SphinxDirective):
    """All claims with the controls that sort and filter them."""

    def run(self) -> list[nodes.Node]:
        """Embed the table."""
        return [nodes.raw("", claims_table(), format="html")]


def needs_assets(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the layout load facts.js and facts.css where the table is."""
    context["has_facts"] = 'class="facts"' in (context.get("body") or "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the two directives."""
    app.add_directive("fact-counts", FactCounts)
    app.add_directive("fact-check", FactCheck)
    app.connect("html-page-context", needs_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
