"""Lesson 20: a timeline of what was scaled, the planner with its page to print, and a game against a hidden law."""

import math
from typing import Any

from course_lib import game, outlook, plan_page, planner, text
from course_lib.widgets.explorable import Explorable, attempt, checks, choice, explorable, slider, toggle

# The eras of text 1, with the years it gives them.
ERAS = [
    {"key": "1", "title": "Era 1: bigger is better", "from": 2018.0, "to": 2022.0, "years": "2018–2021"},
    {"key": "2", "title": "Era 2: balance", "from": 2022.0, "to": 2024.0, "years": "2022–2023"},
    {"key": "3", "title": "Era 3: overtrain, mix, distil", "from": 2024.0, "to": 2026.0, "years": "2024 on"},
]
QUANTITIES = {
    "ratio": {"label": "Training tokens per active parameter", "low": 0.5, "high": 30000},
    "total": {"label": "Parameters, all", "low": 5e7, "high": 5e12},
    "tokens": {"label": "Training tokens", "low": 1e11, "high": 1e14},
    "flops": {"label": "Training compute 6ND (FLOPs)", "low": 1e22, "high": 1e26},
}
NEAR_20 = 2.0  # a ratio within this factor of 20 counts as balanced
NO_LIMIT = 1e15  # different tokens beyond which a plan never repeats


# --- The timeline -------------------------------------------------------------------------------------------


def median(xs):
    """The middle of a list that is not empty, by rank (the page would sort numbers as words)."""
    n = len(xs)
    middle = []
    for x in xs:
        below, same = len([y for y in xs if y < x]), len([y for y in xs if y == x])
        if below <= n / 2 and below + same >= n / 2:
            middle.append(x)
    return (min(middle) + max(middle)) / 2


def in_era(row, era):
    """Whether a model came out in an era; "all" holds everything."""
    if era == "all":
        return True
    span = ERAS[int(era) - 1]
    return row["year"] >= span["from"] and row["year"] < span["to"]


def era_facts(rows):
    """What can be counted of some models: ratios, those near 20, mixtures, growth of sizes."""
    known = [r for r in rows if r["ratio"] is not None]
    ratios = [r["ratio"] for r in known]
    near = [r for r in known if r["ratio"] >= 20 / NEAR_20 and r["ratio"] <= 20 * NEAR_20]
    return {"known": len(known), "near": near, "ratios": ratios, "told": known, "sparse": len([r for r in rows if r["sparse"]]), "all": len(rows)}


def timeline_verdict(era, facts):
    """One sentence on what the chosen years did."""
    if facts["known"] == 0:
        return "None of the models shown has published both its size and its tokens."
    if era == "1":
        told = ", ".join([f"{r['name']} {text.si(r['tokens'], 3)}" for r in facts["told"]])
        return f"Size was what grew. Text was hardly counted: only {facts['known']} of {facts['all']} published how many tokens they read and how many parameters a token uses ({told})."
    if era == "2":
        names = ", ".join([r["name"] for r in facts["near"]])
        return f"“20 tokens per parameter” describes {len(facts['near'])} of {facts['known']} published models of these years ({names}). The others were trained far past it, or far short of it: overtraining began in this era."
    if era == "3":
        return f"Every model here that tells is past 20, by a factor of {text.sig(min(facts['ratios']) / 20, 2)} to {text.sig(max(facts['ratios']) / 20, 3)}. Mixtures are {facts['sparse']} of {facts['all']}, but they did not begin here: the catalog’s first is of 2021."
    return f"Shaded: the source’s three eras. Of {facts['known']} models with public size and tokens, {len(facts['near'])} lie within a factor of two of 20 tokens per parameter."


def rule_of_20():
    """The line of the rule, named where no model is."""
    return [
        {"kind": "hline", "y": [20], "color": "muted"},
        {"kind": "text", "x": [2018.1], "y": [20], "text": ["20 tokens per parameter"], "color": "muted", "anchor": "start", "dy": -9},
    ]  # fmt: skip


