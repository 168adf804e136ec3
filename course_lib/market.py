"""What devices rent for, and what others measured when they served models on them.

Two small tables with their sources. Rents (`catalog/prices.csv`) are offers on a day, copied from price
lists: examples with a date, not a market study. Rates (`catalog/served.csv`) are those that NVIDIA published
for TensorRT-LLM in 2023 (docs/source/performance.md of its repository); `bound` holds them against the roof.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

from course_lib import catalog, formulas, guard, roofline
from course_lib import rows as tables
from course_lib.memory import bits_of


@dataclass(frozen=True)
class Offer:
    """One device for one hour, as somebody offered it."""

    gpu: str  # a name of the catalog
    usd_per_hour: float
    seller: str
    kind: str  # cloud, or marketplace of other people's machines
    date: str  # YYYY-MM-DD on which the list was read
    source: str


@dataclass(frozen=True)
class Served:
    """A published measurement of serving. Throughput counts output tokens of all devices together."""

    gpu: str
    devices: int  # the model is split evenly over them
    number_format: str  # of weights and cache
    model: str
    batch: int  # prompts read and answered together
    prompt: int  # tokens read
    output: int  # tokens written
    tokens_per_second: float | None
    first_token_ms: float | None  # time until the first token of a single prompt
    source: str


def _place(name: str) -> Path:
    return Path(str(files("course_lib.catalog").joinpath(name)))


@cache
def offers() -> tuple[Offer, ...]:
    """All offers."""
    return tuple(tables.read(_place("prices.csv"), Offer, ("gpu", "seller", "kind", "date")))


def price(gpu: str) -> float | None:
    """Median of the offers for a device in dollars per hour; None where there is none."""
    name = catalog.gpu(gpu).name
    found = [o.usd_per_hour for o in offers() if o.gpu == name]
    return statistics.median(found) if found else None


@cache
def served() -> tuple[Served, ...]:
    """All published measurements."""
    table = tables.cells_of(_place("served.csv"), [f.name for f in fields(Served)])
    return tuple(_served(*row) for row in table)


def _served(where: str, row: dict[str, str]) -> Served:
    """Cells to the types of the record; an empty one is None."""
    names = ("devices", "batch", "prompt", "output")
    counts = {name: int(tables.number(where, name, row[name])) for name in names}
    rates = {
        name: tables.number(where, name, row[name]) if row[name] else None
        for name in ("tokens_per_second", "first_token_ms")
    }
    return Served(**{**row, **counts, **rates})  # type: ignore[arg-type]


def bound(row: Served) -> float:
    """What the roof allows at most, in the unit of the row: tokens/s, or at least so many ms to the first."""
    gpu, config = catalog.gpu(row.gpu), catalog.config_of(row.model)
    peak, bandwidth = gpu.peak(row.number_format) * row.devices, gpu.bandwidth_gbs * 1e9 * row.devices
    value_bytes = bits_of(row.number_format) / 8
    first = roofline.prefill(config, row.prompt, row.batch, peak, bandwidth, value_bytes)["seconds"]
    if row.first_token_ms is not None:
        return float(1e3 * first)
    step = roofline.request(config, row.prompt, row.output, row.batch, peak, bandwidth, value_bytes)["step"]
    return row.batch * row.output / (first + row.output * step)


def reached(row: Served) -> float:
    """Measured speed over the bound, a fraction."""
    if row.first_token_ms is not None:
        return bound(row) / row.first_token_ms
    if row.tokens_per_second is None:
        raise ValueError("a measurement needs tokens_per_second or first_token_ms")
    return row.tokens_per_second / bound(row)


def usd_per_million(
    model: str, batch: int, prompt: int, output: int, number_format: str = "bf16", least_gib: float = 0.0
) -> dict[str, float]:
    """Dollars for a million tokens written, at the bound and the median rent, on each device that has both.

    One device each, with memory of at least `least_gib` GiB and a peak in that format; cheapest first.
    """
    config = catalog.config_of(model)
    found = {}
    for gpu in catalog.gpus():
        rent = price(gpu.name)
        if rent is None or gpu.memory_gib < least_gib or getattr(gpu, f"{number_format}_tflops") is None:
            continue
        roof = gpu.peak(number_format), gpu.bandwidth_gbs * 1e9
        rate = roofline.request(config, prompt, output, batch, *roof, bits_of(number_format) / 8)
        found[gpu.name] = formulas.usd_per_million(rent, rate["tokens_per_second"])
    return dict(sorted(found.items(), key=lambda item: item[1]))


guard.module(globals())
