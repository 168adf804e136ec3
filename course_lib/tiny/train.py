"""Training: AdamW with warmup, decay and clipping, a progress bar, and checkpoints that survive a kill.

Batches are a pure function of the step (`corpus.Windows`, `tasks.SorterBatches`) and the model draws no
random numbers, so the step number is the whole state of the data and of chance: weights, moments and the step
resume a run to the same bits. Defaults follow what small models like: beta2 0.99, weight decay 0.1 on
matrices, clip at norm 1.
"""

from __future__ import annotations

import hashlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from course_lib.tiny import checkpoint as store
from course_lib.tiny.allocator import keep_freed_memory
from course_lib.tiny.checks import number, one_of, whole
from course_lib.tiny.model import GPT

Batches = Callable[[int], tuple[Tensor, Tensor]]  # step -> inputs and targets (B, T)


@dataclass(frozen=True)
class History:
    """What a training run did."""

    losses: tuple[float, ...]  # nats per scored token, one per step, before that step's update
    tokens: int  # tokens read, all steps
    flops: float  # forward and backward, head and causal attention included, by course_lib.accounting
    seconds: float  # wall clock, all sessions of a resumed run

    @property
    def steps(self) -> int:
        """Updates made."""
        return len(self.losses)

    @property
    def loss(self) -> float:
        """Mean loss of the last twentieth of the run, in nats per scored token."""
        last = self.losses[-max(1, len(self.losses) // 20) :]
        return sum(last) / len(last)


@dataclass(frozen=True)
class _Settings:
    """Everything besides data that decides a run's numbers; a checkpoint only continues the same settings."""

    steps: int
    lr: float
    warmup: int
    schedule: str
    weight_decay: float
    beta1: float
    beta2: float
    clip: float

    def rate(self, step: int) -> float:
        """Learning rate of a step (from 0): linear warmup, then constant, linear or half cosine to 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        fall = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}
        return self.lr * fall[self.schedule]


def train(
    model: GPT,
    batches: Batches,
    steps: int,
    *,
    lr: float = 3e-3,
    warmup: int | None = None,
    schedule: str = "cosine",
    weight_decay: float = 0.1,
    betas: tuple[float, float] = (0.9, 0.99),
    clip: float = 1.0,
    progress: bool = True,
    stop: Callable[[int], bool] | None = None,
    checkpoint: str | Path | None = None,
    every: int = 100,
) -> History:
    """Train `model` in place for `steps` updates and say what happened.

    `warmup` is in steps (default a tenth, at most 100); `schedule` is "cosine", "linear" or "constant";
    `stop(step)` is asked after every update and ends the run by returning True. With `checkpoint`, it is
    written there each `every` steps and at the end, and a file that is there already is continued: same
    settings, same data, same bits.
    """
    settings = _Settings(
        whole("steps", steps),
        number("lr", lr, 0.0, open_low=True),
        min(100, steps // 10) if warmup is None else whole("warmup", warmup, least=0),
        one_of("schedule", schedule, ("cosine", "linear", "constant")),
        number("weight_decay", weight_decay, 0.0),
        number("betas[0]", betas[0], 0.0, 1.0),
        number("betas[1]", betas[1], 0.0, 1.0),
        number("clip", clip, 0.0, open_low=True),
    )
    whole("every", every)
    run = _Run(model, batches, settings)
    if checkpoint is not None and Path(checkpoint).exists():
        run.restore(checkpoint)
    for _ in _bar(run, progress):
        run.update()
        ended = stop is not None and stop(run.step)
        if checkpoint is not None and (ended or run.step % every == 0 or run.step == steps):
            run.save(checkpoint, ended)
        if ended:
            break
    return run.history()


def stepper(model: GPT, batches: Batches, *, lr: float = 1e-3) -> Callable[[], None]:
    """A function that makes one constant-rate training step at each call, for measurements."""
    return _Run(model, batches, _Settings(1, lr, 0, "constant", 0.1, 0.9, 0.99, 1.0)).update


class _Run:
    """The state of a training run: model, optimizer, losses so far, seconds so far."""

    def __init__(self, model: GPT, batches: Batches, settings: _Settings) -> None:
        keep_freed_memory()
        self.model, self.batches, self.settings = model, batches, settings
        self.named = dict(model.named_parameters())
        matrices = [p for p in self.named.values() if p.dim() > 1]
        vectors = [p for p in self.named.values() if p.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=settings.lr, betas=(settings.beta1, settings.beta2), fused=True
        )
        self.losses: list[float] = []
        self.shape = tuple(batches(0)[0].shape)
        self.ended = False
        self.earlier, self.began = 0.0, time.perf_counter()

    @property
    def step(self) -> int:
        """Updates made so far: also the position in the data."""
        return len(self.losses)

    def update(self) -> None:
        """One step of AdamW on one batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(self.step)
        loss = self.model.loss(*self.batches(self.step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.named.values(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.losses.append(loss.item())
        if not math.isfinite(self.losses[-1]):
            raise ValueError(
                f"the loss is {self.losses[-1]} at step {self.step}: lower lr ({self.settings.lr:g})"
            )

    def history(self) -> History:
        """The run so far as plain numbers."""
        from course_lib.accounting import training_flops

        tokens = self.step * math.prod(self.shape)
        per_token = training_flops(self.model.config.to_accounting(), self.shape[1], True)["total"]
        return History(tuple(self.losses), tokens, tokens * per_token, self.seconds())

    def seconds(self) -> float:
        """Wall-clock seconds of this session and of those before it."""
        return self.earlier + time.perf_counter() - self.began

    def facts(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be continued."""
        data = hashlib.sha256(b"".join(t.contiguous().numpy().tobytes() for t in self.batches(0))).hexdigest()
        return {"config": asdict(self.model.config), "settings": asdict(self.settings), "first batch": data}

    def save(self, path: str | Path, ended: bool) -> None:
        """Write weights, both moments, losses and the step; a run that `stop` ended stays ended."""
        tensors: dict[str, Tensor] = {"losses": torch.tensor(self.losses, dtype=torch.float64)}
        tensors |= {f"buffer {name}": value for name, value in _moved(self.model).items()}
        for name, p in self.named.items():
            state = self.optimizer.state[p]
            tensors |= {
                f"weight {name}": p,
                f"mean {name}": state["exp_avg"],
                f"square {name}": state["exp_avg_sq"],
            }
        store.write(
            path, tensors, {**self.facts(), "step": self.step, "seconds": self.seconds(), "ended": ended}
        )

    def restore(self, path: str | Path) -> None:
        """Continue from a checkpoint of the same model, settings and data."""
        tensors, facts = store.read(path)
        for name, mine in self.facts().items():
            if facts.get(name) != mine:
                raise ValueError(
                    f"{path}: belongs to another run: its {name} is {facts.get(name)}, "
                    f"this run's is {mine}; give this run another checkpoint file"
                )
        wanted = {"losses", *(f"buffer {name}" for name in _moved(self.model))}
        wanted |= {f"{part} {name}" for name in self.named for part in ("weight", "mean", "square")}
        if set(tensors) != wanted or {"seconds", "ended"} - set(facts):
            raise ValueError(f"{path}: not all of a run's state is in it; delete it and start again")
        self.losses = tensors["losses"].tolist()
        self.earlier, self.ended = facts["seconds"], facts["ended"]
        with torch.no_grad():
            for name, value in _moved(self.model).items():
                value.copy_(tensors[f"buffer {name}"])
            for name, p in self.named.items():
                p.copy_(tensors[f"weight {name}"])
                self.optimizer.state[p] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": tensors[f"mean {name}"],
                    "exp_avg_sq": tensors[f"square {name}"],
                }


def _moved(model: GPT) -> dict[str, Tensor]:
    """What training changes besides parameters, such as the balancing biases of `moe`."""
    kept = model.state_dict()
    return {name: value for name, value in model.named_buffers() if name in kept}


def _bar(run: _Run, progress: bool) -> Iterator[int]:
    """The steps still to do, with a progress bar where somebody watches."""
    if run.ended:
        return
    total = run.settings.steps
    with tqdm(
        total=total, initial=run.step, disable=not (progress and _watched()), leave=False, unit="step"
    ) as bar:
        while run.step < total:
            yield run.step
            bar.update()
            if run.step % 20 == 0:
                bar.set_postfix(loss=f"{run.losses[-1]:.3f}", refresh=False)


def _watched() -> bool:
    """Whether a person sees stderr: a terminal, or a live notebook (it may ask for input, a build not)."""
    if sys.stderr.isatty():
        return True
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return bool(getattr(getattr(shell, "kernel", None), "_allow_stdin", False))
