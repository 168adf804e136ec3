"""A plan as one page: sections of rows, the same in the notebook, in print and in the explorable.

Each row is label, value, note, as text; each section a title and its rows. Plain code: pages translate it to
JavaScript.
"""

import math
from typing import Any

from course_lib import outlook, text

NO_SCORE = "nats per token of the law's own corpus and tokenizer; no score on any test"


def row(label: str, value: str, note: str = "") -> dict[str, str]:
    """One line of the page."""
    return {"label": label, "value": value, "note": note}


def page(made: dict[str, Any], ask: dict[str, Any], gpu: dict[str, Any]) -> list[dict[str, Any]]:
    """The sections of the page."""
    return [
        {"title": "What to train", "rows": model_rows(made, ask)},
        {"title": "What to expect", "rows": loss_rows(made, ask)},
        {"title": "What it takes", "rows": cluster_rows(made, ask, gpu)},
        {"title": "What it costs", "rows": money_rows(made, ask)},
        {"title": "Memory and serving", "rows": serving_rows(made, ask, gpu)},
    ]


def count(n: float) -> str:
    """A count in letters."""
    if n < 1000 and n == math.floor(n):
        return text.commas(n)
    return text.si(n, 3)


def model_rows(made: dict[str, Any], ask: dict[str, Any]) -> list[dict[str, str]]:
    """Size, text, shape."""
    cfg = made["cfg"]
    heads = f"{cfg['n_heads']} heads of {cfg['d_head']}, {cfg['n_kv_heads']} for keys and values"
    kind = "dense"
    if cfg["n_experts"] > 0:
        kind = f"{cfg['n_experts']} experts, {cfg['top_k']} for each token; {count(made['total'])} in all"
    repeats = "each read once"
    if ask["unique"] > 0 and made["epochs"] > 1:
        repeats = f"{text.sig(made['epochs'], 2)} times through {count(ask['unique'])} different ones"
    return [
        row("Parameters N" + (" (active)" if cfg["n_experts"] > 0 else ""), count(made["n"]), kind),
        row("Training tokens D", count(made["tokens"]), repeats),
        row("Tokens per parameter", text.sig(made["tokens"] / made["n"], 3)),
        row("Shape", f"{cfg['n_layers']} layers, width {text.commas(cfg['d_model'])}", heads),
        row("Training compute 6ND", text.sci(made["flops"], 3) + " FLOPs"),
    ]


def loss_rows(made: dict[str, Any], ask: dict[str, Any]) -> list[dict[str, str]]:
    """The predicted loss, its interval, and what the other constants say."""
    said = made["interval"]
    each = "; ".join([outlook.LAW_NAMES[s["name"]] + ": " + text.fixed(s["loss"], 3) for s in said["sets"]])
    width = "published constants, widened by 1.96 standard errors of the refit"
    if ask["kind"] == "moe":
        width += "; experts worth from nothing to the geometric mean"
    return [
        row("Predicted loss", text.fixed(said["loss"], 3), NO_SCORE),
        row("Interval", text.fixed(said["low"], 3) + " to " + text.fixed(said["high"], 3), width),
        row("By constants", each),
    ]


def cluster_rows(made: dict[str, Any], ask: dict[str, Any], gpu: dict[str, Any]) -> list[dict[str, str]]:
    """Machines, layout, time."""
    found = made["parallel"]
    at = f"at {text.pct(ask['utilization'], 0)} of the dense peak"
    rows = [
        row("Cluster", f"{text.commas(ask['gpus'])} × {gpu['name']}", at),
        row("Time of the final run", text.duration(made["days"] * 86400.0)),
    ]
    if found["fits"]:
        lay = found["layout"]
        split = f"tensor {lay['tp']} × pipeline {lay['pp']} × data {lay['dp']}"
        if lay["ep"] > 1:
            split += f", experts over {lay['ep']}"
        each = f"{text.gibibytes(found['memory']['total'])} on each; ZeRO {lay['zero']}"
        each += ", recomputing" if lay["recompute"] else ""
        rows.append(row("Parallel plan", split, each))
        rows.append(row("Its utilization, modeled", text.pct(found["mfu"], 0), "if nothing ever fails"))
    else:
        rows.append(row("Parallel plan", "none fits", found["why"]))
    return rows


