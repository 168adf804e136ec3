"""Right and wrong: forecasts, tasks, several samples, judges, comparisons, abilities that appear."""

import math

from course_lib import guard
from course_lib.formulas.checks import positive, probability

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


# --- Learning from comparisons ------------------------------------------------------------------------------


def preference(margin: float) -> float:
    """Chance that the better of two is preferred, 1 / (1 + e^-margin); Bradley & Terry 1952."""
    return 1 / (1 + math.exp(-margin))


def best_of_n_drift(n: float) -> float:
    """KL divergence in nats of the best of `n` samples from the model itself: at most log n - (n - 1)/n.

    Exact where no two samples tie; Beirami et al. 2024, arXiv 2401.01879.
    """
    return math.log(positive("n", n)) - (n - 1) / n


# --- Abilities against size ---------------------------------------------------------------------------------


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
