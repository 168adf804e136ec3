"""Read training runs from whatever holds them, and name what is wrong with them.

A source is a CSV path, a mapping of columns, a DataFrame (recognized by its columns; pandas is not imported),
a list of records, or plain arrays. Columns are found by the names people give them; a cell that cannot enter
a fit is reported with its row, its column and what to do.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from course_lib import guard
from course_lib.fitting.newton import Array
from course_lib.fitting.numbers import header_unit, number, usable

NAMES = {
    "params": (
        "params", "parameters", "n", "nparams", "numparams", "numparameters", "nparameters", "modelsize",
        "size",
        "modelparameters", "modelparams", "paramcount", "parametercount", "ntotal", "nonembeddingparams",
    ),
    "tokens": (
        "tokens", "d", "ntokens", "numtokens", "trainingtokens", "traintokens", "datasetsize", "data",
        "datasize",
        "tokensseen", "trainingdata", "tokencount", "totaltokens",
    ),
    "loss": (
        "loss", "l", "finalloss", "testloss", "valloss", "validationloss", "evalloss", "trainloss",
        "trainingloss",
        "finaltrainloss", "crossentropy", "heldoutloss",
    ),
    "flops": (
        "flops", "c", "trainingflops", "trainflops", "flop", "trainingflop", "compute", "trainingcompute",
    ),
}  # fmt: skip
SHOWN = 5  # bad cells quoted in one message


@dataclass(frozen=True)
class Runs:
    """Training runs, a row each: N parameters, D tokens, loss in nats per token."""

    params: Array
    tokens: Array
    loss: Array
    groups: tuple[Hashable, ...] | None = (
        None  # what belongs together in a bootstrap (a curve, a seed, a size)
    )
    notes: tuple[str, ...] = field(default=())  # what the reader of the table had to assume

    def __len__(self) -> int:
        return len(self.loss)

    def need(self, rows: int, distinct: int) -> None:
        """Raise ValueError unless there are `rows` runs with `distinct` sizes and amounts of data."""
        if len(self) < rows:
            raise ValueError(
                f"this law needs at least {rows} runs, more than it has parameters, got {len(self)}"
            )
        for name, column in (("params", self.params), ("tokens", self.tokens)):
            found = len(np.unique(column))
            if found == 1:
                raise ValueError(
                    f"column '{name}' is the same in all {len(self)} runs ({column[0]:g}), so its "
                    f"effect cannot be told from a floor; add runs with other {name}, or use fit_power"
                )
            if found < distinct:
                raise ValueError(
                    f"column '{name}' has only {found} different values; a term with an exponent "
                    f"beside a floor needs at least {distinct}; add runs with other {name}"
                )


@guard.guarded
def read_runs(
    source: Any = None, params: Any = None, tokens: Any = None, loss: Any = None, *, groups: Any = None
) -> Runs:
    """Runs from `source`, or from the columns given: each a name in `source`, or the values themselves.

    `groups` names (or is) a column of labels; a bootstrap can then draw whole groups. Without a column of
    tokens, one of FLOPs will do: D = C/(6 N), and `notes` says so.
    """
    if isinstance(source, Runs):
        return source
    table, where = _table(source)
    notes: list[str] = []
    given = {"params": params, "tokens": tokens, "loss": loss}
    columns = {what: _column(table, what, wish, source) for what, wish in given.items()}
    labels = None if groups is None else _column(table, "groups", groups, source)[1]
    flops = None
    if columns["tokens"][1] is None:
        flops = _column(table, "flops", None, source)
        if flops[1] is not None:
            columns["tokens"] = flops
            notes.append(f"tokens are column '{flops[0]}' over 6 N")
    for what, (_, cells) in columns.items():
        if cells is None:
            raise ValueError(_missing(what, table, source))
    return _checked(columns, labels, where, notes, flops is not None)


def any_runs(params: Any, tokens: Any, loss: Any) -> Runs:
    """Runs from three columns, or from a `Runs`, a table or a path given in place of the first."""
    return read_runs(params) if tokens is None and loss is None else read_runs(None, params, tokens, loss)


def _checked(
    columns: dict[str, tuple[str, Any]], labels: Any, where: _Where, notes: list[str], by_flops: bool
) -> Runs:
    """Numbers from cells, every bad one reported; columns of one length."""
    lengths = {name: len(cells) for name, cells in columns.values()} | (
        {} if labels is None else {"groups": len(labels)})  # fmt: skip
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
        raise ValueError(f"columns must be of equal length, a value for each run: {counts}")
    if not next(iter(lengths.values())):
        raise ValueError("there are no runs: the table has no rows below its header")
    complaints: list[str] = []
    arrays = {}
    for what, (name, cells) in columns.items():
        unit = header_unit(name)
        if unit != 1.0 and what != "loss":
            notes.append(f"column '{name}' is read in units of {unit:g}")
        arrays[what] = _numbers(cells, name, what, unit, where, complaints)
    if complaints:
        more = f" (and {len(complaints) - SHOWN} more)" if len(complaints) > SHOWN else ""
        raise ValueError(
            "; ".join(complaints[:SHOWN]) + more + ". Correct these cells or leave their rows out"
        )
    if by_flops:
        arrays["tokens"] = arrays["tokens"] / (6 * arrays["params"])
    for array in arrays.values():
        array.setflags(write=False)
    return Runs(**arrays, groups=None if labels is None else tuple(labels), notes=tuple(notes))


def _numbers(
    cells: Any, name: str, what: str, unit: float, where: _Where, complaints: list[str]
) -> Array:  # fmt: skip
    """A column as numbers; what cannot be one is added to `complaints`."""
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        says = ""
        try:
            values[i] = number(cell, separators=what != "loss")
        except ValueError as error:
            says = str(error)
        else:
            if not usable(values[i]):
                kind = "losses" if what == "loss" else "counts"
                says = f"is {values[i]:g}; {kind} must be positive and finite, because logarithms are fitted"
            elif what != "loss" and not (isinstance(cell, str) and re.search(r"[A-DF-Za-df-z]", cell)):
                values[i] *= unit
        if says:
            complaints.append(f"{where(i)}, column '{name}': the cell {says}")
    return values


class _Where:
    """Says where row i stands: a line of a file, or a position in an array."""

    def __init__(self, lines: Sequence[int] | None = None, file: str = "") -> None:
        self.lines, self.file = lines, file

    def __call__(self, i: int) -> str:
        return (
            f"row {i + 1} (index {i})"
            if self.lines is None
            else f"row {i + 1} (line {self.lines[i]} of {self.file})"
        )


def _table(source: Any) -> tuple[Mapping[str, Any], _Where]:
    """The columns of a source by name, as text or objects."""
    if source is None:
        return {}, _Where()
    if isinstance(source, str | Path):
        return _csv(Path(source))
    if isinstance(source, Mapping):
        return {str(k): _cells(v) for k, v in source.items()}, _Where()
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        return {str(name): _cells(source[name]) for name in source.columns}, _Where()
    rows = list(source) if isinstance(source, Iterable) else None
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(key for row in rows for key in row))
        return {str(name): [row.get(name) for row in rows] for name in names}, _Where()
    if rows and all(hasattr(row, "__len__") and not isinstance(row, str) and len(row) == 3 for row in rows):
        return dict(
            zip(("params", "tokens", "loss"), map(list, zip(*rows, strict=True)), strict=True)
        ), _Where()
    raise ValueError(
        "runs can be read from a CSV path, a mapping of columns, a DataFrame, a list of records or of "
        f"(N, D, loss) triples, or as params=, tokens=, loss= arrays; got {type(source).__name__}"
    )


def _cells(column: Any) -> list[Any]:
    """A column as a list of cells; Series and arrays give up their own scalars."""
    values = column.tolist() if hasattr(column, "tolist") else column
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"a column must be a sequence of values, got {values!r}")
    return list(values)


def _csv(path: Path) -> tuple[Mapping[str, Any], _Where]:
    """A delimited text file with a header; blank lines and lines that start with # are skipped."""
    if not path.is_file():
        raise ValueError(
            f"there is no file {path}; give the path of a CSV file with columns for N, D and loss"
        )
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [
        (i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise ValueError(f"{path} is empty; expected a header and a row for each run")
    header = lines[0][1]
    delimiter = max(",;\t|", key=header.count)
    parsed = list(csv.reader((line for _, line in lines), delimiter=delimiter, skipinitialspace=True))
    names = [name.strip() for name in parsed[0]]
    numbers = [i for i, _ in lines[1:]]
    rows, kept = [], []
    for line, row in zip(numbers, parsed[1:], strict=False):
        if any(cell.strip() for cell in row):
            if len(row) > len(names) and any(cell.strip() for cell in row[len(names) :]):
                raise ValueError(
                    f"line {line} of {path.name} has {len(row)} cells, the header {len(names)}; "
                    'put numbers with thousands separators in quotes: "1,000,000"'
                )
            rows.append([*row, *[""] * (len(names) - len(row))])
            kept.append(line)
    return {name: [row[j] for row in rows] for j, name in enumerate(names)}, _Where(kept, path.name)


def _key(name: str) -> str:
    """A column's name without case, punctuation and units in brackets."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[(\[].*?[)\]]", "", name.lower()))


def _column(table: Mapping[str, Any], what: str, wish: Any, source: Any) -> tuple[str, Any]:
    """The name and cells of the column for `what`: the one wished for, or the one named as people name it."""
    if wish is not None and not isinstance(wish, str):
        return what, _cells(wish)
    by_key = {_key(name): name for name in reversed(list(table))}
    if wish is not None:
        name = wish if wish in table else by_key.get(_key(wish))
        if name is None:
            raise ValueError(f"there is no column '{wish}'; {_have(table)}")
        return name, table[name]
    for alias in NAMES.get(what, ()):
        if alias in by_key:
            return by_key[alias], table[by_key[alias]]
    return what, None


def _missing(what: str, table: Mapping[str, Any], source: Any) -> str:
    if source is None:
        return f"{what} is missing; give a source, or params=, tokens= and loss="
    looks = f"no column looks like {what} (for example '{NAMES[what][0]}')"
    return f"{looks}; {_have(table)}; name it with {what}='…'"


def _have(table: Mapping[str, Any]) -> str:
    return f"the columns are {', '.join(repr(name) for name in table) or '(none)'}"
