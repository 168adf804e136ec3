"""Lesson 15: where a step stands under a machine's roof, and the life of one request."""

import dataclasses
import functools
import math
from typing import Any

from course_lib import accounting, catalog, formulas, market, memory, roofline, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider

PEAKS = {"16": ("bf16", "fp16", "fp32"), "8": ("fp8", "bf16", "fp16", "fp32"), "4": ("fp4", "bf16", "fp16", "fp32")}  # fmt: skip
STORED = {"16": "16 bits", "8": "8 bits", "4": "4 bits"}
MODELS = ("Llama 3.2 1B", "Llama 2 7B", "Llama 3 8B", "Mixtral 8x7B", "Llama 3 70B", "GPT-3 175B", "Llama 3.1 405B", "DeepSeek-V3")  # fmt: skip
TRAIL = 17  # powers of two along a trail, from 1
LANDMARKS = [
    {"key": "add", "label": "vector add"},
    {"key": "norm", "label": "norm"},
]


def bytes_of(stored):
    """Bytes of a stored number, from the choice in bits."""
    return float(stored) / 8


def seen(cfg, context):
    """A table of positions ends somewhere; rotary positions do not."""
    return min(context, cfg["n_ctx"]) if cfg["positions"] == "learned" else context


def flops_text(rate):
    """FLOP/s with the unit that reads best."""
    if rate >= 1e15:
        return text.sig(rate / 1e15, 3) + " PFLOP/s"
    if rate >= 1e12:
        return text.sig(rate / 1e12, 3) + " TFLOP/s"
    return text.sig(rate / 1e9, 3) + " GFLOP/s"


def step_at(v, what, size, data):
    """The chosen work at a size: decode by batch, prefill by prompt tokens, a square product by its side."""
    cfg = data["models"][v["model"]]["config"]
    gpu = data["gpus"][v["gpu"]]
    peak = gpu["peaks"][v["stored"]]["flops"]
    each = bytes_of(v["stored"])
    if what == "product":
        need = roofline.product(size, size, size, each)
        seconds = roofline.step_seconds(need["flops"], need["bytes"], peak, gpu["bandwidth"])
        return {
            "flops": need["flops"], "bytes": need["bytes"], "intensity": need["intensity"], "seconds": seconds,
            "weight_bytes": need["bytes"], "cache_bytes": 0.0,
            "bound": "compute" if need["intensity"] >= peak / gpu["bandwidth"] else "memory",
        }  # fmt: skip
    if what == "prefill":
        return roofline.prefill(record(cfg), seen(cfg, size), 1, peak, gpu["bandwidth"], each)
    return roofline.decode(record(cfg), seen(cfg, v["context"]), size, peak, gpu["bandwidth"], each)


def size_of(v, data):
    """The size that the chosen work is drawn at."""
    if v["what"] == "prefill":
        return seen(data["models"][v["model"]]["config"], v["context"])
    return v["batch"]


