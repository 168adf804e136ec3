"""Lesson 16: collectives, bubbles, shared states, splits and their traffic, and a cluster that breaks."""

from course_lib import catalog, formulas, parallelism, parallelism_runs, text
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

# Llama 3 405B, 54 days on up to 16,384 GPUs: unexpected interruptions (arXiv 2407.21783, section 3.3.4).
STOPS, STOP_DAYS, STOP_GPUS = 419, 54, 16384
BATCH, CONTEXT = 2**22, 8192  # of the exercise


def build() -> Lesson:
    """The questions, with keys computed from formulas and the planner."""
    return Lesson(
        id="16_parallelism",
        title="16. Parallelism",
        predictions=(_crowd(), _same()),
        questions=(
            _gradients(), _bubble(), _states(), _inside(), _column(), _replicas(), _traffic(), _one_f_one_b(),
            _stops(), _two_shares(),
        ),
        exercises=(_micro(), _fewest()),
    )  # fmt: skip


def fewest_gpus() -> int:
    """The fewest H100s, in servers of eight, on which the planner finds room for Llama 3 70B."""
    config, machine = catalog.config_of("Llama 3 70B"), parallelism.machine("H100")
    return next(
        n for n in range(8, 129, 8) if parallelism.best(config, machine, n, BATCH, CONTEXT)["fits"]
    )  # fmt: skip


def _crowd() -> Question:
    return single(
        "crowd", "A thousand GPUs each hold a gradient of S bytes, and all need the sum. How much does each have to *send*, at least?",
        wrong("about S", "Enough to give everything away once. But then the sum has to come back to everybody, and that is sent by somebody too."),
        right("about 2 S", "A little less: each sends one part after the other to its neighbor, first to be summed, then as the finished sum."),
        wrong("about 10 S", "log_{2} of a thousand: a tree in which everybody passes on everything. It has few rounds and many bytes."),
        wrong("about 1,000 S", "That is everybody sending everything to everybody. No one needs the thousand gradients, only their sum."),
        why=f"2(n − 1)/n times S: {text.sig(formulas.all_reduce_bytes(1.0, 1000), 4)} S for a thousand, and hardly more for a million.",
        fixed_order=True,
    )  # fmt: skip


def _same() -> Question:
    return single(
        "same", "Two processes train on four sequences each and average their gradients; one process trains on all eight. Five updates with Adam, in 64 bits. How far apart are the weights?",
        right("as far as rounding takes them", "The mean of two means over equal halves *is* the mean over all. Only the order of additions differs."),
        wrong("a per cent or so", "That would be so if each process took its own step and the weights were averaged. Averaged are the gradients, before the step."),
        wrong("not comparable: a batch of four behaves differently from one of eight", "Neither process takes a step on four. The step is taken on the average, over eight."),
        wrong("zero, to the last bit", "Nearly. But additions in another order round differently."),
    )  # fmt: skip


def _gradients() -> Question:
    size = 2.0 * size_of("Llama 3 8B")
    sent = formulas.gb(formulas.all_reduce_bytes(size, 64))
    return numeric(
        "gradients", f"Llama 3 8B has {text.si(size_of('Llama 3 8B'), 3)} parameters. 64 replicas all-reduce its bf16 gradients around a ring. How many GB does each send in a step?",
        sent, unit="GB", rtol=0.02,
        why=f"2 × 63/64 × {text.sig(formulas.gb(size), 3)} GB = {text.sig(sent, 3)} GB. Over {text.sig(formulas.gb(parallelism.LINKS['H100 SXM']['network']), 2)} GB/s that is most of a second, which has to hide behind the backward pass.",
        traps=[
            trap(formulas.gb(size), "Once around sums the parts; a second time hands the sums out."),
            trap(64 * formulas.gb(size), "A ring does not send everything to everybody: each sends 1/64 at a time."),
            trap(formulas.gb(size) / 64, "That is one message. There are 2 × 63 of them."),
            trap(2 * sent, "Two bytes a number in bf16, not four."),
        ],
    )  # fmt: skip


