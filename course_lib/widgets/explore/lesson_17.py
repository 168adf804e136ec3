"""Lesson 17: tokens routed to experts, dropped and balanced; and what a mixture weighs, computes and reads."""

import dataclasses
import math
from typing import Any

from course_lib import accounting, catalog, formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider

EXPERTS = 8
BIAS_STEP = 0.01  # by which a balancing step moves a bias, in units of the score
HAND_STEP = 0.05  # of a bias that the reader sets
LOSS_STEP = 1.5  # learning rate of the auxiliary loss on the router's offsets
NAMES = ["A", "B", "C", "D", "E", "F", "G", "H"]
BF16 = 2.0  # bytes


def softmax(scores):
    """Shares of a list of scores."""
    top = max(scores)
    raised = [math.exp(s - top) for s in scores]
    total = sum(raised)
    return [r / total for r in raised]


def shares_of(scores, shifts):
    """Router scores of every token, each expert's shifted: rows that sum to 1."""
    return [softmax([row[i] + shifts[i] for i in range(EXPERTS)]) for row in scores]


def best_of(keys, top_k):
    """The experts with the largest keys, best first; of equals the first."""
    left = list(keys)
    chosen = []
    for _ in range(top_k):
        best = 0
        for i in range(EXPERTS):
            if left[i] > left[best]:
                best = i
        chosen.append(best)
        left[best] = -1e9
    return chosen


def choices(shares, offsets, top_k):
    """Which experts every token chooses; the offsets move the choice only."""
    return [best_of([row[i] + offsets[i] for i in range(EXPERTS)], top_k) for row in shares]


def loads_of(chosen):
    """Share of the choices that each expert gets."""
    counts = [0 for _ in range(EXPERTS)]
    total = 0
    for row in chosen:
        for e in row:
            counts[e] = counts[e] + 1
            total = total + 1
    return [c / total for c in counts]


def mean_shares(shares):
    """Mean score of each expert."""
    return [sum([row[i] for row in shares]) / len(shares) for i in range(EXPERTS)]


def loss_slopes(shares, loads):
    """How the balance loss changes with a shift of each expert's scores; the loads count as fixed."""
    slopes = [0.0 for _ in range(EXPERTS)]
    for row in shares:
        felt = sum([loads[i] * row[i] for i in range(EXPERTS)])
        for j in range(EXPERTS):
            slopes[j] = slopes[j] + EXPERTS * row[j] * (loads[j] - felt) / len(shares)
    return slopes


def sign(x):
    """-1, 0 or 1."""
    return 1 if x > 1e-9 else -1 if x < -1e-9 else 0


def balanced(v, scores):
    """Scores, offsets of the choice and choices after the balancing steps."""
    top_k = v["top_k"]
    shifts = [0.0 for _ in range(EXPERTS)]
    offsets = [0.0 for _ in range(EXPERTS)]
    if v["balance"] == "hand":
        offsets = [HAND_STEP * v["push" + str(i)] for i in range(EXPERTS)]
    shares = shares_of(scores, shifts)
    chosen = choices(shares, offsets, top_k)
    steps = v["steps"] if v["balance"] == "loss" or v["balance"] == "bias" else 0
    for _ in range(steps):
        loads = loads_of(chosen)
        if v["balance"] == "loss":
            slopes = loss_slopes(shares, loads)
            shifts = [shifts[i] - LOSS_STEP * slopes[i] for i in range(EXPERTS)]
            shares = shares_of(scores, shifts)
        else:
            offsets = [offsets[i] + BIAS_STEP * sign(1 / EXPERTS - loads[i]) for i in range(EXPERTS)]
        chosen = choices(shares, offsets, top_k)
    return {"shares": shares, "offsets": offsets, "shifts": shifts, "chosen": chosen}


def queues_of(chosen, top_k, room):
    """Who stands where: for each expert its choices in order, first choices before second ones."""
    queues = [[] for _ in range(EXPERTS)]
    for rank in range(top_k):
        for token in range(len(chosen)):
            expert = chosen[token][rank]
            place = len(queues[expert])
            queues[expert].append({"token": token, "rank": rank, "kept": place < room})
    return queues


def shown(character):
    """A character as a reader can see it."""
    return "␣" if character == " " else character