def roof_compute(v, data):
    """A roof, the trail of the chosen work along it, landmarks, and what the step's time consists of."""
    gpu = data["gpus"][v["gpu"]]
    peak = gpu["peaks"][v["stored"]]
    ridge = roofline.ridge(peak["flops"], gpu["bandwidth"])
    size = size_of(v, data)
    here = step_at(v, v["what"], size, data)
    trail = []
    for i in range(TRAIL):
        one = step_at(v, v["what"], 2.0**i, data)
        trail.append({"size": 2.0**i, "x": one["intensity"], "y": one["flops"] / one["seconds"]})
    marks = []
    for mark in LANDMARKS:
        x = roofline.elementwise(mark["key"], 1, bytes_of(v["stored"]))["intensity"]
        marks.append({"label": mark["label"], "x": x, "y": roofline.attainable(x, peak["flops"], gpu["bandwidth"])})
    rate = here["flops"] / here["seconds"]
    moving = here["bytes"] / gpu["bandwidth"]
    working = here["flops"] / peak["flops"]
    said = {"decode": "decode, batch " + text.commas(size), "prefill": "prefill of " + text.commas(size) + " tokens", "product": text.commas(size) + " × " + text.commas(size) + " product"}  # fmt: skip
    times = [
        {"key": "weights", "label": "read the matrices" if v["what"] == "product" else "read the weights", "seconds": here["weight_bytes"] / gpu["bandwidth"]},
        {"key": "cache", "label": "write the cache" if v["what"] == "prefill" else "read the cache", "seconds": here["cache_bytes"] / gpu["bandwidth"]},
        {"key": "work", "label": "arithmetic", "seconds": working},
    ]  # fmt: skip
    for one in times:
        one["text"] = text.duration(one["seconds"], 3) if one["seconds"] > 0 else "nothing"
    return {
        "peak": peak["flops"], "bandwidth": gpu["bandwidth"], "ridge": ridge, "ridge_text": text.sig(ridge, 3), "peak_text": flops_text(peak["flops"]) + " (" + peak["format"] + ", dense)",
        "slope_text": text.sig(gpu["bandwidth"] / 1e9, 4) + " GB/s", "trail": trail, "marks": marks, "what": v["what"],
        "here": {"x": here["intensity"], "y": rate, "label": said[v["what"]]}, "times": times, "longest": max(moving, working), "bound": here["bound"],
        "readouts": [
            {"label": "FLOPs per byte", "value": text.sig(here["intensity"], 3), "note": "ridge at " + text.sig(ridge, 3)},
            {"label": "at most", "value": flops_text(rate), "note": text.pct(rate / peak["flops"], 1) + " of the peak"},
            {"label": "one step", "value": text.duration(here["seconds"], 3), "note": "limited by " + ("arithmetic" if here["bound"] == "compute" else "memory")},
            roof_last(v, here, size),
        ],
        "verdict": roof_verdict(v, here, ridge, size), "tone": "good" if here["bound"] == "compute" else "",
        "alt": f"Roof of the {gpu['name']}: a slope of {text.sig(gpu['bandwidth'] / 1e9, 4)} GB/s up to {text.sig(ridge, 3)} FLOPs per byte, then flat at {flops_text(peak['flops'])}. {said[v['what']]} stands at {text.sig(here['intensity'], 3)} FLOPs per byte and {flops_text(rate)}.",
    }  # fmt: skip


def roof_last(v, here, size):
    """The readout that belongs to the work."""
    if v["what"] == "decode":
        return {"label": "tokens a second", "value": text.si(size / here["seconds"], 3), "note": text.sig(1 / here["seconds"], 3) + " for each reader"}  # fmt: skip
    if v["what"] == "prefill":
        return {
            "label": "tokens read a second",
            "value": text.si(size / here["seconds"], 3),
            "note": "first token after this step",
        }
    return {"label": "bytes", "value": text.gigabytes(here["bytes"]), "note": "read two, write one"}


def roof_verdict(v, here, ridge, size):
    """What limits this step, and what would help."""
    far = ridge / here["intensity"]
    if here["bound"] == "compute":
        return f"Arithmetic decides: each byte is used {text.sig(here['intensity'], 3)} times. Faster memory would change nothing."
    if v["what"] == "product":
        return f"Small squares do too little with each byte: {text.times(far, 2)} below the ridge."
    if v["what"] == "prefill":
        return f"Even a prompt is limited by memory while it is short: {text.commas(size)} tokens pass each weight, {text.sig(ridge, 3)} would be needed."
    if here["cache_bytes"] > here["weight_bytes"]:
        return f"Most bytes are cache now, and every reader brings a cache of their own: more company no longer helps, and the dot is stuck {text.times(far, 2)} below the ridge."
    return f"Memory decides: each weight is read once and used for {text.commas(size)} {'token' if size < 2 else 'tokens'}, {text.times(far, 2)} too few. More readers are nearly free here."


