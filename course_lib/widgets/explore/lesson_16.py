"""Lesson 16: lay a model out over a cluster, and watch a pipeline fill and drain."""

import dataclasses
import math
from typing import Any

from course_lib import catalog, formulas, memory, parallelism, pipelines, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider, toggle

MODELS = {
    "Llama 3.1 405B": 8192,
    "Llama 3 70B": 8192,
    "Llama 3 8B": 8192,
    "GPT-3 175B": 2048,
    "DeepSeek-V3": 4096,
}
GPUS = ("H100 SXM", "A100 80GB")
HELD: list[dict[str, Any]] = [
    {"key": "weights", "label": "weights", "color": 0},
    {"key": "gradients", "label": "gradients", "color": 1},
    {"key": "optimizer", "label": "master weights and Adam", "color": 3},
    {"key": "gathered", "label": "layers gathered for use", "color": 6},
    {"key": "activations", "label": "activations", "color": 2},
]
SPENT: list[dict[str, Any]] = [
    {"key": "useful", "label": "the model’s own FLOPs (MFU)", "color": 2},
    {"key": "kernels", "label": "kernels below the peak", "color": 0},
    {"key": "tp", "label": "waiting for tensor traffic", "color": 1},
    {"key": "ep", "label": "waiting for expert traffic", "color": 5},
    {"key": "bubble", "label": "pipeline bubble", "color": 3},
    {"key": "recompute", "label": "recomputation", "color": 4},
    {"key": "network", "label": "gradients and weights not hidden", "color": 6},
    {"key": "imbalance", "label": "uneven stages", "color": 4},
    {"key": "optimizer", "label": "optimizer", "color": 6},
]
TRAFFIC: list[dict[str, Any]] = [
    {"key": "tp", "label": "tensor", "says": "sums of half-finished layers"},
    {"key": "pp", "label": "pipeline", "says": "activations to the next stage"},
    {"key": "dp", "label": "data", "says": "gradients and weights"},
    {"key": "ep", "label": "expert", "says": "tokens to their experts"},
]


def power_of_two(x: float, most: float) -> int:
    """The power of two nearest to x (from below if above `most`)."""
    n = 1
    while n * 1.415 < x and n * 2 <= most:
        n = n * 2
    return n


def asked_layout(v: Any, cfg: Any) -> Any:
    """The controls as a layout that can be built: powers of two, no more stages or chunks than layers."""
    dp = power_of_two(v["dp"], 4096)
    pp = power_of_two(v["pp"], min(64, cfg["n_layers"]))
    ep = power_of_two(v["ep"], min(dp, max(1, cfg["n_experts"])))
    chunks = min(int(v["chunks"]), math.ceil(cfg["n_layers"] / pp)) if pp > 1 else 1
    return parallelism.layout(
        power_of_two(v["tp"], 8), pp, dp, ep, int(v["zero"]), int(v["micro"]), chunks, v["recompute"]
    )


def parts_of(names: Any, sizes: Any, whole: float, as_bytes: bool) -> list[Any]:
    """Parts with their sizes as shares of `whole` and as text, empty ones left out."""
    return [
        {"key": n["key"], "label": n["label"], "color": n["color"], "share": sizes[n["key"]] / whole,
         "text": text.gibibytes(sizes[n["key"]]) if as_bytes else text.pct(sizes[n["key"]], 1)}
        for n in names if sizes[n["key"]] > 0.0005 * whole
    ]  # fmt: skip


