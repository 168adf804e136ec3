"""Where the bytes go: what a model needs in memory to be served and to be trained, part by part.

Weights, scales, caches, gradients and optimizer states are exact for the format named. Activations are
counted as a plain PyTorch program keeps them, value by value (the tests compare with the tensors that torch
saved). What is an estimate says so in its docstring. Everything is in bytes; `formulas.gb` and `formulas.gib`
turn them into units. Plain code, like `accounting`: pages translate it to JavaScript.

Sources: Rajbhandari et al. 2020 (ZeRO, 1910.02054), Korthikanti et al. 2022 (activations, 2205.05198),
Dettmers et al. 2022 (8-bit Adam, 2110.02861).
"""

import math

from course_lib import accounting, guard
from course_lib.modelconfig import ModelConfig

# Bits in which one number is stored. int3 and int2 are for experiments; tf32 is stored as fp32.
BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "int4": 4, "int3": 3, "int2": 2}
SCALE_BITS = 16  # one fp16 scale for each group of integers
VECTOR_BYTES = 2  # norms and biases stay in 16 bits when the matrices shrink
GIB = 2.0**30

# Bytes per number of the working copy of weights, of gradients, of the fp32 master copy, of activations, and
# of an optimizer state. "bf16" is the careless way: everything in 16 bits, no master copy.
PRECISIONS = {
    "fp32": {"weights": 4, "gradients": 4, "master": 0, "values": 4, "state": 4},
    "mixed": {"weights": 2, "gradients": 2, "master": 4, "values": 2, "state": 4},
    "bf16": {"weights": 2, "gradients": 2, "master": 0, "values": 2, "state": 2},
}
STATES = {"sgd": 0, "momentum": 1, "adam": 2, "adam8bit": 2}  # numbers an optimizer keeps for each parameter
ADAM8BIT_BYTES = 1 + 4.0 / 2048  # one byte, and an fp32 maximum for each block of 2,048
PREFILL_TOKENS = 2048  # a prompt is read in pieces of so many tokens
GATHERED_UNITS = 2  # ZeRO-3: the layer at work and the next one, fetched ahead
USABLE = 0.9  # share of a card that a program may fill; the rest is the driver's and lost between blocks
MOST_DEVICES = 65536


def bits_of(number_format: str) -> int:
    """Bits that one number takes in a storage format."""
    if number_format == "tf32":
        raise ValueError(
            "tf32 is how matrix units round fp32 on the way in; it is stored as fp32: choose fp32"
        )
    if number_format not in BITS:
        raise ValueError(f"number format must be one of {', '.join(BITS.keys())}; got {number_format}")
    return BITS[number_format]


def is_integer(number_format: str) -> bool:
    """Whether a format holds whole numbers, which need a scale."""
    return number_format[0:3] == "int"


def weights(cfg: ModelConfig, number_format: str, group: int = 0) -> dict[str, float]:
    """Bytes of the weights: matrices, scales, vectors (norms and biases), total.

    Integer formats take one fp16 scale for each `group` weights of a row (0: one for a whole row); vectors
    stay in 16 bits. Tables and head count as matrices.
    """
    if not group >= 0:
        raise ValueError(f"group must be a number of weights that share a scale, or 0 for a row; got {group}")
    bits = bits_of(number_format)
    whole = is_integer(number_format)
    matrices = 0.0
    scales = 0.0
    vectors = 0.0
    for part in matrix_parts(cfg):
        matrices += part["count"] * bits / 8
        if whole and part["count"] > 0:
            per_row = math.ceil(part["row"] / group) if group > 0 else 1
            scales += part["count"] / part["row"] * per_row * SCALE_BITS / 8
    vectors = vector_count(cfg) * (VECTOR_BYTES if bits < 16 else bits / 8)
    return {"matrices": matrices, "scales": scales, "vectors": vectors, "total": matrices + scales + vectors}


