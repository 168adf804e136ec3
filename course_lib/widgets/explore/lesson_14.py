"""Lesson 14: attention tile by tile with its running softmax, and how many users' caches fit beside the weights."""

import dataclasses
import math
import random
from typing import Any

from course_lib import accounting, catalog, formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider, toggle

LENGTH = 8  # queries, and keys
WRONG_BY = 1e-9  # errors above this are more than rounding


def minus(x: float, digits: int) -> str:
    """Fixed-point text with a real minus sign."""
    return ("−" if x < 0 and text.fixed(-x, digits) != text.fixed(0, digits) else "") + text.fixed(
        abs(x), digits
    )


def schedule(size: int, causal: bool) -> list[Any]:
    """Tiles in the order they are computed, as first query and first key; a causal mask skips what it hides."""
    out = []
    for start in range(0, LENGTH, size):
        for key in range(0, LENGTH, size):
            if key <= start or not causal:
                out.append([start, key])
    return out


def fold(scores: Any, values: Any, first: int, count: int, faulty: bool) -> Any:
    """The books of one query after `count` keys, taken in `first` at a time, and what the last step did to them."""
    m, total, out = 0.0, 0.0, 0.0
    weights = [0.0 for s in scores]
    step: dict[str, Any] = {"m": 0.0, "l": 0.0, "o": 0.0, "n": 0, "shrink": 0.0, "kept": 0.0, "fresh_l": 0.0, "fresh_o": 0.0, "top": 0.0}  # fmt: skip
    for start in range(0, count, first):
        end = min(start + first, count)
        top = max(scores[start:end])
        high = top if start == 0 else max(m, top)
        shrink = 0.0 if start == 0 else math.exp(m - high)
        e = [math.exp(s - high) for s in scores[start:end]]
        fresh = sum(e)
        fresh_out = sum([e[i] * values[start + i] for i in range(len(e))])
        after = total * shrink + fresh
        # The old output is a mean: times its weight it is a sum again. The slip divides that weight by the new one.
        back = total / after if faulty and start > 0 else total
        step = {"m": m, "l": total, "o": out, "n": start, "shrink": shrink, "kept": out * back * shrink, "fresh_l": fresh, "fresh_o": fresh_out, "top": top}  # fmt: skip
        weights = [w * back * shrink / after for w in weights]
        for i in range(len(e)):
            weights[start + i] = e[i] / after
        out = (out * back * shrink + fresh_out) / after
        m, total = high, after
    return {"m": m, "l": total, "o": out, "n": count, "weights": weights, "step": step}


def seen_keys(row: int, tiles: list[Any], size: int, causal: bool) -> int:
    """Keys that a query has met in these tiles: those that its mask shows it."""
    met = 0
    for tile in tiles:
        if row >= tile[0] and row < tile[0] + size:
            met = min(tile[1] + size, LENGTH)
    return min(met, row + 1) if causal else met


def cell(
    row: int, key: int, now: Any, met: int, size: int, causal: bool, scores: Any, largest: float
) -> dict[str, Any]:
    """One score as the picture shows it: in the tile now, computed before and forgotten, masked, or to come."""
    inside = len(now) > 0 and row >= now[0] and row < now[0] + size and key >= now[1] and key < now[1] + size
    if causal and key > row:
        return {"text": "", "state": "hidden", "share": 0.0}
    if inside:
        return {
            "text": minus(scores[row][key], 1),
            "state": "now",
            "share": math.exp(scores[row][key] - largest),
        }
    return {"text": "", "state": "past" if key < met else "todo", "share": 0.0}


