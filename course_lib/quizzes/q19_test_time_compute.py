"""Lesson 19: scratchpads, coverage, votes, judges, and when thinking is cheaper than training."""

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

SMALL, LARGE = 8e9, 70e9  # parameters of the two models of the break-even question
TOKENS, ANSWER, TRIES = 15e12, 1000, 16  # training tokens of both, tokens of an answer, tries of the small one


def build() -> Lesson:
    """The questions, with keys computed from the formulas and the shipped results."""
    return Lesson(
        id="19_test_time_compute",
        title="19. Test-time compute",
        predictions=(_no_paper(), _same_price()),
        questions=(
            _why_steps(), _coverage(), _needed(), _same_mean(), _blind(), _accepted(), _turns(), _where(), _order(),
            _break_even(),
        ),
        exercises=(_best_n(), _crossing()),
    )  # fmt: skip


def _no_paper() -> Question:
    return single(
        "no-paper",
        "A model with 7,000 parameters learns to work chains of six small sums, writing down every step. After a few seconds of training it is nearly always right. The *same* model is trained to write only the last digit, with twice the training. How often is it right, out of ten possible digits?",
        wrong("never more often than by guessing, 10 %", "It can do better without thinking far: the last steps alone rule some digits out."),
        right("about one time in five", "It learns what the last steps give away, and no more."),
        wrong("about half of the time", "That would take several steps of the chain inside one forward pass. Two layers do not manage it, and neither do larger ones here."),
        wrong("nearly always: the knowledge is the same", "It knows every sum. What it lacks is a place to put the results in between."),
        why="Measured below: it stays close to the best that can be done by looking at the last steps only.",
        fixed_order=True,
    )  # fmt: skip


def _same_price() -> Question:
    from course_lib.claims.lesson_19 import matched_tries

    k = int(matched_tries("6K", "147K"))
    return single(
        "same-price",
        f"Two models learned the same number game. The larger has 24 times the parameters in its blocks and gives one answer. The smaller gets as many tries as cost the same FLOPs, {k} of them, and a perfect verifier picks. Who solves more?",
        right("the small one with its tries", "A right answer has to turn up once, and the verifier does the rest."),
        wrong("about equal: FLOPs are FLOPs", "A FLOP buys different things in different places. That is the subject of this lesson."),
        wrong("the large one, by a little", "One answer of the large model is better than one of the small. It is not better than the best of many."),
        wrong("the large one: what a model does not know it cannot guess", "True of problems with no chance at all. Most here have a small one, and small chances add up."),
        why="Measured below, with the price of each. Then comes the question whether the model deserves the credit, or the verifier.",
        fixed_order=True,
    )  # fmt: skip


def _why_steps() -> Question:
    return single(
        "why-steps", "The same weights' size, the same task: why does writing the steps down help so much?",
        right("Each written digit is read again, so the chain runs through the network once per step", "Depth in time: six passes, each of which has to do one sum."),
        wrong("The prompt gets longer, and longer prompts make models more careful", "Filler of the same length would not carry the results. What helps is what stands in it."),
        wrong("Sampling several steps averages out the errors", "Nothing is averaged here, and one slip spoils the end. Averaging is what a vote over *whole* chains does."),
        wrong("The scratchpad model saw more questions during training", "It saw half as many here. It did get more scored digits a question, and still the short one does not catch up with twice the steps."),
    )  # fmt: skip


def _coverage() -> Question:
    p, n = 0.05, 16
    key = formulas.coverage(p, n)
    return numeric(
        "coverage", f"A model solves a problem with chance {p} per try. What is the chance that at least one of {n} independent tries is right?",
        key, rtol=0.02,
        why=f"1 − (1 − {p})^{{{n}}} = {text.fixed(key, 3)}.",
        traps=[
            trap(p * n, "Sixteen times the chance is the *expected number* of right tries. Some problems get two."),
            trap(1 - key, "That is the chance that all of them fail."),
            trap(p**n, "That is the chance that all of them are right."),
        ],
        hint="When do all tries fail?",
    )  # fmt: skip


