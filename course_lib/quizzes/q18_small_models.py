"""Lesson 18: distillation and its bill, what a teacher adds, feedback from comparisons, drift, published scores."""

from course_lib import formulas, text
from course_lib.catalog import scores
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

LOGIT_HOURS, TRAINING_HOURS = 86e3, 830e3  # H100 hours of Llama 3.2 1B and 3B, by their model card
# Rounded from the shipped tables (the tests hold them against the rows).
GAIN = 0.13  # nats that the teacher's answers are worth at 300,000 characters
GUESSING = 25  # points of 100 on questions with four options
WORTH = 2.0  # times the text that a student without a teacher needs


def build() -> Lesson:
    """The questions, with keys computed from the formulas, the catalog and published figures."""
    return Lesson(
        id="18_small_models",
        title="18. Small models",
        predictions=(_teacher(), _pleased()),
        questions=(
            _reading(),
            _why_soft(),
            _share(),
            _weak(),
            _above_chance(),
            _best(),
            _sure(),
            _drift(),
            _order(),
            _caveats(),
        ),
        exercises=(_students(), _samples()),
    )


def _teacher() -> Question:
    return single(
        "teacher", "Two students of 29,472 parameters read the same 300,000 characters. One is asked for the next character of the novel; the other for the probabilities that a teacher three times its size gives. Both are then tested on the novel. Who is better?",
        wrong("The first: it learned the real thing", "It learned one draw at each place. The teacher hands over a whole distribution."),
        wrong("Neither: they read the same text", "They read the same and were told different amounts about it."),
        right("The second, by a tenth of a nat or more", "As much as reading twice as far would bring."),
        wrong("The second, and it beats its teacher", "Not at this size: the teacher has three times the parameters and read a great deal more."),
        why=f"Measured below: {text.fixed(GAIN, 2)} nats, which takes a student without a teacher about {text.times(WORTH, 2)} the text.",
    )  # fmt: skip


def _pleased() -> Question:
    return single(
        "pleased", "We train a reward model on a judge’s comparisons and tune the text model to please it, sixty steps, with no price on change. What does the tuned model write?",
        wrong("better prose: longer words, fewer made-up ones", "That is what the judge asked for, and for a while it comes. Then something else does."),
        wrong("the same prose, since a few steps change little", "Sixty steps are enough to change everything."),
        right("one phrase, over and over", "The reward model was never asked about variety, so variety is what is paid with."),
        wrong("random letters", "Those score badly: made-up words surprise the reward model."),
        why="The reward climbs all the way. Look at the samples in the explorable below.",
    )  # fmt: skip


def _reading() -> Question:
    n, d, big = 1e9, 1e12, 8e9
    extra = formulas.forward_flops_per_token(big) * d
    own = formulas.training_flops(n, d)
    return numeric(
        "reading", "A 1B student is distilled on 1T tokens from an 8B teacher that reads all of them. How many times the FLOPs of the student’s own training (6ND) does the teacher’s reading (2ND) cost?",
        extra / own, unit="times", rtol=0.02,
        why=f"2 × 8B × 1T = {text.sci(extra, 2)} against 6 × 1B × 1T = {text.sci(own, 2)}. A teacher more than three times the student costs more to listen to than the student costs to train.",
        traps=[
            trap(big / n, "You took the same FLOPs per parameter for both. The teacher only goes forward: 2ND."),
            trap(own / extra, "Upside down."),
            trap(1 + extra / own, "That is everything together over the student’s training. The question is about the reading alone."),
        ],
    )  # fmt: skip


def _why_soft() -> Question:
    return single(
        "why-soft", "Where does the extra lesson in a teacher’s probabilities sit?",
        wrong("In the character that it ranks first, which is right more often than the text", "The text *is* the truth it is tested on. A hard label from the teacher would be worse than the text’s."),
        right("In how it shares out the rest among the other characters", "At each place the student learns how plausible *every* continuation was, where the text names one."),
        wrong("In the temperature, which makes the numbers larger", "The temperature only changes how loudly the small opinions speak."),
        wrong("In the extra FLOPs of the teacher, which reach the student", "FLOPs are not handed over. What is handed over is information."),
    )  # fmt: skip


def _share() -> Question:
    share = LOGIT_HOURS / (LOGIT_HOURS + TRAINING_HOURS)
    return numeric(
        "share", f"The model card of Llama 3.2 lists {text.commas(TRAINING_HOURS / 1e3)}K GPU-hours for training the 1B and 3B models and {text.commas(LOGIT_HOURS / 1e3)}K for computing the teachers’ logits. What share of the whole, in per cent, went into listening to the teachers?",
        100 * share, unit="%", rtol=0.02,
        why=f"{text.commas(LOGIT_HOURS / 1e3)} / {text.commas((LOGIT_HOURS + TRAINING_HOURS) / 1e3)} = {text.pct(share)}. The hours that trained the teachers stand on another bill.",
        traps=[
            trap(100 * LOGIT_HOURS / TRAINING_HOURS, "That is relative to the training alone; the question asks for the share of the whole."),
        ],
    )  # fmt: skip


def _weak() -> Question:
    return single(
        "weak", "A student copies a teacher that is *worse* than the student would have become by itself on the same text. What happens, with probabilities of the teacher as the only target?",
        wrong("It ends where it would have ended alone", "It never sees the text’s characters as targets, only the teacher’s opinion of them."),
        wrong("It ends better: any teacher adds information", "The information is about the teacher’s distribution, mistakes included."),
        right("It ends near the teacher, worse than alone", "It has learned to predict the teacher. Mixing in the text’s own characters would help; so would a better teacher."),
        wrong("It does not learn at all", "It learns what there is to learn: the teacher."),
    )  # fmt: skip


