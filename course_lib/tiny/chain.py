"""A chain of small sums modulo 10: a task in which every step needs the one before.

A question such as `7+5*3-2*2+4-4=` is worked from left to right, keeping the last digit only. A model may
write the digit after every step (a scratchpad: Nye et al. 2021, arXiv 2112.00114) or the last one at once.
With a scratchpad a token depends on three tokens that stand before it; without, the whole chain has to be run
inside one forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from course_lib import guard
from course_lib.tiny.checks import number, whole
from course_lib.tiny.corpus import Tokenizer, step_generator
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.sample import generate

SIGNS = Tokenizer("0123456789+-*=")
PLUS, EQUALS, DIGITS = 10, 13, 10  # + - * are tokens 10, 11, 12
HIGHEST = 5  # operands are 1 to 5, so that a narrow model learns the sums within a minute
LONGEST = 6  # steps of which every combination is tried: 15 times as many with each
EXAM_SEED = 10**6  # questions of examinations are drawn apart from those of training


@dataclass(frozen=True)
class ChainBatches:
    """Random questions with their answers; a pure function of the step."""

    steps: int = 6  # sums in a chain
    scratchpad: bool = True  # write every intermediate digit, or the last one only
    noise: float = 0.0  # share of written steps that are replaced by a wrong digit, and worked on from there
    batch: int = 64  # questions per step of training
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject impossible settings."""
        whole("steps", self.steps)
        whole("batch", self.batch)
        whole("seed", self.seed, least=0)
        number("noise", self.noise, 0.0, 1.0)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, T); only the answer is scored."""
        generator = step_generator(self.seed, step)
        asked = questions(self.batch, self.steps, generator)
        digits = work(asked, self.noise, generator)
        answer = digits if self.scratchpad else digits[:, -1:]
        sequence = torch.cat((asked, answer), dim=1)
        targets = sequence[:, 1:].clone()
        targets[:, : asked.shape[1] - 1] = -1
        return sequence[:, :-1], targets


def config(d_model: int, n_layers: int = 2, *, steps: int = 6, n_heads: int = 2) -> GPTConfig:
    """A GPT of a width for chains of so many steps, scratchpad included."""
    return GPTConfig(len(SIGNS.characters), 3 * steps + 2, d_model, n_layers, n_heads)


def questions(count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Random questions (count, 2 steps + 2): a digit, then sign and digit 1 to 5 in turn, then "="."""
    start = torch.randint(DIGITS, (count, 1), generator=generator)
    signs = PLUS + torch.randint(3, (count, steps), generator=generator)
    others = torch.randint(1, HIGHEST + 1, (count, steps), generator=generator)
    pairs = torch.stack((signs, others), dim=2).view(count, 2 * steps)
    return torch.cat((start, pairs, torch.full((count, 1), EQUALS)), dim=1)


def exam(count: int, steps: int = 6, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Questions and all their right digits (count, steps), drawn apart from every training batch."""
    generator = step_generator(EXAM_SEED + whole("seed", seed, least=0), 0)
    asked = questions(whole("count", count), whole("steps", steps), generator)
    return asked, work(asked)


def work(asked: Tensor, noise: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
    """The digit after every step (B, steps); with `noise` some are wrong, and the next goes on from them."""
    value = asked[:, 0]
    written = []
    for i in range(1, asked.shape[1] - 2, 2):
        sign, other = asked[:, i], asked[:, i + 1]
        other_two = torch.where(sign == PLUS + 1, value - other, value * other)
        value = torch.where(sign == PLUS, value + other, other_two) % DIGITS
        if noise > 0:
            slips = torch.rand(value.shape, generator=generator) < noise
            away = torch.randint(1, DIGITS, value.shape, generator=generator)  # one of the nine others
            value = torch.where(slips, (value + away) % DIGITS, value)
        written.append(value)
    return torch.stack(written, dim=1)


@torch.inference_mode()
def answers(
    model: GPT,
    asked: Tensor,
    samples: int = 1,
    *,
    scratchpad: bool = True,
    temperature: float = 1.0,
    seed: int = 0,
) -> Tensor:
    """The final digit (questions, samples) that a model writes; anything but a digit is -1."""
    steps = (asked.shape[1] - 2) // 2
    new = steps if scratchpad else 1
    prompts = asked.repeat_interleave(whole("samples", samples), dim=0)
    written = generate(model, prompts, new, temperature=temperature, seed=seed)[:, -1]
    return torch.where(written < DIGITS, written, -1).view(len(asked), samples)


def accuracy(
    model: GPT, *, steps: int = 6, scratchpad: bool = True, count: int = 500, seed: int = 0
) -> float:
    """Share of fresh questions answered right by greedy writing."""
    asked, right = exam(count, steps, seed=seed)
    said = answers(model, asked, scratchpad=scratchpad, temperature=0.0)[:, 0]
    return float((said == right[:, -1]).float().mean())


def ceiling(last: int) -> float:
    """Best possible accuracy of whoever reads only the last `last` steps.

    What came before may be any digit. Exact: every combination of signs and digits is tried with all ten
    starts, and the likeliest end is bet on. At most LONGEST steps: there are 11 million combinations of six.
    """
    if whole("last", last, least=0) > LONGEST:
        raise ValueError(f"last must be at most {LONGEST}: 15^last combinations are tried; got {last}")
    best = torch.full((1, DIGITS), 1 / DIGITS)  # chance of each digit, for each history
    for _ in range(last):
        best = torch.cat(
            [_after(best, sign, other) for sign, other in product(range(3), range(1, HIGHEST + 1))]
        )
    return float(best.max(dim=1).values.mean())


def _after(chances: Tensor, sign: int, other: int) -> Tensor:
    """The chances of each digit (histories, 10) after one more step."""
    digits = torch.arange(DIGITS)
    end = (digits + other, digits - other, digits * other)[sign] % DIGITS
    return torch.zeros_like(chances).index_add_(1, end, chances)


def show(asked: Tensor, written: Tensor | None = None) -> str:
    """A question as text, with the digits written after it: "7+5*3=2 6"."""
    text = SIGNS.decode(asked)
    return text if written is None else text + " ".join(SIGNS.decode(written))


guard.module(globals())
