"""Lesson 10: what repeated, noisy and copied text is worth."""

import math

from course_lib import formulas, limits, text
from course_lib.quizzes.questions import (
    Lesson,
    Question,
    multiple,
    numeric,
    ordering,
    right,
    single,
    trap,
    wrong,
)

R_D = formulas.MUENNIGHOFF_R_D


def build() -> Lesson:
    """The questions, with keys computed from the law and from the course's runs."""
    return Lesson(
        id="10_data_limits",
        title="10. Data limits",
        predictions=(_four_epochs(), _clean_or_fresh()),
        questions=(
            _sixteen(),
            _needed(),
            _fails(),
            _order(),
            _edited(),
            _lsh(),
            _short_bands(),
            _leak(),
            _threshold(),
        ),
        exercises=(_worth_ten(), _bands()),
    )


def epochs_worth(times: float) -> float:
    """Epochs that are worth so many fresh ones, by the data-constrained law."""
    return 1 - R_D * math.log(1 - (times - 1) / R_D)


def _four_epochs() -> Question:
    clean = limits.by_epochs()
    low = limits.fresh()[1][limits.fresh()[0].index(76_800.0)]
    return single(
        "four-epochs",
        "A tiny model reads 307,200 characters. Once all of them are different; once it reads a quarter of them four times over. How much higher is the second loss, on text that neither has seen?",
        right("hardly: less than a tenth of a nat", f"{text.fixed(clean[1], 3)} against {text.fixed(clean[4], 3)} nats. Four readings of the same text do nearly what four texts do."),
        wrong("about 0.2 nats", f"That is what {text.pct(limits.noise_of_same_loss(clean[1] + 0.2), 0)} of random characters cost. Four readings are far milder."),
        wrong("about 0.4 nats: as if it had read the quarter once", f"One reading of a quarter gives {text.fixed(low, 2)} nats. The other three are far from wasted."),
        wrong("it overfits: worse than after one reading of the quarter", "It takes many more epochs before this model prefers remembering to learning."),
        why="Measured below with three seeds.",
        fixed_order=True,
    )  # fmt: skip


def _clean_or_fresh() -> Question:
    clean, noisy = limits.by_epochs(), limits.by_noise()
    same = limits.noise_of_same_loss(clean[15])
    return single(
        "clean-or-fresh",
        "Equal training: twenty clean pages, each read 15 times, or three hundred different pages in which one character in twenty is wrong. Which model is better at clean text?",
        right("the one with twenty clean pages", f"{text.fixed(clean[15], 3)} against {text.fixed(noisy[0.05], 3)} nats: fifteen readings cost about as much as {text.pct(same, 0)} of noise."),
        wrong("the one with three hundred noisy pages", "A model has to spread its bets over every character that may stand there by mistake, and it makes the same bets on clean text."),
        wrong("they are equal to within the noise of a seed", f"The gap is {text.fixed(noisy[0.05] - clean[15], 3)} nats, and two seeds differ by about {text.fixed(limits.seed_noise(), 2)}."),
        fixed_order=True,
    )  # fmt: skip


def _sixteen() -> Question:
    worth = formulas.worth_of_repeats(1e12, 16e12, R_D)
    return numeric(
        "sixteen",
        "A trillion different tokens are read 16 times. With R_{D}^{*} = 15.39, how many fresh tokens is that worth? (T for trillion.)",
        worth, unit="tokens", rtol=0.01,
        why=f"U (1 + R_{{D}}^{{*}}(1 − exp(−15/R_{{D}}^{{*}}))) = {text.si(worth, 3)}: R counts the repeats, 15 of them.",
        traps=[
            trap(16e12, "That is what is read. Repeats count for less and less."),
            trap(1e12 * R_D * (1 - math.exp(-15 / R_D)), "You left out the first reading, which counts in full."),
            trap(1e12 * (1 + R_D * (1 - math.exp(-16 / R_D))), "R is the number of *repeats*: one less than the epochs."),
        ],
    )  # fmt: skip