def cluster_compute(v: Any, data: Any) -> dict[str, Any]:
    """One layout: memory against the card, where the step goes, what is sent over which link."""
    model, m = data["models"][v["model"]], data["machines"][v["gpu"]]
    cfg, context = model["config"], model["context"]
    lay = asked_layout(v, cfg)
    least = lay["dp"] * lay["micro"] * context
    tokens = max(v["batch"], least)
    out = parallelism.evaluate(record(cfg), m, lay, tokens, context)
    held, gpus = out["memory"], out["gpus"]
    inside = {"tp": 1, "ep": lay["tp"], "pp": lay["tp"], "dp": lay["tp"] * lay["pp"]}
    links = []
    for t in TRAFFIC:
        size = lay[t["key"]]
        near = inside[t["key"]] * size <= m["per_node"]
        sent = out["bytes"][t["key"]]
        links.append({
            "label": t["label"], "says": t["says"], "size": text.plain(size),
            "over": "–" if size == 1 else "NVLink" if near else "network", "bytes": text.gigabytes(sent) if sent > 0 else "–",
            "seconds": text.duration(out["seconds"][t["key"]], 2) if sent > 0 else "–",
        })  # fmt: skip
    full = held["total"] / m["memory"]
    hours = 1e12 / out["tokens_per_second"] / 3600
    return {
        "held": parts_of(HELD, held, m["memory"], True), "full": full, "usable": memory.USABLE, "fits": out["fits"],
        "card": f"{m['name']}: {text.gibibytes(m['memory'])}", "total": text.gibibytes(held["total"]),
        "spent": parts_of(SPENT, out["shares"], 1.0, False), "links": links,
        "tp": lay["tp"], "pp": lay["pp"], "dp": lay["dp"], "ep": lay["ep"], "per_node": m["per_node"],
        "gpus": gpus, "tokens": tokens, "context": context, "step": text.duration(out["step_seconds"]),
        "map": f"One replica: {text.plain(lay['pp'])} {'stage' if lay['pp'] == 1 else 'stages'} of {text.plain(lay['tp'])} {'GPU' if lay['tp'] == 1 else 'GPUs'}. There {'is 1' if lay['dp'] == 1 else 'are ' + text.commas(lay['dp'])}.",
        "readouts": [
            {"label": "GPUs", "value": text.commas(gpus), "note": f"{text.plain(lay['tp'])} × {text.plain(lay['pp'])} × {text.commas(lay['dp'])}"},
            {"label": "on the fullest GPU", "value": text.gibibytes(held["total"]), "note": text.pct(full, 0) + " of the card, 90 % usable", "tone": "good" if out["fits"] else "bad"},
            {"label": "bubble", "value": text.pct(out["bubble_share"], 1), "note": f"{text.plain(lay['pp'])} stages, {text.plain(out['microbatches'])} micro-batches" + (f", {text.plain(lay['chunks'])} chunks" if lay["chunks"] > 1 else "")},
            {"label": "MFU", "value": text.pct(out["mfu"], 1) if out["fits"] else "–", "note": "estimate" if out["fits"] else "does not fit"},
            {"label": "a trillion tokens", "value": text.duration(hours * 3600) if out["fits"] else "–", "note": text.si(gpus * hours) + " GPU-hours" if out["fits"] else ""},
        ],
        "verdict": cluster_verdict(out, model["name"], lay, tokens > v["batch"] * 1.001),
        "tone": "" if out["fits"] else "bad",
        "alt": f"{model['name']} on {text.commas(gpus)} GPUs, tensor {text.plain(lay['tp'])}, pipeline {text.plain(lay['pp'])}, data {text.plain(lay['dp'])}: {text.gibibytes(held['total'])} of {text.gibibytes(m['memory'])} on the fullest; of a step of {text.duration(out['step_seconds'])}, " + ", ".join([n["label"] + " " + text.pct(out["shares"][n["key"]], 1) for n in SPENT if out["shares"][n["key"]] > 0.0005]) + ".",
    }  # fmt: skip


def cluster_verdict(out: Any, name: str, lay: Any, grown: bool) -> str:
    """One sentence: what limits this layout."""
    said = f"The batch had to grow to {text.si(out['batch_tokens'])} tokens, so that each of {text.commas(lay['dp'])} replicas has a sequence. " if grown else ""  # fmt: skip
    if not out["fits"]:
        over = formulas.gib(out["memory"]["total"] - out["room"])
        return f"{said}It does not fit: {text.sig(over, 3)} GiB too much on each GPU ({out['why']})."
    return f"{said}{name} fits. Besides the useful work, most of the step goes to {out['why']}."


