"""A new lesson from the templates, and what belongs to a lesson: the two commands of CONTRIBUTING.md.

    python -m course_lib.notebooks new 21_vocabulary "Vocabulary"
    python -m course_lib.notebooks parts 21

`new` writes stubs that run and pass, and names the lesson where the book lists lessons; it overwrites
nothing. `parts` changes nothing: it lists files, lines that name the lesson, and what no other lesson uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = Path("lessons/_template")
NAME = re.compile(r"(\d\d)_[a-z][a-z0-9_]*")
WHERE = {  # template -> the file that it becomes; NN and NN_name are the lesson's number and name
    "../_template.ipynb": "lessons/NN_name.ipynb",
    "explore.py": "course_lib/widgets/explore/lesson_NN.py",
    "quiz.py": "course_lib/quizzes/qNN_name.py",
    "claims.py": "course_lib/claims/lesson_NN.py",
    "tests.py": "tests/test_lesson_NN.py",
}
LISTS = ("_toc.yml", "book/lessons.yml", "book/paths.yml")  # where the book lists its lessons
SEARCHED = ("course_lib", "lessons", "book", "tests", "_toc.yml", "README.md")
TEXTS = {".py", ".ipynb", ".md", ".yml", ".js", ".css"}


def lessons(root: Path = ROOT) -> list[str]:
    """The lessons by name, such as "01_why_scale", in the order of the book."""
    listed = yaml.safe_load((root / "book" / "lessons.yml").read_text(encoding="utf-8"))
    return [row["file"] for part in listed for row in part["lessons"]]


def new(name: str, title: str, root: Path = ROOT) -> list[Path]:
    """Write a lesson's notebook, explorable, quiz, claims and tests from the templates, and list it."""
    following = len(lessons(root)) + 1
    if not NAME.fullmatch(name) or int(name[:2]) != following:
        raise ValueError(f"expected the next number and a name, {following:02d}_x say; got {name!r}")
    if not title.strip() or '"' in title:
        raise ValueError(f"expected a title without quotation marks, Vocabulary say; got {title!r}")
    made = {root / _named(path, name): root / TEMPLATES / source for source, path in WHERE.items()}
    taken = [str(path.relative_to(root)) for path in made if path.exists()]
    if taken:
        raise ValueError(f"{', '.join(taken)} exists already; `parts {name[:2]}` lists what belongs to it")
    for path, source in made.items():
        path.write_text(_filled(source.read_text(encoding="utf-8"), name, title), encoding="utf-8")
    for listing, line in _entries(name, title).items():
        _insert(root / listing, line)
    return [*made, *(root / listing for listing in LISTS)]


def _named(text: str, name: str) -> str:
    """A text with the lesson's number and name for NN and NN_name."""
    return re.sub(r"NN(?![a-z])", name[:2], text.replace("NN_name", name))


def _filled(text: str, name: str, title: str) -> str:
    """A template with the lesson's number, name and title."""
    return _named(text.replace("Title of the lesson", title), name)


def _entries(name: str, title: str) -> dict[str, str]:
    """The line that names a lesson, for each list."""
    row = f'file: {name}, title: "{title}", question: "One question?", minutes: 30'
    step = f'lesson: {int(name[:2])}, why: "Say why to read it.", open: [first-{name[:2]}]'
    return {
        "_toc.yml": f"      - file: lessons/{name}\n",
        "book/lessons.yml": f"    - {{{row}}}\n",
        "book/paths.yml": f"    - {{{step}}}\n",
    }


def _insert(path: Path, line: str) -> None:
    """Put a line after the last lesson of a list (of the path through the whole course, in paths.yml)."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next((i for i, old in enumerate(lines) if "id: the-whole-course" in old), 0)
    end = next((i for i, old in enumerate(lines) if i > start > 0 and old.startswith("- id:")), len(lines))
    last = max(i for i in range(start, end) if re.match(r"\s+- (file: lessons/|\{(file|lesson): )", lines[i]))
    path.write_text("".join([*lines[: last + 1], line, *lines[last + 1 :]]), encoding="utf-8")


def parts(number: int, root: Path = ROOT) -> str:
    """What belongs to a lesson, as text: its files, the lines that name it, and what is used by it alone."""
    name = next((n for n in lessons(root) if int(n[:2]) == number), None)
    if name is None:
        raise ValueError(f"there is no lesson {number}; book/lessons.yml lists 1 to {len(lessons(root))}")
    files = [root / _named(path, name) for path in WHERE.values()]
    own = [path for path in files if path.exists()]
    texts = {path: path.read_text(encoding="utf-8") for path in _searched(root)}
    mine = "\n".join(texts[path] for path in own)
    rest = {path: text for path, text in texts.items() if path not in own and path.suffix != ".css"}
    alone = [f"  {told}" for told in _used_by_none(mine, rest, root)]
    says = re.compile(rf"lesson_{name[:2]}\b|{name}|lesson: {number}\b|lessons? {number}\b")
    lines = [
        f"  {path.relative_to(root)}:{i}: {line.strip()[:90]}"
        for path, text in rest.items()
        for i, line in enumerate(text.splitlines(), 1)
        if says.search(line)
    ]
    return "\n".join([
        "Files:", *(f"  {path.relative_to(root)}" for path in own),
        "Lines that name it:", *(lines or ["  none"]),
        "Used by it and by nothing else (tests aside):", *(alone or ["  nothing"]),
    ])  # fmt: skip


def _searched(root: Path) -> list[Path]:
    """Every text file that may name a lesson, the built front end aside."""
    found = [root / name for name in SEARCHED if (root / name).is_file()]
    found += [path for name in SEARCHED for path in (root / name).rglob("*")]
    apart = {"node_modules", "static", "__pycache__", "_template", ".ipynb_checkpoints"}
    apart |= {"scaffold.py", "test_scaffold.py", "test_contributing.py"}  # they speak of lessons by example
    return sorted(p for p in found if p.suffix in TEXTS and not apart & set(p.relative_to(root).parts))


def _used_by_none(mine: str, rest: dict[Path, str], root: Path) -> Iterator[str]:
    """Formulas, terms, citations and views that the lesson's own files use, and no other file but tests."""
    formulas = [str(p.relative_to(root)) for p in sorted((root / "course_lib" / "formulas").glob("*.py"))]
    kinds = [("formula", home, r"^(?:def )?([A-Za-z_]\w*)(?: = |\()", r"\b{}\b") for home in formulas]
    kinds += [
        ("term", "book/glossary.md", r"^([A-Za-z][^\n]*)\n  ", r"(?i)\{{term\}}`(?:[^`<]*<)?{}>?`"),
        ("citation", "book/references.bib", r"^@\w+\{(\w+),", r"\b{}\b"),
    ]
    others = "\n".join(text for path, text in rest.items() if path.parts[-2] != "tests")
    for kind, home, pattern, use in kinds:
        source = (root / home).read_text(encoding="utf-8")
        for found in re.finditer(pattern, source, re.M):
            used = re.compile(use.format(re.escape(found[1])))
            # A formula stands once in the other files: where it is defined.
            if used.search(mine) and len(used.findall(others)) == (kind == "formula"):
                line = source[: found.start()].count("\n") + 1
                yield f"{home}:{line}: {kind} {found[1]}"
    shown = re.compile(r'view="(\w+)"')
    code = "\n".join(text for path, text in rest.items() if path.suffix == ".py")
    for view in sorted(set(shown.findall(mine)) - set(shown.findall(code)) - {"chart"}):
        yield f"course_lib/widgets/front/src/views/{view}.js: view {view}, its css and its line in index.js"
