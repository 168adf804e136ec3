"""Lesson NN: what its quiz asks, in a line."""

from course_lib import formulas, text
from course_lib.quizzes.questions import Lesson, Question, multiple, numeric, right, single, trap, wrong


def build() -> Lesson:
    """The questions, with keys computed from the formulas."""
    return Lesson(
        id="NN_name",
        title="NN. Title of the lesson",
        predictions=(_guess(),),
        questions=(_tenfold(), _hundredfold(), _straight(), _symbol(), _true(), _limit()),
        exercises=(_half(),),
    )


def _guess() -> Question:
    ratio = formulas.ratio_per_decade(formulas.KAPLAN_ALPHA_N)
    return numeric(
        "guess", "Before the evidence: what is the loss multiplied by when a model grows tenfold?",
        ratio, rtol=0.02, why=f"By the law of this page: {text.fixed(ratio, 2)}.",
    )  # fmt: skip


def _tenfold() -> Question:
    ratio = formulas.ratio_per_decade(formulas.KAPLAN_ALPHA_N)
    return numeric(
        "tenfold", "The exponent is 0.076. What is the loss multiplied by when N grows tenfold?",
        ratio, why=f"10^{{−0.076}} = {text.fixed(ratio, 3)}.",
        traps=[trap(1 - formulas.KAPLAN_ALPHA_N, "The exponent is no share: raise ten to its negative.")],
    )  # fmt: skip


def _hundredfold() -> Question:
    ratio = formulas.ratio_per_factor(formulas.KAPLAN_ALPHA_N, 100)
    one = formulas.ratio_per_decade(formulas.KAPLAN_ALPHA_N)
    return numeric(
        "hundredfold", "And when N grows a hundredfold?", ratio,
        why=f"The factor of ten, twice: {text.fixed(one, 3)}² = {text.fixed(ratio, 3)}.",
        traps=[trap(2 * one - 1, "Factors multiply; losses are not subtracted twice.")],
    )  # fmt: skip


def _straight() -> Question:
    return single(
        "straight", "On which axes is a power law without floor a straight line?",
        right("Both logarithmic", "log L = α (log N_c − log N)."),
        wrong("Loss plain, size logarithmic", "That straightens a logarithm, which falls by a fixed *amount*."),
        wrong("Both plain", "There it is a curve that flattens."),
    )  # fmt: skip


def _symbol() -> Question:
    return single(
        "symbol", "What does the law’s N count?",
        wrong("Every parameter, the token table too", "The paper leaves the table out, and its plots bend if it is counted."),
        right("Parameters without the embeddings", "So the paper defines it."),
        wrong("Training tokens", "These are D."),
    )  # fmt: skip


def _true() -> Question:
    return multiple(
        "true", "What follows from the law?",
        right("Each tenfold is worth the same ratio", "That is what a power law says."),
        wrong("The loss reaches zero at some size", "It comes near and never arrives."),
        right("The same *amount* gets dearer all the time", "Equal ratios of a shrinking loss are shrinking amounts."),
    )  # fmt: skip


def _limit() -> Question:
    return single(
        "limit", "What does the law not tell?",
        wrong("The loss of a model ten times larger", "That is what it is for, within the range it was fitted on."),
        right("What the model will be able to do", "A loss is no ability: lesson 11."),
    )  # fmt: skip


def _half() -> Question:
    factor = formulas.factor_for_ratio(formulas.KAPLAN_ALPHA_N, 0.5)
    return numeric(
        "half", "How many times larger must a model be for half the loss?", factor, rtol=0.05,
        why=f"2^{{1/0.076}} = {text.commas(factor)}.",
    )  # fmt: skip