def timeline_compute(v, data):
    """Models as dots over the years, one quantity at a time, eras shaded, one model opened."""
    q = QUANTITIES[v["quantity"]]
    kinds = v["kinds"]
    shown = [r for r in data if ("moe" if r["sparse"] else "dense") in kinds and (r["public"] or v["rumors"])]
    placed = [r for r in shown if r[v["quantity"]] is not None]
    inside = [r for r in placed if in_era(r, v["era"])]
    facts = era_facts([r for r in shown if in_era(r, v["era"]) and r["public"]])
    opened = data[int(v["model"])]
    series = rule_of_20() if v["quantity"] == "ratio" else []
    for sparse in [False, True]:
        mine = [r for r in inside if r["sparse"] == sparse and r["public"] and r["name"] != opened["name"]]
        series.append({"kind": "dots", "color": 3 if sparse else 0, "size": 5, "labels": False, "x": [r["year"] for r in mine], "y": [r[v["quantity"]] for r in mine], "text": [r["name"] for r in mine]})
    leaked = [r for r in inside if not r["public"]]
    series.append({"kind": "dots", "color": 1, "hollow": True, "size": 5, "labels": False, "x": [r["year"] for r in leaked], "y": [r[v["quantity"]] for r in leaked], "text": [r["name"] + " (leak)" for r in leaked]})
    outside = [r for r in placed if not in_era(r, v["era"])]
    series.append({"kind": "dots", "color": "muted", "hollow": True, "size": 3, "labels": False, "x": [r["year"] for r in outside], "y": [r[v["quantity"]] for r in outside], "text": [r["name"] for r in outside]})
    if opened[v["quantity"]] is not None:
        series.append({"kind": "dots", "color": "ink", "size": 7, "labels": True, "x": [opened["year"]], "y": [opened[v["quantity"]]], "text": [opened["name"]]})
    readouts = [{"label": "models shown", "value": text.commas(len(inside))}]
    if facts["known"] > 0:
        readouts.append({"label": "median tokens per parameter", "value": text.sig(median(facts["ratios"]), 3), "note": f"{text.sig(min(facts['ratios']), 2)} to {text.sig(max(facts['ratios']), 4)}"})
        readouts.append({"label": "within a factor 2 of 20", "value": f"{len(facts['near'])} of {facts['known']}", "note": "with public size and tokens"})
    readouts.append({"label": "mixtures of experts", "value": f"{facts['sparse']} of {facts['all']}", "note": "published, in these years"})
    return {
        "series": series, "readouts": readouts, "verdict": timeline_verdict(v["era"], facts),
        "x": {"domain": [2018, 2026.2], "ticks": [2018, 2020, 2022, 2024, 2026]}, "y": {"label": q["label"], "domain": [q["low"], q["high"]]},
        "eras": [{"key": e["key"], "title": e["title"], "years": e["years"], "from": e["from"], "to": min(e["to"], 2026.2), "on": v["era"] == "all" or v["era"] == e["key"]} for e in ERAS],
        "card": model_card(opened, v["quantity"]), "index": int(v["model"]), "count": len(data),
        "spots": [{"index": r["index"], "x": r["year"], "y": r[v["quantity"]]} for r in placed],
        "alt": f"{q['label']} of {len(placed)} models from 2018 to 2025, log axis, the source’s three eras side by side.",
    }  # fmt: skip


def unknown(x, digits):
    """A count in letters, or that it was never published."""
    return text.si(x, digits) if x is not None else "not published"


def model_card(row, quantity):
    """What is known of one model, as rows of text."""
    size = unknown(row["total"], 3)
    if row["sparse"] and row["total"] is not None:
        size += f", {text.si(row['params'], 3)} of them active" if row["params"] is not None else ", active share not published"
    rows = [
        {"label": "Parameters", "value": size},
        {"label": "Training tokens", "value": unknown(row["tokens"], 3)},
        {"label": "Tokens per parameter", "value": text.sig(row["ratio"], 3) if row["ratio"] is not None else "cannot be said"},
        {"label": "Compute 6ND", "value": text.sci(row["flops"], 2) + " FLOPs" if row["flops"] is not None else "cannot be said"},
        {"label": "Source", "value": row["source"]},
    ]  # fmt: skip
    missing = "" if row[quantity] is not None else "Not in the picture: this was never published."
    if not row["public"] and row["total"] is not None:
        missing = "A leak, unconfirmed."
    return {"name": row["name"], "date": row["date"], "org": row["org"], "rows": rows, "note": missing}


