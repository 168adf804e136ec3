"""The parts of a quiz file: questions as frozen data, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """One option of a choice and the reason it is right or wrong."""

    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Trap:
    """A known slip: the wrong number it leads to and what to say about it."""

    value: float
    why: str


@dataclass(frozen=True)
class Question:
    """A question of any kind. ``key`` is a number for ``numeric``; ``items`` stand in the right order for ``ordering``."""

    id: str
    kind: str  # "single", "multiple", "numeric" or "ordering"
    prompt: str
    options: tuple[Option, ...] = ()
    items: tuple[str, ...] = ()
    key: float = 0.0
    unit: str = ""
    rtol: float = 0.02  # relative tolerance of a numeric answer
    traps: tuple[Trap, ...] = ()
    why: str = ""
    hint: str = ""
    fixed_order: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The question as JSON values, for the page and for ``marking``."""
        plain = {
            k: getattr(self, k)
            for k in ("id", "kind", "prompt", "key", "unit", "rtol", "why", "hint", "fixed_order")
        }
        plain["options"] = [{"text": o.text, "right": o.right, "why": o.why} for o in self.options]
        plain["traps"] = [{"value": t.value, "why": t.why} for t in self.traps]
        plain["items"] = list(self.items)
        return plain

    def key_text(self) -> str:
        """The key as a line of text that does not depend on the machine."""
        if self.kind == "numeric":
            return f"{self.key:.4g}" + (f" {self.unit}" if self.unit else "")
        if self.kind == "ordering":
            return " < ".join(self.items)
        return "; ".join(o.text for o in self.options if o.right)


def right(text: str, why: str) -> Option:
    """A right option."""
    return Option(text, True, why)


def wrong(text: str, why: str) -> Option:
    """A wrong option, with the reason it is wrong."""
    return Option(text, False, why)


def trap(value: float, why: str) -> Trap:
    """A wrong number that a known slip leads to."""
    return Trap(float(value), why)


def _choice(
    kind: str, id: str, prompt: str, options: Sequence[Option], hint: str, why: str, fixed_order: bool
) -> Question:
    n_right = sum(o.right for o in options)
    if len(options) < 2 or n_right < 1 or (kind == "single" and n_right != 1):
        raise ValueError(
            f"question {id!r}: expected {'exactly one' if kind == 'single' else 'at least one'} right option of two or more, got {n_right} of {len(options)}"
        )
    texts = [o.text.strip() for o in options]
    for said in texts:
        if texts.count(said) > 1:
            raise ValueError(f"question {id!r}: the option {said!r} stands there twice")
    if any(not o.why.strip() for o in options):
        raise ValueError(f"question {id!r}: every option says why it is right or wrong")
    return Question(id, kind, prompt, tuple(options), hint=hint, why=why, fixed_order=fixed_order)


def single(
    id: str, prompt: str, *options: Option, hint: str = "", why: str = "", fixed_order: bool = False
) -> Question:
    """Choose one."""
    return _choice("single", id, prompt, options, hint, why, fixed_order)


def multiple(
    id: str, prompt: str, *options: Option, hint: str = "", why: str = "", fixed_order: bool = False
) -> Question:
    """Choose all that apply."""
    return _choice("multiple", id, prompt, options, hint, why, fixed_order)


def numeric(
    id: str,
    prompt: str,
    key: float,
    *,
    why: str,
    unit: str = "",
    rtol: float = 0.02,
    traps: Sequence[Trap] = (),
    hint: str = "",
) -> Question:
    """A number within a relative tolerance of ``key``; SI suffixes and 1e12 forms are read."""
    value = float(key)
    if not math.isfinite(value):
        raise ValueError(f"question {id!r}: the key must be finite, got {key}")
    if any(abs(t.value - value) <= rtol * abs(value) for t in traps):
        raise ValueError(f"question {id!r}: a trap lies within the tolerance of the key")
    return Question(
        id, "numeric", prompt, key=value, unit=unit, rtol=rtol, traps=tuple(traps), why=why, hint=hint
    )


def ordering(id: str, prompt: str, items: Sequence[str], *, why: str, hint: str = "") -> Question:
    """Put in order; ``items`` are given in the right one."""
    if len(items) < 3 or len(set(items)) != len(items):
        raise ValueError(f"question {id!r}: expected three or more different items, got {list(items)}")
    return Question(id, "ordering", prompt, items=tuple(items), why=why, hint=hint)


@dataclass(frozen=True)
class Lesson:
    """All that a lesson asks: guesses before the evidence, the quiz, and exercises checked in a live notebook."""

    id: str  # file name of the lesson without suffix, such as "01_why_scale"
    title: str
    predictions: tuple[Question, ...]
    questions: tuple[Question, ...]
    exercises: tuple[Question, ...] = field(default=())

    def find(self, which: str | int) -> Question:
        """A question by its id or its place from 1."""
        if isinstance(which, int):
            if not 1 <= which <= len(self.questions):
                raise ValueError(f"{self.id} has questions 1 to {len(self.questions)}, not {which}")
            return self.questions[which - 1]
        for q in (*self.predictions, *self.questions, *self.exercises):
            if q.id == which:
                return q
        raise ValueError(
            f"{self.id} has no question {which!r}; it has {[q.id for q in (*self.predictions, *self.questions, *self.exercises)]}"
        )
