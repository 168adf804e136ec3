"""The table of `make bench`: verdicts, text, and the sections that a built book is not needed for."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from course_lib import bench, bench_page, bench_plans
from course_lib.bench_table import Row, table


def rows(section: object) -> dict[str, Row]:
    """The rows of a section by what they tell."""
    return {line.what: line for line in section if isinstance(line, Row)}  # type: ignore[attr-defined]


def test_verdicts_lie_on_the_right_side() -> None:
    assert Row("a", 1.0, 2.0).met and not Row("a", 3.0, 2.0).met
    assert Row("a", 3.0, 2.0, below=False).met and not Row("a", 1.0, 2.0, below=False).met
    assert not Row("a", float("nan"), 2.0).met and not Row("a", float("nan"), 2.0, below=False).met


def test_the_table_is_markdown() -> None:
    """One line each, columns of one width, the unit on both sides, the worst named, a miss in capitals."""
    page = Row("page", 611.4, 600, "kB", digits=0, worst="02_one")
    lines = list(table([page, Row("rate", 0.456, 0.3, below=False)]))
    assert len({len(line) for line in lines}) == 1 and len(lines) == 4
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[2] == ["page", "611 kB (02_one)", "at most 600 kB", "NO"]
    assert cells[3] == ["rate", "0.46", "at least 0.3", "yes"]


def test_pages_and_lessons_name_the_worst(tmp_path: Path) -> None:
    """Weights count what a page loads; times are read as the build wrote them; without a book they say so."""
    (tmp_path / "big.js").write_bytes(b"".join(bytes([i * 7 % 251, i * i % 241]) for i in range(9000)))
    (tmp_path / "a.html").write_text('<script src="big.js"></script>', encoding="utf-8")
    (tmp_path / "b.html").write_text("<p>small</p>", encoding="utf-8")
    weight = rows(bench.pages(tmp_path))["first visit to a page, worst"]
    assert weight.worst == "a" and weight.value == pytest.approx(
        (bench.compressed(tmp_path / "big.js") + bench.compressed(tmp_path / "a.html")) / 1e3)
    times = tmp_path / "times.json"
    times.write_text(json.dumps({"01_a": 12.0, "02_b": 31.0}), encoding="utf-8")
    lesson = rows(bench.lessons(times))["executing a lesson, worst"]
    assert lesson.worst == "02_b" and not lesson.met
    assert rows(bench.lessons(times))["executing all 2 lessons, the seconds of each together"].value == 43
    for section in (bench.pages(tmp_path / "no"), bench_page.answers(tmp_path / "no"),
                    bench_page.frames(tmp_path / "no"), bench.lessons(tmp_path / "no.json")):  # fmt: skip
        (line,) = section
        assert "run `make book`" in str(line) or "needs a built book" in str(line)


@pytest.fixture
def shared(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in the tests' browser: two cannot be driven from one thread."""
    monkeypatch.setattr(bench_page, "chromium", lambda: nullcontext(browser))


@pytest.mark.usefixtures("shared")
def test_a_dead_page_is_not_fast(tmp_path: Path) -> None:
    """A page whose widget never came to life has no time at which it answers."""
    (tmp_path / "book").mkdir()
    page = tmp_path / "book" / "a.html"
    page.write_text("<title>a</title><div class='course-widget' data-alive='true'></div>", encoding="utf-8")
    assert rows(bench_page.answers(tmp_path, visits=1))["until a page answers, worst"].value > 0
    page.write_text("<title>a</title><div class='course-widget'></div>", encoding="utf-8")
    with pytest.raises(Exception, match="1 widgets are not alive"):
        list(bench_page.answers(tmp_path, visits=1))


@pytest.mark.usefixtures("shared")
def test_plans_and_mixtures_are_measured() -> None:
    """Each section gives its rows, all with a positive number; the batched layer beats the loop by far."""
    found = {**rows(bench_plans.mixture()), **rows(bench_plans.planning()), **rows(bench_page.plan_in_page())}
    assert len(found) == 5 and all(row.value > 0 for row in found.values())
    assert found["mixture layer: token by token over batched"].value > 5
