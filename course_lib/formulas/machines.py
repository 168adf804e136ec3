"""Machines that work together: pipelines, messages, the roofline, serving, experts on many devices."""

import math

from course_lib import guard
from course_lib.formulas.checks import not_negative, positive
from course_lib.formulas.work import SECONDS_PER_HOUR

# --- Many machines ------------------------------------------------------------------------------------------


def bubble_share(stages: float, microbatches: float) -> float:
    """Share of a step that pipeline stages stand idle: (p - 1)/(m + p - 1). Huang et al. 2019, 1811.06965."""
    idle = positive("stages", stages) - 1
    return idle / (positive("microbatches", microbatches) + idle)


def gather_bytes(size: float, devices: float) -> float:
    """Bytes each of n devices sends in a ring all-gather or reduce-scatter of `size`: (n - 1)/n size."""
    return (positive("devices", devices) - 1) / devices * not_negative("size", size)


def all_reduce_bytes(size: float, devices: float) -> float:
    """Bytes each of n devices sends in a ring all-reduce of `size` bytes: 2 (n - 1)/n size."""
    return 2 * gather_bytes(size, devices)


def matmul_intensity(m: float, n: float, k: float, bytes_per_value: float) -> float:
    """FLOPs per byte moved by an (m x k)(k x n) product that reads both inputs and writes the output once."""
    moved = bytes_per_value * (m * k + k * n + m * n)
    return 2 * m * n * k / positive("bytes moved", moved)


def roofline(intensity: float, peak: float, bandwidth: float) -> float:
    """Attainable FLOP/s: min(peak, intensity (FLOPs/byte) x bandwidth (bytes/s)). Williams et al. 2009."""
    return min(positive("peak", peak), positive("intensity", intensity) * positive("bandwidth", bandwidth))


def expert_capacity(tokens: float, experts: float, factor: float) -> float:
    """Tokens one expert accepts: tokens/experts x factor, rounded up (Fedus et al. 2021, 2101.03961)."""
    return math.ceil(positive("tokens", tokens) / positive("experts", experts) * positive("factor", factor))


def tensor_parallel_bytes(
    tokens: float, d_model: float, n_layers: float, devices: float, width: float
) -> float:
    """Bytes each of n devices sends for one micro-batch: 4 all-reduces of tokens x d_model values a layer.

    Two forward, two backward (Shoeybi et al. 2019, arXiv 1909.08053). `width`: bytes of a value.
    """
    piece = positive("tokens", tokens) * positive("d_model", d_model) * positive("width", width)
    return 4 * positive("n_layers", n_layers) * all_reduce_bytes(piece, devices)


def hours_between_failures(devices: float, device_hours: float) -> float:
    """Mean hours until one of n devices fails, if each alone lasts `device_hours` on average: hours/n."""
    return positive("device_hours", device_hours) / positive("devices", devices)


# --- Serving on real machines -------------------------------------------------------------------------------


def experts_touched(experts: float, chosen: float, tokens: float) -> float:
    """Mean number of experts (E) that `tokens` tokens visit, each `chosen` (k): E (1 - (1 - k/E)^tokens)."""
    return experts * touched_share(experts, chosen, tokens)


def joules_per_token(watts: float, tokens_per_second: float, pue: float) -> float:
    """Joules for each token: board watts x PUE / tokens per second. 3.6e6 J are one kWh."""
    if not (pue >= 1):
        raise ValueError(f"PUE is total site power over computer power, at least 1; got {pue}")
    return positive("watts", watts) * pue / positive("tokens_per_second", tokens_per_second)


def usd_per_million(usd_per_hour: float, tokens_per_second: float) -> float:
    """Dollars for a million tokens: rent an hour over tokens an hour, times 1e6. Date the rent."""
    hourly = positive("tokens_per_second", tokens_per_second) * SECONDS_PER_HOUR
    return not_negative("usd_per_hour", usd_per_hour) / hourly * 1e6


# --- Mixtures of experts ------------------------------------------------------------------------------------


def touched_share(experts: float, top_k: float, tokens: float) -> float:
    """Expected share of E experts that a batch of m tokens uses when routing is even: 1 - (1 - k/E)^m.

    Each token chooses k different experts, independently of the others. Skewed routing touches fewer.
    """
    if not (top_k > 0 and top_k <= positive("experts", experts)):
        raise ValueError(f"top_k must lie above 0 and up to the {experts} experts, got {top_k}")
    return 1 - (1 - top_k / experts) ** positive("tokens", tokens)


def balance_loss(loads: list[float], scores: list[float]) -> float:
    """E sum f_i P_i: share of the choices times mean router score of each of E experts; 1 when even.

    Both lists sum to 1. Fedus et al. 2021, arXiv 2101.03961, eq. 4, without its weight.
    """
    if len(loads) != len(scores) or len(loads) == 0:
        raise ValueError(f"one load and one score for each expert, got {len(loads)} and {len(scores)}")
    return len(loads) * sum([loads[i] * scores[i] for i in range(len(loads))])


guard.module(globals())
