"""A lesson's second run (nbval): what it prints must be what the book's run printed, number for number.

`scripts/build_book.py` has executed each lesson once, with one thread, and kept the outputs in the jupyter
cache. Here it runs again, with two threads and another hash seed, and every text, table, figure and widget
must be the same, character for character. What a clock measured cannot be, so a cell that shows such numbers
says so in a comment at the end of a line:

    # CLOCK (ms, times): what is measured      only numbers before these units may differ (and its figure)
    # CLOCK: what is measured                  the clock decides more than numbers: nothing is compared
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

CACHE = Path(__file__).resolve().parents[1] / "_build" / ".jupyter_cache"
# The runs of this pass: two threads that sleep while they wait, since the machine may have other work.
THREADS = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
CLOCK = re.compile(r"# CLOCK(?: \((?P<units>[^()]+)\))?: \w.{9,}$", re.M)
NUMBER = r"[+\-−]?\d[\d,]*(?:\.\d+)?"
ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+")  # where an object lies in memory
AROUND = 60  # characters shown on each side of a difference
MOST = 6  # differences shown of one cell


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Give cells with stored text a count: nbval takes one without for one that never ran."""
    for item in items:
        cell = getattr(item, "cell", None)
        if cell is not None and cell.get("outputs"):
            cell["execution_count"] = 1


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: Any) -> None:
    """Before a kernel starts: the threads of the second run."""
    if hasattr(item, "cell"):
        os.environ.update(THREADS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Any:
    """After a cell has run: compare what it gave with the first run."""
    done = yield
    if getattr(item, "test_outputs", None) is not None:
        first = first_run(item.parent.path)[item.cell_num]
        found = differences(first.outputs, item.test_outputs, item.cell.source)
        if found:
            where = f"{item.parent.path.name}, cell {item.cell.id}"
            item.raise_cell_error(f"{where}: the second run differs from the book's", "\n".join(found))
    return done


@functools.cache
def first_run(path: Path) -> list[Any]:
    """The code cells of a lesson as the book's build executed them."""
    from jupyter_cache import get_cache

    cache = get_cache(CACHE)
    try:
        kept = cache.match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        raise LookupError(f"{path.name} has no first run: build the book (scripts/build_book.py)") from None
    cells = cache.get_cache_bundle(kept.pk).nb.cells
    return [cell for cell in cells if cell.cell_type == "code"]


def texts(outputs: list[Any]) -> list[tuple[str, str]]:
    """Kind and text of everything that outputs show."""
    from nbval.plugin import coalesce_streams

    found: list[tuple[str, str]] = []
    for output in coalesce_streams(nbformat.from_dict(list(outputs))) or []:
        if output.output_type == "stream":
            found.append((output.name, output.text))
        kinds = (kind for kind in ("text/plain", "text/html", "image/png") if kind in output.get("data", {}))
        found += [(kind, ADDRESS.sub("0x", output.data[kind])) for kind in kinds]
    return found


def comparable(outputs: list[Any], source: str) -> list[tuple[str, str]]:
    """What must not differ between two runs of a cell: all that it shows, less what its clock decides."""
    shown, clock = texts(outputs), CLOCK.search(source)
    if clock is None:
        return shown
    if clock["units"] is None:
        return []
    units = "|".join(re.escape(unit.strip()) for unit in clock["units"].split(","))
    measured = re.compile(rf" *{NUMBER} ?(?=(?:{units})(?!\w))")
    # A figure is drawn from what was measured; its text alternative stands for it.
    return [(kind, measured.sub(" # ", text)) for kind, text in shown if kind != "text/html"]


def differences(first: list[Any], second: list[Any], source: str) -> list[str]:
    """Lines that say where two runs of a cell differ: empty if they agree."""
    one, two = comparable(first, source), comparable(second, source)
    if [kind for kind, _ in one] != [kind for kind, _ in two]:
        return [f"the book's run gave {[k for k, _ in one]}, the second run {[k for k, _ in two]}"]
    found: list[str] = []
    for (kind, a), (_, b) in zip(one, two, strict=True):
        rows, others = a.split("\n"), b.split("\n")
        if len(rows) != len(others):
            found.append(f"{kind}: {len(rows)} lines in the book's run, {len(others)} in the second")
        for number, (x, y) in enumerate(zip(rows, others, strict=False), 1):
            if x != y:
                found += [f"{kind}, line {number}:", f"  book's run: {cut(x, y)}"]
                found.append(f"  second run: {cut(y, x)}")
    return found[: 3 * MOST]


def cut(line: str, other: str) -> str:
    """A line, or the part of a long one around the first difference from another."""
    if len(line) <= 4 * AROUND:
        return line
    place = next((i for i, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), len(other))
    return line[max(0, place - AROUND) : place + AROUND]
