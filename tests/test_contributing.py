"""CONTRIBUTING.md stays true: what it names exists, its commands are known, and its worked example works.

The example is followed in a copy of the repository, piece by piece; then the real tests run there on the new
lesson. A piece is a fenced block whose first line names its file.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT, lesson_paths

from course_lib import notebooks, scaffold

GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PIECES = re.findall(r"^```(\w+)\n# ([\w./]+)(?:, ([\w ]+))?\n(.*?)^```$", GUIDE, re.M | re.S)
COMMANDS = re.findall(r"^\$ (.+)$", GUIDE, re.M)
LEFT = shutil.ignore_patterns("__pycache__", "node_modules", "_build", ".venv", ".git", ".hypothesis",
                              ".*_cache", "screens", "*.egg-info")  # fmt: skip
CHECKED = ("notebooks", "explorables", "quizzes", "factcheck", "numbers", "voice", "formulas", "ways_in",
           "lesson_21")  # fmt: skip
CHOSEN = ("21_vocabulary or lesson_21 or [21] or 21- or javascript_gives or every_list or labelled "
          "or every_lesson or agrees or lead_to_each or cited or tao2024")  # fmt: skip
pytestmark = pytest.mark.skipif(len(lesson_paths()) != 20, reason="the worked example is lesson 21")


def section_cell(notebook: dict[str, Any], section: str, kind: str) -> dict[str, Any]:
    """The first cell of a kind in a section; a section's markdown is the cell that holds its heading."""
    inside = False
    for cell in notebook["cells"]:
        heading = re.search(r"^## (.+)$", "".join(cell["source"]), re.M)
        inside = heading[1].startswith(section) if heading else inside
        if inside and cell["cell_type"] == kind:
            return cell
    raise AssertionError(f"no {kind} cell in the section {section!r}")


def put(root: Path, language: str, name: str, section: str, text: str) -> None:
    """Put a piece of the guide where it belongs, as the guide says."""
    path = root / name
    if section:
        notebook = notebooks.read(path)
        kind = "markdown" if language == "markdown" else "code"
        section_cell(notebook, section, kind)["source"] = text.rstrip()
        path.write_text(notebooks.to_text(notebook), encoding="utf-8")
        return
    old = path.read_text(encoding="utf-8")
    if "/formulas/" in name:
        text = old.replace("guard.module(", f"{text}\n\nguard.module(")
    elif "/quizzes/" in name:
        text = f"{old}\n\n{text}"
    elif name.endswith("glossary.md"):
        terms = re.finditer(r"^(\w.*)\n  ", old, re.M)
        after = next(found for found in terms if found[1].lower() > "vocabulary")
        text = f"{old[: after.start()]}{text}\n{old[after.start() :]}"
    elif name.endswith(".bib"):
        text = f"{old}\n{text}"
    path.write_text(text, encoding="utf-8")


