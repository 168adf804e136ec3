"""Lesson 5: the laws of Kaplan et al., their advice, and how a learning rate can mislead."""

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

GPT3_FLOPS = 3.14e23


def build() -> Lesson:
    """The questions, with keys computed from the formulas."""
    return Lesson(
        id="05_kaplan",
        title="5. The first laws",
        predictions=(_grow_guess(), _half_way_guess()),
        questions=(
            _which_law(),
            _text_for_hundred(),
            _ten_per_cent(),
            _eight_times(),
            _no_floor(),
            _collision(),
            _mid_run(),
            _reasons(),
            _tenfold(),
        ),
        exercises=(_clash(), _penalty()),
    )


def _growth(factor: float) -> tuple[float, float]:
    """How many times N and D grow by Kaplan's advice when the budget grows `factor` times."""
    n = formulas.kaplan_params(factor * 1e20) / formulas.kaplan_params(1e20)
    return n, factor / n


def _grow_guess() -> Question:
    n, d = _growth(10)
    return numeric(
        "grow", "In 2020 Kaplan et al. measured how to split compute between a larger model and more text. You get *ten times* the compute. How many times larger do they advise to make the model?",
        n, rtol=0.05,
        why=f"10^{{0.73}} is {text.fixed(n, 1)}. The text grows only {text.times(d, 2)}: nearly all of the money goes into size.",
    )  # fmt: skip


def _half_way_guess() -> Question:
    return single(
        "half-way", "You train a small model on 480,000 letters. Its learning rate falls along half a cosine and reaches zero at the end. At 240,000 letters you note its loss. Then you train a copy on the *same* 240,000 letters in the same order, with a learning rate that reaches zero there. Whose loss is lower at 240,000 letters?",
        wrong("the long run’s: its learning rate was higher, so it learned faster", "It moved faster, and was still bouncing: a high rate cannot settle into the details."),
        wrong("the same: both have read the same letters", "What they read is the same. At what rate they took it in is not."),
        right("the short run’s", "Letting the rate fall is worth several hundredths of a nat, and the long run still has that ahead of it."),
        why="A loss in the middle of a schedule is not the loss of a run that ends there.",
    )  # fmt: skip


def _which_law() -> Question:
    return single(
        "which-law", "You may train a model of 50M parameters, no larger, on as much web text as you like and for as long as you like. Which of Kaplan’s laws says what loss to expect?",
        right("L(N)", "Text and time are not short, size is. That is the condition under which L(N) holds."),
        wrong("L(D)", "It says what *D* tokens allow to a model that is large enough. Here the text is unlimited, and so is what it allows."),
        wrong("L(C)", "It says what compute buys when you are free to choose the size. You are not."),
        wrong("L(N, D)", "It would, and with D without end it becomes L(N): the simpler name is the answer here."),
    )  # fmt: skip


def _text_for_hundred() -> Question:
    n, d = _growth(100)
    return numeric(
        "text-hundred", "By Kaplan’s advice, N grows as C^{0.73} at C = 6ND. Your compute grows *a hundredfold*. How many times more text do you buy?",
        d, rtol=0.03,
        why=f"100 / 100^{{0.73}} = 100^{{0.27}} = {text.fixed(d, 2)}. The model grows {text.times(n, 3)} meanwhile.",
        traps=[
            trap(n, "That is how much the model grows. The text gets what is left of the hundred."),
            trap(10, "That is Chinchilla’s answer: both grow as the square root."),
            trap(_growth(10)[1], "That is for ten times the compute. Here it is a hundred."),
        ],
        hint="N times D must grow a hundredfold.",
    )  # fmt: skip


