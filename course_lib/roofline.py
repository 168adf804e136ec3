"""What limits a machine: arithmetic or bytes. Rooflines, and the two halves of serving placed on them.

Williams, Waterman & Patterson 2009 (Communications of the ACM 52(4)): a program that does I FLOPs for each
byte it moves runs at no more than min(peak, I x bandwidth). The counts come from `accounting`. They are the
least a perfect program would move: each weight once a step, the cache once, no activations. Every time
below is therefore a bound that real programs stay above.

Plain code: pages translate it to JavaScript. The measuring of a real machine is in `course_lib.tiny.rates`.
"""

import math
from typing import Any

from course_lib import accounting, formulas, guard
from course_lib.modelconfig import ModelConfig

POINTS = 16  # an answer's steps are summed over so many stretches

# FLOPs and numbers moved for each element of a vector; exponentials and roots count as one FLOP.
ELEMENTWISE = {
    "add": {"flops": 1, "moved": 3},  # read two, write one
    "triad": {"flops": 2, "moved": 3},  # a + s b
    "norm": {"flops": 4, "moved": 2},  # square, sum, scale, weight
    "softmax": {"flops": 5, "moved": 2},  # largest, subtract, exponential, sum, divide
}


def attainable(intensity: float, peak: float, bandwidth: float) -> float:
    """FLOP/s that a roof allows at `intensity` FLOPs/byte: min(peak, intensity x bandwidth)."""
    return formulas.roofline(intensity, peak, bandwidth)


def ridge(peak: float, bandwidth: float) -> float:
    """FLOPs per byte at which both limits meet: peak (FLOP/s) over bandwidth (bytes/s)."""
    return formulas.positive("peak", peak) / formulas.positive("bandwidth", bandwidth)


def step_seconds(flops: float, bytes_moved: float, peak: float, bandwidth: float) -> float:
    """Least seconds for so many FLOPs and bytes when both go on at once: the larger of the two times."""
    work = formulas.not_negative("flops", flops) / formulas.positive("peak", peak)
    moving = formulas.not_negative("bytes_moved", bytes_moved) / formulas.positive("bandwidth", bandwidth)
    return max(work, moving)


def elementwise(kind: str, count: float, bytes_per_value: float) -> dict[str, float]:
    """FLOPs, bytes and FLOPs/byte of an operation on vectors of `count` numbers: see ELEMENTWISE."""
    if kind not in ELEMENTWISE:
        raise ValueError(f"kind must be one of {', '.join(ELEMENTWISE.keys())}; got {kind}")
    flops = ELEMENTWISE[kind]["flops"] * formulas.positive("count", count)
    moved = ELEMENTWISE[kind]["moved"] * count * formulas.positive("bytes_per_value", bytes_per_value)
    return {"flops": flops, "bytes": moved, "intensity": flops / moved}


def product(m: float, k: float, n: float, bytes_per_value: float) -> dict[str, float]:
    """FLOPs, bytes and FLOPs/byte of an (m x k)(k x n) product; n = 1 is a matrix times a vector."""
    flops = 2 * formulas.positive("m", m) * formulas.positive("k", k) * formulas.positive("n", n)
    intensity = formulas.matmul_intensity(m, n, k, bytes_per_value)
    return {"flops": flops, "bytes": flops / intensity, "intensity": intensity}


def weights_read(cfg: ModelConfig, tokens: float) -> float:
    """Parameters that a step over `tokens` tokens has to read, as a mean over what routers may choose.

    Of a token table the rows looked up (all of it where it is also the head); of a mixture the experts that
    at least one token visits, if routers choose evenly and independently.
    """
    tables = cfg.vocab * cfg.d_model + (cfg.n_ctx * cfg.d_model if cfg.positions == "learned" else 0)
    sums = accounting.groups(accounting.params(cfg))
    read = cfg.vocab * cfg.d_model if cfg.tied_head else min(tokens, cfg.vocab) * cfg.d_model
    for part in sums:
        share = 1.0
        if part == "expert" and cfg.n_experts > 0:
            share = formulas.experts_touched(cfg.n_experts, cfg.top_k, tokens) / cfg.n_experts
        read += sums[part] * share - (tables if part == "embedding" else 0)
    return read


def decode_flops(cfg: ModelConfig, context: float) -> float:
    """Forward FLOPs of one new token that sees `context` tokens, itself included.

    Latent attention scores the cached latent itself instead of unpacking every old key (DeepSeek-AI 2024,
    arXiv 2405.04434, section 2.1): wider products, nothing recomputed.
    """
    cost = accounting.flops(cfg, context, False)
    if cfg.kv_lora_rank == 0:
        return cost["total"]
    keys = (cfg.n_layers - cfg.window_layers) * context + cfg.window_layers * min(context, cfg.window)
    latent = 2 * cfg.n_heads * (2 * cfg.kv_lora_rank + cfg.qk_rope_dim) * keys
    return cost["total"] - cost["attention/scores"] - cost["attention/values"] + latent


