"""Lesson 13: does it fit, and on how many cards? And what a number becomes in few bits."""

import dataclasses

from course_lib import catalog, memory, numberformats, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider, toggle

GIB = 2.0**30
PARTS = {
    "weights": {"label": "Weights", "color": 0},
    "gradients": {"label": "Gradients", "color": 1},
    "master": {"label": "fp32 master weights", "color": 4},
    "optimizer": {"label": "Optimizer", "color": 3},
    "gathered": {"label": "Layers gathered for use", "color": 6},
    "kv": {"label": "KV cache", "color": 2},
    "activations": {"label": "Activations", "color": 2},
    "working": {"label": "Working space", "color": 5},
}
INT4_GROUP = 32
# Rows of the number formats: label, what it is for, and where its parts come from.
ROWS = [
    {"key": "fp32", "label": "fp32", "says": "master weights, optimizer states"},
    {"key": "bf16", "label": "bf16", "says": "training: the range of fp32"},
    {"key": "fp16", "label": "fp16", "says": "finer, but a short range"},
    {"key": "e5m2", "label": "fp8 E5M2", "says": "gradients"},
    {"key": "e4m3", "label": "fp8 E4M3", "says": "weights and activations"},
    {"key": "int8", "label": "int8", "says": "a whole number times a scale"},
    {"key": "int4", "label": "int4", "says": "fifteen values times a scale"},
]
ALMOST_ZERO = 1e-46  # below half of fp32's smallest: the slider has no zero


def by_group(parts):
    """Sum a breakdown by the word before the slash, the total left out."""
    sums = {}
    for key in parts:
        if key != "total":
            name = key.split("/")[0]
            sums[name] = sums.get(name, 0) + parts[key]
    return sums


def both(n_bytes):
    """Bytes in both units: GB and GiB."""
    return text.gigabytes(n_bytes) + " = " + text.gibibytes(n_bytes)


def usable_context(cfg, context):
    """A table of positions ends somewhere; rotary positions do not."""
    return min(context, cfg["n_ctx"]) if cfg["positions"] == "learned" else context


def bytes_on_a_card(v, cfg, devices):
    """Bytes by group on each of so many cards (serving: everything split evenly)."""
    context = usable_context(cfg, v["context"])
    shape = record(cfg)
    if v["mode"] == "train":
        stage = int(v["stage"])
        return by_group(
            memory.training(
                shape,
                context,
                v["batch"],
                v["optimizer"],
                v["precision"],
                v["recompute"],
                False,
                stage,
                devices,
            )
        )
    group = INT4_GROUP if v["format"] == "int4" else 0
    sums = by_group(memory.serving(shape, v["format"], context, v["batch"], v["kv"], group))
    for key in sums:
        sums[key] = sums[key] / devices
    return sums


def cards_needed(v, cfg, total, capacity):
    """Fewest cards of a capacity; 0 if no number helps."""
    if v["mode"] == "serve":
        return memory.devices_to_serve(total, capacity, memory.USABLE)
    context = usable_context(cfg, v["context"])
    return memory.devices_to_train(
        record(cfg),
        capacity,
        context,
        v["batch"],
        v["optimizer"],
        v["precision"],
        v["recompute"],
        False,
        int(v["stage"]),
        memory.USABLE,
    )


def stack(sums):
    """Groups with their bytes, in the order of PARTS, empty ones left out."""
    return [
        {"key": k, "label": PARTS[k]["label"], "color": PARTS[k]["color"], "bytes": sums[k], "gb": text.gigabytes(sums[k]), "gib": text.gibibytes(sums[k])}
        for k in PARTS if k in sums and sums[k] > 0
    ]  # fmt: skip


def total_of(sums):
    """All groups together."""
    return sum([sums[k] for k in sums])


