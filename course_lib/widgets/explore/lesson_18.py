"""Lesson 18: what a teacher says that a text does not, who pays for it, and how far feedback pulls a model."""

import math
from typing import Any

from course_lib import text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider, toggle
from course_lib.widgets.explore import data_18

SHOWN = 10  # characters listed
METHODS = {"best of n": "Best of n", "preference": "Preference tuning", "policy": "Policy tuning"}


def softened(logits, temperature):
    """Probabilities of logits over a temperature."""
    top = max(logits)
    weights = [math.exp((x - top) / temperature) for x in logits]
    total = sum(weights)
    return [w / total for w in weights]


def entropy(probabilities):
    """Nats that one draw says on average."""
    return sum([0.0] + [-p * math.log(p) for p in probabilities if p > 0])


def name_of(character):
    """A character as text: blanks get a name."""
    return {" ": "space", "\n": "line end"}.get(character, character)


def says_compute(v, data):
    """The likeliest next characters by the teacher, at temperature 1 and softened, and the one in the text."""
    place = data["places"][int(v["place"])]
    plain = softened(place["logits"], 1.0)
    soft = softened(place["logits"], v["temperature"])
    rows = []
    left = list(range(len(plain)))
    while len(rows) < SHOWN:
        i = left[0]
        for j in left:
            if plain[j] > plain[i]:
                i = j
        left = [j for j in left if j != i]
        rows.append({
            "name": name_of(data["characters"][i]), "plain": plain[i], "soft": soft[i], "label": 1.0 if i == place["next"] else 0.0,
            "plain_text": text.pct(plain[i], 1), "soft_text": text.pct(soft[i], 1),
        })  # fmt: skip
    nats = entropy(soft)
    truth = name_of(data["characters"][place["next"]])
    rest = 1 - sum([r["soft"] for r in rows])
    best = rows[0]["name"]
    sides = math.exp(entropy(plain))
    if best == truth and plain[place["next"]] > 0.9:
        said = f"The text says “{truth}” and the teacher is {text.pct(plain[place['next']], 0)} sure of it: little to add here."
    else:
        said = (
            f"The text says “{truth}”. "
            + (f"The teacher puts it first, at {text.pct(plain[place['next']], 0)}, " if best == truth else f"The teacher leans to “{best}”, gives “{truth}” {text.pct(plain[place['next']], 0)}, ")
            + f"and is as undecided as among {text.sig(sides, 2)} equally good characters: a student hears about all of them."
        )  # fmt: skip
    if v["temperature"] > 3.99:
        said = f"So soft that the ranking is nearly all that is left: {text.pct(rest, 0)} of the weight lies on characters not listed."
    if v["temperature"] < 0.31:
        said = "So sharp that the teacher sounds like a label again: its doubts, which were the lesson, are gone."
    return {
        "prefix": place["prefix"], "truth": truth, "rows": rows,
        "readouts": [
            {"label": "in the text", "value": truth, "note": text.pct(plain[place["next"]], 1) + " by the teacher"},
            {"label": "teacher’s entropy", "value": text.fixed(nats, 2) + " nats", "note": "like a fair die with " + text.sig(math.exp(nats), 2) + " sides"},
            {"label": "not listed", "value": text.pct(max(0.0, rest), 1), "note": "shared by the other characters"},
        ],
        "verdict": said,
        "alt": f"After “{place['prefix']}” the teacher gives " + ", ".join([r["name"] + " " + r["soft_text"] for r in rows[:5]]) + f". The text goes on with {truth}.",
    }  # fmt: skip


def at(xs, ys, x):
    """The line through points, straight in log x; None outside them."""
    if x < xs[0] or x > xs[-1]:
        return None
    for i in range(len(xs) - 1):
        if x <= xs[i + 1]:
            share = (math.log(x) - math.log(xs[i])) / (math.log(xs[i + 1]) - math.log(xs[i]))
            return ys[i] + share * (ys[i + 1] - ys[i])
    return ys[-1]


def taught_cost(point, v, data):
    """FLOPs that a student of the teacher is charged with."""
    cost = point["flops"]
    if v["reading"]:
        cost += point["reading"] / (v["students"] if v["stored"] else 1)
    if v["training"]:
        cost += data["teacher"]["flops"] / v["students"]
    return cost


