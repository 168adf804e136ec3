"""What the course's runs on limited text say: repetition, noise, filters, copies, leaks. Read without torch.

The runs are made by `python -m course_lib.tiny.repeats`, the pairs of documents by `python -m
course_lib.tiny.pairs`. Losses are in nats per character on text that was held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from course_lib import formulas, guard
from course_lib import rows as tables

REPEATED = ("kind", "d_model", "seed", "unique", "tokens", "setting")  # two runs differ in one of them
KINDS = ("repeat", "fresh", "epochs", "noise", "filter", "copies", "leak")
WIDTH = 32  # of the models in most runs
POOL_NOISE = 0.4  # of the dirtiest document in the filter's pool; the cleanest has none


@dataclass(frozen=True)
class Row:
    """One run. `setting` is what its kind varies: noise, share kept, documents copied, copies leaked."""

    kind: str  # one of KINDS
    d_model: int  # width; two layers
    seed: int
    params: int  # N, token table and head included
    unique: int  # U: different characters in the training text
    tokens: int  # D: characters read
    setting: float  # copies: negative where the text was deduplicated first
    loss: float  # nats per character, held-out text (leak: the test documents that did not leak)
    train_loss: float  # mean of the last twentieth of training (leak: the test documents that leaked)
    cpu_seconds: float

    @property
    def epochs(self) -> float:
        """How often each character was read."""
        return self.tokens / self.unique


@dataclass(frozen=True)
class Pair:
    """A planted pair of documents, or all pairs of unrelated originals with one similarity."""

    kind: str  # "copy", "quote" or "unrelated"
    similarity: float  # exact, of the sets of shingles
    agree: str  # which of the 128 MinHash numbers agree, 4 to a hexadecimal digit, first number first
    count: int  # of pairs; 1 if planted


@cache
def runs(kind: str = "") -> tuple[Row, ...]:
    """The shipped runs, all or of one kind."""
    if kind and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    found = tables.read(tables.path("repeats.csv"), Row, REPEATED)
    return tuple(row for row in found if kind in ("", row.kind))


@cache
def pairs(kind: str = "") -> tuple[Pair, ...]:
    """The shipped pairs of documents, all or of one kind."""
    return tuple(row for row in tables.read(tables.path("pairs.csv"), Pair) if kind in ("", row.kind))


def mean_loss(found: Sequence[Row]) -> float:
    """Mean held-out loss of several runs, such as the seeds of one setting."""
    if not found:
        raise ValueError("the table has no such runs; `limits.runs()` lists them all")
    return sum(row.loss for row in found) / len(found)


def by_epochs(d_model: int = WIDTH) -> dict[int, float]:
    """Epochs -> mean loss of the runs that read equally many characters."""
    here = [row for row in runs("repeat") if row.d_model == d_model]
    return {
        e: mean_loss([r for r in here if round(r.epochs) == e])
        for e in sorted({round(r.epochs) for r in here})
    }


def by_passes(unique: int) -> dict[int, float]:
    """Epochs -> mean loss where one text of so many characters is read more and more often."""
    kinds = (*runs("fresh"), *runs("epochs"), *runs("repeat"))
    here = [row for row in kinds if row.unique == unique and row.d_model == WIDTH]
    times = sorted({round(row.epochs) for row in here})
    return {e: mean_loss([r for r in here if round(r.epochs) == e]) for e in times}


def by_noise() -> dict[float, float]:
    """Share of characters replaced -> mean loss, everything fresh and equally many characters read."""
    here = runs("noise")
    clean = {0.0: by_epochs()[1]}
    return clean | {
        n: mean_loss([r for r in here if r.setting == n]) for n in sorted({r.setting for r in here})
    }


def fresh() -> tuple[list[float], list[float]]:
    """Characters read, each once, and the mean loss: the yardstick for what repeated text is worth."""
    here = [
        row for row in (*runs("fresh"), *runs("repeat")) if row.unique == row.tokens and row.d_model == WIDTH
    ]
    tokens = sorted({row.tokens for row in here})
    return [float(d) for d in tokens], [mean_loss([r for r in here if r.tokens == d]) for d in tokens]


def worth(loss: float) -> float:
    """Fresh characters that would have given the same loss, read off the measured curve."""
    tokens, losses = fresh()
    if not min(losses) <= loss <= max(losses):
        raise ValueError(f"loss {loss} lies outside the measured fresh runs, {min(losses)} to {max(losses)}")
    return formulas.read_off(tokens, losses, loss)


def noise_of_same_loss(loss: float) -> float:
    """The noise at which fresh text gives this loss, on straight lines between the measured settings."""
    known = list(by_noise().items())
    for (a, low), (b, high) in pairwise(known):
        if low <= loss <= high:
            return a + (b - a) * (loss - low) / (high - low)
    raise ValueError(f"loss {loss} lies outside the measured noises, {known[0][1]} to {known[-1][1]}")


def filter_curves() -> list[dict[str, Any]]:
    """For each budget: the shares of the pool that were kept (all first), what that left, and the loss."""
    out = []
    for tokens in sorted({row.tokens for row in runs("filter")}):
        here = [row for row in runs("filter") if row.tokens == tokens]
        shares = sorted({row.setting for row in here}, reverse=True)
        kept = [[row for row in here if row.setting == share] for share in shares]
        losses = [mean_loss(rows) for rows in kept]
        out.append({
            "tokens": tokens, "share": shares, "unique": [rows[0].unique for rows in kept],
            "epochs": [rows[0].epochs for rows in kept], "loss": losses,
            "best": shares[losses.index(min(losses))],
        })  # fmt: skip
    return out


def seed_noise() -> float:
    """Standard deviation of the loss from seed to seed, pooled over the settings with three seeds."""
    groups: dict[tuple[str, int, int, float], list[float]] = {}
    for row in (*runs("repeat"), *runs("noise")):
        if row.d_model == WIDTH:
            groups.setdefault((row.kind, row.unique, row.tokens, row.setting), []).append(row.loss)
    spread = [sum((x - sum(g) / len(g)) ** 2 for x in g) / (len(g) - 1) for g in groups.values()]
    return math.sqrt(sum(spread) / len(spread))


guard.module(globals())
