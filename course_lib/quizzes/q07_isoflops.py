"""Lesson 7: bowls, bottoms and exponents, and what counting does to them."""

import math

from course_lib import formulas, text
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

RULE_NAMES = {"total": "every parameter", "matmul": "what is multiplied", "blocks": "the blocks alone"}


def build() -> Lesson:
    """The questions, with keys computed from formulas and from the study's table."""
    return Lesson(
        id="07_isoflops",
        title="7. IsoFLOP curves",
        predictions=(_tenfold(), _recount()),
        questions=(
            _two_sides(),
            _from_two(),
            _tokens(),
            _count_order(),
            _relabel(),
            _raises(),
            _tiny_limit(),
            _how_many_seeds(),
            _honest(),
        ),
        exercises=(_leave_out(), _tenth()),
    )


def study_exponent(rule: str, drop: int = 0) -> float:
    """Exponent of the study at exact compute, by a counting rule, without the `drop` smallest budgets."""
    from course_lib import study
    from course_lib.study import noise, slices

    rows = noise.table(study.runs("grid"))
    budgets = sorted({row["budget"] for row in rows})[drop:]
    found = slices.chosen(slices.bottoms(rows, budgets, rule, True, slices.WINDOW))
    return float(slices.law(found)["exponent"])


def _tenfold() -> Question:
    a = study_exponent("matmul")
    return numeric(
        "tenfold",
        "Soon you will see what our own 108 models say. Guess: with *ten times* the compute, how many times larger should the model be?",
        10**a, unit="times", rtol=0.1,
        why=f"10^{{{text.fixed(a, 2)}}} = {text.sig(10**a, 2)}. Kaplan et al. would have said 10^{{0.73}} = {text.sig(10**0.73, 2)}, Hoffmann et al. 10^{{0.50}} = {text.sig(10**0.5, 2)}.",
        traps=[
            trap(10, "Then nothing of the compute would be left for more text. Part of it buys parameters, part tokens."),
            trap(10**0.73, "Kaplan’s answer. The study gives less."),
        ],
        hint="Compute is 6ND. If both factors grew alike, each would take the square root.",
    )  # fmt: skip


def _recount() -> Question:
    return single(
        "recount",
        "Two people get the same table of runs. One counts all parameters of each model, the other leaves out the token tables. Both look for the best size at each budget. What will differ?",
        wrong("nothing that matters: it is a choice of unit", "A unit would multiply every size by the same number. The tables are most of a small model and little of a large one."),
        wrong("the best sizes, but not how they grow", "That would need the tables to be a fixed share of the model. Their share falls as models grow."),
        right("the best sizes and the exponent as well", "The tables’ share falls with size, so the count without them climbs faster. Whole decades of advice hung on it."),
        why="Leaving out a part whose share falls with size bends every law that is written in the size.",
    )  # fmt: skip


def _two_sides() -> Question:
    return single(
        "two-sides", "At one budget the loss is high for the smallest and for the largest model. Why on the *large* side?",
        right("It has read too little: the budget ran out after few tokens", "Along a slice D = C/(6N). Twice the size, half the text."),
        wrong("It overfits, since it has more parameters than the text can pin down", "The large models of a slice have read only a part of the text, and once. They had no chance to memorize it."),
        wrong("Its learning rate is too high", "Then the bowl would be an artifact. The study scales the rate with the width for that reason, and the bowls remain."),
        wrong("Attention over the context costs more and more of its FLOPs", "The other way round: the look back is a larger share of *small* models."),
    )  # fmt: skip


