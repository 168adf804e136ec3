"""The table of results: one row per run, read without torch, written all or nothing.

A row holds what is needed to make the run again and to judge it. The file is rewritten beside its place and
renamed, so that a kill leaves the old table or the new one; a lock keeps a second writer out.
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from course_lib.files import replace_text
from course_lib.study.design import KINDS, all_jobs

RULES = ("total", "matmul", "blocks")  # three ways to count parameters, see `Run.n`
CLOCK = ("seconds", "cpu_seconds")  # columns that differ when a run is repeated
_OPTIONAL = ("entropy",)


@dataclass(frozen=True)
class Run:
    """One finished run. Losses are in nats per character (per answer for facts)."""

    key: str  # its name; the command `repeat` makes it again
    kind: str  # "slice", "rate", "facts", "grid", "overtrain" or "heldout"
    seed: int  # of the weights and of the order of the data
    budget: float  # nominal training FLOPs; 0 where the tokens were set instead
    d_model: int  # width of the residual stream (of the hidden layer for facts)
    n_layers: int
    n_heads: int
    context: int  # characters a model sees at once
    batch: int  # windows a step
    lr: float  # peak learning rate
    steps: int  # updates
    tokens: int  # D: characters (samples for facts) read
    passes: float  # times the training text was read
    n_total: int  # all parameters
    n_matmul: int  # without the token table, which is looked up and not multiplied
    n_blocks: int  # without token table and head: Kaplan's rule
    flops: float  # C: training FLOPs by the course's accounting
    loss: float  # on held-out text; exact for facts
    loss_error: float  # standard error of that mean over windows
    eval_tokens: int  # characters it was measured on
    entropy: float | None  # of the source, where it is known exactly
    seconds: float  # wall clock of training, over all its restarts
    cpu_seconds: float  # processor time of the process that finished it
    python: str
    torch: str
    numpy: str
    cpu: str  # instruction set that torch used

    def n(self, rule: str = "total") -> int:
        """Parameters by a counting rule: "total", "matmul" or "blocks"."""
        if rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(map(repr, RULES))}, got {rule!r}")
        return int(getattr(self, f"n_{rule}"))

    def ratio(self, rule: str = "total") -> float:
        """D/N: characters per parameter."""
        return self.tokens / self.n(rule)


_TYPES = {f.name: str(f.type).split(" ")[0] for f in fields(Run)}
_ORDER = {job.key: i for i, job in enumerate(all_jobs())}


def shipped() -> Path:
    """The table that comes with the course."""
    return Path(str(files("course_lib.study") / "results.csv"))


def runs(kind: str | None = None, path: str | Path | None = None) -> list[Run]:
    """The runs of a kind (all if None) of the shipped table or of another, in the order of the design."""
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    place = Path(path) if path is not None else shipped()
    if not place.is_file():
        return []
    return [run for run in _read(place, place.stat().st_mtime_ns) if kind in (None, run.kind)]


@lru_cache(maxsize=4)
def _read(path: Path, _version: int) -> list[Run]:
    """All rows of a file; a ValueError names the line and the column that cannot be read."""
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), strict=True)
    if reader.fieldnames is None or list(reader.fieldnames) != list(_TYPES):
        raise ValueError(f"{path}: the columns are not those of the study; expected {', '.join(_TYPES)}")
    rows: list[Run] = []
    for row in reader:
        rows.append(_parse(path, reader.line_num, row))
    repeated = {run.key for run in rows if sum(run.key == other.key for other in rows) > 1}
    if repeated:
        raise ValueError(f"{path}: more than one row for {', '.join(sorted(repeated))}")
    return rows


def _parse(path: Path, line: int, row: dict[str, str]) -> Run:
    """One row as a Run."""
    values: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        text = row.get(name)
        if text is None or None in row or (text == "" and name not in _OPTIONAL):
            raise ValueError(f"{path}, line {line}: column {name} is missing or there are too many columns")
        try:
            values[name] = {"str": str, "int": int, "float": float}[kind](text) if text else None
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {name} is {text!r}, expected {kind}") from error
    if not values["loss"] > 0 or values["loss"] == float("inf"):
        raise ValueError(f"{path}, line {line}: loss is {values['loss']}, expected a positive number")
    return Run(**values)


def write(path: Path, rows: list[Run]) -> None:
    """Write a whole table, all or nothing, in the order of the design."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(_TYPES), lineterminator="\n")
    writer.writeheader()
    for run in sorted(rows, key=lambda run: (_ORDER.get(run.key, len(_ORDER)), run.key)):
        writer.writerow({name: "" if value is None else value for name, value in asdict(run).items()})
    replace_text(path, out.getvalue())


def append(path: Path, run: Run) -> None:
    """Add one row to a table."""
    write(path, [*runs(path=path), run])


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Hold the table's lock; a ValueError says so if another process holds it. A kill frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(f"{path} is being written by another run; wait for it, or stop it") from error
        yield
