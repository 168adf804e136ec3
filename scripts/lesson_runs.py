"""Execute the lessons that need it into the jupyter cache, several at once.

The cache knows a lesson by its code alone, so a record says what else a lesson depends on (the library
modules it imported, the library's data, the pins); it is executed again when any of that has changed.
Kernels run in processes of their own, each watched by a thread; only the main thread writes the cache and
the records, so that a build that is killed leaves whole lessons behind, and the next goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from turns import Turns

from course_lib.files import digest, replace_text, under

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"
RECORDS = BUILD / "lessons.json"  # per lesson: seconds and the hashes it was executed under
TIMES = BUILD / "lesson_times.json"  # per lesson: seconds, for `make bench`
FACTS = {"seconds", "data", "code", "imported", "modules"}  # of each record
MOST_JOBS = 4  # each kernel takes up to 0.6 GB
LEAST_ROOM = 2**20  # bytes on the disk
GUESS = 20.0  # seconds of a lesson that has not been executed yet


def files_under(*folders: str) -> list[Path]:
    """All files in folders of the repository, without caches."""
    return under(*(ROOT / folder for folder in folders))


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


class Progress:
    """One line for each finished lesson; on a terminal, below them, where the running ones stand."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._running: dict[str, str] = {}
        self._live = sys.stdout.isatty()
        self._lock = threading.Lock()

    def at(self, name: str, text: str) -> None:
        """A lesson has come to a cell."""
        with self._lock:
            self._running[name] = text
            self._show("")

    def done(self, name: str, seconds: float) -> None:
        """A lesson is executed."""
        with self._lock:
            self._done += 1
            self._running.pop(name, None)
            self._show(f"[{self._done}/{self._total}] {name}: {seconds:.1f} s\n")

    def _show(self, line: str) -> None:
        if not self._live:
            print(line, end="", flush=True)
            return
        standing = ", ".join(f"{name[:2]} {text}" for name, text in sorted(self._running.items()))
        print(f"\r\033[K{line}{standing[:78]}", end="", flush=True)


def default_jobs() -> int:
    """As many lessons at once as there are cores that this process may use, up to a few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_JOBS)


@contextmanager
def full_disk_said() -> Iterator[None]:
    """End with one line where the disk has no room left, whoever stumbled over it."""
    try:
        yield
    except Exception as error:
        if shutil.disk_usage(BUILD).free >= LEAST_ROOM:
            raise
        sys.exit(f"The book was not built: the disk of {BUILD} is full ({type(error).__name__}). "
                 "Make room and build again; lessons that are executed stay so.")  # fmt: skip


@full_disk_said()
def run_lessons(paths: list[Path], jobs: int) -> bool:
    """Execute every lesson whose cached execution does not stand; True if any was."""
    cache, records = open_cache(), read_records()
    data = digest(library_data())
    stale = [p for p in paths if not is_current(p, cache, records.get(p.stem), data)]
    if stale:
        at_once = f", {jobs} at once" if min(jobs, len(stale)) > 1 else ""
        print(f"Executing {len(stale)} of {len(paths)} lessons{at_once}", flush=True)
        # A first import builds matplotlib's font list and says so; not in a reader's page.
        warm_up = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(warm_up, check=True, capture_output=True)
        # The longest first: then none is left to run alone at the end.
        stale.sort(key=lambda p: -records.get(p.stem, {}).get("seconds", GUESS))
        execute(stale, jobs, cache, records, data)
    beside = {path.stem for folder in {p.parent for p in paths} for path in folder.glob("[0-9]*.ipynb")}
    known = {name: records[name]["seconds"] for name in sorted(beside & records.keys())}
    replace_text(TIMES, json.dumps(known, indent=1))
    return bool(stale)


def open_cache() -> Any:
    """The cache of executed lessons, made anew where a full disk or an accident has left half of one."""
    from jupyter_cache import get_cache

    cache = get_cache(CACHE)
    try:
        cache.list_cache_records()
    except Exception as error:
        print(f"The cache of executed lessons is damaged ({type(error).__name__}); making another")
        shutil.rmtree(CACHE)
        cache = get_cache(CACHE)
    return cache


def read_records() -> dict[str, Any]:
    """What is known of the cached executions; nothing, where the file is missing or damaged."""
    try:
        found = json.loads(RECORDS.read_text()) if RECORDS.exists() else {}
        kept = {name: row for name, row in found.items() if set(row) >= FACTS}
    except (ValueError, TypeError, AttributeError) as error:
        print(f"{RECORDS.name} is damaged ({type(error).__name__}); executing the lessons again")
        return {}
    return kept


def execute(paths: list[Path], jobs: int, cache: Any, records: dict[str, Any], data: str) -> None:
    """Execute lessons into the cache; each that is done is recorded at once.

    When one fails, or the build is interrupted, the others end with the cell at which they are.
    """
    from course_lib import notebooks

    turns, progress = Turns(), Progress(len(paths))

    def run(path: Path) -> notebooks.Execution:
        return notebooks.execute(path, lambda text: progress.at(path.stem, text), turns.turn)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            started = {pool.submit(run, path): path for path in paths}
            for future in as_completed(started):
                path, result = started[future], future.result()
                records[path.stem] = keep(path, result, cache, data)
                replace_text(RECORDS, json.dumps(records, indent=1))
                progress.done(path.stem, result.seconds)
        except BaseException:
            turns.stop()
            pool.shutdown(cancel_futures=True)
            raise


def keep(path: Path, result: Any, cache: Any, data: str) -> dict[str, Any]:
    """Put an execution into the cache; returns its record."""
    from jupyter_cache.base import CacheBundleIn

    bundle = CacheBundleIn(result.notebook, str(path), data={"execution_seconds": result.seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    imported = [str(Path(name).relative_to(ROOT)) for name in result.imported]
    modules = digest(ROOT / name for name in imported)
    return {"seconds": round(result.seconds, 2), "data": data, "code": code_of(path),
            "imported": imported, "modules": modules}