def books(state: Any, error: float, touched: bool, faulty: bool) -> list[Any]:
    """The arithmetic of the watched query in this step, as rows: name, before, restated, this tile, after."""
    s = state["step"]
    if not touched:
        return []
    first = s["n"] == 0
    old = "–" if first else text.fixed(s["l"], 3)
    return [
        {
            "name": "largest score m",
            "cells": ["–" if first else minus(s["m"], 1), "", minus(s["top"], 1), minus(state["m"], 1)],
            "bad": False,
        },
        {
            "name": "sum of weights l",
            "cells": [
                old,
                "" if first else text.fixed(s["l"] * s["shrink"], 3),
                text.fixed(s["fresh_l"], 3),
                text.fixed(state["l"], 3),
            ],
            "bad": False,
        },
        {
            "name": "weighted values",
            "cells": [
                "–" if first else text.fixed(s["o"] * s["l"], 3),
                "" if first else text.fixed(s["kept"], 3),
                text.fixed(s["fresh_o"], 3),
                text.fixed(s["kept"] + s["fresh_o"], 3),
            ],
            "bad": faulty and not first,
        },
        {
            "name": "output = values / l",
            "cells": ["–" if first else text.fixed(s["o"], 3), "", "", text.fixed(state["o"], 3)],
            "bad": error > WRONG_BY,
        },
    ]


def tiles_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """Attention over eight tokens, after some of its tiles."""
    size = data["sizes"][v["block"]]
    causal, faulty = v["causal"], v["faulty"]
    order = schedule(size, causal)
    count = min(v["step"], len(order))
    done = order[0:count]
    now = done[count - 1] if count > 0 else []
    watch = (now[0] if count > 0 else 0) + size - 1
    rows, errors, finished = [], [], 0
    kept: Any = {}
    for i in range(LENGTH):
        met = seen_keys(i, done, size, causal)
        full = i + 1 if causal else LENGTH
        state = fold(data["scores"][i], data["values"], size, met, faulty)
        exact = fold(data["scores"][i], data["values"], LENGTH, full, False)
        here = fold(data["scores"][i], data["values"], LENGTH, met, False) if met > 0 else state
        error = abs(state["o"] - here["o"])
        errors.append(error)
        whole = met == full
        if whole:
            finished = finished + 1
        rows.append({
            "cells": [cell(i, j, now, met, size, causal, data["scores"], state["m"]) for j in range(LENGTH)],
            "m": minus(state["m"], 1) if met > 0 else "", "l": text.fixed(state["l"], 2) if met > 0 else "",
            "o": text.fixed(state["o"], 2) if met > 0 else "", "exact": text.fixed(exact["o"], 2), "watched": i == watch,
            "state": "wait" if met == 0 else ("off" if error > WRONG_BY else ("done" if whole else "open")),
        })  # fmt: skip
        if i == watch:
            kept = {"state": state, "exact": exact, "error": error}
    worst = max(errors)
    added = sum(kept["state"]["weights"])
    moment = {"count": count, "all": len(order), "size": size, "now": now, "worst": worst, "faulty": faulty, "watch": watch, "added": added, "finished": finished}  # fmt: skip
    return {
        "rows": rows, "values": [text.plain(x) for x in data["values"]], "step": count, "steps": len(order),
        "progress": f"tile {count} of {len(order)}" if count > 0 else f"before the first of {len(order)}",
        "watch": watch + 1, "bars": [{"now": kept["state"]["weights"][j], "full": kept["exact"]["weights"][j]} for j in range(LENGTH)],
        "books": books(kept["state"], kept["error"], count > 0, faulty),
        "shrink": text.fixed(kept["state"]["step"]["shrink"], 3) if kept["state"]["step"]["n"] > 0 else "",
        "error": worst, "added": added,
        "readouts": [
            {"label": "scores in memory", "value": text.plain(size * size if count > 0 else 0), "note": f"of {LENGTH * LENGTH} in the whole table"},
            {"label": "rows finished", "value": f"{finished} of {LENGTH}"},
            {"label": f"weights of query {watch + 1} add up to", "value": text.fixed(added, 3) if count > 0 else "–", "note": "one, if all is well", "tone": "" if count == 0 else ("bad" if abs(added - 1) > WRONG_BY else "good")},
            {"label": "largest error so far", "value": "–" if count == 0 else ("rounding only" if worst < WRONG_BY else text.fixed(worst, 2)), "note": "against a softmax over the same keys", "tone": "" if count == 0 else ("bad" if worst > WRONG_BY else "good")},
        ],
        "verdict": tiles_verdict(moment, kept["state"]["step"]), "tone": "bad" if worst > WRONG_BY else "",
        "alt": f"An eight by eight table of scores in tiles of {size} by {size}, {count} of {len(order)} computed; beside it each query's running largest score, sum and output.",
    }  # fmt: skip


