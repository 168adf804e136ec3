"""Lesson 9: a model's cost over its life as its size slides, the map of real models, and our own runs' handovers.

The optimum is that of Sardana et al. 2024 (arXiv 2401.00448). Sizes are counted in units of the Chinchilla size
of the same loss: in these units the training side of the picture is the same at every quality.
"""

from typing import Any

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider

PEAK = 989e12  # FLOP/s of an H100 in bf16, dense
WATTS = 700.0  # its board power limit
PUE = 1.1
TRAIN_USE = 0.4  # share of the peak while training
LAWS = {"printed": "Hoffmann, printed", "precise": "Hoffmann, unrounded", "refit": "Besiroglu"}
SPAN = [0.08, 2.5]  # sizes shown, in units of the Chinchilla size
TOP = 1.75  # of the cost axis, in units of the Chinchilla size's lifetime cost
DAILY = 776e9  # tokens a day: DeepSeek's whole service, prompts and answers, 27-28 February 2025


def law_of(name: str) -> dict[str, float]:
    """The constants behind a choice."""
    if name == "printed":
        return formulas.HOFFMANN_PRINTED
    return formulas.HOFFMANN_PRECISE if name == "precise" else formulas.BESIROGLU


def count_of(tokens: float, digits: int = 3) -> str:
    """Tokens as text, beyond 999T as a power of ten."""
    return text.si(tokens, digits)


# --- The cost of a life -------------------------------------------------------------------------------------


def cost_at(share: float, p: dict[str, float], law: dict[str, float]) -> dict[str, float]:
    """Training and serving cost, in training FLOPs' worth, of `share` times the Chinchilla size."""
    train = p["least"] * formulas.same_loss_flops(share, law)
    serve = formulas.forward_flops_per_token(p["size"] * share) * p["demand"]
    return {"train": train, "serve": serve, "total": train + serve}


def money_of(flops: float, v: dict[str, Any]) -> str:
    """What training FLOPs cost in the unit of choice."""
    if v["unit"] == "flops":
        return text.sci(flops, 3) + " FLOPs"
    hours = flops / (PEAK * TRAIN_USE) / 3600
    if v["unit"] == "usd":
        return text.money(hours * v["price"], 3)
    kwh = formulas.energy_kwh(hours, WATTS, PUE)
    for scale, suffix in [(1e9, " TWh"), (1e6, " GWh"), (1e3, " MWh")]:
        if kwh >= scale:
            return text.sig(kwh / scale, 3) + suffix
    return text.sig(kwh, 3) + " kWh"


