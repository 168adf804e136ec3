"""Dense models against mixtures of experts: equal FLOPs for each character, and equal time.

The shapes are those of `moe_runs`, of width 48, 1,024 characters a step. The learning rate is chosen for
both dense models and for mixtures, on a seed that is not used again. `python -m course_lib.tiny.moe_study`
makes the rows that the table lacks (all of it: about nine minutes of one quiet core), `rows()` reads it.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from course_lib import accounting
from course_lib import rows as tables
from course_lib.files import replace_text
from course_lib.tiny import recipe
from course_lib.tiny.checks import one_of
from course_lib.tiny.corpus import tokenizer
from course_lib.tiny.moe import mixtures
from course_lib.tiny.moe_runs import BATCH, VARIANTS, WIDTH, loads, run, variant

TOKENS = 500_000  # characters read by a run, if nothing else is said
RATES = (0.5, 1.0, 2.0)  # times the learning rate of the recipe
SEEDS = (1, 2, 3)  # seed 0 chooses the learning rate
TUNED = ("dense", "dense, wide", "top-2")  # have a learning rate of their own; all mixtures share one
FEWER = ("dense, wide", "top-2, loss, full", "top-1", "top-1, loss", "top-4 of 16")  # two seeds
LENGTHS = {"dense": (250_000, 750_000, 1_000_000), "top-2, bias": (250_000, 750_000, 1_000_000)}
SENTENCE = "Emma was very compassionate"  # routed for the explorable by a model that nothing balanced


@dataclass(frozen=True)
class Row:
    """One run. Kinds: "rate" (choice of the learning rate), "run", "length" (other numbers of characters)."""

    kind: str
    variant: str  # one of VARIANTS
    seed: int
    lr: float
    tokens: int  # characters read in training
    params: int  # all
    active: int  # those that one character meets
    flops: float  # of training, by the course's accounting
    loss: float  # nats per character on held-out text
    cpu_seconds: float  # of training, one thread
    loads: str  # share of the choices of each expert on held-out text; layers apart by a bar

    def load(self) -> list[list[float]]:
        """The shares as numbers, layer by layer; empty for a dense model."""
        return [[float(x) for x in layer.split()] for layer in self.loads.split("|")] if self.loads else []


@cache
def rows(kind: str = "") -> tuple[Row, ...]:
    """The shipped results, all or of one kind."""
    return tuple(row for row in _read(_table("csv")) if kind in ("", row.kind))


def of(name: str, tokens: int = TOKENS) -> list[Row]:
    """The runs of a variant over so many characters, in order of the seeds."""
    found = [r for r in rows() if (r.variant, r.tokens) == (name, tokens) and r.kind != "rate"]
    if not found:
        raise ValueError(f"no runs of {name!r} over {tokens} characters; variants: {', '.join(VARIANTS)}")
    return sorted(found, key=lambda row: row.seed)


def mean_loss(name: str, tokens: int = TOKENS) -> float:
    """Mean held-out loss of a variant over its seeds, in nats per character."""
    return statistics.mean(row.loss for row in of(name, tokens))


def seconds(name: str, tokens: int = TOKENS) -> float:
    """Median CPU seconds that a variant took to train."""
    return statistics.median(row.cpu_seconds for row in of(name, tokens))


def loss_at(name: str, measure: str, value: float) -> float:
    """Mean loss of a variant at a budget, between its lengths: straight in the logarithm of the budget.

    `measure` is "flops" or "cpu_seconds". Outside the measured range there is no answer.
    """
    one_of("measure", measure, ("flops", "cpu_seconds"))
    points = sorted((x, mean_loss(name, n)) for n, x in budgets(name, measure).items())
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 <= value <= x1:
            return y0 + (y1 - y0) * math.log(value / x0) / math.log(x1 / x0)
    low, high = points[0][0], points[-1][0]
    raise ValueError(f"{name} was measured from {low:g} to {high:g} {measure}, not at {value:g}")


def gain(name: str, measure: str, tokens: int = TOKENS) -> float:
    """Nats by which a variant beats the dense model at an equal budget; negative if it loses."""
    return loss_at("dense", measure, budgets(name, measure)[tokens]) - mean_loss(name, tokens)


def tokens_for(name: str, loss: float) -> float:
    """Characters after which a variant reaches a loss, between its lengths (the loss falls with the log)."""
    points = sorted((mean_loss(name, n), n) for n in budgets(name, "flops"))
    for (y0, n0), (y1, n1) in itertools.pairwise(points):
        if y0 <= loss <= y1:
            return n0 * (n1 / n0) ** ((loss - y0) / (y1 - y0))
    low, high = points[0][0], points[-1][0]
    raise ValueError(f"{name} was measured from {low:.3f} to {high:.3f} nats, not at {loss:g}")


def budgets(name: str, measure: str) -> dict[int, float]:
    """Characters read -> median of a measure, for every length of a variant."""
    lengths = sorted({TOKENS, *LENGTHS.get(name, ())})
    return {n: statistics.median(getattr(row, measure) for row in of(name, n)) for n in lengths}


@cache
def sentence() -> dict[str, Any]:
    """`SENTENCE` and the router scores of its characters, layer by layer, as shipped."""
    return dict(tables.read_json(_table("json")))


def _plan() -> list[tuple[str, str, int, int]]:
    """Kind, variant, seed and characters of every run but those that choose the learning rate."""
    plan = [
        ("run", name, seed, TOKENS)
        for seed in SEEDS for name in VARIANTS if seed != SEEDS[-1] or name not in FEWER
    ]  # fmt: skip
    lengths = [(name, size) for name, sizes in LENGTHS.items() for size in sizes]
    return plan + [("length", name, seed, size) for seed in SEEDS[:2] for name, size in lengths]


def _row(
    known: Mapping[tuple[object, ...], Row], kind: str, name: str, seed: int, tokens: int, lr: float
) -> Row:
    """One run of the table, computed unless it is known."""
    if (kind, name, seed, tokens, lr) in known:
        return known[kind, name, seed, tokens, lr]
    config = variant(name)
    model, loss, spent = run(config, tokens, seed=seed, lr=lr)
    shape = config.to_accounting()
    flops = tokens * accounting.training_flops(shape, config.context, True)["total"]
    return Row(
        kind, name, seed, lr, tokens, accounting.params(shape)["total"],
        accounting.active_params(shape)["total"], float(round(flops)), round(loss, 4), round(spent, 2),
        "|".join(" ".join(f"{x:.4f}" for x in layer) for layer in loads(model)),
    )  # fmt: skip


def _sentence() -> dict[str, Any]:
    """Router scores of the sentence, from the unbalanced mixture of the first seed, trained again."""
    model, _, _ = run(variant("top-2"), TOKENS, seed=SEEDS[0], lr=of("top-2")[0].lr)
    tokens = torch.tensor([[tokenizer("austen").characters.index(c) for c in SENTENCE]])
    with torch.no_grad():
        seen: list[torch.Tensor] = []
        for layer in mixtures(model):
            layer.router.register_forward_hook(lambda _m, _i, out: seen.append(out))
        model(tokens)
    scores = [[[round(x, 3) for x in row] for row in layer.tolist()] for layer in seen]
    return {"text": SENTENCE, "scores": scores, "source": "python -m course_lib.tiny.moe_study"}


def _table(suffix: str) -> Path:
    return tables.path(f"moe.{suffix}")


def _read(path: Path) -> list[Row]:
    """The rows of a table."""
    return tables.read(path, Row, ("kind", "variant", "seed", "tokens", "lr"))


def measure(known: Mapping[tuple[object, ...], Row]) -> Iterator[Row]:
    """Every row of the table, as it is computed; rows that are known already are taken over."""
    base, best = recipe.learning_rate(WIDTH, BATCH), {}
    for name in TUNED:
        tried = []
        for factor in RATES:
            tried.append(_row(known, "rate", name, 0, TOKENS, round(factor * base, 6)))
            yield tried[-1]
        best[name] = min(tried, key=lambda row: row.loss).lr
    for kind, name, seed, tokens in _plan():
        yield _row(known, kind, name, seed, tokens, best[name if name in TUNED else "top-2"])


def main() -> None:
    """Write the table and the sentence that ship, running what they lack; delete them to run everything."""
    old = _read(_table("csv")) if _table("csv").exists() else []
    known: dict[tuple[object, ...], Row] = {(r.kind, r.variant, r.seed, r.tokens, r.lr): r for r in old}
    tables.remake(_table("csv"), Row, measure(known), old)
    rows.cache_clear()
    if not _table("json").exists():
        replace_text(_table("json"), json.dumps(_sentence()) + "\n")


if __name__ == "__main__":
    main()