def tiles_verdict(moment: Any, step: Any) -> str:
    """One sentence about what just happened."""
    if moment["count"] == 0:
        return "Nothing is computed yet. Press Next, or the right arrow key."
    if moment["finished"] == LENGTH:
        if moment["worst"] > WRONG_BY:
            return f"All tiles are through, and every row that needed more than one block is wrong, by up to {text.fixed(moment['worst'], 2)}."
        kept = moment["size"] * moment["size"]
        return (
            f"Every row equals the full softmax, and at no time were more than {kept} of the {LENGTH * LENGTH} scores in memory."
            + (" With one tile that is no saving." if kept == LENGTH * LENGTH else "")
        )
    if moment["worst"] > WRONG_BY and step["n"] > 0:
        return f"Here is the slip: at the second block the old output is divided by the new sum twice, so the weights of query {moment['watch'] + 1} add up to {text.fixed(moment['added'], 2)} instead of 1. One block would have hidden it."
    if step["n"] == 0:
        return f"The first keys for these queries: nothing to restate yet. {'The output is the mean over what was seen.' if moment['size'] > 1 else 'With one key the output is simply its value.'}"
    if step["shrink"] < 1:
        return f"Query {moment['watch'] + 1} met a new largest score. Everything summed before is restated, times {text.fixed(step['shrink'], 3)}, and the new block is added."
    return f"No larger score for query {moment['watch'] + 1} in this tile: its old sums stay as they are (times 1), and the new block is added."


@explorable
def tiles() -> Explorable:
    """FlashAttention, one tile at a time."""
    rng = random.Random(1397)
    scores = [[round(rng.gauss(0.2, 1.3), 1) for _ in range(LENGTH)] for _ in range(LENGTH)]
    data = {"scores": scores, "values": [3, 8, 1, 6, 9, 2, 7, 4], "sizes": {"1": 1, "2": 2, "4": 4, "8": 8}}
    broken = tiles_compute({"block": "2", "causal": True, "faulty": True, "step": 64}, data)
    total = [len(schedule(2, causal)) for causal in (True, False)]
    return Explorable(
        "attention-tiles", "Attention, one tile at a time",
        lead="Eight queries (rows) look at eight keys (columns); each key hands over a value, printed above it. Only the marked tile of scores exists at any moment. What outlives it stands on the right: three numbers for each query.",
        view="tiles", compute=tiles_compute, data=data,
        controls=[
            choice("block", "Tile", {"1": "1 × 1", "2": "2 × 2", "4": "4 × 4", "8": "8 × 8, all at once"}, "2"),
            toggle("causal", "Causal mask: no query looks at later keys", True),
            toggle("faulty", "Make the source’s mistake", False),
            {**slider("step", "Tiles computed", 0, LENGTH * LENGTH, 6, step=1, integer=True, format="plain"), "hidden": True},  # the view's buttons move it
        ],
        alt="A table of scores computed tile by tile, with the running largest score, sum and output of each query.",
        tries=[
            attempt("Go through a row of tiles", "Press Next four times and watch the books of query 8. Whenever a larger score turns up, the old sums shrink by one common factor; otherwise they stay. After the last tile its bars fill the outlines: the full softmax, which was never computed.", block="2", causal=True, faulty=False, step=6),
            attempt("Make the source’s mistake", f"The first pair of queries needs a single tile and is right. From the second tile of a row on, the old output is divided once too often, and its weight melts away. At the end the largest error is {text.fixed(broken['error'], 2)}, on values between 1 and 9.", block="2", causal=True, faulty=True, step=3),
            attempt("The same mistake in one tile", "Nothing is wrong: with a single block there is no old output to restate. A test on a short text, within one block, would have passed.", block="8", causal=True, faulty=True, step=1),
            attempt("Without the mask", f"All {total[1]} tiles are computed instead of {total[0]}. Causal attention skips the tiles above the diagonal, nearly half of them when there are many.", block="2", causal=False, faulty=False, step=64),
        ],
        source="Online softmax: Milakov & Gimelshein 2018. Tiles: Dao et al. 2022; queries outside and keys inside: Dao 2023. Scores are drawn once and rounded to a tenth, so that you can check a step by hand.",
    )  # fmt: skip


