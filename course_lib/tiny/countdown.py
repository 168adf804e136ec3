"""Countdown: reach a target from four numbers, and a verifier that cannot be talked into anything.

A problem is four numbers from 1 to 12 and a target from 40 to 99. A solution is three lines such as `8*7=56`,
the larger number first; each takes two numbers that are still there and puts back their result (0 to 99), the
last result is the target. Every number is one token. Checking is cheap and exact, finding is not: what the
papers on repeated sampling call a task with an automatic verifier (Brown et al. 2024, arXiv 2407.21787; the
game itself as a test of models: Gandhi et al. 2024, arXiv 2404.03683).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from course_lib.tiny.checks import whole
from course_lib.tiny.corpus import step_generator
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.sample import generate

NUMBERS, HIGHEST, LOWEST = 4, 12, 40  # numbers in a problem, the highest of them, the lowest target
LARGEST = 100  # results stay below
OPERATORS = "+-*"  # tokens 100, 101, 102
VOCABULARY = LARGEST + len(OPERATORS)
PROMPT, LINES = NUMBERS + 1, NUMBERS - 1
WRITTEN = 4 * LINES  # tokens of a solution: a, operator, b, result, three times
EXAM_SEED = 10**6


@dataclass(frozen=True)
class Verdict:
    """What the verifier found; `why` names the first fault."""

    right: bool
    why: str


def check(numbers: list[int], target: int, text: str) -> Verdict:
    """Verify a solution written as text: "8*7=56, 56+3=59, 59-4=55". Nothing in it is ever executed."""
    left = list(numbers)
    lines = [line.strip() for line in text.split(",")]
    if len(lines) != len(numbers) - 1:
        return Verdict(False, f"{len(lines)} lines, expected {len(numbers) - 1}")
    for line in lines:
        found = re.fullmatch(r"([0-9]{1,2})([-+*])([0-9]{1,2})=([0-9]{1,2})", line)
        if not found:
            return Verdict(False, f"cannot read {line!r}")
        a, b, c = (int(found[i]) for i in (1, 3, 4))
        for x in (a, b):
            if x not in left:
                return Verdict(False, f"{line}: there is no {x} to use")
            left.remove(x)
        if c != {"+": a + b, "-": a - b, "*": a * b}[found[2]]:
            return Verdict(False, f"{line} is wrong")
        left.append(c)
    return Verdict(left == [target], "right" if left == [target] else f"ends at {left[0]}, not at {target}")


def verify(problems: Tensor, written: Tensor) -> dict[str, Tensor]:
    """Many solutions at once: problems (B, 5), written (B, 12) -> `right` and `lazy`, (B,) each.

    `right` is the verdict of `check`. `lazy` is that of a judge who only looks whether the last line is well
    formed and ends at the target.
    """
    rows = torch.arange(len(problems))
    left = torch.zeros(len(problems), VOCABULARY, dtype=torch.long)
    left.scatter_add_(1, problems[:, :NUMBERS], torch.ones_like(problems[:, :NUMBERS]))
    good = torch.ones(len(problems), dtype=torch.bool)
    formed = good
    for line in written.view(-1, LINES, 4).unbind(1):
        a, sign, b, c = line.unbind(1)
        formed = (a < LARGEST) & (b < LARGEST) & (c < LARGEST) & (sign >= LARGEST)
        for x in (a, b):
            left[rows, x] -= 1
            good = good & (left[rows, x] >= 0)
        result = torch.where(sign == LARGEST, a + b, torch.where(sign == LARGEST + 1, a - b, a * b))
        good = good & formed & (c == result)
        left[rows, c] += 1
    ends = written[:, -1] == problems[:, NUMBERS]
    return {"right": good & ends, "lazy": formed & ends}


def text_of(written: Tensor) -> str:
    """Twelve tokens as three lines of text."""
    words = [str(t) if t < LARGEST else OPERATORS[t - LARGEST] for t in written.tolist()]
    return ", ".join("{}{}{}={}".format(*words[i : i + 4]) for i in range(0, len(words), 4))


def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Problems (count, 5) and one solution of each (count, 12), by random play: no problem is unsolvable."""
    kept: list[tuple[Tensor, Tensor]] = []
    have = 0
    while have < count:
        problems, written, good = _play(8 * count + 64, generator)
        kept.append((problems[good], written[good]))
        have += int(good.sum())
    problems, written = (torch.cat(parts)[:count] for parts in zip(*kept, strict=True))
    return problems, written