def timeline_rows():
    """The catalog's language models by date (the teaching model left out), as plain rows."""
    from course_lib import catalog, formulas

    rows = []
    for m in sorted(catalog.models(), key=lambda m: m.date):
        if m.name == "nano-gpt":
            continue
        active, total = m.active_params, m.params
        both = active and m.tokens
        rows.append({
            "index": len(rows), "name": m.name, "org": m.org, "date": m.date, "year": round(m.year, 3), "sparse": m.kind == "moe",
            "public": m.disclosed == "public", "params": active, "total": total, "tokens": m.tokens,
            "ratio": m.tokens / active if both else None, "flops": formulas.training_flops(active, m.tokens) if both else None,
            "source": m.source,
        })  # fmt: skip
    return rows


@explorable
def timeline() -> Explorable:
    """Seven years of models over the source's three eras."""
    data = timeline_rows()
    at = {row["name"]: str(row["index"]) for row in data}
    second = era_facts([r for r in data if in_era(r, "2") and r["public"]])
    llama = data[int(at["LLaMA 7B"])]
    return Explorable(
        "scaling-timeline", "Seven years, three eras?",
        lead="Each dot is a model. Choose what is drawn, click a dot or walk from model to model, and see whether the eras hold what their names promise.",
        view="eras", compute=timeline_compute, data=data,
        controls=[
            choice("quantity", "Draw", {"ratio": "tokens per parameter", "total": "parameters", "tokens": "tokens", "flops": "compute"}, "ratio"),
            choice("era", "Look at", {"all": "all", "1": "era 1", "2": "era 2", "3": "era 3"}, "all"),
            checks("kinds", "Kinds", {"dense": "dense", "moe": "mixture of experts"}, ["dense", "moe"]),
            toggle("rumors", "Leaks too", False),
            choice("model", "Open a model", {str(r["index"]): r["name"] for r in data}, at["Chinchilla 70B"], menu=True),
        ],
        chart={"x": {"label": "First release", "format": "year"}, "y": {"label": "Training tokens per active parameter", "log": True, "format": "si"}, "height": 330},
        alt="Published language models from 2018 to 2025 as dots over three shaded eras.",
        tries=[
            attempt("Era 2, “20 tokens per parameter”", f"Of {second['known']} published models, {len(second['near'])} lie within a factor of two of 20. LLaMA 7B, of February 2023, read {text.sig(llama['ratio'], 3)} tokens per parameter: the era of overtraining began a year before the source says.", quantity="ratio", era="2", model=at["LLaMA 7B"], kinds=["dense", "moe"], rumors=False),
            attempt("Mixtures alone, by size", "The largest published count is of January 2021, in the middle of the era that was to be about dense size. Mixtures were there from the start; what is new since December 2023 is that everybody publishes them.", quantity="total", era="all", kinds=["moe"], model=at["Switch-C"], rumors=False),
            attempt("What do we know of the newest?", "Nothing: size, tokens and compute were not published. The picture thins out to the right because disclosure ended, so whatever you read off its right edge is about those who still tell.", quantity="flops", era="3", model=at["GPT-5"], kinds=["dense", "moe"], rumors=True),
        ],
        source="The catalog of lesson 1, counted from published shapes where possible. Tokens per *active* parameter for mixtures. Years of the eras as text 1 gives them.",
    )  # fmt: skip


# --- The planner --------------------------------------------------------------------------------------------


def ask_of(v):
    """The ask of `planner` that a set of controls stands for."""
    return {
        "goal": v["goal"], "unit": v["unit"], "budget": v[v["unit"]], "loss": v["loss"], "gpus": v["gpus"], "price": v["price"],
        "utilization": v["utilization"], "served": v["served"], "written": v["written"], "batch": v["batch"], "roof": v["roof"],
        "unique": v["unique"] if v["unique"] < NO_LIMIT else 0.0, "experiments": v["experiments"], "kind": v["kind"],
        "worth": v["worth"], "context": v["context"], "step": planner.ASK["step"], "law": v["law"], "pue": planner.ASK["pue"],
    }  # fmt: skip


def bars_of(made, ranked):
    """For each input and move: by what factor N, and the loss by how much."""
    out = []
    for one in ranked:
        moves = []
        for move in one["moves"]:
            moves.append({"n": math.log(move["n"] / made["n"]), "d": math.log(move["tokens"] / made["tokens"]), "value": plan_page.value_text(one["key"], move["value"])})
        out.append({"label": one["label"], "moves": moves})
    return out


