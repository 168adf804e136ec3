"""Make one run: train, judge on held-out text, and return its row. Runs in any process; needs torch."""

from __future__ import annotations

import math
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib import tiny
from course_lib.study.design import BATCH, CONTEXT, LAYERS, Job, counts, flops_per_token, heads, shape
from course_lib.study.table import Run
from course_lib.tiny.corpus import Passes, window_losses
from course_lib.tiny.measure import one_thread

TEXT = "both"
EVAL_TOKENS = 131_072  # held-out characters, half of each text
CHECKPOINT_EVERY = 1_000  # steps


def run(job: Job, folder: str | Path | None = None, every: int = CHECKPOINT_EVERY) -> Run:
    """The row of a job. With `folder`, it leaves a checkpoint there each `every` steps and continues it."""
    return _facts(job) if job.kind == "facts" else _text(job, folder, every)


def checkpoint_path(job: Job, folder: str | Path) -> Path:
    """Where a job keeps its checkpoint."""
    return Path(folder) / f"{job.key}.safetensors"


def model_config(width: int) -> tiny.GPTConfig:
    """The GPT of a width: `tiny.recipe`'s parts over the characters of both texts."""
    accounted = shape(width)
    return tiny.GPTConfig.modern(
        len(tiny.tokenizer(TEXT).characters), CONTEXT, width, LAYERS, heads(width), d_ff=accounted.d_ff,
        rope_base=100.0, token_shift=True, tie_head=False,
    )  # fmt: skip


def _text(job: Job, folder: str | Path | None, every: int) -> Run:
    """A GPT trained on the course text."""
    training, held_out = tiny.split(TEXT)
    model = tiny.GPT(model_config(job.width), seed=job.seed)
    batches = Passes(training, BATCH, CONTEXT, job.seed)
    place = checkpoint_path(job, folder) if folder is not None and job.steps > every else None
    began = time.process_time()
    with one_thread():
        history = tiny.train(
            model, batches, job.steps, lr=job.lr, schedule="linear", progress=False, checkpoint=place,
            every=every,
        )  # fmt: skip
        losses = window_losses(model, held_out, limit=EVAL_TOKENS).double()
    n = counts(job.width)
    return Run(
        **_design(job), n_layers=LAYERS, n_heads=heads(job.width), context=CONTEXT, batch=BATCH,
        passes=round(job.steps / batches.steps, 4),
        n_total=n["total"], n_matmul=n["matmul"], n_blocks=n["blocks"],
        flops=job.tokens * flops_per_token(job.width),
        loss=round(float(losses.mean()), 5),
        loss_error=round(float(losses.std()) / math.sqrt(len(losses)), 5),
        eval_tokens=len(losses) * CONTEXT, entropy=None, **_clock(history.seconds, began), **_versions(),
    )  # fmt: skip


def _facts(job: Job) -> Run:
    """A small network on a source whose entropy is known; judged exactly."""
    from course_lib.tiny import facts

    began = time.process_time()
    done = facts.run_facts(job.width, job.tokens, seed=job.seed)
    return Run(
        **_design(job), n_layers=1, n_heads=0, context=1, batch=job.tokens // job.steps,
        passes=0.0, n_total=done.params, n_matmul=done.params, n_blocks=done.params,
        flops=6.0 * done.params * job.tokens, loss=round(done.loss, 6), loss_error=0.0, eval_tokens=0,
        entropy=round(done.entropy, 8), **_clock(done.seconds, began), **_versions(),
    )  # fmt: skip


def _design(job: Job) -> dict[str, Any]:
    """The columns that the design sets."""
    return {
        "key": job.key, "kind": job.kind, "seed": job.seed, "budget": job.budget, "d_model": job.width,
        "lr": job.lr, "steps": job.steps, "tokens": job.tokens,
    }  # fmt: skip


def _clock(seconds: float, began: float) -> dict[str, Any]:
    """The columns that differ from machine to machine."""
    return {"seconds": round(seconds, 2), "cpu_seconds": round(time.process_time() - began, 2)}


def _versions() -> dict[str, Any]:
    """What the numbers may depend on besides the design."""
    return {
        "python": platform.python_version(), "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__, "cpu": torch.backends.cpu.get_cpu_capability(),
    }  # fmt: skip