def vector_count(cfg: ModelConfig) -> float:
    """Parameters that are not in matrices: norms and biases."""
    return accounting.params(cfg)["total"] - sum([part["count"] for part in matrix_parts(cfg)])


def matrix_parts(cfg: ModelConfig) -> list[dict[str, float]]:
    """Parameters in matrices: counts, each with the length of a row (the numbers that enter the product)."""
    counts = accounting.params(cfg)
    d = cfg.d_model
    latent = cfg.kv_lora_rank > 0
    inner = {"attention/o": cfg.n_heads * (cfg.v_head_dim if latent else cfg.d_head), "ffn/down": cfg.d_ff}
    if cfg.n_experts > 0:
        inner["expert/down"] = cfg.d_expert
        inner["shared_expert/down"] = cfg.d_shared
    if latent:
        inner["attention/k"] = cfg.kv_lora_rank
        inner["attention/v"] = cfg.kv_lora_rank
    parts: list[dict[str, float]] = []
    for key in counts:
        if key == "total" or "norm" in key or "bias" in key:
            continue
        count = counts[key]
        if key == "head" and cfg.head_bias:
            count = count - cfg.vocab
        if key == "router" and cfg.router_bias:
            count = count - accounting.moe_layers(cfg) * cfg.n_experts
        if key == "attention/q" and latent and cfg.q_lora_rank > 0:
            first = cfg.n_layers * d * cfg.q_lora_rank
            parts.append({"count": first, "row": d})
            parts.append({"count": count - first, "row": cfg.q_lora_rank})
        else:
            parts.append({"count": count, "row": inner.get(key, d)})
    return parts


def kv_cache(cfg: ModelConfig, context: float, batch: float, number_format: str) -> dict[str, float]:
    """Bytes of the key-value cache of `batch` sequences: values, scales (one for each cached head), total."""
    bits = bits_of(number_format)
    values = accounting.kv_cache_bytes(cfg, context, bits / 8, batch)
    width = cfg.kv_lora_rank + cfg.qk_rope_dim if cfg.kv_lora_rank > 0 else cfg.d_head
    scales = values * 8 / bits / width * SCALE_BITS / 8 if is_integer(number_format) else 0.0
    return {"values": values, "scales": scales, "total": values + scales}


def working(cfg: ModelConfig, tokens: float, batch: float) -> float:
    """Bytes in flight in a forward pass of `tokens` tokens, 16 bits, nothing kept. An estimate.

    The stream and its normed copy, the widest of attention and feed-forward, and fp32 scores over the
    vocabulary for the last token of each sequence.
    """
    attention = (2 * cfg.n_heads + 2 * cfg.n_kv_heads) * cfg.d_head
    feed_forward = (3 if cfg.ffn == "gated" else 1) * hidden_width(cfg)
    return tokens * (2 * cfg.d_model + max(attention, feed_forward)) * 2 + batch * cfg.vocab * 4


def serving(
    cfg: ModelConfig,
    number_format: str = "bf16",
    context: float = 8192,
    batch: float = 1,
    kv_format: str = "bf16",
    group: int = 0,
) -> dict[str, float]:
    """Bytes to serve `batch` sequences of `context` tokens, over all devices together; `total` last.

    Keys: weights/matrices, weights/scales, weights/vectors, kv/values, kv/scales, working. A prompt is read
    in pieces of 2,048 tokens.
    """
    _at_least_one(context, batch)
    kept = weights(cfg, number_format, group)
    cache = kv_cache(cfg, context, batch, kv_format)
    out = {
        "weights/matrices": kept["matrices"], "weights/scales": kept["scales"],
        "weights/vectors": kept["vectors"],
        "kv/values": cache["values"], "kv/scales": cache["scales"],
        "working": working(cfg, max(batch, min(context * batch, PREFILL_TOKENS)), batch),
    }  # fmt: skip
    out["total"] = sum(out.values())
    return out