def prefill(
    cfg: ModelConfig, context: float, batch: float, peak: float, bandwidth: float, bytes_per_value: float
) -> dict[str, Any]:
    """Read `batch` prompts of `context` tokens: flops, bytes, intensity, seconds, tokens_per_second, bound.

    The head is worked out for the last token of each prompt only; the cache is written once. Peak in FLOP/s,
    bandwidth in bytes/s, `bytes_per_value` for weights and cache alike (2 for bf16).
    """
    _check(context, batch, bytes_per_value)
    cost = accounting.flops(cfg, context, True)
    flops = batch * (context * (cost["total"] - cost["head"]) + cost["head"])
    weights = weights_read(cfg, context * batch) * bytes_per_value
    cache = accounting.kv_cache_bytes(cfg, context, bytes_per_value, batch)
    return _step(flops, weights, cache, context * batch, peak, bandwidth)


def decode(
    cfg: ModelConfig, context: float, batch: float, peak: float, bandwidth: float, bytes_per_value: float
) -> dict[str, Any]:
    """One token more for each of `batch` sequences that then hold `context` tokens: as `prefill`.

    All weights that the batch touches and all caches are read once; `tokens_per_second` is for the batch
    together, 1/seconds for each reader.
    """
    _check(context, batch, bytes_per_value)
    flops = batch * decode_flops(cfg, context)
    weights = weights_read(cfg, batch) * bytes_per_value
    cache = accounting.kv_cache_bytes(cfg, context, bytes_per_value, batch)
    return _step(flops, weights, cache, batch, peak, bandwidth)


def request(
    cfg: ModelConfig, prompt: float, output: float, batch: float,
    peak: float, bandwidth: float, bytes_per_value: float,
) -> dict[str, float]:  # fmt: skip
    """A prompt read alone, then `output` tokens written beside `batch - 1` others of the same kind.

    first_token: seconds of the prefill; step: mean seconds of a decode step; last_token: seconds to the end
    if nothing interrupts; machine_seconds: prefill and this request's share of the steps;
    tokens_per_second: output tokens of all readers in the steady state; compute_share: of those steps that
    arithmetic limits.
    """
    if not (output >= 1):
        raise ValueError(f"output must be at least 1 token, got {output}")
    first = prefill(cfg, prompt, 1, peak, bandwidth, bytes_per_value)["seconds"]
    seconds = 0.0
    compute = 0.0
    for i in range(POINTS):
        context = prompt + output * (i + 0.5) / POINTS  # the middle of a stretch
        step = decode(cfg, max(1, context), batch, peak, bandwidth, bytes_per_value)
        seconds += step["seconds"] / POINTS
        compute += (1.0 if step["bound"] == "compute" else 0.0) / POINTS
    share = first + output * seconds / batch
    return {
        "first_token": first, "step": seconds, "last_token": first + output * seconds,
        "machine_seconds": share, "tokens_per_second": output / share, "per_reader": 1.0 / seconds,
        "prefill_share": first / share, "compute_share": compute,
    }  # fmt: skip


def ridge_batch(
    cfg: ModelConfig, context: float, peak: float, bandwidth: float, bytes_per_value: float
) -> float:
    """Smallest batch at which a decode step is limited by arithmetic; 0 if none up to 65,536 is."""
    low = 1
    high = 65536
    if decode(cfg, context, high, peak, bandwidth, bytes_per_value)["bound"] == "memory":
        return 0
    while low < high:
        middle = math.floor((low + high) / 2)
        if decode(cfg, context, middle, peak, bandwidth, bytes_per_value)["bound"] == "compute":
            high = middle
        else:
            low = middle + 1
    return high


def _step(
    flops: float, weights: float, cache: float, tokens: float, peak: float, bandwidth: float
) -> dict[str, Any]:
    """A step placed on a roof."""
    moved = weights + cache
    seconds = step_seconds(flops, moved, peak, bandwidth)
    return {
        "flops": flops, "bytes": moved, "weight_bytes": weights, "cache_bytes": cache,
        "intensity": flops / moved, "seconds": seconds, "tokens_per_second": tokens / seconds,
        "bound": "compute" if flops / peak >= moved / bandwidth else "memory",
    }  # fmt: skip


def _check(context: float, batch: float, bytes_per_value: float) -> None:
    """A step reads at least one token of one sequence."""
    if not (context >= 1 and batch >= 1):
        raise ValueError(f"context and batch must be at least 1; got {context} and {batch}")
    formulas.positive("bytes_per_value", bytes_per_value)


guard.module(globals())
