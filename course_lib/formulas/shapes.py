"""Counts that follow from the shape of a model: parameters, and the angles of rotary positions."""

import math

from course_lib import guard
from course_lib.formulas.checks import positive

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
    """12 n_L d^2: attention 4 d^2 and a 4x-wide feed-forward 8 d^2 per layer, weights only (Kaplan 2020)."""
    return 12 * positive("n_layers", n_layers) * positive("d_model", d_model) ** 2


def gpt2_params(n_layers: int, d_model: float, vocab: float, n_ctx: float) -> float:
    """Exact parameters of a GPT-2 shape, tied head: 12 n_L d^2 + 13 n_L d + (vocab + n_ctx) d + 2 d.

    Per layer 13 d: biases 3 + 1 (attention), 4 + 1 (feed-forward), two LayerNorms of 2 d (Radford 2019).
    """
    layers = positive("n_layers", n_layers) * (12 * positive("d_model", d_model) ** 2 + 13 * d_model)
    return layers + (positive("vocab", vocab) + positive("n_ctx", n_ctx)) * d_model + 2 * d_model


# --- Rotary positions (Su et al. 2021, arXiv 2104.09864) ----------------------------------------------------


WIDEST_HEAD = 65536  # channels; what a sum over the pairs of a head does at most


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

    Every pair adds the cosine of its turn; all pairs equally long. Depends on the distance only. A head has
    2 to WIDEST_HEAD channels.
    """
    if not (d_head >= 2 and d_head <= WIDEST_HEAD):
        raise ValueError(f"d_head must be a number of channels from 2 to {WIDEST_HEAD}, got {d_head}")
    pairs = math.floor(d_head / 2)
    return sum([math.cos(distance * rope_angle(i, d_head, base)) for i in range(pairs)]) / pairs


guard.module(globals())