def pays_compute(v, data):
    """Loss over FLOPs of students of the text and of the teacher, the teacher's work charged as chosen."""
    alone, taught = data["labels"], data["taught"]
    xa, ya = [p["flops"] for p in alone], [p["loss"] for p in alone]
    xt, yt = [taught_cost(p, v, data) for p in taught], [p["loss"] for p in taught]
    budget = v["budget"]
    a, t = at(xa, ya, budget), at(xt, yt, budget)
    share = v["students"]
    if budget < xt[0]:
        verdict = "The teacher costs more than the whole budget. Read the text yourself."
        tone = "bad"
    elif t is None or a is None:
        verdict = "Outside what was measured: move the budget."
        tone = ""
    elif abs(a - t) < data["noise"]:
        verdict = f"A draw: {text.fixed(a, 2)} nats either way, within what another seed changes."
        tone = ""
    elif t < a:
        verdict = f"The teacher pays: {text.fixed(t, 2)} nats instead of {text.fixed(a, 2)} for the same FLOPs."
        tone = "good"
    else:
        verdict = f"The text alone is the better buy: {text.fixed(a, 2)} nats instead of {text.fixed(t, 2)}."
        tone = "bad"
    counted = [p for p in [
        "the student’s training",
        ("the teacher’s reading" + (", once for all students" if v["stored"] else "")) if v["reading"] else "",
        f"1/{text.commas(share)} of the teacher’s training" if v["training"] and share > 1 else "the teacher’s training" if v["training"] else "",
    ] if p != ""]  # fmt: skip
    return {
        "series": [
            {"kind": "line", "x": xa, "y": ya, "color": 0},
            {"kind": "dots", "x": xa, "y": ya, "color": 0, "text": [p["says"] for p in alone]},
            {"kind": "line", "x": xt, "y": yt, "color": 1},
            {"kind": "dots", "x": xt, "y": yt, "color": 1, "text": [p["says"] for p in taught]},
            {"kind": "text", "x": [xa[2] * 0.9], "y": [ya[2] - 0.05], "text": ["asked for the text"], "color": 0, "anchor": "end", "dy": 8},
            {"kind": "text", "x": [xt[1] * 1.1], "y": [yt[1] + 0.04], "text": ["asked by the teacher"], "color": 1, "anchor": "start", "dy": -4},
            {"kind": "hline", "y": [data["teacher"]["loss"]], "color": "muted", "label": "the teacher itself"},
            {"kind": "vline", "x": [budget], "color": "accent", "label": "your FLOPs"},
        ],
        "x": {"domain": [min(xa[0], xt[0]) * 0.5, max(xa[-1], xt[-1]) * 2]},
        "readouts": [
            {"label": "the text alone", "value": text.fixed(a, 2) + " nats" if a is not None else "not measured", "note": "for " + text.sci(budget, 2) + " FLOPs"},
            {"label": "with the teacher", "value": text.fixed(t, 2) + " nats" if t is not None else "not measured", "note": "for the same"},
            {"label": "one student is charged", "value": text.times(xt[-1] / taught[-1]["flops"], 3), "note": "its own training, at the longest run"},
        ],
        "verdict": verdict, "tone": tone,
        "alt": f"Loss falls with FLOPs for both kinds of student. Charged: {', '.join(counted)}. {verdict}",
    }  # fmt: skip


def chosen_point(v, data):
    """The row that the controls name."""
    method = v["method"]
    betas = data["betas"][method]
    beta = betas[min(int(v["leash"]), len(betas) - 1)]
    found = [p for p in data["points"] if p["method"] == method and abs(p["beta"] - beta) < 1e-9]
    return found[min(int(v["effort"]), len(found) - 1)], beta