def _from_two() -> Question:
    low, high = (1e10, 5_000.0), (1e12, 55_000.0)
    a = formulas.slope_between(low[0], low[1], high[0], high[1])
    return numeric(
        "from-two", "Two bottoms: 5,000 parameters at 1e10 FLOPs and 55,000 at 1e12. Which exponent a in N^{*} ~ C^{a} is that?",
        a, rtol=0.02,
        why=f"ln(55,000/5,000) / ln(1e12/1e10) = ln 11 / ln 100 = {text.fixed(a, 3)}.",
        traps=[
            trap(11 / 100, "That divides the factors. An exponent divides their *logarithms*."),
            trap(math.log10(11), "That is per factor of ten in *size*: you divided by 1, but 1e10 to 1e12 are two decades."),
            trap(1 / a, "Upside down: size over compute, not compute over size."),
        ],
        hint="The slope between two points on log–log axes.",
    )  # fmt: skip


def _tokens() -> Question:
    a = 0.53
    return numeric(
        "tokens", f"Along the bottoms N grows as C^{{{a}}}. By what factor do the *tokens* grow when compute grows tenfold? (C = 6ND.)",
        10 ** (1 - a), unit="times", rtol=0.02,
        why=f"D = C/(6N) grows as C^{{1 − {a}}}: 10^{{{1 - a:.2f}}} = {text.sig(10 ** (1 - a), 3)}.",
        traps=[
            trap(10**a, "That is the factor for the size. What is left of ten goes to the tokens."),
            trap(10, "Ten is the factor for the product N × D."),
            trap(10 / a, "Exponents are subtracted, not divided into the factor."),
        ],
    )  # fmt: skip


def _count_order() -> Question:
    a = {rule: study_exponent(rule) for rule in RULE_NAMES}
    order = sorted(a, key=lambda rule: a[rule])
    listed = ", ".join(f"{RULE_NAMES[rule]} {text.fixed(a[rule], 2)}" for rule in order)
    return ordering(
        "count-order", "The same runs, the same exact compute, three counts of N. Order them by the exponent they give, smallest first.",
        [RULE_NAMES[rule] for rule in order],
        why=f"{listed}. The more of the tables is left out, the faster the count grows between a small model and a large one.",
        hint="Which count leaves out most of the smallest models?",
    )  # fmt: skip


def _relabel() -> Question:
    return single(
        "relabel", "You want Kaplan’s view: N counts the blocks, and C is 6ND *with that N*. Why is it not enough to put new numbers on the axis under our slices?",
        right("The runs of one slice no longer have equal compute", "Small models lose a larger part of their FLOPs by the new count. Each size has to be moved along its own curve, loss against compute, to a common C."),
        wrong("The parabola must be fitted in N instead of log N", "The fit stays in log N. What changes is which points belong together."),
        wrong("The held-out loss has to be measured without the tables", "The loss is what the whole model achieves. Only the bookkeeping of size and cost changes."),
        wrong("The smallest models have no blocks left", "They have two layers each. The count shrinks by more than a third at width 8, but it does not vanish."),
    )  # fmt: skip


def _raises() -> Question:
    return multiple(
        "raises", "Which of these push a measured exponent *up*, away from 0.5 and towards Kaplan’s 0.73?",
        right("Leaving out the head when counting N and C, in small models", "Porian et al. start near 0.84 and are at 0.71 once the head is counted."),
        right("A warmup of fixed length that is long for the smallest budgets", "It eats most of a short run, and the large model of a small budget runs shortest: small budgets then prefer models that are too small. Fixing it took Porian et al. from 0.71 to 0.60."),
        right("A batch so large that the smallest budgets have few updates", "Again the large model of a small budget, which runs shortest, suffers most. Tuning batch and optimizer size by size was the last step of Porian et al., from 0.57 to 0.50."),
        wrong("Averaging three seeds at each point instead of one", "That makes the exponent less uncertain. It moves it in no particular direction."),
        wrong("Multiplying every count of parameters by the same constant", "A factor moves N^{*}, not its exponent: on log–log axes the line only shifts."),
    )  # fmt: skip


