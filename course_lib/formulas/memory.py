"""Bytes: weights, optimizer, key-value cache, activations, and what attention moves."""

import math

from course_lib import guard
from course_lib.formulas.checks import positive

# --- Memory -------------------------------------------------------------------------------------------------


def gb(count: float) -> float:
    """Bytes in decimal gigabytes, 1e9."""
    return count / 1e9


def gib(count: float) -> float:
    """Bytes in binary gibibytes, 2^30."""
    return count / 1073741824.0


def weight_bytes(params: float, bits_per_weight: float) -> float:
    """Bytes of the weights alone: N bits / 8."""
    return positive("params", params) * positive("bits_per_weight", bits_per_weight) / 8


def adam_bytes(params: float) -> float:
    """16 bytes per parameter: 2 weight + 2 gradient + 4 master + 4 + 4 Adam moments (Rajbhandari 2020)."""
    return 16 * positive("params", params)


def kv_bytes_per_token(n_layers: int, n_kv_heads: int, d_head: float, bytes_per_value: float) -> float:
    """Key-value cache for one token: 2 n_L n_kv d_k bytes (a key and a value per layer and KV head)."""
    values = positive("n_layers", n_layers) * positive("n_kv_heads", n_kv_heads) * positive("d_head", d_head)
    return 2 * values * positive("bytes_per_value", bytes_per_value)


def attention_traffic(context: float, d_head: float, bytes_per_value: float) -> float:
    """Bytes one head moves, plain kernels forward: scores, weights written and read, 4 T^2 + 4 T d_k values.

    Read q, k, write scores; read them, write weights; read those and v, write the output (Dao 2022, alg. 0).
    """
    t = positive("context", context)
    return (4 * t * t + 4 * t * positive("d_head", d_head)) * positive("bytes_per_value", bytes_per_value)


def tiled_traffic(context: float, d_head: float, rows: float, bytes_per_value: float) -> float:
    """Bytes one head moves when tiled, forward, no mask: q and output once, k and v once per block of `rows`.

    2 T d_k + 2 T d_k ceil(T/rows) values, queries in the outer loop (Dao 2023, arXiv 2307.08691).
    """
    passes = math.ceil(positive("context", context) / positive("rows", rows))
    values = 2 * context * positive("d_head", d_head) * (1 + passes)
    return values * positive("bytes_per_value", bytes_per_value)


def tile_rows(fast_bytes: float, d_head: float, bytes_per_value: float) -> float:
    """Rows of a tile when blocks of q, k, v and output share `fast_bytes`: M/(4 d_k bytes). Dao 2022."""
    row = 4 * positive("d_head", d_head) * positive("bytes_per_value", bytes_per_value)
    return math.floor(positive("fast_bytes", fast_bytes) / row)


def zero_bytes_per_param(stage: int, devices: float) -> float:
    """Bytes per parameter on each of n devices, mixed-precision Adam, ZeRO stage 0-3 (Rajbhandari 2020)."""
    n = positive("devices", devices)
    if stage == 0:
        return 16.0
    if stage == 1:
        return 4.0 + 12.0 / n
    if stage == 2:
        return 2.0 + 14.0 / n
    if stage == 3:
        return 16.0 / n
    raise ValueError(f"ZeRO has stages 0, 1, 2 and 3; got {stage}")


def activation_bytes(context: float, batch: float, d_model: float, n_heads: int, n_layers: int) -> float:
    """Half-precision activations kept for backward: n_L T B d (34 + 5 n_h T/d) bytes (Korthikanti 2022)."""
    token_bytes = d_model * (34 + 5 * n_heads * context / positive("d_model", d_model))
    tokens = positive("context", context) * positive("batch", batch)
    return positive("n_layers", n_layers) * tokens * token_bytes


guard.module(globals())
