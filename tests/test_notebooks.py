"""The lessons as files: one normal form, one frame, small cells; and the tool that sees to it."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT, lesson_paths

from course_lib import notebooks

LESSONS = lesson_paths()
TEMPLATE = ROOT / "lessons" / "_template.ipynb"
FRAME = ["Predict", "The idea", "Touch it", "Run it", "Check the source", "Quiz", "Exercises", "Take-aways"]
MAX_CELL_LINES, MAX_DEF_LINES = 15, 5

each_notebook = pytest.mark.parametrize("path", [*LESSONS, TEMPLATE], ids=lambda p: p.stem)


def python(source: str) -> str:
    """A code cell without IPython's magics."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


@each_notebook
def test_is_in_normal_form(path: Path) -> None:
    """The file is what `python -m course_lib.notebooks normalize` writes."""
    normal = path.read_text(encoding="utf-8") == notebooks.to_text(notebooks.read(path))
    assert normal, f"run: python -m course_lib.notebooks normalize lessons/{path.name}"


@each_notebook
def test_has_the_frame(path: Path) -> None:
    """The sections of the frame are there, in order; others may stand between them."""
    lines = "\n".join(notebooks.sources(path, "markdown")).splitlines()
    assert sum(line.startswith("# ") for line in lines) == 1, "one title"
    headings = [line[3:].strip() for line in lines if line.startswith("## ")]
    framed = [next((f for f in FRAME if h.startswith(f)), None) for h in headings]
    assert [f for f in framed if f] == FRAME, f"sections {headings}; expected, in this order, {FRAME}"


@each_notebook
def test_says_what_it_is_about(path: Path) -> None:
    """The first cell: the question, what one will be able to do, the time, what it builds on, the sources."""
    first = notebooks.sources(path, "markdown")[0]
    for label in ("**Question.**", "**You will be able to**", "**Time.**", "**Builds on.**", "**Mirrors.**"):
        assert label in first, f"{label} is missing in the first cell"


@each_notebook
def test_cells_are_small(path: Path) -> None:
    """A code cell holds one idea, and no long function."""
    for source in notebooks.sources(path, "code"):
        lines = len(source.splitlines())
        assert lines <= MAX_CELL_LINES, f"{lines} lines, {MAX_CELL_LINES} at most: split the cell\n{source}"
        for node in ast.walk(ast.parse(python(source))):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= MAX_DEF_LINES, f"move {node.name} to course_lib"


@each_notebook
def test_code_stands_between_sentences(path: Path) -> None:
    """A sentence before every cell says why, one after it says what was seen."""
    kinds = [cell["cell_type"] for cell in notebooks.read(path)["cells"]]
    assert kinds[0] == kinds[-1] == "markdown"
    assert ("code", "code") not in list(itertools.pairwise(kinds)), "two code cells in a row"


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_nothing_gives_the_quiz_away(path: Path) -> None:
    """The key is printed for the comparison and folded in the book; no sentence holds an answer."""
    cells = notebooks.read(path)["cells"]
    keys = [cell for cell in cells if "quiz.answer_key(" in "".join(cell["source"])]
    assert keys, "print(quiz.answer_key()) is missing"
    assert all("hide-cell" in cell["metadata"].get("tags", []) for cell in keys)
    prose = "\n".join(notebooks.sources(path, "markdown"))
    assert not re.search(r"quiz\.answer\(\d+, *[\"'\d]", prose), "write quiz.answer(1, …)"


@each_notebook
def test_marker_stands_alone(path: Path) -> None:
    """A comparison marker shares its line with nothing: nbval would not see it."""
    for source in notebooks.sources(path, "code"):
        if notebooks.MARKER in source:
            assert notebooks.is_marked(source), f"{notebooks.MARKER} stands alone on its line\n{source}"


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_headline_numbers_are_compared(path: Path) -> None:
    """Each lesson has marked cells, each with stored text for nbval to compare."""
    cells = [c for c in notebooks.read(path)["cells"] if c["cell_type"] == "code"]
    marked = [c for c in cells if notebooks.is_marked("".join(c["source"]))]
    assert len(marked) >= 3, "headline numbers, source check and quiz keys"
    for cell in marked:
        assert notebooks.printed_text(cell["outputs"]).strip(), f"cell {cell['id']}: run update-outputs"


