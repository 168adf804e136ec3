"""Kills, full disks, damaged files: the old state stays, the new one follows, or an error names the file.

What a kill of whole training runs and of the study's runner leaves is in test_tiny_train and test_study; here
are the single steps of a write, mixtures of experts, and every table that ships.
"""

from __future__ import annotations

import builtins
import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from course_lib import files, limits, market, rows, study, tiny
from course_lib.catalog import abilities, scores
from course_lib.quizzes import questions as ask
from course_lib.study import table
from course_lib.tiny import (
    ablation,
    addition,
    checkpoint,
    distill,
    exams,
    feedback,
    moe,
    moe_study,
    reasoning,
)

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("write", "fsync", "replace")
DENSE = tiny.GPTConfig.modern(20, 16, 8, 2, 2, d_ff=16)
BALANCED = moe.mixture(DENSE, 4, 2, balance="bias", gate="sigmoid", bias_step=0.05)


def weights(path: Path, value: float) -> None:
    checkpoint.write(path, {"x": torch.full((50,), value)}, {"value": value})


def text(path: Path, value: float) -> None:
    files.replace_text(path, f"{value}\n" * 50)


WRITERS = {"checkpoint": weights, "table": text}


def fault(step: str, act: Callable[[], Any], patch: Callable[[object, str, object], None]) -> None:
    """Let `act` happen at one step of the next write, half of the bytes being on the disk by then."""
    if step != "write":
        patch(os, step, lambda *_: act())
        return
    real = builtins.open

    def half(place: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
        file = real(place, mode, *args, **named)
        if "w" not in mode:
            return file

        class Cut:
            def __enter__(self) -> Cut:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, data: Any) -> None:
                file.write(data[: len(data) // 2])
                file.flush()
                act()

        return Cut()

    patch(builtins, "open", half)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_leaves_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, step: str
) -> None:
    path = tmp_path / "kept"
    WRITERS[kind](path, 1.0)
    before = path.read_bytes()

    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        fault(step, full, patch.setattr)
        with pytest.raises(OSError, match=r"could not write: No space left.*untouched.*kept") as caught:
            WRITERS[kind](path, 2.0)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_inside_a_write_leaves_the_old_file(tmp_path: Path, kind: str, step: str) -> None:
    path = tmp_path / "kept"
    WRITERS[kind](path, 1.0)
    before = path.read_bytes()
    child = os.fork()
    if child == 0:  # dies in the middle of its write
        fault(step, lambda: os.kill(os.getpid(), signal.SIGKILL), setattr)
        WRITERS[kind](path, 2.0)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert path.read_bytes() == before
    WRITERS[kind](path, 2.0)  # and the next one is not disturbed by what was left
    assert path.read_bytes() != before


# --- Mixtures of experts: the balancing biases are state ----------------------------------------------------

CHILD = """
import os, signal, sys
import torch
torch.set_num_threads(1)
sys.path.insert(0, "tests")
from test_faults import mixture_run
death = int(sys.argv[2])
mixture_run(sys.argv[1], lambda step: step == death and os.kill(os.getpid(), signal.SIGKILL))
"""


def mixture_run(path: str | Path | None, stop: Callable[[int], object] | None = None) -> tuple[Any, Any]:
    """A small mixture trained with biases that every step moves."""
    tokens = torch.arange(4000).remainder(97).remainder(20)
    model = moe.build(BALANCED, seed=1)
    asked = None if stop is None else lambda step: bool(stop(step))
    windows = tiny.Windows(tokens, 4, 16, seed=2)
    history = tiny.train(model, windows, 40, progress=False, checkpoint=path, every=3, stop=asked)
    return model, history


def test_a_killed_mixture_resumes_to_the_same_bits(tmp_path: Path) -> None:
    path, death = tmp_path / "moe.safetensors", random.Random(17).randrange(10, 36)
    done = subprocess.run([sys.executable, "-c", CHILD, str(path), str(death)], cwd=ROOT,
                          env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True)  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    saved = checkpoint.read(path)[1]["step"]
    assert saved == (death - 1) // 3 * 3 > 0
    resumed, history = mixture_run(path)
    straight, whole = mixture_run(None)
    assert history.losses == whole.losses
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert any(layer.offset.abs().max() > 0 for layer in moe.mixtures(straight))


def test_a_checkpoint_without_all_of_the_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "moe.safetensors"
    mixture_run(path)
    tensors, facts = checkpoint.read(path)
    checkpoint.write(path, {k: v for k, v in tensors.items() if not k.startswith("buffer")}, facts)
    with pytest.raises(ValueError, match=r"moe\.safetensors: not all of a run's state"):
        mixture_run(path)


def test_a_mixture_is_not_saved_as_a_dense_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.safetensors: a MoEConfig cannot be written.*dense"):
        tiny.save_model(tmp_path / "a.safetensors", moe.build(BALANCED))
    checkpoint.write(tmp_path / "b.safetensors", {}, {"config": {"n_experts": 3}})
    with pytest.raises(ValueError, match=r"b\.safetensors: its config is not that of a dense GPT"):
        tiny.load_model(tmp_path / "b.safetensors")


# --- Tables that ship, damaged ------------------------------------------------------------------------------

CATALOG = ROOT / "course_lib" / "catalog"


def data(name: str) -> Path:
    return rows.path(name)


# name -> file, what reads it (uncached), a column of numbers, a way to read another file in its place
SHIPPED: dict[str, tuple[Path, Any, str, Any, str]] = {
    "repeats": (data("repeats.csv"), limits.runs, "loss", rows, "path"),
    "moe": (data("moe.csv"), moe_study.rows, "loss", moe_study, "_table"),
    "distill": (data("distill.csv"), distill.rows, "loss", distill, "_table"),
    "feedback": (data("feedback.csv"), feedback.points, "kl", feedback, "_table"),
    "addition": (data("addition.csv"), addition.rows, "nll", rows, "path"),
    "ablation": (data("ablation.csv"), ablation.rows, "loss", ablation, "_table"),
    "exams": (data("exams.csv"), exams.rows, "loss", exams, "_table"),
    "prices": (CATALOG / "prices.csv", market.offers, "usd_per_hour", market, "_place"),
    "served": (CATALOG / "served.csv", market.served, "batch", market, "_place"),
    "scores": (CATALOG / "scores.csv", scores.rows, "score", None, ""),
    "abilities": (CATALOG / "abilities.csv", abilities.abilities, "params", None, ""),
}


def damaged(good: bytes, harm: str, column: str) -> bytes:
    """A table with one thing wrong."""
    lines = good.decode().split("\n")
    header = lines[0].split(",")
    place = header.index(column)
    if harm == "column":
        return "\n".join([",".join(h for h in header if h != column), *lines[1:]]).encode()
    if harm == "cut":
        return good[: good.rindex(b"\n", 0, -1) + 4]
    if harm == "bytes":
        return good[:200] + b"\xff\xfe" + good[200:]
    if harm == "twice":
        return (good.decode().rstrip("\n") + "\n" + lines[1] + "\n").encode()
    import csv
    import io

    table_ = list(csv.reader(io.StringIO(good.decode())))
    table_[1][place] = {"text": "about 2", "nan": "nan"}[harm]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table_)
    return out.getvalue().encode()


