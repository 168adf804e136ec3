"""The fact check page: each claim once, as the library judges it now; sorted and filtered by keyboard."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from conftest import Site
from playwright.sync_api import Browser, Page, expect
from test_site import NO_SCROLL, Visit, axe_faults, set_theme

from course_lib import factcheck

PAGE = "book/fact_check"
# The ledger of the source texts. Claims of papers are counted in their lesson: P19-1, P19-2 …
LEDGER = {"A": range(1, 14), "B": range(1, 92), "C": range(1, 49), "D": range(1, 23), "E": range(1, 45)}
IDS = [f"{letter}{n:03d}" for letter, numbers in LEDGER.items() for n in numbers]


@functools.cache
def every_id() -> list[str]:
    """The ledger's claims and those of papers."""
    return [claim.id for claim in factcheck.all_claims()]


class Rows(HTMLParser):
    """The rows of the page's tables by class of the table: texts of the cells, data of the row, links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.table: list[dict[str, Any]] = []
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a table, a row or a cell; note a link."""
        values = dict(attrs)
        if tag == "table":
            self.table = self.tables.setdefault(str(values.get("class")), [])
        elif tag == "tr":
            self.table.append({"cells": [], "href": "", **values})
        elif tag in ("td", "th"):
            self.table[-1]["cells"].append("")
            self.in_cell = True
        elif tag == "a" and self.in_cell:
            self.table[-1]["href"] = values.get("href")

    def handle_data(self, data: str) -> None:
        """Add text to the open cell."""
        if self.in_cell:
            self.table[-1]["cells"][-1] += data

    def handle_endtag(self, tag: str) -> None:
        """Close a cell."""
        self.in_cell = self.in_cell and tag not in ("td", "th")


@pytest.fixture(scope="module")
def results() -> list[factcheck.Result]:
    """All claims, checked now."""
    return factcheck.all_claims()


@pytest.fixture(scope="module")
def tables(site: Site) -> dict[str, list[dict[str, Any]]]:
    """What the built page says."""
    return Rows((site.root / f"{PAGE}.html").read_text(encoding="utf-8")).tables


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """The page opened from disk; it may not complain."""
    with Visit(browser, site.file(PAGE), 1280) as opened:
        yield opened
        assert opened.complaints == []


def shown_ids(page: Page) -> list[str]:
    """Ids of the rows in view, in their order."""
    rows = ".facts tbody tr:not([hidden])"
    return page.evaluate(f"[...document.querySelectorAll('{rows}')].map(row => row.id.slice(6))")


def test_every_claim_is_checked_once(results: list[factcheck.Result]) -> None:
    ledger = [result.id for result in results if result.source != "papers"]
    assert Counter(ledger) == Counter(IDS) and len(IDS) == 218


def test_claims_of_papers_are_counted(results: list[factcheck.Result]) -> None:
    """What is not in the ledger is a paper's claim: P, the lesson, and its place in it from 1."""
    found: dict[int, list[str]] = {}
    for result in results:
        if result.source == "papers":
            found.setdefault(result.lesson, []).append(result.id)
    for lesson, ids in found.items():
        places = [int(id.removeprefix(f"P{lesson}-")) for id in ids if id.startswith(f"P{lesson}-")]
        told = f"lesson {lesson}: claims of papers are P{lesson}-1, P{lesson}-2 … in order; found {ids}"
        assert places == list(range(1, len(ids) + 1)), told


def test_counts_add_up(results: list[factcheck.Result]) -> None:
    tally = factcheck.counts(results)
    assert list(tally) == [*factcheck.SOURCES, "all"]
    assert all(tuple(row) == factcheck.VERDICTS for row in tally.values())
    assert sum(tally["all"].values()) == len(results)
    for verdict in factcheck.VERDICTS:
        assert tally["all"][verdict] == sum(tally[source][verdict] for source in factcheck.SOURCES) > 0
    assert factcheck.counts(results[:1])["all"][results[0].verdict] == 1
    assert tuple(factcheck.MEANING) == factcheck.VERDICTS


def test_page_says_what_the_library_finds(tables: dict[str, Any], results: list[factcheck.Result]) -> None:
    """Every row of the page equals a check made now, and leads to the claim in its lesson."""
    rows = {row["id"]: row for row in tables["facts"][1:]}
    assert len(rows) == len(tables["facts"]) - 1 == len(results)
    for result in results:
        row = rows[f"claim-{result.id}"]
        id, statement, verdict, found, source, lesson = (cell.strip() for cell in row["cells"])
        assert (id, statement) == (result.id, result.statement)
        assert (verdict, source) == (result.verdict, result.source)
        assert found.startswith(f"{result.value} {result.why}")
        assert found.endswith("Judged on evidence.") == (result.basis == "evidence")
        assert re.match(rf"{result.lesson} \w", lesson)
        assert re.match(rf"\.\./lessons/{result.lesson:02d}_\w+\.html#claim-{result.id}$", row["href"])


def test_small_tables_count_the_rows(tables: dict[str, Any], results: list[factcheck.Result]) -> None:
    tally = factcheck.counts(results)
    for row, verdict in zip(tables["facts-verdicts"][1:], factcheck.VERDICTS, strict=True):
        assert row["cells"] == [verdict, factcheck.MEANING[verdict], str(tally["all"][verdict])]
    for row, (name, by) in zip(tables["facts-sources"][1:], tally.items(), strict=True):
        assert row["cells"][0].startswith(name)
        assert [int(cell) for cell in row["cells"][1:]] == [*by.values(), sum(by.values())]


