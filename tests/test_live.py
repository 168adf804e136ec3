"""A live notebook: in JupyterLab the widgets are real ipywidgets; the kernel follows the reader's hand."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from conftest import ROOT, lesson_paths
from playwright.sync_api import Browser, Page, TimeoutError, expect

from course_lib import quizzes

PATIENCE = 120_000  # ms; a busy machine starts a kernel slowly
FIT, READ, QUIZ, ANSWERED = range(1, 5)  # cells of the notebook, after its imports


def from_lesson(needle: str) -> str:
    """The code cell of lesson 13 that holds `needle`, as it stands."""
    lesson = next(path for path in lesson_paths() if path.stem.startswith("13_"))
    cells = nbformat.read(lesson, as_version=4).cells
    return next(str(c.source) for c in cells if c.cell_type == "code" and needle in c.source)


def small_lesson() -> list[str]:
    """Lesson 13 in few cells: its explorable, its quiz, and after each what the kernel knows of them."""
    imports = from_lesson("quizzes.predict").splitlines()[0] + "\n"
    imports += from_lesson("widgets.explore import lesson_13").splitlines()[0]
    assert from_lesson("does_it_fit()") == "explore.does_it_fit()"
    return [
        imports,
        "fit = explore.does_it_fit()\nfit",
        'print("batch", fit.values["batch"], "needs", fit.result["readouts"][0]["value"])',
        from_lesson('quiz = quizzes.load("13")'),
        'print("answered", quiz.answers.get("weights", {}).get("right"))',
    ]


@dataclass
class Lab:
    """A running `make lab`: its address, its token, and every process that it has started."""

    server: subprocess.Popen[bytes]
    root: str
    token: str
    log: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def page(self) -> str:
        """The notebook, with the token that lets a reader in."""
        return f"{self.root}/lab/tree/small.ipynb?token={self.token}"

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server's own interface answers."""
        head = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.root}{path}", headers=head, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def note_processes(self) -> None:
        """Remember what runs below `make`: the server and its kernels."""
        for process in psutil.Process(self.server.pid).children(recursive=True):
            self.seen[process.pid] = process

    def left(self) -> list[str]:
        """Processes that were started and still run."""
        alive = [p for p in self.seen.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        return [" ".join(p.cmdline()) for p in alive]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """`make lab` over a folder with one small notebook, on a free port, behind a token; ended afterwards."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in small_lesson()])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(notebook, folder / "small.ipynb")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    token = secrets.token_hex(16)
    options = f"--no-browser --allow-root --ip=127.0.0.1 --port={port} --ServerApp.port_retries=0"
    # The environment that runs the tests is the one that make would set up.
    command = [shutil.which("make") or "make", "-s", "-o", ".venv/.course-ready", "lab",
               f"NOTEBOOKS={folder}", f"LAB={options} --IdentityProvider.token={token}"]  # fmt: skip
    # Folders of its own, so that nothing of an earlier Lab is restored or reset while the test runs.
    own = {f"JUPYTERLAB_{name}_DIR": str(tmp_path / name.lower()) for name in ("WORKSPACES", "SETTINGS")}
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT,
                                  env={**os.environ, **own}, start_new_session=True)  # fmt: skip
    running = Lab(server, f"http://127.0.0.1:{port}", token, log)
    try:
        for _ in range(240):
            try:
                running.ask("/api/status")
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.25)
        yield running
    finally:
        if server.poll() is None:  # the test failed before it ended the server itself
            running.note_processes()
            os.killpg(server.pid, signal.SIGTERM)
        for process in running.seen.values():
            if process.is_running():
                process.kill()
        server.wait(timeout=30)


def run_cell(page: Page, index: int) -> None:
    """Run one cell as a reader does, and wait until the kernel has answered."""
    cell = page.locator(".jp-CodeCell").nth(index)
    # While the kernel starts, Lab may drop the keys: a cell whose prompt stays [ ] is run once more.
    prompt = cell.locator(".jp-InputPrompt")
    for _ in range(3):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        try:
            expect(prompt).to_have_text(re.compile(r"\[(\*|\d+)\]"), timeout=20_000)
            break
        except AssertionError:
            continue
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"))


def outputs(page: Page) -> str:
    """What the cells show, for the message of a failure."""
    return "\n---\n".join(page.locator(".jp-CodeCell").all_inner_texts())


def shown(page: Page, index: int) -> Any:
    """Output of a cell."""
    return page.locator(".jp-CodeCell").nth(index).locator(".jp-OutputArea")


def run_all(page: Page) -> None:
    """Run → Run All Cells, as a reader finds it in the menu; waits until the last cell has been executed."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = page.locator(".jp-CodeCell .jp-InputPrompt").last
    expect(last).to_have_text(re.compile(r"\[\d+\]"))


def use_the_lesson(page: Page, address: str) -> None:
    """All cells at once; then a hand on the slider and an answer, and what Python knows of both."""
    page.goto(address)
    expect(page.locator(".jp-CodeCell")).to_have_count(len(small_lesson()))
    expect(page.locator(".jp-NotebookPanel-toolbar")).to_contain_text("Python 3")
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")
    run_all(page)
    expect(shown(page, READ)).to_contain_text(re.compile(r"batch 1 needs 16\.2 GiB"))
    expect(shown(page, ANSWERED)).to_contain_text("answered None")
    explorable = page.locator(".cw-explorable")
    slider = explorable.get_by_label("Sequences at once (training: on each card)", exact=True)
    slider.press("ArrowRight")
    value = explorable.locator(".cw-value").first
    expect(value).not_to_have_text("16.2 GiB")
    run_cell(page, READ)
    expect(shown(page, READ)).to_contain_text(f"batch 2 needs {value.inner_text()}")
    key = next(q["key"] for q in quizzes.load("13").questions if q["id"] == "weights")
    answer = page.locator(".cw-quiz").get_by_role("textbox").first
    answer.fill(f"{key:.4g}")
    answer.press("Enter")
    run_cell(page, ANSWERED)
    expect(shown(page, ANSWERED)).to_contain_text("answered True")


def test_make_lab(browser: Browser, lab: Lab) -> None:
    """A lesson in JupyterLab from start to end; without the token nobody enters; afterwards nothing runs."""
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{lab.root}/api/contents", timeout=10)
    page = browser.new_page(viewport={"width": 1300, "height": 1600})
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        use_the_lesson(page, lab.page)
    except (AssertionError, TimeoutError) as failure:
        failure.add_note(f"Lab showed:\n{outputs(page)}")
        raise
    finally:
        expect.set_options(timeout=5_000)
        page.close()
    lab.note_processes()
    assert lab.ask("/api/kernels") and len(lab.seen) >= 2, lab.left()  # a server and a kernel
    lab.ask("/api/shutdown", "POST")
    lab.server.wait(timeout=60)
    for _ in range(100):
        if not lab.left():
            break
        time.sleep(0.1)
    assert lab.left() == []
