"""Lesson 13: bytes to serve and to train, units, number formats, rounding to few bits."""

from course_lib import catalog, formulas, memory, numberformats, text
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
from course_lib.quizzes.shapes import size_of

# Nats that rounding the course's text model to 4 bits by rows costs, in round numbers (the tests measure it).
INT4_COST, TEXT_LOSS = 0.06, 1.2


def build() -> Lesson:
    """The questions, with keys computed from accounting, memory and catalog."""
    return Lesson(
        id="13_memory",
        title="13. Memory",
        predictions=(_training_times(), _four_bits()),
        questions=(
            _weights(),
            _two_units(),
            _cache(),
            _state(),
            _stalls(),
            _shrinks(),
            _order(),
            _group_bits(),
            _outlier(),
            _cube(),
        ),
        exercises=(_conversations(), _cards()),
    )


def _training_times() -> Question:
    each = formulas.adam_bytes(1) / 2
    return single(
        "training-times",
        "A model is served in bf16, two bytes for each parameter. You want to train it, in mixed precision with Adam. How much memory do you need, *before* the first token is read?",
        wrong("the same", "That holds the weights. Training also needs to know where each of them should go."),
        wrong("twice as much", "Weights and gradients, and no optimizer. Plain SGD in 16 bits would do with that."),
        wrong("four times as much", "You have forgotten something: Adam keeps two numbers for each parameter in four bytes each, and there are fp32 master weights."),
        right("eight times as much", "2 bytes of weight, 2 of gradient, 4 of master weights, 4 + 4 of Adam."),
        why=f"16 bytes for each parameter instead of 2: {text.times(each, 1)}, and activations come on top.",
        fixed_order=True,
    )  # fmt: skip


def _four_bits() -> Question:
    return single(
        "four-bits",
        f"Our text model scores about {text.fixed(TEXT_LOSS, 1)} nats per character. We round every matrix to 4 bits: fifteen different values in each row, nothing else. By how much does the loss go up?",
        wrong("by a few thousandths of a nat", "That is what 6 bits cost. Each bit less doubles the rounding error and about quadruples the damage."),
        right("by a few hundredths of a nat", "About 5 %: noticeable, and far from a ruin. Most of what a weight says is in its sign and rough size."),
        wrong("by a few tenths of a nat", "That is what 3 bits cost: seven values in each row."),
        wrong("to about 4 nats: it guesses", "It takes 2 bits, three values in each row, to ruin it that far."),
        why=f"Measured below: about {text.fixed(INT4_COST, 2)} nats with one scale for each row.",
        fixed_order=True,
    )  # fmt: skip


def _weights() -> Question:
    n = size_of("Llama 3 70B")
    gb = formulas.gb(2 * n)
    return numeric(
        "weights", f"Llama 3 70B has {text.si(n, 4)} parameters. How many GB (10^{{9}} bytes) are its weights in bf16?",
        gb, unit="GB", rtol=0.01,
        why=f"{text.si(n, 4)} × 2 bytes = {text.sig(gb, 3)} GB, or {text.sig(formulas.gib(2 * n), 3)} GiB.",
        traps=[
            trap(formulas.gib(2 * n), "That is GiB, 2^{30} bytes each. The question asks for GB, which are 7 % smaller."),
            trap(2 * gb, "That is fp32, four bytes. bf16 has two."),
            trap(gb / 2, "That is one byte each: int8 or fp8."),
            trap(8 * gb, "That is what training takes. The question is about the weights alone."),
        ],
    )  # fmt: skip


def _two_units() -> Question:
    count = formulas.weight_bytes(175e9, 16)
    return single(
        "two-units", f"Two pages disagree about 175B parameters in fp16. One says {text.sig(formulas.gb(count), 3)} GB, the other {text.sig(formulas.gib(count), 3)} “GB”. Who is right?",
        right("Both have the same bytes; the second means GiB and should say so", "10^{9} against 2^{30}: a difference of 7.4 %, enough to fail on a full card."),
        wrong("The first; the second forgot to count the embeddings", "The embeddings of GPT-3 are 0.4 %. The two figures differ by 7 %."),
        wrong("The second, because memory is always sold in powers of two", "Cards are labelled that way, and weights are usually quoted in decimal GB. Neither is wrong as long as the unit is named."),
        wrong("Neither; half precision also needs a scale for every weight", "fp16 carries its own exponent. Scales belong to integer formats."),
    )  # fmt: skip