@explorable
def cluster() -> Explorable:
    """Data, tensor, pipeline and expert parallel sizes against memory, bubble, traffic and MFU."""
    models, machines = {}, {}
    for i, name in enumerate(MODELS):
        row = catalog.model(name)
        config = dataclasses.asdict(row.config)  # type: ignore[arg-type]
        models[str(i)] = {"name": row.name, "config": config, "context": MODELS[name]}
    for i, name in enumerate(GPUS):
        machines[str(i)] = parallelism.machine(name)
    data = {"models": models, "machines": machines}
    start: dict[str, Any] = {
        "model": "0", "gpu": "0", "tp": 8, "pp": 16, "dp": 128, "ep": 1, "zero": "1", "micro": "1",
        "chunks": "8", "batch": 2**24, "recompute": False,
    }  # fmt: skip
    only_data = start | {"tp": 1, "pp": 1, "dp": 2048, "zero": "3", "chunks": "1"}
    plain = start | {"chunks": "1"}
    wide = start | {"model": "1", "tp": 8, "pp": 1, "dp": 8, "batch": 2**22, "chunks": "1"}
    experts = start | {
        "model": "4",
        "tp": 1,
        "pp": 16,
        "dp": 128,
        "ep": 64,
        "batch": 2**26,
        "chunks": "1",
        "recompute": True,
    }
    seen = {
        key: cluster_compute(values, data)["readouts"]
        for key, values in {"start": start, "data": only_data, "plain": plain, "wide": wide, "experts": experts,
                            "again": only_data | {"recompute": True}}.items()
    }  # fmt: skip
    return Explorable(
        "cluster", "Lay it out",
        lead="It opens on the layout that Llama 3 405B was trained with. Each square is a GPU of one replica, a column is a stage, a frame is a server of eight. Below it: what the fullest GPU holds, and where the time of a step goes.",
        view="cluster", compute=cluster_compute, data=data,
        controls=[
            choice("model", "Model", {key: str(m["name"]) for key, m in models.items()}, "0", menu=True),
            choice("gpu", "GPU", {key: str(m["name"]) for key, m in machines.items()}, "0"),
            slider("tp", "Tensor parallel", 1, 8, 8, log=True, integer=True, format="plain", stops=(1, 2, 4, 8)),
            slider("pp", "Pipeline stages", 1, 64, 16, log=True, integer=True, format="plain", stops=(1, 2, 4, 8, 16, 32, 64)),
            slider("dp", "Data parallel replicas", 1, 4096, 128, log=True, integer=True, format="commas", stops=tuple(2**k for k in range(13))),
            slider("ep", "Expert parallel", 1, 64, 1, log=True, integer=True, format="plain", stops=(1, 2, 4, 8, 16, 32, 64)),
            slider("batch", "Tokens in a batch", 2**18, 2**26, 2**24, log=True, integer=True, format="si", stops=tuple(2**k for k in range(18, 27))),
            choice("zero", "ZeRO stage", ["0", "1", "2", "3"], "1"),
            choice("micro", "Sequences in a micro-batch", ["1", "2", "4"], "1"),
            choice("chunks", "Chunks on a stage", ["1", "2", "4", "8"], "8"),
            toggle("recompute", "Recompute activations", False),
        ],
        alt="A map of the GPUs of one replica, a bar of memory against the card, a bar of the parts of a step, and a table of traffic.",
        tries=[
            attempt("One chunk on each stage", f"A plain pipeline of 16 stages with 16 micro-batches stands idle {seen['plain'][2]['value']} of the time. With eight chunks a stage it is {seen['start'][2]['value']}: smaller pieces fill the pipe sooner.", **plain),
            attempt("Nothing but data parallelism", f"ZeRO 3 shares out all the states, and still {seen['data'][1]['value']} land on each GPU: a whole sequence’s activations. Recompute them: {seen['again'][1]['value']}. Then look at the network.", **only_data),
            attempt("Llama 3 70B on 64 GPUs", f"No pipeline, no bubble: {seen['wide'][1]['value']} on the fullest GPU. Find a layout with a higher MFU, then press *Find the best*.", **wide),
            attempt("DeepSeek-V3 with its experts spread out", f"256 experts over groups of 64 GPUs, no tensor parallelism: {seen['experts'][3]['value']} by this estimate, and the waiting is for tokens that travel over the network to their experts.", **experts),
        ],
        source="`parallelism.evaluate`: kernels at a fixed share of the peak, links at 80 % of their data sheet, gradients hidden behind half of the computing. Bars of memory in GiB, traffic in decimal GB that one GPU sends in a step.",
    )  # fmt: skip


def count(x: float) -> str:
    """A number of micro-batches: whole where it is whole."""
    return text.plain(x) if x == math.floor(x) else text.fixed(x, 1)