def sheet_compute(v, data):
    """The plan for the controls: the page, the money, what would change it."""
    ask = ask_of(v)
    gpu = data["gpus"][v["gpu"]]
    found = planner.attempt_core(ask, gpu)
    if found["n"] == 0:
        return impossible(v, ask)
    made = planner.complete(found, ask, gpu, data["covariance"])
    ranked = planner.sensitivities(ask, gpu, made)
    other = made["other"]
    swap = "No plan of the other kind answers this ask."
    if other["n"] > 0:
        kind = "dense" if v["kind"] == "moe" else "mixture"
        swap = f"The other kind ({kind}) would be {text.si(other['n'], 3)} on {text.si(other['tokens'], 3)} tokens, at a loss of {text.fixed(other['loss'], 3)} and a life of {text.money(life_usd(other, ask))}."
    hours = made["hours"]
    fits = made["parallel"]["fits"]
    return {
        "sections": plan_page.page(made, ask, gpu), "changes": plan_page.changes(ranked), "bars": bars_of(made, ranked), "swap": swap,
        "asked": asked_text(ask), "unit": v["unit"], "goal": v["goal"], "moe": v["kind"] == "moe",
        "money": [
            {"label": "final run", "share": hours["final"] / made["gpu_hours"], "color": 0},
            {"label": "experiments, failures", "share": hours["experiments"] / made["gpu_hours"], "color": 6},
            {"label": "serving", "share": hours["serving"] / made["gpu_hours"], "color": 1},
        ],
        "interval": {"low": made["interval"]["low"], "high": made["interval"]["high"], "loss": made["interval"]["loss"],
                     "sets": [{"name": outlook.LAW_NAMES[s["name"]], "loss": s["loss"], "on": s["name"] == v["law"]} for s in made["interval"]["sets"]]},
        "readouts": [
            {"label": "parameters", "value": text.si(made["n"], 3), "note": (text.si(made["total"], 3) + " in all, the rest waiting") if v["kind"] == "moe" else "dense"},
            {"label": "training tokens", "value": text.si(made["tokens"], 3), "note": text.sig(made["tokens"] / made["n"], 3) + " per parameter"},
            {"label": "final run", "value": text.duration(made["days"] * 86400), "note": text.commas(v["gpus"]) + " × " + gpu["name"], "tone": "" if fits else "bad"},
            {"label": "whole life", "value": text.money(made["usd"]), "note": text.money(made["train_usd"]) + " for the final run"},
            {"label": "predicted loss", "value": text.fixed(made["interval"]["loss"], 3), "note": text.fixed(made["interval"]["low"], 2) + " to " + text.fixed(made["interval"]["high"], 2) + " nats per token"},
            {"label": "a million tokens served", "value": text.money(made["serve"]["usd_per_million"]), "note": text.commas(made["serve"]["cards"]) + (" card" if made["serve"]["cards"] == 1 else " cards") + " a copy"},
        ],
        "verdict": plan_page.verdict(made, ask, ranked), "tone": "" if fits else "bad",
        "alt": "A plan on one page: " + plan_page.verdict(made, ask, ranked),
    }  # fmt: skip


def impossible(v, ask):
    """The page of an ask that has no answer."""
    why = "There is no plan: " + planner.tokens_missing(ask) + "."
    return {
        "sections": [], "changes": [], "bars": [], "swap": "", "asked": asked_text(ask), "unit": v["unit"], "goal": v["goal"],
        "moe": v["kind"] == "moe", "money": [], "interval": {"low": 0.0, "high": 0.0, "loss": 0.0, "sets": []},
        "readouts": [], "verdict": why, "tone": "bad", "alt": why,
    }  # fmt: skip


def life_usd(made, ask):
    """Dollars of a core plan over its whole life."""
    return (made["final_s"] + made["experiments_s"] + made["serving_s"]) / 3600.0 * ask["price"]


def asked_text(ask):
    """What was asked, in one line for the page."""
    units = {"usd": text.money(ask["budget"]), "flops": text.sci(ask["budget"], 2) + " FLOPs", "gpu_days": plan_page.count(ask["budget"]) + " GPU-days"}
    goal = "the least loss for " + units[ask["unit"]] if ask["goal"] == "budget" else "the least cost for a loss of " + text.fixed(ask["loss"], 3)
    limit = "no limit on text" if ask["unique"] == 0 else plan_page.count(ask["unique"]) + " different tokens"
    return f"Asked: {goal}; {plan_page.count(ask['served'])} tokens served, {text.pct(ask['written'], 0)} of them written, {plan_page.count(ask['batch'])} conversations at once; {limit}; {text.pct(ask['experiments'], 0)} of training for experiments; law: {outlook.LAW_NAMES[ask['law']]}."