def lifetime_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """Training and serving cost over the sizes that reach one loss, and the cheapest of them."""
    law = law_of(v["law"])
    loss = formulas.loss_of_chinchilla_size(v["size"], law)
    tokens = formulas.tokens_for_loss(v["size"], loss, law)
    dearer = 1.0 if v["unit"] == "flops" else TRAIN_USE / v["use"]
    p = {"size": v["size"], "least": formulas.training_flops(v["size"], tokens), "demand": v["served"] * dearer}
    wall = formulas.smallest_size_share(law)
    unit = cost_at(1.0, p, law)["total"]
    curve = []
    for i in range(141):
        k = wall * (1 + 0.004 * (SPAN[1] / wall / 0.004) ** (i / 140))
        if k <= SPAN[1]:
            c = cost_at(k, p, law)
            curve.append({"k": k, "train": c["train"] / unit, "total": c["total"] / unit})
    best = formulas.inference_aware_params(loss, p["demand"], law) / v["size"]
    mine = max(v["mine"], wall * 1.004)
    at_best, at_mine, at_one = cost_at(best, p, law), cost_at(mine, p, law), cost_at(1.0, p, law)
    ratio = formulas.same_loss_tokens(best, law) * tokens / (best * v["size"])
    return {
        "series": [], "wall": wall, "span": SPAN, "top": TOP, "curve": curve,
        "best": {"k": best, "y": at_best["total"] / unit}, "mine": {"k": mine, "y": at_mine["total"] / unit},
        "bars": [
            bar("trained cheapest", 1.0, at_one, unit, p, v), bar("your size", mine, at_mine, unit, p, v),
            bar("cheapest life", best, at_best, unit, p, v),
        ],
        "readouts": [
            {"label": "cheapest size over its life", "value": text.si(best * v["size"], 3), "note": text.pct(best, 0) + " of " + text.si(v["size"], 3)},
            {"label": "trained on", "value": count_of(best * v["size"] * ratio), "note": text.sig(ratio, 3) + " tokens per parameter; at the Chinchilla size " + text.sig(tokens / v["size"], 3)},
            {"label": "saved over its life", "value": text.pct(1 - at_best["total"] / at_one["total"], 1), "note": money_of(at_one["total"] - at_best["total"], v)},
            {"label": "its training, over the least", "value": text.times(at_best["train"] / at_one["train"], 3), "note": money_of(at_best["train"], v)},
        ],
        "verdict": lifetime_verdict(mine, best, wall, at_mine, at_best, at_one),
        "alt": f"Lifetime cost against model size at one loss. The cheapest size is {text.pct(best, 0)} of the Chinchilla size; below {text.pct(wall, 0)} no amount of data reaches the loss.",
    }  # fmt: skip


def bar(name: str, share: float, c: dict[str, float], unit: float, p: dict[str, float], v: dict) -> dict[str, Any]:
    """One of the three bars under the chart: its parts, and what it says."""
    return {
        "name": name, "size": text.si(share * p["size"], 3), "train": c["train"] / unit, "serve": c["serve"] / unit,
        "says": money_of(c["total"], v) + ", " + text.pct(c["serve"] / c["total"], 0) + " of it serving",
    }  # fmt: skip


def lifetime_verdict(
    mine: float, best: float, wall: float, at_mine: dict, at_best: dict, at_one: dict
) -> str:
    """What the reader's size costs against the cheapest, and who pays."""
    over = at_mine["total"] / at_best["total"] - 1
    if mine < wall * 1.01:
        return "Your size stands at the wall: it would need nearly endless data for this loss."
    if over < 0.01:
        return f"Your size is within one per cent of the cheapest life. It pays {text.pct(at_mine['train'] / at_one['train'] - 1, 0)} more for training than the Chinchilla size."
    side = "larger" if mine > best else "smaller"
    reason = "each token served costs more than it should" if mine > best else "the last bit of loss has to be bought with very much data"
    return f"Your size is {side} than the cheapest and costs {text.pct(over, 0)} more over its life: {reason}."


