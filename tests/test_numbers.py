"""No typed numbers: every figure in the prose of a lesson is computed in it, in the catalog, or cited."""

from __future__ import annotations

import ast
import csv
import dataclasses
import functools
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import prose_numbers
import pytest
from conftest import ROOT, lesson_paths
from prose_numbers import Figure, Origins

from course_lib import catalog, formulas, notebooks, tiny
from course_lib.quizzes.quiz import lesson as quiz_lesson
from course_lib.widgets.explorable import REGISTRY

LESSONS = lesson_paths()
EXECUTED = ROOT / "_build" / ".jupyter_cache" / "executed"
WEIGHTS = ROOT / "course_lib" / "tiny" / "weights"
# What words and units mean: GB and GiB, hours in a day, per cent.
MEANINGS = {1e3, 1e6, 1e9, 1e12, 1e15, 1024, 2.0**20, 2.0**30, 2.0**40, 24, 60, 365, 3600, 86400, 100}

# lesson -> {(cell, figure): why it needs no origin}. Short, and each must be needed.
EXCEPTIONS: dict[str, dict[tuple[str, str], str]] = {}


def named_texts(outputs: list[dict[str, Any]]) -> list[str]:
    """What outputs say: printed text and the text form of results (figures and explorables say theirs)."""
    texts = ["".join(o.get("text", "")) for o in outputs]
    return texts + ["".join(o.get("data", {}).get("text/plain", "")) for o in outputs]


@functools.cache
def executed() -> dict[str, list[str]]:
    """Code of a lesson -> what its cells said when the book was built. The newest execution counts."""
    found = {}
    for path in sorted(EXECUTED.glob("*/base.ipynb"), key=lambda p: p.stat().st_mtime):
        cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
        code = "\n---\n".join("".join(c["source"]) for c in cells)
        found[code] = [text for c in cells for text in named_texts(c.get("outputs", []))]
    return found


def stored(path: Path) -> list[str]:
    """The outputs that the notebook itself holds: of marked cells, the report on the claims among them."""
    cells = [c for c in notebooks.read(path)["cells"] if c["cell_type"] == "code"]
    return [text for c in cells for text in named_texts(c["outputs"])]


@functools.cache
def catalog_rows() -> list[tuple[set[str], set[float]]]:
    """Names of each row of the catalog, and its numbers; parameters counted and published."""
    rows = []
    for row in (*catalog.models(), *catalog.gpus(), *catalog.runs()):
        names = {row.name, *getattr(row, "aliases", ())}
        extra = [getattr(row, key, None) for key in ("params", "active_params", "training_flops")]
        rows.append((names, prose_numbers.numbers_of([vars(row), extra])))
    for table in ("abilities", "prices", "scores", "served"):
        with (ROOT / "course_lib" / "catalog" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                names = {cells[key] for key in ("model", "gpu", "ability", "benchmark") if cells.get(key)}
                rows.append((names, prose_numbers.numbers_of([v for k, v in cells.items() if k != "source"])))
    return rows


@functools.cache
def catalog_names() -> frozenset[str]:
    """Every name in the catalog that holds a digit: "Llama 3 70B" is no figure."""
    return frozenset(n for names, _ in catalog_rows() for n in names if re.search(r"\d", n) and len(n) > 3)


def from_catalog(text: str) -> set[float]:
    """Numbers of the catalog's rows that a text names."""
    text = text.lower()
    return set().union(*(found for names, found in catalog_rows() if any(n.lower() in text for n in names)))


@functools.cache
def constants() -> set[float]:
    """Numbers that formulas.py holds at its top level."""
    upper = {k: v for k, v in vars(formulas).items() if k.isupper()}
    return prose_numbers.numbers_of(upper)


def from_library(code: str) -> set[float]:
    """Constants of the modules, and defaults of the classes, that a lesson's code imports or reaches."""
    reached = [vars(importlib.import_module(name)) for name in imported(code)]
    held = [value for names in reached for name, value in names.items() if name.isupper()]
    classes = [value for names in reached for name, value in names.items()
               if inspect.isclass(value) and dataclasses.is_dataclass(value)
               and re.search(rf"\b{name}\b", code)]
    defaults = [f.default for c in classes for f in dataclasses.fields(c)]
    return prose_numbers.numbers_of([v for v in held + defaults if isinstance(v, int | float | tuple | dict)])


def imported(code: str) -> set[str]:
    """Modules of the library that some code imports by name."""
    lines = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))
    found = set()
    for node in ast.walk(ast.parse(lines)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib"):
            found.update((node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)))
    return {name for name in found - {"course_lib"} if name in modules()}


@functools.cache
def modules() -> frozenset[str]:
    """Every module of the library by its dotted name."""
    files = (ROOT / "course_lib").rglob("*.py")
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in files]
    return frozenset(".".join(p[:-1] if p[-1] == "__init__" else p) for p in parts)