def test_no_function_is_written_twice() -> None:
    """What two lessons need lives in the library."""
    names: Counter[str] = Counter()
    for path in LESSONS:
        trees = [ast.parse(python(source)) for source in notebooks.sources(path, "code")]
        names.update({n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)})
    twice = [name for name, count in names.items() if count > 1]
    assert not twice, f"defined in two cells of the lessons, so move to course_lib: {twice}"


def make_notebook(*code: str) -> dict:
    """A notebook as an editor may leave it: with counts, outputs and metadata."""
    noise = {"execution_count": 3, "metadata": {"collapsed": True, "tags": ["keep"]}}
    out = [{"output_type": "stream", "name": "stdout", "text": ["4\n"]},
           {"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": {}}]
    cells = [{"cell_type": "code", "source": c, "outputs": out, **noise} for c in code]
    return {"cells": cells, "metadata": {"widgets": {}}, "nbformat": 4, "nbformat_minor": 4}


def test_normal_form_keeps_only_compared_text() -> None:
    """Counts, pictures and metadata go; the text of marked cells and tags stay."""
    plain, marked = notebooks.normalize(make_notebook("print(4)  ", f"{notebooks.MARKER}\nprint(4)"))["cells"]
    assert plain["outputs"] == [] and plain["execution_count"] is None and plain["source"] == ["print(4)"]
    assert marked["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["4\n"]}]
    assert plain["metadata"] == {"tags": ["keep"]}


def test_normal_form_is_stable() -> None:
    """Normalizing twice changes nothing."""
    once = notebooks.to_text(make_notebook("x = 1", f"{notebooks.MARKER}\nprint(2)"))
    assert notebooks.to_text(json.loads(once)) == once


def test_check_names_what_is_not_normal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` fails, names the file and leaves it alone; without it the file is mended."""
    path = tmp_path / "07_x.ipynb"
    path.write_text(json.dumps(make_notebook("x = 1")))
    before = path.read_text()
    assert notebooks.main(["normalize", "--check", str(path)]) == 1
    assert path.read_text() == before and "07_x.ipynb" in capsys.readouterr().out
    assert notebooks.main(["normalize", str(path)]) == 0
    assert notebooks.main(["normalize", "--check", str(path)]) == 0


def test_not_a_notebook(tmp_path: Path) -> None:
    """A broken file is refused by name."""
    path = tmp_path / "broken.ipynb"
    path.write_text("[1, 2")
    with pytest.raises(ValueError, match=r"broken\.ipynb"):
        notebooks.read(path)


def test_failing_cell_is_named(tmp_path: Path) -> None:
    """An error names the lesson, the cell and what was raised."""
    path = tmp_path / "08_y.ipynb"
    path.write_text(notebooks.to_text(make_notebook("x = 1", "x / 0")))
    with pytest.raises(notebooks.CellFailed, match=r"08_y\.ipynb, cell 2 .*ZeroDivisionError"):
        notebooks.execute(path)


def test_update_outputs_and_imports(tmp_path: Path) -> None:
    """Executing stores the printed text, and knows which library files the lesson used."""
    path = tmp_path / "09_z.ipynb"
    lesson = make_notebook("import course_lib.formulas", f"{notebooks.MARKER}\nprint(6 * 7)")
    path.write_text(notebooks.to_text(lesson))
    notebooks.update_outputs(path)
    stored = notebooks.read(path)["cells"][1]["outputs"]
    assert notebooks.printed_text(stored) == "42\n"
    assert any(name.endswith("formulas/work.py") for name in notebooks.execute(path).imported)