@explorable
def lifetime() -> Explorable:
    """The lifetime cost over sizes of equal loss; demand moves its bottom."""
    start: dict[str, Any] = {"size": 13e9, "served": 2e12, "law": "precise", "unit": "flops", "use": 0.2, "price": 2.0, "mine": 0.3}

    def said(row: int, **values: Any) -> str:
        return str(lifetime_compute({**start, **values}, None)["readouts"][row]["value"])

    def noted(row: int, **values: Any) -> str:
        return str(lifetime_compute({**start, **values}, None)["readouts"][row]["note"])

    saved = [said(2, law=name) for name in LAWS]
    usd = {"unit": "usd"}
    huge = {"served": 2e15}
    return Explorable(
        "lifetime-cost", "Which size lives cheapest?",
        lead="Every size on this axis is trained until it has the *same* loss. Slide the demand and watch the two areas. Drag in the chart to move your own size.",
        view="lifecost", compute=lifetime_compute,
        controls=[
            slider("served", "Tokens served over its life", 1e9, 1e17, start["served"], log=True, unit="tokens", format="si"),
            slider("size", "Quality: that of a Chinchilla model with so many parameters", 1e8, 1e12, start["size"], log=True, format="si"),
            choice("law", "Constants", LAWS, start["law"]),
            choice("unit", "Count in", {"flops": "FLOPs", "usd": "dollars", "energy": "energy"}, start["unit"]),
            slider("use", "Peak used while serving (dollars, energy; training uses 40 %)", 0.01, 0.4, start["use"], log=True, format="pct", digits=0),
            slider("price", "Rent of an H100 (your price, today)", 0.2, 20, start["price"], log=True, unit="$/h", format="sig", digits=2),
            {**slider("mine", "Your size, in Chinchilla sizes", SPAN[0], SPAN[1], start["mine"], log=True, format="sig", digits=3), "hidden": True},
        ],
        alt="Two stacked areas, training and serving cost, over model sizes of one loss; the minimum slides to smaller sizes as demand grows.",
        tries=[
            attempt("The published example", f"A 13B model’s quality and 2T served tokens. The paper trains a 7B instead and saves 17 % of the FLOPs. Here the three sets of constants say {saved[0]}, {saved[1]} and {saved[2]}: the unrounded ones come closest.", **start),
            attempt("Nobody will use it", f"With a billion tokens of demand the bottom stands at the Chinchilla size, and it is flat: half that size costs {text.pct(formulas.same_loss_flops(0.5, formulas.HOFFMANN_PRECISE) - 1, 0)} more training by these constants.", **{**start, "served": 1e9, "mine": 0.5}),
            attempt("A thousand times the demand", f"At 2,000T tokens nearly all of the cost is serving, and the cheapest size has gone to {said(0, **huge)}, {noted(1, **huge)}. It cannot go much further: left of the wall no text suffices.", **{**start, **huge}),
            attempt("In dollars", f"Serving keeps a card less busy than training does. At 20 % against 40 % of the peak each served FLOP costs twice as much, which is the same as twice the demand: {said(0, **usd)} instead of {said(0)}.", **{**start, **usd}),
        ],
        source="`formulas.inference_aware_params`, after Sardana et al. 2024; 6 FLOPs a parameter and token in training, 2 in serving. H100 in bf16, 40 % of the dense peak in training, 700 W, PUE 1.1.",
    )  # fmt: skip


# --- The map of real models ---------------------------------------------------------------------------------


def ladder_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """Public models over N and D, three movable lines of tokens per parameter, and one model looked at."""
    models = data["models"]
    picked = models[0]
    for m in models:
        if m["key"] == v["model"]:
            picked = m
    beyond = [len([m for m in models if m["d"] / m["n"] >= v["ratio"] * 10**i]) for i in range(3)]
    ratio = picked["d"] / picked["n"]
    demand = formulas.revealed_demand(picked["n"], picked["d"], law_of(v["law"]))
    return {
        "series": [],
        "lines": [{"ratio": v["ratio"] * 10**i, "text": text.sig(v["ratio"] * 10**i, 2) if v["ratio"] * 10**i < 1e6 else text.si(v["ratio"] * 10**i, 2)} for i in range(3)],
        "dots": [{"key": m["key"], "name": m["name"], "n": m["n"], "d": m["d"], "picked": m["key"] == picked["key"], "moe": m["moe"], "label": m["label"]} for m in models],
        "readouts": [
            {"label": picked["name"], "value": text.sig(ratio, 4) if ratio >= 100 else text.sig(ratio, 3), "note": f"tokens per parameter: {text.si(picked['d'], 3)} over {text.si(picked['n'], 3)}" + (" used by a token" if picked["moe"] else "")},
            {"label": "times the rule of 20", "value": text.times(ratio / 20, 3)},
            {"label": "demand that makes this split the cheapest", "value": count_of(demand, 2) if demand > 0 else "none", "note": "served tokens, by the chosen constants" if demand > 0 else "these constants would have trained a smaller model, even for no use at all"},
            {"label": "beyond the three lines", "value": f"{beyond[0]}, {beyond[1]}, {beyond[2]}", "note": f"of {len(models)} public models"},
        ],
        "verdict": ladder_verdict(picked, ratio, demand),
        "alt": f"{len(models)} public models by parameters and training tokens. {beyond[0]} lie beyond {text.sig(v['ratio'], 2)} tokens per parameter; {picked['name']} has {text.sig(ratio, 3)}.",
    }  # fmt: skip