def bytes_needed(v, data):
    """Bytes that weights and caches of a whole batch take."""
    cfg = data["models"][v["model"]]["config"]
    each = bytes_of(v["stored"])
    context = seen(cfg, v["prompt"] + v["output"])
    return accounting.params(record(cfg))["total"] * each + accounting.kv_cache_bytes(
        record(cfg), context, each, v["batch"]
    )


def reply_compute(v, data):
    """One request on a timeline, and what a machine full of them gives, draws and costs."""
    cfg = data["models"][v["model"]]["config"]
    gpu = data["gpus"][v["gpu"]]
    peak = gpu["peaks"][v["stored"]]
    n = v["devices"]
    each = bytes_of(v["stored"])
    limit = cfg["n_ctx"] if cfg["positions"] == "learned" else 1e12
    prompt = min(v["prompt"], limit - 1)
    output = min(v["output"], limit - prompt)
    r = roofline.request(
        record(cfg), prompt, output, v["batch"], peak["flops"] * n, gpu["bandwidth"] * n, each
    )
    room = memory.usable_bytes(gpu["memory"], memory.USABLE) * n
    fill = bytes_needed(v, data) / room
    joules = formulas.joules_per_token(gpu["watts"] * n, r["tokens_per_second"], data["pue"])
    dollars = formulas.usd_per_million(v["price"] * n, r["tokens_per_second"])
    steps = output * r["step"]
    return {
        "first": r["first_token"], "last": r["last_token"], "rate": r["per_reader"], "output": output, "fits": fill <= 1,
        "first_text": text.duration(r["first_token"], 3), "last_text": text.duration(r["last_token"], 3), "rate_text": text.sig(r["per_reader"], 3),
        "ticks": [{"at": (r["first_token"] + steps * (i + 1) / 32) / r["last_token"]} for i in range(32)],
        "shares": [
            {"key": "prefill", "label": "reading prompts", "share": r["prefill_share"], "text": text.pct(r["prefill_share"], 0)},
            {"key": "decode", "label": "writing tokens", "share": 1 - r["prefill_share"], "text": text.pct(1 - r["prefill_share"], 0)},
        ],
        "fill": fill, "fill_text": text.pct(fill, 0) + " of the memory that may be used",
        "readouts": [
            {"label": "first token", "value": text.duration(r["first_token"], 3), "note": "the prompt read alone"},
            {"label": "tokens/s for a reader", "value": text.sig(r["per_reader"], 3), "note": "all written after " + text.duration(r["last_token"], 3)},
            {"label": "tokens/s all together", "value": text.si(r["tokens_per_second"], 3), "note": "prompts included"},
            {"label": "joules a token", "value": text.sig(joules, 3), "note": text.sig(joules / 3.6, 3) + " kWh a million"},
            {"label": "rent for a million", "value": text.money(dollars), "note": "tokens written"},
        ],
        "verdict": reply_verdict(v, r, fill, joules), "tone": "bad" if fill > 1 else "",
        "alt": f"Timeline of one request: the first token after {text.duration(r['first_token'], 3)}, then {text.commas(output)} tokens at {text.sig(r['per_reader'], 3)} a second until {text.duration(r['last_token'], 3)}.",
    }  # fmt: skip


def reply_verdict(v, r, fill, joules):
    """The one thing to know about this setting."""
    if fill > 1:
        need = math.ceil(fill * v["devices"])
        return f"It does not fit: weights and caches need {text.commas(need)} of these devices. The times below are those of a machine that had the memory."
    if r["prefill_share"] > 0.5:
        return "The machine spends most of its time reading prompts: this is a job for arithmetic, and a larger batch helps little."
    if r["compute_share"] > 0.5:
        return "Writing has reached the ridge: arithmetic decides, and a still larger batch only makes everybody wait."
    if v["batch"] < 2:
        return f"One reader has {text.commas(v['devices'])} {'device' if v['devices'] < 2 else 'devices'} to themselves, and every token pays for reading all the weights."
    return f"{text.commas(v['batch'])} readers share each reading of the weights; a token costs {text.sig(joules, 2)} J because of that."


