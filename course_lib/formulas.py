"""Every formula of the course, once: pure scalar functions, floats in, floats out.

Symbols are those of the papers: N parameters, D tokens, C training FLOPs, L loss in nats per token, T context
length. One multiply-add counts as two FLOPs. Each docstring gives the units and the paper.

The explorables translate this file to JavaScript so that a page can run it without Python. It therefore keeps
to plain code: `math`, `**`, dicts, positional arguments, no numpy. The tests run both and compare.
"""

import math

from course_lib import guard

LARGEST = 1.7e308  # beyond this a double is infinite

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0
HOURS_PER_YEAR = 8766.0  # 365.25 days
PETAFLOP_DAY = 8.64e19  # 1e15 FLOP/s for one day

# Kaplan et al. 2020, arXiv 2001.08361, eq. 1.1-1.3. N leaves the embeddings out; no floor in any of them.
KAPLAN_ALPHA_N = 0.076
KAPLAN_N_C = 8.8e13  # non-embedding parameters
KAPLAN_ALPHA_D = 0.095
KAPLAN_D_C = 5.4e13  # tokens
KAPLAN_ALPHA_C = 0.050
KAPLAN_C_C = 3.1e8  # petaflop/s-days, compute spent at the best batch size
KAPLAN_JOINT = {"alpha_n": 0.076, "n_c": 6.4e13, "alpha_d": 0.103, "d_c": 1.8e13}

# L = E + A/N^alpha + B/D^beta. Hoffmann et al. 2022 (arXiv 2203.15556) print two digits; the longer digits of
# their TeX source and the refit are in Besiroglu et al. 2024 (arXiv 2404.10102).
HOFFMANN_PRINTED = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
HOFFMANN_PRECISE = {"E": 1.693, "A": 406.4, "B": 410.7, "alpha": 0.33917, "beta": 0.28491}
BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}

MUENNIGHOFF_R_D = 15.387756  # arXiv 2305.16264: after so many repeats a token is worth 1/e of a fresh one
MUENNIGHOFF = {  # the same paper's law, from the README of its code, which gives log A, log B and log E
    "E": 1.8691437, "A": 520.82495, "B": 1487.7161, "alpha": 0.3526596, "beta": 0.3526596,
    "R_D": 15.387756, "R_N": 5.309743,
}  # fmt: skip


def positive(name: str, value: float) -> float:
    """`value`, if it is a finite number above zero."""
    if not (value > 0 and value < LARGEST):
        raise ValueError(f"{name} must be a positive finite number, got {value}")
    return value


def not_negative(name: str, value: float) -> float:
    """`value`, if it is a finite number, zero allowed."""
    if not (value >= 0 and value < LARGEST):
        raise ValueError(f"{name} must be zero or a positive finite number, got {value}")
    return value


def fraction(name: str, value: float) -> float:
    """`value`, if it lies above 0 and not above 1."""
    if not (value > 0 and value <= 1):
        raise ValueError(f"{name} must be a fraction above 0 and up to 1, got {value}")
    return value


def probability(name: str, value: float) -> float:
    """`value`, if it lies between 0 and 1, both allowed."""
    if not (value >= 0 and value <= 1):
        raise ValueError(f"{name} must be a probability between 0 and 1, got {value}")
    return value


# --- Power laws ---------------------------------------------------------------------------------------------


def power_law(x: float, scale: float, exponent: float, floor: float = 0.0) -> float:
    """floor + (scale/x)^exponent: a straight line on log-log axes when the floor is 0."""
    positive("x", x)
    positive("scale", scale)
    return floor + (scale / x) ** exponent


def ratio_per_factor(exponent: float, factor: float) -> float:
    """What (scale/x)^exponent is multiplied by when x grows `factor` times: factor^-exponent."""
    positive("factor", factor)
    return factor**-exponent


def ratio_per_decade(exponent: float) -> float:
    """What a power law without floor is multiplied by when x grows tenfold: 10^-exponent (0.839 at 0.076)."""
    return ratio_per_factor(exponent, 10.0)


def ratio_per_doubling(exponent: float) -> float:
    """What a power law without floor is multiplied by when x doubles: 2^-exponent (0.949 at 0.076)."""
    return ratio_per_factor(exponent, 2.0)


def factor_for_ratio(exponent: float, ratio: float) -> float:
    """How many times x must grow to multiply a floorless power law by `ratio`: ratio^(-1/exponent)."""
    positive("exponent", exponent)
    fraction("ratio", ratio)
    return ratio ** (-1.0 / exponent)


def local_slope(x: float, scale: float, exponent: float, floor: float) -> float:
    """Slope d log L / d log x of floor + (scale/x)^exponent at x: -exponent x share above floor."""
    loss = power_law(x, scale, exponent, floor)
    return -exponent * (loss - floor) / loss


def slope_between(x0: float, y0: float, x1: float, y1: float) -> float:
    """Slope of the line through two points on log-log axes (the exponent, with its sign)."""
    if positive("x0", x0) == positive("x1", x1):
        raise ValueError("x0 and x1 must differ to define a slope")
    return math.log(positive("y1", y1) / positive("y0", y0)) / math.log(x1 / x0)


