"""Lesson 11: jumps that come from the ruler, jumps that do not, and learning from the prompt."""

import math

from course_lib import catalog, formulas, text
from course_lib.catalog.abilities import Ability, abilities
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

SHEET, GOOD, POOR = 30, 0.97, 0.76  # questions on a sheet; shares of single facts that two networks know
LAW_EXPONENT = 0.35  # of the explorable's smooth law


def build() -> Lesson:
    """The questions, with keys computed from formulas and catalog."""
    return Lesson(
        id="11_emergence",
        title="11. Emergence",
        predictions=(_thirty(), _layers(), _ruler()),
        questions=(
            _twenty(),
            _half(),
            _patience(),
            _one_layer(),
            _looks(),
            _two_votes(),
            _evidence(),
            _onsets(),
            _gpt4(),
        ),
        exercises=(_longer(), _shift()),
    )


def _onset(words: str) -> Ability:
    """The onset of Wei et al. 2022 whose ability begins with these words."""
    return next(row for row in abilities("onset") if row.ability.startswith(words))


def _thirty() -> Question:
    share = formulas.exact_match(GOOD, SHEET)
    return single(
        "thirty",
        f"A small network answers {text.pct(GOOD, 0)} of single facts rightly. It is given many sheets of {SHEET} random facts. On what share of the sheets is *every* answer right?",
        wrong("97 %", "That is one fact. Thirty of them all have to go well."),
        wrong("70 %", f"100 % less thirty times 3 % would even be 10 %. Chances of going right multiply: {GOOD}^{{{SHEET}}}."),
        right("40 %", f"{GOOD}^{{{SHEET}}} = {text.fixed(share, 2)}, if the answers are independent of each other. We count whether they are."),
        wrong("3 %", "That is the share of single facts it does *not* know."),
        why=f"Independent chances multiply: {text.pct(share, 0)}.",
        fixed_order=True,
    )  # fmt: skip


def _layers() -> Question:
    return single(
        "layers",
        "A random word such as QMXB is repeated over and over, a new one in every text. Two models with the same number of weights learn to continue: one has two layers, the other has one wide layer. What happens?",
        wrong("Both learn it; the wide one even faster", "Width would help to store more, but there is nothing to store: the word is new every time."),
        wrong("Neither can, since the words are random", "The first pass is a guess for everybody. The second pass can be read off the first."),
        right("Two layers reach nearly 100 %, one layer stays below half", "To find what came after the last M, something must have noted “I stand after an M” one layer earlier."),
        wrong("Two layers do slightly better, as with any law in depth", "This gap is no matter of degree: a step of the computation is missing in one layer."),
    )  # fmt: skip


def _ruler() -> Question:
    return single(
        "ruler",
        "Adders of growing size go from hardly any four-digit sum right to nearly all. We grade the very same adders by log-likelihood, which has no threshold. What becomes of the jump?",
        wrong("It disappears, as Schaeffer et al. found for GPT-3", "That was their result for their tasks and models. It is no theorem about all tasks."),
        wrong("It turns into a straight line on a logarithmic axis", "That is what a power law would do. Look at what is measured below."),
        right("It stays, over about the same range of sizes", "Digits and nats move where the whole sums move: here the change is in the models."),
        wrong("It moves to models a hundred times smaller", "A kinder ruler does see it a little earlier, at a neighboring size."),
    )  # fmt: skip


def _twenty() -> Question:
    key = formulas.exact_match(0.95, 20)
    return numeric(
        "twenty", "A model gets 95 % of tokens right, independently. What share of answers of 20 tokens is entirely right? (In per cent, or as a share.)",
        key, rtol=0.03,
        why=f"0.95^{{20}} = {text.fixed(key, 3)}.",
        traps=[
            trap(0.95, "That is one token."),
            trap(1 - key, "That is the share with at least one mistake."),
            trap(formulas.coverage(0.95, 20), "That is the chance of at least one right token: the wrong end of the problem."),
        ],
    )  # fmt: skip


def _half() -> Question:
    key = 0.5 ** (1 / SHEET)
    return numeric(
        "half", f"How reliable must single answers be, in per cent, for half of all sheets of {SHEET} to be perfect?",
        100 * key, unit="%", rtol=0.002,
        why=f"p^{{{SHEET}}} = 1/2 gives p = 2^{{−1/{SHEET}}} = {text.pct(key, 2)}. From there to 90 % of the sheets it takes only {text.pct(0.9 ** (1 / SHEET), 2)}.",
        traps=[
            trap(50.0, "Then one sheet in a thousand million is perfect."),
            trap(100 * (1 - 0.5 / SHEET), "Nearly: you spread half a mistake over thirty answers. Chances multiply, they do not add."),
            trap(100 * (1 - 1 / SHEET), "One mistake per sheet on average: then about a third of the sheets are perfect."),
        ],
    )  # fmt: skip


def _patience() -> Question:
    share = formulas.exact_match(POOR, SHEET)
    return numeric(
        "patience", f"The smallest network knows {text.pct(POOR, 0)} of single facts. How many sheets of {SHEET} must you grade, on average, to see one perfect sheet?",
        1 / share, unit="sheets", rtol=0.05,
        why=f"1/{POOR}^{{{SHEET}}} = {text.commas(1 / share)}. A test of 500 sheets reports 0 %: part of the silence is the size of the test.",
        traps=[
            trap(1 / POOR, "That is for a single fact."),
            trap(SHEET / POOR, "Sheets are not filled one fact at a time: all thirty must be right at once."),
            trap(1 / (1 - POOR) ** 2, "You used the share it gets wrong."),
        ],
        hint="The chance of a perfect sheet, turned over.",
    )  # fmt: skip