def _bubble() -> Question:
    share = 100 * formulas.bubble_share(8, 24)
    return numeric(
        "bubble", "Eight stages, 24 micro-batches, one chunk on each stage. What share of the step is bubble, in per cent?",
        share, unit="%", rtol=0.02,
        why=f"7/(24 + 7) = {text.sig(share, 3)} %.",
        traps=[
            trap(100 * 7 / 24, "That is idle time over *useful* time, as the Megatron papers write it. The share of the whole step has the ramp in the denominator too."),
            trap(100 * 8 / 32, "p − 1, not p: the last stage’s own work is no ramp."),
            trap(100 * formulas.bubble_share(8, 48), "That is with two chunks on each stage."),
        ],
        hint="How long is the ramp, in micro-batches?",
    )  # fmt: skip


def _states() -> Question:
    n = size_of("Llama 3 70B")
    gb = {stage: formulas.gb(n * formulas.zero_bytes_per_param(stage, 64)) for stage in range(4)}
    return numeric(
        "states", f"{text.si(n, 3)} parameters, mixed-precision Adam, 64 replicas, ZeRO stage 1. How many GB of weights, gradients and optimizer states are on each GPU?",
        gb[1], unit="GB", rtol=0.02,
        why=f"(2 + 2 + 12/64) × {text.si(n, 3)} = {text.sig(gb[1], 3)} GB. No H100 holds that: stage 1 alone is not enough, so such runs split the model as well.",
        traps=[
            trap(gb[0], "That is without sharing."),
            trap(gb[2], "That is stage 2: the gradients are shared out, too."),
            trap(gb[3], "That is stage 3: everything is shared out."),
            trap(4.0 * n / 1e9, "The optimizer’s 64th is still there: 12/64 of a byte for each parameter."),
        ],
    )  # fmt: skip


def _inside() -> Question:
    return single(
        "inside", "Why does tensor parallelism nearly always stay within one server?",
        wrong("A matrix cannot be cut into more than eight pieces", "It can be cut into as many as it has columns. Attention is cut by heads, and there are dozens."),
        right("Every layer waits for its sums, and the links inside are far faster", "Two all-reduces forward and two back in each layer, on the critical path. Over the network they would take nine times as long."),
        wrong("The gradients of the pieces have to be averaged, which needs shared memory", "Each piece has gradients of its own; nothing is averaged. And no memory is shared."),
        wrong("Servers would otherwise use different random numbers", "Seeds are set, not inherited from a server."),
    )  # fmt: skip


def _column() -> Question:
    return single(
        "column", "A feed-forward part is split over two GPUs. Why is its first matrix cut by columns and its second by rows?",
        wrong("To halve the memory of both", "Any cut does that. The question is what has to be sent."),
        wrong("Rows are stored one after the other, so they are faster to send", "Weights are not sent at all, and storage order is a choice."),
        right("The bend between them needs no exchange", "A column slice gives some hidden units in full, so each GPU can bend its own and multiply by the rows that belong to them. One sum at the end does."),
        wrong("The bend would be applied twice otherwise, and its result would have to be divided by the number of GPUs afterwards", "Cut by rows first, and each GPU has a *summand* of each hidden unit; the bend of a sum is not the sum of the bends, so they would have to talk before it."),
    )  # fmt: skip


def _replicas() -> Question:
    return multiple(
        "replicas", "You double the replicas and leave the batch as it is. Pipelines and ZeRO stage 1 stay. What gets *smaller*?",
        right("The micro-batches that a pipeline works on in a step", "The same batch over twice as many replicas."),
        right("The optimizer states on each GPU", "Stage 1 shares them over the replicas."),
        wrong("The bubble’s share of a step", "It grows: the ramps stay, the work between them is halved."),
        wrong("The weights on each GPU", "Replicas are whole copies. Tensor or pipeline parallelism, or stage 3, would shrink them."),
        wrong("The bytes of gradients each GPU sends", "2(n − 1)/n of its gradients, whatever the batch: a little more than before."),
    )  # fmt: skip