def growth_per_year(start: float, end: float, years: float) -> float:
    """Factor by which a quantity grows each year, from its first and last value and the years between."""
    positive("years", years)
    return (positive("end", end) / positive("start", start)) ** (1.0 / years)


def doubling_months(yearly_factor: float) -> float:
    """Months for one doubling at a yearly growth factor above 1."""
    if not (yearly_factor > 1):
        raise ValueError(f"yearly factor must be above 1 to double, got {yearly_factor}")
    return 12.0 * math.log(2.0) / math.log(yearly_factor)


def perplexity(loss: float) -> float:
    """Perplexity e^L of a loss in nats per token: as surprising as that many equally likely tokens."""
    return math.exp(loss)


def bits(nats: float) -> float:
    """Nats to bits: divide by ln 2."""
    return nats / math.log(2.0)


# --- Parameters ---------------------------------------------------------------------------------------------


def embedding_params(vocab: float, d_model: float) -> float:
    """Parameters of a token table: vocab x d_model (also of an untied head without bias)."""
    return positive("vocab", vocab) * positive("d_model", d_model)


def attention_params(d_model: float, n_heads: int, n_kv_heads: int, d_head: float) -> float:
    """Attention weights of a layer, no biases: Q, O d_model x n_heads d_head; K, V d_model x n_kv d_head."""
    positive("d_model", d_model)
    return 2 * d_model * d_head * (positive("n_heads", n_heads) + positive("n_kv_heads", n_kv_heads))


def ffn_params(d_model: float, d_ff: float, matrices: int) -> float:
    """Weights of one feed-forward layer, no biases: 2 (up, down) or 3 (gated) matrices of d_model x d_ff."""
    if matrices != 2 and matrices != 3:
        raise ValueError(f"a feed-forward layer has 2 matrices, or 3 when gated; got {matrices}")
    return matrices * positive("d_model", d_model) * positive("d_ff", d_ff)


def gated_width(d_model: float) -> float:
    """Width 8/3 d at which three matrices weigh as much as two of width 4 d (Shazeer 2020, 2002.05202)."""
    return 8.0 * positive("d_model", d_model) / 3.0


def approx_params(n_layers: int, d_model: float) -> float:
    """12 L d^2: attention 4 d^2 and a 4x-wide feed-forward 8 d^2 per layer, weights only (Kaplan 2020)."""
    return 12 * positive("n_layers", n_layers) * positive("d_model", d_model) ** 2


def gpt2_params(n_layers: int, d_model: float, vocab: float, n_ctx: float) -> float:
    """Every parameter of a GPT-2-shaped model, tied head: 12 L d^2 + 13 L d + (vocab + n_ctx) d + 2 d. Exact.

    Per layer 13 d: biases 3 + 1 (attention), 4 + 1 (feed-forward), two LayerNorms of 2 d (Radford 2019).
    """
    layers = positive("n_layers", n_layers) * (12 * positive("d_model", d_model) ** 2 + 13 * d_model)
    return layers + (positive("vocab", vocab) + positive("n_ctx", n_ctx)) * d_model + 2 * d_model


def width_for_params(params: float, aspect: float) -> float:
    """Width d of a 12 L d^2 model with `params` weights and d/L = aspect: (params aspect / 12)^(1/3)."""
    return (positive("params", params) * positive("aspect", aspect) / 12.0) ** (1.0 / 3.0)


# --- Rotary positions (Su et al. 2021, arXiv 2104.09864) ----------------------------------------------------


def rope_angle(pair: float, d_head: float, base: float) -> float:
    """Radians that channel pair 0, 1, ... d_head/2 - 1 turns at each position: base^(-2 pair / d_head)."""
    if pair < 0 or pair >= positive("d_head", d_head) / 2:
        raise ValueError(f"pair must lie between 0 and d_head / 2 - 1, got {pair} for d_head {d_head}")
    return positive("base", base) ** (-2.0 * pair / d_head)


def rope_wavelength(pair: float, d_head: float, base: float) -> float:
    """Positions after which a pair has turned once around: 2 pi / angle."""
    return 2.0 * math.pi / rope_angle(pair, d_head, base)


def rope_score(distance: float, d_head: float, base: float) -> float:
    """Score of a query with an equal key `distance` positions away, over the score at distance 0.

    Every pair adds the cosine of its turn; all pairs equally long. Depends on the distance only.
    """
    pairs = math.floor(positive("d_head", d_head) / 2)
    return sum([math.cos(distance * rope_angle(i, d_head, base)) for i in range(pairs)]) / pairs


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
    """Forward FLOPs per token of scores and weighted values: 4 L d_attention keys (2 for each product).

    `d_attention` is n_heads d_head (d_model in GPT); `keys` is T for full attention, causal_keys(T) if masked
    positions are skipped. Training costs three times this: 12 L d T unmasked (Chowdhery 2022, appendix B).
    """
    return 4 * positive("n_layers", n_layers) * positive("d_attention", d_attention) * positive("keys", keys)


