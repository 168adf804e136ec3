"""Where parameters, FLOPs and cache bytes go, part by part, for any decoder-only transformer.

Counts are exact: the tests compare them with torch modules and with published totals. The functions are plain
arithmetic on the attributes of a `ModelConfig`, which has checked them, so that pages can translate them to
JavaScript and run them on `dataclasses.asdict(config)`.
"""

import math
from collections.abc import Mapping

from course_lib import guard
from course_lib.modelconfig import ModelConfig

__all__ = [
    "ModelConfig", "active_params", "flops", "groups", "kv_bytes_per_token", "kv_cache_bytes", "mean_keys",
    "moe_layers", "params", "training_flops",
]  # fmt: skip


def moe_layers(cfg: ModelConfig) -> int:
    """Number of layers whose feed-forward is a mixture of experts."""
    if cfg.n_experts == 0:
        return 0
    return math.floor((cfg.n_layers - cfg.n_dense_layers) / cfg.moe_every)


def params(cfg: ModelConfig) -> dict[str, int]:
    """Parameters by part, every key always there, `total` last. A tied head adds none of its own."""
    counts = _count(cfg, cfg.n_experts)
    counts["total"] = sum(counts.values())
    return counts


def active_params(cfg: ModelConfig) -> dict[str, int]:
    """Parameters one token uses, by part: `params` with top_k of the routed experts. Embeddings in full."""
    counts = _count(cfg, cfg.top_k)
    counts["total"] = sum(counts.values())
    return counts


def groups(parts: Mapping[str, float]) -> dict[str, float]:
    """Sum a breakdown by the word before the slash (embedding, attention, ffn, ...), without the total."""
    sums: dict[str, float] = {}
    for key in parts:
        if key != "total":
            name = key.split("/")[0]
            sums[name] = sums.get(name, 0) + parts[key]
    return sums


def flops(cfg: ModelConfig, context: float, causal: bool = True) -> dict[str, float]:
    """Forward FLOPs per token by part, averaged over a sequence of `context` tokens. `total` last.

    Two per weight of every matrix a token passes, the head included even when tied; a lookup costs nothing;
    norms, biases, softmax and activations are left out (elementwise, small beside the products). Scores and
    values cost 2 n_heads d_head for each key seen: the mean over positions, (T + 1)/2, when `causal`; all T
    when not, as in kernels that skip nothing. Layers with a window see no more keys than that.
    """
    if not context >= 1:
        raise ValueError(f"context must be at least 1 token, got {context}")
    weights = _count(cfg, cfg.top_k)
    cost: dict[str, float] = {}
    for key in weights:
        if "norm" not in key and "bias" not in key and key != "embedding/position":
            cost[key] = 2 * weights[key]
    cost["embedding/token"] = 0
    cost["router"] = cost["router"] - 2 * _router_bias(cfg)
    cost["head"] = 2 * cfg.vocab * cfg.d_model
    full = cfg.n_layers - cfg.window_layers
    keys = full * mean_keys(context, 0, causal) + cfg.window_layers * mean_keys(context, cfg.window, causal)
    value_width = cfg.v_head_dim if cfg.kv_lora_rank > 0 else cfg.d_head
    # Transformer-XL scores a second product, of queries with relative positions.
    products = 2 if cfg.positions == "relative" else 1
    cost["attention/scores"] = 2 * cfg.n_heads * cfg.d_head * keys * products
    cost["attention/values"] = 2 * cfg.n_heads * value_width * keys
    cost["total"] = sum(cost.values())
    return cost


def training_flops(cfg: ModelConfig, context: float, causal: bool = True) -> dict[str, float]:
    """Training FLOPs per token by part: three times `flops` (the backward pass costs two forwards)."""
    cost = flops(cfg, context, causal)
    for key in cost:
        cost[key] = 3 * cost[key]
    return cost


def mean_keys(context: float, window: int, causal: bool) -> float:
    """Keys a token attends to, mean over the positions of a sequence; `window` 0 means no window."""
    seen = min(context, window) if window > 0 else context
    if not causal:
        return seen
    # The first `seen` tokens see 1, 2, ..., seen; the rest see a full window.
    return (seen * (seen + 1) / 2 + (context - seen) * seen) / context


def kv_bytes_per_token(cfg: ModelConfig, bytes_per_value: float) -> float:
    """Cache bytes for one token over all layers; latent attention keeps the latent and one rotary key."""
    if not bytes_per_value > 0:
        raise ValueError(f"bytes_per_value must be above 0, for instance 2 for bf16; got {bytes_per_value}")
    return cfg.n_layers * _kv_values(cfg) * bytes_per_value


def kv_cache_bytes(cfg: ModelConfig, context: float, bytes_per_value: float, batch: float = 1) -> float:
    """Cache bytes of `batch` sequences of `context` tokens; windowed layers keep only their window."""
    if not (context >= 0 and batch >= 0 and bytes_per_value > 0):
        raise ValueError(
            "context and batch must not be negative and bytes_per_value must be above 0; "
            f"got {context}, {batch}, {bytes_per_value}"
        )
    full = cfg.n_layers - cfg.window_layers
    tokens = full * context + cfg.window_layers * min(context, cfg.window)
    return tokens * _kv_values(cfg) * bytes_per_value * batch


