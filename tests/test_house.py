"""Every file says in its first line what it is for: modules, scripts, tests, the front end, the styles."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

from conftest import ROOT

BUILT = "course_lib/widgets/static/"
KINDS = {".py", ".js", ".mjs", ".css", ".sh"}


def tracked() -> list[Path]:
    """The files of the repository that hold code; those on disk where there is no git."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    apart = {"node_modules", ".venv", "_build", ".git"}
    found = [ROOT / name for name in listed if name] or list(ROOT.rglob("*"))
    code = [path for path in found if path.suffix in KINDS and path.is_file()]
    return [p for p in code if BUILT not in p.as_posix() and not apart & set(p.relative_to(ROOT).parts)]


def reason(path: Path) -> str:
    """The first line in which a file speaks of itself, without its marks."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        return first if text.lstrip().startswith(('"""', "#!")) else ""
    line = next(line for line in text.split("\n") if not line.startswith("#!"))
    found = re.match(r"(?://|/\*|#) ?(.+?)(?:\*/)?$", line)
    return found[1].strip() if found else ""


def test_the_first_line_gives_the_reason() -> None:
    """A phrase of three words or more, which is not just the file's name."""
    files = tracked()
    assert len(files) > 300
    said = {path: reason(path) for path in files}
    weak = [str(path.relative_to(ROOT)) for path, told in said.items()
            if len(told.split()) < 3 or told.casefold() == path.stem.replace("_", " ")]  # fmt: skip
    assert not weak, f"say in the first line what the file is for: {weak}"


def test_silent_files_are_noticed(tmp_path: Path) -> None:
    """Without a comment, or with one further down, a file has no reason."""
    silent = {"a.py": "import os\n", "b.js": "export const a = 1;\n", "c.css": ".cw { color: red; }\n",
              "d.py": "import os\n'''Too late to say it.'''\n", "e.sh": "#!/bin/sh\nset -e\n"}  # fmt: skip
    for name, text in silent.items():
        (tmp_path / name).write_text(text)
        assert reason(tmp_path / name) == ""
    (tmp_path / "f.css").write_text("/* What it is for. */\n.a {}\n")
    assert reason(tmp_path / "f.css") == "What it is for."