@pytest.mark.parametrize("harm", ["column", "cut", "bytes", "twice", "text", "nan"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_damaged_table_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, harm: str
) -> None:
    file, read, column, module, place = SHIPPED[name]
    if harm == "twice" and name in ("feedback", "served"):
        pytest.skip("texts of several lines; no key")
    broken = tmp_path / file.name
    broken.write_bytes(damaged(file.read_bytes(), harm, column))
    if module is None:
        (tmp_path / "course_lib.catalog").mkdir()
        module = sys.modules[read.__module__]
        monkeypatch.setattr(module.resources, "files", lambda _: tmp_path)
    else:
        monkeypatch.setattr(module, place, lambda *_: broken)
    read.cache_clear()
    try:
        with pytest.raises(ValueError, match=rf"{file.name}(, line \d+)?: ") as caught:
            read()
        if harm in ("text", "nan"):
            assert column in str(caught.value)
    finally:
        read.cache_clear()


def test_a_damaged_json_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "reasoning.json"
    good = data("reasoning.json").read_text()
    for content, says in ((good[: len(good) // 2], "JSON"), ('{"countdown": []}', "chain, blind is missing")):
        broken.write_text(content)
        monkeypatch.setattr(reasoning, "_table", lambda: broken)
        reasoning.results.cache_clear()
        with pytest.raises(ValueError, match=rf"reasoning\.json: .*{says}"):
            reasoning.results()
    reasoning.results.cache_clear()


@pytest.mark.parametrize(
    ("harm", "says"),
    [("column", "columns are not those"), ("text", "expected float"), ("twice", "more than one row"),
     ("cut", "missing or there are too many")],
)  # fmt: skip
def test_a_damaged_row_of_the_study_is_named(tmp_path: Path, harm: str, says: str) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(damaged(table.shipped().read_bytes(), harm, "loss"))
    with pytest.raises(ValueError, match=rf"results\.csv.*{says}"):
        study.runs(path=path)


def test_every_table_is_written_as_it_was_read(tmp_path: Path) -> None:
    for name, kind in (("ablation", ablation.Row), ("distill", distill.Row), ("exams", exams.Row)):
        rows.write(tmp_path / name, kind, rows.read(data(f"{name}.csv"), kind))
        assert (tmp_path / name).read_bytes() == data(f"{name}.csv").read_bytes()


# --- Quizzes and the cache of executed lessons --------------------------------------------------------------


def test_a_broken_question_is_refused_when_it_is_written() -> None:
    yes, no = ask.right("Yes", "It is."), ask.wrong("No", "It is not.")
    with pytest.raises(ValueError, match=r"'q'.*right option"):
        ask.single("q", "?", no, ask.wrong("Never", "No."))
    with pytest.raises(ValueError, match=r"'q'.*right option"):
        ask.single("q", "?", yes, ask.right("Also", "It is."))
    with pytest.raises(ValueError, match=r"'q'.*'No' stands there twice"):
        ask.multiple("q", "?", yes, no, ask.wrong("No ", "Again."))


def test_a_lesson_whose_cached_execution_is_damaged_is_executed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    sys.path.insert(0, str(ROOT / "scripts"))
    import lesson_runs

    path = tmp_path / "lesson.ipynb"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(book, path)
    cache = get_cache(tmp_path / "cache")
    code, modules = lesson_runs.code_of(path), lesson_runs.digest([])
    record = {"data": "d", "code": code, "imported": [], "modules": modules}
    for damage in ("cut", "empty", "other", "gone"):
        again = CacheBundleIn(book, str(path))
        cache.cache_notebook_bundle(again, check_validity=False, overwrite=True)
        assert lesson_runs.is_current(path, cache, record, "d")
        kept = next((tmp_path / "cache" / "executed").rglob("*.ipynb"))
        whole = kept.read_text()
        kept.write_text({"cut": whole[: len(whole) // 2], "other": "{}"}.get(damage, ""))
        if damage == "gone":
            kept.unlink()
        assert not lesson_runs.is_current(path, cache, record, "d")
        assert "damaged" in capsys.readouterr().out
