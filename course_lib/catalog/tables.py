"""The rows of the catalog as frozen records, and how to look one up."""

import difflib
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TypeVar

from course_lib import accounting, guard
from course_lib import rows as tables
from course_lib.modelconfig import ModelConfig

PLACE = Path(__file__).parent
# What no model of the table has, or all have alike: `ModelConfig`'s own defaults.
NO_COLUMN = ("head_bias", "d_shared", "shared_gate", "moe_every", "router_bias")
FORMATS = ("fp32", "tf32", "fp16", "bf16", "fp8", "fp4")


@dataclass(frozen=True)
class Model:
    """A published model. What was never published is None; `disclosed` says where the figures come from."""

    name: str
    aliases: tuple[str, ...]
    org: str
    date: str  # first public release, YYYY-MM-DD
    kind: str  # dense, moe, or empty where unknown
    params_published: float | None  # parameters, as the authors round them
    active_published: float | None  # parameters a token uses, as the authors round them
    tokens: float | None  # training tokens
    disclosed: str  # public, leak (circulating, unconfirmed) or no
    exact: bool  # `config` gives the parameter count to the last unit
    config: ModelConfig | None
    note: str
    source: str

    @property
    def year(self) -> float:
        """Release as a decimal year, for time axes."""
        year, month, day = (int(part) for part in self.date.split("-"))
        return year + (month - 1) / 12 + (day - 1) / 365

    @property
    def params(self) -> float | None:
        """Parameters: counted from the shape where it is known exactly, else as published."""
        if self.config is not None and self.exact:
            return accounting.params(self.config)["total"]
        return self.params_published

    @property
    def active_params(self) -> float | None:
        """Parameters a token uses: counted where possible, else as published, else all of a dense model."""
        if self.config is not None and self.exact:
            return accounting.active_params(self.config)["total"]
        return (
            self.active_published if self.active_published or self.kind != "dense" else self.params_published
        )

    @property
    def training_flops(self) -> float | None:
        """6 N D with the parameters a token uses; None where either is unknown."""
        if self.active_params is None or self.tokens is None:
            return None
        return 6.0 * self.active_params * self.tokens


@dataclass(frozen=True)
class GPU:
    """A device. Peaks are dense, in TFLOP/s (1e12 FLOP/s); None where there is no such format or figure."""

    name: str
    aliases: tuple[str, ...]
    vendor: str
    year: int
    memory_gib: float  # as labelled; labels count in GiB even where they print GB
    bandwidth_gbs: float  # memory bandwidth, 1e9 bytes/s
    fp32_tflops: float | None
    tf32_tflops: float | None
    fp16_tflops: float | None  # matrix units, fp32 accumulation
    bf16_tflops: float | None
    fp8_tflops: float | None
    fp4_tflops: float | None
    watts: float | None  # board power limit
    kind: str  # datacenter or consumer
    note: str
    source: str

    def peak(self, number_format: str) -> float:
        """Dense peak in FLOP/s for fp32, tf32, fp16, bf16, fp8 or fp4."""
        if number_format not in FORMATS:
            raise ValueError(f"number format must be one of {', '.join(FORMATS)}; got {number_format!r}")
        value = getattr(self, f"{number_format}_tflops")
        if value is None:
            has = ", ".join(name for name in FORMATS if getattr(self, f"{name}_tflops") is not None)
            raise ValueError(f"{self.name} has no published {number_format} peak; it has {has}")
        return value * 1e12


@dataclass(frozen=True)
class Run:
    """A published training run, or a projection of one (`kind`). What was not reported is None."""

    name: str
    model: str  # a name of the model catalog
    date: str  # YYYY-MM
    kind: str  # run or projection
    tokens: float
    gpu: str  # device, not always one of the catalog
    n_devices: float | None
    device_hours: float | None
    days: float | None
    flops_published: float | None  # training FLOPs
    tflops_per_device: float | None  # sustained, as reported
    mfu_published: float | None  # fraction of the dense peak
    watts: float | None  # per device
    pue: float | None  # site power over computer power
    energy_mwh: float | None
    note: str
    source: str


Row = TypeVar("Row", Model, GPU, Run)


def models(disclosed: str = "") -> tuple[Model, ...]:
    """All models in order of release; `disclosed="public"` leaves out leaked and undisclosed ones."""
    if disclosed not in ("", "public", "leak", "no"):
        raise ValueError(f"disclosed must be public, leak, no or empty for all; got {disclosed!r}")
    return tuple(row for row in _models() if disclosed in ("", row.disclosed))


