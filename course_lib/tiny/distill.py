"""A student that learns from a teacher's probabilities instead of the text's next characters.

Distillation (Hinton et al. 2015, arXiv 1503.02531): at every position the student is asked for the whole
distribution that a trained teacher gives, softened by a temperature, and not for the one character that
happened to stand there. The loss is the cross-entropy to the teacher's softened probabilities times T^2, so
that its gradient keeps its size; up to a constant that is T^2 times the Kullback-Leibler divergence.

`python -m course_lib.tiny.distill` makes the rows that the table lacks (all of it: about eight minutes of one
core) and the teacher's answers at a few places; `rows()` reads the table that ships.
"""

from __future__ import annotations

import json
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
from course_lib.files import replace_text
from course_lib.tiny import recipe
from course_lib.tiny.checkpoint import load_model
from course_lib.tiny.checks import number, one_of, whole
from course_lib.tiny.corpus import Passes, Windows, held_out_loss, split, tokenizer
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.pack import load, shipped
from course_lib.tiny.train import Batches, train

KEY = ("kind", "asked", "teacher", "temperature", "seed", "d_model", "tokens")  # of a row of the table
LESSONS = ("labels", "teacher")  # what a student is asked for
WIDTH = 32  # of the student: two layers
SEEDS = (0, 1, 2)
TOKENS = (75_000, 150_000, 300_000, 600_000, 1_200_000)  # characters a student reads
MOST = 2_400_000  # and one student of the text alone, to see what the saved FLOPs would have bought
SCARCE = 30_000  # characters of text, read TIMES times
TIMES = 10
WARMTHS = (0.5, 2.0, 4.0)  # temperatures besides 1
TEMPERED = 300_000  # characters at which temperatures and teachers are compared
WEAKER = ((16, 300_000), (32, 600_000))  # widths and characters of teachers worse than the shipped one


@dataclass(frozen=True)
class Row:
    """One student. Kinds: "tokens", "scarce", "warmth", "teacher" (weaker teachers), "self" (those alone)."""

    kind: str
    asked: str  # one of LESSONS
    teacher: str  # "" for none, "text" for the shipped model, "w16" and so on for weaker ones
    teacher_loss: float  # nats per character on the held-out text, 0 for none
    temperature: float
    seed: int
    d_model: int
    tokens: int  # characters read
    unique: int  # distinct characters of text at hand; 0 for the whole training text
    params: int
    flops: float  # of the student's training
    teacher_flops: float  # of the teacher's forward passes over what the student reads
    loss: float  # nats per character on held-out text
    cpu_seconds: float  # teacher's forward passes included


class Student(GPT):
    """A GPT whose targets may be distributions: (B, T, V) of probabilities instead of (B, T) of tokens."""

    def __init__(self, config: GPTConfig, seed: int = 0, *, temperature: float = 1.0) -> None:
        """Weights as any GPT's; `temperature` softens the student as the teacher was softened."""
        super().__init__(config, seed=seed)
        self.temperature = number("temperature", temperature, 0.0, open_low=True)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy to the targets; distributions count T^2 times (Hinton et al., section 2)."""
        if targets.dim() == 2:
            return super().loss(tokens, targets)
        logits = self(tokens) / self.temperature
        return self.temperature**2 * F.cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1))


@dataclass(frozen=True)
class Taught:
    """Batches whose targets are a teacher's probabilities: a pure function of the step, like the windows."""

    batches: Batches  # step -> inputs and targets (B, T) of the text
    teacher: GPT
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Reject a temperature that cannot soften."""
        number("temperature", self.temperature, 0.0, open_low=True)

    @torch.no_grad()
    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs (B, T) and the teacher's softened probabilities (B, T, V) of what follows each of them."""
        inputs, _ = self.batches(step)
        return inputs, (self.teacher(inputs) / self.temperature).softmax(dim=-1)


def teach(
    tokens: int,
    asked: str = "labels",
    *,
    teacher: GPT | None = None,
    d_model: int = WIDTH,
    temperature: float = 1.0,
    seed: int = 0,
    unique: int = 0,
) -> tuple[Student, float, float]:
    """Train a student on about `tokens` characters: the model, its held-out loss, and CPU seconds.

    `asked` is "labels" (the text's next characters) or "teacher" (the shipped text model unless `teacher` is
    given); `unique` keeps only so many characters of text, which are then read again and again. The same seed
    gives both kinds of student the same start and the same windows.
    """
    one_of("asked", asked, LESSONS)
    number("tokens", tokens, recipe.CONTEXT * recipe.BATCH)
    text, held_out = split("austen")
    batches: Batches = Windows(text, recipe.BATCH, recipe.CONTEXT, seed=seed)
    if unique:
        batches = Passes(text[: whole("unique", unique)], recipe.BATCH, recipe.CONTEXT, seed=seed)
    if asked == "teacher":
        batches = Taught(batches, teacher or load("text"), temperature)
    student = Student(recipe.text_config(d_model), seed, temperature=temperature)
    steps = max(1, round(tokens / (recipe.CONTEXT * recipe.BATCH)))
    with one_thread():
        began = time.process_time()
        train(student, batches, steps, lr=recipe.learning_rate(d_model), schedule="linear", progress=False)
        spent = time.process_time() - began
        return student, held_out_loss(student, held_out), spent