# --- The cache and who shares it ----------------------------------------------------------------------------

RESERVED = 0.1  # of the memory: activations, buffers, fragmentation. A round figure, not a measurement
LATENT = 512  # width of the cached latent in DeepSeek-V2 and V3
ROTARY = 64  # and of the one rotary key beside it
MODELS = (
    "GPT-3 175B", "PaLM 540B", "Llama 2 7B", "Llama 2 70B", "Llama 3 8B", "Llama 3 70B", "Llama 3.1 405B", "Mistral 7B",
    "Mixtral 8x7B", "Gemma 2 9B", "Qwen2.5 7B", "Qwen3 235B-A22B", "DeepSeek-V3", "Kimi K2",
)  # fmt: skip
GPUS = ("RTX 3060", "RTX 4090", "A100 80GB", "H100 SXM", "H200", "B200")


def groups_of(heads: int) -> int:
    """Key-value heads for grouped sharing: 8, or the largest number below that divides the heads."""
    return max([g for g in range(1, 9) if heads % g == 0])


def sharing(cfg: Any) -> str:
    """How a model shares its keys and values: mha, gqa, mqa or mla."""
    if cfg["kv_lora_rank"] > 0:
        return "mla"
    if cfg["n_kv_heads"] == 1:
        return "mqa"
    return "mha" if cfg["n_kv_heads"] == cfg["n_heads"] else "gqa"


def shared(cfg: Any, kind: str) -> Any:
    """The same model with another way to share keys and values; as it is where it already shares that way."""
    if sharing(cfg) == kind:
        return cfg
    out = {}
    for key in cfg:
        out[key] = cfg[key]
    if cfg["kv_lora_rank"] > 0:
        out["d_head"] = cfg["v_head_dim"]  # compared, as its authors do, with heads as wide as its values
    out["kv_lora_rank"] = LATENT if kind == "mla" else 0
    out["qk_rope_dim"] = ROTARY if kind == "mla" else 0
    out["n_kv_heads"] = (
        cfg["n_heads"] if kind == "mha" else (groups_of(cfg["n_heads"]) if kind == "gqa" else 1)
    )
    return out


def kind_name(kind: str, cfg: Any) -> str:
    """What a row of the picture is called."""
    if kind == "mha":
        return f"MHA: every head its own ({cfg['n_kv_heads']})"
    if kind == "gqa":
        return f"GQA: {cfg['n_kv_heads']} groups"
    return (
        "MQA: one for all"
        if kind == "mqa"
        else f"MLA: a latent of {cfg['kv_lora_rank']} + {cfg['qk_rope_dim']}"
    )


def fitting(memory: float, weights: float, one: float) -> int:
    """Users whose cache fits beside the weights."""
    return math.floor(max(0.0, memory * (1 - RESERVED) - weights) / one)