def shipped(code: str) -> set[float]:
    """What the shipped models that a lesson loads say of themselves: parameters, characters read, loss."""
    found = set()
    for name in set(re.findall(r"tiny\.load\(\"([\w-]+)\"\)", code)):
        with (WEIGHTS / f"{name}.safetensors").open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        facts = json.loads(header["__metadata__"]["facts"])
        found |= prose_numbers.numbers_of(facts) | {float(tiny.load(name).count())}
    return found


def explorables(number: int) -> set[float]:
    """Numbers in the texts, the settings and the opening readouts of a lesson's explorables."""
    module = f"course_lib.widgets.explore.lesson_{number:02d}"
    importlib.import_module(module)
    made = [make() for make in list(REGISTRY.values()) if make.__module__ == module]
    return set().union(*(prose_numbers.numbers_of([w.spec, texts_in(w.result)]) for w in made))


def texts_in(value: Any) -> list[str]:
    """All texts in nested data: what an explorable says, without the points of its curves."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in texts_in(part)]


@functools.cache
def own(path: Path) -> dict[str, set[float]]:
    """The numbers of one lesson by kind, without the catalog."""
    number, code = int(path.stem[:2]), notebooks.sources(path, "code")
    quiz = quiz_lesson(f"{number:02d}")
    asked = [q.as_dict() for q in (*quiz.predictions, *quiz.questions, *quiz.exercises)]
    said = executed().get("\n---\n".join(code), [])
    return {
        "output": prose_numbers.numbers_of(stored(path)),
        "output when built": prose_numbers.numbers_of(said),
        "code": prose_numbers.numbers_of(code),
        "quiz": prose_numbers.numbers_of(asked),
        "explorable": explorables(number),
        "shipped model": shipped("\n".join(code)),
        "library": from_library("\n".join(code)),
    }


@functools.cache
def origins(path: Path) -> Origins:
    """Where a figure of this lesson may come from."""
    text = "\n".join(notebooks.sources(path, "markdown") + notebooks.sources(path, "code"))
    kinds = own(path) | {"formulas": constants(), "meaning": MEANINGS, "catalog": from_catalog(text)}
    named = {n: p for n in prose_numbers.lessons_named(prose_numbers.plain(text))
             for p in LESSONS if int(p.stem[:2]) == n and p != path}
    return Origins(kinds, {n: set().union(*own(p).values(), cited(p)) for n, p in named.items()})


def cited(path: Path) -> set[float]:
    """Figures that a lesson gives with a citation."""
    return {f.values[0] for f in prose(path) if prose_numbers.CITED in f.block}


@functools.cache
def prose(path: Path) -> tuple[Figure, ...]:
    """The figures in a lesson's prose."""
    cells = [c for c in notebooks.read(path)["cells"] if c["cell_type"] == "markdown"]
    names, figures = catalog_names(), prose_numbers.figures
    return tuple(f for c in cells for f in figures(c["id"], "".join(c["source"]), names))


def without_origin(path: Path) -> dict[tuple[str, str], Figure]:
    """Figures of a lesson that nothing accounts for, by cell and text."""
    return {(f.cell, f.text): f for f in prose(path) if origins(path).of(f) is None}


each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)


@each_lesson
def test_no_figure_is_typed(path: Path) -> None:
    """What has no origin is named; and so is an exception that is no longer needed."""
    lost, excused = without_origin(path), set(EXCEPTIONS.get(path.stem, {}))
    unneeded = sorted(excused - lost.keys())
    assert not unneeded, f"{path.stem}: take these out of EXCEPTIONS, they have an origin now: {unneeded}"
    told = [f"{path.stem}, cell {f.cell}: {f.text!r} in {f.sentence!r}" for key, f in lost.items()
            if key not in excused]
    assert not told, ("figures without an origin; print them in a marked cell, cite them, or say it without "
                      "the number (an unmarked cell counts once the book is built):\n" + "\n".join(told))


def test_exceptions_are_few_and_explained() -> None:
    """They name lessons that exist, say why, and stay rare."""
    reasons = [why for lesson in EXCEPTIONS.values() for why in lesson.values()]
    assert len(reasons) < 25 and all(len(why.split()) >= 4 for why in reasons)
    assert EXCEPTIONS.keys() <= {path.stem for path in LESSONS}


def test_lessons_have_figures() -> None:
    """The reader of prose reads: every lesson has some figures, all of them some hundreds."""
    counts = {path.stem: len(prose(path)) for path in LESSONS}
    assert sum(counts.values()) > 400, counts
    few = [name for name, count in counts.items() if count < 3]
    assert not few, f"{few}: a lesson about numbers names three or more in its prose"


