"""What the lessons use: formulas, explorables, glossary terms, equations; read from the notebooks.

The reference pages (explorables.md, formulas.md, the glossary) are made from this when the book is built, so
that they cannot fall behind the lessons.
"""

from __future__ import annotations

import ast
import functools
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from course_kept import kept

from course_lib import notebooks

ROOT = Path(__file__).resolve().parents[2]
TERM = re.compile(r"\{term\}`([^`]+)`", re.S)
CHECKS = "Checks of arguments"  # the formulas' own, which stand before their first heading
EQUATION = re.compile(r"\$\$(.+?)\$\$\s*\((eq-[\w-]+)\)", re.S)


@dataclass(frozen=True)
class Lesson:
    """One line of lessons.yml, with its part and number."""

    number: int
    file: str
    title: str
    question: str
    minutes: int
    part: str

    @property
    def href(self) -> str:
        """Address from a page of the folder `book`."""
        return f"../lessons/{self.file}.html"


@functools.cache
def lessons() -> dict[int, Lesson]:
    """The lessons by number, as the home page lists them."""
    parts = yaml.safe_load((ROOT / "book" / "lessons.yml").read_text(encoding="utf-8"))
    rows = [(part["part"], row) for part in parts for row in part["lessons"]]
    return {
        n: Lesson(n, row["file"], row["title"], row["question"], int(row["minutes"]), part)
        for n, (part, row) in enumerate(rows, 1)
    }


def notebook_paths() -> list[Path]:
    """The notebooks of the lessons, in order."""
    return [ROOT / "lessons" / f"{lesson.file}.ipynb" for lesson in lessons().values()]


def cells(number: int, kind: str) -> list[str]:
    """The sources of a lesson's cells of one kind, "code" or "markdown"."""
    return notebooks.sources(ROOT / "lessons" / f"{lessons()[number].file}.ipynb", kind)


def term_key(text: str) -> str:
    """How a term is compared: the target of `name <target>`, spaces joined, lower case."""
    target = re.fullmatch(r".*<(.+)>", text, re.S)
    return " ".join((target.group(1) if target else text).split()).lower()


def term_lessons() -> dict[str, list[int]]:
    """Glossary term (lower case) -> the lessons that link it."""
    found: dict[str, list[int]] = {}
    for number in lessons():
        text = "\n".join(cells(number, "markdown"))
        for key in dict.fromkeys(term_key(hit) for hit in TERM.findall(text)):
            found.setdefault(key, []).append(number)
    return found


def glossary_terms() -> dict[str, str]:
    """Each term of the glossary with its definition, as written."""
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    body = re.search(r"```\{glossary\}\n(.+?)\n```", text, re.S)
    if not body:
        raise ValueError("book/glossary.md has no {glossary} block; the terms are read from it")
    entries = re.findall(r"^(\S.*)\n((?:  .*\n?|\n)*)", body.group(1) + "\n", re.M)
    return {term.strip(): " ".join(definition.split()) for term, definition in entries}


def glossary_symbols() -> list[tuple[str, str, str]]:
    """The rows of the tables of symbols: TeX between dollars, meaning (and where), unit."""
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8").split("## Terms")[0]
    lines = [line for line in text.splitlines() if line.startswith("| $")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    said = [f"{row[1]} (lesson {row[3]})" if row[3:] else row[1] for row in rows]
    return [(row[0], meaning, row[2]) for row, meaning in zip(rows, said, strict=True)]


@dataclass(frozen=True)
class Equation:
    """A labelled equation of a lesson."""

    label: str
    tex: str
    lesson: int


def equations() -> list[Equation]:
    """Every labelled equation, in the order of the lessons."""
    found = []
    for number in lessons():
        for tex, label in EQUATION.findall("\n\n".join(cells(number, "markdown"))):
            found.append(Equation(label, tex.strip(), number))
    return found


@dataclass(frozen=True)
class Shown:
    """An explorable with the lesson in which it stands."""

    id: str
    title: str
    lead: str
    tries: int
    lesson: int


def factory_lessons() -> dict[str, int]:
    """Name of an explorable's factory -> the lesson whose notebook calls it."""
    from course_lib.widgets import pyjs
    from course_lib.widgets.explorable import REGISTRY

    for name in pyjs.explore_modules():
        importlib.import_module(name)
    called = {n: _calls("\n".join(cells(n, "code"))) for n in lessons()}
    found = {}
    for key in REGISTRY:
        module, factory = key.split(".")
        homes = [n for n in lessons() if factory in called[n] and module == f"lesson_{n:02d}"]
        if homes:
            found[key] = homes[0]
    return found


@functools.cache
def explorables() -> tuple[Shown, ...]:
    """Every explorable of the library that a lesson shows, in the order of the lessons."""
    homes, told = factory_lessons(), kept("explorables", _told)
    return tuple(sorted((Shown(**told[key], lesson=homes[key]) for key in homes), key=lambda e: e.lesson))


def _told() -> dict[str, dict[str, Any]]:
    """What the list tells of each explorable, by the name of its factory."""
    from course_lib.widgets.explorable import REGISTRY

    specs = {key: REGISTRY[key]().spec for key in REGISTRY}
    return {key: {"id": s["id"], "title": s["title"], "lead": s["lead"], "tries": len(s["tries"])}
            for key, s in specs.items()}  # fmt: skip


def _tree(code: str) -> ast.Module:
    """The syntax tree of a notebook's or a module's code; lines of IPython are left out."""
    return ast.parse("\n".join(line for line in code.splitlines() if line[:1] not in "%!"))


def _calls(code: str) -> set[str]:
    """Names of everything that is called, without what stands before the last dot."""
    functions = [node.func for node in ast.walk(_tree(code)) if isinstance(node, ast.Call)]
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in functions}