def cache_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """The caches of `users` texts beside the weights, for four ways to share keys and values."""
    model = data["models"][v["model"]]
    cfg, gpu = model["config"], data["gpus"][v["gpu"]]
    value_bytes, weight_bits = data["bytes"][v["bits"]], data["bits"][v["weights"]]
    memory = v["devices"] * gpu["memory"]
    weights = formulas.weight_bytes(model["params"], weight_bits)
    built = sharing(cfg)
    rows, own, mine = [], 0.0, 0
    for kind in ["mha", "gqa", "mqa", "mla"]:
        shape = shared(cfg, kind)
        one = accounting.kv_cache_bytes(record(shape), v["context"], value_bytes, 1)
        fit = fitting(memory, weights, one)
        if kind == built:
            own, mine = one, fit
        need = weights + v["users"] * one
        rows.append({
            "name": kind_name(kind, shape), "built": kind == built, "one": one / memory, "users": v["users"] * one / memory,
            "text": f"{text.gigabytes(one, 3)} a user, {text.commas(fit)} fit", "ok": need <= memory * (1 - RESERVED), "fits": min(fit, v["users"]),
        })  # fmt: skip
    per = accounting.kv_bytes_per_token(record(cfg), value_bytes)
    everyone = own * v["users"]
    step = (weights + everyone) / (v["devices"] * gpu["bandwidth"])
    cards = gpu["name"] if v["devices"] == 1 else f"{text.plain(v['devices'])} × {gpu['name']}"
    return {
        "rows": rows, "weights": weights / memory, "reserved": RESERVED, "users": v["users"],
        "memory_text": f"{cards}: {text.gibibytes(memory, 3)}", "weights_text": "weights " + text.gigabytes(weights, 3),
        "readouts": [
            {"label": "cache for one token", "value": text.gigabytes(per, 3), "note": "as the model is built"},
            {"label": "cache for one user", "value": text.gigabytes(own, 3), "note": f"{text.commas(v['context'])} tokens"},
            {"label": "users that fit", "value": text.commas(mine), "tone": "good" if mine >= v["users"] else "bad", "note": "beside the weights, a tenth kept free"},
            {"label": f"cache of {text.plain(v['users'])} over weights", "value": text.times(everyone / weights, 3)},
            {"label": "reading it all once", "value": text.duration(step, 3), "note": "weights and caches, for each step of decoding" if weights + everyone <= memory else "if it did fit"},
        ],
        "verdict": cache_verdict(model["name"], built, weights, memory, everyone, v["users"], mine),
        "alt": f"Strips of memory of {cards}: weights of {model['name']}, then the caches of {text.plain(v['users'])} users, for four ways to share keys and values. " + ". ".join([r["name"] + ", " + r["text"] for r in rows]),
    }  # fmt: skip


def cache_verdict(
    name: str, built: str, weights: float, memory: float, everyone: float, users: float, fit: int
) -> str:
    """One sentence: what fills the memory."""
    kind = {
        "mha": "a key and a value for every head",
        "gqa": "grouped heads",
        "mqa": "one head for all",
        "mla": "a latent",
    }[built]
    if weights > memory * (1 - RESERVED):
        return f"The weights of {name} alone do not fit: more GPUs, or fewer bits for a weight."
    if fit >= users:
        share = everyone / (everyone + weights)
        return f"{name} keeps {kind}. With {text.plain(users)} {'user' if users == 1 else 'users'} the cache is {text.pct(share, 0)} of what a step has to read: {'the texts outweigh the model.' if share > 0.5 else 'the model outweighs the texts.'}"
    return f"{name} keeps {kind}: {text.commas(fit)} of {text.plain(users)} users fit. The others wait, or their texts get shorter."