def attention_share(params: float, n_layers: int, d_attention: float, keys: float) -> float:
    """Share of all forward FLOPs spent on scores and values rather than on weights: a/(2N + a)."""
    extra = attention_flops_per_token(n_layers, d_attention, keys)
    return extra / (forward_flops_per_token(params) + extra)


def training_flops_with_attention(
    params: float, tokens: float, n_layers: int, d_attention: float, keys: float
) -> float:
    """6 N D plus the attention term 3 x 4 L d_attention keys for each of D tokens. Training FLOPs."""
    extra = 3 * attention_flops_per_token(n_layers, d_attention, keys)
    return training_flops(params, tokens) + extra * tokens


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
    """Key-value cache for one token: 2 L n_kv d_head bytes (a key and a value per layer and KV head)."""
    values = positive("n_layers", n_layers) * positive("n_kv_heads", n_kv_heads) * positive("d_head", d_head)
    return 2 * values * positive("bytes_per_value", bytes_per_value)


def attention_traffic(context: float, d_head: float, bytes_per_value: float) -> float:
    """Bytes one head moves, plain kernels forward: scores and weights written and read, 4 T^2 + 4 T d values.

    Read q, k, write scores; read them, write weights; read those and v, write the output (Dao 2022, alg. 0).
    """
    t = positive("context", context)
    return (4 * t * t + 4 * t * positive("d_head", d_head)) * positive("bytes_per_value", bytes_per_value)


def tiled_traffic(context: float, d_head: float, rows: float, bytes_per_value: float) -> float:
    """Bytes one head moves when tiled, forward, no mask: q and output once, k and v once per block of `rows`.

    2 T d + 2 T d ceil(T/rows) values, queries in the outer loop (Dao 2023, arXiv 2307.08691).
    """
    passes = math.ceil(positive("context", context) / positive("rows", rows))
    values = 2 * context * positive("d_head", d_head) * (1 + passes)
    return values * positive("bytes_per_value", bytes_per_value)


def tile_rows(fast_bytes: float, d_head: float, bytes_per_value: float) -> float:
    """Rows of a tile when blocks of q, k, v and output share `fast_bytes`: M/(4 d bytes). Dao 2022."""
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
    """Half-precision activations kept for backward: L s b h (34 + 5 a s/h) bytes (Korthikanti 2022)."""
    token_bytes = d_model * (34 + 5 * n_heads * context / positive("d_model", d_model))
    tokens = positive("context", context) * positive("batch", batch)
    return positive("n_layers", n_layers) * tokens * token_bytes


# --- Kaplan et al. 2020, arXiv 2001.08361 -------------------------------------------------------------------


def kaplan_loss_n(params: float) -> float:
    """L(N) in nats for N non-embedding parameters, data and training unlimited: (8.8e13/N)^0.076."""
    return power_law(params, KAPLAN_N_C, KAPLAN_ALPHA_N)


def kaplan_loss_d(tokens: float) -> float:
    """L(D) in nats for D tokens, a model large enough and stopped early: (5.4e13/D)^0.095."""
    return power_law(tokens, KAPLAN_D_C, KAPLAN_ALPHA_D)


def kaplan_loss_c(flops: float) -> float:
    """L(C_min) in nats for compute spent at its best: (3.1e8 PF-days/C)^0.050; `flops` in FLOPs."""
    return power_law(petaflop_days(flops), KAPLAN_C_C, KAPLAN_ALPHA_C)


def kaplan_loss_nd(params: float, tokens: float) -> float:
    """L(N, D) in nats: [(N_c/N)^(a_N/a_D) + D_c/D]^a_D, constants of the joint fit (eq. 1.5, table 2)."""
    return kaplan_joint_loss(params, tokens, KAPLAN_JOINT)


def kaplan_joint_loss(params: float, tokens: float, law: dict[str, float]) -> float:
    """The same form in nats with any constants: `law` is KAPLAN_JOINT or your own fit (eq. 1.5)."""
    by_size = power_law(params, law["n_c"], law["alpha_n"] / law["alpha_d"])
    return (by_size + law["d_c"] / positive("tokens", tokens)) ** law["alpha_d"]


def kaplan_data_needed(params: float) -> float:
    """Tokens that keep a model of N parameters from overfitting: 5e3 N^0.74 (eq. 4.4)."""
    return 5e3 * positive("params", params) ** 0.74


def kaplan_min_flops(flops: float) -> float:
    """C_min, what the same loss costs in small batches: half of what is spent at the critical batch (5.1)."""
    return positive("flops", flops) / 2


def kaplan_params(flops: float) -> float:
    """N advised for C FLOPs at the critical batch, no embeddings: 1.3e9 (C_min in PF-days)^0.73 (app. A)."""
    return 1.3e9 * petaflop_days(kaplan_min_flops(flops)) ** 0.73


def kaplan_tokens(flops: float) -> float:
    """Tokens that C = 6 N D leaves for the advised N; their own fit, 2e10 C_min^0.27, is a tenth lower."""
    return flops / 6.0 / kaplan_params(flops)


