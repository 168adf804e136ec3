"""What a model of so many parameters looks like: layers, width, heads, experts.

Proportions are those of the Llama 3 family (Llama Team 2024, arXiv 2407.21783, table 3): width about 128
times the depth, a gated feed-forward of 3.5 widths, up to eight key-value heads of 128 channels, a vocabulary
of 128,256 and an untied head. A mixture has 64 experts of which a token visits eight, each an eighth as wide.
Loss hardly depends on the exact proportions (Kaplan et al. 2020, section 3.1); memory and speed do.

Plain code: pages translate it to JavaScript.
"""

import math
from typing import Any

from course_lib import guard

VOCAB = 128256
ASPECT = 128  # width over depth, about that of GPT-3 and of Llama 3 8B and 405B
EXPERTS = 64
TOP_K = 8
SPARSITY = 8.0  # EXPERTS / TOP_K: feed-forward weights held for each that a token uses
MOST = 1e18  # parameters; the depths that are tried grow as the cube root
TASTE = 0.05  # how much a deviation from ASPECT counts beside one from the wanted count, in logs
# Weights of a layer over d^2: 2 + 2/8 for attention with 8 of 64 heads, 3 x 3.5 for the rest.
PER_LAYER = 12.75


def shape(n_layers: int, d_model: int, kind: str, context: int) -> dict[str, Any]:
    """A Llama-like model as the fields of a ModelConfig: gated, grouped queries, rotary, untied head."""
    split = head_split(d_model)
    d_ff = hidden(d_model)
    sparse = kind == "moe"
    d_expert = math.floor(d_ff / TOP_K)
    return {
        "n_layers": n_layers, "d_model": d_model, "n_heads": split["heads"], "vocab": VOCAB, "n_ctx": context,
        "n_kv_heads": split["kv"], "d_head": split["width"], "d_ff": d_ff, "ffn": "gated", "tied_head": False,
        "positions": "rope", "norm": "rmsnorm", "norm_bias": False, "norms_per_block": 2, "final_norm": True,
        "embedding_norm": False, "qk_norm": "none", "qkv_bias": False, "out_bias": False, "ffn_bias": False,
        "head_bias": False, "window": 0, "window_layers": 0, "n_experts": EXPERTS if sparse else 0,
        "top_k": TOP_K if sparse else 0, "d_expert": d_expert, "n_shared_experts": 0, "d_shared": d_expert,
        "shared_gate": False, "n_dense_layers": 0, "moe_every": 1, "router_bias": False, "kv_lora_rank": 0,
        "q_lora_rank": 0, "qk_nope_dim": 0, "qk_rope_dim": 0, "v_head_dim": 0,
    }  # fmt: skip


def head_split(d_model: int) -> dict[str, int]:
    """Width of a head, heads, and key-value heads: at most eight, and a divisor of the heads."""
    d_head = 128 if d_model >= 1024 else 64
    heads = max(1, math.floor(d_model / d_head))
    kv = min(8, heads)
    while math.floor(heads / kv) * kv != heads:
        kv = kv - 1
    return {"width": d_head, "heads": heads, "kv": kv}


def hidden(d_model: int) -> int:
    """Width of the feed-forward part: 3.5 d, in steps of 256."""
    return 256 * max(1, math.floor(3.5 * d_model / 256 + 0.5))


def active_count(n_layers: int, d_model: int, kind: str) -> int:
    """Active parameters of `shape`, tables included: what `accounting.active_params` counts, quickly."""
    split = head_split(d_model)
    attention = 2 * d_model * split["width"] * (split["heads"] + split["kv"])
    router = EXPERTS * d_model if kind == "moe" else 0
    layer = attention + 3 * d_model * hidden(d_model) + router + 2 * d_model
    return n_layers * layer + 2 * VOCAB * d_model + d_model


def shape_for(active: float, kind: str, context: int) -> dict[str, Any]:
    """The shape whose active parameters, tables included, come nearest to a number; width about 128 L.

    A layer holds about PER_LAYER d^2 weights and the two tables 2 V d. Depths around the one that gives the
    aspect are tried, each with the two widths that fill the count best; wide models step by eight heads, so
    that eight cards can share a layer. At most MOST parameters.
    """
    if not (active > 0 and active <= MOST):
        raise ValueError(f"active must be a number of parameters above 0 and at most {MOST}, got {active}")
    d = (active * ASPECT / PER_LAYER) ** (1.0 / 3.0)
    for _ in range(30):  # the tables take their part
        blocks = max(active - 2 * VOCAB * d, 0.05 * active)
        d = max(64.0, (blocks * ASPECT / PER_LAYER) ** (1.0 / 3.0)) / 2 + d / 2
    depth = max(2, math.floor(d / ASPECT + 0.5))
    step = 1024 if d >= 3500 else 256 if d >= 1800 else 128 if d >= 1024 else 64
    nearest = 1e300
    best_layers, best_width = depth, step
    for layers in range(max(2, math.floor(depth * 0.8)), math.floor(depth * 1.25) + 2):
        root = math.sqrt((2.0 * VOCAB) ** 2 + 4 * PER_LAYER * layers * active)
        low = max(1, math.floor((root - 2.0 * VOCAB) / (2 * PER_LAYER * layers) / step))
        for width in (low * step, (low + 1) * step):
            miss = abs(math.log(active_count(layers, width, kind) / active))
            miss += TASTE * abs(math.log(width / (ASPECT * layers)))
            if miss < nearest:
                nearest, best_layers, best_width = miss, layers, width
    return shape(best_layers, best_width, kind, context)


guard.module(globals())