@explorable
def cache() -> Explorable:
    """KV cache against a GPU's memory, by model and by sharing."""
    models = {}
    for i, name in enumerate(MODELS):
        row = catalog.model(name)
        models[str(i)] = {"name": row.name, "params": row.params, "config": dataclasses.asdict(row.config)}  # type: ignore[arg-type]
    gpus: dict[str, Any] = {}
    for i, name in enumerate(GPUS):
        card = catalog.gpu(name)
        gpus[str(i)] = {
            "name": card.name,
            "memory": card.memory_gib * 2**30,
            "bandwidth": card.bandwidth_gbs * 1e9,
        }
    number = {str(m["name"]): key for key, m in models.items()}
    place = {str(g["name"]): key for key, g in gpus.items()}
    data = {
        "models": models,
        "gpus": gpus,
        "bytes": {"16": 2, "8": 1, "4": 0.5},
        "bits": {"16": 16, "8": 8, "4": 4},
    }
    start: dict[str, Any] = {
        "model": number["Llama 3 8B"],
        "context": 8192,
        "users": 32,
        "gpu": place["H100 SXM"],
        "devices": 1,
        "weights": "16",
        "bits": "16",
    }
    long = start | {"context": 131072, "users": 8}
    gpt3 = start | {"model": number["GPT-3 175B"], "context": 2048, "users": 64, "devices": 8}
    deep = start | {
        "model": number["DeepSeek-V3"],
        "context": 131072,
        "users": 32,
        "gpu": place["H200"],
        "devices": 8,
        "weights": "8",
    }
    seen = {
        name: cache_compute(values, data)["readouts"]
        for name, values in (("long", long), ("gpt3", gpt3), ("deep", deep))
    }
    as_mha = cache_compute(deep, data)["rows"][0]["text"].split(",")[0]
    without = cache_compute(long, data)["rows"][0]["text"].split(", ")
    return Explorable(
        "kv-cache", "How many users fit?",
        lead="A server keeps the keys and values of every text it is working on, next to the weights. The upright line is the end of the memory. Four strips show four ways to share keys and values; the one the model was built with is marked.",
        view="cache", compute=cache_compute, data=data,
        controls=[
            choice("model", "Model", {key: str(m["name"]) for key, m in models.items()}, start["model"], menu=True),
            choice("gpu", "GPU", {key: f"{g['name']} ({text.gibibytes(g['memory'], 3)})" for key, g in gpus.items()}, start["gpu"], menu=True),
            slider("context", "Context of each user", 128, 2**20, start["context"], log=True, integer=True, unit="tokens", format="commas"),
            slider("users", "Users at a time", 1, 256, start["users"], log=True, integer=True, format="plain"),
            slider("devices", "GPUs that share the model", 1, 16, 1, step=1, integer=True, format="plain"),
            choice("weights", "Bits of a weight", {"16": "16", "8": "8", "4": "4"}, "16"),
            choice("bits", "Bits of a cached number", {"16": "16", "8": "8", "4": "4"}, "16"),
        ],
        alt="Strips of GPU memory filled by weights and by the KV caches of users, for four ways to share keys and values.",
        tries=[
            attempt("Llama 3 8B with long texts", f"At 131,072 tokens one user takes {seen['long'][1]['value']}, more than the weights, and {seen['long'][2]['value']} fit. The strip above is the same model with a key and a value for each head: {without[0]}, and {without[1]}.", **long),
            attempt("GPT-3 in its day", f"Built without sharing: {seen['gpt3'][0]['value']} for each token. Eight cards of 80 GiB hold the weights and {seen['gpt3'][2]['value']} users, at a context that is short by today’s measure.", **gpt3),
            attempt("DeepSeek-V3 and its latent", f"Its 128 heads share one latent of 512 numbers and one rotary key of 64, {seen['deep'][0]['value']} for a token in all 61 layers, less than Llama 3 8B’s. Without sharing, heads as wide as its values would need {as_mha}.", **deep),
            attempt("An 8-bit cache", "Half the bits, twice the users. That costs some accuracy, as lesson 13 measured for weights, and no retraining.", **(long | {"bits": "8"})),
        ],
        source="Bytes: `accounting.kv_cache_bytes`; windowed layers keep their window only. The three strips that a model was not built with are “what if”: sharing is decided before training. GiB for memory, decimal GB for the rest.",
    )  # fmt: skip
