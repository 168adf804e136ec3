"""What the processes of a team do: each job runs on all of them, over a `Ring`, and returns plain results.

Each compares a run that is spread out with the same run on one process. The equalities are checked in
float64, where the only difference left is the order of additions.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import pipelines
from course_lib.tiny.checks import one_of, whole
from course_lib.tiny.corpus import Windows, split
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.parallel_comm import Ring
from course_lib.tiny.parallel_layers import Adam, Sharded, SplitBlock, column_parallel, flatten, row_parallel

Event = tuple[str, int, float, float, float]  # F or B, micro-batch, start and end (clock), CPU seconds
CONTEXT, SEQUENCES = 64, 8  # of the tiny model; sequences in the whole batch


def small_model(layers: int = 2, width: int = 32, tied: bool = True) -> GPT:
    """The model all jobs cut up: classic parts, four heads, the letters of the course text."""
    tokens, _ = split("austen")
    return GPT(GPTConfig(int(tokens.max()) + 1, CONTEXT, width, layers, 4, tie_head=tied), seed=0)


def batch(step: int, sequences: int = SEQUENCES) -> tuple[Tensor, Tensor]:
    """The whole batch of a step; every process can work it out and then takes its own rows."""
    return Windows(split("austen")[0], CONTEXT, sequences, seed=1)(step)


def flat_gradients(model: nn.Module) -> Tensor:
    """All gradients as one vector."""
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def all_reduce(ring: Ring, numbers: int = 1_000_000) -> dict[str, Any]:
    """Sum a vector of so many float32 over the processes, by our ring and by torch, and compare."""
    mine = torch.randn(whole("numbers", numbers), generator=torch.Generator().manual_seed(ring.rank))
    theirs = mine.clone()
    before = time.perf_counter()
    ring.all_reduce(mine)
    took = time.perf_counter() - before
    dist.all_reduce(theirs)
    error = float((mine - theirs).abs().max())
    return {"sent": ring.sent["all-reduce"], "size": mine.nbytes, "error": error, "seconds": took}


def data_parallel(ring: Ring, steps: int = 5, average: bool = True) -> dict[str, Any]:
    """Train on own rows of each batch, gradients averaged over all (without `average` they drift)."""
    if SEQUENCES % ring.size:
        raise ValueError(f"the processes must divide the {SEQUENCES} sequences; got {ring.size}")
    model, losses = small_model().double(), []
    weights, gradients = flatten(model)
    optimizer = Adam(len(weights), weights.dtype)
    for step in range(whole("steps", steps)):
        x, y = (t.tensor_split(ring.size)[ring.rank] for t in batch(step))
        gradients.zero_()
        loss = model.loss(x, y)
        loss.backward()
        if average:
            ring.all_reduce(gradients, "gradients").div_(ring.size)
        optimizer.step(weights, gradients)
        losses.append(float(loss.detach()))
    return {"losses": losses, "weights": weights, "sent": ring.sent.get("gradients", 0),
            "size": gradients.nbytes}  # fmt: skip


def train_alone(steps: int = 5) -> dict[str, Any]:
    """The same training on one process with the whole batch: what `data_parallel` has to equal."""
    model, losses = small_model().double(), []
    weights, gradients = flatten(model)
    optimizer = Adam(len(weights), weights.dtype)
    for step in range(steps):
        gradients.zero_()
        loss = model.loss(*batch(step))
        loss.backward()
        optimizer.step(weights, gradients)
        losses.append(float(loss.detach()))
    return {"losses": losses, "weights": weights}


def tensor_parallel(ring: Ring, sequences: int = 4) -> dict[str, Any]:
    """Split one layer and one block over the processes; largest errors against the whole ones."""
    block: Any = small_model().double().blocks[0]
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(sequences, CONTEXT, 32, dtype=torch.float64, generator=draw)
    weight = block.ffn.up.weight.detach()
    column = column_parallel(x, weight, ring) - (x @ weight.T).tensor_split(ring.size, -1)[ring.rank]
    row = row_parallel(x.tensor_split(ring.size, -1)[ring.rank], weight, ring) - x @ weight.T
    ring.sent.clear()  # count one block, forward and back
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    mine = SplitBlock(block, ring)
    out, expected = mine(inputs[0]), block(inputs[1], None, None)
    goal = torch.randn(x.shape, dtype=x.dtype, generator=draw)
    (out * goal).sum().backward()
    (expected * goal).sum().backward()
    gradients = max(
        _off(inputs[0].grad, inputs[1].grad), _off(mine.up.grad, mine._own(block.ffn.up.weight.grad)),
        _off(mine.out.grad, mine._own(block.attention.out.weight.grad, dim=1)),
        _off(mine.qkv.grad, mine._own_qkv(block.attention.qkv.weight.grad)),
    )  # fmt: skip
    return {
        "column": float(column.abs().max()), "row": float(row.abs().max()), "block": _off(out, expected),
        "gradients": gradients, "sent": ring.sent["tensor"], "tokens": sequences * CONTEXT,
        "held": sum(p.numel() for p in mine.parameters()),
        "whole": sum(p.numel() for p in block.parameters()),
    }  # fmt: skip


def _off(a: Any, b: Any) -> float:
    """Largest difference of two tensors."""
    return float((a - b).detach().abs().max())


def zero(ring: Ring, stage: int = 0, steps: int = 3) -> dict[str, Any]:
    """Train with the states shared out at a stage of ZeRO; bytes held and sent, the weights at the end."""
    states = Sharded(small_model(), ring, stage)

    def loss(model: GPT, weights: dict[str, Tensor]) -> Tensor:
        x, y = (t.tensor_split(ring.size)[ring.rank] for t in batch(states.adam.steps))
        logits = torch.func.functional_call(model, weights, (x,), tie_weights=False)
        return F.cross_entropy(logits.float().view(-1, logits.shape[-1]), y.reshape(-1))

    losses = [states.step(loss) for _ in range(whole("steps", steps))]
    sent = dict(ring.sent)
    return {"losses": losses, "held": states.held(), "sent": sent, "parameters": states.count,
            "weights": states.gathered().float()}  # fmt: skip


class Stage(nn.Module):
    """Some blocks of a model; the first stage has the tables too, the last one the norm and the head."""

    def __init__(self, model: GPT, rank: int, size: int) -> None:
        super().__init__()
        self.width = model.config.d_model
        blocks = list(model.blocks)
        per = len(blocks) // size
        self.blocks = nn.ModuleList(blocks[rank * per : (rank + 1) * per])
        self.token = model.token if rank == 0 else None
        self.position = model.position if rank == 0 else None
        self.norm = model.norm if rank == size - 1 else None
        self.head = model.head if rank == size - 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Tokens or activations in, activations or logits out."""
        if self.token is not None and self.position is not None:
            x = self.token(x) + self.position.weight[: x.shape[1]]
        for block in self.blocks:
            x = block(x, None, None)
        return self.head(self.norm(x)) if self.head is not None and self.norm is not None else x