def _ten_per_cent() -> Question:
    alpha = formulas.KAPLAN_ALPHA_D
    factor = formulas.factor_for_ratio(alpha, 0.9)
    by_size = formulas.factor_for_ratio(formulas.KAPLAN_ALPHA_N, 0.9)
    return numeric(
        "ten-per-cent", f"L(D) has the exponent {alpha}. The model is large enough; only text is short. How many times more text takes ten per cent off the loss?",
        factor, rtol=0.03,
        why=f"0.9^{{−1/{alpha}}} = {text.fixed(factor, 2)}. By size, with the exponent {formulas.KAPLAN_ALPHA_N}, it would take {text.times(by_size, 2)}.",
        traps=[
            trap(by_size, "That is the exponent of size, 0.076. For text it is 0.095."),
            trap(0.1 ** (-1 / alpha), "That takes the loss *to* ten per cent. You want ten per cent off."),
            trap(1 / 0.9, "That would be an exponent of 1: the loss falling in proportion to the text."),
        ],
        hint="Which factor, raised to −0.095, is 0.9?",
    )  # fmt: skip


def _eight_times() -> Question:
    more = formulas.kaplan_data_needed(8e9) / formulas.kaplan_data_needed(1e9)
    return numeric(
        "eight-times", "Kaplan et al. found that a model overfits little as long as D is at least 5000 N^{0.74}. You make a model *eight times* larger. How many times larger must the text be?",
        more, rtol=0.03,
        why=f"8^{{0.74}} = {text.fixed(more, 2)}. This is about *reusing* a fixed text until training is done. It does not say how to spend compute.",
        traps=[
            trap(8, "That would be in proportion. The exponent is 0.74, below one."),
            trap(8**0.27, "That is the exponent of the compute-optimal text. Here it is 0.74, applied to size."),
            trap(5000 * 8**0.74, "The 5000 cancels: you want a ratio."),
        ],
    )  # fmt: skip


def _no_floor() -> Question:
    far = formulas.factor_for_ratio(formulas.KAPLAN_ALPHA_N, 1.0 / formulas.kaplan_loss_n(1e9))
    return single(
        "no-floor", "Kaplan’s laws have no floor: the loss falls along a straight line on log–log paper without end. What do we know about that?",
        right("It fits where it was measured, and the authors themselves wrote that it must flatten", f"Text has entropy. By L(N) a model {text.sci(far, 1)} times one of 1B parameters would score 1 nat; nobody expects the line to be straight that far."),
        wrong("It shows that text has no entropy, so perfect prediction is a matter of size", "A fit shows what holds where there are points. No point lies anywhere near zero."),
        wrong("It is a misprint: the paper’s formulas end in a constant that text 1 restores", "Equations 1.1 to 1.3 have none. The constant came with Henighan et al. and Hoffmann et al."),
        wrong("It makes no difference, since a floor only shifts the curve down", "A floor bends the curve. Near the data that is invisible, far away it decides."),
    )  # fmt: skip


def _collision() -> Question:
    c = 1e25
    n, d = formulas.kaplan_params(c), formulas.kaplan_tokens(c)
    promised = formulas.kaplan_loss_c(formulas.kaplan_min_flops(c))
    allowed = formulas.kaplan_loss_d(d)
    return single(
        "collision", f"At {text.sci(c, 1)} FLOPs Kaplan’s advice gives {text.si(n, 2)} parameters and {text.si(d, 2)} tokens. Their L(C) promises {text.fixed(promised, 2)} nats; their L(D) allows no better than {text.fixed(allowed, 2)} with that text. What follows?",
        right("At least one of the lines must bend before this budget", "Both cannot hold. The authors put the meeting point near 10^{4} petaflop/s-days, within a factor of ten either way."),
        wrong("The model is too small, and a larger one would close the gap", "L(D) is already the best that *any* model can make of this text."),
        wrong("The budget law wins, since compute includes both size and text", "L(D) is a limit for whatever is trained on D tokens, at any compute."),
        wrong("Nothing: the two laws describe different models", "They describe one family, in one paper, on one text. That is why the clash is informative."),
    )  # fmt: skip


