"""What thinking buys a tiny model: results on two tasks, made by `python -m course_lib.tiny.reasoning`.

Chain (`chain`): the same model with a scratchpad and without, at three sizes; and one model that slips on
15 % of its steps, to vote with. Countdown (`countdown`): four sizes, 200 problems, 256 solutions each, judged
by the verifier; what ships is how many were right for each problem, so that any pass@k follows (Chen et al.
2021, arXiv 2107.03374) with its spread over problems. One seed. Five CPU minutes; two sets of weights ship.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import accounting, formulas
from course_lib import rows as tables
from course_lib.files import replace_text
from course_lib.tiny import chain, countdown
from course_lib.tiny.checkpoint import load_model, save_model
from course_lib.tiny.checks import one_of, whole
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.train import History, train

PROBLEMS, SAMPLES = 200, 256
SIZES = {"6K": (16, 2, 4), "14K": (24, 2, 4), "25K": (32, 2, 4), "147K": (64, 3, 4)}  # width, layers, heads
CHAINS = {"6K": (16, 2, 4), "25K": (32, 2, 4), "98K": (64, 2, 4)}
COUNTDOWN_STEPS, CHAIN_STEPS = 1500, 600
NOISE, NOISY_STEPS = 0.15, 2000  # slips in what is learned from slow the learning
WIDER = 4.0  # times GPT-2's first weights of 0.02, made for width 768: narrow models leave the plateau sooner
SHIPPED = ("countdown", "chain")  # weights: countdown 6K, and the chain model that slips


@dataclass(frozen=True)
class Attempts:
    """How often a model solved each problem of the countdown exam."""

    name: str  # parameters of the blocks, in words
    d_model: int
    n_layers: int
    n_heads: int
    params: int  # all parameters
    train_flops: float  # by the course's accounting
    cpu_seconds: float  # of training
    samples: int  # solutions written for each problem
    right: tuple[int, ...]  # of them right, one entry a problem
    lazy: tuple[int, ...]  # wrong, yet ending at the target: a judge who reads only the last line takes them
    greedy: float  # share of problems solved by always taking the likeliest token

    @property
    def config(self) -> GPTConfig:
        """The shape of the model."""
        return countdown.config(self.d_model, self.n_layers, self.n_heads)

    def solved(self, k: int) -> list[float]:
        """Unbiased chance that one of k solutions is right, for each problem."""
        return [formulas.pass_at_k(self.samples, c, k) for c in self.right]

    def pass_at(self, k: int) -> float:
        """pass@k: the mean over problems."""
        return sum(self.solved(k)) / len(self.right)

    def error(self, k: int) -> float:
        """Standard error of pass@k over problems."""
        values, n = self.solved(k), len(self.right)
        mean = sum(values) / n
        return math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)

    def lazily(self, k: int) -> float:
        """Share solved if k are drawn and one of those that the lazy judge takes is handed in."""
        chances = [
            formulas.pass_at_k(self.samples, r + w, k) * r / (r + w)
            for r, w in zip(self.right, self.lazy, strict=True) if r
        ]  # fmt: skip
        return sum(chances) / len(self.right)

    def flops(self, k: float) -> float:
        """FLOPs of k solutions to one problem."""
        prompt, answer = attempt_flops(self.config)
        return prompt + k * answer


@dataclass(frozen=True)
class ChainRow:
    """Accuracy of one model on six-step chains."""

    name: str
    scratchpad: bool
    params: int
    steps: int  # of training, 64 questions each
    train_flops: float
    cpu_seconds: float
    accuracy: float  # greedy, 1,000 fresh questions


def fresh(config: GPTConfig, *, seed: int = 0) -> GPT:
    """A new model whose matrices start four times as large as GPT-2's."""
    model = GPT(config, seed=seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1:
                p.mul_(WIDER)
    return model


def rate(d_model: int, scratchpad: bool = True) -> float:
    """Peak learning rate: 0.01 at width 16, falling as one over the width.

    Without a scratchpad three tenths of it: at the full rate such a model learns nothing at all.
    """
    return 0.16 / d_model * (1.0 if scratchpad else 0.3)


def attempt_flops(
    config: GPTConfig, prompt: int = countdown.PROMPT, new: int = countdown.WRITTEN
) -> tuple[float, float]:
    """FLOPs of reading a prompt, once for all samples, and of writing one answer of `new` tokens after it.

    By the course's accounting, head and causal attention included. Reading the prompt gives the first new
    token; the last one is written and not read.
    """
    cfg = config.to_accounting()
    read, whole_text = (t * accounting.flops(cfg, t)["total"] for t in (prompt, prompt + new - 1))
    return read, whole_text - read


def train_chain(
    d_model: int = 16, n_layers: int = 2, n_heads: int = 4, *, scratchpad: bool = True, noise: float = 0.0,
    steps: int = CHAIN_STEPS, seed: int = 0, length: int = 6,
) -> tuple[GPT, History]:  # fmt: skip
    """A model of a width trained on chains, on one thread; same seed, same model."""
    model = fresh(chain.config(d_model, n_layers, steps=length, n_heads=n_heads), seed=seed)
    batches = chain.ChainBatches(length, scratchpad, noise, seed=seed)
    with one_thread():
        peak = rate(d_model, scratchpad)
        return model, train(model, batches, steps, lr=peak, weight_decay=0.01, progress=False)


def train_countdown(
    name: str, *, steps: int = COUNTDOWN_STEPS, seed: int = 0, stop: Callable[[int], bool] | None = None
) -> tuple[GPT, History]:
    """A countdown model of one of the sizes."""
    d_model, n_layers, n_heads = SIZES[one_of("size", name, tuple(SIZES))]
    model = fresh(countdown.config(d_model, n_layers, n_heads), seed=seed)
    batches = countdown.CountdownBatches(seed=seed)
    with one_thread():
        return model, train(model, batches, steps, lr=rate(d_model), progress=False, stop=stop)


def judge(
    model: GPT, problems: Tensor, samples: int, *, temperature: float = 1.0, seed: int = 0
) -> dict[str, Tensor]:
    """How many of a model's solutions to each problem are `right`, how many wrong but taken by `lazy`."""
    written = countdown.attempts(model, problems, samples, temperature=temperature, seed=seed)
    every = problems.repeat_interleave(samples, dim=0)
    found = countdown.verify(every, written.reshape(-1, countdown.WRITTEN))
    right, lazy = found["right"], found["lazy"] & ~found["right"]
    return {"right": right.view(-1, samples).sum(dim=1), "lazy": lazy.view(-1, samples).sum(dim=1)}


def majority(said: Tensor, right: Tensor, k: int, *, draws: int = 20, seed: int = 0) -> float:
    """Share of questions where the commonest of k answers, drawn from those in `said` (Q, n), is right.

    Mean over `draws` choices; a tie is broken by lot. Answers are digits, -1 stands for anything else.
    """
    if not 1 <= k <= said.shape[1]:
        raise ValueError(f"k must be from 1 to the {said.shape[1]} answers there are, got {k}")
    generator = torch.Generator().manual_seed(whole("seed", seed, least=0))
    hits = 0.0
    for _ in range(whole("draws", draws)):
        chosen = said.gather(1, torch.rand(said.shape, generator=generator).argsort(dim=1)[:, :k])
        votes = torch.stack([(chosen == d).sum(dim=1) for d in range(chain.DIGITS)], dim=1).float()
        lots = torch.rand(votes.shape, generator=generator) / 2
        hits += float(((votes + lots).argmax(dim=1) == right).float().mean())
    return hits / draws


def pass_at(said: Tensor, right: Tensor, k: int) -> float:
    """Unbiased pass@k of answers (Q, n) against the right ones (Q,)."""
    counts = (said == right[:, None]).sum(dim=1).tolist()
    return sum(formulas.pass_at_k(said.shape[1], c, k) for c in counts) / len(counts)


@cache
def results() -> dict[str, Any]:
    """What ships: `countdown` (name -> Attempts), `chain` (ChainRows), `blind` (chance for each problem)."""
    raw = tables.read_json(_table())
    absent = [name for name in ("countdown", "chain", "blind") if name not in raw]
    if absent:
        raise ValueError(f"{_table()}: {', '.join(absent)} is missing; remake it as its module says")
    rows = [
        Attempts(**{**row, "right": tuple(row["right"]), "lazy": tuple(row["lazy"])})
        for row in raw["countdown"]
    ]
    return {
        "countdown": {row.name: row for row in rows},
        "chain": [ChainRow(**row) for row in raw["chain"]],
        "blind": tuple(raw["blind"]),
    }


def load(name: str) -> GPT:
    """Weights that ship: "countdown" (6K) or "chain" (the one that slips on 15 % of its steps)."""
    return load_model(_weights(one_of("model", name, SHIPPED)))[0]


def _table() -> Path:
    return Path(str(files("course_lib.tiny").joinpath("data/reasoning.json")))


def _weights(name: str) -> Path:
    return Path(str(files("course_lib.tiny").joinpath(f"weights/{name}.safetensors")))


def measure_countdown(name: str) -> tuple[Attempts, GPT]:
    """Train one size and let it write its solutions."""
    began = time.process_time()
    model, history = train_countdown(name)
    spent = time.process_time() - began
    problems = countdown.exam(PROBLEMS)
    found = judge(model, problems, SAMPLES)
    greedy = judge(model, problems, 1, temperature=0.0)["right"].float().mean()
    right, lazy = tuple(found["right"].tolist()), tuple(found["lazy"].tolist())
    shape = SIZES[name]
    row = Attempts(
        name, *shape, model.count(), history.flops, round(spent, 1), SAMPLES, right, lazy, float(greedy)
    )
    return row, model


def measure_chain(name: str, scratchpad: bool) -> ChainRow:
    """Train one chain model; without a scratchpad it gets twice the steps."""
    steps = CHAIN_STEPS * (1 if scratchpad else 2)
    began = time.process_time()
    model, history = train_chain(*CHAINS[name], scratchpad=scratchpad, steps=steps)
    spent = time.process_time() - began
    right = chain.accuracy(model, scratchpad=scratchpad, count=1000)
    return ChainRow(name, scratchpad, model.count(), steps, history.flops, round(spent, 1), round(right, 4))


def make_countdown() -> dict[str, Any]:
    """The countdown part of the table; the weights of the smallest model are written beside it."""
    rows = []
    for name in SIZES:
        row, model = measure_countdown(name)
        rows.append(asdict(row))
        print(name, row.cpu_seconds, [round(row.pass_at(k), 3) for k in (1, 16, 256)], flush=True)
        if name == "6K":
            save_model(_weights("countdown"), model, task="countdown", steps=COUNTDOWN_STEPS)
    problems = countdown.exam(PROBLEMS).tolist()
    return {"countdown": rows, "blind": [round(countdown.blind_share(p[:4], p[4]), 6) for p in problems]}


def make_chain() -> dict[str, Any]:
    """The chain part of the table; the weights of the model that slips are written beside it."""
    slipping, _ = train_chain(noise=NOISE, steps=NOISY_STEPS)
    save_model(_weights("chain"), slipping, task="chain", noise=NOISE, steps=NOISY_STEPS)
    rows = []
    for name in CHAINS:
        for scratchpad in (True, False):
            rows.append(asdict(measure_chain(name, scratchpad)))
            print(rows[-1], flush=True)
    return {"chain": rows}


def main(parts: list[str]) -> None:
    """Make what ships, or only some parts of it ("countdown", "chain")."""
    makers = {"countdown": make_countdown, "chain": make_chain}
    made = json.loads(_table().read_text(encoding="utf-8")) if _table().exists() else {}
    made |= {"made by": "python -m course_lib.tiny.reasoning", "torch": torch.__version__, "seed": 0}
    for part in parts or list(makers):
        made |= makers[one_of("part", part, tuple(makers))]()
        replace_text(_table(), json.dumps(made) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