def model(name: str) -> Model:
    """One model by name: `model("gpt2 xl")`."""
    return _find(name, _models(), "model")


def config_of(name: str) -> ModelConfig:
    """The shape of a catalog model; a ValueError where it is not public."""
    config = model(name).config
    if config is None:
        raise ValueError(f"the shape of {name} is not public, so nothing can be counted")
    return config


def size_and_tokens(name: str) -> tuple[float, float]:
    """Parameters a token uses and training tokens of a model; a ValueError where one is not published."""
    row = model(name)
    if row.active_params is None or row.tokens is None:
        raise ValueError(f"{name} has no published size and token count")
    return float(row.active_params), float(row.tokens)


@cache
def gpus() -> tuple[GPU, ...]:
    """All devices."""
    return tuple(_record(GPU, where, cells) for where, cells in _read("gpus.csv", _names(GPU)))


def gpu(name: str) -> GPU:
    """One device by name: `gpu("h100")` is the SXM card."""
    return _find(name, gpus(), "GPU")


@cache
def runs() -> tuple[Run, ...]:
    """All training runs."""
    return tuple(_record(Run, where, cells) for where, cells in _read("runs.csv", _names(Run)))


def run(name: str) -> Run:
    """One training run by name: `run("llama 3.1 405b")`."""
    return _find(name, runs(), "run")


@cache
def _models() -> tuple[Model, ...]:
    shape = [name for name in _names(ModelConfig) if name not in NO_COLUMN]
    columns = [*(name for name in _names(Model) if name != "config"), *shape]
    found = (_model(where, cells) for where, cells in _read("models.csv", columns))
    return tuple(sorted(found, key=lambda row: row.date))


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def _read(name: str, columns: list[str]) -> list[tuple[str, dict[str, str]]]:
    """The rows of a table of this folder, each with the words "file, line n" for it."""
    return tables.cells_of(PLACE / name, columns, ("name",))


def _model(where: str, cells: dict[str, str]) -> Model:
    """A model row: its config columns go into a ModelConfig, if there is a shape at all."""
    names = _names(ModelConfig)
    shape = {key: _value(text) for key, text in cells.items() if key in names and text}
    own = {key: text for key, text in cells.items() if key not in names}
    try:
        config = ModelConfig(**shape) if shape else None  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: this is no shape of a model: {error}") from error
    return _record(Model, where, own | {"exact": cells["exact"] or "no"}, config=config)


def _value(text: str) -> bool | int | str:
    """A config cell: yes, no, a whole number or a word."""
    if text in ("yes", "no"):
        return text == "yes"
    return int(text) if text.isdigit() else text


def _record(kind: type[Row], where: str, cells: dict[str, str], **given: object) -> Row:
    """Cells to the types the record declares; an empty number is None."""
    values = dict(given)
    for field in fields(kind):
        if field.name in given:
            continue
        text = cells[field.name]
        declared = str(field.type)
        if field.name == "aliases":
            values[field.name] = tuple(text.split(";")) if text else ()
        elif "bool" in declared:
            values[field.name] = text == "yes"
        elif "str" in declared:
            values[field.name] = text
        elif text == "":
            values[field.name] = None
        else:
            number = tables.number(where, field.name, text)
            values[field.name] = int(number) if number.is_integer() else number
    return kind(**values)  # type: ignore[arg-type]


def _plain(name: str) -> str:
    """Letters and digits only, lower case: "GPT-2 XL" and "gpt2 xl" are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _find(name: str, rows: tuple[Row, ...], what: str) -> Row:
    """The row of that name or alias, or a ValueError with the nearest names."""
    known: dict[str, Row] = {}
    row: Row
    for row in rows:
        for alias in [row.name, *getattr(row, "aliases", ())]:
            known.setdefault(_plain(alias), row)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(
            f"a {what} name is expected, got {name!r}; known: {', '.join(row.name for row in rows)}"
        )
    if _plain(name) in known:
        return known[_plain(name)]
    close = difflib.get_close_matches(_plain(name), known, n=5, cutoff=0.4)
    starts = [key for key in known if key.startswith(_plain(name)) or _plain(name) in key]
    nearest = list(dict.fromkeys(known[key].name for key in starts + close))[:5] or [row.name for row in rows]
    raise ValueError(f"no {what} called {name!r} in the catalog; nearest: {', '.join(nearest)}")


guard.module(globals())
