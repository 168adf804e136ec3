"""Build the book: execute the lessons that need it, then hand over to jupyter-book.

Executed lessons live in the jupyter cache that jupyter-book reads. The cache knows a lesson by
its code alone, so this script remembers what else a lesson depends on (the library modules it
imported, the library's data, the pins) and executes it again when any of that has changed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"
RECORDS = BUILD / "lessons.json"  # per lesson: seconds and the hashes it was executed under
TIMES = BUILD / "lesson_times.json"  # per lesson: seconds, for `make bench`
STAMP = BUILD / "book.stamp"
SKIPPED = {"__pycache__", "node_modules", ".ipynb_checkpoints"}


def digest(paths: Iterable[Path]) -> str:
    """One hash over the names and contents of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes() if path.is_file() else b"missing"
        total.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def files_under(*folders: str) -> list[Path]:
    """All files in folders of the repository, without caches."""
    found = (p for folder in folders for p in (ROOT / folder).rglob("*"))
    return [p for p in found if p.is_file() and not SKIPPED & set(p.parts)]


def everything(toc: Path) -> str:
    """Hash of all that the built site depends on."""
    singles = [ROOT / "_config.yml", toc, ROOT / "requirements.txt", Path(__file__)]
    return digest(singles + files_under("book", "lessons", "course_lib"))


def lesson_paths(toc: Path) -> list[Path]:
    """The notebooks named in the table of contents, in its order."""
    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    entries = [entry for part in contents.get("parts", []) for entry in part.get("chapters", [])]
    names = [entry["file"] for entry in entries if entry.get("file", "").startswith("lessons/")]
    return [ROOT / f"{name}.ipynb" for name in names]


def library_data() -> list[Path]:
    """Files of the library that lessons may read without importing them, and the pins."""
    found = [p for p in files_under("course_lib") if not {"front", "static"} & set(p.parts)]
    return [*(p for p in found if p.suffix != ".py"), ROOT / "requirements.txt"]


def code_of(path: Path) -> str:
    """Hash of a notebook's code cells and their metadata: prose may change without a new execution."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [["".join(c["source"]), c["metadata"]] for c in cells if c["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()


def is_current(path: Path, cache: Any, record: dict[str, Any] | None, data: str) -> bool:
    """Whether the cached execution of a lesson still stands."""
    import nbformat

    try:
        kept = cache.match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    try:
        nbformat.validate(cache.get_cache_bundle(kept.pk).nb)
    except Exception as error:  # cut short, emptied or deleted: jupyter-book would trip over it
        print(f"{path.stem}: its cached execution is damaged ({type(error).__name__}); executing it again")
        # The cache cannot replace what is half there; whole or gone it can.
        shutil.rmtree(Path(cache.path) / "executed" / kept.hashkey, ignore_errors=True)
        return False
    if record is None or record["data"] != data or record["code"] != code_of(path):
        return False
    return record["modules"] == digest(ROOT / name for name in record["imported"])


def execute(path: Path, cache: Any, data: str, counter: str) -> dict[str, Any]:
    """Execute one lesson into the cache, showing progress; returns its record."""
    from jupyter_cache.base import CacheBundleIn

    from course_lib import notebooks

    live = sys.stdout.isatty()

    def say(text: str) -> None:
        if live:
            print(f"\r\033[K{counter} {path.stem}: {text}", end="", flush=True)

    result = notebooks.execute(path, say)
    bundle = CacheBundleIn(result.notebook, str(path), data={"execution_seconds": result.seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    clear = "\r\033[K" if live else ""
    print(f"{clear}{counter} {path.stem}: {result.seconds:.1f} s", flush=True)
    imported = [str(Path(name).relative_to(ROOT)) for name in result.imported]
    modules = digest(ROOT / name for name in imported)
    return {"seconds": round(result.seconds, 2), "data": data, "code": code_of(path),
            "imported": imported, "modules": modules}


def run_lessons(paths: list[Path]) -> bool:
    """Execute every lesson whose cached execution does not stand; True if any was."""
    from jupyter_cache import get_cache

    cache = get_cache(CACHE)
    records = json.loads(RECORDS.read_text()) if RECORDS.exists() else {}
    data = digest(library_data())
    stale = [p for p in paths if not is_current(p, cache, records.get(p.stem), data)]
    if stale:
        print(f"Executing {len(stale)} of {len(paths)} lessons", flush=True)
        # A first import builds matplotlib's font list and says so; not in a reader's page.
        warm_up = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(warm_up, check=True, capture_output=True)
    for number, path in enumerate(stale, 1):
        records[path.stem] = execute(path, cache, data, f"[{number}/{len(stale)}]")
        RECORDS.write_text(json.dumps(records, indent=1))
    TIMES.write_text(json.dumps({p.stem: records[p.stem]["seconds"] for p in paths}, indent=1))
    return bool(stale)


def build_site(toc: Path, from_scratch: bool) -> int:
    """Run jupyter-book with warnings as errors (it writes them to stderr); returns its exit status."""
    print("Building the pages", flush=True)
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", ".", "--toc", str(toc), "-q", "-W", "-n", "--keep-going"]
    if from_scratch:
        command.append("--all")
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode


def build(toc: Path) -> int:
    """Execute and build whatever is not up to date; returns the exit status."""
    started = time.perf_counter()
    index = BUILD / "html" / "index.html"
    signature = everything(toc)
    if index.exists() and STAMP.exists() and STAMP.read_text() == signature:
        print(f"The book is up to date. Open {index}")
        return 0
    STAMP.unlink(missing_ok=True)
    try:
        executed = run_lessons(lesson_paths(toc))
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
    toc = parser.parse_args().toc.resolve()
    BUILD.mkdir(exist_ok=True)
    os.environ["COURSE_BOOK"] = "1"  # the pages bring the front end: widgets need not carry it
    os.environ["OMP_NUM_THREADS"] = "1"  # `make test` runs every lesson again with two, and compares
    with open(BUILD / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers may ask at the same time: one builds, others wait
        return build(toc)


if __name__ == "__main__":
    sys.exit(main())