def leash_compute(v, data):
    """Reward and taste against drift for each way of following the judge, and what a model writes at one point."""
    here, beta = chosen_point(v, data)
    start = data["points"][0]
    series = []
    for i, method in enumerate(data["methods"]):
        for b in data["betas"][method]:
            rows = [p for p in data["points"] if p["method"] == method and abs(p["beta"] - b) < 1e-9]
            mine = method == v["method"] and abs(b - beta) < 1e-9
            line = {"kind": "line", "x": [p["kl"] for p in rows], "y": [p[v["upright"]] for p in rows], "color": i, "faint": not mine, "width": 3 if mine else 1.5, "dash": i == 1}
            if mine:
                line["label"] = ""
            series.append(line)
    series.append({"kind": "dots", "x": [here["kl"]], "y": [here[v["upright"]]], "color": "accent", "size": 7, "text": [here["says"]]})
    for i, method in enumerate(data["methods"]):
        for b in data["betas"][method]:
            rows = [p for p in data["points"] if p["method"] == method and abs(p["beta"] - b) < 1e-9]
            if b == data["betas"][method][0]:
                series.append({"kind": "text", "x": [rows[-1]["kl"]], "y": [rows[-1][v["upright"]]], "text": [data["names"][method]], "color": i, "dy": -12, "anchor": "end" if rows[-1]["kl"] > 12 else "start"})  # fmt: skip
    worn = here["variety"] / start["variety"]
    if here["kl"] < 0.05:
        verdict = "Not moved yet: this is how the untuned model writes."
    elif worn < 0.5:
        verdict = f"The reward is up by {text.fixed(here['reward'] - start['reward'], 1)} deviations, and the model has found a phrase and repeats it: its words are {text.times(1 / worn, 2)} less varied."
    elif here["taste"] > start["taste"] + 2 * here["taste_error"]:
        verdict = f"The judge likes it better, {text.fixed(here['taste'], 2)} against {text.fixed(start['taste'], 2)}, at a drift of {text.sig(here['kl'], 2)} nats."
    else:
        verdict = "The reward model is happier than the judge: the drift so far has bought little that she likes."
    return {
        "series": series, "y": {"label": data["axes"][v["upright"]]}, "texts": here["texts"],
        "where": data["names"][v["method"]] + ", " + here["says"],
        "readouts": [
            {"label": "reward model", "value": text.fixed(here["reward"], 2), "note": "deviations above the untuned"},
            {"label": "the judge’s taste", "value": text.fixed(here["taste"], 2), "note": "± " + text.fixed(here["taste_error"], 2)},
            {"label": "drift", "value": text.sig(here["kl"], 2) + " nats", "note": "for 32 characters"},
            {"label": "different words", "value": text.pct(here["variety"], 0), "note": "of all that are written"},
            {"label": "loss on Austen", "value": text.fixed(here["loss"], 2), "note": text.fixed(start["loss"], 2) + " before"},
        ],
        "verdict": verdict, "tone": "bad" if worn < 0.5 else "",
        "alt": f"{data['axes'][v['upright']]} against drift for three ways of tuning. Marked: {data['names'][v['method']]}, {here['says']}, drift {text.sig(here['kl'], 2)} nats, reward {text.fixed(here['reward'], 2)}, taste {text.fixed(here['taste'], 2)}.",
    }  # fmt: skip


@explorable
def teacher_says() -> Explorable:
    """What a teacher answers at a few places of a novel, and what temperature does to it."""
    data: dict[str, Any] = data_18.places()
    start: dict[str, Any] = {"place": str(len(data["places"]) - 2), "temperature": 1.0}

    def nats(temperature: float) -> str:
        return says_compute({**start, "temperature": temperature}, data)["readouts"][1]["value"]

    return Explorable(
        "teacher-says", "What the teacher says and the text does not",
        lead="A place in a novel that the teacher has not read. The text knows one next character; the teacher has an opinion on all of them.",
        view="whisper", compute=says_compute, data=data,
        controls=[
            choice("place", "Place", {str(i): "…" + p["prefix"][-22:].replace("\n", " ") for i, p in enumerate(data["places"])}, start["place"], menu=True),
            slider("temperature", "Temperature", 0.2, 5, start["temperature"], log=True, digits=2),
        ],
        alt="Bars of the teacher's probabilities for the ten likeliest next characters, with the character of the text marked.",
        tries=[
            attempt("Soften it", f"At temperature 3 the entropy goes from {nats(1.0)} to {nats(3.0)}: the small opinions, which continuations are nearly as good, become visible, and the student is graded on them too.", **{**start, "temperature": 3.0}),
            attempt("Sharpen it", f"At 0.25 it falls to {nats(0.25)}. A teacher without doubts is a label with typing errors.", **{**start, "temperature": 0.25}),
            attempt("Somewhere it is sure", "In the middle of a word there is little to add: teacher and text agree, and the extra lesson is small.", **{**start, "place": str(data["surest"])}),
        ],
        source="The course’s text model (88,512 parameters) on held-out Austen. Distillation with a temperature: Hinton, Vinyals & Dean 2015.",
    )  # fmt: skip


