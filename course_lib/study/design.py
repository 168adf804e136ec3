"""What the study runs: every job with everything that decides its numbers, and in which order.

The rules (why these sizes, rates and budgets) are in PROTOCOL.md; this file is the same in code. A job is a
model of one width, trained on a set number of characters at one learning rate from one seed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from course_lib.accounting import ModelConfig, params, training_flops

LAYERS = 2  # at every width: the one depth rule
CONTEXT = 64  # characters a model sees at once
BATCH = 8  # windows a step: 512 characters
VOCAB = 75  # characters of both texts together
SEEDS = (0, 1, 2)
KINDS = ("slice", "rate", "facts", "grid", "overtrain", "heldout")

# Six widths around the expected optimum of each budget (FLOPs).
GRID: dict[float, tuple[int, ...]] = {
    1e10: (8, 12, 16, 20, 24, 32),
    3e10: (8, 12, 16, 24, 32, 40),
    1e11: (12, 16, 24, 32, 40, 48),
    3e11: (16, 24, 32, 40, 48, 64),
    1e12: (24, 32, 48, 64, 80, 96),
    3e12: (32, 48, 64, 80, 96, 128),
}
SLICE = 3e9, (8, 12, 16, 24, 32)  # cheap enough to be trained while a reader waits; in no fit
HELD_OUT = {9e12: ((64, 0), (96, 0), (96, 1), (128, 0)), 3e13: ((128, 0), (128, 1))}  # (width, seed)
RATES = {400_000: (16, 32, 64, 128), 2_000_000: (32,)}  # characters: widths
RATE_STEPS = (-2, -1, 0, 1, 2)  # powers of two around the rule
OVERTRAIN = {12: (3e11,), 16: (1e12,)}  # width: budgets beyond the grid's
OVERTRAIN_SEEDS = (0,)
FACTS_HIDDEN = (4, 8, 16, 32, 64, 128)
FACTS_SAMPLES = (16_384, 65_536, 262_144, 1_048_576)
FACTS_HELD_OUT = (256, 4_194_304)  # one larger net on more samples than any of the others


@dataclass(frozen=True)
class Job:
    """One run, not yet made."""

    kind: str  # see KINDS
    width: int  # of the residual stream; of the hidden layer for facts
    steps: int  # updates
    lr: float  # peak learning rate
    seed: int  # of the weights and of the order of the data
    budget: float = 0.0  # nominal FLOPs of the design; 0 where the tokens are set instead
    tokens: int = 0  # characters (samples for facts) read: steps times the step's size

    @property
    def key(self) -> str:
        """The name of the run in the table, unique."""
        size = f"C{short(self.budget)}" if self.budget else f"D{short(self.tokens)}"
        rate = f"-lr{self.lr:.3g}" if self.kind == "rate" else ""
        return f"{self.kind}-{size}-w{self.width}{rate}-s{self.seed}"

    @property
    def cost(self) -> float:
        """Roughly the CPU seconds it takes, for the progress bar and to start the longest first."""
        if self.kind == "facts":
            return 0.5 + self.steps * 6e-4
        return 1 + self.steps * (0.005 + flops_per_token(self.width) * BATCH * CONTEXT / 35e9)


def short(x: float) -> str:
    """3e+11 as 3e11, 400000 as 4e5: for names."""
    digits, power = f"{x:.6e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def heads(width: int) -> int:
    """Heads of about 16 channels, as in `tiny.recipe`."""
    return max(1, round(width / 16))


def learning_rate(width: int) -> float:
    """Peak rate: 0.0113 at width 32, as one over the width, at most 0.03."""
    return min(0.03, _rule(width))


def _rule(width: int) -> float:
    """The rate without its upper end."""
    return 0.0113 * 32 / width


def shape(width: int) -> ModelConfig:
    """The model of a width in the terms of `course_lib.accounting`."""
    return ModelConfig(
        n_layers=LAYERS, d_model=width, n_heads=heads(width), vocab=VOCAB, n_ctx=CONTEXT,
        d_ff=round(8 * width / 3), ffn="gated", tied_head=False, positions="rope", norm="rmsnorm",
    )  # fmt: skip


def counts(width: int) -> dict[str, int]:
    """Parameters of a width by the three counting rules, see `table.Run.n`."""
    parts = params(shape(width))
    matmul = int(parts["total"]) - int(parts["embedding/token"])
    return {"total": int(parts["total"]), "matmul": matmul, "blocks": matmul - int(parts["head"])}


@cache
def flops_per_token(width: int) -> float:
    """Training FLOPs per character: head and causal attention included."""
    return float(training_flops(shape(width), CONTEXT, True)["total"])


def text_job(kind: str, width: int, seed: int, *, budget: float = 0, tokens: int = 0, lr: float = 0) -> Job:
    """A GPT on the course text: for a compute budget, or for a number of characters."""
    per_step = BATCH * CONTEXT
    steps = round(budget / flops_per_token(width) / per_step) if budget else round(tokens / per_step)
    return Job(kind, width, steps, lr or learning_rate(width), seed, budget, steps * per_step)


def facts_job(hidden: int, samples: int, seed: int) -> Job:
    """A small network on the Zipf-facts source, whose entropy is known."""
    batch = 256
    return Job("facts", hidden, samples // batch, 0.01 if hidden < 128 else 0.005, seed, 0, samples)


def all_jobs() -> list[Job]:
    """Every run of the study, in the order of KINDS."""
    jobs = [text_job("slice", w, s, budget=SLICE[0]) for s in SEEDS for w in SLICE[1]]
    for tokens, widths in RATES.items():
        for w in widths:
            jobs += [text_job("rate", w, 0, tokens=tokens, lr=_rule(w) * 2.0**k) for k in RATE_STEPS]
    jobs += [facts_job(h, d, s) for s in SEEDS for d in FACTS_SAMPLES for h in FACTS_HIDDEN]
    jobs += [facts_job(*FACTS_HELD_OUT, s) for s in SEEDS]
    jobs += [text_job("grid", w, s, budget=c) for c, widths in GRID.items() for s in SEEDS for w in widths]
    jobs += [
        text_job("overtrain", w, s, budget=c)
        for w, cs in OVERTRAIN.items()
        for c in cs
        for s in OVERTRAIN_SEEDS
    ]
    jobs += [text_job("heldout", w, s, budget=c) for c, runs in HELD_OUT.items() for w, s in runs]
    return jobs


def select(kinds: Iterable[str] = (), only: str = "*") -> list[Job]:
    """Jobs of these kinds (all if none is named) whose key matches a shell pattern such as `grid-C1e10-*`."""
    wanted = tuple(kinds) or KINDS
    unknown = sorted(set(wanted) - set(KINDS))
    if unknown:
        raise ValueError(f"unknown kind {', '.join(unknown)}; expected {', '.join(KINDS)}")
    jobs = [job for job in all_jobs() if job.kind in wanted and fnmatchcase(job.key, only)]
    if not jobs:
        raise ValueError(f"no run of {', '.join(wanted)} matches {only!r}; `status` lists the keys")
    return jobs


def job(key: str) -> Job:
    """The job of a key of the table."""
    for candidate in all_jobs():
        if candidate.key == key:
            return candidate
    raise ValueError(f"no run is called {key!r}; expected a key such as {all_jobs()[0].key!r}")
