"""How fast the pages are, in a headless Chromium: until a page answers, from a slider's move to the change.

A page answers when its scripts have run, every widget is alive, its first slider was moved and the change
stands on the screen (on a page without sliders: when it has been painted); counted from the start of a visit
that opens it from disk. A slider's time holds the compute, the view and the layout that follows; a frame
lasts 16 ms. Both need a built book. A plan is timed in an empty page that holds the compiled Python.
"""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.bench_table import Row

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip

# Frames are run by hand, so that the time between two of them is not counted.
_NOW = "window.requestAnimationFrame = (f) => { window.waiting = f; return 1 };"
_MOVE = """() => [...document.querySelectorAll(".cw-explorable")].map((root) => {
  const slider = root.querySelector("input[type=range]");
  if (!slider) return null;
  const times = [];
  const home = Number(slider.value);
  for (let i = 0; i < 41; i++) {
    slider.value = String(Math.max(0, Math.min(Number(slider.max), home + (i % 2 ? 1 : -1) * (1 + i % 5))));
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (window.waiting) { const f = window.waiting; window.waiting = null; f(start); }
    root.getBoundingClientRect();
    times.push(performance.now() - start);
  }
  return [root.id, times];
}).filter(Boolean)"""

# Set before the page's own scripts, which bring the widgets to life when the document is parsed: the first
# task after that moves a slider as a reader's key does, and looks at the clock once that has been painted.
_FIRST = """window.answered = new Promise((done) =>
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
    const slider = document.querySelector(".cw-explorable input[type=range]:not(:disabled)");
    if (slider) {
      slider.value = String(Number(slider.value) + (slider.value === slider.max ? -1 : 1));
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
    requestAnimationFrame(() => setTimeout(() => done(performance.now())));
  })));"""
_READY = """() => {
  const dead = document.querySelectorAll(".course-widget:not([data-alive])").length;
  if (dead) throw new Error(`${dead} widgets are not alive`);
  return window.answered;
}"""
_PLAN = """([ask, gpu, cov]) => [...Array(45)].map(() => {
  const start = performance.now();
  courseModules.planner.plan(ask, gpu, cov);
  return performance.now() - start;
}).slice(5)"""


def find_chromium() -> str | None:
    """The Chromium named by $CHROMIUM, else the system's Chromium or Chrome, else None."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, closed afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def lacking(pages: list[Path]) -> bool:
    """Whether there is nothing to measure, or nothing to measure it with."""
    return not pages or find_chromium() is None


def answers(html: Path, visits: int = 3) -> Iterator[str | Row]:
    """Time to the first interaction with each page in milliseconds, median of a few visits; its weight."""
    from course_lib.bench import compressed, linked_files

    pages = sorted(p for folder in ("book", "lessons") for p in (html / folder).glob("*.html"))
    if lacking(pages):
        yield "Pages: nothing to measure; needs a built book and a Chromium or Chrome"
        return
    yield f"Until a page answers (ms from the start of a visit to the first moved slider; median of {visits})"
    yield "      ms      kB"
    found = {}
    with chromium() as browser:
        for path in pages:
            times = []
            for _ in range(visits):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.add_init_script(_FIRST)
                page.goto(path.resolve().as_uri())
                times.append(page.evaluate(_READY))
                page.close()
            found[path.stem] = statistics.median(times)
            weight = sum(map(compressed, linked_files(path, html))) / 1e3
            yield f"  {found[path.stem]:6.0f}  {weight:6.1f}  {path.stem}"
    worst = max(found, key=lambda name: found[name])
    yield Row("until a page answers, worst", found[worst], 1000, "ms", digits=0, worst=worst)
    yield Row("until a page answers, median page", statistics.median(found.values()), 500, "ms", digits=0)


def frames(html: Path) -> Iterator[str | Row]:
    """Median and worst answer of each explorable of the built lessons, in milliseconds."""
    pages = sorted((html / "lessons").glob("[0-9]*.html")) if html.is_dir() else []
    if lacking(pages):
        yield "Explorables: nothing to measure; needs a built book and a Chromium or Chrome"
        return
    yield "Explorables, from a slider's move to the changed page (ms, 40 moves; a frame is 16)"
    yield "  median  worst"
    medians = {}
    with chromium() as browser:
        for path in pages:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(path.resolve().as_uri())
            page.evaluate(_NOW)
            for name, times in page.evaluate(_MOVE):
                medians[name] = statistics.median(times[1:])
                yield f"  {medians[name]:6.1f} {max(times[1:]):6.1f}  {path.stem}: {name}"
            page.close()
    worst = max(medians, key=lambda name: medians[name])
    what = f"slider to changed page, {len(medians)} explorables, worst median"
    yield Row(what, medians[worst], 16, "ms", digits=1, worst=worst)
    middle = statistics.median(medians.values())
    yield Row("slider to changed page, median explorable", middle, 16, "ms", digits=1)


def plan_in_page() -> Iterator[str | Row]:
    """A whole plan by the compiled Python in a page, median of 40."""
    if find_chromium() is None:
        yield "A plan in the page: needs a Chromium or Chrome"
        return
    from course_lib import outlook, plans
    from course_lib.widgets import pyjs

    made = plans.make()
    with chromium() as browser:
        page = browser.new_page()
        page.add_script_tag(content=pyjs.bundle_js())
        times = page.evaluate(_PLAN, [made.ask, made.gpu, outlook.covariance()])
    middle = statistics.median(times)
    yield f"A whole plan in the page: {middle:.1f} ms (median of {len(times)}; worst {max(times):.1f})"
    yield Row("planner.plan in the page", middle, 16, "ms", digits=1)