def fits_compute(v, data):
    """The bytes of one copy by part, and for every card of the catalog how many are needed and how each is filled."""
    model = data["models"][v["model"]]
    cfg = model["config"]
    whole = bytes_on_a_card(v, cfg, 1)
    total = total_of(whole)
    rows = []
    for gpu in data["gpus"]:
        n = cards_needed(v, cfg, total, gpu["memory"])
        each = bytes_on_a_card(v, cfg, max(1, n) if n > 0 else memory.MOST_DEVICES)
        rows.append({
            "key": gpu["key"], "name": gpu["name"], "memory": gpu["memory"], "usable": gpu["memory"] * memory.USABLE, "n": n,
            "each": total_of(each) / GIB, "parts": stack(each),
            "says": "no number of cards" if n == 0 else "1 card" if n == 1 else text.commas(n) + " cards",
        })  # fmt: skip
    parts = stack(whole)
    for p in parts:
        p["share"] = p["bytes"] / total
    most = parts[0]
    for p in parts:
        if p["bytes"] > most["bytes"]:
            most = p
    chosen = rows[0]
    for row in rows:
        if row["key"] == v["gpu"]:
            chosen = row
    return {
        "mode": v["mode"], "parts": parts, "rows": rows, "total_gb": text.gigabytes(total), "total_gib": text.gibibytes(total),
        "readouts": [
            {"label": "one copy needs", "value": text.gibibytes(total), "note": text.gigabytes(total)},
            {"label": chosen["name"] + " cards", "value": text.commas(chosen["n"]) if chosen["n"] > 0 else "no number", "note": "of " + text.commas(chosen["memory"]) + " GiB, nine tenths used", "tone": "good" if chosen["n"] == 1 else "bad" if chosen["n"] == 0 else ""},
            {"label": "on each of them", "value": text.sig(chosen["each"], 3) + " GiB", "note": text.pct(chosen["each"] / chosen["memory"], 0) + " of the card"},
            {"label": "largest part", "value": most["label"], "note": text.pct(most["share"], 0) + " of one copy"},
        ],
        "verdict": fits_verdict(v, cfg, model["name"], chosen, most, whole),
        "tone": "bad" if chosen["n"] == 0 else "good" if chosen["n"] == 1 else "",
        "alt": f"{model['name']} needs {both(total)}: " + ", ".join([p["label"].lower() + " " + p["gib"] for p in parts]) + ". Cards needed: " + ", ".join([r["name"] + " " + r["says"] for r in rows]) + ".",
    }  # fmt: skip


def fits_verdict(v, cfg, name, chosen, most, whole):
    """One sentence on the chosen card and on what decides."""
    cut = usable_context(cfg, v["context"])
    said = (
        f"{name}’s table of positions ends at {text.commas(cut)} tokens, so that is what is counted. "
        if cut < v["context"]
        else ""
    )
    if chosen["n"] == 0:
        why = (
            "copies do not shrink when cards are added; share out more of the state"
            if v["stage"] != "3"
            else "activations stay on every card; recompute them, or shorten what a card reads at once"
        )
        return said + f"No number of {chosen['name']} cards is enough: {why}."
    if v["mode"] == "serve":
        if most["key"] == "kv":
            per = whole["kv"] / v["batch"]
            return (
                said
                + f"The cache has outgrown the weights: every further sequence of this length takes {text.gibibytes(per)} more."
            )
        if chosen["n"] == 1:
            return (
                said
                + f"One {chosen['name']} holds it, with {text.sig(chosen['usable'] - chosen['each'], 2)} GiB to spare."
            )
        return (
            said
            + f"The weights decide: {text.commas(chosen['n'])} cards, because {text.gibibytes(whole['weights'])} must lie somewhere before the first token."
        )
    extra = total_of(whole) / whole["weights"]
    if chosen["n"] == 1:
        return (
            said + f"One {chosen['name']} can train it. All together is {text.times(extra, 2)} the weights."
        )
    return (
        said
        + f"Training takes {text.times(extra, 2)} the memory of the weights it works with; {text.commas(chosen['n'])} cards share it."
    )


def pieces_of(key, value, top):
    """Bits of a value in a format with the part that each belongs to, and the number they stand for (None: none)."""
    if key in numberformats.INTEGERS:
        bits = numberformats.INTEGERS[key]
        pattern = numberformats.integer_bits(numberformats.integer_code(value, top, bits), bits)
        return {
            "bits": pattern,
            "roles": ["i" for _ in pattern],
            "near": numberformats.integer_value(pattern, top),
        }
    f = numberformats.FLOATS[key]
    roles = ["s"]
    for _ in range(f["exponent"]):
        roles.append("e")
    for _ in range(f["mantissa"]):
        roles.append("m")
    return {
        "bits": numberformats.float_bits(value, key),
        "roles": roles,
        "near": numberformats.nearest(value, key),
    }


