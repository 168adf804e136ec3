"""How to spread a training run over many GPUs: what each holds, what it sends, how long a step takes.

`evaluate` works out one layout (data x tensor x pipeline x expert parallel, with ZeRO, micro-batches, chunks
and recomputation); `layouts` lists the sensible ones; `best` picks the fastest that fits. Plain code, like
`accounting`: pages translate it to JavaScript. Bytes, seconds, FLOPs and tokens throughout.

What is assumed, so that no number here is more than an estimate (of models of 70B and more mostly within five
points of published MFUs; 14 too high at 8B, since small products are slower: see `parallelism_runs`):

- Matrix products run at a fixed share of the peak, whatever their size; links reach LINK_SHARE of theirs.
- Tensor and expert traffic is waited for; pipeline and data traffic hides behind HIDDEN of the computing.
- Micro-batches follow 1F1B, interleaved if chunks > 1.
- Norms are split along the sequence (Korthikanti et al. 2022); their results, and those of the bend in the
  feed-forward part, are computed again instead of kept, as fused kernels do. Gradients are 16 bits.
- Experts are evenly loaded; nothing fails, nothing is saved to disk, no data are waited for.

Not modeled: context parallelism, FP8, offloading, overlap inside a layer, topology beyond "same node or not".

Sources: Shoeybi et al. 2019 (1909.08053), Huang et al. 2019 (1811.06965), Narayanan et al. 2021 (2104.04473),
Rajbhandari et al. 2020 (1910.02054), Korthikanti et al. 2022 (2205.05198).
"""

import math
from typing import Any

from course_lib import accounting, formulas, guard, memory
from course_lib.modelconfig import ModelConfig

VALUE = 2  # bytes of a weight, a gradient or an activation in 16 bits
LINK_SHARE = 0.8  # of a link's data-sheet rate that collectives reach (measured copies: 376 of 450 GB/s)
HIDDEN = 0.5  # pipeline and data traffic hides behind this share of the computing

# Bytes/s that one GPU can send, data sheets: to its node over NVLink, to other nodes over its share of the
# network. `efficiency`: share of the peak that kernels reach, set on one published run for A100 and one for
# H100 (parallelism_runs); the others are taken to be like these.
LINKS = {
    "V100": {"node": 150e9, "network": 12.5e9, "efficiency": 0.6},
    "A100 80GB": {"node": 300e9, "network": 25e9, "efficiency": 0.66},
    "A100 40GB": {"node": 300e9, "network": 25e9, "efficiency": 0.66},
    "H100 SXM": {"node": 450e9, "network": 50e9, "efficiency": 0.52},
    "H200": {"node": 450e9, "network": 50e9, "efficiency": 0.52},
    "B200": {"node": 900e9, "network": 50e9, "efficiency": 0.52},
}
WHY = {
    "kernels": "kernels that do not reach the peak",
    "bubble": "the pipeline bubble (more micro-batches or chunks would help)",
    "tp": "tensor-parallel traffic, for which every layer waits",
    "ep": "expert traffic, for which every mixture layer waits",
    "network": "gradients and weights on the network, which computing does not hide",
    "recompute": "recomputation, a second forward pass",
    "imbalance": "uneven stages: the fullest sets the pace",
    "optimizer": "the optimizer, whose states are read and written once a step",
}


def machine(gpu: str, per_node: int = 8, number_format: str = "bf16") -> dict[str, Any]:
    """A machine as plain numbers, from the catalog and LINKS: one GPU, its links, its node."""
    from course_lib import catalog, hardware

    row = hardware.as_gpu(gpu)
    if row.name not in LINKS:
        known = ", ".join(LINKS)
        raise ValueError(f"no link speeds are known for {catalog.gpu(gpu).name}; there are {known}")
    return {
        "name": row.name, "peak": row.peak(number_format), "memory": row.memory_gib * memory.GIB,
        "bandwidth": row.bandwidth_gbs * 1e9, "node": LINKS[row.name]["node"],
        "network": LINKS[row.name]["network"], "per_node": per_node,
        "efficiency": LINKS[row.name]["efficiency"],
    }  # fmt: skip