def _needed() -> Question:
    need = epochs_worth(4)
    return numeric(
        "needed",
        "Your plan wants 20T tokens, the filter leaves 5T. How many epochs of these are worth 20T fresh tokens, by the law? (R_{D}^{*} = 15.39; turn the formula round, decimals count.)",
        need, unit="epochs", rtol=0.01,
        why=f"1 + R_{{D}}^{{*}}(1 − exp(−(k−1)/R_{{D}}^{{*}})) = 4, so k = 1 − R_{{D}}^{{*}} ln(1 − 3/R_{{D}}^{{*}}) = {text.fixed(need, 2)}.",
        traps=[
            trap(4.0, "Four epochs read 20T, and are worth a little less."),
            trap(need - 1, "That is the number of repeats; the first reading is an epoch as well."),
        ],
        hint="Three of the four have to come from repeats.",
    )  # fmt: skip


def _fails() -> Question:
    again = limits.by_passes(10_240)
    said = ", ".join(f"{text.fixed(again[e], 2)} nats after {e}" for e in (1, 15, 60))
    return single(
        "fails",
        f"Our model reads the same 10,240 characters again and again, and scores {said} readings. Which part of the data-constrained law can account for that?",
        wrong("the decay of the repeats’ worth", "Whatever R_{D}^{*} is, a repeat is worth nothing at worst. It is never worth less than nothing."),
        wrong("the discount on surplus parameters", "It caps what extra parameters are worth; it does not make a longer training worse."),
        right("none: in this law no reading does harm", "Worths only level off. A model that memorizes and gets worse is outside the form; laws with a penalty for overfitting have been proposed since."),
        wrong("the floor E, which is higher for repeated text", "E is one number for the held-out text, however the model came to it."),
    )  # fmt: skip


def _order() -> Question:
    clean, noisy = limits.by_epochs(), limits.by_noise()
    losses = {
        "all different, clean": clean[1],
        "clean, a fifteenth of the text read 15 times": clean[15],
        "all different, 5 % noise": noisy[0.05],
        "clean, a thirtieth of the text read 30 times": clean[30],
        "all different, 20 % noise": noisy[0.2],
    }
    names = sorted(losses, key=lambda name: losses[name])
    return ordering(
        "order", "The same model reads the same number of characters. Order by loss on clean held-out text, best first.", names,
        why="In nats: " + ", ".join(text.fixed(losses[name], 2) for name in names) + ".",
        hint="Repetition is cheap up to a point, and then suddenly is not.",
    )  # fmt: skip


def _edited() -> Question:
    key = formulas.edited_similarity(0.05, 3)
    return numeric(
        "edited",
        "A copy has one word in twenty replaced, at random. Documents are compared as sets of runs of three words. About which Jaccard similarity do you expect?",
        key, rtol=0.02,
        why=f"A run survives with 0.95^{{3}} = {text.fixed(0.95**3, 3)}. Shared over all: p/(2 − p) = {text.fixed(key, 2)}, since the broken runs count on both sides.",
        traps=[
            trap(0.95, "That many *words* survive. A run of three needs all three."),
            trap(0.95**3, "That many runs survive. In the union the broken runs of both documents count."),
            trap(0.95 / 1.05, "Right union, but for single words. Runs of three break more often."),
        ],
    )  # fmt: skip


def _lsh() -> Question:
    key = formulas.lsh_probability(0.5, 5, 25)
    return numeric(
        "lsh", "Two documents are half alike (s = 0.5). Signatures have 25 bands of 5 numbers. With which probability do the two meet in at least one band?",
        key, rtol=0.01,
        why=f"One band agrees with 0.5^{{5}} = {text.sig(0.5**5, 3)}; all 25 fail with (1 − 0.031)^{{25}}; so {text.fixed(key, 3)}.",
        traps=[
            trap(0.5**5, "That is one band. There are 25 chances."),
            trap(25 * 0.5**5, "Chances of 25 bands do not simply add up: some of them coincide."),
            trap(1 - key, "That is the chance of being missed."),
        ],
    )  # fmt: skip