def kaplan_critical_batch(loss: float) -> float:
    """Critical batch size in tokens at a loss in nats: 2e8 / L^(1/0.21) (eq. 1.4, section 5.1)."""
    return 2e8 / positive("loss", loss) ** (1.0 / 0.21)


# --- Hoffmann et al. 2022, arXiv 2203.15556 -----------------------------------------------------------------


def chinchilla_loss(params: float, tokens: float, law: dict[str, float]) -> float:
    """L(N, D) = E + A/N^alpha + B/D^beta in nats; `law` is HOFFMANN_PRINTED, BESIROGLU or your own fit."""
    by_size = law["A"] / positive("params", params) ** law["alpha"]
    return law["E"] + by_size + law["B"] / positive("tokens", tokens) ** law["beta"]


def chinchilla_params(flops: float, law: dict[str, float]) -> float:
    """N* at C = 6 N D: G (C/6)^(beta/(alpha + beta)), G = (alpha A/(beta B))^(1/(alpha + beta))."""
    both = law["alpha"] + law["beta"]
    g = (law["alpha"] * law["A"] / (law["beta"] * law["B"])) ** (1.0 / both)
    return g * (positive("flops", flops) / 6.0) ** (law["beta"] / both)


def chinchilla_tokens(flops: float, law: dict[str, float]) -> float:
    """D* that goes with N*: (C/6)/N*. Tokens."""
    return flops / 6.0 / chinchilla_params(flops, law)


def chinchilla_size_share(law: dict[str, float]) -> float:
    """Share of L - E that is due to size, A/N^alpha, along the whole optimal path: beta/(alpha + beta)."""
    return law["beta"] / (law["alpha"] + law["beta"])


def chinchilla_params_at(nats: float, law: dict[str, float]) -> float:
    """N at which the size term A/N^alpha is `nats`: (A/nats)^(1/alpha)."""
    return (law["A"] / positive("nats", nats)) ** (1.0 / law["alpha"])


def chinchilla_tokens_at(nats: float, law: dict[str, float]) -> float:
    """D at which the data term B/D^beta is `nats`: (B/nats)^(1/beta)."""
    return (law["B"] / positive("nats", nats)) ** (1.0 / law["beta"])


def chinchilla_flops_for_loss(loss: float, law: dict[str, float]) -> float:
    """The least C = 6 N D that reaches a loss in nats above the floor E: the optimal path, read backwards."""
    excess, share = positive("loss above the floor", loss - law["E"]), chinchilla_size_share(law)
    n = chinchilla_params_at(excess * share, law)
    return training_flops(n, chinchilla_tokens_at(excess * (1 - share), law))


def tokens_per_param(params: float, tokens: float) -> float:
    """D/N, the ratio that Chinchilla made famous as `about 20`."""
    return positive("tokens", tokens) / positive("params", params)


def rule_of_20_params(flops: float) -> float:
    """N at which 6 N (20 N) = C: the rule of thumb, not a fit. sqrt(C/120)."""
    return math.sqrt(positive("flops", flops) / 120.0)


def lifetime_flops(params: float, train_tokens: float, served_tokens: float) -> float:
    """6 N D to train plus 2 N for each token served (Sardana et al. 2024, arXiv 2401.00448). FLOPs."""
    return training_flops(params, train_tokens) + 2 * params * not_negative("served_tokens", served_tokens)


def effective_tokens(unique: float, epochs: float) -> float:
    """Worth in fresh tokens of U tokens seen `epochs` times: U (1 + R*(1 - exp(-R/R*))), R = epochs - 1.

    Muennighoff et al. 2023, arXiv 2305.16264, eq. 5 with R* = 15.39.
    """
    positive("unique", unique)
    if not (epochs >= 1):
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    return unique * (1 + MUENNIGHOFF_R_D * (1 - math.exp(-(epochs - 1) / MUENNIGHOFF_R_D)))


# --- Two ways to count parameters: Pearce & Song 2024, arXiv 2406.12907 ------------------------------------


def table_weight(vocab: float, tables: float, aspect: float) -> float:
    """w in N_total = N + w N^(1/3): N = 12 L d^2 in the blocks, `tables` x vocab x d beside, d/L = aspect.

    Pearce & Song fit 47,491 to Chinchilla's models: one table of 32,000 tokens at an aspect near 39.2.
    """
    return tables * positive("vocab", vocab) * (positive("aspect", aspect) / 12.0) ** (1.0 / 3.0)


def table_weight_at_depth(vocab: float, tables: float, n_layers: float) -> float:
    """w in N_total = N + w N^(1/2): models of one depth, where d = (N / (12 L))^(1/2)."""
    return tables * positive("vocab", vocab) / math.sqrt(12.0 * positive("n_layers", n_layers))


def total_params(blocks: float, weight: float, power: float) -> float:
    """N_total = N + w N^power, from the parameters N of the blocks alone (Pearce & Song 2024, eq. 5)."""
    return positive("blocks", blocks) + not_negative("weight", weight) * blocks ** fraction("power", power)


