"""More faults: a disk that is really full, damaged files that ship or are kept, a build that is killed.

The companion of test_faults, which breaks single steps of a write.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT, Site
from playwright.sync_api import Browser, Route
from test_faults import damaged

from course_lib import catalog, notebooks, rows, study
from course_lib.catalog import tables
from course_lib.study import forecast

# --- A full disk --------------------------------------------------------------------------------------------

# Writes a small file of each kind, fills the disk, and writes a large one in its place.
FILL = """
import os, sys
from pathlib import Path
import torch
from course_lib import files
from course_lib.tiny import checkpoint

folder, full = Path(sys.argv[1]), sys.argv[2] == "disk"
WRITERS = {
    "table.csv": lambda path, size: files.replace_text(path, "7\\n" * size),
    "run.safetensors": lambda path, size: checkpoint.write(path, {"x": torch.ones(size)}, {"step": size}),
}
for name, write in WRITERS.items():
    write(folder / name, 100)
before = {name: (folder / name).read_bytes() for name in WRITERS}
if full:
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
for name, write in WRITERS.items():
    try:
        write(folder / name, 400_000)
    except OSError as error:
        assert "untouched" in str(error) and name in str(error), error
        print(name, error.errno)
    assert (folder / name).read_bytes() == before[name]
left = {path.name for path in folder.iterdir()} - {"filler"}
assert left == set(WRITERS), left
if full:
    (folder / "filler").unlink()
    for name, write in WRITERS.items():
        write(folder / name, 1000)
"""


def private_disk() -> list[str]:
    """What starts a shell in which one may mount, for itself alone; empty where the machine forbids it."""
    for start in (["unshare", "-m"], ["unshare", "-rm"]):
        try:
            done = subprocess.run([*start, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
        except FileNotFoundError:
            return []
        if done.returncode == 0:
            return start
    return []


def test_on_a_full_disk_what_was_there_stays(tmp_path: Path) -> None:
    """A disk of one megabyte, filled; where none can be mounted, a limit on the size of files."""
    child, disk = [sys.executable, "-c", FILL, str(tmp_path)], private_disk()
    if disk:
        mount = f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec \"$@\""
        child = [*disk, "sh", "-c", mount, "sh", *child, "disk"]
        done = subprocess.run(child, capture_output=True, text=True)
    else:
        half = (2**19, 2**19)
        done = subprocess.run([*child, "limit"], capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, half))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"table.csv", "run.safetensors"}


# --- Files that ship ----------------------------------------------------------------------------------------

HARMS = {"column": "columns are", "cut": "missing", "bytes": "damaged", "twice": "the same name",
         "text": "expected", "nan": "expected"}  # fmt: skip
TABLES = {"models": (catalog.models, "tokens"), "gpus": (catalog.gpus, "year"),
          "runs": (catalog.runs, "tokens")}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", TABLES)
def test_a_damaged_catalog_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, harm: str
) -> None:
    read, column = TABLES[name]
    good = (tables.PLACE / f"{name}.csv").read_bytes()
    (tmp_path / f"{name}.csv").write_bytes(damaged(good, harm, column))
    monkeypatch.setattr(tables, "PLACE", tmp_path)
    for cached in (tables.gpus, tables.runs, tables._models):
        cached.cache_clear()
    try:
        with pytest.raises(ValueError, match=rf"{name}\.csv(, line \d+)?: .*{HARMS[harm]}"):
            read()
    finally:
        for cached in (tables.gpus, tables.runs, tables._models):
            cached.cache_clear()


def test_a_shape_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = (tables.PLACE / "models.csv").read_bytes()
    (tmp_path / "models.csv").write_bytes(damaged(good, "text", "n_layers"))
    monkeypatch.setattr(tables, "PLACE", tmp_path)
    tables._models.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"models\.csv, line 2: this is no shape of a model: "):
            catalog.models()
    finally:
        tables._models.cache_clear()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"forecasts": 3}', '{"forecasts": [{"key": 1}]}', "\x00"]
)
def test_a_damaged_forecast_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "forecast.json").write_text(content)
    with pytest.raises(ValueError, match=r"forecast\.json: .*damaged"):
        forecast.read(tmp_path / "results.csv")


def test_a_forecast_cut_anywhere_is_named(tmp_path: Path) -> None:
    whole = Path(study.__file__).with_name("forecast.json").read_bytes()
    for end in range(1, len(whole) - 2, len(whole) // 7):
        (tmp_path / "forecast.json").write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"forecast\.json: .*damaged"):
            forecast.read(tmp_path / "results.csv")


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"metadata": {}}', "\x00\x01"])
def test_a_damaged_notebook_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "01_x.ipynb"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"01_x\.ipynb is not a "):
        notebooks.read(path)


def test_a_json_that_ships_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"teacher\.json: missing or damaged"):
        rows.read_json(tmp_path / "teacher.json")


# --- A build that is killed ---------------------------------------------------------------------------------

CONFIG = """
title: Tiny
execute: {execute_notebooks: cache}
sphinx: {config: {html_last_updated_fmt: null}}
"""
TOC = """
format: jb-book
root: intro
parts:
- caption: One
  chapters:
  - file: lessons/01_one
  - file: lessons/02_two
