"""Lesson 4: FLOPs, utilization, time and money of a training run."""

from course_lib import accounting, catalog, formulas, hardware, text
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

DAY = formulas.SECONDS_PER_DAY
GPT3_TOKENS = 300e9


def build() -> Lesson:
    """The questions, with keys computed from formulas, accounting and catalog."""
    return Lesson(
        id="04_counting_flops",
        title="4. Counting FLOPs",
        predictions=(_gpu_years(), _backward_guess()),
        questions=(
            _llama_flops(),
            _why_twice(),
            _days(),
            _above_six(),
            _mixture(),
            _compute_order(),
            _recompute(),
            _rumor(),
            _double(),
        ),
        exercises=(_equal_context(), _own_card()),
    )


def _params(name: str) -> float:
    """Parameters of a catalog model that has a count."""
    count = catalog.model(name).active_params
    if count is None:
        raise ValueError(f"{name} has no published size")
    return float(count)


def _tokens(name: str) -> float:
    """Training tokens of a catalog model that published them."""
    tokens = catalog.model(name).tokens
    if tokens is None:
        raise ValueError(f"{name} has no published token count")
    return float(tokens)


def _gpu_years() -> Question:
    run = catalog.run("GPT-3 on V100")
    rate = (run.tflops_per_device or 0) * 1e12
    years = formulas.device_years(formulas.training_flops(_params("GPT-3"), GPT3_TOKENS), rate)
    return single(
        "gpu-years",
        f"GPT-3 has 175 billion parameters and read 300 billion tokens. Suppose you had *one* V100, the GPU it was trained on, at the {text.sig(rate / 1e12, 3)} TFLOP/s each card sustained in the real run. How long would you wait?",
        wrong("about 4 years", f"A hundred times too short. 6 × 175e9 × 300e9 FLOPs at {text.sig(rate / 1e12, 3)}e12 a second is {text.sig(years, 3)} years."),
        wrong("about 40 years", f"Ten times too short: the division gives {text.sig(years, 3)} years."),
        right("about 400 years", "That is why the run took ten thousand cards and two weeks."),
        wrong("about 4,000 years", f"Ten times too long, but you are in good company: one of our source texts says thousands. The division gives {text.sig(years, 3)}."),
        why=f"6 × {text.si(_params('GPT-3'), 4)} × 300B FLOPs at {text.sig(rate / 1e12, 3)}e12 a second take {text.sig(years, 3)} years.",
        fixed_order=True,
    )  # fmt: skip


def _backward_guess() -> Question:
    return single(
        "backward",
        "You time the forward pass of a network and then the backward pass, which computes the gradient of every weight. How long does the backward pass take?",
        wrong("half as long", "The backward pass does at least the work of the forward pass: each product has gradients to find."),
        wrong("the same", "It would, if a product had one gradient. It has two: one for its input and one for its weights."),
        right("about twice as long", "So say the FLOPs exactly, and the clock nearly."),
        wrong("about as many times as there are layers", "It would, if each layer restarted from the loss. The chain rule hands one gradient from layer to layer, once."),
        why="Each matrix product of the forward pass becomes two products of the same size on the way back.",
        fixed_order=True,
    )  # fmt: skip


def _llama_flops() -> Question:
    n, d = _params("Llama 3 8B"), _tokens("Llama 3 8B")
    work = formulas.training_flops(n, d)
    return numeric(
        "llama-flops", f"Llama 3 8B has {text.si(n, 3)} parameters and read {text.si(d, 2)} tokens. How many FLOPs did its training need, by the rule of thumb?",
        work, unit="FLOPs", rtol=0.02,
        why=f"6 × {text.si(n, 3)} × {text.si(d, 2)} = {text.sci(work, 3)}: {text.times(work / formulas.training_flops(_params('GPT-3'), GPT3_TOKENS), 2)} the compute of GPT-3, for a model a twentieth of its size.",
        traps=[
            trap(2 * n * d, "That is 2ND: the forward pass alone. The way back costs twice as much again."),
            trap(8 * n * d, "8ND counts a second forward pass, which some systems run to save memory. The model itself needs 6ND."),
            trap(6 * n, "That is one token. Multiply by how many it read."),
        ],
        hint="Two FLOPs for each weight going forward, four coming back.",
    )  # fmt: skip


def _why_twice() -> Question:
    return single(
        "why-twice", "Y = XW is one product of the forward pass. Why does the backward pass spend twice its FLOPs on it?",
        right("It needs the gradient for X and the gradient for W, each a product as large as the first", "With G the gradient for Y: dX = GWᵀ, dW = XᵀG. Both multiply the same three sizes in another order."),
        wrong("It runs the forward pass again to recover the activations, then computes the gradient of W", "That happens only with recomputation, and comes on top: 8ND instead of 6ND."),
        wrong("It computes the gradient of W and then Adam multiplies it by the two moments", "Adam works on each weight once per step, not once per token: with thousands of tokens in a batch that is nothing."),
        wrong("Gradients are kept in twice the precision, and a multiplication at twice the bits counts double", "A FLOP is one operation whatever its bits. Precision changes how fast it runs, not how many there are."),
    )  # fmt: skip


