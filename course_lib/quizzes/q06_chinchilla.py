"""Lesson 6: the parametric law, its optimum, and what printed constants can carry."""

import math

from course_lib import formulas, text
from course_lib.catalog import size_and_tokens
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

GOPHER_FLOPS = 5.76e23  # as Hoffmann et al. 2022 count Gopher's budget
PRINTED, PRECISE, REFIT = formulas.HOFFMANN_PRINTED, formulas.HOFFMANN_PRECISE, formulas.BESIROGLU


def build() -> Lesson:
    """The questions, with keys computed from formulas and catalog."""
    return Lesson(
        id="06_chinchilla",
        title="6. Chinchilla",
        predictions=(_ten_times(), _printed_guess()),
        questions=(
            _optimum(),
            _share(),
            _drift(),
            _matched(),
            _mean(),
            _twenty(),
            _order(),
            _llama3(),
            _flat(),
        ),
        exercises=(_your_budget(), _past_it()),
    )


def _ratio(name: str) -> float:
    return formulas.tokens_per_param(*size_and_tokens(name))


def _ten_times() -> Question:
    root = 10**0.5
    return single(
        "ten-times", "Your compute budget grows tenfold. What do you do with it, to get the lowest loss?",
        wrong("the model 10 times larger, the same text", "The extra parameters would be starved: data become the limit, and no size removes the data term."),
        wrong("the model 5.4 times larger, 1.9 times the text", "That is the advice of 2020, an exponent of 0.73. The models built on it turned out short of text."),
        right(f"both about {text.sig(root, 2)} times larger", "Roughly equal growth: the square root of 10 for each, since their product is the budget."),
        wrong("the same model, 10 times the text", "Then size becomes the limit. It is what one does to make serving cheap (lesson 9), not to get the lowest loss."),
        why="All three methods of Hoffmann et al. put the exponent of *N* near a half.",
        fixed_order=True,
    )  # fmt: skip


def _printed_guess() -> Question:
    printed = formulas.chinchilla_ratio(GOPHER_FLOPS, PRINTED)
    return numeric(
        "printed", f"Everyone knows “20 tokens per parameter”, and everyone prints the same five constants of the law. Put the printed constants into the formula for the optimum, at Chinchilla’s budget of {text.sci(GOPHER_FLOPS)} FLOPs. Which ratio comes out?",
        printed, unit="tokens per parameter", rtol=0.1,
        why=f"{text.sig(printed, 2)}, not 20. The unrounded exponents give {text.sig(formulas.chinchilla_ratio(GOPHER_FLOPS, PRECISE), 2)}, the refit of 2024 {text.sig(formulas.chinchilla_ratio(GOPHER_FLOPS, REFIT), 2)}.",
        traps=[trap(20, "That is the rule of thumb. The question is what the printed constants give.")],
    )  # fmt: skip


def _optimum() -> Question:
    law = {"E": 1.8, "A": 100.0, "B": 400.0, "alpha": 0.5, "beta": 0.5}
    n, d = formulas.chinchilla_params(6e18, law), formulas.chinchilla_tokens(6e18, law)
    return numeric(
        "optimum", "A law with *α* = *β* = 0.5, *A* = 100 and *B* = 400, and a budget of 6e18 FLOPs. How many parameters has the best model?",
        n, unit="parameters", rtol=0.02,
        why=f"G = (100/400)^{{1/(0.5 + 0.5)}} = 1/4, and C/6 = 1e18, whose square root is 1e9: {text.si(n, 2)} parameters on {text.si(d, 2)} tokens.",
        traps=[
            trap(d, "That is the number of tokens that goes with it. *A* is the smaller constant, so size is the smaller need."),
            trap(1e9, "You left out G: the two terms are not alike, since *B* is four times *A*."),
            trap(0.25 * 6e18**0.5, "Divide the budget by 6 first: C = 6ND."),
            trap(0.5e9, "G is (αA/βB) to the power of 1/(α + β), which is 1 here, not a half."),
        ],
        hint="Set αA/N^{α} equal to βB/D^{β}, with ND = C/6.",
    )  # fmt: skip