@functools.cache
def machines():
    """Devices with power and bandwidth for the page: peaks by the bits stored, the best format each has."""
    out = {}
    for gpu in catalog.gpus():
        peaks = {}
        for stored, formats in PEAKS.items():
            name = next(n for n in formats if getattr(gpu, f"{n}_tflops") is not None)
            peaks[stored] = {"flops": gpu.peak(name), "format": name}
        out[gpu.name.lower().replace(" ", "-")] = {
            "name": gpu.name, "bandwidth": gpu.bandwidth_gbs * 1e9, "peaks": peaks,
            "memory": gpu.memory_gib, "watts": gpu.watts,
        }  # fmt: skip
    return out


@functools.cache
def shapes():
    """Shapes of a few models for the page."""
    out = {}
    for name in MODELS:
        row = catalog.model(name)
        if row.config is not None:
            out[name.lower().replace(" ", "-").replace(".", "-")] = {
                "name": row.name, "config": dataclasses.asdict(row.config),
            }  # fmt: skip
    return out


@explorable
def any_roof() -> Explorable:
    """Any device, any kernel."""
    data = {"models": shapes(), "gpus": machines()}
    start: dict[str, Any] = {"what": "decode", "gpu": "h100-sxm", "model": "llama-3-8b", "stored": "16", "batch": 1, "context": 512}

    def at(**change: object) -> dict:
        return roof_compute({**start, **change}, data)

    one, crowd, long = at(), at(batch=512), at(batch=512, context=8192)
    rtx = at(gpu="rtx-4090")
    return Explorable(
        "any-roof", "Any device, any kernel",
        lead="The roof is what a device allows. Drag the dot, or move the slider: it walks along the roof as the work grows. Below, what the step’s time is made of; the longer row decides.",
        view="roofs", compute=roof_compute, data=data,
        controls=[
            choice("what", "What is done", {"decode": "Decode", "prefill": "Prefill", "product": "Square product"}, start["what"]),
            choice("gpu", "Device", {key: g["name"] for key, g in data["gpus"].items()}, start["gpu"], menu=True),
            choice("model", "Model (decode, prefill)", {key: m["name"] for key, m in data["models"].items()}, start["model"], menu=True),
            choice("stored", "Numbers stored in", STORED, start["stored"]),
            slider("batch", "Batch (decode), side (product)", 1, 65536, start["batch"], log=True, integer=True, format="commas"),
            slider("context", "Tokens in each context, of a prompt", 1, 65536, start["context"], log=True, integer=True, format="commas"),
        ],
        alt="A roofline on logarithmic axes with the chosen work as a dot on it, and rows for the time of reading weights, cache and arithmetic.",
        tries=[
            attempt("Invite 512 readers", f"From {one['readouts'][0]['value']} to {crowd['readouts'][0]['value']} FLOPs per byte. The step takes {crowd['readouts'][2]['value']} instead of {one['readouts'][2]['value']}, for 512 tokens instead of one.", **{**start, "batch": 512}),
            attempt("Let them talk for 8,192 tokens", f"The same 512 readers with long conversations: {long['readouts'][0]['value']} FLOPs per byte. Weights are shared, caches are not.", **{**start, "batch": 512, "context": 8192}),
            attempt("Read a prompt instead", f"A prefill of 2,048 tokens: {at(what='prefill', context=2048)['readouts'][0]['value']} FLOPs per byte, far behind the ridge. The same weights, the same device, the other limit.", **{**start, "what": "prefill", "context": 2048}),
            attempt("A gaming card", f"An RTX 4090 has a sixth of the arithmetic of an H100 and writes for one reader at {rtx['readouts'][3]['value']} tokens a second against {one['readouts'][3]['value']}: in proportion to its memory, a third as fast.", **{**start, "gpu": "rtx-4090"}),
        ],
        source="Dense peaks of the data sheets. A device without units for 8 or 4 bits stores in them and computes in 16. Least bytes: each weight once a step, experts as far as a batch visits them, no activations. One device, whether or not the model fits.",
    )  # fmt: skip


