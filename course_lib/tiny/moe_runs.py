"""Tiny mixtures of experts at work: the shapes that lesson 17 compares, their training, and who goes where.

All shapes are two blocks with the parts of `recipe`; the experts of a mixture are so narrow that the k of a
character cost as much arithmetic as the feed-forward part of the dense shape.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from course_lib.tiny import recipe
from course_lib.tiny.checks import one_of, whole
from course_lib.tiny.corpus import Windows, held_out_loss, split, tokenizer
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.moe import build, mixture, mixtures
from course_lib.tiny.train import stepper, train

WIDTH, BATCH = 48, 16  # of the residual stream; windows in a step
MIXTURES: dict[str, dict[str, Any]] = {
    "top-2": {},
    "top-2, loss": {"balance": "loss"},
    "top-2, bias": {"balance": "bias", "gate": "sigmoid"},
    "top-2, loss, full": {"balance": "loss", "capacity": 1.0},
    "top-1": {"top_k": 1, "gate": "all"},
    "top-1, loss": {"top_k": 1, "gate": "all", "balance": "loss"},
    "top-4 of 16": {"n_experts": 16, "top_k": 4, "balance": "bias", "gate": "sigmoid"},
}
VARIANTS = ("dense", "dense, wide", *MIXTURES)


def variant(name: str, *, d_model: int = WIDTH) -> GPTConfig:
    """The shape of a variant: equal FLOPs for all but "dense, wide", which has a mixture's parameters."""
    one_of("variant", name, VARIANTS)
    dense = recipe.text_config(d_model)
    if name == "dense, wide":
        return dataclasses.replace(dense, d_ff=4 * dense.d_ff)
    return mixture(dense, **MIXTURES[name]) if name in MIXTURES else dense


def run(
    config: GPTConfig, tokens: int, *, seed: int, lr: float, batch: int = BATCH,
    watch: Callable[[int, GPT], object] | None = None,
) -> tuple[GPT, float, float]:  # fmt: skip
    """Train a shape: the model, its held-out loss, and CPU seconds. `watch(step, model)` sees every step."""
    training, held_out = split("austen")
    model = build(config, seed=seed)
    steps = max(1, round(whole("tokens", tokens) / (config.context * batch)))
    batches = Windows(training, batch, config.context, seed=seed)
    stop = None if watch is None else lambda step: bool(watch(step, model))  # a watcher returns nothing
    with one_thread():
        began = time.process_time()
        train(model, batches, steps, lr=lr, schedule="linear", progress=False, stop=stop)
        spent = time.process_time() - began
        return model, held_out_loss(model, held_out), spent


def watched(name: str, tokens: int, *, d_model: int = 24, seed: int = 1) -> tuple[GPT, list[float]]:
    """Train a small mixture and note the busiest expert's share in each step, mean over the layers."""
    peaks: list[float] = []

    def note(_step: int, model: GPT) -> None:
        seen = [float(layer.seen.load.max()) for layer in mixtures(model) if layer.seen is not None]
        peaks.append(statistics.mean(seen))

    config, lr = variant(name, d_model=d_model), recipe.learning_rate(d_model) / 2
    model, _, _ = run(config, tokens, seed=seed, lr=lr, batch=recipe.BATCH, watch=note)
    return model, peaks


@torch.no_grad()
def routes(model: GPT, tokens: torch.Tensor) -> list[torch.Tensor]:
    """Which experts each character of windows (B, T) goes to, best first: (B T, k) for each mixture layer."""
    model(tokens)
    return [layer.seen.chosen for layer in mixtures(model) if layer.seen is not None]


def loads(model: GPT, *, limit: int = 16_384) -> list[list[float]]:
    """Share of the choices that each expert gets on held-out text, layer by layer."""
    T = model.config.context
    windows = split("austen")[1][: limit // T * T].long().view(-1, T)
    experts = int(getattr(model.config, "n_experts", 0))
    counts = [torch.bincount(chosen.flatten(), minlength=experts) for chosen in routes(model, windows)]
    return [(count / count.sum()).tolist() for count in counts]


def favorites(model: GPT, layer: int, *, letters: int = 6, least: int = 60, limit: int = 16_384) -> list[str]:
    """For each expert of a layer the characters of which the largest share comes to it, best first.

    Only characters that held-out text has at least `least` times in its first `limit`, and only where an
    expert gets more than twice an even share of them. A space is written as an open box.
    """
    T, characters = model.config.context, tokenizer("austen").characters
    windows = split("austen")[1][: limit // T * T].long().view(-1, T)
    chosen, seen = routes(model, windows)[layer], windows.flatten()
    experts = mixtures(model)[layer].config.n_experts
    counts = torch.zeros(len(characters), experts)
    for rank in chosen.unbind(dim=1):
        counts.index_put_((seen, rank), torch.ones(len(seen)), accumulate=True)
    share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    share[torch.bincount(seen, minlength=len(characters)) < least] = 0
    best = [share[:, e].argsort(descending=True)[:letters].tolist() for e in range(experts)]
    listed = [[characters[i] for i in ids if share[i, e] > 2 / experts] for e, ids in enumerate(best)]
    return [" ".join("\u2423" if c == " " else c for c in row) for row in listed]


def step_times(names: tuple[str, ...], *, rounds: int = 9) -> dict[str, float]:
    """Median CPU seconds of a training step of each variant, taken in turns so that noise hits all alike."""
    training, _ = split("austen")
    steps = {
        name: stepper(build(variant(name)), Windows(training, BATCH, recipe.CONTEXT, seed=0))
        for name in names
    }
    spent: dict[str, list[float]] = {name: [] for name in names}
    with one_thread():
        for _ in range(whole("rounds", rounds) + 2):
            for name, step in steps.items():
                began = time.process_time()
                step()
                spent[name].append(time.process_time() - began)
    return {name: statistics.median(seconds[2:]) for name, seconds in spent.items()}  # two to warm up