def _share() -> Question:
    share = formulas.chinchilla_size_share(REFIT)
    other = REFIT["alpha"] / (REFIT["alpha"] + REFIT["beta"])
    return numeric(
        "share", f"On the path of best splits, which share of the loss above *E* is the size term? Take the refit, *α* = {REFIT['alpha']} and *β* = {REFIT['beta']}.",
        share, rtol=0.01,
        why=f"At the optimum αA/N^{{α}} = βB/D^{{β}}, so the terms stand as β to α, at every budget: β/(α + β) = {text.fixed(share, 3)}.",
        traps=[trap(other, "Upside down: the term with the *larger* exponent falls faster and is the smaller one at the optimum.")],
        hint="At the optimum a little more of either buys the same: compare αA/N^{α} with βB/D^{β}.",
    )  # fmt: skip


def _drift() -> Question:
    slope = (PRINTED["alpha"] - PRINTED["beta"]) / (PRINTED["alpha"] + PRINTED["beta"])
    factor = 100.0**slope
    return numeric(
        "drift", f"With the printed exponents, *α* = {PRINTED['alpha']} and *β* = {PRINTED['beta']}: by which factor does the best ratio *D*/*N* change when the budget grows 100-fold?",
        factor, rtol=0.02,
        why=f"N goes as C^{{β/(α + β)}} and D as C^{{α/(α + β)}}, so the ratio as C to the power of {text.fixed(slope, 3)}: {text.sig(factor, 3)} for a factor of 100. Only α = β would make it a constant.",
        traps=[
            trap(1 / factor, "Upside down: *α* is larger, so parameters pay off faster and the best model needs fewer of them, not more."),
            trap(1, "The ratio is constant only if *α* = *β*."),
            trap(10.0**slope, "That is for a factor of 10."),
        ],
    )  # fmt: skip


def _matched() -> Question:
    flops = {
        name: formulas.training_flops(*size_and_tokens(name)) for name in ("Chinchilla", "GPT-3", "Gopher", "LLaMA 65B")
    }
    return single(
        "matched", "Which pair of models shows what the *split* alone does, with the compute about equal?",
        right("Gopher and Chinchilla", f"{text.sci(flops['Gopher'], 3)} and {text.sci(flops['Chinchilla'], 3)} FLOPs by 6ND, one laboratory, nearly the same recipe and text."),
        wrong("GPT-3 and Chinchilla", f"Chinchilla had {text.times(flops['Chinchilla'] / flops['GPT-3'], 3)} the compute of GPT-3. One of our source texts calls that “the same”."),
        wrong("LLaMA 65B and Chinchilla", "Equal compute and nearly the same split: they differ in text and architecture, not in what is asked."),
        wrong("GPT-3 and Gopher", "Both are short of text, and their budgets differ by more than half."),
    )  # fmt: skip


def _mean() -> Question:
    return single(
        "mean", "Somebody minimizes the *mean* of the Huber losses over 240 runs instead of their sum, with the optimizer’s default settings. The answer changes. Why?",
        right("The optimizer stops when numbers look small, and the mean makes them small", "Its tolerances are absolute. Divided by 240, the slope passes for zero long before the bottom."),
        wrong("The mean has its minimum at other constants than the sum", "A positive factor moves no minimum. It moves only the moment at which an optimizer is content."),
        wrong("The mean gives outliers more weight than the sum does", "Every run is divided by the same 240: no run gains on another."),
        wrong("The division by 240 loses digits, and the fit runs into rounding errors", "Sixteen digits stay sixteen digits. The gradient is still known well; it is merely called zero."),
    )  # fmt: skip


def _twenty() -> Question:
    return multiple(
        "twenty", "What is true about “20 tokens per parameter”?",
        right("It fits the model that Hoffmann et al. trained: 1.4T tokens, 70B parameters", "1.4T/70B is 20 exactly. That is where most readers have it from."),
        right("The refit of 2024 gives about that ratio at Chinchilla’s budget", f"{text.sig(formulas.chinchilla_ratio(GOPHER_FLOPS, REFIT), 3)}, with a wide margin."),
        wrong("It follows from the constants 406.4, 410.7, 1.69, 0.34 and 0.28", f"They give {text.sig(formulas.chinchilla_ratio(GOPHER_FLOPS, PRINTED), 2)} there."),
        wrong("It holds at any budget, since it comes from a power law", "Only if α = β. With any other exponents the ratio is itself a power of C."),
        wrong("It holds for any text and tokenizer", "It comes from one mix of text cut into one kind of token. Our own study, in characters, gives another number."),
    )  # fmt: skip


