"""Lesson 4: one token's bill, part by part, and a planner for the time and the money of a training run."""

import dataclasses
import math
from typing import Any

from course_lib import accounting, catalog, formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider, toggle

# The parts of the bill in the order in which a token meets them; `color` is a place in the palette.
PARTS: list[dict[str, Any]] = [
    {"key": "lookup", "label": "Token lookup", "color": 4, "says": "a row of the table is copied: nothing to multiply"},
    {"key": "projections", "label": "Queries, keys, values, output", "color": 0, "says": "weights of attention"},
    {"key": "context", "label": "Looking back over the context", "color": 1, "says": "scores and weighted values: no weights"},
    {"key": "ffn", "label": "Feed-forward", "color": 2, "says": "weights of the feed-forward layers"},
    {"key": "head", "label": "Output head", "color": 3, "says": "one score for each word of the vocabulary"},
]
CLOSE = 0.05  # 6 N within 5 % is a good bill
OWN = "own"
GPT2_VOCAB = 50257
BILLED = ("nano-gpt", "GPT-2 Small", "GPT-2 XL", "GPT-3 175B", "Mistral 7B", "Mixtral 8x7B", "Llama 3 8B", "Llama 3.1 405B", "DeepSeek-V3")


def own_shape(layers: float, width: float) -> dict[str, Any]:
    """A plain GPT of `layers` and `width`, with GPT-2's vocabulary; one head, since FLOPs do not depend on heads."""
    d = math.floor(width + 0.5)
    return {
        "n_layers": math.floor(layers + 0.5), "d_model": d, "n_heads": 1, "vocab": GPT2_VOCAB, "n_ctx": 1024, "n_kv_heads": 1,
        "d_head": d, "d_ff": 4 * d, "ffn": "plain", "tied_head": True, "positions": "learned", "norm": "layernorm", "norm_bias": True,
        "norms_per_block": 2, "final_norm": True, "embedding_norm": False, "qk_norm": "none", "qkv_bias": True, "out_bias": True,
        "ffn_bias": True, "head_bias": False, "window": 0, "window_layers": 0, "n_experts": 0, "top_k": 0, "d_expert": 4 * d,
        "n_shared_experts": 0, "d_shared": 4 * d, "shared_gate": False, "n_dense_layers": 0, "moe_every": 1, "router_bias": False,
        "kv_lora_rank": 0, "q_lora_rank": 0, "qk_nope_dim": 0, "qk_rope_dim": 0, "v_head_dim": 0,
    }  # fmt: skip


def part_of(key: str) -> str:
    """The line of the bill that a part of `accounting.flops` belongs to."""
    if key == "attention/scores" or key == "attention/values":
        return "context"
    group = key.split("/")[0]
    if group == "attention" or group == "head":
        return "projections" if group == "attention" else "head"
    return "lookup" if group == "embedding" else "ffn"


def by_part(cost: dict[str, float]) -> dict[str, float]:
    """Forward FLOPs per token summed by line of the bill."""
    sums: dict[str, float] = {"lookup": 0, "projections": 0, "context": 0, "ffn": 0, "head": 0}
    for key in cost:
        if key != "total":
            sums[part_of(key)] = sums[part_of(key)] + cost[key]
    return sums


def counted_params(cfg: dict[str, Any], count: str) -> float:
    """The N that goes into 6 N: what a token uses, with or without token and position tables and head."""
    parts = accounting.active_params(record(cfg))
    if count == "all":
        return parts["total"]
    return parts["total"] - parts["embedding/token"] - parts["embedding/position"] - parts["head"]


def ratios(cfg: dict[str, Any], n: float, contexts: list[float], causal: bool) -> list[float]:
    """The exact bill over 6 N at each context."""
    return [accounting.training_flops(record(cfg), t, causal)["total"] / formulas.training_flops_per_token(n) for t in contexts]


def honest_until(contexts: list[float], values: list[float]) -> float:
    """The longest context of the list at which 6 N is within `CLOSE` of the exact bill; 0 if there is none."""
    good = [contexts[i] for i in range(len(contexts)) if abs(values[i] - 1) <= CLOSE]
    return max(good) if len(good) > 0 else 0


def signed(x: float, digits: int) -> str:
    """A share with its sign."""
    return ("+" if x >= 0 else "−") + text.pct(abs(x), digits)