def doubling(low, high):
    """Powers of two from one number to another."""
    out = [low]
    while out[-1] < high:
        out.append(out[-1] * 2)
    return out


@explorable
def sheet() -> Explorable:
    """The planner, on a page that can be printed."""
    from course_lib import plans

    cards = {"h100": "H100", "h200": "H200", "a100": "A100", "b200": "B200", "v100": "V100"}
    data: dict[str, Any] = {"gpus": {key: plans.machine(name) for key, name in cards.items()}, "covariance": outlook.covariance()}
    base = planner.ASK
    start: dict[str, Any] = {
        "goal": "budget", "unit": "usd", "usd": base["budget"], "flops": 1e24, "gpu_days": 1e5, "loss": base["loss"], "gpu": "h100",
        "gpus": base["gpus"], "price": base["price"], "utilization": base["utilization"], "served": base["served"],
        "unique": 15e12, "kind": "dense", "experiments": base["experiments"], "law": "refit", "batch": base["batch"],
        "written": base["written"], "roof": base["roof"], "worth": base["worth"], "context": base["context"],
    }  # fmt: skip
    hidden = {"hidden": True}  # the view groups them, and shows those that matter

    def at(**changed):
        return sheet_compute({**start, **changed}, data)["readouts"]

    def value(found, label):
        return next(r["value"] for r in found if r["label"] == label)

    busy, quiet = at(served=1e14, goal="loss"), at(served=1e8, goal="loss")
    poor = at(unique=3e11)
    llama = {"unit": "flops", "flops": 3.8e25, "gpus": 16384, "served": 1e8, "experiments": 0.0, "utilization": 0.41}
    big, printed = at(**llama), at(**{**llama, "law": "printed"})
    return Explorable(
        "what-to-train", "What should you train?",
        lead="Say what you have and what the model is for. The page below is the plan; it can be printed.",
        view="sheet", compute=sheet_compute, data=data,
        controls=[
            choice("goal", "You have", {"budget": "a budget", "loss": "a loss to reach"}, start["goal"]) | hidden,
            choice("unit", "Counted in", {"usd": "dollars", "gpu_days": "GPU-days", "flops": "FLOPs"}, start["unit"]) | hidden,
            slider("usd", "Budget, everything included", 1e4, 1e10, start["usd"], log=True, unit="dollars", format="si") | hidden,
            slider("gpu_days", "Budget, everything included", 10, 1e8, start["gpu_days"], log=True, unit="GPU-days", format="si") | hidden,
            slider("flops", "Budget, everything included", 1e19, 1e27, start["flops"], log=True, unit="FLOPs", format="sci") | hidden,
            slider("loss", "Loss to reach", 1.83, 2.8, start["loss"], step=0.005, unit="nats", format="fixed", digits=3) | hidden,
            choice("gpu", "GPU", {key: g["name"] for key, g in data["gpus"].items()}, start["gpu"], menu=True) | hidden,
            slider("gpus", "How many", 1, 65536, start["gpus"], stops=doubling(1, 65536), integer=True, format="commas") | hidden,
            slider("price", "Price of a GPU-hour", 0.1, 20, start["price"], log=True, unit="dollars", format="fixed", digits=2) | hidden,
            slider("utilization", "Utilization in training", 0.05, 0.6, start["utilization"], step=0.01, format="pct", digits=0) | hidden,
            slider("served", "Tokens served in its life", 1e8, 1e16, start["served"], log=True, format="si") | hidden,
            slider("batch", "Conversations at once", 1, 512, start["batch"], stops=doubling(1, 512), integer=True, format="commas") | hidden,
            slider("written", "Share of them written, not read", 0.0, 1.0, start["written"], step=0.05, format="pct", digits=0) | hidden,
            slider("roof", "Serving reaches of the roofline", 0.1, 1.0, start["roof"], step=0.05, format="pct", digits=0) | hidden,
            slider("context", "Context", 2048, 131072, start["context"], stops=doubling(2048, 131072), integer=True, format="commas") | hidden,
            slider("unique", "Different tokens to be had", 1e9, NO_LIMIT, start["unique"], log=True, format="si") | hidden,
            slider("experiments", "Experiments and failures", 0.0, 0.8, start["experiments"], step=0.05, format="pct", digits=0) | hidden,
            choice("kind", "Model", {"dense": "dense", "moe": "mixture"}, start["kind"]) | hidden,
            slider("worth", "Experts’ worth (exponent)", 0.0, 0.5, start["worth"], step=0.05, format="fixed", digits=2) | hidden,
            choice("law", "Constants", dict(outlook.LAW_NAMES), start["law"]) | hidden,
        ],
        alt="A training plan on one page: what to train, what to expect, what it takes and costs, and what would change it.",
        tries=[
            attempt("A loss of 2.00, hardly used; then used by everybody", f"With a hundred million tokens to serve the cheapest model has {value(quiet, 'parameters')} parameters; with a hundred trillion, {value(busy, 'parameters')}. The loss is the same. That is lesson 9 in one move.", **{**start, "goal": "loss", "served": 1e14}),
            attempt("Only 300 billion different tokens", f"The plan reads them over and over and grows to {value(poor, 'parameters')} parameters on {value(poor, 'training tokens')} tokens: when text is short, size is what money can still buy.", **{**start, "unique": 3e11}),
            attempt("Llama 3’s budget, no experiments, nobody to serve", f"The refit of 2024 advises {value(big, 'parameters')} parameters, the constants printed in 2022 {value(printed, 'parameters')}; Meta’s own law said 402 billion. The constants move the answer more than any budget does.", **{**start, **llama}),
        ],
        source="Formulas of lessons 4, 6, 9, 10, 13, 15 and 16. Loss in nats per token of Chinchilla’s corpus and tokenizer: no score on any test. Prices are yours; serving times are the roofline’s, divided by the share you give.",
    )  # fmt: skip