def money_rows(made: dict[str, Any], ask: dict[str, Any]) -> list[dict[str, str]]:
    """Dollars and energy, by what they are spent on."""
    hours = made["hours"]
    rows = []
    parts = {"final": "Final run", "experiments": "Experiments, failures", "serving": "Serving, all its life"}
    for name in parts:
        share = text.pct(hours[name] / made["gpu_hours"], 0)
        note = f"{count(hours[name])} GPU-hours, {share}"
        rows.append(row(parts[name], text.money(hours[name] * ask["price"]), note))
    rows.append(row("Together", text.money(made["usd"]), f"at {text.money(ask['price'])} for a GPU-hour"))
    watts = f"final run {text.sig(made['mwh'], 3)} MWh; boards at their limit, PUE {text.sig(ask['pue'], 2)}"
    rows.append(row("Energy", text.sig(made["life_mwh"], 3) + " MWh", watts))
    return rows


def serving_rows(made: dict[str, Any], ask: dict[str, Any], gpu: dict[str, Any]) -> list[dict[str, str]]:
    """Bytes to train and to serve, cost of a million tokens."""
    serve = made["serve"]
    cards = "1 card" if serve["cards"] == 1 else text.commas(serve["cards"]) + " cards"
    fewest = "no number of cards holds it without splitting layers"
    if made["fewest_train"] > 0:
        fewest = f"{text.commas(made['fewest_train'])} × {gpu['name']} hold it, sharded and recomputing"
    both = f"{text.money(serve['read_usd'])} read, {text.money(serve['write_usd'])} written"
    return [
        row("State in training", text.gigabytes(made["state_bytes"]), fewest),
        row("One copy serving", text.gigabytes(serve["bytes"]), f"{cards}, {count(ask['batch'])} at once"),
        row("A million tokens served", text.money(serve["usd_per_million"]), both),
        row("A reader sees", text.sig(serve["per_reader"], 2) + " tokens a second", "by the roofline"),
    ]


def value_text(key: str, value: Any) -> str:
    """A value of an input as text."""
    if key == "law":
        return outlook.LAW_NAMES[value]
    if key == "kind":
        return "dense" if value == "dense" else "mixture"
    if key == "utilization" or key == "experiments":
        return text.pct(value, 0)
    if key == "price":
        return text.money(value)
    return text.fixed(value, 2) if key == "loss" else count(value)


def changes(ranked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sensitivities as text: label; for each move what was changed, and N, D and loss."""
    out = []
    for one in ranked:
        moves = []
        for move in one["moves"]:
            moves.append({
                "value": value_text(one["key"], move["value"]), "n": count(move["n"]),
                "tokens": count(move["tokens"]), "loss": text.fixed(move["loss"], 3),
            })  # fmt: skip
        out.append({"label": one["label"], "moves": moves})
    return out


def verdict(made: dict[str, Any], ask: dict[str, Any], ranked: list[dict[str, Any]]) -> str:
    """The plan in two sentences, and what it hangs on."""
    sparse = ask["kind"] == "moe"
    size = count(made["n"])
    size = f"a mixture with {size} active" if sparse else f"a dense model of {size}"
    said = made["interval"]
    loss = f"{text.fixed(said['loss'], 2)} ({text.fixed(said['low'], 2)} to {text.fixed(said['high'], 2)})"
    spent = f"{text.duration(made['days'] * 86400.0)}, {text.money(made['usd'])} in its life"
    out = f"Train {size} parameters on {count(made['tokens'])} tokens: {spent}, a loss of {loss}. "
    if not made["parallel"]["fits"]:
        return out + "But this cluster cannot hold it: " + made["parallel"]["why"] + "."
    return out + f"What moves the answer most: {ranked[0]['label'].lower()}."