def bill_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """What one training token costs: forward once, backward twice, by part, beside 6 N."""
    own = v["model"] == OWN
    cfg = own_shape(v["layers"], v["width"]) if own else data["models"][v["model"]]["config"]
    name = "Your model" if own else data["models"][v["model"]]["name"]
    sums = by_part(accounting.flops(record(cfg), v["context"], v["causal"]))
    forward = sums["lookup"] + sums["projections"] + sums["context"] + sums["ffn"] + sums["head"]
    n = counted_params(cfg, v["count"])
    six, exact = formulas.training_flops_per_token(n), 3 * forward
    contexts = [2 ** (k / 4) for k in range(28, 81)]
    curve = ratios(cfg, n, contexts, v["causal"])
    until = honest_until(contexts, curve)
    rows = []
    for part in PARTS:
        value = sums[part["key"]]
        rows.append({"label": part["label"], "says": part["says"], "color": part["color"], "forward": value, "text": text.sci(3 * value, 3), "share": text.pct(value / forward, 1)})
    return {
        "rows": rows, "exact": exact, "six": six, "exact_text": text.sci(exact, 4), "six_text": text.sci(six, 4), "name": name,
        "series": [
            {"kind": "band", "color": "good", "x": [contexts[0], contexts[-1]], "y1": [1 - CLOSE, 1 - CLOSE], "y2": [1 + CLOSE, 1 + CLOSE]},
            {"kind": "line", "color": 1, "x": contexts, "y": curve},
            {"kind": "dots", "color": "ink", "size": 6, "x": [v["context"]], "y": [exact / six], "text": [text.times(exact / six, 3)], "labels": True},
        ],
        "x": {"domain": [contexts[0], contexts[-1]]},
        "y": {"domain": [min([0.8, 0.95 * min(curve)]), max([2, 1.3 * max(curve)])]},
        "readouts": [
            {"label": "forward, and twice that backward", "value": text.sci(forward, 3), "note": "FLOPs for each token"},
            {"label": "6N", "value": text.sci(six, 3), "note": "N = " + text.si(n, 3) + (" used" if cfg["n_experts"] > 0 else "")},
            {"label": "exact against 6N", "value": signed(exact / six - 1, 1), "tone": "good" if abs(exact / six - 1) <= CLOSE else "bad"},
            {"label": "6N is within 5 % up to", "value": text.si(until, 2) + " tokens" if until > 0 else "no context", "note": "of context" if until > 0 else "with this *N*"},
        ],
        "verdict": bill_verdict(name, sums, six, v["context"]),
        "alt": f"The bill of one training token of {name} at a context of {text.commas(v['context'])}: " + ", ".join([r["label"].lower() + " " + r["share"] for r in rows]) + f". The exact sum is {text.times(exact / six, 3)} of 6N.",
    }  # fmt: skip


def bill_verdict(name: str, sums: dict[str, float], six: float, context: float) -> str:
    """One sentence that names the largest reason why 6 N and the exact bill differ."""
    over_context = 3 * sums["context"] / six
    weights = 3 * (sums["projections"] + sums["ffn"] + sums["head"]) / six - 1
    gap = over_context + weights
    if abs(gap) <= CLOSE:
        return f"For {name} at this context 6N is a fair bill: the exact count differs by {signed(gap, 1)}."
    if gap < 0:
        return f"6N charges too much: {text.pct(-weights, 0)} of this N sits in tables that are looked up, or in norms and biases, and is never multiplied."
    if over_context >= weights:
        return f"6N forgets the look back over {text.commas(context)} tokens, which adds {text.pct(over_context, 0)} to it. No parameter does that work, so no count of parameters can see it."
    return f"This N leaves the output head out, but every token pays for it: {text.pct(3 * sums['head'] / six, 0)} on top of 6N."