def hidden_width(cfg: ModelConfig) -> float:
    """Hidden units that one token meets in the feed-forward part of the widest layer."""
    if cfg.n_experts == 0:
        return cfg.d_ff
    dense = cfg.d_ff if cfg.n_dense_layers > 0 else 0
    return max(dense, cfg.top_k * cfg.d_expert + cfg.n_shared_experts * cfg.d_shared)


def block_values(cfg: ModelConfig) -> float:
    """Numbers one block keeps for each token until the way back, scores left out (a fused kernel keeps none).

    16 d for GPT: two norms' inputs and outputs, q, k, v, the attended values, and the hidden units before and
    after the bend. A gated layer keeps gate, up, the bent gate and their product.
    """
    d = cfg.d_model
    inputs = d if cfg.norms_per_block == 1 else 2 * d
    wide = cfg.n_heads * cfg.d_head
    attention = wide + 2 * cfg.n_kv_heads * cfg.d_head + wide
    if cfg.kv_lora_rank > 0:
        attention = (
            2 * wide + cfg.n_heads * 2 * cfg.v_head_dim + cfg.kv_lora_rank + cfg.qk_rope_dim + cfg.q_lora_rank
        )
    return cfg.norms_per_block * d + inputs + attention + (4 if cfg.ffn == "gated" else 2) * hidden_width(cfg)


def activations(
    cfg: ModelConfig,
    context: float,
    batch: float,
    value_bytes: float,
    scores: bool = False,
    recompute: bool = False,
) -> dict[str, float]:
    """Bytes kept for the backward pass, by part, `total` last: blocks, statistics, scores, head, tokens.

    `scores`: attention written out keeps its T x T weights; a fused kernel does not. `recompute`: only each
    block's input is kept, and one block at a time is computed again. Statistics (of norms and softmax) and
    the log-probabilities of the head are fp32. No dropout.
    """
    _at_least_one(context, batch)
    tokens = context * batch
    statistics = 4 * (
        cfg.norms_per_block * (2 if cfg.norm == "layernorm" else 1) + (0 if scores else cfg.n_heads)
    )
    looked = cfg.n_heads * context * value_bytes if scores else 0
    layers = 1 if recompute else cfg.n_layers
    inputs = cfg.n_layers * cfg.d_model * value_bytes if recompute else 0
    last = 4 * (2 if cfg.norm == "layernorm" else 1) if cfg.final_norm else 0
    out = {
        "blocks": tokens * (layers * block_values(cfg) * value_bytes + inputs),
        "statistics": tokens * (layers * statistics + last),
        "scores": tokens * layers * looked,
        "head": tokens * ((2 if cfg.final_norm else 1) * cfg.d_model * value_bytes + 4 * cfg.vocab),
        "tokens": tokens * 16,
    }  # fmt: skip
    out["total"] = sum(out.values())
    return out


def training(
    cfg: ModelConfig,
    context: float = 2048,
    batch: float = 1,
    optimizer: str = "adam",
    precision: str = "mixed",
    recompute: bool = False,
    scores: bool = False,
    stage: int = 0,
    devices: int = 1,
) -> dict[str, float]:
    """Bytes on each of `devices` devices that train on `batch` sequences each; `total` last.

    Keys: weights, gradients, master, optimizer, gathered, activations/.... ZeRO stage 1 shares out master
    copy and optimizer, 2 also the gradients, 3 also the weights (and gathers whole layers when needed).
    """
    if not devices >= 1:
        raise ValueError(f"devices must be at least 1, got {devices}")
    state = training_state(cfg, optimizer, precision, stage, devices)
    kept = activations(cfg, context, batch, PRECISIONS[precision]["values"], scores, recompute)
    for key in kept:
        if key != "total":
            state["activations/" + key] = kept[key]
    state["total"] = sum(state.values())
    return state


