"""Lesson 9: lifetime cost, the inference-aware optimum, tokens per parameter, and what overtraining buys."""

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

REFIT = formulas.BESIROGLU
QUALITY = 13e9  # the Chinchilla size whose loss the worked questions ask for
# At 3e12 FLOPs: characters per parameter of the best size, and what three times as many cost in nats. Both are
# rounded; the tests measure them.
BEST_RATIO, TRIPLED = 43, 0.003


def build() -> Lesson:
    """The questions, with keys computed from formulas and catalog."""
    return Lesson(
        id="09_overtraining",
        title="9. Overtraining",
        predictions=(_tripled(), _llama_demand()),
        questions=(
            _qwen(),
            _break_even(),
            _wall(),
            _dearer(),
            _volume(),
            _demands(),
            _pushes(),
            _optimist(),
            _equal(),
        ),
        exercises=(_your_size(), _in_dollars()),
    )


def _tripled() -> Question:
    return single(
        "tripled", f"Lesson 7’s bowl at 3e12 FLOPs. The best of our sizes read {BEST_RATIO} characters per parameter. A smaller one, for the *same* FLOPs, read three times as many for each. What did that cost in loss?",
        right(f"about {text.sig(TRIPLED, 1)} nats: less than two seeds differ", "The bottom of a bowl is flat. Little is lost, and the model is much smaller."),
        wrong("about 0.03 nats: more than two per cent", "That takes about ten times the best ratio. Near the bottom a bowl has no slope."),
        wrong("about 0.1 nats: clearly worse", "So much is lost only at the ends of the bowl."),
        wrong("nothing; it was better, as small models learn faster", "They learn faster for each FLOP at first. At the bottom of the bowl both effects cancel, by definition."),
        why="Measured below, on three seeds each.",
        fixed_order=True,
    )  # fmt: skip


def _llama_demand() -> Question:
    n, d = size_and_tokens("Llama 3 8B")
    demand = formulas.revealed_demand(n, d, REFIT)
    older = [formulas.revealed_demand(n, d, law) for law in (formulas.HOFFMANN_PRINTED, formulas.HOFFMANN_PRECISE)]
    return single(
        "llama-demand", f"Llama 3 8B read {text.si(d, 2)} tokens, far past any Chinchilla split. Suppose somebody chose this to make training *and* serving together as cheap as possible. How many tokens must they have expected to serve?",
        wrong("about 160B, the text of a Chinchilla split", "Serving so little, a larger model trained on less would have been far cheaper."),
        wrong("about 15T, as many as it read", "At 2 FLOPs against 6 that much serving costs a third of its training. Not enough to pay for it."),
        right(f"about {text.si(round(demand, -13), 2)}, more than ten times what it read", f"By the refit. The two older sets of constants say {text.si(older[0], 2)} and {text.si(older[1], 2)}."),
        wrong("no number would do: it is a waste", "Overtraining always pays from some demand on, as long as the loss can be reached at all."),
        why=f"`formulas.revealed_demand`: {text.si(demand, 3)}.",
        fixed_order=True,
    )  # fmt: skip


def _qwen() -> Question:
    n, d = size_and_tokens("Qwen2.5 7B")
    times = d / n / 20
    return numeric(
        "qwen", f"Qwen2.5 7B has {text.si(n, 4)} parameters and read {text.si(d, 2)} tokens. How many times the rule of 20 tokens per parameter is that?",
        times, rtol=0.02, unit="times",
        why=f"{text.si(d, 2)} / {text.si(n, 4)} = {text.sig(d / n, 4)} tokens per parameter, and a twentieth of that.",
        traps=[
            trap(d / n, "Those are the tokens per parameter. Divide by 20."),
            trap(d / 7e9 / 20, "That is with the 7 of its name. It has 7.6 billion."),
            trap(times * 20 / 25, "That is against 25 tokens per parameter. The rule says 20."),
        ],
    )  # fmt: skip


def _pair() -> tuple[float, float, float, float]:
    """N and D, rounded as printed, of a Chinchilla model and of one half its size, both of one loss."""
    loss = formulas.loss_of_chinchilla_size(QUALITY, REFIT)
    large = (QUALITY, round(formulas.tokens_for_loss(QUALITY, loss, REFIT), -9))
    small = (QUALITY / 2, round(formulas.tokens_for_loss(QUALITY / 2, loss, REFIT), -9))
    return (*large, *small)