@explorable
def token_bill() -> Explorable:
    """One token's bill, part by part."""
    rows = {catalog.model(name).name: catalog.model(name) for name in BILLED}
    models = {
        str(i): {"name": name, "config": dataclasses.asdict(row.config)}  # type: ignore[arg-type]
        for i, (name, row) in enumerate(rows.items())
    }
    number = {model["name"]: key for key, model in models.items()}
    gpt3 = catalog.model("GPT-3")
    shape = gpt3.config
    # Looking back costs 2 n_L d for each token of context (half the keys), the weights 2 N: equal at N / (n_L d).
    equal = text.si(gpt3.params / (shape.n_layers * shape.d_model), 2)  # type: ignore[operator, union-attr]
    return Explorable(
        "token-bill", "One token’s bill",
        lead="Follow one training token down the bill. Each line is paid once going forward and twice coming back; the dashed line is what the rule of thumb 6N says the whole will cost.",
        view="bill", compute=bill_compute, data={"models": models},
        controls=[
            choice("model", "Model", {key: str(m["name"]) for key, m in models.items()} | {OWN: "Your own (sliders below)"}, number["GPT-3 175B"], menu=True),
            slider("context", "Context", 128, 2**20, 2048, log=True, integer=True, unit="tokens", format="commas"),
            choice("count", "N counts", {"all": "every parameter", "body": "no tables, no head"}, "all"),
            toggle("causal", "Skip what the mask hides (half the keys on average)", True),
            slider("width", "Your own: width", 32, 16384, 256, log=True, integer=True, format="commas"),
            slider("layers", "Your own: layers", 1, 128, 6, log=True, integer=True, format="commas"),
        ],
        chart={"x": {"label": "Context (tokens)", "log": True, "format": "si"}, "y": {"label": "Exact count ÷ 6N", "log": True}, "height": 220},
        alt="A bill with one bar for each part of a transformer, forward once and backward twice, beside the rule of thumb 6N.",
        tries=[
            attempt("GPT-3, if it read a million tokens at once", f"At the 2,048 tokens of its training, looking back was a sliver of the bill. At a million it is nearly all of it, although not one parameter was added. Drag the context down: at about {equal} tokens the two halves are equal.", model=number["GPT-3 175B"], context=2**20, count="all", causal=True),
            attempt("A small model, counted the way of Kaplan et al.", "Without tables and head, this N misses the largest line of the bill: with 50,257 words to score, the head costs more than the layers. That is why a law fitted in this N bends at small sizes; lesson 7 comes back to it.", model=OWN, width=256, layers=6, context=1024, count="body", causal=True),
            attempt("Llama 3 405B at 8,192 tokens", "A little over: the look back adds 4 %, and the token table, which is looked up and not multiplied, takes half a per cent off again.", model=number["Llama 3.1 405B"], context=8192, count="all", causal=True),
        ],
        source="Counted by `accounting.flops`: two FLOPs for each weight of every matrix; norms, biases and softmax left out.",
    )  # fmt: skip


# --- The planner --------------------------------------------------------------------------------------------

# What a cell of the calendar stands for: name, days, the longest run it is used for, and how many cells stand in a column.
UNITS: list[dict[str, Any]] = [
    {"name": "second", "days": 1 / 86400, "until": 300 / 86400, "column": 15},
    {"name": "minute", "days": 1 / 1440, "until": 0.25, "column": 15},
    {"name": "hour", "days": 1 / 24, "until": 4, "column": 12},
    {"name": "day", "days": 1, "until": 371, "column": 7},
    {"name": "week", "days": 7, "until": 2597, "column": 13},
    {"name": "year", "days": 365.25, "until": 135000, "column": 10},
    {"name": "thousand years", "days": 365250, "until": 1e30, "column": 10},
]
MOST_CELLS = 371  # 53 weeks of days
PUE = 1.1  # site power over computer power, as Patterson et al. 2021 give it for GPT-3


def calendar(days: float, deadline: float) -> dict[str, Any]:
    """Cells of the calendar: how many are worked, how many are due, and what a cell stands for."""
    fitting = [u for u in UNITS if days <= u["until"]]
    unit = fitting[0]
    worked = days / unit["days"]
    return {
        "unit": unit["name"], "column": unit["column"], "worked": min(worked, MOST_CELLS), "over": worked > MOST_CELLS,
        "due": min(deadline / unit["days"], MOST_CELLS),
    }  # fmt: skip


def machines(count: float) -> dict[str, Any]:
    """Squares to draw for `count` devices, and how many devices a square stands for."""
    each = 1
    while count / each > 256:
        each = each * (8 if each < 8 else 4)
    return {"each": each, "squares": math.ceil(count / each)}


