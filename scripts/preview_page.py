"""Build one lesson's page, with glossary and bibliography, into _build/page.

The book in _build/html stays as it is. Links to pages that are not built are no complaint here; all else is.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from lesson_runs import BUILD, ROOT, run_lessons

UNBUILT = re.compile(r"myst\.xref_missing|Unknown source document|not in any toctree|toc\.not_readable")


def preview(number: int, page: bool = True) -> int:
    """Execute the lesson if it needs it, build its page if asked to; returns the exit status."""
    path = next(iter(sorted((ROOT / "lessons").glob(f"{number:02d}_*.ipynb"))), None)
    if path is None:
        print(f"There is no lessons/{number:02d}_….ipynb", file=sys.stderr)
        return 1
    toc, out = BUILD / "page.yml", BUILD / "page"
    pages = [{"file": name} for name in (f"lessons/{path.stem}", "book/glossary", "book/bibliography")]
    contents = {"format": "jb-book", "root": "book/intro", "parts": [{"caption": "One", "chapters": pages}]}
    toc.write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")
    try:
        run_lessons([path], 1)
    except Exception as error:
        if type(error).__name__ != "CellFailed":
            raise
        print(f"\nThe page was not built: {error}", file=sys.stderr)
        return 1
    if not page:
        return 0
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", ".", "--toc", str(toc), "--path-output", str(out), "-q", "-n", "--all"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    told = [line for line in done.stderr.splitlines() if line.strip() and not UNBUILT.search(line)]
    if told:
        print("\n".join(told), file=sys.stderr)
    print(f"Open {out / '_build' / 'html' / 'lessons' / path.stem}.html")
    return done.returncode or bool(told)


def main(arguments: list[str]) -> int:
    """Command line: the number of a lesson; `--execute` leaves the page out."""
    if not arguments or not arguments[0].isdigit() or arguments[1:] not in ([], ["--execute"]):
        print("which lesson? make page LESSON=20", file=sys.stderr)
        return 2
    BUILD.mkdir(exist_ok=True)
    os.environ["COURSE_BOOK"] = "1"  # as in build_book.py
    os.environ["OMP_NUM_THREADS"] = "1"
    with open(BUILD / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return preview(int(arguments[0]), page=not arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
