"""Pipeline schedules: in which order each stage works on its micro-batches, and when it has to wait.

A stage holds some layers (in `chunks` pieces, if they interleave). `order` lists its steps; `timeline` plays
all lists against each other, every step starting as soon as its input is there. The processes of
`tiny.parallel_jobs` follow the same lists, and pages draw them. Time is in units of one micro-batch's forward
pass through one stage; sending takes none. Plain code, compiled for the pages.

GPipe: Huang et al. 2019 (1811.06965). 1F1B: Narayanan et al. 2019 (PipeDream) and 2021 (2104.04473), who also
interleave chunks.
"""

import math
from typing import Any

from course_lib import guard

FORWARD = 1.0
BACKWARD = 2.0  # two forwards: gradients of inputs and of weights


def check(schedule: str, stages: int, microbatches: int, chunks: int) -> None:
    """Refuse what is no pipeline."""
    if not (schedule == "gpipe" or schedule == "1f1b" or schedule == "interleaved"):
        raise ValueError(f"schedule must be gpipe, 1f1b or interleaved; got {schedule}")
    if not (stages >= 1 and microbatches >= 1 and chunks >= 1):
        raise ValueError(
            f"stages, micro-batches and chunks must be at least 1; got {stages}, {microbatches}, {chunks}"
        )
    if chunks > 1 and schedule != "interleaved":
        raise ValueError(f"{schedule} has one chunk on each stage; got {chunks}. Choose interleaved")
    if schedule == "interleaved" and microbatches % stages > 0:
        raise ValueError(
            f"interleaving takes micro-batches in groups of {stages}, one for each stage; got {microbatches}"
        )


def order(schedule: str, stages: int, microbatches: int, stage: int, chunks: int = 1) -> list[dict[str, Any]]:
    """The steps of one stage (from 0): kind F or B, micro-batch, chunk."""
    check(schedule, stages, microbatches, chunks)
    total = microbatches * chunks
    if schedule == "gpipe":
        first = total
    elif schedule == "1f1b" or chunks == 1:
        first = min(stages - stage - 1, total)
    else:
        first = min((stages - stage - 1) * 2 + (chunks - 1) * stages, total)
    out = [step("F", i, stages, chunks) for i in range(first)]
    for i in range(total - first):
        out.append(step("F", first + i, stages, chunks))
        out.append(step("B", i, stages, chunks))
    for i in range(total - first, total):
        out.append(step("B", i, stages, chunks))
    return out


def step(kind: str, number: int, stages: int, chunks: int) -> dict[str, Any]:
    """The n-th forward or backward step: chunk by chunk in groups of as many micro-batches as stages."""
    if chunks == 1:
        return {"kind": kind, "micro": number, "chunk": 0}
    group = math.floor(number / (stages * chunks))
    inside = number - group * stages * chunks
    chunk = math.floor(inside / stages)
    micro = group * stages + inside - chunk * stages
    return {"kind": kind, "micro": micro, "chunk": chunk if kind == "F" else chunks - 1 - chunk}


def timeline(
    schedule: str, stages: int, microbatches: int, chunks: int = 1, lengths: Any = None
) -> list[list[dict[str, Any]]]:
    """Each stage's steps with `start` and `length`; `lengths[stage][step]`, if given, are measured ones."""
    check(schedule, stages, microbatches, chunks)
    lists = [order(schedule, stages, microbatches, s, chunks) for s in range(stages)]
    done: dict[str, float] = {}  # when each step ended, by name
    free = [0.0 for s in lists]
    at = [0 for s in lists]
    left = sum([len(steps) for steps in lists])
    while left > 0:
        moved = 0
        for s in range(stages):
            while at[s] < len(lists[s]):
                now = lists[s][at[s]]
                ready = when_ready(now, s, stages, chunks, done)
                if ready < 0:
                    break
                now["start"] = max(free[s], ready)
                now["length"] = (FORWARD if now["kind"] == "F" else BACKWARD) / chunks
                if lengths is not None:
                    now["length"] = lengths[s][at[s]]
                free[s] = now["start"] + now["length"]
                done[name(now["kind"], now["micro"], now["chunk"], s)] = free[s]
                at[s] += 1
                moved += 1
        if moved == 0:
            raise ValueError(f"the {schedule} schedule waits for itself")
        left -= moved
    return lists


def name(kind: str, micro: int, chunk: int, stage: int) -> str:
    """A step as text."""
    return f"{kind}.{micro}.{chunk}.{stage}"


def when_ready(now: dict[str, Any], stage: int, stages: int, chunks: int, done: dict[str, float]) -> float:
    """When the input of a step is there; -1: not yet known."""
    chunk = now["chunk"]
    if now["kind"] == "F":
        if stage == 0 and chunk == 0:
            return 0.0
        first = stage == 0
        needs = name("F", now["micro"], chunk - 1 if first else chunk, stages - 1 if first else stage - 1)
    elif stage == stages - 1 and chunk == chunks - 1:
        needs = name("F", now["micro"], chunk, stage)
    else:
        last = stage == stages - 1
        needs = name("B", now["micro"], chunk + 1 if last else chunk, 0 if last else stage + 1)
    return done.get(needs, -1.0)


def idle_share(lines: list[list[dict[str, Any]]]) -> float:
    """Share of the time from first to last step in which stages stand idle, counted from a timeline."""
    end = 0.0
    busy = 0.0
    for steps in lines:
        for now in steps:
            end = max(end, now["start"] + now["length"])
            busy += now["length"]
    return 1 - busy / (end * len(lines))


def most_held(steps: list[dict[str, Any]], chunks: int = 1) -> float:
    """Most micro-batches whose activations a stage holds at once, in units of all its layers."""
    held = 0
    most = 0
    for now in steps:
        held += 1 if now["kind"] == "F" else -1
        most = max(most, held)
    return most / chunks


guard.module(globals())