def _tiny_limit() -> Question:
    law = formulas.BESIROGLU
    alpha, beta = law["alpha"], law["beta"]
    key = beta / (beta + alpha / 3)
    return numeric(
        "tiny-limit", f"The law has α = {alpha} and β = {beta}. Which exponent does somebody see who counts only the blocks, for models so tiny that nearly all is table (tables ~ N^{{1/3}})?",
        key, rtol=0.02,
        why=f"N_total ~ N^{{1/3}} there, so the loss falls as N^{{−α/3}}: α is replaced by α/3, and β/(β + α/3) = {text.fixed(key, 2)}. Counting everything: {text.fixed(beta / (alpha + beta), 2)}.",
        traps=[
            trap(beta / (alpha + beta), "That is β/(α + β), what one sees with everything counted, or for very large models."),
            trap(alpha / 3 / (beta + alpha / 3), "That is the exponent of the tokens. N grows with β on top."),
            trap(beta / 3 / (alpha + beta / 3), "You divided β by three. It is the dependence on *size* that is seen through the tables."),
        ],
        hint="Replace α by what it looks like when N_total ~ N^{1/3}.",
    )  # fmt: skip


def _how_many_seeds() -> Question:
    sd, wanted = 0.012, 0.004
    return numeric(
        "how-many-seeds", f"The loss of one run scatters by {sd} nats between seeds. How many seeds must you average to know a point to {wanted}?",
        (sd / wanted) ** 2, unit="seeds", rtol=0.03,
        why=f"The error of a mean falls as one over the square root: ({sd}/{wanted})² = {(sd / wanted) ** 2:.0f}.",
        traps=[
            trap(sd / wanted, "That would be so if the error fell as one over the number of seeds. It falls as the square root."),
            trap(math.sqrt(sd / wanted), "Square, not square root."),
        ],
    )  # fmt: skip


def _honest() -> Question:
    return single(
        "honest", "Kaplan et al. measured 0.73 and Hoffmann et al. about 0.50. Which sentence is closest to what the reconciliations of 2024 found?",
        right("Both measured; they counted differently, at a scale where that matters, and tuned differently", "Pearce & Song: the count and the small scale. Porian et al.: head FLOPs, warmup, tuning by size."),
        wrong("Kaplan et al. made an arithmetic mistake, which Hoffmann et al. corrected", "Their count was a deliberate choice, said in the paper. For large models it hardly matters."),
        wrong("Hoffmann et al. owe their result to learning-rate decay, which Kaplan et al. left out", "That was the guess of Hoffmann et al. themselves. Porian et al. find that decay is not essential: 0.60 becomes 0.57."),
        wrong("The exponent grew between 2020 and 2022 because data got better", "Data can move it, but the gap was reproduced on one data set by changing the bookkeeping and the tuning."),
    )  # fmt: skip


def _leave_out() -> Question:
    key = study_exponent("matmul", drop=1)
    full = study_exponent("matmul")
    return numeric(
        "leave-out", "The study’s exponent (N: what is multiplied, exact compute) without the budget 1e10.",
        key, rtol=0.01,
        why=f"{text.fixed(key, 3)}; with all budgets it is {text.fixed(full, 3)}.",
        traps=[trap(full, "That is the exponent with all budgets.")] if abs(key / full - 1) > 0.011 else [],
    )  # fmt: skip


def _tenth() -> Question:
    weight = formulas.table_weight(50257, 1, 64)
    blocks = (9 * weight) ** 1.5
    return numeric(
        "tenth", "GPT-2’s vocabulary, one tied table, width 64 times the layers: at how many parameters *in the blocks* is the table a tenth of the model?",
        blocks, unit="parameters", rtol=0.03,
        why=f"w N^{{1/3}} = N/9, so N = (9w)^{{3/2}} with w = {text.si(weight, 3)}: {text.si(blocks, 3)}.",
        traps=[
            trap((10 * weight) ** 1.5, "A tenth of the *whole*: the table is a ninth of the blocks."),
            trap((weight / 9) ** 1.5, "The blocks are nine times the table, so 9w, not w/9."),
        ],
    )  # fmt: skip