# --- The game -----------------------------------------------------------------------------------------------

PLACES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def asked_runs(v):
    """The experiments that the controls hold, in order."""
    return [{"n": v["n" + str(i)], "c": v["c" + str(i)]} for i in PLACES if i <= v["used"]]


def lab_curve(law, flops, low, high):
    """Loss over N at fixed compute under a law."""
    sizes = [low * (high / low) ** (i / 48) for i in range(49)]
    return {"x": sizes, "y": [law["E"] + law["A"] / n ** law["alpha"] + law["B"] / (flops / 6 / n) ** law["beta"] for n in sizes]}


def lab_compute(v, data):
    """A game as it stands: experiments, what is left, the next one's cost; after the bet also truth and points."""
    seed = v["seed"]
    runs = game.play(seed, asked_runs(v))
    spent = sum([r["c"] for r in runs]) if len(runs) > 0 else 0.0
    closed = v["closed"]
    law = game.fit(runs) if v["help"] or closed else game.fit([])
    series = []
    for r in runs:
        last = len([q for q in runs if abs(q["c"] / r["c"] - 1) < 0.01 and q["n"] > r["n"]]) == 0
        series.append({"kind": "dots", "color": color_of(r["c"]), "size": 6, "labels": last, "x": [r["n"]], "y": [r["loss"]], "text": [text.sci(r["c"], 2)]})
    if law["found"] == 1 and v["help"]:
        line = lab_curve(law, game.TARGET, 1e8, 1e12)
        series.append({"kind": "line", "color": 3, "dash": True, "x": line["x"], "y": line["y"]})
    out = {
        "runs": [{"place": text.commas(i + 1), "n": text.si(runs[i]["n"], 3), "d": text.si(runs[i]["d"], 3), "c": text.sci(runs[i]["c"], 2), "loss": text.fixed(runs[i]["loss"], 3)} for i in range(len(runs))],
        "used": len(runs), "most": game.MOST_RUNS, "spent": spent / game.LAB, "next": v["c"] / game.LAB, "closed": closed,
        "left_text": text.sci(max(0.0, game.LAB - spent), 2) + " FLOPs left" if spent < game.LAB * 0.999999 else "budget spent",
        "refused": "All experiments are made: place your bet." if len(runs) >= game.MOST_RUNS else game.allowed(spent, v["n"], v["c"]),
        "next_text": f"It would read {text.si(v['c'] / 6 / v['n'], 3)} tokens, {text.sig(v['c'] / 6 / v['n'] / v['n'], 2)} per parameter.",
        "bet_text": f"{text.si(v['bet_n'], 3)} parameters would read {text.si(game.TARGET / 6 / v['bet_n'], 3)} tokens.",
        "fit_text": fit_text(law, v["help"], len(runs)), "board": [], "seed": seed,
    }  # fmt: skip
    best = text.fixed(min([r["loss"] for r in runs]), 3) if len(runs) > 0 else "none yet"
    out["readouts"] = [
        {"label": "laboratory budget left", "value": text.pct(max(0.0, 1 - spent / game.LAB), 0), "note": "of 1e21 FLOPs"},
        {"label": "experiments", "value": f"{len(runs)} of {game.MOST_RUNS}"},
        {"label": "best loss seen", "value": best},
    ]  # fmt: skip
    out["verdict"] = "Find the law with the least money: then say how large the model for 1e23 FLOPs should be, and what loss it will reach."
    if closed:
        close(out, v, series)
    ys = [y for s in series for y in s["y"]]
    low = min(ys) - 0.05 if len(ys) > 0 else 1.8
    high = max([r["loss"] for r in runs]) + 0.12 if len(runs) > 0 else low + 0.6
    out["y"] = {"domain": [low, max(high, low + 0.4)]}
    if len(ys) == 0:
        series.append({"kind": "text", "x": [3e9], "y": [low + 0.3], "text": ["your experiments will stand here"], "color": "muted"})
    out["series"] = series
    out["alt"] = f"{len(runs)} experiments as dots, loss over parameters, labeled with their FLOPs. " + out["verdict"]
    return out