def _mid_run() -> Question:
    return single(
        "mid-run", "Somebody draws L(D) from *one* long run, reading its loss at a tenth, a quarter and half of its planned length. Compared with runs that were planned to end there, what does the law look like?",
        right("Too high at the early readings, so its exponent comes out too steep", "Only the last reading has had its learning rate lowered. The law seems to reward text more than it does."),
        wrong("Too low at the early readings, so its exponent comes out too flat", "The early readings miss what lowering the learning rate brings. They are too high."),
        wrong("Right in its exponent, too high throughout by the same share", "The last reading is exact, so the share cannot be the same for all."),
        wrong("Right, since the loss depends on what was read and not on plans", "Plans set the learning rate at that moment, and the loss depends on it."),
    )  # fmt: skip


def _reasons() -> Question:
    return multiple(
        "reasons", "Two studies of 2024 repeated the disagreement between Kaplan and Chinchilla to find its causes. Which of these did they find to matter?",
        right("N left the embeddings out, at sizes where they are much of the model", "Pearce & Song: this and the small scale account for most of the gap."),
        right("The FLOPs of the output head were not counted", "Porian et al., first of three causes. At small sizes the head is a large part of the bill (lesson 4)."),
        right("The warmup was too long for the small models", "Porian et al., second cause: 3,000 steps are most of a short run."),
        right("One optimizer setting served all sizes", "Porian et al., third cause: rates and batches have to follow the size."),
        wrong("The learning rate did not decay to the length of each run", "That was Hoffmann et al.’s suspicion, and it does distort readings. Both studies found that it is not what made the exponent."),
        wrong("The test text differed from the training text", "Both papers judged on text of the same kind."),
    )  # fmt: skip


def _tenfold() -> Question:
    exponents = {"text": formulas.KAPLAN_ALPHA_D, "parameters": formulas.KAPLAN_ALPHA_N, "compute, well split": formulas.KAPLAN_ALPHA_C}
    left = {f"ten times the {what}": formulas.ratio_per_decade(exponent) for what, exponent in exponents.items()}
    left["twice the parameters"] = formulas.ratio_per_doubling(formulas.KAPLAN_ALPHA_N)
    names = sorted(left, key=lambda name: left[name])
    listed = ", ".join(f"{name}: {text.fixed(left[name], 3)}" for name in names)
    return ordering(
        "tenfold", "What is short grows; of the rest there is plenty. Order by what the loss is multiplied by in Kaplan’s laws, smallest first.",
        names, why=f"{listed}. Compute comes late because it has to pay for size and text at once.",
        hint="The larger the exponent, the more a factor of ten takes off.",
    )  # fmt: skip


def _clash() -> Question:
    low, high = 1e20, 1e28
    for _ in range(100):
        mid = math.sqrt(low * high)
        promised = formulas.kaplan_loss_c(formulas.kaplan_min_flops(mid))
        if promised > formulas.kaplan_loss_d(formulas.kaplan_tokens(mid)):
            low = mid
        else:
            high = mid
    days = formulas.petaflop_days(formulas.kaplan_min_flops(low))
    return numeric(
        "clash", "From which budget in FLOPs does Kaplan’s L(C) promise less than L(D) allows at the advised split?",
        low, unit="FLOPs", rtol=0.05,
        why=f"{text.sci(low, 2)} FLOPs, of which C_min is half: {text.sig(days, 2)} petaflop/s-days. The paper says about 10^{{4}}.",
        traps=[trap(low / 2, "That is C_min. The budget at the critical batch is twice that.")],
    )  # fmt: skip


def _penalty() -> Question:
    n = 1e9
    alone, both = formulas.kaplan_loss_nd(n, 1e40), formulas.kaplan_loss_nd(n, formulas.kaplan_data_needed(n))
    return numeric(
        "penalty", "By the joint law, by which share is the loss of a 1B model above its limit when its text is just 5000 N^{0.74}?",
        both / alone - 1, rtol=0.05,
        why=f"{text.fixed(both, 3)} against {text.fixed(alone, 3)} nats: {text.pct(both / alone - 1, 1)}, about the 0.02 by which their runs differed from seed to seed, which is why the 5000 was chosen.",
        traps=[
            trap(both - alone, "That is the difference in nats; divide by the limit."),
            trap(100 * (both / alone - 1), "The right number of per cent; write it as a share, or with its % sign."),
        ],
    )  # fmt: skip