def test_sorting_by_keyboard(visit: Visit) -> None:
    """Enter on a column's head sorts by it, again turns it round; the head says so, the address keeps it."""
    page = visit.page
    printed = shown_ids(page)
    head = page.get_by_role("columnheader", name="Verdict", exact=True).last
    button = head.get_by_role("button")
    button.focus()
    orders = []
    for direction in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        assert page.locator(".facts th[aria-sort]").count() == 1
        marks = page.evaluate("[...document.querySelectorAll('.facts tbody tr')].map(r => r.dataset.verdict)")
        orders.append([factcheck.VERDICTS.index(mark) for mark in marks])
    assert orders[0] == sorted(orders[0]) and orders[1] == sorted(orders[1], reverse=True)
    page.reload()
    assert page.locator(".facts th[aria-sort=descending]").inner_text() == "Verdict"
    page.locator(".facts thead button").first.focus()
    page.keyboard.press("Space")
    in_order = sorted(every_id(), key=lambda id: (id[0], [int(n) for n in re.findall(r"\d+", id)]))
    assert shown_ids(page) == in_order
    page.get_by_role("button", name="Show all").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(50)
    assert shown_ids(page) == printed and "#" not in page.url


def test_filtering_by_keyboard(visit: Visit, results: list[factcheck.Result]) -> None:
    """Words, verdict and source narrow the rows; the count is live; a reload keeps the choice."""
    page, status = visit.page, visit.page.get_by_role("status")
    expect(status).to_have_text(f"{len(results)} of {len(results)} claims shown")
    page.get_by_label("Words", exact=True).focus()
    page.keyboard.type("v100 Days")
    fits = {r.id for r in results
            if all(w in f"{r.statement} {r.value} {r.why}".lower() for w in ("v100", "days"))}
    assert fits and set(shown_ids(page)) == fits
    expect(status).to_have_text(f"{len(fits)} of {len(results)} claims shown")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    fits &= {r.id for r in results if r.verdict == "wrong"}
    assert set(shown_ids(page)) == fits and "B068" in fits
    page.reload()
    assert set(shown_ids(page)) == fits
    page.get_by_label("Words", exact=True).fill("no such words <b>")
    expect(status).to_contain_text("No claim fits")
    assert shown_ids(page) == []
    page.get_by_role("button", name="Show all").press("Enter")
    expect(status).to_contain_text(f"{len(results)} of")
    for label, value, field in (("Source", "text 3", "source"), ("Lesson", "13", "lesson")):
        page.get_by_label(label, exact=True).select_option(value)
        wanted = {r.id for r in results if str(getattr(r, field)) == value}
        assert set(shown_ids(page)) == wanted
        page.get_by_role("button", name="Show all").press("Enter")
        page.wait_for_timeout(50)


def test_a_count_shows_its_claims(visit: Visit, results: list[factcheck.Result]) -> None:
    """The number of a source's wrong claims is a button that shows them."""
    cell = visit.page.locator("[data-filter='source=text 4&verdict=wrong']")
    wanted = [r.id for r in results if (r.source, r.verdict) == ("text 4", "wrong")]
    assert cell.inner_text() == str(len(wanted))
    cell.get_by_role("button").press("Enter")
    assert shown_ids(visit.page) == wanted
    assert visit.page.evaluate("document.activeElement.name") == "words"


def test_a_claim_has_an_address(browser: Browser, site: Site) -> None:
    """A link to a claim leaves all rows in place and lands on its row."""
    with Visit(browser, site.file(PAGE) + "#claim-E035", 1280) as opened:
        assert len(shown_ids(opened.page)) == len(every_id())
        assert opened.page.evaluate("document.querySelector(':target').cells[0].textContent") == "E035"


def test_phone_shows_cards_that_fit(browser: Browser, site: Site) -> None:
    """At 390 px rows are cards, sorting stays in reach, and axe finds nothing in a filtered view."""
    with Visit(browser, site.http(PAGE) + "#claims?verdict=wrong&sort=-0", 390) as opened:
        page = opened.page
        assert shown_ids(page)[0] == "P7-10"
        assert page.evaluate("getComputedStyle(document.querySelector('#claim-B007')).display") == "block"
        for theme in ("light", "dark"):
            set_theme(page, theme)
            assert axe_faults(page) == [] and page.evaluate(NO_SCROLL)
        page.locator(".facts thead button", has_text="Lesson").press("Enter")
        assert shown_ids(page)[0] == "B007"
        targets = "main button, main select, main input, .facts a"
        small = page.evaluate(f"""[...document.querySelectorAll('{targets}')]
            .filter(e => e.offsetParent && e.getBoundingClientRect().height < 24).length""")
        assert small == 0


def test_without_scripts_and_on_paper(browser: Browser, site: Site) -> None:
    """With scripts off all rows stand there and no dead control; on paper neither."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.file(PAGE))
    assert page.locator(".facts tbody tr").count() == len(every_id())
    assert page.locator(".facts tbody tr").last.is_visible()
    assert not page.locator(".facts-controls").is_visible()
    assert page.locator("main button:visible").count() == 0
    context.close()
    with Visit(browser, site.file(PAGE), 1280) as opened:
        opened.page.emulate_media(media="print")
        assert not opened.page.locator(".facts-controls").is_visible()
        assert opened.page.locator(".facts tbody tr").last.is_visible()
