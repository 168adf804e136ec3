"""Small tables of results that ship: a dataclass for each table, an instance for each row.

Every cell is read as its field's type; what is wrong is named by file, line and column. Writing is all or
nothing. A table of the study has more to check and is read by `course_lib.study.table`.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from course_lib.files import replace_text

T = TypeVar("T")
_KINDS: dict[str, Any] = {"int": int, "float": float, "str": str}
_WORDS = {"int": "a whole number", "float": "a finite number"}


def path(name: str) -> Path:
    """The file of a table of the tiny laboratory that ships, such as "ablation.csv"."""
    return Path(str(files("course_lib.tiny").joinpath("data", name)))


def read(place: Path, kind: type[T], key: tuple[str, ...] = ()) -> list[T]:
    """The rows of a table as instances of a dataclass; no two with equal cells in the columns of `key`."""
    types = {f.name: _name(f.type) for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return [
        kind(**{name: _cell(where, name, types[name], text) for name, text in cells.items()})
        for where, cells in cells_of(place, tuple(types), key)
    ]


def cells_of(
    place: Path, columns: Iterable[str], key: tuple[str, ...] = ()
) -> list[tuple[str, dict[str, str]]]:
    """Each row of a table as text by column, with the words "file, line n" for it."""
    try:
        text = place.read_text(encoding="utf-8")
        reader = csv.DictReader(io.StringIO(text), strict=True)
        found = [(f"{place}, line {reader.line_num}", row) for row in reader]
    except FileNotFoundError as error:
        raise ValueError(f"{place}: no such table") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{place}: damaged, it cannot be read as a table ({error})") from error
    wanted, there = list(columns), list(reader.fieldnames or ())
    if sorted(there) != sorted(wanted):
        raise ValueError(f"{place}: the columns are {', '.join(there)}; expected {', '.join(wanted)}")
    seen: dict[tuple[str, ...], str] = {}
    for where, row in found:
        missing = [name for name in wanted if row[name] is None]
        if missing or None in row:
            wrong = f"column {missing[0]} is missing" if missing else "there are too many columns"
            raise ValueError(f"{where}: {wrong}")
        if key and seen.setdefault(tuple(row[name] for name in key), where) != where:
            raise ValueError(f"{where}: a row with the same {', '.join(key)} stands in the table already")
    return found


def number(where: str, name: str, text: str) -> float:
    """A cell that must hold a finite number."""
    return float(_cell(where, name, "float", text))


def read_json(place: Path) -> Any:
    """The values of a JSON file that ships; a ValueError names a damaged one."""
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{place}: missing or damaged, it cannot be read as JSON ({error})") from error


def write(place: Path, kind: type, table: Iterable[Any]) -> None:
    """Write instances of a dataclass as a table, all or nothing."""
    write_cells(place, [f.name for f in dataclasses.fields(kind)], map(dataclasses.asdict, table))


def write_cells(place: Path, columns: Iterable[str], table: Iterable[Mapping[str, Any]]) -> None:
    """Write rows given as cells by column, all or nothing."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    replace_text(place, out.getvalue())


def remake(place: Path, kind: type[T], made: Iterable[T], old: Iterable[T]) -> list[T]:
    """Write rows while they are made, each at once before the old ones that are left: a stopped run loses
    nothing. At the end the table holds what was made and no more."""
    done: list[T] = []
    for row in made:
        done.append(row)
        print(row, flush=True)
        write(place, kind, [*done, *(r for r in old if r not in done)])
    write(place, kind, done)
    return done


def _name(kind: Any) -> str:
    """The name of a field's type, whether it was written as text or not."""
    return kind if isinstance(kind, str) else kind.__name__


def _cell(where: str, name: str, kind: str, text: str) -> Any:
    """One cell as its type. Numbers are finite."""
    try:
        value = _KINDS.get(kind, str)(text)
    except ValueError as error:
        raise ValueError(f"{where}: {name} is {text!r}, expected {_WORDS[kind]}") from error
    if kind == "float" and not math.isfinite(value):
        raise ValueError(f"{where}: {name} is {text!r}, expected {_WORDS[kind]}")
    return value