def blocks_flops(blocks: float, weight: float, power: float, law: dict[str, float]) -> float:
    """The compute 6 N D, with N the blocks alone, at which N is the best size under a law in N_total.

    From d/dN [A / N_total^alpha + B (6 N / C)^beta] = 0 with N_total = N + w N^power:
    C = 6 N (beta B N_total^(1 + alpha) / (alpha A (N + power w N^power)))^(1/beta).
    """
    total = total_params(blocks, weight, power)
    moved = blocks + power * weight * blocks**power  # N dN_total/dN
    ratio = law["beta"] * law["B"] * total ** (1 + law["alpha"]) / (law["alpha"] * law["A"] * moved)
    return 6 * blocks * ratio ** (1.0 / law["beta"])


def blocks_exponent(blocks: float, weight: float, power: float, law: dict[str, float]) -> float:
    """The exponent a that N ~ C^a shows at this size when N and C = 6 N D leave the tables out.

    beta/(alpha + beta) for large models, beta/(power alpha + beta) for tiny ones: 0.51 and 0.76 with the
    refitted Chinchilla constants and power 1/3.
    """
    total = total_params(blocks, weight, power)
    extra = weight * blocks**power
    moved = blocks + power * extra
    turn = (blocks + power**2 * extra) / moved
    return 1.0 / (1 - turn / law["beta"] + (1 + law["alpha"]) / law["beta"] * moved / total)


def blocks_optimum(flops: float, weight: float, power: float, law: dict[str, float]) -> float:
    """The best number of block parameters for 6 N D = `flops` of block compute: `blocks_flops` backwards."""
    positive("flops", flops)
    low, high = math.log(1e-3), math.log(1e18)
    for _ in range(80):
        middle = (low + high) / 2
        if blocks_flops(math.exp(middle), weight, power, law) < flops:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def worth_of_repeats(first: float, total: float, scale: float) -> float:
    """Worth of `total` when only `first` is new: U + U R* (1 - exp(-R/R*)), R = total/U - 1, U = first.

    Muennighoff et al. 2023, arXiv 2305.16264, eq. 5: `scale` is R_D* for tokens and R_N* for parameters.
    Never more than `total`; nothing repeated (`total` up to `first`) is worth itself.
    """
    unique = min(positive("first", first), positive("total", total))
    return unique * (1 + positive("scale", scale) * (1 - math.exp(-(total / unique - 1) / scale)))


def matching_params(tokens: float, law: dict[str, float]) -> float:
    """N that is compute-optimal with D tokens: (A alpha D^beta/(B beta))^(1/alpha) for E + A/N^a + B/D^b."""
    slope = law["beta"] * law["B"] / positive("tokens", tokens) ** law["beta"]
    return (law["alpha"] * law["A"] / slope) ** (1.0 / law["alpha"])


def data_constrained_loss(params: float, unique: float, tokens: float, law: dict[str, float]) -> float:
    """Loss in nats of N parameters after D tokens of which U are different: E + A/N'^alpha + B/D'^beta.

    N' and D' count repeated tokens, and parameters beyond those that match U, at their worth; `law` is
    MUENNIGHOFF or your own fit. Muennighoff et al. 2023, arXiv 2305.16264, section 3.
    """
    worth_d = worth_of_repeats(unique, tokens, law["R_D"])
    worth_n = worth_of_repeats(matching_params(min(unique, tokens), law), params, law["R_N"])
    return chinchilla_loss(worth_n, worth_d, law)


def overtraining_loss(flops: float, ratio: float, law: dict[str, float]) -> float:
    """Loss in nats at C FLOPs and M = D/N tokens per parameter: E + (a M^eta + b M^-eta) C^-eta.

    Gadre et al. 2024, arXiv 2403.08540, eq. 4: Chinchilla's law with equal exponents 2 eta, at C = 6 N D.
    """
    shape = law["a"] * positive("ratio", ratio) ** law["eta"] + law["b"] * ratio ** -law["eta"]
    return law["E"] + shape / positive("flops", flops) ** law["eta"]


# --- A model that is used: Sardana et al. 2024, arXiv 2401.00448 -------------------------------------------


def tokens_for_loss(params: float, loss: float, law: dict[str, float]) -> float:
    """D at which a model of N parameters reaches `loss`: (B/(L - E - A/N^alpha))^(1/beta), from L(N, D) = L.

    Tokens; loss in nats. A ValueError where N is too small: its size term alone is the whole excess over E.
    """
    limit = law["E"] + law["A"] / positive("params", params) ** law["alpha"]
    if not (positive("loss", loss) > limit):
        raise ValueError(
            f"{params} parameters cannot reach a loss of {loss}: with endless data they end at {limit}. "
            "Expected a higher loss or a larger model."
        )
    return chinchilla_tokens_at(loss - limit, law)