def flipped(key, bits, i, top):
    """The value with bit i turned over, as the controls take it; None where the pattern is no number."""
    other = [1 - bits[j] if j == i else bits[j] for j in range(len(bits))]
    value = (
        numberformats.integer_value(other, top)
        if key in numberformats.INTEGERS
        else numberformats.float_value(other, key)
    )
    if value is None:
        return None
    return {"size": max(abs(value), ALMOST_ZERO), "negative": value < 0, "text": signed(value)}


def signed(value):
    """A value with six digits at most, no idle zeros behind the point, and a true minus."""
    shown = text.sig(abs(value), 6)
    parts = shown.split("e")
    digits = parts[0]
    if "." in digits:
        while digits[-1] == "0":
            digits = digits[:-1]
        if digits[-1] == ".":
            digits = digits[:-1]
    return ("−" if value < 0 else "") + digits + ("e" + parts[1] if len(parts) > 1 else "")


def kind_of(key, near, value, top):
    """What became of the value: exact, rounded, zero, too large or clipped."""
    if near is None:
        return "large"
    if key in numberformats.INTEGERS and abs(value) > top * 1.0000001:
        return "clipped"
    if near == 0 and value != 0:
        return "zero"
    return "exact" if near == value else "rounded"


def about(key, top):
    """Range and fineness of a format in a few words."""
    if key in numberformats.INTEGERS:
        scale = numberformats.integer_scale(top, numberformats.INTEGERS[key])
        return f"up to {text.sig(top, 3)}, in steps of {text.sig(scale, 3)} everywhere"
    return f"up to {text.sig(numberformats.largest(key), 3)}, down to {text.sig(numberformats.smallest(key), 2)}; step at 1: {text.sig(numberformats.gap_at_one(key), 2)}"


def bits_compute(v, data):
    """One number in seven formats: bits, what they read back as, the error, and what each flipped bit would give."""
    value = 0.0 if v["size"] < 1e-45 else -v["size"] if v["negative"] else v["size"]
    rows = []
    lost = []
    for row in ROWS:
        key = row["key"]
        got = pieces_of(key, value, v["top"])
        kind = kind_of(key, got["near"], value, v["top"])
        if kind == "large" or kind == "zero" or kind == "clipped":
            lost.append({"label": row["label"], "kind": kind, "whole": key in numberformats.INTEGERS})
        rows.append({
            "key": key, "label": row["label"], "says": row["says"], "about": about(key, v["top"]), "bits": got["bits"], "roles": got["roles"],
            "kind": kind, "near": "too large" if got["near"] is None else signed(got["near"]), "error": error_text(kind, got["near"], value, key),
            "flips": [flipped(key, got["bits"], i, v["top"]) for i in range(len(got["bits"]))],
        })  # fmt: skip
    return {
        "rows": rows, "value": signed(value), "readouts": [], "tone": "bad" if len(lost) > 0 else "good",
        "verdict": bits_verdict(value, rows, lost),
        "alt": f"The number {signed(value)} in seven formats: " + ", ".join([r["label"] + " reads " + r["near"] for r in rows]) + ".",
    }  # fmt: skip


def error_text(kind, near, value, key):
    """How far off, in words."""
    if kind == "large":
        return "NaN: there is no infinity" if key == "e4m3" else "becomes infinity"
    if kind == "exact":
        return "exact"
    if kind == "zero":
        return "lost: rounds to 0"
    off = abs(near / value - 1)
    return (
        ("clipped, " if kind == "clipped" else "")
        + (text.pct(off, 2) if off >= 0.0001 else text.sci(off, 2))
        + " off"
    )