def _one_layer() -> Question:
    return single(
        "one-layer", "Why does a single attention layer fail to look up what came after the last M?",
        right("All its keys are made before any position knows its neighbor", "The key of X would have to say “after M”. That is known only when a layer below has fetched it, or when the input is shifted by hand."),
        wrong("Attention cannot reach back more than a few positions", "Every position can attend to every earlier one, in any layer."),
        wrong("It has too few weights to hold all words", "Both models have the same number, and the words are new each time: there is nothing to hold."),
        wrong("The causal mask hides the first pass from it", "The mask hides the future. The first pass lies in the past."),
    )  # fmt: skip


def _looks() -> Question:
    return single(
        "looks", "The prompt is `K7R2Z5R2K`, and the model should say 7. Where does the induction head of layer 2 look from the last K?",
        wrong("At the first K", "That K is where the match is found, but what is wanted stands after it."),
        right("At the 7", "At what stood *after* the earlier K. Layer 1 wrote on the 7 that it comes after a K."),
        wrong("At the 2 just before", "That is the head of layer 1: one back, always."),
        wrong("At all of them, as evenly as it can", "That is how a one-layer model hedges."),
    )  # fmt: skip


def _two_votes() -> Question:
    return single(
        "two-votes", "Three in ten examples in the prompt are wrong. Even a perfect reader gains almost nothing from the *second* example of a pair, and much from the third. Why?",
        right("If two disagree, nobody can tell which is right; a third decides", "Two votes are a draw or agree. Agreement makes you surer, and leaves the answer as it was."),
        wrong("The second example falls out of the context", "All of them fit; the context has 32 symbols."),
        wrong("Models read odd positions better than even ones", "The reader here is no model: it counts."),
        wrong("The law of large numbers starts at three", "It has no start. Draw up the cases for two votes."),
    )  # fmt: skip


def _evidence() -> Question:
    return multiple(
        "evidence", "Someone reports that an ability “emerged” between two sizes. Which findings would speak for a change in the models, and not in the ruler?",
        right("The log-likelihood of right answers jumps over the same range", "A measure without a threshold moves too."),
        right("The attention heads needed for it exist above the range only", "A mechanism has appeared: that is the strongest kind of evidence."),
        wrong("The exact-match score is zero below, on 200 questions", "Zero of 200 leaves room for a small p^{k}."),
        wrong("The answers have many tokens, and all of them must be right", "That is just the setting in which a smooth p looks sudden."),
        right("The same step shows with other seeds and test questions", "Then at least it is no luck of one run."),
    )  # fmt: skip


def _onsets() -> Question:
    listed = {
        "Adding 8-digit numbers, fine-tuned with a scratchpad": _onset("8-digit"),
        "Adding 3-digit numbers, few-shot": _onset("addition and subtraction, 3"),
        "Word problems with a chain of thought": _onset("chain of thought: word"),
        "Adding 4-5 digit numbers, few-shot": _onset("addition and subtraction, 4"),
        "Word in context": _onset("word in context"),
    }
    names = sorted(listed, key=lambda name: listed[name].params)
    sizes = ", ".join(text.si(listed[name].params, 2) for name in names)
    return ordering(
        "onsets", "Order by the size at which Wei et al. (2022) saw the ability appear, smallest first.", names,
        why=f"{sizes}. The largest is {text.commas(listed[names[-1]].params / listed[names[0]].params)} times the smallest, and adding appears three times.",
        hint="A scratchpad turns one hard step into many easy ones.",
    )  # fmt: skip


def _gpt4() -> Question:
    leak = catalog.model("GPT-4").params_published or 0
    return single(
        "gpt4", "What has OpenAI published about the size of GPT-4?",
        wrong(f"{text.si(leak, 2)} parameters, of which a part is active", "That figure circulates from a leak. The report gives none."),
        wrong("Ten times the parameters of GPT-3, on 13T tokens", "Neither is in the report; the tokens come from the same leak."),
        right("Neither parameters nor tokens nor compute", "The technical report declines to give them. It does say that its loss was predicted from smaller runs."),
        wrong("Only the compute: about 2e25 FLOPs", "That too is an estimate from leaked numbers."),
    )  # fmt: skip


def _longer() -> Question:
    key = formulas.length_shift(30, LAW_EXPONENT) / formulas.length_shift(5, LAW_EXPONENT)
    return numeric(
        "longer", "Factor in size between answers of 5 and of 30 tokens.",
        key, rtol=0.03,
        why=f"(30/5)^{{1/{LAW_EXPONENT}}} = {text.sig(key, 3)}: the whole curve moves, and keeps its shape.",
        traps=[
            trap(6.0, "Six times longer, but the exponent of the law stretches it."),
            trap(formulas.length_shift(30, LAW_EXPONENT), "That is from one token to thirty."),
            trap(math.pow(6, LAW_EXPONENT), "The exponent has to be turned over: how much more size for six times less loss."),
        ],
    )  # fmt: skip


def _shift() -> Question:
    return numeric(
        "shift", "Accuracy of one layer with the token shift, on words of eight symbols.",
        1.0, rtol=0.05,
        why="It learns in fewer steps than two layers do: the shift hands it the note that layer 1 would have to write.",
    )  # fmt: skip