def color_of(flops):
    """A color for each half decade of cost."""
    return min(6, max(0, math.floor(2 * math.log10(flops / 1e18) + 0.01)))


def fit_text(law, asked, made):
    """What the fit advises, if it was asked for."""
    if not asked:
        return ""
    if made < 6:
        return "The fit wants six experiments."
    if law["found"] == 0:
        return "No law with positive constants goes through these experiments: spread them out, in size and in cost."
    bet = game.bet_of(law)
    return f"Dashed, the fit at 1e23 FLOPs: E {text.fixed(law['E'], 2)}, α {text.fixed(law['alpha'], 2)}, β {text.fixed(law['beta'], 2)}. It advises {text.si(bet['n'], 3)} parameters and foretells {text.fixed(bet['loss'], 3)} nats."


def close(out, v, series):
    """Open the truth: curve, optimum, bets and points."""
    seed = v["seed"]
    law, top = game.truth(seed), game.optimum(seed)
    line = lab_curve(law, game.TARGET, 1e8, 1e12)
    series.append({"kind": "line", "color": "ink", "x": line["x"], "y": line["y"], "label": "the truth, at 1e23", "dy": -14})
    names = ["You", "Three slices, scripted", "20 per parameter, no experiment", "The optimum"]
    bets = [{"n": v["bet_n"], "loss": v["bet_loss"]}, game.scripted(seed), game.rule_of_thumb(), top]
    rows = []
    for i in range(4):
        got = game.score(seed, bets[i])
        rows.append({
            "name": names[i], "you": i == 0, "n": text.si(got["n"], 3), "said": text.fixed(got["said"], 3), "loss": text.fixed(got["loss"], 3),
            "waste": text.pct(got["waste"], 1), "miss": ("+" if got["miss"] >= 0 else "−") + text.fixed(abs(got["miss"]), 3), "points": text.fixed(got["points"], 0), "score": got["points"],
        })  # fmt: skip
    mine = game.score(seed, bets[0])
    series.append({"kind": "dots", "color": "good", "size": 7, "labels": False, "x": [top["n"]], "y": [top["loss"]], "text": ["optimum"]})
    series.append({"kind": "dots", "color": "bad", "hollow": True, "size": 7, "labels": True, "x": [mine["n"]], "y": [mine["said"]], "text": ["your bet"]})
    out["board"] = [rows[k] for k in [3, 0, 1, 2]]
    out["truth"] = f"The law was E = {text.fixed(law['E'], 3)}, A = {text.sig(law['A'], 3)}, B = {text.sig(law['B'], 3)}, α = {text.fixed(law['alpha'], 3)}, β = {text.fixed(law['beta'], 3)}: the best split of 1e23 FLOPs is {text.si(top['n'], 3)} parameters, {text.sig(game.TARGET / 6 / top['n'] / top['n'], 3)} tokens each."
    out["readouts"] = [
        {"label": "your points", "value": text.fixed(mine["points"], 0), "note": "of 100", "tone": "good" if mine["points"] >= rows[1]["score"] else ""},
        {"label": "compute wasted", "value": text.pct(mine["waste"], 1), "note": text.fixed(mine["split"], 0) + " of 60 points"},
        {"label": "forecast off by", "value": rows[0]["miss"] + " nats", "note": text.fixed(mine["forecast"], 0) + " of 40 points"},
    ]  # fmt: skip
    if abs(mine["points"] - rows[1]["score"]) < 1:
        out["verdict"] = f"A draw with the scripted strategy: {text.fixed(mine['points'], 0)} points. It spent nine experiments on three sizes at each of three budgets, and fitted."
    elif mine["points"] > rows[1]["score"]:
        out["verdict"] = f"You beat the scripted strategy, {text.fixed(mine['points'], 0)} points to {text.fixed(rows[1]['score'], 0)}."
    else:
        out["verdict"] = f"The scripted strategy got {text.fixed(rows[1]['score'], 0)} points, you {text.fixed(mine['points'], 0)}. It spent nine experiments on three sizes at each of three budgets, and fitted."