def training_state(
    cfg: ModelConfig, optimizer: str, precision: str, stage: int, devices: int
) -> dict[str, float]:
    """Bytes on each device whatever the batch: weights, gradients, master copy, optimizer, gathered."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS.keys())}; got {precision}")
    if optimizer not in STATES:
        raise ValueError(f"optimizer must be one of {', '.join(STATES.keys())}; got {optimizer}")
    if not (stage == 0 or stage == 1 or stage == 2 or stage == 3):
        raise ValueError(f"ZeRO has stages 0, 1, 2 and 3; got {stage}")
    n = accounting.params(cfg)["total"]
    sizes = PRECISIONS[precision]
    each = ADAM8BIT_BYTES if optimizer == "adam8bit" else sizes["state"]
    gathered = stage == 3 and devices > 1
    return {
        "weights": n * sizes["weights"] / (devices if stage >= 3 else 1),
        "gradients": n * sizes["gradients"] / (devices if stage >= 2 else 1),
        "master": n * sizes["master"] / (devices if stage >= 1 else 1),
        "optimizer": n * STATES[optimizer] * each / (devices if stage >= 1 else 1),
        "gathered": GATHERED_UNITS * largest_unit(cfg) * sizes["weights"] if gathered else 0.0,
    }


def largest_unit(cfg: ModelConfig) -> float:
    """Parameters of the largest piece that is gathered at once: a block, or a token table."""
    sums = accounting.groups(accounting.params(cfg))
    sparse = accounting.moe_layers(cfg)
    block = sums["attention"] / cfg.n_layers
    if sparse > 0:
        block += (sums["expert"] + sums["shared_expert"] + sums["router"]) / sparse
    else:
        block += sums["ffn"] / cfg.n_layers
    return max(block, cfg.vocab * cfg.d_model)


def usable_bytes(capacity_gib: float, usable: float = USABLE) -> float:
    """Bytes of a card that a program may fill."""
    if not (capacity_gib > 0 and usable > 0 and usable <= 1):
        raise ValueError(
            f"capacity must be above 0 GiB and usable between 0 and 1; got {capacity_gib}, {usable}"
        )
    return capacity_gib * GIB * usable


def devices_to_serve(total: float, capacity_gib: float, usable: float = USABLE) -> int:
    """Fewest cards over which `total` bytes can be spread evenly, by layers or by heads."""
    return max(1, math.ceil(total / usable_bytes(capacity_gib, usable)))


def devices_to_train(
    cfg: ModelConfig,
    capacity_gib: float,
    context: float,
    batch: float,
    optimizer: str,
    precision: str,
    recompute: bool,
    scores: bool,
    stage: int,
    usable: float = USABLE,
) -> int:
    """Fewest cards on which training fits, `batch` sequences on each; 0 if no number of cards helps."""
    room = usable_bytes(capacity_gib, usable)
    if training(cfg, context, batch, optimizer, precision, recompute, scores, stage, 1)["total"] <= room:
        return 1
    # What shrinks with n is S/n, the rest is fixed: measure both ends and solve.
    at_two = training(cfg, context, batch, optimizer, precision, recompute, scores, stage, 2)["total"]
    at_most = training(cfg, context, batch, optimizer, precision, recompute, scores, stage, MOST_DEVICES)[
        "total"
    ]
    if at_most > room:
        return 0
    shared = (at_two - at_most) / (0.5 - 1.0 / MOST_DEVICES)
    n = max(2, math.ceil(shared / (room - (at_two - shared / 2))))
    while training(cfg, context, batch, optimizer, precision, recompute, scores, stage, n)["total"] > room:
        n += 1
    return n


def _at_least_one(context: float, batch: float) -> None:
    """A batch holds at least one sequence of at least one token."""
    if not (context >= 1 and batch >= 1):
        raise ValueError(f"context and batch must be at least 1; got {context} and {batch}")


guard.module(globals())
