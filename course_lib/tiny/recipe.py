"""The recipe for small text models: one function that makes, trains and judges a model of a given width.

Rotary positions, RMSNorm, SwiGLU and a one-step token shift, 512 characters a step; the learning rate falls
as one over the width. Measured choices: with learned positions small models stay for hundreds of steps on a
plateau where they only know which letter follows which, and their losses obey no law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from course_lib import guard
from course_lib.tiny.checks import number, whole
from course_lib.tiny.corpus import Windows, held_out_loss, split, tokenizer
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.train import train

CONTEXT = 64  # characters a model sees at once
BATCH = 8  # windows a step: 512 characters


@dataclass(frozen=True)
class TextRun:
    """One model trained on text, and what came of it."""

    d_model: int  # width
    n_layers: int
    params: int  # all parameters, token table and head included
    tokens: int  # characters read
    flops: float  # of training, by the course's accounting
    loss: float  # nats per character on held-out text
    seconds: float  # wall clock of training
    seed: int


def learning_rate(d_model: int, batch: int = BATCH) -> float:
    """Peak learning rate: 0.0113 at width 32 and 8 windows, as 1/width and as sqrt(batch), at most 0.03."""
    return min(0.03, 0.0113 * (32 / whole("d_model", d_model)) * math.sqrt(whole("batch", batch) / 8))


def text_config(d_model: int, n_layers: int = 2, n_heads: int = 0, *, text: str = "austen") -> GPTConfig:
    """A modern small GPT over the characters of a text, with heads of about 16 channels."""
    heads = n_heads or max(1, round(d_model / 16))
    vocab = len(tokenizer(text).characters)
    return GPTConfig.modern(
        vocab, CONTEXT, d_model, n_layers, heads, rope_base=100.0, token_shift=True, tie_head=False
    )


def train_text(
    d_model: int,
    tokens: float,
    n_layers: int = 2,
    *,
    seed: int = 0,
    lr: float | None = None,
    text: str = "austen",
    progress: bool = False,
) -> TextRun:
    """Train a model of one width on about ``tokens`` characters; same seed, same held-out loss."""
    number("tokens", tokens, CONTEXT * BATCH, math.inf)
    config = text_config(d_model, n_layers, text=text)
    training, held_out = split(text)
    model = GPT(config, seed=seed)
    steps = max(1, round(tokens / (CONTEXT * BATCH)))
    batches = Windows(training, BATCH, CONTEXT, seed=seed)
    rate = lr or learning_rate(d_model)
    with (
        one_thread()
    ):  # so small a product gains nothing from a second thread
        history = train(model, batches, steps, lr=rate, schedule="linear", progress=progress)
        loss = held_out_loss(model, held_out)
    size = sum(p.numel() for p in model.parameters())
    return TextRun(d_model, n_layers, size, history.tokens, history.flops, loss, history.seconds, seed)


guard.module(globals())