def _days() -> Question:
    n, d, cards, mfu = _params("LLaMA 7B"), 1e12, 64, 0.4
    peak = hardware.peak("A100")
    days = formulas.training_seconds(formulas.training_flops(n, d), cards, peak, mfu) / DAY
    return numeric(
        "days", f"LLaMA 7B ({text.si(n, 3)} parameters) on 1T tokens, with {cards} A100s of {text.sig(peak / 1e12, 3)} TFLOP/s each at an MFU of {text.pct(mfu, 0)}. How many days?",
        days, unit="days", rtol=0.03,
        why=f"{text.sci(formulas.training_flops(n, d), 3)} FLOPs over {cards} × {text.sci(peak, 3)} × {mfu} = {text.sci(cards * peak * mfu, 3)} FLOP/s is {text.sig(days, 3)} days.",
        traps=[
            trap(days * mfu, "You used the whole peak. Real code gets a part of it: divide by the MFU."),
            trap(days / 2, "You used 624 TFLOP/s, the peak *with sparsity*. Training is dense."),
            trap(days / 3, "You counted the forward pass alone."),
            trap(days * cards, "That is the time for one card. There are 64 of them."),
            trap(days * 24, "That is hours. There are 24 in a day."),
        ],
        hint="FLOPs, over FLOP/s, over 86,400.",
    )  # fmt: skip


def _above_six() -> Question:
    cfg = catalog.model("Llama 3 8B").config
    assert cfg is not None
    at = accounting.training_flops(cfg, 131072)["total"] / formulas.training_flops_per_token(
        _params("Llama 3 8B")
    )
    return multiple(
        "above-six", "When does the exact count of FLOPs for a training token come out clearly *above* 6N?",
        right("The sequences are 131,072 tokens long", f"Looking back grows with the context and has no parameters. For Llama 3 8B the count is {text.times(at, 2)} of 6N there."),
        right("The model is small, and its N leaves out the token table and the head", "The head multiplies every token by vocabulary × width weights. If N does not hold them, 6N does not see them."),
        wrong("The output head reuses the token table (tied), and N counts the table once", "Then the table is in N once and multiplied once, as the head: 6N is right about it."),
        wrong("The head has weights of its own (untied), and N counts both tables", "The other way: N then holds a token table that is looked up, never multiplied. 6N is too *high*."),
        wrong("The system recomputes activations instead of storing them", "The machine does more work, but the model does not need more. The exact count, like the MFU, is about the model."),
    )  # fmt: skip


def _mixture() -> Question:
    row = catalog.model("DeepSeek-V3")
    total, active, d = row.params or 0.0, row.active_params or 0.0, row.tokens or 0.0
    return single(
        "mixture", f"DeepSeek-V3 holds {text.si(total, 3)} parameters; {text.si(active, 3)} of them work on any one token. Which N goes into 6ND, to get its training compute?",
        right(f"The {text.si(active, 3)} that a token uses", f"FLOPs are paid per token, for the weights it meets: {text.sci(6 * active * d, 3)} on {text.si(d, 3)} tokens. All {text.si(total, 3)} must be in memory, though."),
        wrong(f"All {text.si(total, 3)}, since all of them are trained", f"All are trained, but no token passes through all. This would charge {text.times(total / active, 2)} too much."),
        wrong("All of them forward, the active ones backward", "An expert that saw nothing of a token going forward has nothing to send back. It is idle both ways."),
        wrong("The geometric mean of the two", "There is such a rule of thumb for what *quality* a mixture has. The FLOPs can be counted, and need no rule."),
    )  # fmt: skip


def _compute_order() -> Question:
    names = ["GPT-3 175B", "Llama 3 8B", "PaLM 540B", "Llama 3.1 405B"]
    work = {name: formulas.training_flops(_params(name), _tokens(name)) for name in names}
    names.sort(key=lambda name: work[name])
    listed = ", ".join(f"{name} {text.sci(work[name], 2)}" for name in names)
    return ordering(
        "compute-order", "Order these training runs by compute, least first. Their tokens: " + ", ".join(f"{name} {text.si(_tokens(name), 3)}" for name in sorted(names)) + ".",
        names, why=f"By 6ND: {listed}. Size alone misleads: the smallest model here is not the cheapest.", hint="Multiply N by D; the 6 does not matter for the order.",
    )  # fmt: skip


