"""A model that is used: what training and serving cost together, and sizes other than the best."""

import math

from course_lib import guard
from course_lib.formulas.checks import not_negative, positive
from course_lib.formulas.chinchilla import chinchilla_params_at, chinchilla_size_share, chinchilla_tokens_at
from course_lib.formulas.work import training_flops

# --- A model that is used: Sardana et al. 2024, arXiv 2401.00448 --------------------------------------------


def lifetime_flops(params: float, train_tokens: float, served_tokens: float) -> float:
    """6 N D to train plus 2 N for each token served (Sardana et al. 2024, arXiv 2401.00448). FLOPs."""
    return training_flops(params, train_tokens) + 2 * params * not_negative("served_tokens", served_tokens)


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


def overtraining_loss(flops: float, ratio: float, law: dict[str, float]) -> float:
    """Loss in nats at C FLOPs and M = D/N tokens per parameter: E + (a M^eta + b M^-eta) C^-eta.

    Gadre et al. 2024, arXiv 2403.08540, eq. 4: Chinchilla's law with equal exponents 2 eta, at C = 6 N D.
    """
    shape = law["a"] * positive("ratio", ratio) ** law["eta"] + law["b"] * ratio ** -law["eta"]
    return law["E"] + shape / positive("flops", flops) ** law["eta"]


guard.module(globals())