def planner_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """Time, energy and rent of a training run, and the utilization a deadline asks for."""
    gpu = data["gpus"][v["gpu"]]
    flops = formulas.training_flops(v["params"], v["tokens"])
    seconds = formulas.training_seconds(flops, v["devices"], gpu["peak"], v["mfu"])
    days = seconds / formulas.SECONDS_PER_DAY
    hours = formulas.device_hours(flops, gpu["peak"], v["mfu"])
    needed = formulas.mfu(flops, v["deadline"] * formulas.SECONDS_PER_DAY, v["devices"], gpu["peak"])
    best = data["best"]
    cards = "1 card" if v["devices"] == 1 else text.commas(v["devices"]) + " cards"
    return {
        "machines": machines(v["devices"]), "calendar": calendar(days, v["deadline"]), "gpu": gpu["name"], "cards": cards,
        "gauge": {"mfu": v["mfu"], "needed": needed, "low": data["worst"], "high": best["mfu"]},
        "peak_text": text.sig(gpu["peak"] / 1e12, 3) + " TFLOP/s in " + gpu["format"], "due_text": text.duration(v["deadline"] * 86400),
        "needed_text": text.pct(needed, 1), "mfu_text": text.pct(v["mfu"], 1), "days_text": text.duration(seconds),
        "readouts": [
            {"label": "compute", "value": text.sci(flops, 3) + " FLOPs", "note": text.sig(formulas.petaflop_days(flops), 3) + " petaflop/s-days"},
            {"label": "time", "value": text.duration(seconds), "tone": "good" if days <= v["deadline"] else "bad"},
            {"label": "device time", "value": text.si(hours, 3) + " hours", "note": text.sig(hours / formulas.HOURS_PER_YEAR, 3) + " GPU-years"},
            {"label": "electricity", "value": text.sig(formulas.energy_kwh(hours, gpu["watts"], PUE) / 1000, 3) + " MWh", "note": "at " + text.commas(gpu["watts"]) + " W and PUE 1.1"},
            {"label": "rent", "value": text.money(formulas.cost_usd(hours, v["price"])), "note": "at your price"},
            {"label": "needed for the deadline", "value": text.pct(needed, 1), "note": "of the dense peak", "tone": "bad" if needed > best["mfu"] else "good"},
        ],
        "verdict": planner_verdict(needed, days, v["deadline"], gpu, best),
        "tone": "bad" if needed > best["mfu"] else "good" if days <= v["deadline"] else "",
        "alt": f"{cards} of type {gpu['name']} at {text.pct(v['mfu'], 1)} of their peak work for {text.duration(seconds)}; the deadline of {text.duration(v['deadline'] * 86400)} needs {text.pct(needed, 1)}.",
    }  # fmt: skip


def planner_verdict(needed: float, days: float, deadline: float, gpu: dict[str, Any], best: dict[str, Any]) -> str:
    """Whether the deadline can be met, in one sentence."""
    asked = f"The deadline asks for {text.sig(needed * gpu['peak'] / 1e12, 3)} TFLOP/s from each {gpu['name']}"
    if needed > 1:
        return asked + ", more than it can do at all: the plan is impossible, whatever the software."
    if needed > best["mfu"]:
        return asked + f", {text.pct(needed, 1)} of its peak. The best that a run of the catalog reports is {text.pct(best['mfu'], 1)} ({best['name']}): do not believe this plan."
    if days > deadline:
        return asked + f", {text.pct(needed, 1)} of its peak: others have reached that, but at your utilization you finish {text.duration((days - deadline) * 86400)} late."
    return f"Done in {text.duration(days * 86400)}, {text.duration((deadline - days) * 86400)} before the deadline." if deadline > days else "Done on the last day."


def planner_values(run_name: str, gpu: str, devices: float | None, deadline: float, mfu: float, price: float) -> dict[str, Any]:
    """The controls for a run of the catalog: its model, its tokens and a plan."""
    run = catalog.run(run_name)
    model = catalog.model(run.model)
    return {
        "params": model.active_params, "tokens": run.tokens, "gpu": gpu, "devices": devices, "deadline": deadline,
        "mfu": mfu, "price": price,
    }  # fmt: skip