def inference_aware_params(loss: float, served_tokens: float, law: dict[str, float]) -> float:
    """N of least lifetime FLOPs 6 N D + 2 N served_tokens at L(N, D) = `loss`; 0 served gives Chinchilla's N.

    With o the data term over the size term, the derivative along L(N, D) = loss vanishes where
    3 D (alpha/(beta o) - 1) = served_tokens; o falls from alpha/beta, its value at Chinchilla's optimum, as
    demand grows. Solved by halving t = log(alpha/(beta o)), in logarithms so that nothing overflows.
    Where a FLOP of serving costs r times one of training, pass r times the tokens.
    """
    excess = positive("loss above the floor", positive("loss", loss) - law["E"])
    turn = law["alpha"] / law["beta"]
    low, high = 0.0, 0.0
    if not_negative("served_tokens", served_tokens) > 0:
        high = 400.0
        for _ in range(80):
            t = (low + high) / 2
            odds = turn * math.exp(-t)
            log_tokens = math.log(law["B"] * (1 + 1 / odds) / excess) / law["beta"]
            if math.log(3.0) + log_tokens + math.log(max(math.exp(t) - 1, 1e-300)) < math.log(served_tokens):
                low = t
            else:
                high = t
    by_size = excess / (1 + turn * math.exp(-(low + high) / 2))
    return chinchilla_params_at(by_size, law)


def loss_of_chinchilla_size(params: float, law: dict[str, float]) -> float:
    """The loss in nats at which N is the Chinchilla size: E + (A/N^alpha) (alpha + beta)/beta."""
    by_size = law["A"] / positive("params", params) ** law["alpha"]
    return law["E"] + by_size / chinchilla_size_share(law)


def revealed_demand(params: float, tokens: float, law: dict[str, float]) -> float:
    """Served tokens for which N and D are the cheapest way to their loss: `inference_aware_params` backwards.

    3 D (alpha size/(beta data) - 1), with the two terms of the loss; 0 at a Chinchilla split, negative for a
    model larger than that. What a split is worth, if its maker believed this law.
    """
    size = law["A"] / positive("params", params) ** law["alpha"]
    data = law["B"] / positive("tokens", tokens) ** law["beta"]
    return 3 * tokens * (law["alpha"] * size / (law["beta"] * data) - 1)


def cheapest_size_share(served_per_trained: float, law: dict[str, float]) -> float:
    """Size of the cheapest life over the Chinchilla N of its loss, for r served tokens per training token.

    The first-order condition in closed form: (s (1 + o))^(1/alpha), s = beta/(alpha + beta),
    o = (alpha/beta)/(1 + r/3). The same at every loss; 1 without demand, `smallest_size_share` for endless.
    """
    odds = law["alpha"] / law["beta"] / (1 + not_negative("served_per_trained", served_per_trained) / 3)
    return (chinchilla_size_share(law) * (1 + odds)) ** (1.0 / law["alpha"])


def smallest_size_share(law: dict[str, float]) -> float:
    """The least N that can reach a loss, over the Chinchilla N of that loss: (beta/(alpha+beta))^(1/alpha).

    The same at every loss: its size term is then all of the excess over E, and its D endless.
    """
    return chinchilla_size_share(law) ** (1.0 / law["alpha"])


def same_loss_tokens(size_share: float, law: dict[str, float]) -> float:
    """D of a model with k = `size_share` times the Chinchilla N of a loss, over the Chinchilla D of it.

    With s = beta/(alpha+beta) of the excess due to size: ((1 - s)/(1 - s k^-alpha))^(1/beta), at any loss.
    """
    share = chinchilla_size_share(law)
    left = 1 - share * positive("size_share", size_share) ** -law["alpha"]
    if not (left > 0):
        least = smallest_size_share(law)
        raise ValueError(f"size_share must be above {least}, below which no data suffice; got {size_share}")
    return ((1 - share) / left) ** (1.0 / law["beta"])


def same_loss_flops(size_share: float, law: dict[str, float]) -> float:
    """Training FLOPs of that smaller or larger model, over the least FLOPs for the loss: share x tokens."""
    return size_share * same_loss_tokens(size_share, law)


def break_even_tokens(params: float, train_flops: float, other_params: float, other_flops: float) -> float:
    """Served tokens at which a smaller model that cost more to train has earned it back. 2 N FLOPs a token.

    (train_flops - other_flops)/(2 (other_params - params)); negative where it was also cheaper to train.
    """
    if not (positive("params", params) < positive("other_params", other_params)):
        raise ValueError(f"params must be below other_params, got {params} and {other_params}")
    extra = positive("train_flops", train_flops) - positive("other_flops", other_flops)
    return extra / (2 * (other_params - params))


def read_off(xs: list, ys: list, y: float) -> float:
    """The x at which measured points reach y, on straight lines between them on log-log axes.

    `xs` rise and `ys` are positive; the first crossing counts. A ValueError where the points do not reach y:
    nothing is extrapolated.
    """
    for i in range(len(xs) - 1):
        if (ys[i] - y) * (ys[i + 1] - y) <= 0 and ys[i] != ys[i + 1]:
            share = math.log(ys[i] / positive("y", y)) / math.log(ys[i] / ys[i + 1])
            return xs[i] * (xs[i + 1] / xs[i]) ** share
    raise ValueError(f"the measured points do not reach {y}; they run from {ys[0]} to {ys[len(ys) - 1]}")