def _break_even() -> Question:
    n1, d1, n2, d2 = _pair()
    extra = 6 * (n2 * d2 - n1 * d1)
    key = formulas.break_even_tokens(n2, 6 * n2 * d2, n1, 6 * n1 * d1)
    return numeric(
        "break-even", f"By the refit these two end at the same loss: {text.si(n1, 2)} on {text.si(d1, 3)} tokens, and {text.si(n2, 2)} on {text.si(d2, 3)}. From how many served tokens on is the smaller one cheaper over its life, in FLOPs?",
        key, unit="tokens", rtol=0.03,
        why=f"Extra training {text.sci(extra, 3)} FLOPs; each token saves 2 × {text.si(n1 - n2, 2)} = {text.sci(2 * (n1 - n2), 3)}. So {text.si(key, 3)}: less than the smaller one read in training.",
        traps=[
            trap(key / 3, "You took 6 FLOPs a parameter for a served token. Serving has no backward pass: 2."),
            trap(key / 2, "You divided by 4N or forgot that only the *difference* of the sizes is saved."),
            trap(2 * key, "You took 1 FLOP a parameter. A multiply and an add are two."),
        ],
        hint="Extra training FLOPs, over what each served token saves.",
    )  # fmt: skip


def _wall() -> Question:
    share = formulas.smallest_size_share(REFIT)
    exponent = 1 / REFIT["alpha"]
    return numeric(
        "wall", f"Take the loss of a Chinchilla-optimal {text.si(QUALITY, 2)} model, with the refit’s α = {text.sig(REFIT['alpha'], 4)} and β = {text.sig(REFIT['beta'], 4)}. What is the smallest model that could ever reach it, with any amount of text?",
        share * QUALITY, unit="parameters", rtol=0.03,
        why=f"Size causes β/(α+β) = {text.sig(formulas.chinchilla_size_share(REFIT), 4)} of the excess at the optimum, and may cause all of it: ({text.sig(formulas.chinchilla_size_share(REFIT), 4)})^{{{text.sig(exponent, 3)}}} = {text.sig(share, 3)} of the size.",
        traps=[
            trap(formulas.chinchilla_size_share(REFIT) * QUALITY, "You forgot the exponent: the size term goes with N^{−α}, so the share has to be raised to 1/α."),
            trap(formulas.smallest_size_share(formulas.HOFFMANN_PRINTED) * QUALITY, "That is with the constants as printed in 2022."),
            trap((1 - formulas.chinchilla_size_share(REFIT)) ** exponent * QUALITY, "You took the share that the *data* cause."),
        ],
        hint="Without end of text the data term is zero; the size term may then be as large as the whole excess.",
    )  # fmt: skip


def _dearer() -> Question:
    return single(
        "dearer", "Training runs at 40 % of the peak, serving at 10 %. You minimize *dollars*. What do you put into the formula that minimizes FLOPs?",
        right("Four times the demand", "A served FLOP costs four times as much card time. Four times the tokens cost the same as one FLOP at four times the price."),
        wrong("A quarter of the demand", "Serving got dearer, so it should weigh more."),
        wrong("A quarter of the training tokens", "The training tokens are what comes out. Prices do not change the law."),
        wrong("The same; a size that saves FLOPs saves dollars in proportion", "It would, if a FLOP cost the same in both. Here it does not."),
    )  # fmt: skip


def _volume() -> Question:
    n = 1e12
    once, each = formulas.training_flops(n, 20 * n), formulas.forward_flops_per_token(n)
    ratio = (once / 1e14 + each) / (once / 1e16 + each)
    return single(
        "volume", "A 1T model on 20T tokens serves 100T tokens over its life. Instead it serves 10,000T. What happens to its cost for each token, training included?",
        wrong("It falls to a hundredth", "Only the training is shared out among more tokens. Serving a token takes 2N FLOPs however many others are served."),
        wrong("It falls to a tenth", "Neither part does that: training per token falls a hundredfold, serving not at all."),
        right(f"It falls by a third or so: a factor of {text.sig(ratio, 3)}", f"{text.sci(once / 1e14 + each, 3)} FLOPs a token become {text.sci(once / 1e16 + each, 3)}; the floor is 2N."),
        wrong("It stays the same to the last per cent", "At 100T tokens training is still more than a third of the whole."),
        fixed_order=True,
    )  # fmt: skip