def _play(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Random games: pick two of the numbers left and an operator, go on; `good` are within the rules."""
    numbers = torch.randint(1, HIGHEST + 1, (count, NUMBERS), generator=generator)
    left, lines = numbers, []
    good = torch.ones(count, dtype=torch.bool)
    for _ in range(LINES):
        order = torch.rand(left.shape, generator=generator).argsort(dim=1)
        left = left.gather(1, order)
        a, b = torch.maximum(left[:, 0], left[:, 1]), torch.minimum(left[:, 0], left[:, 1])
        sign = torch.randint(3, (count,), generator=generator)
        c = torch.where(sign == 0, a + b, torch.where(sign == 1, a - b, a * b))
        good = good & (c < LARGEST)
        c = c.clamp(max=LARGEST - 1)
        lines.append(torch.stack((a, LARGEST + sign, b, c), dim=1))
        left = torch.cat((left[:, 2:], c[:, None]), dim=1)
    target = left[:, 0]
    return torch.cat((numbers, left), dim=1), torch.cat(lines, dim=1), good & (target >= LOWEST)


@dataclass(frozen=True)
class CountdownBatches:
    """Problems with one solution each; a pure function of the step. Problems of the exam are left out."""

    batch: int = 128
    seed: int = 0

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, 16); only the solution is scored."""
        problems, written = draw(self.batch + 32, step_generator(self.seed, step))
        fresh = ~reserved(problems)
        problems, written = problems[fresh][: self.batch], written[fresh][: self.batch]
        sequence = torch.cat((problems, written), dim=1)
        targets = sequence[:, 1:].clone()
        targets[:, : PROMPT - 1] = -1
        return sequence[:, :-1], targets


def reserved(problems: Tensor) -> Tensor:
    """Which problems belong to the exam: one in sixteen, by the numbers (in any order) and the target."""
    ordered = problems[:, :NUMBERS].sort(dim=1).values
    weights = torch.tensor([1, 13, 169, 2197])
    return ((ordered * weights).sum(dim=1) * 7919 + problems[:, NUMBERS] * 104_729) % 16 == 0


def exam(count: int, *, seed: int = 0) -> Tensor:
    """Problems (count, 5) that no training batch contains, in no order of their numbers either."""
    generator = step_generator(EXAM_SEED + whole("seed", seed, least=0), 0)
    problems, _ = draw(40 * whole("count", count), generator)
    return problems[reserved(problems)][:count]


def config(d_model: int, n_layers: int, n_heads: int) -> GPTConfig:
    """A GPT for countdown: 103 tokens, 16 positions."""
    return GPTConfig(VOCABULARY, PROMPT + WRITTEN - 1, d_model, n_layers, n_heads)


@torch.inference_mode()
def attempts(
    model: GPT, problems: Tensor, samples: int, *, temperature: float = 1.0, seed: int = 0
) -> Tensor:
    """Solutions that a model writes, (problems, samples, 12)."""
    prompts = problems.repeat_interleave(whole("samples", samples), dim=0)
    written = generate(model, prompts, WRITTEN, temperature=temperature, seed=seed)[:, PROMPT:]
    return written.view(len(problems), samples, WRITTEN)


def blind_share(numbers: list[int], target: int) -> float:
    """Chance that a player who knows the rules and nothing else hits the target.

    Each line takes a random pair and a random operator, results from 0 to 99; exact, by trying every game.
    """
    if len(numbers) == 1:
        return float(numbers[0] == target)
    total, ways = 0.0, 0
    for i, j in combinations(range(len(numbers)), 2):
        a, b = max(numbers[i], numbers[j]), min(numbers[i], numbers[j])
        rest = [x for k, x in enumerate(numbers) if k not in (i, j)]
        for c in (a + b, a - b, a * b):
            if c < LARGEST:
                total += blind_share([*rest, c], target)
                ways += 1
    return total / ways if ways else 0.0