def lanes_compute(v: Any, data: Any) -> dict[str, Any]:
    """A schedule as tiles, up to the time that is shown."""
    stages = int(v["stages"])
    kind = v["schedule"]
    chunks = int(v["chunks"]) if kind == "interleaved" else 1
    micro = int(v["micro"])
    whole = math.ceil(micro / stages) * stages if kind == "interleaved" else micro
    lines = pipelines.timeline(kind, stages, whole, chunks)
    end = 0.0
    for steps in lines:
        for now in steps:
            end = max(end, now["start"] + now["length"])
    now_at = end * v["time"] / 100
    rows = []
    busy = 0
    for s in range(stages):
        tiles = [
            [t["start"], t["length"], t["micro"] + 1, t["chunk"], 0 if t["kind"] == "F" else 1]
            for t in lines[s]
        ]
        held = pipelines.most_held(lines[s], chunks)
        for t in lines[s]:
            if t["start"] <= now_at and t["start"] + t["length"] > now_at:
                busy += 1
        rows.append({"tiles": tiles, "held": count(held), "name": f"stage {s + 1}"})
    counted = pipelines.idle_share(lines)
    formula = formulas.bubble_share(stages, whole * chunks)
    most = pipelines.most_held(lines[0], chunks)
    verdict = f"Counted from the tiles, {text.pct(counted, 1)} of the time is idle; the formula gives {text.pct(formula, 1)}."
    if kind == "gpipe":
        verdict = verdict + f" Stage 1 has to keep the activations of {count(most)} micro-batch{'' if most == 1 else 'es'}."
    elif kind == "1f1b":
        verdict = verdict + f" The bubble is GPipe’s, but stage 1 keeps only {count(most)} micro-batches."
    else:
        verdict = (
            verdict
            + f" Each stage holds {text.plain(chunks)} pieces of the model, and the pipe fills {text.plain(chunks)} times as fast."
        )
    return {
        "rows": rows, "end": end, "now": now_at, "time": v["time"], "chunks": chunks, "micro": whole,
        "readouts": [
            {"label": "idle, counted", "value": text.pct(counted, 1), "note": "empty area of the drawing"},
            {"label": "idle, formula", "value": text.pct(formula, 1), "note": "(p − 1)/(mv + p − 1)", "tone": "good" if abs(counted - formula) < 1e-9 else "bad"},
            {"label": "kept on stage 1", "value": count(most), "note": "micro-batches at once, at most"},
            {"label": "at this moment", "value": "all done" if v["time"] >= 100 else f"{text.plain(busy)} of {text.plain(stages)} busy", "note": f"time {text.fixed(now_at, 1)} of {text.sig(end, 3)} forwards"},
        ],
        "verdict": verdict + (f" (Interleaving takes micro-batches in groups of {text.plain(stages)}, so there are {text.plain(whole)}.)" if whole > micro else ""),
        "alt": f"{text.plain(stages)} stages over time, {text.plain(whole)} micro-batches, {kind}: {text.pct(counted, 1)} of the area is idle.",
    }  # fmt: skip


@explorable
def lanes() -> Explorable:
    """Pipeline schedules drawn tile by tile."""
    start: dict[str, Any] = {"stages": 4, "micro": 4, "schedule": "gpipe", "chunks": "2", "time": 100}
    more, deep = start | {"micro": 12}, start | {"micro": 12, "schedule": "1f1b"}
    inter = start | {"schedule": "interleaved", "micro": 8}
    llama = start | {"stages": 8, "micro": 8, "schedule": "interleaved", "chunks": "4"}
    seen = {
        key: lanes_compute(values, None)["readouts"]
        for key, values in {"start": start, "more": more, "deep": deep, "inter": inter, "llama": llama,
                            "eight": start | {"stages": 8, "micro": 8}, "plain": inter | {"schedule": "1f1b"}}.items()
    }  # fmt: skip
    return Explorable(
        "lanes", "Fill the pipe",
        lead="Each row is a stage of the pipeline, each tile a micro-batch: its way forward, and its way back, which takes twice as long. Hatched is idle. Press *Play*, or drag the time.",
        view="lanes", compute=lanes_compute,
        controls=[
            choice("schedule", "Schedule", {"gpipe": "GPipe", "1f1b": "1F1B", "interleaved": "Interleaved"}, "gpipe"),
            choice("chunks", "Chunks (interleaved)", ["2", "4"], "2"),
            slider("stages", "Stages p", 1, 8, 4, step=1, integer=True, format="plain"),
            slider("micro", "Micro-batches m", 1, 16, 4, step=1, integer=True, format="plain"),
            slider("time", "Time shown", 0, 100, 100, step=1, integer=True, format="plain", unit="%"),
        ],
        alt="Rows of tiles, one row for each pipeline stage, over time.",
        tries=[
            attempt("Three times the micro-batches", f"From {seen['start'][0]['value']} to {seen['more'][0]['value']} idle: the ramps at both ends stay, the work between them grows. But stage 1 now keeps {seen['more'][2]['value']} micro-batches.", **more),
            attempt("One forward, one backward", f"The same {seen['deep'][0]['value']}, and {seen['deep'][2]['value']} micro-batches kept instead of {seen['more'][2]['value']}: each is freed as soon as it has been back.", **deep),
            attempt("Interleave two chunks", f"Stage 1 holds the first and the fifth eighth of the model. The ramps are made of half tiles: {seen['inter'][0]['value']} idle against {seen['plain'][0]['value']} for 1F1B.", **inter),
            attempt("Eight stages, eight micro-batches", f"A small version of what Llama 3 was faced with: GPipe or 1F1B would idle {seen['eight'][0]['value']}; four chunks bring it to {seen['llama'][0]['value']}.", **llama),
        ],
        source="`pipelines.timeline`. Sending takes no time here, and every stage is equally fast; both are kinder than life.",
    )  # fmt: skip
