"""Lesson notebooks: one normal form, one way to execute them.

Committed notebooks hold no run-time noise: null execution counts, minimal metadata, and no
outputs except the printed text of cells marked `# NBVAL_CHECK_OUTPUT`, which nbval compares
with a fresh run. Everything else a reader sees in the book is executed when the book is built.

    python -m course_lib.notebooks normalize [--check] [notebook …]
    python -m course_lib.notebooks update-outputs notebook …
    python -m course_lib.notebooks new NN_name "Title"      (see scaffold.py)
    python -m course_lib.notebooks parts 21
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKER = "# NBVAL_CHECK_OUTPUT"
KEPT_CELL_METADATA = ("tags", "mystnb")
# What these cells print stays folded in the book: the fact check stands above as a table, and a key
# in the open would spoil the quiz.
FOLDED = {"factcheck.report(": "hide-output", "quiz.answer_key(": "hide-cell"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_TIMEOUT_S = 120

# Run after a lesson: which library files did it import? They decide when it must run again.
_LIST_IMPORTS = (
    "import sys as _s\n"
    "print('\\n'.join(m.__file__ for n, m in list(_s.modules.items())\n"
    "      if n.split('.')[0] == 'course_lib' and getattr(m, '__file__', None)))"
)


class CellFailed(RuntimeError):
    """A cell of a lesson raised; the message names the lesson, the cell and the error."""


@dataclass(frozen=True)
class Execution:
    """An executed notebook, the seconds it took, and the library files it imported."""

    notebook: Any
    seconds: float
    imported: tuple[str, ...]


def is_marked(source: str) -> bool:
    """Whether a cell asks for its output to be compared: the marker alone on a line."""
    return any(line.strip() == MARKER for line in source.splitlines())


def printed_text(outputs: list[Any]) -> str:
    """The text that a cell printed (stdout), joined."""
    parts = [o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stdout"]
    return "".join("".join(p) for p in parts)


def normalize(notebook: dict[str, Any]) -> dict[str, Any]:
    """The normal form of a notebook given as plain JSON data (nbformat 4)."""
    return {
        "cells": [_normal_cell(cell, i) for i, cell in enumerate(notebook["cells"])],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _normal_cell(cell: dict[str, Any], index: int) -> dict[str, Any]:
    """One cell in normal form; `index` names cells that have no id yet."""
    source = "".join(cell["source"]).rstrip()
    metadata = cell.get("metadata", {})
    normal: dict[str, Any] = {
        "cell_type": cell["cell_type"],
        "id": cell.get("id") or f"cell-{index:02d}",
        "metadata": {k: metadata[k] for k in KEPT_CELL_METADATA if metadata.get(k)},
        "source": source.splitlines(keepends=True),
    }
    if cell["cell_type"] == "code":
        text = printed_text(cell.get("outputs", [])) if is_marked(source) else ""
        stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
        normal["outputs"] = [stream] if text else []
        normal["execution_count"] = None
        normal["metadata"] |= _folding(source, normal["metadata"].get("tags", []))
    return normal


def _folding(source: str, tags: list[str]) -> dict[str, Any]:
    """The tags of a code cell together with those that its source asks for, as metadata."""
    asked = [tag for call, tag in FOLDED.items() if call in source and tag not in tags]
    return {"tags": [*tags, *asked]} if asked else {}


def to_text(notebook: dict[str, Any]) -> str:
    """The exact text of a notebook file in normal form."""
    return json.dumps(normalize(notebook), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def read(path: Path) -> dict[str, Any]:
    """A notebook file as plain JSON data."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a readable notebook: {error}") from error
    if not isinstance(data, dict) or "cells" not in data:
        raise ValueError(f"{path} is not a notebook: expected a JSON object with a list of cells")
    return data


def sources(path: Path, kind: str) -> list[str]:
    """The sources of a notebook's cells of one kind, "code" or "markdown"."""
    return ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == kind]


