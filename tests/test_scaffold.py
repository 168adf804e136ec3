"""A new lesson from the templates, and the list of what belongs to one."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from conftest import ROOT, lesson_paths

from course_lib import notebooks, scaffold
from course_lib.claims import Claim
from course_lib.widgets import pyjs

FOLLOWING = len(lesson_paths()) + 1
NAME = f"{FOLLOWING:02d}_tried"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """As much of the repository as the two commands read and write."""
    read = [*scaffold.LISTS, "lessons/_template.ipynb", "course_lib/formulas/shapes.py", "book/glossary.md",
            "book/references.bib", "lessons/20_landscape.ipynb"]  # fmt: skip
    for name in read:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / scaffold.TEMPLATES, tmp_path / scaffold.TEMPLATES)
    for name in scaffold.WHERE.values():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    return tmp_path


def test_a_new_lesson_is_written_and_listed(copy: Path) -> None:
    """Five files without a placeholder left, one line in each list, behind the last lesson."""
    before = {name: (ROOT / name).read_text(encoding="utf-8") for name in scaffold.LISTS}
    made = scaffold.new(NAME, "Tried", copy)
    assert [str(p.relative_to(copy)) for p in made[-3:]] == list(scaffold.LISTS) and len(made) == 8
    for path in made[:5]:
        text = path.read_text(encoding="utf-8")
        assert "NN" not in text and "Title of the lesson" not in text and str(FOLLOWING) in text
    notebook = copy / "lessons" / f"{NAME}.ipynb"
    assert notebook.read_text(encoding="utf-8") == notebooks.to_text(notebooks.read(notebook))
    assert scaffold.lessons(copy)[-1] == NAME
    for name in scaffold.LISTS:
        old, lines = before[name].splitlines(), (copy / name).read_text(encoding="utf-8").splitlines()
        added = [line for line in lines if line not in old]
        assert len(lines) == len(old) + 1 and len(added) == 1 and str(FOLLOWING) in added[0]
        yaml.safe_load("\n".join(lines))
    paths = {path["id"]: path for path in yaml.safe_load((copy / "book" / "paths.yml").read_text())}
    assert paths["the-whole-course"]["steps"][-1]["lesson"] == FOLLOWING
    toc = (copy / "_toc.yml").read_text(encoding="utf-8").splitlines()
    place = next(i for i, line in enumerate(toc) if NAME in line)
    assert lesson_paths()[-1].stem in toc[place - 1]


def load(path: Path) -> ModuleType:
    """A stub as a module, from where it was written."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stubs_work(copy: Path) -> None:
    """Explorable, quiz and claims do what a lesson's must, and the explorable compiles for the page."""
    _, explore, quiz, claims, *_ = scaffold.new(NAME, "Tried", copy)
    module = load(explore)
    widget = module.first()
    assert len(widget.spec["tries"]) >= 2 and widget.result["readouts"] and widget.result["verdict"]
    assert widget.spec["id"] in (copy / "book" / "paths.yml").read_text(encoding="utf-8")
    known = {name: pyjs.short_name(name) for name in pyjs.SHARED}
    compiled = pyjs.compile_source(explore.read_text(encoding="utf-8"), "stub", known)
    assert "first_compute: first_compute" in compiled
    lesson = load(quiz).build()
    assert lesson.id == NAME and len(lesson.questions) >= 6 and lesson.predictions and lesson.exercises
    found: list[Claim] = load(claims).CLAIMS
    assert [claim.id for claim in found] == [f"P{FOLLOWING}-1"] and found[0].check().verdict == "confirmed"


@pytest.mark.parametrize(
    ("name", "title", "told"),
    [("30_x", "X", f"{FOLLOWING:02d}_x say"), (f"{FOLLOWING:02d}-x", "X", "next number and a name"),
     (NAME, ' ', "a title"), (NAME, 'say "x"', "without quotation marks")],
)  # fmt: skip
def test_what_cannot_be_a_lesson_is_refused(copy: Path, name: str, title: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        scaffold.new(name, title, copy)


def test_nothing_is_overwritten(copy: Path) -> None:
    """One file in the way: told by name, and nothing is written."""
    quiz = copy / "course_lib" / "quizzes" / f"q{NAME}.py"
    quiz.write_text("mine")
    before = sorted(copy.rglob("*"))
    with pytest.raises(ValueError, match=rf"q{NAME}\.py exists already"):
        scaffold.new(NAME, "Tried", copy)
    assert sorted(copy.rglob("*")) == before and quiz.read_text() == "mine"


def test_parts_lists_what_belongs_to_a_lesson(copy: Path) -> None:
    """Its files, the lines that name it, and the formula, term and citation that nothing else uses."""
    scaffold.new(NAME, "Tried", copy)
    additions = {"course_lib/formulas/shapes.py": "\n\ndef tried_share(x: float) -> float:\n    return x\n",
                 "book/references.bib": "\n@misc{tried2026,\n  title = {T}\n}\n",
                 "book/glossary.md": "\ntried things\n  What one has tried.\n"}  # fmt: skip
    for name, text in additions.items():
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write(text)
    notebook = copy / "lessons" / f"{NAME}.ipynb"
    said = "formulas.tried_share(1), {term}`tried things`, {cite:p}`tried2026`"
    text = notebook.read_text(encoding="utf-8").replace("In a live notebook", said)
    notebook.write_text(text, encoding="utf-8")
    told = scaffold.parts(FOLLOWING, copy)
    for path in scaffold.WHERE.values():
        assert path.replace("NN_name", NAME).replace("NN", NAME[:2]) in told
    assert all(f"{name}:" in told for name in scaffold.LISTS)
    for what in ("formula tried_share", "term tried things", "citation tried2026"):
        assert what in told
    (copy / "book" / "elsewhere.md").write_text("{term}`tried things` and {cite:p}`tried2026`")
    told = scaffold.parts(FOLLOWING, copy)
    assert "formula tried_share" in told and "tried things" not in told and "tried2026" not in told


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """`parts` reads this very repository; a wrong call says how."""
    assert notebooks.main(["parts", "16"]) == 0
    told = capsys.readouterr().out
    assert "lessons/16_parallelism.ipynb" in told and "_toc.yml:" in told
    assert "views/cluster.js: view cluster" in told
    for arguments in (["parts"], ["parts", "99"], ["new", "21_x"], ["new", "x", "X"]):
        with pytest.raises(SystemExit):
            notebooks.main(arguments)
    assert "next number and a name" in capsys.readouterr().err