def _mentions(code: str) -> set[str]:
    """Every name and attribute in some code."""
    nodes = list(ast.walk(_tree(code)))
    names = {n.id for n in nodes if isinstance(n, ast.Name)}
    return names | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


@functools.cache
def formula_lessons() -> dict[str, tuple[int, ...]]:
    """Formula -> lessons whose notebook, explorables, checked claims or quiz use it."""
    library = ROOT / "course_lib"
    names = {name for group in formula_groups().values() for name in group}
    used: dict[str, list[int]] = {name: [] for name in names}
    for n in lessons():
        files = [library / folder / f"lesson_{n:02d}.py" for folder in ("widgets/explore", "claims")]
        files += library.glob(f"quizzes/q{n:02d}_*.py")
        found = _mentions("\n".join(cells(n, "code")))
        for path in files:
            found |= _mentions(path.read_text(encoding="utf-8")) if path.exists() else set()
        for name in found & names:
            used[name].append(n)
    return {name: tuple(numbers) for name, numbers in used.items()}


@functools.cache
def formula_callers() -> dict[str, tuple[str, ...]]:
    """Formula -> modules of the library that use it (other formulas by their name)."""
    return {name: tuple(found) for name, found in kept("callers", _callers).items()}


def _callers() -> dict[str, list[str]]:
    """The same, read from the sources."""
    library = ROOT / "course_lib"
    names = {name for group in formula_groups().values() for name in group}
    used: dict[str, list[str]] = {name: [] for name in names}
    for path in sorted(library.rglob("*.py")):
        if "node_modules" in path.parts or path.parent == library / "formulas":
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name in _mentions(path.read_text(encoding="utf-8")) & names:
            used[name].append(module)
    for function in (node for node in ast.parse(formula_source()).body if isinstance(node, ast.FunctionDef)):
        for name in _calls(ast.unparse(function)) & names - {function.name}:
            used[name].append(function.name)
    return used


@functools.cache
def formula_source() -> str:
    """The sources of all the formulas, one module after another."""
    from course_lib import formulas
    from course_lib.widgets import pyjs

    return pyjs.source_of(formulas)


@functools.cache
def formula_groups() -> dict[str, tuple[str, ...]]:
    """Heading over formulas -> the public functions below it, in their order."""
    heading = CHECKS
    groups: dict[str, list[str]] = {}
    for line in formula_source().splitlines():
        new = re.fullmatch(r"# --- (.+?) -+", line)
        heading = new.group(1) if new else heading
        function = re.match(r"def ([a-z]\w*)\(", line)
        if function:
            groups.setdefault(heading, []).append(function.group(1))
    return {name: tuple(found) for name, found in groups.items()}


def slug(name: str) -> str:
    """A formula's anchor on its page."""
    return "formula-" + name.replace("_", "-")


def links(numbers: Any) -> str:
    """Links to lessons by number: "lesson 3", "lessons 3, 4 and 6" (HTML)."""
    made = [f'<a href="{lessons()[n].href}" title="{lessons()[n].title}">{n}</a>' for n in numbers]
    if not made:
        return ""
    joined = ", ".join(made[:-1]) + (" and " if made[1:] else "") + made[-1]
    return f"{'lesson' if len(made) == 1 else 'lessons'} {joined}"