def execute(
    path: Path,
    say: Callable[[str], None] = lambda text: None,
    turn: Callable[[str], AbstractContextManager[None]] = lambda source: nullcontext(),
) -> Execution:
    """Run every cell of a lesson in a fresh kernel, in the lesson's folder.

    `say` hears where it stands. `turn(source)` is held while a cell runs; the seconds count from the moment
    at which it was given (`scripts/turns.py`).
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    notebook = nbformat.read(path, as_version=4)
    count = len(notebook.cells)
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3",
        store_widget_state=False,  # our widgets carry their own state
        record_timing=False,  # it would change the cells' metadata, by which the cache knows them
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # it warns about local TCP
    )
    started, seconds = time.perf_counter(), 0.0
    with client.setup_kernel():
        seconds += time.perf_counter() - started
        for index, cell in enumerate(notebook.cells[:count]):
            if cell.cell_type != "code":
                continue
            say(f"cell {index + 1} of {count}")
            with turn(cell.source):
                started = time.perf_counter()
                try:
                    client.execute_cell(cell, index)
                except (CellExecutionError, CellTimeoutError) as error:
                    raise CellFailed(_failure(path, index, cell, error)) from error
                seconds += time.perf_counter() - started
        imported = _imported_files(client, notebook)
    return Execution(notebook, seconds, imported)


def _imported_files(client: Any, notebook: Any) -> tuple[str, ...]:
    """Ask the still running kernel which files of the library it has loaded."""
    from nbformat.v4 import new_code_cell

    notebook.cells.append(new_code_cell(_LIST_IMPORTS))
    client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
    cell = notebook.cells.pop()
    return tuple(sorted(set(printed_text(cell.outputs).split("\n")) - {""}))


def _failure(path: Path, index: int, cell: Any, error: Exception) -> str:
    """A message that leads a writer to the failing cell."""
    name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    lines = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return f"{path.name}, cell {index + 1} (id {cell.get('id', '?')}) failed: {name}: {value}\n{lines}"


def update_outputs(path: Path) -> None:
    """Execute a lesson and store the printed text of its marked cells."""
    executed = execute(path).notebook
    for cell in executed.cells:
        marked = cell.cell_type == "code" and is_marked(cell.source)
        if marked and any(o.output_type != "stream" for o in cell.outputs):
            raise ValueError(f"{path.name}, cell {cell.id}: a marked cell must print plain text only")
    path.write_text(to_text(json.loads(json.dumps(executed))), encoding="utf-8")


def _default_paths() -> list[Path]:
    """All notebooks of the lessons folder next to the library."""
    return sorted((Path(__file__).resolve().parents[1] / "lessons").glob("*.ipynb"))


def _lesson(command: str, arguments: list[str]) -> int:
    """The commands about a whole lesson."""
    from course_lib import scaffold

    if command == "parts":
        if len(arguments) != 1 or not arguments[0].isdigit():
            raise ValueError("parts takes the number of a lesson, such as 20")
        print(scaffold.parts(int(arguments[0])))
        return 0
    if len(arguments) != 2:
        raise ValueError('new takes a name and a title, such as NN_name "Title"')
    for path in scaffold.new(arguments[0], arguments[1]):
        print(path.relative_to(scaffold.ROOT))
    update_outputs(scaffold.ROOT / "lessons" / f"{arguments[0]}.ipynb")
    print("The notebook has been executed, its compared outputs stored. Now write: see CONTRIBUTING.md")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.notebooks")
    parser.add_argument("command", choices=["normalize", "update-outputs", "new", "parts"])
    parser.add_argument("arguments", nargs="*", help='notebooks; new: a name and a "title"; parts: a number')
    parser.add_argument("--check", action="store_true", help="change nothing; fail unless all are normal")
    options = parser.parse_intermixed_args(arguments)
    if options.command in ("new", "parts"):
        try:
            return _lesson(options.command, options.arguments)
        except ValueError as error:
            parser.error(str(error))
    status = 0
    for path in [Path(name) for name in options.arguments] or _default_paths():
        if options.command == "update-outputs":
            update_outputs(path)
            print(f"{path.name}: outputs of marked cells stored")
            continue
        normal = to_text(read(path))
        if normal == path.read_text(encoding="utf-8"):
            continue
        if options.check:
            status = 1
            print(f"{path.name} is not in normal form; run: python -m course_lib.notebooks normalize {path}")
        else:
            path.write_text(normal, encoding="utf-8")
            print(f"{path.name}: normalized")
    return status


if __name__ == "__main__":
    sys.exit(main())