@explorable
def who_pays() -> Explorable:
    """Loss over FLOPs, with and without a teacher, under the reader's way of counting."""
    data = data_18.curves()
    budget = 2.0 * data["labels"][2]["flops"]
    start: dict[str, Any] = {"students": 1, "reading": True, "stored": False, "training": False, "budget": budget}

    def found(**values: Any) -> str:
        return pays_compute({**start, **values}, data)["verdict"]

    return Explorable(
        "who-pays", "Who pays for the teacher?",
        lead="The same student, the same windows of text; one is asked for the next character, the other for the teacher’s probabilities. Decide what the second is charged with.",
        compute=pays_compute, data=data,
        chart={"x": {"label": "FLOPs charged to one student", "log": True, "format": "si"}, "y": {"label": "held-out loss, nats per character"}},
        controls=[
            slider("students", "Students who share the teacher", 1, 1e6, start["students"], log=True, integer=True, format="commas"),
            toggle("reading", "Charge the teacher’s reading of the student’s text", True),
            toggle("stored", "Store its answers and share them", False),
            toggle("training", "Charge the teacher’s own training", False),
            slider("budget", "Your FLOPs", 1.2e10, 5e12, start["budget"], log=True, unit="FLOPs", format="sci", digits=2),
        ],
        alt="Held-out loss against the FLOPs charged, for students of the text and students of the teacher.",
        tries=[
            attempt("The teacher is free", found(reading=False) + " This is how comparisons at equal tokens are drawn.", **{**start, "reading": False}),
            attempt("Charge its reading", found() + " The teacher is three times the student, and a forward pass is a third of a training step: the same FLOPs once more.", **start),
            attempt("Charge its training too", found(training=True), **{**start, "training": True}),
            attempt("A thousand students", found(training=True, stored=True, students=1000) + " A teacher pays when many learn from it.", **{**start, "training": True, "stored": True, "students": 1000}),
        ],
        source="Means over three seeds; width 32, two layers; measured by `python -m course_lib.tiny.distill`. Lines between the dots are only guides.",
    )  # fmt: skip


@explorable
def leash() -> Explorable:
    """Reward, taste and drift of three ways to follow a judge, with samples."""
    data = data_18.feedback()
    start: dict[str, Any] = {"method": "policy", "leash": 0, "effort": 0, "upright": "reward"}
    last = len([p for p in data["points"] if p["method"] == "policy" and p["beta"] == data["betas"]["policy"][0]]) - 1

    def found(**values: Any) -> str:
        return leash_compute({**start, **values}, data)["verdict"]

    return Explorable(
        "leash", "How long is the leash?",
        lead="A judge prefers long words and dislikes made-up ones. Three ways to please her, each step measured, with what the model writes there. Made-up words are underlined.",
        view="leash", compute=leash_compute, data=data,
        chart={"x": {"label": "drift, nats per continuation"}, "y": {"label": "reward"}, "height": 300},
        controls=[
            choice("method", "Way", METHODS, start["method"]),
            slider("effort", "How far along", 0, last, start["effort"], integer=True, step=1, format="plain"),
            slider("leash", "Leash: 0 is the loosest price on drift", 0, 2, start["leash"], integer=True, step=1, format="plain"),
            choice("upright", "Upright axis", {"reward": "Reward model", "taste": "The judge’s taste", "variety": "Variety", "loss": "Loss on Austen"}, start["upright"]),
        ],
        alt="Curves of reward against drift for best of n, preference tuning and policy tuning.",
        tries=[
            attempt("Pull it all the way, no price", found(effort=last) + " Nobody had told the judge to ask for variety.", **{**start, "effort": last}),
            attempt("The same with a price on drift", found(effort=last, leash=2), **{**start, "effort": last, "leash": 2}),
            attempt("Choose instead of tuning", found(method="best of n", effort=6, leash=0) + " The best of 64 drifts by no more than log 64 − 63/64 nats, and it costs 64 samples each time.", **{**start, "method": "best of n", "effort": 6}),
            attempt("What the judge herself thinks", found(effort=last, upright="taste"), **{**start, "effort": last, "upright": "taste"}),
        ],
        source="512 continuations of held-out prompts a point, one seed; measured by `python -m course_lib.tiny.feedback`. Drift of best of n is the bound ln n − (n − 1)/n.",
    )  # fmt: skip