# --- Forecasts ----------------------------------------------------------------------------------------------


def interval_score(low: float, high: float, level: float, truth: float) -> float:
    """Width of an interval plus 2/(1 - level) times the distance by which it misses; smaller is better.

    In the unit of its ends. Honest quantiles get the best score on average (Gneiting & Raftery 2007, section
    6.2); at a level of 0.95 a miss counts 40 times.
    """
    if not (low <= high):
        raise ValueError(f"an interval needs low <= high, got {low} and {high}")
    if not (level > 0 and level < 1):
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    miss = max(0.0, low - truth, truth - high)
    return high - low + 2.0 / (1.0 - level) * miss


# --- Tasks and test-time compute ----------------------------------------------------------------------------


def exact_match(p: float, length: float) -> float:
    """Chance that all `length` tokens are right when each is right with probability p, independently: p^k."""
    return probability("p", p) ** positive("length", length)


def coverage(p: float, samples: float) -> float:
    """Chance that at least one of k independent samples is right: 1 - (1 - p)^k."""
    return 1 - (1 - probability("p", p)) ** positive("samples", samples)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased pass@k from n samples, c right: 1 - C(n-c, k)/C(n, k). Chen et al. 2021, arXiv 2107.03374."""
    if not (c >= 0 and c <= n and k >= 1 and k <= n):
        raise ValueError(f"pass@k needs 0 <= c <= n and 1 <= k <= n; got n={n}, c={c}, k={k}")
    miss = 1.0
    for i in range(k):
        miss = miss * max(0, n - c - i) / (n - i)
    return 1 - miss


# Lesson 19: choosing among samples. Each sample of a problem is right with probability p, independently.


def samples_needed(p: float, chance: float) -> float:
    """Samples until at least one is right with the given chance: ln(1 - chance)/ln(1 - p), not rounded."""
    if not (p > 0 and p < 1 and chance >= 0 and chance < 1):
        raise ValueError(f"expected 0 < p < 1 and 0 <= chance < 1, got p={p}, chance={chance}")
    return math.log(1 - chance) / math.log(1 - p)


def verified_share(p: float, hit: float, false_alarm: float) -> float:
    """Share of right ones among the samples that a judge accepts: Bayes' rule, p h/(p h + (1 - p) f).

    The judge accepts a right sample with probability h (`hit`), a wrong one with f (`false_alarm`).
    """
    accepted = probability("p", p) * probability("hit", hit)
    wrong = (1 - p) * probability("false_alarm", false_alarm)
    return accepted / positive("what is accepted", accepted + wrong)


def best_of_n(p: float, samples: float, noise: float, fooled: float, lure: float) -> float:
    """Chance that the best-scored of N samples is right, for a judge whose scores are noisy.

    Right samples score 1, wrong ones 0, a share `fooled` of the wrong ones `lure`; each score has a logistic
    error of scale `noise`. Integral of N p f_R(s) F(s)^(N-1) over the score s, F being all samples' scores.
    """
    n, wrong = positive("samples", samples), 1 - probability("p", p)
    w, trick = positive("noise", noise), probability("fooled", fooled)
    reach = 14 + math.log(n)
    step = reach / 60
    total = 0.0
    for i in range(121):
        t = (i - 60) * step  # score of a right sample, in units of the noise from its mean
        tail = math.exp(-t)
        plain = 1 / (1 + tail * math.exp(-1 / w))
        tricky = 1 / (1 + tail * math.exp((lure - 1) / w))
        below = p / (1 + tail) + wrong * ((1 - trick) * plain + trick * tricky)
        total += tail / (1 + tail) ** 2 * math.exp((n - 1) * math.log(below))
    return n * p * total * step


def break_even_queries(extra_training: float, saved_per_query: float) -> float:
    """Queries after which FLOPs spent once on training are repaid by what each query saves."""
    return positive("extra training", extra_training) / positive("saving per query", saved_per_query)


# --- Many machines ------------------------------------------------------------------------------------------


def bubble_share(stages: float, microbatches: float) -> float:
    """Share of a step that pipeline stages stand idle: (p - 1)/(m + p - 1). Huang et al. 2019, 1811.06965."""
    idle = positive("stages", stages) - 1
    return idle / (positive("microbatches", microbatches) + idle)


def all_reduce_bytes(size: float, devices: float) -> float:
    """Bytes each of n devices sends in a ring all-reduce of `size` bytes: 2 (n - 1)/n size."""
    return 2 * (positive("devices", devices) - 1) / devices * not_negative("size", size)


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


# --- Serving on real machines -------------------------------------------------------------------------------


def experts_touched(experts: float, chosen: float, tokens: float) -> float:
    """Mean number of experts (E) that `tokens` tokens visit, each `chosen` (k): E (1 - (1 - k/E)^tokens)."""
    share = fraction("chosen over experts", chosen / positive("experts", experts))
    return experts * (1 - (1 - share) ** positive("tokens", tokens))


def joules_per_token(watts: float, tokens_per_second: float, pue: float) -> float:
    """Joules for each token: board watts x PUE / tokens per second. 3.6e6 J are one kWh."""
    if not (pue >= 1):
        raise ValueError(f"PUE is total site power over computer power, at least 1; got {pue}")
    return positive("watts", watts) * pue / positive("tokens_per_second", tokens_per_second)


def usd_per_million(usd_per_hour: float, tokens_per_second: float) -> float:
    """Dollars for a million tokens: rent an hour over tokens an hour, times 1e6. Date the rent."""
    hourly = positive("tokens_per_second", tokens_per_second) * SECONDS_PER_HOUR
    return not_negative("usd_per_hour", usd_per_hour) / hourly * 1e6


# --- Limited text -------------------------------------------------------------------------------------------


def epoch_worth(epoch: float, scale: float) -> float:
    """Worth of reading a text for the `epoch`-th time, in fresh readings: the step of `worth_of_repeats`.

    The first is worth 1; `scale` is R_D* of Muennighoff et al. 2023, arXiv 2305.16264, eq. 5.
    """
    if not (epoch >= 1):
        raise ValueError(f"epochs are counted from 1, got {epoch}")
    before = worth_of_repeats(1.0, epoch - 1, scale) if epoch > 1 else 0.0
    return worth_of_repeats(1.0, epoch, scale) - before


def edited_similarity(changed: float, words: float) -> float:
    """Expected Jaccard similarity of a text and its copy: p/(2 - p) with p = (1 - changed)^words.

    A run of so many words survives if none of them is among the share `changed`; p is the share of runs left.
    """
    left = (1 - probability("changed", changed)) ** positive("words", words)
    return left / (2 - left)


def lsh_probability(similarity: float, rows: float, bands: float) -> float:
    """Chance that two documents agree on a whole band of their MinHash signatures: 1 - (1 - s^r)^b.

    s: Jaccard similarity; r: numbers in a band; b: bands. Broder 1997 for the hashes, Indyk & Motwani 1998
    for the bands.
    """
    match = probability("similarity", similarity) ** positive("rows", rows)
    return 1 - (1 - match) ** positive("bands", bands)


def lsh_threshold(rows: float, bands: float) -> float:
    """Similarity near which the curve of `lsh_probability` rises: (1/b)^(1/r)."""
    return (1.0 / positive("bands", bands)) ** (1.0 / positive("rows", rows))


# --- Many machines, lesson 16 -------------------------------------------------------------------------------


def gather_bytes(size: float, devices: float) -> float:
    """Bytes each of n devices sends in a ring all-gather or reduce-scatter of `size`: (n - 1)/n size."""
    return (positive("devices", devices) - 1) / devices * not_negative("size", size)


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


# --- Mixtures of experts, lesson 17 -------------------------------------------------------------------------


def touched_share(experts: float, top_k: float, tokens: float) -> float:
    """Expected share of E experts that a batch of b tokens uses when routing is even: 1 - (1 - k/E)^b.

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