def moved(v, now, expert):
    """What balancing did to an expert's score, as text."""
    if v["balance"] == "none":
        return ""
    by = now["shifts"][expert] if v["balance"] == "loss" else now["offsets"][expert]
    if abs(by) < 5e-4:
        return "0"
    return ("+" if by > 0 else "−") + text.fixed(abs(by), 2)


def weights_of(now, token):
    """Gate weights of a token's experts: their scores, brought to a sum of 1."""
    row = now["shares"][token]
    total = sum([row[e] for e in now["chosen"][token]])
    return [row[e] / total for e in now["chosen"][token]]


def route_compute(v, data):
    """Every character to its experts; queues, drops, loads and the balance loss."""
    scores = data["scores"][int(v["layer"]) - 1]
    characters = data["text"]
    n, top_k, room = len(scores), v["top_k"], v["room"]
    now = balanced(v, scores)
    queues = queues_of(now["chosen"], top_k, room)
    loads = loads_of(now["chosen"])
    dropped, lost, routes = 0, 0, []
    kept_of = [0 for _ in range(n)]
    for e in range(EXPERTS):
        for q in queues[e]:
            if q["kept"]:
                kept_of[q["token"]] = kept_of[q["token"]] + 1
            else:
                dropped = dropped + 1
            weight = weights_of(now, q["token"])[q["rank"]]
            routes.append({"token": q["token"], "expert": e, "weight": weight, "kept": q["kept"]})
    for k in kept_of:
        lost = lost + (1 if k == 0 else 0)
    busiest = 0
    for e in range(EXPERTS):
        if loads[e] > loads[busiest]:
            busiest = e
    even = n * top_k / EXPERTS
    used = (n * top_k - dropped) / (EXPERTS * room)
    term = formulas.balance_loss(loads, mean_shares(now["shares"]))
    watch = min(n, v["watch"]) - 1
    mine = now["chosen"][watch]
    experts = [
        {
            "name": NAMES[e], "load": loads[e], "share": text.pct(loads[e], 0), "moved": moved(v, now, e), "score": now["shares"][watch][e],
            "mine": e in mine, "queue": [{"text": shown(characters[q["token"]]), "token": q["token"], "kept": q["kept"]} for q in queues[e]],
        }
        for e in range(EXPERTS)
    ]  # fmt: skip
    weights = weights_of(now, watch)
    follows = " and ".join([NAMES[mine[r]] + " (weight " + text.fixed(weights[r], 2) + ")" for r in range(top_k)])
    return {
        "tokens": [{"text": shown(c), "lost": kept_of[i] == 0} for i, c in enumerate(characters)],
        "experts": experts, "routes": routes, "room": room, "watch": watch, "hand": v["balance"] == "hand",
        "follows": "“" + shown(characters[watch]) + "” goes to " + follows,
        "readouts": [
            {"label": "busiest expert", "value": text.pct(loads[busiest], 0), "note": NAMES[busiest] + ", " + text.times(loads[busiest] * EXPERTS, 2) + " an even share"},
            {"label": "choices dropped", "value": text.commas(dropped) + " of " + text.commas(n * top_k), "note": text.commas(lost) + " characters reach no expert", "tone": "bad" if dropped > 0 else "good"},
            {"label": "places filled", "value": text.pct(used, 0), "note": "capacity factor " + text.fixed(room / even, 2)},
            {"label": "balance loss", "value": text.fixed(term, 3), "note": "1 when loads or scores are even"},
        ],
        "verdict": route_verdict(v, dropped, used, loads[busiest]), "tone": "bad" if dropped > 0 else "",
        "alt": "Routing of " + text.commas(n) + " characters: " + ", ".join([x["name"] + " " + x["share"] for x in experts]) + "; " + text.commas(dropped) + " choices dropped.",
    }  # fmt: skip


def route_verdict(v, dropped, used, top):
    """What the reader sees, in a sentence."""
    if dropped > 0:
        return "The last in the queue of a full expert get nothing from it; only the residual stream carries them on."
    if used < 0.5:
        return "Nothing is dropped, and more than half of the places are computed for nothing."
    if v["balance"] == "loss" and v["steps"] > 0:
        return "The loss pushes the scores themselves, so the weights of the chosen have moved as well."
    if v["balance"] == "bias" and v["steps"] > 0:
        return "The bias changed who is chosen; the weights still come from the scores as they were."
    return "Everybody has a place. The busiest expert does " + text.times(top * EXPERTS, 2) + " its even share of the work."