@explorable
def one_request() -> Explorable:
    """The life of a request."""
    gpus = {key: g for key, g in machines().items() if g["watts"] is not None}
    data = {"models": shapes(), "gpus": gpus, "pue": 1.1}
    start: dict[str, Any] = {
        "model": "llama-3-8b", "gpu": "h100-sxm", "devices": 1, "stored": "16", "prompt": 2048, "output": 512, "batch": 1, "price": 3.0,
    }  # fmt: skip

    def at(**change: object) -> dict:
        return reply_compute({**start, **change}, data)

    alone, crowd, small, deep = at(), at(batch=64), at(stored="4"), at(model="deepseek-v3", gpu="h200", devices=16, stored="8", batch=256)  # fmt: skip
    prices = sorted({o.gpu for o in market.offers()} & {g["name"] for g in gpus.values()})
    first, last = min(o.date for o in market.offers()), max(o.date for o in market.offers())
    h100 = [o.usd_per_hour for o in market.offers() if o.gpu == "H100 SXM"]
    return Explorable(
        "one-request", "The life of a request",
        lead="A prompt is read, then tokens are written one by one beside those of the other readers. Press Play to wait as the reader waits.",
        view="reply", compute=reply_compute, data=data,
        controls=[
            choice("model", "Model", {key: m["name"] for key, m in data["models"].items()}, start["model"], menu=True),
            choice("gpu", "Device", {key: g["name"] for key, g in gpus.items()}, start["gpu"], menu=True),
            slider("devices", "Devices, the model split evenly", 1, 64, start["devices"], log=True, integer=True, format="commas"),
            choice("stored", "Weights and cache in", STORED, start["stored"]),
            slider("prompt", "Tokens of the prompt", 1, 131072, start["prompt"], log=True, integer=True, format="commas"),
            slider("output", "Tokens of the answer", 1, 16384, start["output"], log=True, integer=True, format="commas"),
            slider("batch", "Readers at once", 1, 4096, start["batch"], log=True, integer=True, format="commas"),
            slider("price", "Rent of a device, $ an hour", 0.1, 20, start["price"], log=True, format="fixed", digits=2),
        ],
        alt="A timeline of one request with the first and the last token, and how a busy machine divides its time between reading prompts and writing tokens.",
        tries=[
            attempt("64 readers at once", f"Each gets {crowd['rate_text']} tokens a second instead of {alone['rate_text']}; all together they get {crowd['readouts'][2]['value']} instead of {alone['readouts'][2]['value']}. A million tokens for {crowd['readouts'][4]['value']} instead of {alone['readouts'][4]['value']}.", **{**start, "batch": 64}),
            attempt("Four bits, one reader", f"A quarter of the bytes: {small['rate_text']} tokens a second. The first token comes no sooner ({small['first_text']}), because reading the prompt is arithmetic.", **{**start, "stored": "4"}),
            attempt("A long document, a short answer", f"With 65,536 tokens to read, the first token takes {at(prompt=65536, output=64)['first_text']}, and the machine reads {at(prompt=65536, output=64, batch=4)['shares'][0]['text']} of its time.", **{**start, "prompt": 65536, "output": 64, "batch": 4}),
            attempt("A model of 671B parameters", f"DeepSeek-V3 in 8 bits on 16 H200s, 256 readers: {deep['rate_text']} tokens a second for each. A batch visits nearly all experts, and all of them have to be read.", **{**start, "model": "deepseek-v3", "gpu": "h200", "devices": 16, "stored": "8", "batch": 256}),
        ],
        source=f"Bounds, not forecasts: published servers reach between a sixth and four fifths of them. No network between devices. Watts are board limits times a PUE of {text.fixed(data['pue'], 1)}. The rent is yours to set: lists read from {first} to {last} ask {text.money(min(h100))} to {text.money(max(h100))} for an H100 SXM ({', '.join(prices)} are in the course’s table).",
    )  # fmt: skip
