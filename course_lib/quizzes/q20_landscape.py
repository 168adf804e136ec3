"""Lesson 20: the whole cost of a model, what moves a plan, what a predicted loss says, eras, experiments."""

from course_lib import formulas, game, outlook, plans, text
from course_lib.catalog import gpu
from course_lib.claims import lesson_20
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


def build() -> Lesson:
    """The questions, with keys computed by the planner and the formulas."""
    return Lesson(
        id="20_landscape",
        title="20. The landscape",
        predictions=(_lever(), _balanced()),
        questions=(
            _lifetime(),
            _share(),
            _days(),
            _says(),
            _smaller(),
            _errors(),
            _serving_share(),
            _interval(),
            _design(),
            _mixture(),
        ),
        exercises=(_served(), _slower()),
    )


def _lever() -> Question:
    base = plans.make()
    shift = {row["key"]: row["moves"] for row in base.ranked}
    printed = next(m for m in shift["law"] if m["value"] == "printed")
    double = next(m for m in shift["budget"] if m["value"] > base.ask["budget"])
    return single(
        "lever", f"Ten million dollars, a thousand GPUs, a trillion tokens to serve: a planner answers “{text.si(base.result['n'], 3)} parameters on {text.si(base.result['tokens'], 3)} tokens”. Which of these changes moves that answer most?",
        wrong("twice the money", f"That gives {text.si(double['n'], 3)} on {text.si(double['tokens'], 3)}: size grows by {text.pct(double['n'] / base.result['n'] - 1, 0)}, text by {text.pct(double['tokens'] / base.result['tokens'] - 1, 0)}."),
        wrong("a quarter more utilization from the same GPUs", "That is a quarter more training compute: a tenth more of each."),
        right("the law’s constants as printed in 2022", f"{text.si(printed['n'], 3)} on {text.si(printed['tokens'], 3)}: less than half the size, more than twice the text, from the same experiment."),
        wrong("the share of experiments down from 30 to 10 %", "More compute is left for the final run; size and text grow by about an eighth each."),
        why="Lesson 6 met the three sets of constants as a curiosity. In a plan they outweigh a doubling of the budget.",
    )  # fmt: skip


def _balanced() -> Question:
    ratios = lesson_20.ratios("era 2")
    near = [r for r in ratios if 10 <= r <= 40]
    return numeric(
        "balanced", f"A source text calls 2022 and 2023 the era of “20 tokens per parameter”. The catalog has {len(ratios)} models of these years whose size and tokens are public. How many of them lie between 10 and 40 tokens per parameter?",
        float(len(near)), rtol=0.001,
        why=f"{len(near)} of {len(ratios)}: Chinchilla itself, LLAMA 65B and Llama 2 70B. The small models beside them were trained far past it.".replace("LLAMA", "LLaMA"),
        traps=[trap(float(len(ratios)), "All of them, as the name of the era would have it. Look at the dots below.")],
    )  # fmt: skip


def _lifetime() -> Question:
    n, d, s = 10e9, 1e12, 5e12
    key = formulas.lifetime_flops(n, d, s)
    return numeric(
        "lifetime", f"A model of {text.si(n, 2)} parameters reads {text.si(d, 1)} tokens in training and serves {text.si(s, 1)} in its life. How many FLOPs is that in all, if a FLOP of serving counts like one of training?",
        key, unit="FLOPs", rtol=0.01,
        why=f"6ND = {text.sci(formulas.training_flops(n, d), 1)} and 2N for each served token, {text.sci(2 * n * s, 1)}: serving is the larger part.",
        traps=[
            trap(formulas.training_flops(n, d), "That is training alone."),
            trap(6 * n * (d + s), "A served token goes forward only: 2N, not 6N."),
            trap(2 * n * s, "That is serving alone."),
        ],
    )  # fmt: skip


def _share() -> Question:
    paid, share = 6.0, 0.25
    return numeric(
        "share", f"The final run costs ${text.fixed(paid, 0)}M. Experiments and failed runs are {text.pct(share, 0)} of *all* training compute. How many million dollars is training in all?",
        paid / (1 - share), unit="million dollars", rtol=0.01,
        why=f"The final run is the other {text.pct(1 - share, 0)}: {text.fixed(paid, 0)}/{text.fixed(1 - share, 2)}.",
        traps=[
            trap(paid * (1 + share), "You took a quarter of the final run. The share is one of the whole."),
            trap(paid, "That is the final run alone."),
        ],
    )  # fmt: skip