def _traffic() -> Question:
    run = next(r for r in parallelism_runs.published() if r.gpus_text == "16,384 GPUs")
    sent = run.planned()["bytes"]
    names = {
        "tp": "Tensor parallel, 8",
        "pp": "Pipeline, 16 stages of 8 chunks",
        "dp": "Data parallel, 128 replicas",
    }
    order = sorted(names, key=lambda key: sent[key])
    return ordering(
        "traffic", "Llama 3 405B on 16,384 GPUs. Order the kinds of traffic by the bytes that one GPU sends in a step, least first.",
        [names[key] for key in order],
        why=", ".join(f"{names[key]}: {text.gigabytes(sent[key])}" for key in order) + ". The heaviest gets the fastest link, and the lightest travel farthest.",
    )  # fmt: skip


def _one_f_one_b() -> Question:
    return single(
        "one-f-one-b", "What does 1F1B gain over GPipe, with the same stages and micro-batches?",
        wrong("A smaller bubble", "Both idle (p − 1)/(m + p − 1). For less, interleave chunks or add micro-batches."),
        right("Activations of p micro-batches at most, not of m", "Each is sent back as soon as possible, and its memory is free."),
        wrong("Fewer bytes between the stages", "The same activations and gradients travel, at other times."),
        wrong("Gradients that do not have to wait for the last micro-batch, so weights are fresher", "Weights change at the end of the step in both. Schedules that update in between compute something else."),
    )  # fmt: skip


def _stops() -> Question:
    apart = STOP_DAYS * 24 / STOPS
    hours = formulas.hours_between_failures(2048, apart * STOP_GPUS)
    return numeric(
        "stops", f"In {STOP_DAYS} days on 16,384 GPUs, Llama 3’s run stopped {STOPS} times unexpectedly. How many hours apart should stops be on 2,048 such GPUs?",
        hours, unit="h", rtol=0.03,
        why=f"{text.sig(apart, 3)} h apart on 16,384; an eighth of the GPUs fail an eighth as often: {text.sig(hours, 3)} h.",
        traps=[
            trap(apart, "That is for all 16,384."),
            trap(apart / 8, "Fewer GPUs fail *less* often."),
            trap(STOP_DAYS * 24 / 8, "That is days by the number of clusters; the stops are missing."),
        ],
    )  # fmt: skip


def _two_shares() -> Question:
    return single(
        "two-shares", "The paper on Llama 3 reports 38 to 43 % MFU. Its hours and FLOPs together give 34.6 %. Which is wrong?",
        wrong("The first; nobody reaches 40 % on so many GPUs", "The planner, which knows nothing of the result at 16,384, comes out near it."),
        wrong("The second; GPU-hours on a model card are padded for safety", "Then the gap would say something about the card. It has a plainer reason."),
        right("Neither: one is measured while running, one over everything", "Restarts, checkpoints, slower phases and other experiments are in the hours and not in the per-step figure."),
        wrong("Neither: the first counts recomputation, the second does not", "MFU never does; that would be hardware utilization. And this run did not recompute at 8K."),
    )  # fmt: skip


def _micro() -> Question:
    need = next(m for m in range(1, 1000) if formulas.bubble_share(16, m) <= 0.1 + 1e-12)
    return numeric(
        "micro", "How many micro-batches does a plain pipeline of 16 stages need for a bubble of at most 10 %?", float(need), rtol=0.001,
        why=f"15/(m + 15) ≤ 0.1 at m = {need}. With 128 replicas that is a batch of {text.commas(128 * need)} sequences.",
        traps=[
            trap(150.0, "That is 15/m ≤ 0.1: idle over useful time. In the share of the step the ramp counts below the line, too."),
            trap(144.0, "You took 16 for the ramp; it is p − 1."),
        ],
    )  # fmt: skip


def _fewest() -> Question:
    need = fewest_gpus()
    return numeric(
        "fewest", "By the planner: the fewest H100s, in servers of eight, on which Llama 3 70B can be trained with batches of 4M tokens and a context of 8,192?", float(need), rtol=0.001,
        why=f"`parallelism.best` finds a layout from {need} on.",
        traps=[
            trap(float(need - 8), "One server too few: ask `parallelism.best` why."),
            trap(float(need + 8), "It works there, and with one server less as well."),
        ],
    )  # fmt: skip