@explorable
def planner() -> Explorable:
    """Time and cost for any model, tokens, GPU and utilization."""
    names = ("V100", "A100 80GB", "H100 SXM", "B200", "RTX 3060", "RTX 4090")
    gpus = {}
    for i, name in enumerate(names):
        row = catalog.gpu(name)
        form = "bf16" if row.bf16_tflops else "fp16"
        gpus[str(i)] = {"name": row.name, "peak": row.peak(form), "format": form, "watts": row.watts}
    number = {row["name"]: key for key, row in gpus.items()}
    reported = sorted((run.mfu_published, run.name) for run in catalog.runs() if run.mfu_published and run.kind == "run")
    data = {"gpus": gpus, "worst": reported[0][0], "best": {"mfu": reported[-1][0], "name": reported[-1][1]}}
    gpt3, llama = catalog.run("GPT-3 on V100"), catalog.run("Llama 3.1 405B")
    v100, h100 = catalog.gpu("V100"), catalog.gpu("H100")
    work = formulas.training_flops(catalog.model("GPT-3").params, gpt3.tokens)  # type: ignore[arg-type]
    gpt3_mfu = formulas.mfu(work, gpt3.device_hours * 3600, 1, v100.peak("fp16"))  # type: ignore[operator]
    llama_work = formulas.training_flops(catalog.model("Llama 3.1 405B").params, llama.tokens)  # type: ignore[arg-type]
    llama_mfu = formulas.mfu(llama_work, llama.device_hours * 3600, 1, h100.peak("bf16"))  # type: ignore[operator]
    start = planner_values("GPT-3 on V100", number["V100"], 1000, 34, gpt3_mfu, 2)
    return Explorable(
        "training-planner", "How long, how much?",
        lead="Rent a cluster. Squares are the machines, the bar is the share of their peak that your code gets out of them, and the calendar fills with the time it takes.",
        view="planner", compute=planner_compute, data=data,
        controls=[
            slider("params", "Parameters N (active)", 1e6, 1e13, start["params"], log=True, format="si"),
            slider("tokens", "Training tokens D", 1e8, 1e14, start["tokens"], log=True, format="si"),
            choice("gpu", "GPU", {key: str(row["name"]) for key, row in gpus.items()}, start["gpu"], menu=True),
            slider("devices", "Number of GPUs", 1, 1e5, start["devices"], log=True, integer=True, format="commas"),
            slider("mfu", "Utilization (MFU)", 0.01, 1, gpt3_mfu, format="pct", step=0.01),
            slider("deadline", "Deadline", 1, 1000, start["deadline"], log=True, unit="days"),
            slider("price", "Price, $ for a GPU-hour", 0.1, 10, start["price"], step=0.1, format="fixed"),
        ],
        alt="Squares for the GPUs, a bar for their utilization, and a calendar that fills with the time the training takes.",
        tries=[
            attempt("GPT-3 on 1,000 V100s in 34 days, as text 1 has it", f"At the utilization that the real run reached, the calendar runs to {text.duration(work / (1000 * v100.peak('fp16') * gpt3_mfu))}. To be done in 34 days, every card would have to deliver {text.pct(formulas.mfu(work, 34 * 86400, 1000, v100.peak('fp16')), 0)} of its peak, day and night.", **start),
            attempt("The same 34 days on 1,024 A100s", "A different machine and a different story: a third of the peak is enough. The 34 days are a projection for A100s by Narayanan et al.; they wandered to the wrong line.", **planner_values("GPT-3 on V100", number["A100 80GB"], 1024, 34, 0.335, 2)),
            attempt("The real run: 10,000 V100s", "Ten times the cards of the first try, and the calendar shrinks to about two weeks.", **planner_values("GPT-3 on V100", number["V100"], gpt3.n_devices, 15, gpt3_mfu, 2)),
            attempt("Llama 3.1 405B", "Over a hundred times GPT-3’s compute. The utilization is that over the whole bill of GPU-hours, pauses included; while running, the paper reports 38 to 43 %.", **planner_values("Llama 3.1 405B", number["H100 SXM"], llama.n_devices, 90, llama_mfu, 2)),
            attempt("GPT-2 Small on 10 billion tokens, one gaming card", "About a day. What was a laboratory’s model in 2019 fits a desk and a weekend.", params=catalog.model("GPT-2 Small").params, tokens=1e10, gpu=number["RTX 4090"], devices=1, deadline=3, mfu=0.4, price=0.4),
        ],
        source="6ND over devices × dense peak × utilization. Energy takes each card at its power limit. Prices are yours: they change by the month.",
    )  # fmt: skip
