"""Limited text: the worth of repeats, and how copies are found."""

import math

from course_lib import guard
from course_lib.formulas.checks import positive, probability
from course_lib.formulas.chinchilla import chinchilla_loss

MUENNIGHOFF_R_D = 15.387756  # arXiv 2305.16264: after so many repeats a token is worth 1/e of a fresh one
MUENNIGHOFF = {  # the same paper's law, from the README of its code, which gives log A, log B and log E
    "E": 1.8691437, "A": 520.82495, "B": 1487.7161, "alpha": 0.3526596, "beta": 0.3526596,
    "R_D": 15.387756, "R_N": 5.309743,
}  # fmt: skip


# --- Limited text -------------------------------------------------------------------------------------------


def effective_tokens(unique: float, epochs: float) -> float:
    """Worth in fresh tokens of U tokens seen `epochs` times: U (1 + R*(1 - exp(-R/R*))), R = epochs - 1.

    Muennighoff et al. 2023, arXiv 2305.16264, eq. 5 with R* = 15.39.
    """
    if not (epochs >= 1):
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    return worth_of_repeats(unique, positive("unique", unique) * epochs, MUENNIGHOFF_R_D)


def worth_of_repeats(first: float, total: float, scale: float) -> float:
    """Worth of `total` when only `first` is new: U + U R* (1 - exp(-R/R*)), R = total/U - 1, U = first.

    Muennighoff et al. 2023, arXiv 2305.16264, eq. 5: `scale` is R_D* for tokens and R_N* for parameters.
    Never more than `total`; nothing repeated (`total` up to `first`) is worth itself.
    """
    unique = min(positive("first", first), positive("total", total))
    return unique * (1 + positive("scale", scale) * (1 - math.exp(-(total / unique - 1) / scale)))


def matching_params(tokens: float, law: dict[str, float]) -> float:
    """N that is compute-optimal with D tokens: (A alpha D^beta/(B beta))^(1/alpha) for E + A/N^a + B/D^b.

    The best split of Hoffmann et al. 2022, arXiv 2203.15556, read from its tokens.
    """
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


guard.module(globals())