def reading_flops(model: GPT, tokens: float) -> float:
    """FLOPs of a forward pass over `tokens` characters in windows of the student's context."""
    return tokens * accounting.flops(model.config.to_accounting(), recipe.CONTEXT)["total"]


def training_flops(model: GPT, tokens: float) -> float:
    """FLOPs of training on `tokens` characters in windows of the student's context."""
    return tokens * accounting.training_flops(model.config.to_accounting(), recipe.CONTEXT)["total"]


@cache
def rows(kind: str = "") -> tuple[Row, ...]:
    """The shipped results, all or of one kind."""
    return tuple(row for row in _read(_table()) if kind in ("", row.kind))


def curve(asked: str, kind: str = "tokens") -> dict[int, list[float]]:
    """Held-out losses by characters read, one per seed, of students asked for labels or by the teacher."""
    one_of("asked", asked, LESSONS)
    found: dict[int, list[float]] = {}
    for row in rows(kind):
        if row.asked == asked:
            found.setdefault(row.tokens, []).append(row.loss)
    return dict(sorted(found.items()))


def measure(known: Mapping[tuple[object, ...], Row]) -> Iterator[Row]:
    """Every row of the table, as it is computed; rows that are known already are taken over."""
    for seed in SEEDS:
        for asked in LESSONS:
            for tokens in TOKENS:
                yield _row(known, "tokens", asked, seed, tokens)
            yield _row(known, "scarce", asked, seed, SCARCE * TIMES, unique=SCARCE)
        yield _row(known, "tokens", "labels", seed, MOST)
    for warmth in WARMTHS:
        yield _row(known, "warmth", "teacher", SEEDS[0], TEMPERED, temperature=warmth)
    for width, tokens in WEAKER:
        yield _row(known, "self", "labels", SEEDS[0], tokens, width=width)
        yield _row(known, "teacher", "teacher", SEEDS[0], TEMPERED, weaker=(width, tokens))


def _row(
    known: Mapping[tuple[object, ...], Row], kind: str, asked: str, seed: int, tokens: int,
    *, unique: int = 0, temperature: float = 1.0, width: int = WIDTH, weaker: tuple[int, int] | None = None,
) -> Row:  # fmt: skip
    """A student that is known, or trained now."""
    name = "" if asked == "labels" else f"w{weaker[0]}" if weaker else "text"
    if (kind, asked, name, temperature, seed, width, tokens) in known:
        return known[kind, asked, name, temperature, seed, width, tokens]
    teacher, text = None, split("austen")[1]
    if asked == "teacher":
        teacher = teach(weaker[1], d_model=weaker[0], seed=seed)[0] if weaker else load("text")
    student, loss, spent = teach(
        tokens, asked, teacher=teacher, d_model=width, temperature=temperature, seed=seed, unique=unique
    )
    judged = round(held_out_loss(teacher, text), 4) if teacher else 0.0
    return Row(
        kind, asked, name, judged, temperature, seed, width, tokens, unique,
        student.count(), training_flops(student, tokens),
        reading_flops(teacher, tokens) if teacher else 0.0, round(loss, 4), round(spent, 2),
    )  # fmt: skip


@torch.no_grad()
def places(count: int = 6, candidates: int = 400) -> dict[str, Any]:
    """Places of the held-out text and the teacher's logits there, from the surest to the most doubtful.

    Keys: characters, places (prefix, next, logits), surest (its index), teacher (loss, training FLOPs).
    """
    teacher, text = load("text"), split("austen")[1]
    facts = load_model(shipped("text"))[1]
    starts = torch.arange(candidates) * (len(text) // (candidates + 1))
    windows = text[starts[:, None] + torch.arange(recipe.CONTEXT + 1)].long()
    logits = teacher(windows[:, :-1])[:, -1]
    p = logits.softmax(dim=-1)
    order = (p * -p.clamp(min=1e-12).log()).sum(dim=-1).argsort()
    chosen = [int(order[round((candidates - 1) * (i + 0.5) / count)]) for i in range(count)]
    decode = tokenizer("austen").decode
    found = [
        {
            "prefix": decode(windows[i, -33:-1]),
            "next": int(windows[i, -1]),
            "logits": [round(x, 3) for x in logits[i].tolist()],
        }
        for i in chosen
    ]
    shape = teacher.config
    flops = facts["tokens"] * accounting.training_flops(shape.to_accounting(), shape.context)["total"]
    return {
        "characters": tokenizer("austen").characters, "surest": 0, "places": found,
        "teacher": {"loss": round(held_out_loss(teacher, text), 4), "flops": flops},
    }  # fmt: skip


def _table() -> Path:
    return tables.path("distill.csv")


def _read(path: Path) -> list[Row]:
    """The rows of a table."""
    return tables.read(path, Row, KEY)


def main() -> None:
    """Write the table that ships, running what it lacks; delete the file to run everything."""
    path = _table()
    old = _read(path) if path.exists() else []
    known: dict[tuple[object, ...], Row] = {
        (r.kind, r.asked, r.teacher, r.temperature, r.seed, r.d_model, r.tokens): r for r in old
    }
    tables.remake(path, Row, measure(known), old)
    replace_text(path.with_name("teacher.json"), json.dumps(places()) + "\n")


if __name__ == "__main__":
    main()
