"""A judge of continuations, for lesson 18: what she likes, and pairs of which she says the one she prefers.

She stands for a person: she likes long words and dislikes words that do not exist. Asked for the better of
two, she follows Bradley & Terry 1952: sure where her tastes differ much, a coin where they do not.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from course_lib.tiny.checks import whole
from course_lib.tiny.corpus import read_text, split, step_generator, tokenizer
from course_lib.tiny.model import GPT
from course_lib.tiny.sample import generate

PROMPT, WRITTEN = 24, 32  # characters read and written
LONG = 6  # letters from which a word counts as long
MADE_UP = 0.5  # what a letter of a made-up word costs, in letters of long words
SURE = 0.1  # difference in taste at which the judge is 73 % sure


@dataclass(frozen=True)
class Pairs:
    """Two continuations of each prompt, the preferred first: tokens (n, PROMPT + WRITTEN)."""

    chosen: Tensor
    rejected: Tensor

    def __post_init__(self) -> None:
        """Reject rows that do not belong together."""
        if self.chosen.shape != self.rejected.shape or self.chosen.shape[1:] != (PROMPT + WRITTEN,):
            raise ValueError(
                f"pairs must be two tensors (n, {PROMPT + WRITTEN}), "
                f"got {tuple(self.chosen.shape)} and {tuple(self.rejected.shape)}"
            )


def prompts(count: int, seed: int = 0, *, held_out: bool = False) -> Tensor:
    """Random stretches of the text (count, PROMPT) to be continued."""
    text = split("austen")[1 if held_out else 0]
    generator = torch.Generator().manual_seed(whole("seed", seed, least=0))
    starts = torch.randint(len(text) - PROMPT, (whole("count", count), 1), generator=generator)
    return text[starts + torch.arange(PROMPT)].long()


def write(model: GPT, starts: Tensor, seed: int = 0) -> Tensor:
    """Each prompt (n, PROMPT) with a continuation at temperature 1: (n, PROMPT + WRITTEN)."""
    return generate(model, starts, WRITTEN, seed=seed).clone()  # out of inference mode: tuning reads them


@cache
def vocabulary() -> frozenset[str]:
    """Words that occur at least twice in the text, in small letters."""
    counts = Counter(re.findall(r"[a-z]+", read_text("austen").lower()))
    return frozenset(word for word, count in counts.items() if count > 1)


def letters(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Letters of long real words and of made-up words (n,), as shares of the characters written.

    Words that the prompt began count if they end in the continuation; the last, perhaps cut off, does not.
    """
    decode, real = tokenizer("austen").decode, vocabulary()
    long, made_up = [], []
    for row in tokens:
        text = decode(row)
        words = [m.group().lower() for m in re.finditer("[A-Za-z]+", text) if PROMPT < m.end() < len(text)]
        long.append(sum(len(word) for word in words if word in real and len(word) >= LONG))
        made_up.append(sum(len(word) for word in words if word not in real))
    return torch.tensor(long) / WRITTEN, torch.tensor(made_up) / WRITTEN


def taste(tokens: Tensor) -> Tensor:
    """How much the judge likes each continuation (n,)."""
    long, made_up = letters(tokens)
    return long - MADE_UP * made_up


def marked(text: str) -> str:
    """One line: a prompt, a bar, the continuation with tildes around the words that are made up."""
    text = text.replace("\n", " ")

    def mark(match: re.Match[str]) -> str:
        word = match.group()
        done = match.start() >= PROMPT and match.end() < len(text)  # begun and ended in the continuation
        return f"~{word}~" if done and word.lower() not in vocabulary() else word

    return text[:PROMPT] + "|" + re.sub("[A-Za-z]+", mark, text)[PROMPT:]


def variety(tokens: Tensor) -> float:
    """Different words over words written, in all continuations together."""
    decode = tokenizer("austen").decode
    words = [word for row in tokens for word in re.findall("[a-z]+", decode(row[PROMPT:]).lower())[1:-1]]
    return len(set(words)) / max(1, len(words))


def compare(model: GPT, count: int, seed: int = 0) -> Pairs:
    """Let the model write twice after each of `count` prompts and the judge say which she prefers.

    She prefers a to b with probability 1 / (1 + exp(-(taste(a) - taste(b)) / SURE)).
    """
    starts = prompts(count, seed)
    first, second = write(model, starts, 2 * seed + 1), write(model, starts, 2 * seed + 2)
    sure = torch.sigmoid((taste(first) - taste(second)) / SURE)
    keeps = torch.rand(count, generator=step_generator(seed, 3)) < sure
    chosen = torch.where(keeps[:, None], first, second)
    return Pairs(chosen, torch.where(keeps[:, None], second, first))
