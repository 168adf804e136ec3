"""Fits and small networks with one argument wrong: a result, or a refusal in our words.

The companion of test_fuzz for functions that take what the library or a long table makes: runs, fits, models,
tensors. Each is called rightly once, and then with every wrong thing in place of every argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from test_fuzz import judge_each

from course_lib import fitting, formulas, limits, proportions, tiny
from course_lib.tiny import chain, corpus, sample

nan, inf = math.nan, math.inf
N = [1e6, 3e6, 1e7, 3e7, 1e8] * 3
D = [2e8] * 5 + [2e9] * 5 + [2e10] * 5
LAW = {"E": 1.7, "A": 400.0, "B": 410.0, "alpha": 0.34, "beta": 0.28}
LOSS = [formulas.chinchilla_loss(n, d, LAW) * (1 + 0.002 * math.sin(7 * i)) for i, (n, d) in
        enumerate(zip(N, D, strict=True))]  # fmt: skip
UNIQUE = [d / (1 + i % 4) for i, d in enumerate(D)]
SLICE = [1e18] * 5 + [1e19] * 5 + [1e20] * 5
BOWLS = [2 + 0.1 * (math.log(n / 1e7) - k / 4) ** 2 for k, n in enumerate(N)]
FIT = fitting.fit_chinchilla(N, D, LOSS)
BOOT = fitting.bootstrap(FIT, n=30)
PARABOLAS = fitting.isoflop(SLICE, N, BOWLS)
BOWL_BOOT = fitting.isoflop_bootstrap(SLICE, N, BOWLS, n=60)

NUMBERS = (None, "x", 0, -1, 0.5, nan, inf, -inf, 1e300, 5e-324, 10**400, [], {}, (1,), object(), True, 1j)
COLUMNS = (
    *NUMBERS, [1.0] * 15, [nan] * 15, [0.0] * 15, [-1.0] * 15, [inf] * 15, [1e300] * 15, [5e-324] * 15,
    ["x"] * 15, [[1.0, 2.0]] * 15, [None] * 15, [10**400] * 15, [1e-300, 1e300, 1.0] * 5, list(range(1, 16)),
    [1.0] * 14, np.ones((15, 2)), np.ones(15, complex), np.array(["a"] * 15), b"123456789012345",
)  # fmt: skip
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "read_runs": (fitting.read_runs, {"source": None, "params": N, "tokens": D, "loss": LOSS, "groups": D}),
    "fit_chinchilla": (fitting.fit_chinchilla, {"params": N, "tokens": D, "loss": LOSS, "delta": 1e-3,
                                                "starts": [[1.0] * 5]}),
    "fit_power": (fitting.fit_power, {"x": N, "loss": LOSS, "delta": 1e-3}),
    "fit_kaplan": (fitting.fit_kaplan, {"params": N, "tokens": D, "loss": LOSS}),
    "fit_overtraining": (fitting.fit_overtraining, {"flops": D, "ratio": N, "loss": LOSS}),
    "fit_data_constrained": (fitting.fit_data_constrained, {"params": N, "unique": UNIQUE, "tokens": D,
                                                            "loss": LOSS, "base": LAW}),
    "isoflop": (fitting.isoflop, {"budgets": SLICE, "params": N, "loss": BOWLS}),
    "optimum_law": (fitting.optimum_law, {"parabolas": PARABOLAS}),
    "isoflop_bootstrap": (fitting.isoflop_bootstrap, {"budgets": SLICE, "params": N, "loss": BOWLS, "n": 40,
                                                      "seed": 0, "groups": N, "level": 0.9}),
    "bootstrap": (fitting.bootstrap, {"fit": FIT, "n": 20, "seed": 0, "groups": N, "level": 0.9,
                                      "starts": 1}),
    "log_sum_exp_objective": (fitting.log_sum_exp_objective, {"params": N, "tokens": D, "loss": LOSS}),
    "published_procedure": (fitting.published_procedure, {"params": N, "tokens": D, "loss": LOSS,
                                                          "starts": 1, "objective": "sum", "seed": 0,
                                                          "gradient": "exact", "delta": 1e-3}),
    "Fit.predict": (lambda n, d: FIT.predict(n, d), {"n": 1e7, "d": 1e9}),
    "Fit.optimum": (FIT.optimum, {"flops": 1e20}),
    "Bootstrap.interval": (BOOT.interval, {"name": "alpha"}),
    "Bootstrap.predict": (lambda n, d: BOOT.predict(n, d), {"n": 1e7, "d": 1e9}),
    "Bootstrap.predict_run": (lambda n, d: BOOT.predict_run(n, d), {"n": 1e7, "d": 1e9}),
    "Bootstrap.optimum": (BOOT.optimum, {"flops": 1e20}),
    "Parabola.predict": (PARABOLAS[0].predict, {"params": 1e7}),
    "OptimumLaw.params": (fitting.optimum_law(PARABOLAS).params, {"flops": 1e20}),
    "IsoflopBootstrap.params": (BOWL_BOOT.params, {"flops": 1e20}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_fit_with_one_wrong_argument_answers_or_refuses(name: str) -> None:
    judge_each(*CALLS[name], COLUMNS, infinite=True)


# --- Networks -----------------------------------------------------------------------------------------------

MODEL = tiny.GPT(tiny.GPTConfig(20, 16, 8, 2, 2), seed=0)
CHAIN = tiny.GPT(chain.config(8, 1, steps=2), seed=0)
IDS = torch.arange(60) % 20
ASKED = chain.exam(3, 2)[0]
TENSORS = (
    *NUMBERS, torch.tensor([]), torch.tensor([[]]), torch.tensor(3), torch.full((40,), nan),
    torch.full((40,), 1e30), torch.full((40,), -1), torch.full((40,), 99), torch.zeros(2, 3, 4),
    torch.zeros(40, dtype=torch.complex64), torch.zeros(40, dtype=torch.bool), torch.ones(40) / 2, "abc" * 20,
    MODEL, torch.Generator(),
)  # fmt: skip
TORCH: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "sample.generate": (sample.generate, {"model": MODEL, "prompt": IDS[:4], "new": 3, "temperature": 1.0,
                                          "top_k": 2, "seed": 0}),
    "sample.choose": (sample.choose, {"logits": torch.zeros(2, 5), "temperature": 1.0, "top_k": 2,
                                      "generator": None}),
    "corpus.window_losses": (corpus.window_losses, {"model": MODEL, "tokens": IDS, "limit": 60, "batch": 2}),
    "corpus.held_out_loss": (corpus.held_out_loss, {"model": MODEL, "tokens": IDS, "limit": 60, "batch": 2}),
    "chain.config": (chain.config, {"d_model": 8, "n_layers": 1, "steps": 2, "n_heads": 2}),
    "chain.questions": (chain.questions, {"count": 3, "steps": 2, "generator": torch.Generator()}),
    "chain.exam": (chain.exam, {"count": 3, "steps": 2, "seed": 0}),
    "chain.work": (chain.work, {"asked": ASKED, "noise": 0.5, "generator": torch.Generator()}),
    "chain.answers": (chain.answers, {"model": CHAIN, "asked": ASKED, "samples": 1, "temperature": 1.0,
                                      "seed": 0}),
    "chain.accuracy": (chain.accuracy, {"model": CHAIN, "steps": 2, "count": 5, "seed": 0}),
    "chain.ceiling": (chain.ceiling, {"last": 2}),
    "chain.show": (chain.show, {"asked": ASKED[0], "written": None}),
    "limits.mean_loss": (limits.mean_loss, {"found": limits.runs("repeat")}),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_a_network_with_one_wrong_argument_answers_or_refuses(name: str) -> None:
    judge_each(*TORCH[name], TENSORS)


# --- Sums that would never end ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: formulas.rope_score(1.0, 1e12, 1e4), "d_head.*2 to 65536"),
        (lambda: proportions.shape_for(1e60, "dense", 8192), "active.*at most 1e"),
        (lambda: chain.ceiling(40), "last must be at most 6"),
        (lambda: fitting.bootstrap(FIT, n=10**9), "20.*100,000"),
        (lambda: fitting.isoflop_bootstrap(SLICE, N, BOWLS, n=10**9), "20.*100,000"),
    ],
)
def test_sizes_beyond_reason_are_refused_at_once(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