def ladder_verdict(m: dict[str, Any], ratio: float, demand: float) -> str:
    """One sentence about the model looked at."""
    if m["distilled"]:
        return f"{m['name']} was pruned from larger models and learned from their answers: its {text.sig(ratio, 3)} tokens per parameter are not all it was given."
    if demand <= 0:
        return f"{m['name']} has more parameters for its text than these constants want: no amount of use would justify it."
    days = demand / DAILY
    if days < 1:
        return f"{m['name']} is close to a Chinchilla split: a day of a large service already justifies it."
    span = text.duration(days * 86400, 2)
    return f"Whoever wanted this loss most cheaply would choose {m['name']}’s split for {count_of(demand, 2)} served tokens: {span} of a service as large as DeepSeek’s was in February 2025."


# Where the name of a dot stands: left of it, right, above or below. The others say theirs when picked.
LABELS = {
    "GPT-3 175B": "left", "Gopher 280B": "below", "PaLM 540B": "above", "Chinchilla 70B": "below", "LLaMA 7B": "below", "Llama 3 8B": "right",
    "Llama 3 70B": "right", "Phi-3 Mini": "right", "Llama 3.1 405B": "above", "Qwen3 8B": "right", "DeepSeek-V3": "above", "Llama 3.2 1B": "above",
}  # fmt: skip


def public_models() -> list[dict[str, Any]]:
    """Every catalog model with a public size and token count; N is what a token uses."""
    from course_lib import catalog

    rows = []
    for m in catalog.models("public"):
        if m.active_params and m.tokens:
            rows.append({
                "key": m.name.lower().replace(" ", "-").replace(".", "-"), "name": m.name, "n": float(m.active_params), "d": float(m.tokens),
                "moe": m.kind == "moe", "label": LABELS.get(m.name, ""), "distilled": m.name.startswith("Llama 3.2"),
            })  # fmt: skip
    return rows


@explorable
def ladder() -> Explorable:
    """Every public model of the catalog, and lines of tokens per parameter to move over them."""
    from course_lib import catalog

    data = {"models": public_models()}
    key = {m["name"]: m["key"] for m in data["models"]}
    start: dict[str, Any] = {"model": key["Llama 3 8B"], "ratio": 20.0, "law": "refit"}
    eight = catalog.model("Llama 3 8B")
    per = formulas.tokens_per_param(float(eight.params or 0), float(eight.tokens or 0))

    def demand(name: str, law: str) -> str:
        return str(ladder_compute({**start, "model": key[name], "law": law}, data)["readouts"][2]["value"])

    four = f"{demand('Llama 3 8B', 'printed')} to {demand('Llama 3 8B', 'refit')}"
    return Explorable(
        "past-the-rule", "How far past the rule?",
        lead="Each dot is a model whose size and training text are public. The three lines are a ladder, ten times apart: drag it, or use its handle with the arrow keys. Pick a dot.",
        view="ladder", compute=ladder_compute, data=data,
        controls=[
            choice("model", "Model", {m["key"]: m["name"] for m in data["models"]}, start["model"], menu=True),
            choice("law", "Constants", LAWS, start["law"]),
            slider("ratio", "Lowest line: tokens per parameter", 0.2, 500, start["ratio"], log=True, format="sig", digits=2),
        ],
        alt="Public models by parameters and training tokens, with three parallel lines of equal tokens per parameter.",
        tries=[
            attempt("Llama 3 8B, exactly", f"15T tokens over {text.commas(float(eight.params or 0))} parameters are {text.sig(per, 4)} tokens per parameter, {text.times(per / 20, 3)} the rule of 20. A factor of 75, which one of the sources prints, would need an optimum of 25.", **start),
            attempt("What did its makers expect?", f"The split of Llama 3 8B is the cheapest way to its loss for {four} of served tokens, depending on the constants. Chinchilla itself makes sense by the refit for next to no use, as it should.", **{**start, "law": "refit"}),
            attempt("The end of the giants", "GPT-3 read fewer than two tokens per parameter. By every set of constants no demand whatsoever would justify that split.", **{**start, "model": key["GPT-3 175B"]}),
            attempt("Move the ladder to 2", "The lowest line now separates 2020 and 2021 from all that came later. From 2024 on, hardly a model lies below the line of 200, and the ones that do are the largest.", **{**start, "ratio": 2.0, "model": key["Llama 3.1 405B"]}),
        ],
        source="Catalog of the course, a source for each row. Mixtures of experts count the parameters that a token uses. Leaked and undisclosed models are left out. Demand: `formulas.revealed_demand`.",
    )  # fmt: skip