def shape_of(v, data):
    """The trunk with the reader's experts, as plain fields; k never above the number of experts."""
    cfg = {}
    trunk = data["trunks"][v["trunk"]]["config"]
    for key in trunk:
        cfg[key] = trunk[key]
    cfg["n_experts"] = v["experts"]
    cfg["top_k"] = min(v["top_k"], v["experts"])
    cfg["d_expert"] = v["width"]
    cfg["n_shared_experts"] = v["shared"]
    cfg["d_shared"] = v["width"]
    return cfg


def dense_of(cfg, width):
    """A dense model on the same trunk whose mixture layers have one feed-forward part of this width."""
    other = {}
    for key in cfg:
        other[key] = cfg[key]
    other["n_experts"] = 1
    other["top_k"] = 1
    other["d_expert"] = width
    other["n_shared_experts"] = 0
    other["shared_gate"] = False
    return other


def costs(cfg, batch, routed):
    """Memory in bytes, FLOPs for a token, and bytes of weights read for one token of a batch."""
    parts = accounting.params(record(cfg))
    active = accounting.active_params(record(cfg))
    router = parts["router"] if not routed else 0
    experts = parts["expert/up"] + parts["expert/gate"] + parts["expert/down"]
    touched = formulas.touched_share(cfg["n_experts"], cfg["top_k"], batch)
    lookup = parts["embedding/token"] if not cfg["tied_head"] else 0
    read = parts["total"] - router - lookup - experts + experts * touched
    return {
        "total": parts["total"] - router, "active": active["total"] - router, "touched": touched,
        "flops": accounting.flops(record(cfg), 2048)["total"] - 2 * router, "read": BF16 * read,
    }  # fmt: skip


def mixture_compute(v, data):
    """Total against active: a mixture beside the dense models of its active and of its total size."""
    cfg = shape_of(v, data)
    batch = v["batch"]
    mixed = costs(cfg, batch, True)
    used = (cfg["top_k"] + cfg["n_shared_experts"]) * cfg["d_expert"]
    held = (cfg["n_experts"] + cfg["n_shared_experts"]) * cfg["d_expert"]
    small = costs(dense_of(cfg, used), batch, False)
    large = costs(dense_of(cfg, held), batch, False)
    models = [
        {"name": "Dense, active size", "says": text.si(small["total"], 3), "cost": small},
        {"name": "This mixture", "says": text.si(mixed["total"], 3) + ", active " + text.si(mixed["active"], 3), "cost": mixed},
        {"name": "Dense, total size", "says": text.si(large["total"], 3), "cost": large},
    ]  # fmt: skip
    groups = []
    for key, title in [("memory", "Memory for the weights, bf16"), ("flops", "Arithmetic for a token"), ("read", "Weights read for " + several(batch))]:
        values = [BF16 * m["cost"]["total"] if key == "memory" else m["cost"][key] for m in models]
        top = max(values)
        bars = [
            {"name": models[i]["name"], "share": values[i] / top, "text": text.sig(values[i] / 1e9, 3) + " GFLOPs" if key == "flops" else text.gigabytes(values[i])}
            for i in range(3)
        ]  # fmt: skip
        groups.append({"title": title, "bars": bars})
    touched = round(mixed["touched"] * cfg["n_experts"])
    ratio = mixed["active"] / mixed["total"]
    known = ""
    for m in data["trunks"]:
        if m == v["trunk"] and same_experts(data["trunks"][m]["config"], cfg):
            known = data["trunks"][m]["name"]
    return {
        "experts": cfg["n_experts"], "top_k": cfg["top_k"], "shared": cfg["n_shared_experts"], "touched": touched, "groups": groups,
        "models": [{"name": m["name"], "says": m["says"]} for m in models], "layers": moe_layers_text(cfg),
        "legend": [text.commas(cfg["top_k"]) + " for one token", text.commas(max(0, touched - cfg["top_k"])) + " more for a batch of " + text.commas(batch), text.commas(cfg["n_experts"] - touched) + " idle"],
        "readouts": [
            {"label": "parameters", "value": text.si(mixed["total"], 4), "note": known if known != "" else "made up"},
            {"label": "active for a token", "value": text.si(mixed["active"], 4), "note": text.pct(ratio, 1) + " of all"},
            {"label": "experts touched in a layer", "value": text.pct(mixed["touched"], 0), "note": "by " + several(batch) + ", even routing"},
            {"label": "read for one of them", "value": text.gigabytes(mixed["read"] / batch), "note": "dense of the active size: " + text.gigabytes(small["read"] / batch)},
        ],
        "verdict": "It fills the memory of a dense " + text.si(large["total"], 3) + " model, computes like a " + text.si(small["total"], 3) + " one, and reads " + ("as much as that one." if mixed["read"] < 1.01 * small["read"] else text.times(mixed["read"] / small["read"], 2) + " what that one reads."),
        "alt": "One layer: " + text.commas(cfg["n_experts"]) + " experts, " + text.commas(cfg["top_k"]) + " used by a token, about " + text.commas(touched) + " touched by " + several(batch) + ". Bars compare memory, arithmetic and reading with two dense models.",
    }  # fmt: skip