# --- Learning from comparisons ------------------------------------------------------------------------------


def preference(margin: float) -> float:
    """Chance that the better of two is preferred, 1 / (1 + e^-margin); Bradley & Terry 1952."""
    return 1 / (1 + math.exp(-margin))


def best_of_n_drift(n: float) -> float:
    """KL divergence in nats of the best of `n` samples from the model itself: at most log n - (n - 1)/n.

    Exact where no two samples tie; Beirami et al. 2024, arXiv 2401.01879.
    """
    return math.log(positive("n", n)) - (n - 1) / n


# --- Abilities against size (lesson 11) ---------------------------------------------------------------------


def length_shift(length: float, exponent: float) -> float:
    """Factor in size by which answers of `length` tokens come later than single tokens: k^(1/alpha).

    If a token is right with chance exp(-(N/N_c)^-alpha) and tokens are independent, then k of them are with
    chance exp(-k (N/N_c)^-alpha): the same curve with N_c k^(1/alpha) for N_c.
    """
    return positive("length", length) ** (1 / positive("exponent", exponent))


def rise_factor(sizes: list[float], scores: list[float]) -> float:
    """Factor in size over which a score goes from 10 % to 90 % of its whole change, up or down.

    Sizes rise; between them the score is a straight line in log size, and its first crossing counts.
    """
    if len(sizes) != len(scores) or len(sizes) < 2:
        raise ValueError(
            f"a rise needs two sizes or more and a score for each, got {len(sizes)} and {len(scores)}"
        )
    first, whole = scores[0], scores[len(scores) - 1] - scores[0]
    if whole == 0:
        raise ValueError("a rise needs first and last scores that differ")
    crossed: list[float] = []
    for share in [0.1, 0.9]:
        for i in range(len(sizes) - 1):
            low, high = (scores[i] - first) / whole, (scores[i + 1] - first) / whole
            if low <= share and share <= high and low < high:
                part = (share - low) / (high - low)
                crossed.append((1 - part) * math.log(sizes[i]) + part * math.log(sizes[i + 1]))
                break
    return math.exp(crossed[1] - crossed[0])


guard.module(globals())