def bits_verdict(value, rows, lost):
    """Who loses the number, else who keeps it best for its size."""
    if value == 0:
        return "Zero is the one number that every format here has."
    floats = [p for p in lost if not p["whole"]]
    lost = floats if len(floats) > 0 else lost
    if len(lost) > 0:
        words = {"large": "too large for", "zero": "too small for", "clipped": "beyond the scale of"}
        said = "; ".join(
            [
                words[k] + " " + ", ".join([p["label"] for p in lost if p["kind"] == k])
                for k in ["large", "zero", "clipped"]
                if len([p for p in lost if p["kind"] == k]) > 0
            ]
        )
        return f"{signed(value)} is {said}."
    exact = [r["label"] for r in rows if r["kind"] == "exact"]
    if len(exact) > 0:
        return f"{signed(value)} is exact in {', '.join(exact)}: a sum of few powers of two."
    return f"Every format rounds {signed(value)}. Mantissa bits set how far it moves, exponent bits only how large and small it may be."


def models_of_size():
    """Catalog models whose shape is known, largest last."""
    rows = [
        m
        for m in catalog.models()
        if m.config is not None and m.params is not None and m.disclosed == "public"
    ]
    return sorted(rows, key=lambda m: m.params or 0)


@explorable
def does_it_fit() -> Explorable:
    """Any catalog model, served or trained, over the catalog's cards."""
    models = {m.name.lower().replace(" ", "-").replace(".", "-"): m for m in models_of_size()}
    named = {m.name: key for key, m in models.items()}
    cards = sorted(catalog.gpus(), key=lambda g: (g.memory_gib, g.name))
    key_of = {g.name: g.name.lower().replace(" ", "-") for g in cards}
    data = {
        "models": {key: {"name": m.name, "config": dataclasses.asdict(m.config)} for key, m in models.items() if m.config},
        "gpus": [{"key": key_of[g.name], "name": g.name, "memory": g.memory_gib} for g in cards],
    }  # fmt: skip
    start = {
        "model": named["Llama 3 8B"], "mode": "serve", "format": "bf16", "kv": "bf16", "context": 8192, "batch": 1, "optimizer": "adam",
        "precision": "mixed", "stage": "0", "recompute": False, "gpu": key_of["RTX 4090"],
    }  # fmt: skip
    train = {**start, "mode": "train", "context": 4096, "gpu": key_of["H100 SXM"]}

    def needed(values: dict, card: str) -> str:
        row = next(r for r in fits_compute(values, data)["rows"] if r["key"] == key_of[card])
        return row["says"]

    crowd = {**start, "batch": 64}
    share = fits_compute(crowd, data)
    kv_part = next(p for p in share["parts"] if p["key"] == "kv")
    deep = {**start, "model": named["DeepSeek-V3"], "gpu": key_of["H200"]}
    return Explorable(
        "does-it-fit", "Does it fit, and on how many?",
        lead="On top: the bytes of one copy, part by part. Below: every card of the catalog, drawn to scale, filled with its share. Pick a card by its row.",
        view="fits", compute=fits_compute, data=data,
        controls=[
            choice("model", "Model", {key: f"{m.name} ({text.si(m.params or 0, 3)})" for key, m in models.items()}, start["model"], menu=True),
            choice("mode", "What for", {"serve": "Serve it", "train": "Train it"}, start["mode"]),
            slider("context", "Tokens in a sequence", 128, 1048576, start["context"], log=True, integer=True, format="commas"),
            slider("batch", "Sequences at once (training: on each card)", 1, 1024, start["batch"], log=True, integer=True, format="commas"),
            *[
                {**control, "hidden": True}  # the view shows those that belong to the mode
                for control in (
                    choice("format", "Weights stored in", {"fp32": "fp32", "bf16": "bf16", "fp8": "fp8", "int8": "int8", "int4": "int4, groups of 32"}, start["format"]),
                    choice("kv", "KV cache stored in", {"bf16": "bf16", "fp8": "fp8", "int4": "int4"}, start["kv"]),
                    choice("optimizer", "Optimizer", {"sgd": "SGD", "momentum": "SGD + momentum", "adam": "Adam", "adam8bit": "8-bit Adam"}, start["optimizer"]),
                    choice("precision", "Training precision", {"mixed": "Mixed (bf16 + fp32 master)", "fp32": "fp32", "bf16": "Everything bf16"}, start["precision"]),
                    choice("stage", "Share out over the cards", {"0": "Nothing", "1": "Optimizer", "2": "+ gradients", "3": "+ weights"}, start["stage"]),
                    toggle("recompute", "Recompute activations", start["recompute"]),
                    choice("gpu", "Card", {key_of[g.name]: g.name for g in cards}, start["gpu"]),
                )
            ],
        ],
        alt="A stacked bar of the bytes one copy needs, and a row for each graphics card with its capacity, how each card is filled and how many are needed.",
        tries=[
            attempt("Train the model that fits a gaming card", f"The 8B model is served by one RTX 4090. Training it with plain copies on H100s: {needed(train, 'H100 SXM')}. Weights, gradients, master weights and Adam's two moments are 16 bytes for each parameter, before a single activation.", **train),
            attempt("Share out everything, recompute", f"ZeRO stage 3 spreads all of the state and recomputation drops most activations: {needed({**train, 'stage': '3', 'recompute': True}, 'H100 SXM')}.", **{**train, "stage": "3", "recompute": True}),
            attempt("64 conversations at once", f"Same weights, and the cache is now {text.pct(kv_part['share'], 0)} of everything. No fixed split of memory survives a change of batch.", **{**crowd, "gpu": key_of["H100 SXM"]}),
            attempt("DeepSeek-V3: 671B, of which 37B work", f"Every expert has to be in memory, used or not: {needed(deep, 'H200')} of the H200 kind. Its cache is tiny, because it keeps a latent instead of keys and values.", **deep),
            attempt("Llama 3 70B in int4 on one card", f"Four bits and a scale for each 32 are 4.5 bits a weight: {needed({**start, 'model': named['Llama 3 70B'], 'format': 'int4'}, 'A100 80GB')} of 80 GiB.", **{**start, "model": named["Llama 3 70B"], "format": "int4", "gpu": key_of["A100 80GB"]}),
        ],
        source="Cards are labelled in GiB and may be filled to nine tenths. Serving splits everything evenly; training puts the given sequences on *each* card, with fused attention. Working space is an estimate. Leaked models are left out.",
    )  # fmt: skip


