"""The comparison of two runs of a lesson: what it catches, and what only a mark lets pass."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT, lesson_paths
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_lib import notebooks

spec = importlib.util.spec_from_file_location("second_run", ROOT / "lessons" / "conftest.py")
assert spec is not None and spec.loader is not None
second_run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(second_run)


def printed(text: str) -> Any:
    return new_output("stream", name="stdout", text=text)


def shown(plain: str, page: str = "") -> Any:
    return new_output("display_data", {"text/plain": plain, **({"text/html": page} if page else {})})


DIFFER = {
    "a digit": ([printed("loss 1.8312\nend\n")], [printed("loss 1.8313\nend\n")], "loss 1.8313"),
    "a word": ([printed("hit\n")], [printed("miss\n")], "miss"),
    "a table": ([shown("t", "<td>12</td>")], [shown("t", "<td>13</td>")], "<td>13</td>"),
    "a value": ([shown("[1, 2]")], [shown("[2, 1]")], "[2, 1]"),
    "a line more": ([printed("a 1\n")], [printed("a 1\nb 2\n")], "3 in the second"),
    "an output more": ([printed("a 1\n")], [printed("a 1\n"), shown("2")], "text/plain"),
    "nothing": ([printed("a 1\n")], [], "stdout"),
    "far in a long line": ([printed("." * 5000 + "1")], [printed("." * 5000 + "2")], ".2"),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFER)
def test_a_difference_is_found_and_both_sides_are_shown(case: str) -> None:
    one, two, says = DIFFER[case]
    found = second_run.differences(one, two, "f()")
    assert says in "\n".join(found) and max(map(len, found)) < 300
    assert not second_run.differences(one, one, "f()")


def test_what_does_not_count() -> None:
    """Where an object lies in memory, and in how many pieces a text arrives."""
    here, there = shown("<Model object at 0x7fb5217>"), shown("<Model object at 0x7f60a49>")
    assert not second_run.differences([here], [there], "model")
    pieces = [printed("a 1\n"), printed("b 2\n")]
    assert not second_run.differences(pieces, [printed("a 1\nb 2\n")], "f()")


def test_a_mark_frees_the_numbers_of_its_units_and_no_others() -> None:
    cell = "f()  # CLOCK (s, GFLOP/s): how long it took here"
    told = "275 steps,  6 s at 9.5 GFLOP/s\n"
    assert not second_run.differences([printed(told)], [printed("275 steps, 12 s at 10.25 GFLOP/s\n")], cell)
    for other in ("276 steps, 6 s at 9.5 GFLOP/s\n", "275 steps, 6 seconds at 9.5 GFLOP/s\n",
                  "275 steps, 6 s, at 9.5 GFLOP/s\n"):  # fmt: skip
        assert second_run.differences([printed(told)], [printed(other)], cell), other


def test_a_mark_without_units_frees_the_cell_and_one_without_a_reason_nothing() -> None:
    one, two = [printed("width 32\n")], [printed("width 40\n")]
    assert not second_run.differences(one, two, "# CLOCK: the plan follows from this machine\nf()")
    for mark in ("# CLOCK", "# CLOCK:", "# CLOCK: time", "# CLOCK (s):", "# clock: seconds of this machine"):
        assert second_run.differences(one, two, f"{mark}\nf()"), mark


def test_the_marks_in_the_lessons_are_few_and_well_formed() -> None:
    sources = [
        (path.stem, "".join(cell["source"]))
        for path in lesson_paths()
        for cell in notebooks.read(path)["cells"]
        if cell["cell_type"] == "code" and re.search(r"#\s*CLOCK", "".join(cell["source"]))
    ]
    for name, source in sources:
        assert second_run.CLOCK.search(source), f"{name}: a mark without a reason:\n{source}"
        assert not notebooks.is_marked(source), f"{name}: a cell of a clock cannot be one that nbval compares"
    assert len(sources) <= 24, "most cells must be compared"
    assert sum(second_run.CLOCK.search(s)["units"] is None for _, s in sources) <= 6


def test_a_lesson_that_is_not_the_same_twice_fails(tmp_path: Path) -> None:
    """The real thing: a lesson with a number that depends on the threads, and its first run in the cache."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    lessons = tmp_path / "lessons"
    lessons.mkdir()
    shutil.copy(ROOT / "lessons" / "conftest.py", lessons)
    sources = ("print('loss', 2)", "import os\nprint(os.environ['OMP_NUM_THREADS'])")
    book = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbformat.write(book, lessons / "01_x.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider",
               "-p", "no:xdist", "-q", "--color=no", "--rootdir", str(tmp_path), str(lessons / "01_x.ipynb")]
    for cell, text in zip(book.cells, ("loss 2\n", "1\n"), strict=True):
        cell.outputs, cell.execution_count = [printed(text)], 1
    bundle = CacheBundleIn(book, str(lessons / "01_x.ipynb"))
    get_cache(tmp_path / "_build" / ".jupyter_cache").cache_notebook_bundle(bundle, check_validity=False)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    for says in ("01_x.ipynb, cell ", "book's run: 1", "second run: 2"):
        assert says in done.stdout