def test_a_changed_figure_is_noticed() -> None:
    """Move every figure of four digits by 13 in the last places: nearly all of them lose their origin."""
    caught = total = 0
    for path in LESSONS:
        for figure in prose(path):
            digits = re.sub(r"\D", "", figure.text.split()[0]).strip("0")
            if len(digits) < 4 or prose_numbers.CITED in figure.block:
                continue
            moved = tuple(v + 13 * s for v, s in zip(figure.values, figure.steps, strict=True))
            total += 1
            caught += origins(path).of(dataclasses.replace(figure, values=moved)) is None
    assert total > 30 and caught > 0.95 * total, (caught, total)


MADE_UP = """## A lesson

It took 4,871 hours on 37 cards, and 12.34 % were lost. We computed 1,868 and set 640 in the code.

The authors report 5,432 {cite:p}`someone2020`.

| model | tokens |
|---|---|
| Llama 3 8B | 15T |
| other {cite:p}`someone2020` | 7.77T |

An H100 has 3.35 TB/s; 6 × 111 = 666 tokens; in lesson 9 it was 91.7 %. $N = 2.5 \\times 10^{11}$.

In 2019 section 3.21 of GPT-3's page and lesson 12 said `123456`, as did fp32.
"""


def made_up(**kinds: set[float]) -> dict[str, str | None]:
    """Figure -> kind of origin, for the made-up lesson."""
    lost = Origins(kinds, {9: {0.917}, 8: {4871.0}})
    return {f.text: lost.of(f) for f in prose_numbers.figures("c1", MADE_UP, {"Llama 3 8B"})}


def test_each_kind_of_origin_is_seen() -> None:
    """And the invented ones are left over."""
    kinds = {"output": {1867.9, 0.1234}, "code": {640.0}, "catalog": {15e12, 3.35e12}, "formulas": {2.5e11}}
    assert made_up(**kinds) == {
        "4,871 hours": None, "12.34%": "output", "1,868": "output", "640": "code", "5,432": "citation",
        "15T": "catalog", "7.77T": "citation", "3.35 TB": "catalog", "666 tokens": "arithmetic",
        "111": None, "91.7%": "lesson 9", "2.5 × 10^{11}": "formulas",
    }  # fmt: skip


def test_an_invented_number_is_caught(tmp_path: Path) -> None:
    """A copy of a lesson with one more figure fails, and says which."""
    path = tmp_path / LESSONS[0].name
    notebook = notebooks.read(LESSONS[0])
    assert notebook["cells"][-1]["cell_type"] == "markdown"
    notebook["cells"][-1]["source"] += ["\n\nAll 61,237 agree."]
    path.write_text(notebooks.to_text(notebook), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"01_why_scale, cell .*'61,237'"):
        test_no_figure_is_typed(path)
    assert without_origin(LESSONS[0]) == {}


def test_an_exception_must_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for a figure that has an origin, or is gone, fails."""
    name = LESSONS[0].stem
    monkeypatch.setitem(EXCEPTIONS, name, {("c15", "4.32 nats"): "no longer needed by anybody"})
    with pytest.raises(AssertionError, match=r"take these out .*4\.32 nats"):
        test_no_figure_is_typed(LESSONS[0])


@pytest.mark.parametrize(
    ("printed", "number", "agrees"),
    [("1,868 tokens", 1867.9, True), ("1,868 tokens", 1868.6, False), ("35,000", 34_812, True),
     ("35,000", 34_312, False), ("300", 296, True), ("300", 290, False), ("12.5 %", 0.125, True),
     ("12.5 %", 0.1256, False), ("70.6B", 70_553_706_496, True), ("70.6B", 7.06e9, False),
     ("80 GiB", 80 * 2**30, True), ("$3.1 \\times 10^{23}$", 3.14e23, True),
     ("$3.1 \\times 10^{23}$", 3.2e23, False), ("1.4 trillion tokens", 1.4e12, True)],
)  # fmt: skip
def test_rounding(printed: str, number: float, agrees: bool) -> None:
    """A figure agrees with what rounds to its digits; zeros at its end may be rounding."""
    (figure,) = prose_numbers.figures("c", f"It is {printed}.")
    assert figure.agrees(number) is agrees


@pytest.mark.parametrize("text", ["GPT-3 on an H100 in 2019", "section 3.21", "lesson 12", "`123456`",
                                  "$x^{128}$", "fp32 and 8x22B", "**Time.** 35 minutes.", "12 heads"])
def test_what_is_no_figure(text: str) -> None:
    """Names, years, addresses, code, exponents and small bare numbers."""
    assert prose_numbers.figures("c", text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("N = 7.06e+10", 7.06e10), ("20_000", 20_000), ("17 %", 0.17), ("3.1 x 10^23", 3.1e23),
     ("2**30", 2.0**30), ("10²¹", 1e21), ("loss 1.2345", 1.2345), ("405B", 405e9)],
)  # fmt: skip
def test_numbers_of_an_output(text: str, found: float) -> None:
    """What is printed is read with its scale."""
    assert any(abs(n / found - 1) < 1e-12 for n in prose_numbers.numbers_in(text))