"""
CELL = """
import time
time.sleep(0.3)
print({number}, sum(range({number}00)))
"""


def tiny_book(folder: Path) -> Path:
    """A book of an introduction and two lessons, with the scripts that build the real one."""
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "lessons").mkdir()
    (folder / "_config.yml").write_text(CONFIG)
    (folder / "_toc.yml").write_text(TOC)
    (folder / "intro.md").write_text("# Tiny\n\nTwo lessons.\n")
    for number, name in enumerate(("01_one", "02_two"), 1):
        title = nbformat.v4.new_markdown_cell(f"# Lesson {number}", id="a")
        cells = [title, nbformat.v4.new_code_cell(CELL.format(number=number), id="b")]
        book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL})
        nbformat.write(book, folder / "lessons" / f"{name}.ipynb")
    return folder


def start(folder: Path) -> subprocess.Popen[str]:
    """The build, in a process group of its own, its words to be read as they come."""
    command = [sys.executable, str(folder / "scripts" / "build_book.py"), "--jobs", "1"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)  # fmt: skip


def finished(folder: Path) -> dict[str, bytes]:
    """The pages of a build that ends well."""
    process = start(folder)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    html = folder / "_build" / "html"
    return {str(page.relative_to(html)): page.read_bytes() for page in sorted(html.rglob("*.html"))}


def killed_after(folder: Path, words: str, seconds: float) -> None:
    """A build that is killed, with all that it has started, some time after it has said something."""
    process = start(folder)
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"it never said {words!r}"
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was done already: kill it earlier"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pages of a build that nothing disturbs."""
    pages = finished(tiny_book(tmp_path_factory.mktemp("calm")))
    assert {"intro.html", "lessons/01_one.html", "lessons/02_two.html"} <= set(pages)
    assert b"2 19900" in pages["lessons/02_two.html"]
    return pages


def test_a_build_killed_again_and_again_gives_the_same_pages(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    """Killed while its second lesson runs, and twice while pages are written; then left in peace."""
    book, chance = tiny_book(tmp_path / "killed"), random.Random(6)
    for words in ("[1/2]", "Building the pages", "Building the pages"):
        killed_after(book, words, chance.uniform(0.0, 1.5) if "pages" in words else 0.1)
    assert finished(book) == undisturbed


# Builds with no room at all, with room for executed lessons only, and with enough.
BUILDS = """
set -u
mount -t tmpfs -o size=24m tmpfs "$2" && cp -r "$1/." "$2" && cd "$2" && mkdir _build || exit 9
python=$4
build() { "$python" scripts/build_book.py --jobs 1; echo "ended with $?"; }
cat /dev/zero > filler 2> /dev/null; build
truncate -s -2M filler; build
rm filler; build
cp -r _build/html "$3"
"""


def test_a_build_on_a_full_disk_fails_and_the_next_one_gives_the_same_pages(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    disk = private_disk()
    if not disk:
        pytest.skip("nobody may mount a disk here; files that may not grow are tested above")
    book, html = tiny_book(tmp_path / "book"), tmp_path / "html"
    (tmp_path / "disk").mkdir()
    done = subprocess.run([*disk, "sh", "-c", BUILDS, "sh", book, tmp_path / "disk", html, sys.executable],
                          capture_output=True, text=True)  # fmt: skip
    said = done.stdout + done.stderr
    ends = [line for line in done.stdout.splitlines() if line.startswith("ended with")]
    assert [end == "ended with 0" for end in ends] == [False, False, True], said
    assert "The book was not built: the disk of" in done.stderr, said
    assert "No space left on device" in done.stderr, said
    assert {str(p.relative_to(html)): p.read_bytes() for p in html.rglob("*.html")} == undisturbed


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(90), b"no database"])
def test_a_damaged_cache_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import lesson_runs

    monkeypatch.setattr(lesson_runs, "CACHE", tmp_path / "cache")
    lesson_runs.open_cache().list_cache_records()
    (tmp_path / "cache" / "global.db").write_bytes(content)
    assert lesson_runs.open_cache().list_cache_records() == []
    assert "cache of executed lessons is damaged" in capsys.readouterr().out


def test_damaged_records_of_a_build_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import lesson_runs

    monkeypatch.setattr(lesson_runs, "RECORDS", tmp_path / "lessons.json")
    assert lesson_runs.read_records() == {}
    for content in ("", "{", "[]", "3", '{"01": 3}', "\x00"):
        lesson_runs.RECORDS.write_text(content)
        assert lesson_runs.read_records() == {}
        assert "lessons.json is damaged" in capsys.readouterr().out
    lesson_runs.RECORDS.write_text('{"01": {"seconds": 3}}')  # of an older kind
    assert lesson_runs.read_records() == {}


# --- A page of which a widget is damaged --------------------------------------------------------------------


def test_a_damaged_widget_keeps_its_text_and_the_others_live(site: Site, browser: Browser) -> None:
    """The first widget's state is cut short: its words stay to be read, and everything below works."""

    def cut(route: Route) -> None:
        page = route.fetch().text()
        opening = '<script type="application/json">'
        place = page.index(opening, page.index('class="course-widget"')) + len(opening)
        route.fulfill(body=page[:place] + '{"kind": "explor' + page[page.index("</script>", place) :],
                      content_type="text/html")  # fmt: skip

    context = browser.new_context()
    page, heard = context.new_page(), list[str]()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(f"not caught: {error}"))
    page.route("**/01_why_scale.html", cut)
    page.goto(site.http("lessons/01_why_scale"), wait_until="load")
    first = page.locator(".course-widget").first
    assert first.locator(".course-fallback").inner_text().strip()
    widgets = "[...document.querySelectorAll('.course-widget')]"
    alive = page.evaluate(f"{widgets}.map((e) => !e.querySelector('script'))")
    assert alive[0] is False and all(alive[1:]) and len(alive) > 3
    assert ["is damaged" in text for text in heard] == [True], heard
    context.close()