def _days() -> Question:
    flops, cards, used = 1e24, 512, 0.4
    peak = gpu("H100").peak("bf16")
    key = formulas.training_seconds(flops, cards, peak, used) / formulas.SECONDS_PER_DAY
    return numeric(
        "days", f"{text.sci(flops, 1)} FLOPs on {cards} H100s ({text.sig(peak / 1e12, 3)} TFLOP/s dense in bf16) at {text.pct(used, 0)} utilization: how many days?",
        key, unit="days", rtol=0.02,
        why=f"{cards} × {text.sci(peak, 3)} × {used} = {text.sci(cards * peak * used, 3)} FLOP/s, and 86,400 s a day.",
        traps=[
            trap(key * used, "That is at the full peak."),
            trap(key / 2, "The peak printed on many data sheets is twice this, with sparsity."),
            trap(key * cards, "That is one GPU."),
        ],
    )  # fmt: skip


def _says() -> Question:
    return single(
        "says", "Your plan foretells a loss of 1.93 (1.83 to 1.95). What have you been promised?",
        wrong("About the exam results that other models of that loss have shown", "Loss and exam results go together within one family, one tokenizer and one mix of data. Across families they part."),
        right("A mean surprise per token, on Chinchilla’s text and tokenizer", "The constants were fitted to one corpus cut by one tokenizer. On yours the numbers differ, and the law wants fitting anew."),
        wrong("That the truth lies in the interval in 95 of 100 cases", "The interval holds published constants and the fit’s error. It does not hold what it never saw: your data, your recipe, a broken run."),
        wrong("A perplexity of 1.93", "Perplexity is e to the loss: about 6.9 here."),
    )  # fmt: skip


def _smaller() -> Question:
    return multiple(
        "smaller", "The loss you want is fixed. What makes the *cheapest* model for it smaller?",
        right("More tokens to serve", "Each served token costs 2N: demand pulls towards small models, trained longer."),
        right("Serving that gets less out of the roofline", "Serving then costs more seconds for each token, which is the same as more demand."),
        wrong("Less different text to be had", "Repeats fade. What text cannot give must come from size."),
        right("More of the compute going to the final run instead of experiments", "Training is then cheaper against serving, so more of it is used to make the model small."),
        wrong("A lower price of a GPU-hour", "The price stands before every term: the split does not change, only the bill."),
    )  # fmt: skip


def _errors() -> Question:
    checks = {(c.run, c.quantity): c for c in plans.known_runs()}
    picked = {
        "GPT-3’s GPU-hours from the sustained rate it reported": checks["GPT-3 on V100", "GPU-hours"],
        "Chinchilla’s FLOPs from 6ND": checks["Chinchilla", "FLOPs"],
        "Llama 3.1 405B’s GPU-hours from its MFU while running": checks["Llama 3.1 405B", "GPU-hours"],
        "Llama 3 8B’s GPU-hours from the 405B’s MFU": checks["Llama 3 8B", "GPU-hours"],
    }
    names = sorted(picked, key=lambda name: abs(picked[name].error))
    listed = ", ".join(text.pct(abs(picked[name].error), 1) for name in names)
    return ordering(
        "errors", "Order by how far the planner is off, the closest first.", names,
        why=f"{listed}. The closer a plan is to what was reported, the more of the report went into it.",
        hint="What is known about how the hours were counted?",
    )  # fmt: skip


def _serving_share() -> Question:
    n, tokens, served, weight = 2e10, 2e12, 4e12, 2.5
    training, serving = formulas.training_flops(n, tokens), 2 * n * served
    share = weight * serving / (training + weight * serving)
    plain = serving / (training + serving)
    return numeric(
        "serving-share", f"A model of {text.si(n, 2)} parameters reads {text.si(tokens, 2)} tokens in training and serves {text.si(served, 2)}. A FLOP of serving costs {weight} times a FLOP of training. What share of the life’s cost is serving, in per cent?",
        100 * share, unit="%", rtol=0.02,
        why=f"w D_{{inf}} = {text.si(weight * served, 2)} weighted tokens at 2N, beside {text.si(tokens, 2)} at 6N: {text.pct(share)}.",
        traps=[
            trap(100 * plain, f"That counts FLOPs alike. Cards that write are less busy: each FLOP counts {weight} times."),
            trap(100 * weight * served / (weight * served + tokens), "A served token takes a third of the FLOPs of a trained one."),
        ],
        hint="2N for a served token, 6N for a trained one.",
    )  # fmt: skip