def opening(runs):
    """Controls that hold some experiments."""
    out = {"used": len(runs), "closed": False}
    for i in range(len(runs)):
        out["n" + str(i + 1)] = runs[i]["n"]
        out["c" + str(i + 1)] = runs[i]["c"]
    return out


@explorable
def lab() -> Explorable:
    """The game against a hidden law."""
    hidden = {"hidden": True}  # the view shows these by the phase of the game, or holds the experiments in them
    low, high = game.SIZES
    places = [slider(f"n{i}", f"Size of experiment {i}", low, high, 1e9, log=True) | hidden for i in PLACES]
    places += [slider(f"c{i}", f"Cost of experiment {i}", game.CHEAPEST, game.LAB, 1e19, log=True) | hidden for i in PLACES]
    slices = game.three_slices(1)
    one = [{"n": 3e9, "c": game.LAB}]
    bet = game.scripted(1)
    points = game.score(1, bet)["points"]
    thumb = game.score(1, game.rule_of_thumb())["points"]
    return Explorable(
        "hidden-law", "The laboratory: find a hidden law",
        lead="Nobody tells you the law. You have 1e21 FLOPs for at most ten small models, and then one bet: the best size for 1e23 FLOPs, and its loss. Every number of a game is another law.",
        view="lab", compute=lab_compute,
        controls=[
            slider("seed", "Game number", 1, 999, 1, step=1, integer=True, format="plain") | hidden,
            slider("n", "Parameters of the next experiment", low, high, 3e8, log=True, format="si") | hidden,
            slider("c", "Its compute", game.CHEAPEST, game.LAB, 1e19, log=True, unit="FLOPs", format="sci") | hidden,
            slider("bet_n", "Bet: best size for 1e23 FLOPs", 1e8, 1e12, 1e10, log=True, format="si") | hidden,
            slider("bet_loss", "Bet: the loss it reaches", 1.4, 3.0, 2.2, step=0.005, unit="nats", format="fixed", digits=3) | hidden,
            toggle("help", "Fit a law to my experiments", False) | hidden,
            toggle("closed", "The bet is placed", False) | hidden,
            slider("used", "Experiments made", 0, game.MOST_RUNS, 0, step=1, integer=True) | hidden,
            *places,
        ],
        chart={"x": {"label": "Parameters", "log": True, "format": "si", "domain": [1e7, 1e12]}, "y": {"label": "Loss (nats per token)"}, "height": 300},
        alt="A game: experiments as dots of loss over parameters, a budget that shrinks, and a bet.",
        tries=[
            attempt("Everything on one large experiment", "One loss, at one place, and the budget is gone. A single point fixes no exponent: you can bet a size, but nothing you have seen speaks for it.", **{"seed": 1, "help": True, **opening(one)}),
            attempt("The scripted opening of game 1: three sizes at three budgets", f"Nine experiments around 20 tokens per parameter, and a fit that may be drawn out to 1e23. Placing its bet gets {text.fixed(points, 0)} points in this game; betting on 20 per parameter without any experiment gets {text.fixed(thumb, 0)}.", **{"seed": 1, "help": True, "bet_n": float(f"{bet['n']:.3g}"), "bet_loss": round(bet["loss"], 3), **opening(slices)}),
        ],
        source=f"`course_lib.game`: laws are drawn from ranges that hold the published ones; losses scatter by {text.pct(game.NOISE, 1)}. Points: up to 60 for the split (none if {text.pct(game.WASTE_AT_ZERO, 0)} of the compute is wasted), up to 40 for the forecast (none if it misses by {text.sig(game.MISS_AT_ZERO, 1)} nats).",
    )  # fmt: skip