def _kv_values(cfg: ModelConfig) -> int:
    """Numbers cached for one token in one layer."""
    if cfg.kv_lora_rank > 0:
        return cfg.kv_lora_rank + cfg.qk_rope_dim
    return 2 * cfg.n_kv_heads * cfg.d_head


def _count(cfg: ModelConfig, experts: int) -> dict[str, int]:
    """All parts, with `experts` routed experts in each mixture layer."""
    counts = {
        "embedding/token": cfg.vocab * cfg.d_model,
        "embedding/position": cfg.n_ctx * cfg.d_model if cfg.positions == "learned" else 0,
    }
    attention = _latent_attention(cfg) if cfg.kv_lora_rank > 0 else _attention(cfg)
    for key in attention:
        counts["attention/" + key] = cfg.n_layers * attention[key]
    sparse = moe_layers(cfg)
    _add_ffn(counts, "ffn", cfg, cfg.d_ff, cfg.n_layers - sparse)
    _add_ffn(counts, "expert", cfg, cfg.d_expert, sparse * experts)
    _add_ffn(counts, "shared_expert", cfg, cfg.d_shared, sparse * cfg.n_shared_experts)
    gate = sparse * cfg.d_model if cfg.shared_gate else 0
    counts["router"] = sparse * cfg.n_experts * cfg.d_model + gate + _router_bias(cfg)
    norms = (
        cfg.n_layers * cfg.norms_per_block + (1 if cfg.final_norm else 0) + (1 if cfg.embedding_norm else 0)
    )
    counts["norm"] = norms * _norm(cfg, cfg.d_model)
    own_head = 0 if cfg.tied_head else cfg.vocab * cfg.d_model
    counts["head"] = own_head + (cfg.vocab if cfg.head_bias else 0)
    return counts


def _attention(cfg: ModelConfig) -> dict[str, int]:
    """One layer of ordinary, grouped or multi-query attention."""
    wide = cfg.n_heads * cfg.d_head
    narrow = cfg.n_kv_heads * cfg.d_head
    norm = 0
    if cfg.qk_norm == "head":
        norm = 2 * _norm(cfg, cfg.d_head)
    if cfg.qk_norm == "full":
        norm = _norm(cfg, wide) + _norm(cfg, narrow)
    relative = cfg.positions == "relative"
    return {
        "q": cfg.d_model * wide,
        "k": cfg.d_model * narrow,
        "v": cfg.d_model * narrow,
        "o": wide * cfg.d_model,
        "kv_latent": 0,
        "relative": cfg.d_model * wide if relative else 0,
        # Transformer-XL adds two learned vectors to the queries.
        "bias": (wide + 2 * narrow if cfg.qkv_bias else 0)
        + (cfg.d_model if cfg.out_bias else 0)
        + (2 * wide if relative else 0),
        "norm": norm,
    }


def _latent_attention(cfg: ModelConfig) -> dict[str, int]:
    """One layer of latent attention: q by way of its latent, k and v out of the cached one."""
    wide = cfg.n_heads * cfg.d_head
    rank = cfg.q_lora_rank
    query = cfg.d_model * rank + rank * wide if rank > 0 else cfg.d_model * wide
    return {
        "q": query,
        "k": cfg.kv_lora_rank * cfg.n_heads * cfg.qk_nope_dim,
        "v": cfg.kv_lora_rank * cfg.n_heads * cfg.v_head_dim,
        "o": cfg.n_heads * cfg.v_head_dim * cfg.d_model,
        "kv_latent": cfg.d_model * (cfg.kv_lora_rank + cfg.qk_rope_dim),
        "relative": 0,
        "bias": cfg.d_model if cfg.out_bias else 0,
        "norm": _norm(cfg, cfg.kv_lora_rank) + (_norm(cfg, rank) if rank > 0 else 0),
    }


def _add_ffn(counts: dict[str, int], name: str, cfg: ModelConfig, width: int, copies: int) -> None:
    """Add `copies` feed-forward blocks of hidden `width` under `name`."""
    matrix = copies * cfg.d_model * width
    gated = cfg.ffn == "gated"
    hidden = 2 * width if gated else width
    counts[name + "/up"] = matrix
    counts[name + "/gate"] = matrix if gated else 0
    counts[name + "/down"] = matrix
    counts[name + "/bias"] = copies * (hidden + cfg.d_model) if cfg.ffn_bias else 0


def _router_bias(cfg: ModelConfig) -> int:
    """One number per expert and mixture layer, where routers have a bias."""
    return moe_layers(cfg) * cfg.n_experts if cfg.router_bias else 0


def _norm(cfg: ModelConfig, width: int) -> int:
    """A norm over `width` numbers: a scale, and perhaps a bias."""
    if cfg.norm == "none":
        return 0
    return 2 * width if cfg.norm_bias else width


guard.module(globals())
