"""The law of Hoffmann et al. 2022, its best split of compute, and two ways to count its parameters."""

import math

from course_lib import guard
from course_lib.formulas.checks import fraction, not_negative, positive
from course_lib.formulas.work import training_flops

# L = E + A/N^alpha + B/D^beta. Hoffmann et al. 2022 (arXiv 2203.15556) print two digits; the longer digits of
# their TeX source and the refit are in Besiroglu et al. 2024 (arXiv 2404.10102).
HOFFMANN_PRINTED = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
HOFFMANN_PRECISE = {"E": 1.693, "A": 406.4, "B": 410.7, "alpha": 0.33917, "beta": 0.28491}
BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


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


def chinchilla_ratio(flops: float, law: dict[str, float]) -> float:
    """D*/N*: tokens per parameter of the best split of C FLOPs."""
    return chinchilla_tokens(flops, law) / chinchilla_params(flops, law)


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


# --- Two ways to count parameters: Pearce & Song 2024, arXiv 2406.12907 -------------------------------------


def table_weight(vocab: float, tables: float, aspect: float) -> float:
    """w in N_total = N + w N^(1/3): N = 12 n_L d^2 in the blocks, `tables` x vocab x d more, d/n_L = aspect.

    Pearce & Song fit 47,491 to Chinchilla's models: one table of 32,000 tokens at an aspect near 39.2.
    """
    return tables * positive("vocab", vocab) * (positive("aspect", aspect) / 12.0) ** (1.0 / 3.0)


def table_weight_at_depth(vocab: float, tables: float, n_layers: float) -> float:
    """w in N_total = N + w N^(1/2): models of one depth, where d = (N / (12 n_L))^(1/2)."""
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


guard.module(globals())