def _cache() -> Question:
    cfg = catalog.config_of("Llama 3 8B")
    gib = formulas.gib(memory.kv_cache(cfg, 8192, 16, "bf16")["total"])
    return numeric(
        "cache", f"Llama 3 8B has {cfg.n_layers} layers, {cfg.n_heads} query heads, {cfg.n_kv_heads} key and value heads of width {cfg.d_head}. How many GiB does the bf16 cache of 16 conversations of 8,192 tokens take?",
        gib, unit="GiB", rtol=0.02,
        why=f"2 × {cfg.n_layers} × {cfg.n_kv_heads} × {cfg.d_head} × 2 bytes = {text.commas(formulas.kv_bytes_per_token(cfg.n_layers, cfg.n_kv_heads, cfg.d_head, 2))} bytes a token; times 8,192 × 16 that is {text.sig(gib, 3)} GiB, as much as the weights.",
        traps=[
            trap(gib / 2, "A key *and* a value: twice that."),
            trap(gib * cfg.n_heads / cfg.n_kv_heads, "You cached one key and value for each *query* head. Four query heads share one here."),
            trap(gib / 16, "That is one conversation."),
            trap(gib * 2**30 / 1e9, "The right bytes, in GB. The question asks for GiB."),
        ],
        hint="Two, layers, key and value heads, head width, bytes: for each token.",
    )  # fmt: skip


def _state() -> Question:
    n = size_of("Llama 3 8B")
    gb = formulas.gb(formulas.adam_bytes(n))
    return numeric(
        "state", f"Mixed-precision Adam, {text.si(n, 3)} parameters, one card, no sharing. How many GB are weights, gradients, master weights and moments together?",
        gb, unit="GB", rtol=0.02,
        why=f"16 bytes × {text.si(n, 3)} = {text.sig(gb, 3)} GB. No 80 GiB card holds it, whatever the batch.",
        traps=[
            trap(formulas.gb(2 * n), "That is the bf16 copy alone."),
            trap(formulas.gb(4 * n), "Weights and gradients. Add the master weights and Adam."),
            trap(formulas.gb(12 * n), "You left out either the fp32 master weights, or the bf16 weights and gradients."),
            trap(formulas.gib(16 * n), "Those are GiB."),
        ],
    )  # fmt: skip


def _stalls() -> Question:
    step = numberformats.gap_at_one("bf16")
    return single(
        "stalls", "A weight stands at 1.0 and every step should add 0.001 to it. It is kept in bf16 only. Where is it after a thousand steps?",
        right("At 1.0", f"The next bf16 number after 1 is {text.sig(1 + step, 5)}. Each step is less than half the gap and rounds away. Master weights in fp32 would collect them."),
        wrong("At 2.0", "That is what fp32 gives, to a few digits. bf16 has 7 bits of mantissa."),
        wrong("At about 1.5, since half of the steps get lost", "Rounding to the nearest is not a coin: the same step meets the same fate every time."),
        wrong("At infinity, since bf16 has a short range", "bf16 has the range of fp32. What it lacks is fineness."),
    )  # fmt: skip


def _shrinks() -> Question:
    return multiple(
        "shrinks", "You train with ZeRO stage 2 and add cards, each with the same batch as before. What gets smaller *on each card*?",
        right("Adam’s moments", "Shared out from stage 1 on."),
        right("The fp32 master weights", "Shared out with the optimizer, since only the optimizer reads it."),
        right("The gradients", "Shared out from stage 2 on."),
        wrong("The weights", "In stage 2 every card still has all of them; stage 3 shares them out as well."),
        wrong("The activations", "They belong to the sequences a card reads, and it reads as many as before. Recompute them, or give each card less to read."),
    )  # fmt: skip


def _order() -> Question:
    small, large = catalog.config_of("Llama 3 8B"), catalog.config_of("Llama 3 70B")
    sizes = {
        "Serve Llama 3 8B in bf16, one conversation of 8,192": memory.serving(small, "bf16", 8192, 1)["total"],
        "Serve Llama 3 70B in int4 (groups of 32), one of 8,192": memory.serving(large, "int4", 8192, 1, "bf16", 32)["total"],
        "Serve Llama 3 8B in bf16, 64 conversations of 8,192": memory.serving(small, "bf16", 8192, 64)["total"],
        "Train Llama 3 8B with Adam, mixed precision, one sequence of 8,192": memory.training(small, 8192, 1)["total"],
    }  # fmt: skip
    names = sorted(sizes, key=lambda name: sizes[name])
    listed = ", ".join(f"{text.sig(formulas.gib(sizes[name]), 3)}" for name in names)
    return ordering(
        "order", "Order by memory, least first.", names,
        why=f"In GiB: {listed}. Seventy billion small weights take less than eight billion with company.",
        hint="A conversation of 8,192 tokens is one GiB for the 8B model.",
    )  # fmt: skip