def layout(
    tp: int, pp: int, dp: int, ep: int = 1, zero: int = 1, micro: int = 1, chunks: int = 1,
    recompute: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """A layout: tensor, pipeline, data and expert parallel sizes, ZeRO stage, sequences in a micro-batch,
    chunks of layers on each stage (1: plain 1F1B), recomputation. GPUs are tp x pp x dp; experts share dp.
    """
    return {"tp": tp, "pp": pp, "dp": dp, "ep": ep, "zero": zero, "micro": micro, "chunks": chunks,
            "recompute": recompute}  # fmt: skip


def shape(cfg: ModelConfig, context: float) -> dict[str, float]:
    """What the planner needs to know of a model: parameters, FLOPs and kept numbers by where they live."""
    counts = accounting.params(cfg)
    sums = accounting.groups(counts)
    cost = accounting.training_flops(cfg, context, True)
    tables = sums["embedding"] + sums["head"]
    again = cfg.norms_per_block * cfg.d_model + (2 if cfg.ffn == "gated" else 1) * memory.hidden_width(cfg)
    statistics = 4 * (cfg.norms_per_block * (2 if cfg.norm == "layernorm" else 1) + cfg.n_heads)
    return {
        "layers": cfg.n_layers, "heads": cfg.n_heads, "width": cfg.d_model, "experts": cfg.n_experts,
        "params": counts["total"], "expert": sums["expert"],
        "dense": counts["total"] - tables - sums["expert"],
        "embedding": sums["embedding"], "head": max(sums["head"], cfg.vocab * cfg.d_model),
        "tied": sums["head"] == 0, "moe_layers": accounting.moe_layers(cfg), "top_k": cfg.top_k,
        "flops": cost["total"], "head_layers": cost["head"] / (cost["total"] - cost["head"]) * cfg.n_layers,
        "kept": (memory.block_values(cfg) - again) * VALUE + statistics, "input": cfg.d_model * VALUE,
        "logits": 2 * cfg.d_model * VALUE + 4 * cfg.vocab,
        "reduces": 2 if cfg.norms_per_block == 1 else 4, "context": context,
    }  # fmt: skip


def check(s: dict[str, float], m: dict[str, Any], lay: dict[str, Any], batch_tokens: float) -> None:
    """Refuse a layout that cannot be built, and say why."""
    for key in ("tp", "pp", "dp", "ep", "micro", "chunks"):
        if not (lay[key] >= 1 and lay[key] == math.floor(lay[key])):
            raise ValueError(f"{key} must be a whole number of at least 1; got {lay[key]}")
    if not (lay["zero"] == 0 or lay["zero"] == 1 or lay["zero"] == 2 or lay["zero"] == 3):
        raise ValueError(f"ZeRO has stages 0, 1, 2 and 3; got {lay['zero']}")
    if s["heads"] % lay["tp"] > 0:
        raise ValueError(f"tp must divide the {s['heads']} heads; got {lay['tp']}")
    if lay["pp"] > s["layers"] or lay["chunks"] > math.ceil(s["layers"] / lay["pp"]):
        raise ValueError(f"{lay['pp']} stages x {lay['chunks']} chunks are too many for {s['layers']} layers")
    if lay["ep"] > 1 and (lay["dp"] % lay["ep"] > 0 or not s["experts"] >= lay["ep"]):
        raise ValueError(f"ep must divide dp and not exceed the experts ({s['experts']}); got {lay['ep']}")
    if batch_tokens < lay["dp"] * lay["micro"] * s["context"] * 0.999:
        raise ValueError(
            f"a batch of {batch_tokens} tokens has no micro-batch for each of {lay['dp']} replicas; "
            "use fewer replicas or a larger batch"
        )
    for key in ("peak", "memory", "bandwidth", "node", "network", "per_node", "efficiency"):
        formulas.positive(key, m[key])


def stage_layers(s: dict[str, float], lay: dict[str, Any]) -> dict[str, float]:
    """Layers on the fullest stage, and its work in layers, with the output head, which sits on the last."""
    if lay["pp"] == 1:
        return {"layers": s["layers"], "work": s["layers"] + s["head_layers"]}
    per = lay["chunks"] * math.ceil(s["layers"] / (lay["pp"] * lay["chunks"]))
    free = lay["pp"] * per - s["layers"]  # what the last stage can be spared
    return {"layers": per, "work": max(per, per - min(free, per - 1) + s["head_layers"])}


def state_bytes(dense: float, expert: float, lay: dict[str, Any]) -> dict[str, float]:
    """Weights, gradients and optimizer (fp32 master copy, two moments) of one GPU's share; ZeRO over dp."""
    own = {"weights": 2.0, "gradients": 2.0, "optimizer": 12.0}
    first = {"weights": 3, "gradients": 2, "optimizer": 1}  # the ZeRO stage from which a part is shared out
    out = {}
    for key in own:
        shared = lay["zero"] >= first[key]
        out[key] = own[key] * (
            dense / (lay["dp"] if shared else 1) + expert / (lay["dp"] / lay["ep"] if shared else 1)
        )
    return out


def in_flight(microbatches: float, lay: dict[str, Any]) -> float:
    """Micro-batches whose activations the first stage holds at once under 1F1B: min(m, p), a little more if
    chunks interleave: 1 + (p - 1)/(p v) times (Korthikanti et al. 2022, section 4.2.3)."""
    extra = 1 + (lay["pp"] - 1) / (lay["pp"] * lay["chunks"]) if lay["chunks"] > 1 else 1
    return min(microbatches, lay["pp"]) * extra


def memory_bytes(s: dict[str, float], lay: dict[str, Any], microbatches: float) -> dict[str, float]:
    """Bytes by part on the fullest GPU: of the first stage (most activations) or the last (the head)."""
    per = stage_layers(s, lay)["layers"]
    share = per / s["layers"]
    dense = s["dense"] * share / lay["tp"]
    expert = s["expert"] * share / (lay["tp"] * lay["ep"])
    tokens = lay["micro"] * s["context"] / lay["tp"]
    one = tokens * s["kept"]
    head = tokens * s["logits"]
    ends = [{"tables": s["embedding"], "held": in_flight(microbatches, lay), "head": 0},
            {"tables": s["head"], "held": 1, "head": head}]  # fmt: skip
    if lay["pp"] == 1:
        ends = [{"tables": s["embedding"] + (0 if s["tied"] else s["head"]), "held": 1, "head": head}]
    worst: dict[str, float] = {}
    for end in ends:
        out = state_bytes(dense + end["tables"] / lay["tp"], expert, lay)
        kept = tokens * s["input"] if lay["recompute"] else one
        out["activations"] = end["held"] * per * kept + (one if lay["recompute"] else 0) + end["head"]
        block = (s["dense"] + s["expert"] / lay["ep"]) / s["layers"] / lay["tp"]
        sharded = lay["zero"] == 3 and lay["dp"] > 1
        out["gathered"] = memory.GATHERED_UNITS * VALUE * block if sharded else 0.0
        out["total"] = (out["weights"] + out["gradients"] + out["optimizer"] + out["activations"]
                        + out["gathered"])  # fmt: skip
        if not worst or out["total"] > worst["total"]:
            worst = out
    return worst


def data_rounds(zero: int, microbatches: float) -> float:
    """How often a GPU sends its weights' worth of bytes for data parallelism in a step.

    An all-reduce is two rounds (reduce-scatter, all-gather). Stage 2 scatters the gradients of every
    micro-batch, stage 3 gathers the weights forward and back as well (Rajbhandari et al. 2020, section 7).
    """
    if zero == 2:
        return microbatches + 1
    return 3 * microbatches if zero == 3 else 2


def traffic(s: dict[str, float], lay: dict[str, Any], microbatches: float) -> dict[str, float]:
    """Bytes that one GPU sends in a step, by kind: tp, ep, pp, dp."""
    tokens, per = lay["micro"] * s["context"], stage_layers(s, lay)["layers"]
    again = 1.5 if lay["recompute"] else 1  # the forward collectives once more
    piece = tokens * s["width"] * VALUE
    share = per / s["layers"]
    tables = max(s["embedding"], s["head"])
    if lay["pp"] == 1:
        tables = s["embedding"] + (0 if s["tied"] else s["head"])
    dense = (s["dense"] * share + tables) / lay["tp"]
    expert = s["expert"] * share / (lay["tp"] * lay["ep"])
    copies = lay["dp"] / lay["ep"]
    sent = dense * (lay["dp"] - 1) / lay["dp"] + expert * (copies - 1) / copies
    mixed = microbatches * s["moe_layers"] * share * 4 * again  # out and back, forward and backward
    return {
        "tp": microbatches * per * s["reduces"] * again * formulas.all_reduce_bytes(piece, lay["tp"]),
        "ep": mixed * piece / lay["tp"] * s["top_k"] * (lay["ep"] - 1) / lay["ep"],
        "pp": microbatches * lay["chunks"] * 2 * piece / lay["tp"] if lay["pp"] > 1 else 0.0,
        "dp": data_rounds(lay["zero"], microbatches) * VALUE * sent,
    }


def link_speeds(m: dict[str, Any], lay: dict[str, Any]) -> dict[str, float]:
    """Bytes/s for each kind of traffic. Ranks are placed tp first, then ep, pp, dp, node by node.

    A group inside a node uses NVLink. One that spans nodes is bound by the network, times the members that
    sit in the same node, since each brings its own adapter.
    """
    inside = {"tp": 1, "ep": lay["tp"], "pp": lay["tp"], "dp": lay["tp"] * lay["pp"]}
    size = {"tp": lay["tp"], "ep": lay["ep"], "pp": lay["pp"], "dp": lay["dp"]}
    out = {}
    for key in inside:
        if inside[key] * size[key] <= m["per_node"]:
            out[key] = m["node"] * LINK_SHARE
        else:
            together = 1 if key == "pp" or key == "ep" else max(1, m["per_node"] / inside[key])
            out[key] = min(m["node"], m["network"] * together) * LINK_SHARE
    return out


def evaluate(
    cfg: ModelConfig, machine: dict[str, Any], layout: dict[str, Any], batch_tokens: float, context: float
) -> dict[str, Any]:
    """One layout, worked out: memory, fits, bubble_share, bytes and seconds by kind, mfu, why, ..."""
    return evaluate_shape(shape(cfg, context), machine, layout, batch_tokens)


def evaluate_shape(
    s: dict[str, float], m: dict[str, Any], lay: dict[str, Any], batch_tokens: float
) -> dict[str, Any]:
    """`evaluate` for a model that `shape` has summed up (so that many layouts can share the sums)."""
    check(s, m, lay, batch_tokens)
    microbatches = max(1, math.floor(batch_tokens / (lay["dp"] * lay["micro"] * s["context"]) + 0.5))
    held = memory_bytes(s, lay, microbatches)
    room = m["memory"] * memory.USABLE
    gpus = lay["tp"] * lay["pp"] * lay["dp"]
    sent, speed = traffic(s, lay, microbatches), link_speeds(m, lay)
    taken = microbatches * lay["micro"] * s["context"]  # tokens of one replica
    ideal = taken * s["flops"] / (lay["tp"] * lay["pp"] * m["peak"])  # every FLOP at the peak, evenly spread
    even = ideal / m["efficiency"]
    fullest = stage_layers(s, lay)["work"] * lay["pp"] / (s["layers"] + s["head_layers"])
    compute = even * fullest * (4 / 3 if lay["recompute"] else 1)
    seconds = {"compute": compute}
    for kind in sent:
        seconds[kind] = sent[kind] / speed[kind]
    busy = compute + seconds["tp"] + seconds["ep"]
    seconds["bubble"] = busy * (lay["pp"] - 1) / (microbatches * lay["chunks"])
    seconds["network"] = max(0, seconds["pp"] + seconds["dp"] - HIDDEN * compute)
    # Read and write master copy and moments (12 bytes), read gradients, write weights.
    seconds["optimizer"] = held["optimizer"] / 12 * (2 * 12 + 2 * VALUE) / m["bandwidth"]
    step = busy + seconds["bubble"] + seconds["network"] + seconds["optimizer"]
    shares = {
        "useful": ideal / step, "kernels": (even - ideal) / step, "imbalance": even * (fullest - 1) / step,
        "recompute": (compute - even * fullest) / step, "tp": seconds["tp"] / step,
        "ep": seconds["ep"] / step, "bubble": seconds["bubble"] / step,
        "network": seconds["network"] / step, "optimizer": seconds["optimizer"] / step,
    }  # fmt: skip
    return {
        "layout": lay, "gpus": gpus, "microbatches": microbatches, "batch_tokens": taken * lay["dp"],
        "memory": held, "room": room, "fits": held["total"] <= room,
        "bubble_share": formulas.bubble_share(lay["pp"], microbatches * lay["chunks"]),
        "bytes": sent, "seconds": seconds, "shares": shares, "compute_seconds": compute,
        "step_seconds": step, "mfu": shares["useful"], "tokens_per_second": taken * lay["dp"] / step,
        "why": reason(held, room, shares),
    }  # fmt: skip


def reason(held: dict[str, float], room: float, shares: dict[str, float]) -> str:
    """What limits: the largest part of a memory that is too full, else the largest loss of time."""
    worst = ""
    if held["total"] > room:
        for key in held:
            if key != "total" and (worst == "" or held[key] > held[worst]):
                worst = key
        return f"memory: too full, most of it {worst}"
    for key in shares:
        if key != "useful" and (worst == "" or shares[key] > shares[worst]):
            worst = key
    return WHY[worst]


def layouts(
    cfg: ModelConfig, gpus: int, per_node: int = 8, batch_tokens: float = 4194304, context: float = 4096
) -> list[dict[str, Any]]:
    """All sensible layouts of `gpus`.

    tp inside a node and dividing the heads, every depth of pipeline, ZeRO 1 with a pipeline and 1 or 3
    without, 1 to 4 sequences in a micro-batch, 1 to 8 chunks, recomputation or not.
    """
    return layouts_of(shape(cfg, context), gpus, per_node, batch_tokens)


def layouts_of(s: dict[str, float], gpus: int, per_node: int, batch_tokens: float) -> list[dict[str, Any]]:
    """`layouts` for a model that `shape` has summed up."""
    formulas.positive("gpus", gpus)
    found = []
    for split in grids(s, gpus, per_node):
        tp, pp = split["tp"], split["pp"]
        dp = math.floor(gpus / (tp * pp) + 0.5)
        stages = [1] if pp > 1 or dp == 1 else [1, 3]
        for ep in expert_sizes(s, dp):
            for zero in stages:
                for chunks in chunk_sizes(s, pp):
                    for micro in (1, 2, 4):
                        if batch_tokens >= dp * micro * s["context"]:
                            found.append(layout(tp, pp, dp, ep, zero, micro, chunks, False))
                            found.append(layout(tp, pp, dp, ep, zero, micro, chunks, True))
    return found


def grids(s: dict[str, float], gpus: int, per_node: int) -> list[dict[str, int]]:
    """Pairs of tp (1, 2, 4, ... in a node) and pp (up to the layers) whose product divides gpus."""
    out = []
    tp = 1
    while tp <= per_node and tp <= gpus:
        if s["heads"] % tp == 0 and gpus % tp == 0:
            for pp in range(1, int(min(s["layers"], gpus / tp)) + 1):
                if gpus % (tp * pp) == 0:
                    out.append({"tp": tp, "pp": pp})
        tp = 2 * tp
    return out


def expert_sizes(s: dict[str, float], dp: float) -> list[int]:
    """Sizes of an expert group: 1, 2, 4, ... that divide the replicas and do not exceed the experts."""
    out = [1]
    ep = 2
    while ep <= s["experts"] and ep <= dp:
        if dp % ep == 0 and s["experts"] % ep == 0:
            out.append(ep)
        ep = 2 * ep
    return out


def chunk_sizes(s: dict[str, float], pp: int) -> list[int]:
    """Chunks of layers a stage can hold: 1, 2, 4, 8, at least a layer each; 1 without a pipeline."""
    most = math.ceil(s["layers"] / pp) if pp > 1 else 1
    out = [1]
    for chunks in (2, 4, 8):
        if chunks <= most:
            out.append(chunks)
    return out


def best(
    cfg: ModelConfig, machine: dict[str, Any], gpus: int, batch_tokens: float, context: float
) -> dict[str, Any]:
    """The evaluated layout with the highest MFU that fits, or {"fits": False, "why": ..., "nearest": ...}."""
    s = shape(cfg, context)
    top: dict[str, Any] = {}
    nearest: dict[str, Any] = {}
    for lay in layouts_of(s, gpus, machine["per_node"], batch_tokens):
        out = evaluate_shape(s, machine, lay, batch_tokens)
        if out["fits"] and ("mfu" not in top or out["mfu"] > top["mfu"]):
            top = out
        if "memory" not in nearest or out["memory"]["total"] < nearest["memory"]["total"]:
            nearest = out
    if "mfu" in top:
        return top
    if "memory" not in nearest:
        why = f"no layout of {gpus} GPUs: the batch has too few sequences for so many"
        return {"fits": False, "why": why}
    need = math.ceil(formulas.gib(nearest["memory"]["total"]))
    room = math.floor(formulas.gib(nearest["room"]))
    why = (
        f"no layout of {gpus} GPUs fits: the leanest needs {need} GiB on each, and {room} are usable; "
        "take more GPUs, larger ones, or a smaller model"
    )
    return {"fits": False, "nearest": nearest, "why": why}


guard.module(globals())