def _recompute() -> Question:
    rate, peak = 140e12, hardware.peak("A100")
    mfu = rate * 6 / 8 / peak
    return numeric(
        "recompute", f"A paper trains with full recomputation of activations (8ND) and reports {text.sig(rate / 1e12, 3)} TFLOP/s from each A100, counting the recomputed work. The dense peak is {text.sig(peak / 1e12, 3)}. What is the *model* FLOP/s utilization, as a share such as 0.4 or 40 %?",
        mfu, rtol=0.02,
        why=f"Six of every eight FLOPs are the model’s: {text.sig(rate / 1e12, 3)} × 6/8 = {text.sig(rate * 0.75 / 1e12, 3)} TFLOP/s, which is {text.pct(mfu, 1)} of the peak. The {text.pct(rate / peak, 1)} with recomputation is called *hardware* FLOPs utilization.",
        traps=[
            trap(rate / peak, "That counts the second forward pass as if it were progress. MFU counts the 6 of the 8 that the model needs."),
            trap(100 * mfu, "The right number of per cent; write it as a share, or with its % sign."),
            trap(rate * 6 / 8 / 624e12, "624 TFLOP/s is the peak with sparsity, twice the dense one."),
        ],
    )  # fmt: skip


def _rumor() -> Question:
    n, d, cards, days = _params("Llama 3 70B"), 15e12, 4096, 30
    needed = hardware.mfu(formulas.training_flops(n, d), "H100", seconds=days * DAY, devices=cards)
    best = max(run.mfu_published or 0.0 for run in catalog.runs())
    return numeric(
        "rumor", f"Somebody writes: “We trained {text.si(n, 3)} parameters on 15T tokens in {days} days, on {text.commas(cards)} H100s in bf16.” The dense bf16 peak is {text.sig(hardware.peak('H100') / 1e12, 3)} TFLOP/s. Which MFU would they have needed (0.4 or 40 %)?",
        needed, rtol=0.03,
        why=f"{text.sci(formulas.training_flops(n, d), 3)} FLOPs in {days} days is {text.pct(needed, 1)} of the peak of {text.commas(cards)} cards. The best run in our catalog reported {text.pct(best, 1)}: ask for their FLOP count before you believe it.",
        traps=[
            trap(needed / 2, "That is against 1,979 TFLOP/s: the peak with sparsity, or in fp8. They say bf16, and training is dense."),
            trap(needed / 3, "That is 2ND, the forward pass."),
            trap(100 * needed, "The right number of per cent; write it as a share, or with its % sign."),
        ],
    )  # fmt: skip


def _double() -> Question:
    grown = formulas.training_flops(2.0, 40.0) / formulas.training_flops(1.0, 20.0)
    return single(
        "double", "You train at 20 tokens per parameter. Next year you want a model twice as large, still at 20. What happens to the training compute?",
        right(f"It grows {text.sig(grown, 1)}-fold", "N doubles, and D = 20N doubles with it: C = 6ND grows with the square of N."),
        wrong("It doubles", "That is the cost of each token. There are twice as many tokens as well."),
        wrong("It grows 8-fold", "That would be a cube: as if the layers, the width and the tokens each doubled. N already holds layers and width."),
        wrong(f"It grows {text.fixed(2**1.34 * 2**1.34, 1)}-fold, since C goes as N^{{1.34}}D^{{1.34}}", "One of our source texts has that formula, and it is wrong: 6ND is linear in both."),
    )  # fmt: skip


def _equal_context() -> Question:
    cfg = catalog.model("Llama 3 8B").config
    assert cfg is not None
    cost = accounting.flops(cfg, 1)
    weights = cost["total"] - cost["attention/scores"] - cost["attention/values"]
    width = cfg.n_heads * cfg.d_head
    context = weights / formulas.attention_flops_per_token(cfg.n_layers, width, 0.5) - 1
    return numeric(
        "equal-context", "At which context does Llama 3 8B spend as much on looking back (causal) as on all its weights?", context, unit="tokens", rtol=0.03,
        why=f"The weights cost {text.sci(weights, 3)} FLOPs forward; each key seen costs 4 × {cfg.n_layers} × {text.commas(width)}, and a token sees (T + 1)/2 of them on average.",
        traps=[trap(context / 2, "You let every token see all T keys. Under the causal mask it sees half of them on average.")],
    )  # fmt: skip


def _own_card() -> Question:
    hours = formulas.device_hours(
        formulas.training_flops(_params("GPT-2 Small"), 10e9), hardware.peak("RTX 3060"), 0.4
    )
    return numeric(
        "own-card", "How many hours does an RTX 3060 need for GPT-2 Small on 10 billion tokens, at 40 % of its bf16 peak?", hours, unit="hours", rtol=0.03,
        why=f"6ND over 0.4 × {text.sig(hardware.peak('RTX 3060') / 1e12, 3)} TFLOP/s: {text.sig(hours, 3)} hours, {text.sig(hours / 24, 2)} days.",
        traps=[trap(hours * 0.4, "That is at the whole peak."), trap(hours / 3, "That is the forward pass alone.")],
    )  # fmt: skip
