"""A run of the study's family, planned before it is made: so many seconds of this machine, and no more.

The law is the study's own (`forecast.json`), in nats per character of its two texts; N is counted as there,
without the token table, and plans stay within the tokens per parameter that the law was fitted to. What a
machine sustains depends on the width, so it is measured: a few training steps of each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from course_lib import accounting, formulas, outlook, planner
from course_lib.study import forecast, table
from course_lib.study.design import BATCH, CONTEXT, Job, flops_per_token, learning_rate, shape, text_job
from course_lib.study.table import Run

WIDTHS = (16, 24, 32, 40, 48, 64)
PROBE = 20  # training steps by which a rate is measured
Z = 1.96


@dataclass(frozen=True)
class Planned:
    """What is to be trained, and what it should come to."""

    job: Job
    params: float  # N: all but the token table
    flops: float  # training FLOPs, by the course's accounting
    loss: float  # nats per character
    low: float  # 95 % interval of a single run
    high: float
    seconds: float  # CPU seconds of training at the measured rate


def size(width: int) -> float:
    """N as the study's law counts it: everything that is multiplied."""
    counts = accounting.params(shape(width))
    return float(counts["total"] - counts["embedding/token"])


def candidates(seconds: float, rates: Mapping[int, float], seed: int = 0) -> list[Planned]:
    """One plan for each width: the characters that it can read in so many CPU seconds, and the expected loss.

    The interval adds the squares of the scatter between seeds and of the error that the law made when it
    predicted three times its budgets: more than one expects inside its range.
    """
    formulas.positive("seconds", seconds)
    told, rows = forecast.read(), table.runs("grid")
    most = max(rows, key=lambda run: run.passes)
    sd = math.hypot(forecast.seed_sd(rows), told["hindcast"]["3"])
    out = []
    for width, speed in rates.items():
        n, budget = size(width), seconds * speed
        job = text_job("plan", width, seed, tokens=round(planner.tokens_left(n, budget * _six(width), 0.0)))
        loss = outlook.loss_at(n, job.tokens, most.tokens / most.passes, told["law"])
        cost = job.tokens * flops_per_token(width)
        ends = (loss * math.exp(-Z * sd), loss * math.exp(Z * sd))
        out.append(Planned(job, n, cost, loss, *ends, cost / speed))
    return out


def plan(seconds: float, rates: Mapping[int, float], seed: int = 0) -> Planned:
    """The candidate of least expected loss among those with 5 to 200 characters per parameter."""
    low, high = forecast.JUDGED
    every = candidates(seconds, rates, seed)
    inside = [p for p in every if low <= p.job.tokens / p.params <= high]
    if not inside:
        ratios = ", ".join(f"{p.job.tokens / p.params:.1f}" for p in every)
        raise ValueError(
            f"{seconds} s give {ratios} characters per parameter; the law holds from {low:g} to {high:g}: "
            "give more time, or rates of other widths"
        )
    return min(inside, key=lambda p: p.loss)


def _six(width: int) -> float:
    """6 N over the exact FLOPs of a character: turns a budget of exact FLOPs into one of 6 N D."""
    return 6 * size(width) / flops_per_token(width)


def rate(width: int) -> float:
    """FLOP/s of CPU time that this machine sustains in training a width, on one thread."""
    from course_lib import tiny
    from course_lib.study import work
    from course_lib.tiny.corpus import Passes
    from course_lib.tiny.measure import one_thread
    from course_lib.tiny.train import stepper

    training, _ = tiny.split(work.TEXT)
    model = tiny.GPT(work.model_config(width), seed=0)
    with one_thread():
        step = stepper(model, Passes(training, BATCH, CONTEXT, 0), lr=learning_rate(width))
        for _ in range(5):  # the first steps also allocate
            step()
        began = time.process_time()
        for _ in range(PROBE):
            step()
        spent = time.process_time() - began
    return PROBE * BATCH * CONTEXT * flops_per_token(width) / spent


def rates(widths: tuple[int, ...] = WIDTHS) -> dict[int, float]:
    """`rate` of several widths."""
    return {width: rate(width) for width in widths}


def make(planned: Planned) -> Run:
    """Train the planned model with the study's runner and judge it on the study's held-out text."""
    from course_lib.study import work

    return work.run(planned.job)
