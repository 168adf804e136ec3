"""Work and what it costs: FLOPs, time on machines, energy and money."""

from course_lib import guard
from course_lib.formulas.checks import fraction, not_negative, positive

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0
HOURS_PER_YEAR = 8766.0  # 365.25 days
PETAFLOP_DAY = 8.64e19  # 1e15 FLOP/s for one day


# --- FLOPs --------------------------------------------------------------------------------------------------


def forward_flops_per_token(params: float) -> float:
    """2 N: one multiply and one add per weight. FLOPs per token; attention over the context left out."""
    return 2 * positive("params", params)


def training_flops_per_token(params: float) -> float:
    """6 N: forward 2 N, backward 4 N (gradients of inputs and of weights). FLOPs per token."""
    return 6 * positive("params", params)


def training_flops(params: float, tokens: float) -> float:
    """C = 6 N D, training FLOPs (Kaplan et al. 2020, section 2.1). In a mixture of experts N is active."""
    return training_flops_per_token(params) * positive("tokens", tokens)


def recompute_flops(params: float, tokens: float) -> float:
    """8 N D: 6 N D and a second forward pass to recompute activations (Narayanan et al. 2021, 2104.04473)."""
    return 8 * positive("params", params) * positive("tokens", tokens)


def causal_keys(context: float) -> float:
    """Mean number of keys a token sees under a causal mask, itself included: (1 + ... + T)/T = (T + 1)/2."""
    return (positive("context", context) + 1) / 2


def attention_flops_per_token(n_layers: int, d_attention: float, keys: float) -> float:
    """Forward FLOPs per token of scores and weighted values: 4 n_L d_attention keys (2 for each product).

    `d_attention` is n_heads d_head (d_model in GPT); `keys` is T for full attention, causal_keys(T) if masked
    positions are skipped. Training costs three times this: 12 n_L d T unmasked (Chowdhery 2022, appendix B).
    """
    return 4 * positive("n_layers", n_layers) * positive("d_attention", d_attention) * positive("keys", keys)


def attention_share(params: float, n_layers: int, d_attention: float, keys: float) -> float:
    """Share of all forward FLOPs spent on scores and values rather than on weights: a/(2N + a)."""
    extra = attention_flops_per_token(n_layers, d_attention, keys)
    return extra / (forward_flops_per_token(params) + extra)


def petaflop_days(flops: float) -> float:
    """Training FLOPs in petaflop/s-days: C / (1e15 x 86,400 s). A unit of work, not of time."""
    return not_negative("flops", flops) / PETAFLOP_DAY


# --- Time, energy, money ------------------------------------------------------------------------------------


def mfu(flops: float, seconds: float, devices: float, peak: float) -> float:
    """Model FLOP/s utilization: FLOPs / (seconds x devices x peak FLOP/s). Chowdhery et al. 2022, 2204.02311.

    `flops` are those the model needs (6 N D, with or without attention: say which), never recomputation.
    """
    return not_negative("flops", flops) / (positive("seconds", seconds) * achievable(devices, peak, 1.0))


def achievable(devices: float, peak: float, utilization: float) -> float:
    """Sustained FLOP/s of a cluster: devices x dense peak of the number format in use x utilization."""
    return positive("devices", devices) * positive("peak", peak) * fraction("utilization", utilization)


def training_seconds(flops: float, devices: float, peak: float, utilization: float) -> float:
    """Seconds to do `flops` on `devices` devices of `peak` FLOP/s each, at a utilization between 0 and 1."""
    return not_negative("flops", flops) / achievable(devices, peak, utilization)


def device_hours(flops: float, peak: float, utilization: float) -> float:
    """Device-hours for `flops`: the same for one device or a thousand, as long as the utilization holds."""
    return training_seconds(flops, 1, peak, utilization) / SECONDS_PER_HOUR


def device_years(flops: float, rate: float) -> float:
    """Years one device would need at a sustained `rate` in FLOP/s."""
    return not_negative("flops", flops) / positive("rate", rate) / SECONDS_PER_HOUR / HOURS_PER_YEAR


def energy_kwh(hours: float, watts: float, pue: float) -> float:
    """Electricity in kWh: device-hours x watts per device / 1000 x PUE (site overhead, at least 1)."""
    if not (pue >= 1):
        raise ValueError(f"PUE is total site power over computer power, at least 1; got {pue}")
    return not_negative("hours", hours) * positive("watts", watts) / 1000.0 * pue


def cost_usd(hours: float, usd_per_hour: float) -> float:
    """Rent in dollars: device-hours x price. Prices change monthly; state the date with the figure."""
    return not_negative("hours", hours) * not_negative("usd_per_hour", usd_per_hour)


guard.module(globals())
