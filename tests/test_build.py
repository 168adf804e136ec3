"""Lessons executed at once: clocks read alone, whole lessons kept, the failing cell named."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from conftest import ROOT

from course_lib.notebooks import CellFailed

sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "book" / "_ext"))
import course_kept
import lesson_runs
from turns import Stopped, Turns

PATIENCE = 20.0  # seconds; a busy machine starts a thread late


def begin(turns: Turns, source: str) -> tuple[threading.Event, threading.Event]:
    """A cell in a thread of its own: whether it has its turn, and what lets it end."""
    has, may_end = threading.Event(), threading.Event()

    def cell() -> None:
        with turns.turn(source):
            has.set()
            may_end.wait(PATIENCE)

    threading.Thread(target=cell, daemon=True).start()
    return has, may_end


def test_cells_run_at_once_but_a_clock_is_read_alone() -> None:
    """A cell with a clock waits for those that run; those that come later wait for it."""
    turns = Turns()
    (one, end_one), (two, end_two) = begin(turns, "1 + 1"), begin(turns, "2 + 2")
    assert one.wait(PATIENCE) and two.wait(PATIENCE)
    clock, end_clock = begin(turns, "rate()  # CLOCK (ms): how long it takes")
    assert not clock.wait(0.05)
    later, end_later = begin(turns, "3 + 3")
    assert not later.wait(0.05), "what comes later would keep a clock waiting for ever"
    end_one.set()
    assert not clock.wait(0.05)
    end_two.set()
    assert clock.wait(PATIENCE) and not later.wait(0.05)
    end_clock.set()
    assert later.wait(PATIENCE)
    end_later.set()


def test_after_a_stop_there_are_no_turns() -> None:
    turns = Turns()
    with turns.turn("1 + 1"):
        turns.stop()
    with pytest.raises(Stopped), turns.turn("1 + 1"):
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache and records of its own; afterwards no kernel is left."""
    for name, file in (("CACHE", "cache"), ("RECORDS", "lessons.json"), ("TIMES", "times.json")):
        monkeypatch.setattr(lesson_runs, name, tmp_path / file)
    yield tmp_path
    left = [p.cmdline() for p in psutil.Process().children(recursive=True) if p.is_running()]
    assert not [line for line in left if "ipykernel_launcher" in line]


def write(folder: Path, name: str, *cells: str) -> Path:
    """A small lesson."""
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path)
    return path


def kept(path: Path) -> list[Any]:
    """What the cache holds of each cell."""
    from jupyter_cache import get_cache

    cache = get_cache(lesson_runs.CACHE)
    record = cache.match_cache_notebook(nbformat.read(path, as_version=4))
    return [cell.outputs for cell in cache.get_cache_bundle(record.pk).nb.cells]


def test_lessons_are_executed_at_once_and_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each waits for what the other writes, so one alone would fail. After that there is nothing to do."""
    wait = "import pathlib, time\nfor _ in range(600):\n    if pathlib.Path('{}').exists(): break\n"
    wait += "    time.sleep(0.05)\nelse: raise SystemError('alone')"
    paths = [
        write(folder, "01_a", "open('a', 'w').close()", wait.format("b"), "print('a saw b')"),
        write(
            folder, "02_b", "open('b', 'w').close()", wait.format("a"), "1 + 1  # CLOCK: the time it takes"
        ),
    ]
    assert lesson_runs.run_lessons(paths, jobs=2)
    assert kept(paths[0])[2][0]["text"] == "a saw b\n"
    assert kept(paths[1])[2][0]["data"]["text/plain"] == "2"
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Executing 2 of 2 lessons, 2 at once"
    assert said[1].startswith("[1/2] 0") and said[2].startswith("[2/2] 0")
    assert set(json.loads((folder / "times.json").read_text())) == {"01_a", "02_b"}
    assert not lesson_runs.run_lessons(paths, jobs=2)


def test_a_failing_cell_is_named_and_what_was_done_is_kept(folder: Path) -> None:
    """The lesson beside it ends early; a lesson that was done is not executed again."""
    done = write(folder, "01_done", "print('done')")
    assert lesson_runs.run_lessons([done], jobs=2)
    fails = write(folder, "02_fails", "1 + 1", "raise KeyError('beta')")
    long = write(folder, "03_long", *["import time; time.sleep(0.25)"] * 200)
    waits = write(folder, "04_waits", "1 + 1")
    with pytest.raises(CellFailed, match=r"02_fails.ipynb, cell 2 .*KeyError: 'beta'"):
        lesson_runs.run_lessons([done, fails, long, waits], jobs=2)
    assert list(json.loads((folder / "lessons.json").read_text())) == ["01_done"]
    assert kept(done)[0][0]["text"] == "done\n"
    for path in (fails, long, waits):
        with pytest.raises(KeyError):
            kept(path)


def test_what_the_library_gives_is_kept_until_the_library_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same hash: not computed again. Another hash, or a file that is cut short: computed again."""
    monkeypatch.setattr(course_kept, "FOLDER", tmp_path)
    monkeypatch.setattr(course_kept, "library", lambda: "one")
    assert course_kept.kept("facts", lambda: [{"id": 1}]) == [{"id": 1}]
    assert course_kept.kept("facts", lambda: pytest.fail("computed again")) == [{"id": 1}]
    monkeypatch.setattr(course_kept, "library", lambda: "two")
    assert course_kept.kept("facts", lambda: (2,)) == [2]
    path = tmp_path / "facts.json"
    for damaged in ("", path.read_text()[:9], "[]", '{"library": "two"}'):
        path.write_text(damaged)
        assert course_kept.kept("facts", lambda: [3]) == [3]


def test_every_file_of_the_library_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change in its code, in its data or in an extension gives another hash; Python's own caches do not."""
    monkeypatch.setattr(course_kept, "ROOT", tmp_path)
    names = ["course_lib/a.py", "course_lib/b/c.csv", "book/_ext/d.py", "requirements.txt"]
    for name in [*names, "course_lib/__pycache__/a.pyc"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    seen = {course_kept.library.__wrapped__()}
    (tmp_path / "course_lib/__pycache__/a.pyc").write_text("2")
    assert course_kept.library.__wrapped__() in seen
    for count, name in enumerate(names, 2):
        (tmp_path / name).write_text("2")
        seen.add(course_kept.library.__wrapped__())
        assert len(seen) == count, name