def _demands() -> Question:
    names = ("Chinchilla", "LLaMA 7B", "Llama 3.1 405B", "Llama 3 8B")
    asked = {name: formulas.revealed_demand(*size_and_tokens(name), REFIT) for name in names}
    inorder = sorted(names, key=lambda name: asked[name])
    listed = ", ".join(f"{name} {text.si(asked[name], 2)}" for name in inorder)
    return ordering(
        "demands", "For which demand would each have been the cheapest choice, by the refit? Order by served tokens, least first.", inorder,
        why=f"{listed}. Tokens per parameter are not the whole story: the 405B has fewer than the LLaMA, and needs more readers to pay for them.",
        hint="Demand grows with the training tokens, and with how far past the Chinchilla split they are.",
    )  # fmt: skip


def _pushes() -> Question:
    return multiple(
        "pushes", "Which of these are reasons for a model *smaller* than the Chinchilla size of its loss?",
        right("It has to answer on a phone", "Memory and bandwidth of the device set the size, whatever the training costs."),
        right("Each user waits for every token", "At small batches a token takes as long as it takes to read the weights: proportional to N."),
        right("It will be asked very often", "Serving 2N for each token outgrows the training."),
        wrong("The training budget is small", "Then each FLOP has to buy as much loss as possible: stay at the bottom of the bowl."),
        wrong("It will be measured once and then dropped", "Without serving, 6ND is all there is, and Chinchilla’s split is the cheapest."),
        wrong("There is little text to train on", "Overtraining needs *more* text. With little text, a larger model gets more out of it."),
    )  # fmt: skip


def _optimist() -> Question:
    return single(
        "optimist", "We fit a loss law on runs with at most 60 characters per parameter, and let it predict runs with 100 to 2,400. Where do the real losses lie?",
        wrong("On both sides, by about the noise of a seed", "That is what one hopes for. The misses here are many times the noise, and all on one side."),
        right("Above the prediction: the law was too hopeful about more text", "By several per cent, more the farther out. Sardana et al. report the same direction on far larger models."),
        wrong("Below the prediction, since long training is underrated", "A flattering thought for overtraining. The runs say otherwise."),
        wrong("Nowhere near: the law breaks and predicts below zero", "It bends smoothly and stays sensible. It is merely wrong by several per cent."),
    )  # fmt: skip


def _equal() -> Question:
    return single(
        "equal", "A friend compares a small model and a large one trained with the *same FLOPs*, finds the large one slightly better, and concludes that the large one is the better buy. What is missing?",
        right("What each token costs afterwards, at equal loss", "Train the small one a little longer until the losses agree. Then compare lifetimes at the demand you expect."),
        wrong("More seeds, as the difference is slight", "More seeds make the difference surer. It would still be the wrong comparison."),
        wrong("A correction for embeddings in 6ND", "That changes the counts a little and the conclusion not at all."),
        wrong("The same number of tokens for both models", "Then the large one gets far more FLOPs, and nothing at all is equal."),
    )  # fmt: skip


def _your_size() -> Question:
    key = formulas.inference_aware_params(formulas.loss_of_chinchilla_size(30e9, REFIT), 1e13, REFIT)
    return numeric(
        "your-size", "The size with the cheapest life, for the loss of a Chinchilla-optimal 30B model and 10T served tokens, by the refit?", key, unit="parameters", rtol=0.03,
        why=f"{text.si(key, 3)}, {text.pct(key / 30e9, 0)} of 30B.",
        traps=[
            trap(30e9, "That is the size which is cheapest to *train*."),
            trap(formulas.inference_aware_params(formulas.loss_of_chinchilla_size(30e9, formulas.HOFFMANN_PRINTED), 1e13, formulas.HOFFMANN_PRINTED), "That is with the constants as printed in 2022."),
        ],
    )  # fmt: skip


def _in_dollars() -> Question:
    loss = formulas.loss_of_chinchilla_size(30e9, REFIT)
    key = formulas.inference_aware_params(loss, 4e13, REFIT)
    return numeric(
        "in-dollars", "The same, when training uses 40 % of the peak and serving 10 %, and dollars are minimized?", key, unit="parameters", rtol=0.03,
        why=f"Four times the demand in the formula: {text.si(key, 3)}.",
        traps=[
            trap(formulas.inference_aware_params(loss, 1e13, REFIT), "That minimizes FLOPs. Each served FLOP costs four times as much."),
            trap(formulas.inference_aware_params(loss, 2.5e12, REFIT), "You divided the demand by four. Serving is the dear part here."),
        ],
    )  # fmt: skip