def pipeline(
    ring: Ring, schedule: str = "1f1b", microbatches: int = 4, width: int = 32, sequences: int = SEQUENCES,
    exact: bool = True, repeats: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """One step of a model cut into stages, one on each process: gradients, and when each piece was worked on.

    `exact`: in float64, for comparing; else float32, for timing. `repeats`: the fastest of so many is told.
    """
    one_of("schedule", schedule, ("gpipe", "1f1b"))
    if sequences % whole("microbatches", microbatches):
        raise ValueError(f"{sequences} sequences do not make {microbatches} equal micro-batches")
    model = small_model(2 * ring.size, width, tied=False).to(torch.float64 if exact else torch.float32)
    stage = Stage(model, ring.rank, ring.size)
    x, y = batch(0, sequences)
    steps = pipelines.order(schedule, ring.size, microbatches, ring.rank)
    _run_stage(ring, stage, steps, x, y, microbatches)  # the first time is slow
    best: list[Event] = []
    shortest = float("inf")
    for _ in range(whole("repeats", repeats)):
        stage.zero_grad()
        ring.sent.clear()
        dist.barrier()
        loss, events = _run_stage(ring, stage, steps, x, y, microbatches)
        span = torch.tensor([-events[0][2], events[-1][3]], dtype=torch.float64)
        dist.all_reduce(span, dist.ReduceOp.MAX)  # last end, and the first start with its sign turned
        if float(span.sum()) < shortest:
            best, shortest = events, float(span.sum())
    return {"loss": loss, "gradients": flat_gradients(stage), "events": best,
            "sent": ring.sent.get("pipeline", 0), "held": pipelines.most_held(steps)}  # fmt: skip


def _run_stage(
    ring: Ring, stage: Stage, steps: list[dict[str, Any]], x: Tensor, y: Tensor, microbatches: int
) -> tuple[float, list[Event]]:
    """Work through the list of one stage; the summed loss (last stage) and what was done when."""
    first, last = ring.rank == 0, ring.rank == ring.size - 1
    xs, ys = x.chunk(microbatches), y.chunk(microbatches)
    some = next(stage.parameters())
    like = some.new_empty(*xs[0].shape, stage.width)
    kept: dict[int, tuple[Tensor, Tensor]] = {}
    events, total = [], 0.0
    for step in steps:
        i = step["micro"]
        if step["kind"] == "F":
            got = xs[i] if first else ring.receive(like, ring.rank - 1, tag=2 * i).requires_grad_()
            start, work = time.monotonic(), time.process_time()
            out = stage(got)
            if last:
                out = F.cross_entropy(out.flatten(0, 1), ys[i].flatten()) / microbatches
                total += float(out.detach())
            kept[i] = (got, out)
            events.append(("F", i, start, time.monotonic(), time.process_time() - work))
            if not last:
                ring.send(out, ring.rank + 1, "pipeline", tag=2 * i)
        else:
            grad = None if last else ring.receive(like, ring.rank + 1, tag=2 * i + 1)
            start, work = time.monotonic(), time.process_time()
            got, out = kept.pop(i)
            out.backward(grad)
            events.append(("B", i, start, time.monotonic(), time.process_time() - work))
            if not first and got.grad is not None:
                ring.send(got.grad, ring.rank - 1, "pipeline", tag=2 * i + 1)
    ring.settle()
    return total, events


def idle_shares(schedule: str, results: list[dict[str, Any]]) -> dict[str, float]:
    """Idle share of the stages: by the clock, with the CPU time of each piece replayed, and counted.

    The clock sees whatever else the machine does. Replayed: each piece takes the CPU time that it took, and
    starts as soon as its input is there. Counted: all forwards are equal, and all backwards twice as long.
    """
    events = [result["events"] for result in results]
    every = [event for stage in events for event in stage]
    span = max(e[3] for e in every) - min(e[2] for e in every)
    micro = len(events[0]) // 2
    lengths = [[event[4] for event in stage] for stage in events]
    return {
        "clock": 1 - sum(e[3] - e[2] for e in every) / span / len(events),
        "replayed": pipelines.idle_share(pipelines.timeline(schedule, len(events), micro, 1, lengths)),
        "counted": pipelines.idle_share(pipelines.timeline(schedule, len(events), micro)),
    }


def whole_gradients(stages: int, width: int = 32, sequences: int = SEQUENCES) -> tuple[float, list[Tensor]]:
    """Loss and gradients (by stage) of the model of `pipeline`, the whole batch at once on one process."""
    model = small_model(2 * stages, width, tied=False).double()
    loss = model.loss(*batch(0, sequences))
    loss.backward()
    return float(loss.detach()), [flat_gradients(Stage(model, r, stages)) for r in range(stages)]


def expert_parallel(ring: Ring, experts: int = 4, tokens: int = 64, width: int = 16) -> dict[str, Any]:
    """Experts spread over the processes: tokens travel to them and back; error against all at home."""
    draw = torch.Generator().manual_seed(4)
    weights = torch.randn(experts, width, width, dtype=torch.float64, generator=draw)
    everyone = torch.randn(ring.size, tokens, width, dtype=torch.float64, generator=draw)
    mine = everyone[ring.rank]
    choice = (mine @ torch.randn(width, experts, dtype=torch.float64, generator=draw)).argmax(1)
    per = experts // ring.size
    sort = choice.argsort(stable=True)  # by expert, so also by the process that holds it
    counts = torch.bincount(choice // per, minlength=ring.size).tolist()
    labels = torch.cat((mine[sort], choice[sort, None].double()), 1)  # the number of the expert travels along
    got = ring.exchange(list(labels.split(counts)), "out")
    done = [torch.stack([torch.tanh(weights[int(row[-1])] @ row[:-1]) for row in piece]) if len(piece)
            else piece[:, :-1] for piece in got]  # fmt: skip
    back = torch.empty_like(mine)
    back[sort] = torch.cat(ring.exchange(done, "back"))
    expected = torch.tanh(torch.einsum("tij,tj->ti", weights[choice], mine))
    return {"error": _off(back, expected), "sent": dict(ring.sent), "away": tokens - counts[ring.rank]}


def fail(ring: Ring, rank: int = 1, how: str = "killed") -> dict[str, Any]:
    """One process goes wrong while the others wait for it: raises, is killed, or never answers."""
    one_of("how", how, ("raises", "killed", "hangs"))
    if ring.rank == rank:
        if how == "raises":
            raise ValueError("this batch has a token that the model does not know")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(3600)
    ring.all_reduce(torch.ones(4))
    return {}


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "all_reduce": all_reduce, "data_parallel": data_parallel, "tensor_parallel": tensor_parallel,
    "zero": zero, "pipeline": pipeline, "expert_parallel": expert_parallel, "fail": fail,
}  # fmt: skip