def _group_bits() -> Question:
    bits = 4 + memory.SCALE_BITS / 32
    return numeric(
        "group-bits", "Weights are stored in 4 bits, and every 32 of them share one fp16 scale. How many bits does a weight really take?",
        bits, unit="bits", rtol=0.005,
        why=f"32 × 4 + 16 = 144 bits for 32 weights: {text.sig(bits, 2)}. The format Q4_0 of GGUF files is exactly this.",
        traps=[
            trap(4.0, "The scales have to be stored as well."),
            trap(5.0, "That is with an fp32 scale. fp16 has 16 bits."),
            trap(4.25, "That is with groups of 64."),
            trap(4.125, "That is with groups of 128."),
        ],
    )  # fmt: skip


def _outlier() -> Question:
    return single(
        "outlier", "One weight in a matrix is fifty times larger than the others. What does 4-bit rounding with *one* scale for the whole matrix do?",
        wrong("It clips the large weight, and the rest stay precise", "Only if you choose the scale that way. The usual scale is set by the largest weight, so nothing is clipped."),
        right("It sets nearly all the others to zero", "The step is the largest over 7: anything below half of that rounds to nothing. One scale for each row or group confines the damage."),
        wrong("It costs more bytes, since the outlier needs more digits", "Every code has 4 bits, outlier or not. What suffers is the precision."),
        wrong("Little, because rounding errors have mean zero and cancel out", "Errors that cancel must be small and independent. Here whole rows are wiped out in the same direction: to zero."),
    )  # fmt: skip


def _cube() -> Question:
    root = (7 / 175) ** (1 / 3)
    return single(
        "cube", "You want a model with a 25th of GPT-3’s parameters and the same proportions (96 layers of width 12,288). How many layers?",
        wrong("96 / 25: about 4", "That is how text 4’s calculator does it. Dividing layers *and* width by 25 leaves 25^{3} times fewer parameters."),
        right(f"96 / 25^{{1/3}}: about {96 * root:.0f}", f"N ≈ 12Ld^{{2}} has three factors that shrink together, so each shrinks by the cube root: width {text.commas(12288 * root)}."),
        wrong("96 / 25^{1/2}: about 19", "The square root would do if only the width changed, and then the layers stay at 96."),
        wrong("96: layers do not depend on size", "They need not, but then the proportions change: a 96-layer model five times narrower."),
        fixed_order=True,
    )  # fmt: skip


def _conversations() -> Question:
    cfg = catalog.config_of("Llama 3 8B")
    room = memory.usable_bytes(catalog.gpu("RTX 4090").memory_gib)
    most = max(
        b for b in range(1, 200) if memory.serving(cfg, "int4", 8192, b, "bf16", 32)["total"] <= room
    )  # fmt: skip
    return numeric(
        "conversations", "How many conversations of 8,192 tokens can one RTX 4090 hold with Llama 3 8B in int4 (groups of 32) and a bf16 cache, nine tenths of the card used?", float(most), rtol=0.001,
        why=f"Each takes one GiB of cache beside {text.gibibytes(memory.weights(cfg, 'int4', 32)['total'])} of weights and a little working space, in {text.sig(room / 2**30, 3)} GiB.",
        traps=[
            trap(float(most + 2), "You filled the card to the brim. A tenth is kept for the driver, the framework and what is lost between blocks."),
            trap(float(most + 1), "One too many: mind the working space."),
        ],
    )  # fmt: skip


def _cards() -> Question:
    cfg = catalog.config_of("Llama 3 70B")
    how = (4096, 1, "adam", "mixed", True, False, 3)
    need = memory.devices_to_train(cfg, catalog.gpu("H100").memory_gib, *how)
    return numeric(
        "cards", "The fewest H100s that train Llama 3 70B: Adam, mixed precision, ZeRO stage 3, activations recomputed, one sequence of 4,096 on each?", float(need), rtol=0.001,
        why=f"The state alone is {text.gibibytes(formulas.adam_bytes(size_of('Llama 3 70B')))}; what stays on every card is the layers in use and a thin layer of activations.",
        traps=[
            trap(float(-(-formulas.gib(formulas.adam_bytes(size_of('Llama 3 70B'))) // 80)), "That fills the cards to the brim with state and leaves no room for anything else."),
        ],
    )  # fmt: skip