def _needed() -> Question:
    p, chance = 0.02, 0.9
    key = formulas.samples_needed(p, chance)
    return numeric(
        "needed", f"One try in fifty is right. How many tries until a right one has turned up with a chance of {text.pct(chance, 0)}?",
        key, unit="tries", rtol=0.02,
        why=f"ln(1 − {chance})/ln(1 − {p}) = {text.sig(key, 4)}, so 114.",
        traps=[
            trap(1 / p, "After 50 tries the chance is 64 %, not 90 %."),
            trap(chance / p, "Chances do not add up: that gives 45 tries, and 60 %."),
            trap(formulas.samples_needed(p, 0.99), "That is for 99 %."),
        ],
    )  # fmt: skip


def _same_mean() -> Question:
    k = 10
    return single(
        "same-mean", f"Exam A: every problem is solved with chance 0.5 per try. Exam B: half of the problems always, the other half never. Both have pass@1 = 0.5. What about pass@{k}?",
        right(f"A {text.fixed(formulas.coverage(0.5, k), 3)}, B 0.5", "Coverage depends on how the chances are spread over problems. Repeated tries do nothing for a problem without a chance."),
        wrong("0.999 for both, since the average chance is the same", "Averaging comes *after* the power: mean of 1 − (1 − p)^{k}, not 1 − (1 − mean p)^{k}."),
        wrong("0.5 for both: more tries do not change what a model knows", "In A every single try has an even chance; ten failures in a row happen once in 1,024 problems."),
        wrong("It cannot be said without knowing the verifier", "Coverage asks only whether a right one is among them. The verifier matters when you have to hand one in."),
    )  # fmt: skip


def _blind() -> Question:
    k = 64
    return single(
        "blind", f"A paper reports pass@{k} = 0.99 on a test whose answers are digits from 0 to 9. What do you conclude?",
        right("Nothing yet: guessing digits reaches more", f"1 − 0.9^{{{k}}} = {text.fixed(formulas.coverage(0.1, k), 4)} without reading the questions. Coverage has to be compared with blind tries on the same answers."),
        wrong("The model knows nearly all of it and needs a better way of choosing", "That is what such a number is often said to show. With ten possible answers it shows nothing of the kind."),
        wrong("With a majority vote the model would be right in 99 % of all cases", "A vote needs the right answer to be the *commonest*. Coverage needs it to occur."),
        wrong("The estimator is biased, as it draws from too few samples", "The unbiased estimator is exact on average. The trouble is with what is being estimated."),
    )  # fmt: skip


def _accepted() -> Question:
    p, hit, false_alarm = 0.05, 0.9, 0.05
    key = formulas.verified_share(p, hit, false_alarm)
    return numeric(
        "accepted", f"One sample in twenty is right. A judge accepts {text.pct(hit, 0)} of the right ones and, by mistake, {text.pct(false_alarm, 0)} of the wrong ones. You draw until one is accepted. With what chance is it right?",
        key, rtol=0.02,
        why=f"{p} × {hit} against {1 - p} × {false_alarm}: {text.fixed(key, 3)}. More samples do not change it: this judge's ceiling is about one half.",
        traps=[
            trap(hit, "That is how often a right sample is accepted. Most samples are wrong, and 5 % of many is a lot."),
            trap(1 - false_alarm, "That is how often a wrong sample is rejected."),
            trap(p, "That is without a judge."),
        ],
    )  # fmt: skip


def _turns() -> Question:
    return single(
        "turns", "Best-of-N with a learned judge rises until 400 samples and then falls. What happened?",
        right("Many samples find the rare wrong answers that the judge likes best", "The maximum of many scores lives in the tail, and there the judge's own errors are. Selecting harder selects them."),
        wrong("The model runs out of new ideas and starts repeating itself", "Repetition would make the curve flat. It cannot turn it down."),
        wrong("The noise in the judge's scores adds up with N", "Symmetric noise slows the climb. The maximum still favors the right ones a little."),
        wrong("With so many samples ties become frequent, and are broken at random", "Ties would lead towards the average of the tied, not below what fewer samples gave."),
    )  # fmt: skip