def _interval() -> Question:
    g = outlook.gradient(70e9, 1.4e12, outlook.LAWS["refit"])
    alone = sum((g[i] * outlook.PUBLISHED_ERRORS[i]) ** 2 for i in range(5)) ** 0.5
    cov = outlook.covariance()
    joint = sum(g[i] * g[j] * cov[i][j] for i in range(5) for j in range(5)) ** 0.5
    return single(
        "interval", f"Adding the five published standard errors of the refit in squares gives ± {text.fixed(alone, 3)} nats for Chinchilla’s own run; the planner says ± {text.fixed(joint, 3)}. Why less?",
        right("The constants err together: a larger A with a larger α", "The fit knows the curve near its data far better than any single constant. Lesson 8 called it a ridge."),
        wrong("The planner leaves out E, the least certain constant of the five", "E is in, and it is the largest part of what remains at this size."),
        wrong("It averages over three constants sets", "The three sets are compared, and widen the interval. They average nothing."),
        wrong("Errors of a logarithm are smaller than errors of a number", "A and B do enter by their logarithms, in both computations."),
    )  # fmt: skip


def _design() -> Question:
    return single(
        "design", "You know nothing of the law and may spend 1e21 FLOPs before a run of 1e23. What should most of it buy?",
        wrong("One run of 1e21 at 20 tokens per parameter", "A single point fixes no exponent. It cannot even say whether the split was good."),
        right("Several sizes at each of a few budgets, decades apart", "Sizes on both sides show the bottom of each bowl; budgets show how bottoms and losses move."),
        wrong("Many copies of one size, so that the noise averages away", f"Noise of {text.pct(game.NOISE, 1)} is not what hurts; never having looked elsewhere is."),
        wrong("Very many very small runs, which cost nearly nothing", "Then everything hangs on extrapolating over five decades instead of two."),
    )  # fmt: skip


def _mixture() -> Question:
    dense, mixed = plans.make().result, plans.make(kind="moe").result
    return single(
        "mixture", f"With the same ten million dollars the planner’s mixture ends {text.fixed(dense['loss'] - mixed['loss'], 3)} nats below its dense model. Why is that no proof that you should train the mixture?",
        wrong("The mixture needs more training FLOPs for each token", "It needs fewer: only the experts that a token visits work."),
        right("The experts’ worth is assumed, and the interval dwarfs the gain", f"From “nothing” to “the geometric mean” it moves the loss by more than this. And it must be held in memory whole: {text.gigabytes(mixed['state_bytes'], 2)} of state instead of {text.gigabytes(dense['state_bytes'], 2)}."),
        wrong("Mixtures cannot be served to many people at once", "They serve many people best: then every expert that is read is used."),
        wrong("Laws for dense models never apply to mixtures, whatever the constants", "Their form does. What has to be measured is how many dense parameters the experts are worth."),
    )  # fmt: skip


def _served() -> Question:
    made = plans.make(goal="loss", loss=2.0, served=1e13).result
    none = plans.make(goal="loss", loss=2.0, served=0.0).result
    return numeric(
        "served", "Billions of parameters of the cheapest plan for a loss of 2.00 with ten trillion tokens to serve, everything else as it comes?", made["n"] / 1e9, rtol=0.03,
        why=f"With nobody to serve it is {text.si(none['n'], 3)}.",
        traps=[trap(none["n"] / 1e9, "That is with nobody to serve.")],
    )  # fmt: skip


def _slower() -> Question:
    usd = {u: plans.make(goal="loss", loss=1.95, utilization=u).result["usd"] / 1e6 for u in (0.4, 0.3)}
    return numeric(
        "slower", "Millions of dollars that a utilization of 30 instead of 40 % costs, for a loss of 1.95?", usd[0.3] - usd[0.4], rtol=0.05,
        why=f"${text.fixed(usd[0.4], 2)}M become ${text.fixed(usd[0.3], 2)}M.",
        traps=[trap(usd[0.3], "That is the whole bill at 30 %.")],
    )  # fmt: skip