# --- Our own runs -------------------------------------------------------------------------------------------


def cost_of(size: dict[str, float], served: float) -> float:
    """Lifetime FLOPs of a size: its training, and so many characters served."""
    return size["flops"] + size["each"] * served


def sizes_of(loss: float, widths: list) -> list:
    """The sizes whose runs pass through a loss, with the training FLOPs at which they do."""
    out = []
    for w in widths:
        ys = w["loss"]
        if ys[0] >= loss and ys[len(ys) - 1] <= loss:
            flops = formulas.read_off(w["flops"], ys, loss)
            out.append({"width": w["width"], "n": w["n"], "each": w["each"], "flops": flops, "tokens": flops / 3 / w["each"]})
    return out


def crossing_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """Lifetime cost of each of our sizes at one loss, over the cheapest at each demand."""
    sizes = sizes_of(v["loss"], data["widths"])
    demands = [1e4 * 10 ** (i * 5 / 120) for i in range(121)]
    least = [min([cost_of(s, x) for s in sizes]) for x in demands]
    series: list[dict[str, Any]] = [{"kind": "vline", "x": [v["served"]], "color": "ink"}]
    now, none = sizes[0], sizes[0]
    for s in sizes:
        if cost_of(s, v["served"]) < cost_of(now, v["served"]):
            now = s
        if s["flops"] < none["flops"]:
            none = s
    for i in range(len(sizes)):
        s = sizes[i]
        ys = [cost_of(s, demands[j]) / least[j] for j in range(121)]
        chosen = s["width"] == now["width"]
        series.append({"kind": "line", "x": demands, "y": ys, "color": i, "width": 3.5 if chosen else 2, "dash": not chosen})
        won = [demands[j] for j in range(121) if ys[j] < 1.0000001]
        if len(won) > 0:  # its name stands under the stretch of demand where it is the cheapest
            series.append({"kind": "text", "x": [(won[0] * won[len(won) - 1]) ** 0.5], "y": [0.93], "text": [text.si(s["n"], 2)], "color": i})
        elif ys[0] < 2.4:
            series.append({"kind": "text", "x": [demands[0]], "y": [ys[0]], "text": [text.si(s["n"], 2)], "color": i, "dy": -9, "dx": 4, "anchor": "start"})
    extra = cost_of(none, v["served"]) / cost_of(now, v["served"]) - 1
    return {
        "series": series,
        "readouts": [
            {"label": "cheapest for this demand", "value": text.si(now["n"], 3), "note": f"width {text.plain(now['width'])}, {text.sig(now['tokens'] / now['n'], 2)} characters per parameter"},
            {"label": "cheapest to train", "value": text.si(none["n"], 3), "note": f"width {text.plain(none['width'])}, {text.sig(none['tokens'] / none['n'], 2)} characters per parameter"},
            {"label": "its training, over the least", "value": text.times(now["flops"] / none["flops"], 3), "note": text.sci(now["flops"], 2) + " FLOPs"},
            {"label": "demand, over what it read", "value": text.times(v["served"] / now["tokens"], 2), "note": text.si(v["served"], 2) + " characters served"},
        ],
        "verdict": crossing_verdict(now, none, extra, len(sizes)),
        "alt": f"{len(sizes)} measured sizes at a loss of {text.fixed(v['loss'], 2)}: cost over the cheapest, against demand. For {text.si(v['served'], 2)} characters the size of {text.si(now['n'], 3)} parameters is cheapest.",
    }  # fmt: skip