def _above_chance() -> Question:
    small, large = scores.mmlu("Llama 3.2 3B"), scores.mmlu("GPT-3 175B")
    factor = (small - GUESSING) / (large - GUESSING)
    return numeric(
        "above-chance", f"On MMLU guessing gives {GUESSING} points of 100. GPT-3 175B is listed with {text.fixed(large, 1)}, Llama 3.2 3B with {text.fixed(small, 1)}. How many times as far above guessing is the small model?",
        factor, unit="times", rtol=0.02,
        why=f"({text.fixed(small, 1)} − {GUESSING})/({text.fixed(large, 1)} − {GUESSING}) = {text.sig(factor, 3)}. A score starts where a guesser stands, not at zero.",
        traps=[
            trap(small / large, "That counts the points that a guesser gets as well."),
            trap(small - large, "That is the difference in points."),
            trap(1 / factor, "Upside down."),
        ],
    )  # fmt: skip


def _best() -> Question:
    drift = formulas.best_of_n_drift(16)
    return numeric(
        "best", "You let a model write 16 continuations and keep the one with the best score. By how many nats has the distribution of what you show drifted from the model’s? (ln n − (n − 1)/n)",
        drift, unit="nats", rtol=0.02,
        why=f"log 16 − 15/16 = {text.fixed(drift, 2)}. However hard the judge, choosing among 16 cannot drift further; tuning can.",
        traps=[
            trap(formulas.bits(drift), "That is in bits."),
            trap(drift + 15 / 16, "You left out (n − 1)/n."),
            trap(16.0, "That is n. Drift grows with its logarithm."),
        ],
    )  # fmt: skip


def _sure() -> Question:
    return single(
        "sure", f"A judge prefers a to b with probability 1/(1 + e^{{−m}}), m the difference of their rewards. At m = 1 that is {text.pct(formulas.preference(1), 0)}. What is it when *both* rewards grow by 5?",
        wrong("Nearly 100 %", "The difference counts, and it has not changed."),
        right("The same", "Comparisons fix a reward only up to a constant: no comparison can tell whether everything is good or everything bad."),
        wrong("Nearer to 50 %", "That would be so if the scale shrank; a shift leaves differences as they are."),
        wrong("It depends on which is longer", "Only as far as the reward does."),
    )  # fmt: skip


def _drift() -> Question:
    return multiple(
        "drift", "Policy tuning pushes a reward up and you watch the drift. What else would tell you, *before* a person reads the samples, that things go wrong?",
        right("The share of different words falls", "A model that has found one phrase stops using the others."),
        right("The loss on held-out text rises steeply", "It forgets how to predict anything that the reward does not ask for."),
        right("Fresh comparisons disagree with the reward model", "It was fitted where the untuned model writes. Elsewhere it guesses."),
        wrong("The reward falls", "It is what the tuning climbs. It goes up to the end."),
        wrong("The number of parameters changes", "Tuning moves weights; it adds none."),
    )  # fmt: skip


def _order() -> Question:
    names = {
        "GPT-3 175B (2020)": scores.mmlu("GPT-3 175B"),
        "Llama 2 13B (2023)": scores.mmlu("Llama 2 13B"),
        "Llama 3.2 3B (2024)": scores.mmlu("Llama 3.2 3B"),
        "Llama 3 8B (2024)": scores.mmlu("Llama 3 8B"),
    }
    listed = sorted(names, key=lambda name: names[name])
    return ordering(
        "order", "Order these base models by their published MMLU score, lowest first.", listed,
        why=", ".join(f"{name} {text.fixed(names[name], 1)}" for name in listed) + ". Size and score have changed places: tokens, filtering and teachers make up the difference.",
        hint="Four choices: guessing gives 25. The smallest is not the worst.",
    )  # fmt: skip


def _caveats() -> Question:
    return single(
        "caveats", "A report says: “our 4B model beats a 13B model of another company on MMLU by 15 points”. Which doubt is the *weakest*?",
        wrong("The small one may have seen questions like these in training", "A strong doubt: synthetic textbooks and exam questions resemble each other, and few reports prove the opposite."),
        wrong("One is tuned on instructions and the other a base model", "A strong doubt: tuning alone can move such a score by ten points and more."),
        wrong("Each company used its own prompts and examples", "A strong doubt: the same model scores differently in different harnesses."),
        right("The small model has too few parameters to know so much", "Lesson 9 to 11 and this one show that size is one input among several. The score may well be real; ask how it was measured."),
    )  # fmt: skip


def _students() -> Question:
    per_student = formulas.training_flops(1e9, 1e12)
    teacher = formulas.training_flops(70e9, 15e12)
    share = teacher / (0.1 * per_student)
    return numeric(
        "students", "A 70B teacher was trained on 15T tokens. How many 1B students of 1T tokens each must share it, so that its training adds no more than a tenth to the FLOPs of a student’s own training?",
        share, unit="students", rtol=0.02,
        why=f"{text.sci(teacher, 3)} shared among n students must be at most {text.sci(0.1 * per_student, 2)}: n = {text.commas(share)}. Such a teacher is trained for its own sake; distillation uses what exists.",
        traps=[trap(share / 10, "That makes it as much as the student’s own training, not a tenth of it.")],
    )  # fmt: skip


def _samples() -> Question:
    n = 2
    while formulas.best_of_n_drift(n) < 3:
        n += 1
    return numeric(
        "samples", "How many samples must best-of-n draw before its drift bound ln n − (n − 1)/n reaches 3 nats?",
        float(n), unit="samples", rtol=0.001,
        why=f"{n} samples: {text.fixed(formulas.best_of_n_drift(n), 3)} nats.",
        traps=[trap(20.0, "That is e^{3}: you left out (n − 1)/n.")],
    )  # fmt: skip
