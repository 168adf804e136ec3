"""One part at a time: from GPT-2's choices to Llama's, at equal parameters and equal tokens.

Every variant reads the same windows of Austen in the same order; what a part saves in weights goes into the
feed-forward width, so that all hold the same number of parameters to within one hidden unit. Each variant
gets its own learning rate, chosen on a seed that is not used again. Biases are left out everywhere, so that
only the four parts differ. `python -m course_lib.tiny.ablation` makes the rows that the table lacks (all of
it: about five minutes of one quiet core); `rows()` reads the table that ships.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import accounting
from course_lib import rows as tables
from course_lib.tiny import recipe
from course_lib.tiny.checks import one_of, whole
from course_lib.tiny.corpus import Windows, held_out_loss, split, tokenizer
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.train import train

PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # the classic choice, the modern one
    "rmsnorm": ({"norm": "layernorm"}, {"norm": "rmsnorm"}),
    "swiglu": ({"ffn": "gelu"}, {"ffn": "swiglu"}),
    "rope": ({"position": "learned"}, {"position": "rope"}),
    "gqa": ({"n_kv_heads": 4}, {"n_kv_heads": 2}),
}
VARIANTS = ("classic", *("+" + part for part in PARTS), "modern", *("-" + part for part in PARTS))
WIDTH = 32  # of the residual stream; four query heads of eight channels
ROPE_BASE = 100.0  # at a context of 64; Llama 3 has 500,000 at 8,192
TOKENS = 256_000  # characters read by each run of the table
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the learning rate of the recipe
SEEDS = (1, 2, 3)  # seed 0 chooses the learning rate
LONG = 4  # times the tokens, for the question whether more reading mends learned positions
CONTEXT = recipe.CONTEXT  # characters that each model is trained to read
STRETCH = 4  # times the context, for the question what happens beyond it
BUCKET = 32  # positions per row of the stretched reading
LENGTHS = tuple(f"modern, base {base:,.0f}" for base in (ROPE_BASE, 10_000.0))  # of kind "length"


@dataclass(frozen=True)
class Row:
    """One result. Kinds: "rate" (choice of the learning rate), "run", "long", "length"."""

    kind: str
    variant: str  # one of VARIANTS; "length" adds the base of its rotation
    seed: int
    lr: float
    tokens: int  # characters read in training
    params: int  # all parameters
    d_ff: int  # hidden units of the feed-forward part
    position: int  # length: the loss is over this position and the BUCKET - 1 after it; else 0
    loss: float  # nats per character on held-out text
    cpu_seconds: float  # of training


def variant(name: str, *, d_model: int = WIDTH, n_layers: int = 2, rope_base: float = ROPE_BASE) -> GPTConfig:
    """A tiny GPT with some parts switched: "classic", "+rope", "modern", "-rope", ... All of one size."""
    one_of("variant", name, VARIANTS)
    modern = {name[1:]} if name[0] == "+" else set(PARTS) - {name[1:]} if name[0] == "-" else set()
    if name == "modern":
        modern = set(PARTS)
    plain = GPTConfig(
        len(tokenizer("austen").characters), CONTEXT, d_model, n_layers, 4,
        rope_base=rope_base, bias=False, tie_head=False,
    )  # fmt: skip
    fields: dict[str, Any] = {}
    for part, choices in PARTS.items():
        fields |= choices[part in modern]
    return matched(dataclasses.replace(plain, **fields), size(plain))


def size(config: GPTConfig) -> int:
    """Parameters of a tiny GPT, counted from its shape."""
    return accounting.params(config.to_accounting())["total"]


def matched(config: GPTConfig, params: int) -> GPTConfig:
    """The shape with the feed-forward width that brings its size nearest to `params`."""
    whole("params", params)
    one, two = (size(dataclasses.replace(config, d_ff=n)) for n in (1, 2))
    units = 1 + round((params - one) / (two - one))
    if units < 1:
        raise ValueError(f"without feed-forward the shape has {one} parameters already, above {params}")
    return dataclasses.replace(config, d_ff=units)


def run(config: GPTConfig, tokens: int, *, seed: int, lr: float) -> tuple[GPT, float, float]:
    """Train a shape on `tokens` characters: the model, its held-out loss, and the CPU seconds it took."""
    training, held_out = split("austen")
    model = GPT(config, seed=seed)
    steps = max(1, round(tokens / (CONTEXT * recipe.BATCH)))
    batches = Windows(training, recipe.BATCH, config.context, seed=seed)
    with one_thread():
        began = time.process_time()
        train(model, batches, steps, lr=lr, schedule="linear", progress=False)
        spent = time.process_time() - began
        return model, held_out_loss(model, held_out), spent


@torch.no_grad()
def losses_by_position(model: GPT, context: int, *, windows: int = 512) -> Tensor:
    """Mean loss in nats at each position of held-out windows of `context`, which may exceed the trained one.

    Only rotary positions can be stretched: their angles are computed, a learned table has no further rows.
    """
    if model.config.position != "rope":
        raise ValueError("learned positions end with their table; only a model with rope can read further")
    longer = GPT(dataclasses.replace(model.config, context=whole("context", context)))
    longer.load_state_dict(model.state_dict())
    tokens = split("austen")[1]
    rows = min(whole("windows", windows), (len(tokens) - 1) // context)
    x = tokens[: rows * context].long().view(rows, context)
    y = tokens[1 : rows * context + 1].long().view(rows, context)
    parts = [
        F.cross_entropy(longer(a).transpose(1, 2), b, reduction="none")
        for a, b in zip(x.split(32), y.split(32), strict=True)
    ]
    return torch.cat(parts).mean(dim=0)


@cache
def rows(kind: str = "") -> tuple[Row, ...]:
    """The shipped results, all or of one kind."""
    return tuple(row for row in _read(_table()) if kind in ("", row.kind))


def losses(name: str, kind: str = "run") -> list[float]:
    """Held-out losses of one variant in the shipped table, in order of the seeds."""
    found = sorted((row.seed, row.loss) for row in rows(kind) if row.variant == name)
    if not found:
        raise ValueError(f"no rows of kind {kind!r} for {name!r}; variants: {', '.join(VARIANTS)}")
    return [loss for _, loss in found]


def rate(name: str) -> float:
    """The learning rate that a variant was given."""
    found = [row.lr for row in rows("run") if row.variant == one_of("variant", name, VARIANTS)]
    return found[0]


def gains(part: str) -> list[float]:
    """What a part takes off the loss (nats), seed by seed: added to classic, then kept in modern."""
    one_of("part", part, tuple(PARTS))
    pairs = (("classic", "+" + part), ("-" + part, "modern"))
    return [a - b for old, new in pairs for a, b in zip(losses(old), losses(new), strict=True)]


def measure(known: Mapping[tuple[object, ...], Row]) -> Iterator[Row]:
    """Every row of the table, as it is computed; rows that are known already are taken over."""
    best: dict[str, float] = {}
    for name in VARIANTS:
        tried = [_row(known, "rate", name, 0, round(f * recipe.learning_rate(WIDTH), 6)) for f in RATES]
        yield from tried
        best[name] = min(tried, key=lambda row: row.loss).lr
        for seed in SEEDS:
            yield _row(known, "run", name, seed, best[name])
    for name in ("classic", "+rope"):
        yield _row(known, "long", name, SEEDS[0], best[name], LONG * TOKENS)
    for base in (ROPE_BASE, 10_000.0):
        yield from _length(base, best["modern"])


def _row(
    known: Mapping[tuple[object, ...], Row], kind: str, name: str, seed: int, lr: float, tokens: int = TOKENS
) -> Row:
    """One run of the table, computed unless it is known."""
    if (kind, name, seed, lr, tokens) in known:
        return known[kind, name, seed, lr, tokens]
    config = variant(name)
    _, loss, spent = run(config, tokens, seed=seed, lr=lr)
    return Row(kind, name, seed, lr, tokens, size(config), config.d_ff, 0, round(loss, 4), round(spent, 2))


def _length(base: float, lr: float) -> Iterator[Row]:
    """Losses of a modern model by position, up to STRETCH times the context it was trained on."""
    config, seed = variant("modern", rope_base=base), SEEDS[0]
    model, _, spent = run(config, TOKENS, seed=seed, lr=lr)
    by_position = losses_by_position(model, STRETCH * CONTEXT)
    name = f"modern, base {base:,.0f}"
    for start in range(0, len(by_position), BUCKET):
        mean = round(float(by_position[start : start + BUCKET].mean()), 4)
        yield Row("length", name, seed, lr, TOKENS, size(config), config.d_ff, start, mean, round(spent, 2))


def _table() -> Path:
    return tables.path("ablation.csv")


def _read(path: Path) -> list[Row]:
    """The rows of a table."""
    return tables.read(path, Row, ("kind", "variant", "seed", "lr", "tokens", "position"))


def main() -> None:
    """Write the table that ships, running what it lacks; delete the file to run everything."""
    path = _table()
    old = _read(path) if path.exists() else []
    known: dict[tuple[object, ...], Row] = {
        (row.kind, row.variant, row.seed, row.lr, row.tokens): row for row in old
    }
    tables.remake(path, Row, measure(known), old)


if __name__ == "__main__":
    main()