def crossing_verdict(now: dict, none: dict, extra: float, count: int) -> str:
    """Which size wins, and what the one that was cheapest to train would have cost."""
    if count == 1:
        return "Only one of our sizes has been measured on both sides of this loss."
    if now["width"] == none["width"]:
        return "For so little use the size that was cheapest to train is also the cheapest to own."
    return f"The smaller model took {text.times(now['flops'] / none['flops'], 3)} the training, and has earned it back: the one that was cheapest to train would now cost {text.pct(extra, 0)} more."


@explorable
def crossing() -> Explorable:
    """Our own runs at equal loss: which size is the cheapest for which demand."""
    from course_lib import lifetime as life
    from course_lib import study

    runs = [*study.runs("grid"), *study.runs("overtrain")]
    rows = {r.d_model: r for r in runs}
    widths = [
        {"width": w, "n": rows[w].n_matmul, "each": rows[w].flops / rows[w].tokens / 3, "flops": [c for c, _ in points], "loss": [round(y, 5) for _, y in points]}
        for w, points in life.curves(runs).items()
    ]  # fmt: skip
    data = {"widths": widths}
    start: dict[str, Any] = {"loss": 1.8, "served": 3e6}

    def wins(**values: Any) -> str:
        return str(crossing_compute({**start, **values}, data)["readouts"][0]["value"])

    return Explorable(
        "our-crossing", "Small and long against large and short, measured",
        lead="These are real runs of the study, read off at one loss. Each line is a size: what its life costs, over the cheapest life there is for that demand. Drag the demand.",
        compute=crossing_compute, data=data,
        controls=[
            slider("loss", "All trained to a loss of", 1.3, 2.0, start["loss"], step=0.01, unit="nats", format="fixed", digits=2),
            slider("served", "Characters served over its life", 1e4, 1e9, start["served"], log=True, format="si"),
        ],
        chart={"x": {"label": "characters served", "log": True, "format": "si", "domain": [1e4, 1e9]}, "y": {"label": "lifetime FLOPs, over the cheapest", "domain": [0.85, 2.5]}, "drag": {"x": "served"}},
        alt="Lifetime cost of several measured sizes at one loss against demand; small sizes win at large demand.",
        tries=[
            attempt("Three winners", f"At a loss of 1.80 the size of {wins(served=1e4)} parameters is the cheapest to train, {wins(served=1e6)} takes over early, and {wins(served=1e8)} for a large demand.", **{**start, "served": 1e8}),
            attempt("A better loss: 1.40", f"Now {wins(loss=1.4, served=1e5)} is cheapest to train, and {wins(loss=1.4, served=1e8)} wins from about four million served characters on: less than the smaller model itself has read.", **{**start, "loss": 1.4, "served": 4e6}),
            attempt("Where it does not pay", f"At 1.60 the size that is cheapest to train ({wins(loss=1.6, served=1e5)}) is also the smallest of ours that gets there, so it wins at every demand. A smaller one would have to be trained far longer than we did.", **{**start, "loss": 1.6, "served": 1e8}),
        ],
        source="Runs of the study (grid and overtraining), mean over seeds, log–log lines between measured points, nothing extrapolated; N without the token table; serving is a third of the training FLOPs for each character.",
    )  # fmt: skip