def _order() -> Question:
    names = ["GPT-3 175B", "Llama 2 70B", "LLaMA 7B", "Llama 3 8B"]
    names.sort(key=_ratio)
    listed = ", ".join(f"{name} {text.sig(_ratio(name), 3)}" for name in names)
    return ordering(
        "order", "Order these models by tokens per parameter, fewest first. Tokens: " + ", ".join(f"{name} {text.si(size_and_tokens(name)[1], 2)}" for name in sorted(names)) + ".",
        names, why=f"{listed}. The LLaMA models that one of our source texts calls “Chinchilla-optimal” run from {text.sig(_ratio('LLaMA 65B'), 2)} to {text.sig(_ratio('LLaMA 7B'), 3)}.", hint="Divide D by N.",
    )  # fmt: skip


def _llama3() -> Question:
    claimed, flops = 16.55e12, 3.8e25
    tokens = 0.29 * flops**0.53
    return numeric(
        "llama3", f"The Llama 3 paper prints its rule as *D* = 0.29 C^{{0.53}}. How many tokens is that at {text.sci(flops, 2)} FLOPs?",
        tokens, unit="tokens", rtol=0.03,
        why=f"{text.si(tokens, 3)}, {text.pct(1 - tokens / claimed, 0)} below the {text.si(claimed, 4)} that the same paper plans with. C is e^{{{text.sig(math.log(flops), 3)}}}, so half a unit in the second digit of the exponent is worth {text.pct(flops**0.005 - 1, 0)}.",
        traps=[trap(claimed, "That is what the paper says, from the digits that it does not print. Put the printed ones into the formula.")],
    )  # fmt: skip


def _flat() -> Question:
    n, d = formulas.chinchilla_params(GOPHER_FLOPS, REFIT), formulas.chinchilla_tokens(GOPHER_FLOPS, REFIT)
    best = formulas.chinchilla_loss(n, d, REFIT)
    off = formulas.chinchilla_loss(2 * n, d / 2, REFIT) - best
    by_size, by_size_2 = REFIT["A"] / n ** REFIT["alpha"], REFIT["A"] / (2 * n) ** REFIT["alpha"]
    return single(
        "flat", "By the refit, you miss the best size by a factor of two at Chinchilla’s budget, in either direction, and keep the budget. What does it cost?",
        right(f"Less than a hundredth of a nat ({text.fixed(off, 4)} upward)", "A minimum is flat. That is good news for planning and bad news for measuring where it is."),
        wrong("About a tenth of a nat", f"More than the whole size term, which is {text.fixed(by_size, 3)} nats there. Doubling N takes {text.fixed(by_size - by_size_2, 3)} off it, and halving D gives {text.fixed(off + by_size - by_size_2, 3)} back."),
        wrong("Half of the gain over Gopher", f"Gopher is four times off, not two, and the cost grows with the square of the logarithm: here it is {text.fixed(off, 4)} nats."),
        wrong("Nothing: the loss depends on the budget only", "It depends on the split, but weakly near the best one."),
    )  # fmt: skip


def _your_budget() -> Question:
    flops = 1e21
    n = formulas.chinchilla_params(flops, REFIT)
    return numeric(
        "your-budget", "The best number of parameters for 1e21 FLOPs, by the refit.", n, unit="parameters", rtol=0.02,
        why=f"{text.si(n, 3)} parameters on {text.si(formulas.chinchilla_tokens(flops, REFIT), 3)} tokens.",
        traps=[
            trap(formulas.chinchilla_tokens(flops, REFIT), "That is the number of tokens."),
            trap(formulas.chinchilla_params(flops, PRINTED), "That is by the constants as Hoffmann et al. print them."),
        ],
    )  # fmt: skip


def _past_it() -> Question:
    n, d = size_and_tokens("LLaMA 7B")
    flops = formulas.training_flops(n, d)
    share = formulas.chinchilla_flops_for_loss(formulas.chinchilla_loss(n, d, REFIT), REFIT) / flops
    return numeric(
        "past-it", "LLaMA 7B on 1T tokens: which share of its FLOPs would a best split need for the same loss, by the refit?", share, rtol=0.02,
        why=f"{text.pct(share, 0)}: the rest is the price of a model that is cheap to serve.",
        traps=[trap(1 - share, "That is the part that was spent on being small.")],
    )  # fmt: skip