def _short_bands() -> Question:
    return single(
        "short-bands", "You look for copies in a web crawl and miss many with a similarity near 0.4. You can afford to compare more candidates. What do you change, with the same 128 numbers?",
        right("shorter bands, and more of them", f"64 × 2 rises near {text.fixed(formulas.lsh_threshold(2, 64), 2)}, 25 × 5 near {text.fixed(formulas.lsh_threshold(5, 25), 2)}. The extra candidates are weeded out by an exact comparison."),
        wrong("longer bands, so that an agreement means more", "It would mean more, and occur less: the curve moves to the right."),
        wrong("another seed for the hash functions", "It misses other pairs, and as many of them."),
        wrong("a lower threshold in the exact comparison", "The exact comparison only sees candidates. A pair that never met in a band is not among them."),
    )  # fmt: skip


def _leak() -> Question:
    return multiple(
        "leak", "Near-copies of a quarter of your test documents are in the training text. Which of these follow?",
        right("The test loss is lower than the model deserves", "It has seen most of the answers. How much lower depends on how often the copies were read."),
        right("A larger model may look better than it is compared with a smaller one", "Larger models remember more, so the lie need not be the same for both."),
        wrong("The loss on the other three quarters rises noticeably", "Copies take the place of a little training text; we measured no clear effect on the rest."),
        right("Removing duplicates within the training text alone would not be enough", "One copy in training is no duplicate there. Training and test have to be compared with each other."),
    )  # fmt: skip


def _threshold() -> Question:
    curves = limits.filter_curves()
    small, large = curves[0], curves[-1]
    return single(
        "threshold", f"A pool of {text.si(large['unique'][0], 3)} characters runs from clean to noisy. With {text.si(small['tokens'], 2)} characters of training the best filter kept {text.pct(small['best'], 0)} of it. You get twelve times the compute, and no new text. What happens to the best threshold?",
        right("it moves: keep more of the pool", f"Best tried: {text.pct(large['best'], 0)}. The cleanest texts are used up, and what was too dirty once is now better than one more reading."),
        wrong("it stays: quality does not depend on compute", "The quality of a text does not, what another reading of it is worth does."),
        wrong("it moves: keep less, since more compute deserves better text", "Fewer texts would be read even more often, and repetition is what hurts at this budget."),
    )  # fmt: skip


def _worth_ten() -> Question:
    key = epochs_worth(10)
    return numeric(
        "worth-ten", "How many epochs are worth ten fresh ones, by the law?", key, unit="epochs", rtol=0.01,
        why=f"k = 1 − R_{{D}}^{{*}} ln(1 − 9/R_{{D}}^{{*}}) = {text.fixed(key, 1)}; to be worth 16 takes {text.fixed(epochs_worth(16), 0)}, and 17 cannot be had at all.",
        traps=[trap(10.0, "Ten epochs are worth less than ten: repeats fade."), trap(key - 1, "Count the first reading too.")],
    )  # fmt: skip


def _bands() -> Question:
    key = math.ceil(math.log(0.05) / math.log(1 - 0.4**3))
    return numeric(
        "bands", "The fewest bands of three numbers that catch a pair of similarity 0.4 with at least 95 %?", float(key), unit="bands", rtol=0.001,
        why=f"(1 − 0.4^{{3}})^{{b}} ≤ 0.05 gives b ≥ {text.fixed(math.log(0.05) / math.log(1 - 0.4**3), 1)}: {key} bands, {3 * key} numbers.",
        traps=[trap(float(key - 1), "Just short of 95 %."), trap(3.0 * key, "That is the number of hashes; there are three in a band.")],
    )  # fmt: skip
