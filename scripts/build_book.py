"""Build the book: execute the lessons that need it (lesson_runs.py), then hand over to jupyter-book.

Executed lessons live in the jupyter cache that jupyter-book reads.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml
from lesson_runs import BUILD, ROOT, default_jobs, files_under, run_lessons

from course_lib.files import digest

STAMP = BUILD / "book.stamp"
UNUSED = "rfc3987_syntax"  # an optional check of addresses: 1.5 s of grammars for whoever imports jsonschema
JUPYTER_BOOK = f"import sys; sys.modules[{UNUSED!r}] = None; from jupyter_book.cli.main import main; main()"


def everything(toc: Path) -> str:
    """Hash of all that the built site depends on."""
    singles = [ROOT / "_config.yml", toc, ROOT / "requirements.txt", *Path(__file__).parent.glob("*.py")]
    return digest(singles + files_under("book", "lessons", "course_lib"))


def lesson_paths(toc: Path) -> list[Path]:
    """The notebooks named in the table of contents, in its order."""
    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    entries = [entry for part in contents.get("parts", []) for entry in part.get("chapters", [])]
    names = [entry["file"] for entry in entries if entry.get("file", "").startswith("lessons/")]
    return [ROOT / f"{name}.ipynb" for name in names]


def build_site(toc: Path, from_scratch: bool) -> int:
    """Run jupyter-book with warnings as errors (it writes them to stderr); returns its exit status."""
    print("Building the pages", flush=True)
    options = ["build", ".", "--toc", str(toc), "-q", "-W", "-n", "--keep-going"]
    command = [sys.executable, "-c", JUPYTER_BOOK, *options]
    if from_scratch:
        command.append("--all")
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode


def build(toc: Path, jobs: int) -> int:
    """Execute and build whatever is not up to date; returns the exit status."""
    started = time.perf_counter()
    index = BUILD / "html" / "index.html"
    signature = everything(toc)
    if index.exists() and STAMP.exists() and STAMP.read_text() == signature:
        print(f"The book is up to date. Open {index}")
        return 0
    STAMP.unlink(missing_ok=True)
    try:
        executed = run_lessons(lesson_paths(toc), jobs)
    except Exception as error:
        if type(error).__name__ != "CellFailed":
            raise
        print(f"\nThe book was not built: {error}", file=sys.stderr)
        return 1
    shared = digest([ROOT / "_config.yml", toc, *files_under("book/_ext", "book/_templates", "course_lib")])
    mark = BUILD / "shared.stamp"
    from_scratch = executed or not mark.exists() or mark.read_text() != shared
    mark.unlink(missing_ok=True)  # after a failed build all pages are read again, and warn again
    status = build_site(toc, from_scratch)
    if status:
        print("The book was not built: see the messages above.", file=sys.stderr)
        return status
    mark.write_text(shared)
    STAMP.write_text(signature)
    print(f"Built in {time.perf_counter() - started:.0f} s. Open {index}")
    return 0


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the book into _build/html.")
    parser.add_argument("--toc", type=Path, default=ROOT / "_toc.yml", help="another contents file")
    parser.add_argument("--jobs", type=int, default=default_jobs(), metavar="N",
                        help="lessons executed at once (default: %(default)s)")  # fmt: skip
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error(f"--jobs needs at least 1, got {options.jobs}")
    BUILD.mkdir(exist_ok=True)
    sys.modules[UNUSED] = None  # type: ignore[assignment]
    os.environ["COURSE_BOOK"] = "1"  # the pages bring the front end: widgets need not carry it
    os.environ["OMP_NUM_THREADS"] = "1"  # `make test` runs every lesson again with two, and compares
    with open(BUILD / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers may ask at the same time: one builds, others wait
        return build(options.toc.resolve(), options.jobs)


if __name__ == "__main__":
    sys.exit(main())