def same_experts(one, other):
    """Whether two shapes have the same mixtures."""
    keys = ["n_experts", "top_k", "d_expert", "n_shared_experts"]
    return len([k for k in keys if one[k] != other[k]]) == 0


def several(batch):
    """So many tokens, in words."""
    return "1 token" if batch == 1 else text.commas(batch) + " tokens"


def moe_layers_text(cfg):
    """How many layers look like the one drawn."""
    return "One of " + text.commas(accounting.moe_layers(record(cfg))) + " such layers"


@explorable
def route_tokens() -> Explorable:
    """Characters of a sentence, routed by a trained tiny mixture; capacity, top-k and balancing by hand."""
    from course_lib.tiny import moe_study

    shipped = moe_study.sentence()
    data = {"text": list(shipped["text"]), "scores": shipped["scores"]}
    n = len(data["text"])
    start: dict[str, Any] = {"layer": "2", "top_k": 2, "room": 9, "balance": "none", "steps": 0, "watch": 1} | {f"push{i}": 0 for i in range(EXPERTS)}

    def tried(name: str, **values: object) -> str:
        out = route_compute(start | values, data)
        return next(r["value"] for r in out["readouts"] if r["label"] == name)

    return Explorable(
        "route-tokens", "Who goes where",
        lead="Above, a sentence as our tiny mixture reads it. Below, its eight experts with their places; a queue longer than the places is dropped. Drag along the sentence to follow one character.",
        view="routes", compute=route_compute, data=data,
        controls=[
            choice("layer", "Layer", {"1": "First", "2": "Second"}, start["layer"]),
            choice("balance", "Balancing", {"none": "None", "loss": "Auxiliary loss", "bias": "Bias", "hand": "By hand"}, start["balance"]),
            slider("top_k", "Experts for each character (k)", 1, 4, start["top_k"], integer=True, format="commas"),
            slider("room", "Places in each expert", 1, 27, start["room"], integer=True, format="commas"),
            slider("steps", "Balancing steps", 0, 60, start["steps"], integer=True, format="commas"),
            slider("watch", "Follow character number", 1, n, start["watch"], integer=True, format="commas"),
            *[{**slider(f"push{i}", f"Bias of expert {NAMES[i]}", -20, 20, 0, integer=True, format="commas"), "hidden": True} for i in range(EXPERTS)],
        ],
        alt="Characters of a sentence on top, eight experts with places below, lines from each character to the experts it chose, and what was dropped.",
        tries=[
            attempt("Room for an even share only", f"Seven places each would be enough for all if the router were fair. It is not: {tried('choices dropped', room=7)} choices are dropped while other experts wait.", **start | {"room": 7}),
            attempt("Balance with a bias", f"Each step moves every bias by {BIAS_STEP} against its load. After 40 steps the busiest expert has {tried('busiest expert', balance='bias', steps=40)} instead of {tried('busiest expert')}. From there it hovers: a fixed step overshoots.", **start | {"balance": "bias", "steps": 40}),
            attempt("Balance with the loss", f"The loss presses on the scores of the busy experts: {tried('busiest expert', balance='loss', steps=40)} after 40 steps, and the balance loss falls from {tried('balance loss')} to {tried('balance loss', balance='loss', steps=40)}. It cannot see the choices, only scores.", **start | {"balance": "loss", "steps": 40}),
            attempt("One expert for each character", f"With k = 1, as in Switch, and four places: {tried('choices dropped', top_k=1, room=4)} choices are dropped, and every one of them is a character that no expert sees.", **start | {"top_k": 1, "room": 4}),
            attempt("You are the balancer", "Use the plus and minus buttons under the experts until nothing is dropped; with ten places it can be done in a few moves. Each of them sends somebody to a second or third choice.", **start | {"balance": "hand", "room": 10}),
        ],
        source="Router scores of the unbalanced mixture in the table below (8 experts, top-2, 500,000 characters), rounded. Balancing acts here on one frozen sentence; in training it acts on every batch while the router learns. Loss: Fedus et al. 2021; bias: DeepSeek-V3 2024.",
    )  # fmt: skip