def swap(path: Path, old: str, new: str) -> None:
    """Replace what the guide says to replace; it must stand there."""
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text), f"{path.name} holds no {old}"
    path.write_text(re.sub(old, new, text), encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which the worked example has been followed up to the tests."""
    root = tmp_path_factory.mktemp("copy") / "course"
    shutil.copytree(ROOT, root, ignore=LEFT)
    scaffold.new("21_vocabulary", "Vocabulary", root)
    for piece in PIECES:
        put(root, *piece)
    assert "“Twenty-one lessons” there" in GUIDE
    swap(root / "book/intro.md", "Twenty lessons", "Twenty-one lessons")
    replaced = dict(re.findall(r"`(\S+)`(?: in the stub)? becomes? `(\S+)`", GUIDE))
    assert set(replaced) == {"first-21", "explore.first()", "_tenfold()"}
    swap(root / "course_lib/quizzes/q21_vocabulary.py", r"(?<!def )_tenfold\(\)", replaced["_tenfold()"])
    assert "`[Vocabulary](21_vocabulary)`" in GUIDE
    link = "**Next.** [Vocabulary](21_vocabulary)."
    swap(root / "lessons/20_landscape.ipynb", r"\*\*Next\.\*\* [^\"]+", link)
    swap(root / "book/paths.yml", "first-21", replaced["first-21"])
    swap(root / "lessons/21_vocabulary.ipynb", r"explore\.first\(\)", replaced["explore.first()"])
    return root


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the copy, with the copy's library."""
    set_ = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    full = [sys.executable, "-m", *command]
    return subprocess.run(full, cwd=root, env=set_, capture_output=True, text=True)


def test_the_worked_example_works(followed: Path) -> None:
    """Executed, its outputs stored, linted, held against the tests of its parts: nothing complains."""
    written = ["course_lib", "lessons", "tests/test_lesson_21.py"]
    for command in (["course_lib.notebooks", "update-outputs", "lessons/21_vocabulary.ipynb"],
                    ["ruff", "check", "--no-cache", *written]):  # fmt: skip
        done = run(followed, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    files = [f"tests/test_{name}.py" for name in CHECKED]
    done = run(followed, "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", CHOSEN)
    assert done.returncode == 0, done.stdout[-6000:]
    counts = re.search(r"(\d+) passed", done.stdout)
    assert counts and int(counts[1]) > 30, done.stdout[-500:]
    cells = notebooks.read(followed / "lessons" / "21_vocabulary.ipynb")["cells"]
    printed = "".join(notebooks.printed_text(cell.get("outputs", [])) for cell in cells)
    for line in ("8 layers of 512: 39.4%", "P21-1  CONFIRMED", "1. share: 39.43 %"):
        assert line in printed


def test_parts_lists_the_example(followed: Path) -> None:
    """What the guide says that `parts` lists, it lists: files, lines, and what is used here alone."""
    told = scaffold.parts(21, followed)
    assert all(name in told for name in scaffold.LISTS)
    for what in ("formula token_table_share", "formula TAO_LLAMA2_VOCAB", "term vocabulary", "tao2024"):
        assert what in told, told


def test_files_and_folders_exist() -> None:
    """Every path in the guide leads somewhere, here or in the example."""
    named = set(re.findall(r"`([\w./*-]+/[\w./*-]*|\w+\.(?:yml|md|txt|toml))`", GUIDE))
    front = ROOT / "course_lib" / "widgets" / "front" / "src"
    assert len(named) > 25
    for name in named:
        general = re.sub("NN(_name)?|name", "*", name)
        there = any(list(base.glob(general)) for base in (ROOT, front))
        made = any(name in piece[1] for piece in PIECES) or name in {"_build/page", "views/name.js"}
        assert there or made or name.endswith("/name.js") or name.endswith("/name.css"), name


def test_commands_are_known() -> None:
    """Make targets, commands of the library and names in the map exist."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    asked = set(re.findall(r"\bmake ([a-z]+)\b(?= LESSON|`)", GUIDE))
    assert {"check", "page", "test", "lab", "bundle"} <= asked <= targets
    for command in re.findall(r"course_lib\.notebooks ([a-z-]+)", GUIDE):
        assert command in {"new", "parts", "normalize", "update-outputs"}
    with pytest.raises(SystemExit) as left:
        notebooks.main(["--help"])
    assert left.value.code == 0 and len(COMMANDS) >= 5


def test_checks_say_what_the_guide_says() -> None:
    """Each message in the table of what is told stands in a test."""
    table = GUIDE.split("### What is told")[1].split("### 8")[0]
    messages = re.findall(r"\| `([^`]+)` \|$", table, re.M)
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")
                        if path.name != Path(__file__).name)  # fmt: skip
    sources = re.sub(r'"\s*\n\s*f?"', "", sources).replace("{word}", "Twenty-one")
    assert len(messages) > 8
    for message in messages:
        assert message in sources, message


def test_it_can_be_read_at_once() -> None:
    """Short enough to be read, and the links inside lead to headings."""
    assert len(GUIDE.splitlines()) <= 300
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.M)
    slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", GUIDE)) <= slugs


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/preview_page.py as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("preview_page", ROOT / "scripts" / "preview_page.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_page_complains_of_its_own_faults_only(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make page`: a link to a page that is not built is passed over, a missing term is not."""
    said = ["intro.md:9: WARNING: Unknown source document 'lessons/01' [myst.xref_missing]"]
    ran: list[Path] = []
    monkeypatch.setattr(builder, "BUILD", tmp_path)
    monkeypatch.setattr(builder, "run_lessons", lambda paths, jobs: ran.extend(paths))

    def pretend(*command: object, **options: object) -> SimpleNamespace:
        return SimpleNamespace(stderr="\n".join(said), returncode=0)

    monkeypatch.setattr(builder.subprocess, "run", pretend)
    assert builder.preview(20) == 0 and ran == [lesson_paths()[-1]]
    pages = json.dumps((tmp_path / "page.yml").read_text(encoding="utf-8"))
    assert "lessons/20_" in pages and "book/glossary" in pages
    said.append("lessons/20.ipynb:4: WARNING: term not in glossary: 'x'")
    assert builder.preview(20) == 1
    assert "'x'" in capsys.readouterr().err
    assert builder.preview(99) == 1 and "99_" in capsys.readouterr().err
    monkeypatch.setattr(builder, "subprocess", None)
    assert builder.preview(20, page=False) == 0 and len(ran) == 3
    assert builder.main([]) == 2 and "LESSON=" in capsys.readouterr().err