@explorable
def number_bits() -> Explorable:
    """One number in seven formats, bit by bit."""
    start = {"size": 0.1, "negative": False, "top": 1.0}

    def reads(size: float, key: str, top: float = 1.0) -> str:
        rows = bits_compute({**start, "size": size, "top": top}, None)["rows"]
        return next(r["near"] for r in rows if r["key"] == key)

    return Explorable(
        "number-bits", "One number, seven formats",
        lead="Move the number, or turn over any bit (click it, or use the arrow keys and Enter): its value is then rounded into all the other formats.",
        view="bits", compute=bits_compute,
        controls=[
            slider("size", "The number (its size)", 1e-10, 1e6, start["size"], log=True, format="sig", digits=6),
            slider("top", "Largest weight that shares the integers' scale", 0.01, 100, start["top"], log=True, format="sig", digits=3),
            toggle("negative", "Negative", False),
        ],
        alt="The bits of one number in seven formats, sign, exponent and mantissa marked, with the value each format reads back.",
        tries=[
            attempt("A small step: 1.001", f"bf16 reads {reads(1.001, 'bf16')}, fp16 reads {reads(1.001, 'fp16')}. A weight of 1 that should grow by a thousandth does not move in bf16: this is why training keeps fp32 master weights.", **{**start, "size": 1.001, "top": 2}),
            attempt("A large activation: 70,000", f"fp16 ends at {text.commas(numberformats.largest('fp16'))}; bf16 has the exponent of fp32 and reads {reads(70000, 'bf16')}.", **{**start, "size": 70000, "top": 100}),
            attempt("A small gradient: 0.00000001", "fp16 and both fp8 formats round it to nothing, which is why fp16 training multiplies the loss by a large number first. bf16 does not need to.", **{**start, "size": 1e-8}),
            attempt("An outlier in the group", f"A weight of 0.1 beside one of 10: int4 counts in steps of {text.sig(10 / 7, 3)} and reads {reads(0.1, 'int4', 10)}, int8 reads {reads(0.1, 'int8', 10)}. One large neighbor spoils the scale for all; small groups keep the damage local.", **{**start, "top": 10}),
        ],
        source="IEEE 754 for fp32 and fp16; bf16 is fp32 cut to 16 bits; fp8 after Micikevicius et al. 2022. Ties go to the even neighbor. Integers are symmetric, scaled to the largest weight that shares their scale.",
    )  # fmt: skip