@explorable
def huge_and_cheap() -> Explorable:
    """Total against active parameters of real and made-up mixtures."""
    names = ("Mixtral 8x7B", "Qwen3 235B-A22B", "DeepSeek-V3", "Kimi K2")
    trunks: dict[str, Any] = {}
    for name in names:
        trunks[name.split()[0].lower()] = {"name": name, "config": dataclasses.asdict(catalog.config_of(name))}
    data = {"trunks": trunks}

    def own(key: str, **more: object) -> dict:
        c = trunks[key]["config"]
        real = {"trunk": key, "experts": c["n_experts"], "top_k": c["top_k"], "shared": c["n_shared_experts"], "width": c["d_expert"]}
        return real | {"batch": 1} | more

    def tried(values: dict, label: str) -> str:
        return next(r["value"] for r in mixture_compute(values, data)["readouts"] if r["label"] == label)

    start = own("mixtral")
    crowd, deep = own("mixtral", batch=16), own("deepseek-v3", batch=8)
    fine = own("mixtral", experts=64, top_k=16, width=1792)
    one = own("mixtral", experts=1, top_k=1)
    return Explorable(
        "huge-and-cheap", "Huge and cheap",
        lead="One layer of a mixture, an expert to a square, and what the whole model costs beside two dense ones. Keep a real model, or change its experts.",
        view="mixture", compute=mixture_compute, data=data,
        controls=[
            choice("trunk", "Attention, depth and width of", {k: t["name"] for k, t in trunks.items()}, start["trunk"], menu=True),
            slider("experts", "Routed experts in a layer", 1, 512, start["experts"], log=True, integer=True, format="commas"),
            slider("top_k", "Experts for a token (k)", 1, 16, start["top_k"], integer=True, format="commas"),
            slider("shared", "Shared experts", 0, 4, start["shared"], integer=True, format="commas"),
            slider("width", "Hidden units of an expert", 128, 32768, start["width"], log=True, integer=True, format="commas"),
            slider("batch", "Tokens generated at once", 1, 1024, start["batch"], log=True, integer=True, format="commas"),
        ],
        alt="Squares for the experts of a layer, those in use filled, and bars of memory, arithmetic and bytes read for this mixture and two dense models.",
        tries=[
            attempt("Sixteen users at once", f"Each still pays for two experts, but together they touch {tried(crowd, 'experts touched in a layer')} of them: nearly all weights are read. Small batches are where a mixture saves bytes.", **crowd),
            attempt("DeepSeek-V3", f"256 narrow experts, 8 for a token and one for everybody: {tried(deep, 'active for a token')} of {tried(deep, 'parameters')} active. Eight tokens at once touch {tried(deep, 'experts touched in a layer')} of a layer.", **deep),
            attempt("Cut the experts in eight", f"64 experts an eighth as wide, 16 for a token: still {tried(fine, 'parameters')} and {tried(fine, 'active for a token')} but for the router, and {text.sci(math.comb(64, 16), 2)} possible committees in place of {math.comb(8, 2)}.", **fine),
            attempt("Take the mixture away", f"One expert, always used: {tried(one, 'parameters')}, all active. The three bars of a group agree.", **one),
        ],
        source="Counted by `accounting`; the dense models share everything but the feed-forward parts, whose width is that of the used or of all experts. Arithmetic at a context of 2,048. Reading: weights once for the batch, expected share of experts 1 − (1 − k/E)^{b} with even routing, no cache.",
    )  # fmt: skip