def _where() -> Question:
    return multiple(
        "where", "Where can many samples be turned into right answers *without* a human who checks?",
        right("Programs that come with tests", "Run them. As good as the tests are."),
        right("Formal proofs", "A proof checker accepts no nonsense."),
        right("Sums with one right result, where mistakes differ from sample to sample", "A vote does it: right answers agree, wrong ones scatter."),
        wrong("The birth year of a person whom the model has never read about", "No reasoning leads to a fact that is not there, and nobody in the machine can check it."),
        wrong("A text that should move its reader", "No verifier. A learned judge can be used, and can be fooled."),
    )  # fmt: skip


def _order() -> Question:
    cost = {
        "8B, one answer of 500 tokens": formulas.forward_flops_per_token(SMALL) * 500,
        "70B, one answer of 100 tokens": formulas.forward_flops_per_token(LARGE) * 100,
        "8B, 16 answers of 500 tokens": formulas.forward_flops_per_token(SMALL) * 500 * 16,
        "70B, 10,000 tokens of thought": formulas.forward_flops_per_token(LARGE) * 10_000,
    }
    names = sorted(cost, key=lambda name: cost[name])
    listed = ", ".join(text.sci(cost[name], 2) for name in names)
    return ordering(
        "order", "Order by FLOPs spent on writing, least first (2N a token).", names,
        why=f"{listed} FLOPs. A long chain of thought is a repeated sample, laid end to end.",
    )  # fmt: skip


def _break_even() -> Question:
    extra = formulas.training_flops(LARGE - SMALL, TOKENS)
    tries = formulas.forward_flops_per_token(SMALL) * ANSWER * TRIES
    once = formulas.forward_flops_per_token(LARGE) * ANSWER
    key = formulas.break_even_queries(extra, tries - once)
    return numeric(
        "break-even", f"An 8B model with {TRIES} tries is as good at your task as a 70B model with one. Both would be trained on 15T tokens; an answer has 1,000 tokens. After how many questions has the larger model paid for its training (6ND and 2N a token)?",
        key, unit="questions", rtol=0.03,
        why=f"The larger costs {text.sci(extra, 2)} FLOPs more to train, and saves {text.sci(tries, 3)} − {text.sci(once, 3)} a question: {text.sci(key, 2)}.",
        traps=[
            trap(extra / tries, "You forgot that the larger model also has to answer."),
            trap(formulas.training_flops(LARGE, TOKENS) / (tries - once), "The smaller one has to be trained as well: count the *difference*."),
            trap(extra / (once - tries / TRIES), "You let the small one try only once; then the larger saves nothing."),
        ],
        hint="Extra training, over what one question saves.",
    )  # fmt: skip


def _best_n() -> Question:
    best = max(range(1, 257), key=lambda n: formulas.best_of_n(0.05, n, 0.1, 0.01, 2.0))
    score = formulas.best_of_n(0.05, best, 0.1, 0.01, 2.0)
    return numeric(
        "best-n", "p = 0.05, noise 0.1, one wrong answer in a hundred fools the judge (score 2). Which number of tries k from 1 to 256 is best?", float(best), rtol=0.05,
        why=f"At k = {best} the answer is right in {text.pct(score, 0)}. Before that a right one is often missing, after it a brilliant wrong one is too often there.",
        traps=[trap(256.0, "More is not better with a judge that can be fooled."), trap(1.0, "One try is right one time in twenty.")],
    )  # fmt: skip


def _crossing() -> Question:
    from course_lib.tiny import reasoning

    rows = reasoning.results()["countdown"]
    small, large = rows["6K"], rows["147K"]
    key = formulas.break_even_queries(large.train_flops - small.train_flops, small.flops(64) - large.flops(1))
    return numeric(
        "crossing", "After how many problems has the 147K model with one try paid for its training, against the 6K model with 64?", key, rtol=0.02,
        why=f"{text.sci(large.train_flops - small.train_flops, 2)} FLOPs of extra training over {text.sci(small.flops(64) - large.flops(1), 2)} saved a problem. By then it has solved fewer of them, though: equal cost is not equal quality.",
        traps=[trap(large.train_flops / (small.flops(64) - large.flops(1)), "The small one was trained, too. Take the difference.")],
    )  # fmt: skip
