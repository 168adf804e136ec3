"""Lesson 11: one and the same models under several rulers, and a head that looks back in the prompt."""

import math
from functools import cache
from typing import Any

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider, toggle

# --- Grading -----------------------------------------------------------------------------------------------

# A family without jumps: nats per token = (N / LAW_SCALE)^-LAW_EXPONENT, so p = exp(-nats).
LAW_SCALE = 4e6
LAW_EXPONENT = 0.35
LAW_SIZES = [1e6, 7e6, 5e7, 3.7e8, 2.7e9, 1.9e10, 1.4e11, 1e12]
SHEETS = 12
SILENT = 0.05  # a share of right answers below this counts as nothing to be seen
METRICS = {
    "exact": {"label": "share of answers entirely right", "format": "pct"},
    "partial": {"label": "share of single tokens right", "format": "pct"},
    "edit": {"label": "edit distance, tokens (0 is perfect)", "format": "sig"},
    "loglik": {"label": "log-likelihood of the right answer, nats", "format": "sig"},
}


def law_family(k):
    """Eight models of a smooth law, with answers of k independent tokens."""
    out = []
    for n in LAW_SIZES:
        nats = formulas.power_law(n, LAW_SCALE, LAW_EXPONENT)
        p = math.exp(-nats)
        out.append({
            "n": n, "name": text.si(n, 2) + " parameters", "partial": p, "exact": formulas.exact_match(p, k),
            "edit": k * (1 - p), "loglik": -k * nats,
        })  # fmt: skip
    return out


def facts_family(rows, k):
    """The measured networks on sheets of k facts: the share of perfect sheets is p^k here, counted elsewhere."""
    return [
        {
            "n": r["n"], "name": text.commas(r["n"]) + " parameters", "partial": r["p"],
            "exact": formulas.exact_match(r["p"], k), "edit": k * (1 - r["p"]), "loglik": -k * r["nats"],
        }
        for r in rows
    ]  # fmt: skip


def sums_family(rows):
    """The measured adders: every number was counted on what they wrote."""
    return [
        {
            "n": r["n"], "name": text.commas(r["n"]) + " parameters", "partial": r["p"], "exact": r["exact"],
            "edit": 5 * r["edit"], "loglik": -5 * r["nats"],
        }
        for r in rows
    ]  # fmt: skip


def family_of(v, data):
    """The chosen models, smallest first."""
    if v["family"] == "law":
        return law_family(v["k"])
    return facts_family(data["facts"], v["k"]) if v["family"] == "facts" else sums_family(data["sums"])


def marks_of(v, data, models, chosen):
    """Answer sheets of the chosen model: rows of 1 and 0, the same questions for every model."""
    k = v["k"]
    if v["family"] == "sums":
        return []
    out = []
    state = 20_231  # of the generator of Park and Miller, so that the page draws what Python draws
    for i in range(SHEETS):
        row = []
        for j in range(60):
            state = (state * 16807) % 2147483647
            if j < k:
                if v["family"] == "law":
                    row.append(1 if state / 2147483647 < models[chosen]["partial"] else 0)
                else:
                    row.append(1 if data["facts"][chosen]["sheets"][i * 60 + j] == "1" else 0)
        out.append(row)
    return out


def grading_compute(v, data):
    """One family of models, graded by one metric, and the sheets of one model."""
    models = family_of(v, data)
    last = len(models) - 1
    chosen = min(v["model"], len(models)) - 1
    metric = v["metric"]
    xs = [m["n"] for m in models]
    ys = [m[metric] for m in models]
    rise = formulas.rise_factor(xs, ys)
    silent = len([y for y in ys if y < SILENT]) if metric == "exact" or metric == "partial" else 0
    shares = metric == "exact" or metric == "partial"
    log = v["log"] and shares
    lowest = 1e-4
    drawn = [max(lowest, y) for y in ys] if log else ys
    series = [
        {"kind": "line", "x": xs, "y": drawn, "color": 0},
        {"kind": "dots", "x": xs, "y": drawn, "color": 0, "size": 5, "text": [m["name"] for m in models]},
        {"kind": "dots", "x": [xs[chosen]], "y": [drawn[chosen]], "color": 1, "size": 7.5, "hollow": True},
    ]
    if metric == "exact":
        other = [max(lowest, m["partial"]) if log else m["partial"] for m in models]
        series.append({"kind": "line", "x": xs, "y": other, "color": "muted", "dash": True, "label": "single tokens", "dy": 16})
    bottom = min([min(ys), 0.0])
    top = 1.0 if shares else max([max(ys), 0.0])
    axis = {
        "label": METRICS[metric]["label"], "log": log, "format": METRICS[metric]["format"],
        "domain": [lowest, 1.0] if log else [bottom - 0.02 * (top - bottom), top + 0.06 * (top - bottom)],
        "reverse": metric == "edit",
    }
    if metric == "edit" and not log:
        axis["domain"] = [-0.04 * top, top * 1.05]
    here = models[chosen]
    return {
        "series": series, "y": axis, "family": v["family"], "marks": marks_of(v, data, models, chosen),
        "answers": data["sums"][chosen]["answers"] if v["family"] == "sums" else [],
        "sheet_title": "What the model of " + here["name"] + (" wrote (first of two seeds)" if v["family"] == "sums" else " got right, token by token"),
        "readouts": [
            {"label": "single tokens right", "value": text.pct(here["partial"]), "note": here["name"]},
            {"label": "answers entirely right", "value": text.pct(here["exact"]), "note": "of " + text.plain(5 if v["family"] == "sums" else v["k"]) + " tokens each"},
            moved_or_rise(v, rise),
            {"label": "sizes with nothing to see", "value": text.plain(silent) + " of " + text.plain(last + 1), "note": "below " + text.pct(SILENT, 0) if shares else "this measure has no zero to hide behind"},
        ],
        "verdict": grading_verdict(v, models, silent, rise),
        "alt": METRICS[metric]["label"] + " against model size: " + ", ".join([m["name"].replace(" parameters", "") + " " + text.sig(m[metric], 3) for m in models]) + ".",
    }  # fmt: skip


def moved_or_rise(v, rise):
    """For the law how far grading by whole answers moved the curve; for measured models how wide the rise is."""
    if v["family"] == "law":
        factor = formulas.length_shift(v["k"], LAW_EXPONENT) if v["metric"] == "exact" else 1.0
        return {"label": "the curve has moved by", "value": text.times(factor, 2), "note": "in size; its shape is the same" if factor > 1 else "in size: not at all"}
    return {"label": "the rise takes", "value": text.times(rise, 2), "note": "in size, from 10 to 90 % of the change"}


def grading_verdict(v, models, silent, rise):
    """What the ruler does to the family."""
    first, last = models[0], models[len(models) - 1]
    if v["family"] == "sums":
        return (
            f"Whole answers {text.pct(first['exact'], 0)} to {text.pct(last['exact'], 0)}, digits {text.pct(first['partial'], 0)} to {text.pct(last['partial'], 0)}, "
            f"{text.sig(-first['loglik'], 2)} to {text.sig(-last['loglik'], 2)} nats an answer (means of two seeds). By this measure the rise takes {text.times(rise, 2)} in size; try the others."
        )
    smooth = f"{text.pct(first['partial'], 0)} to {text.pct(last['partial'], 0)}"
    if v["metric"] == "exact":
        if v["k"] == 1:
            return f"With one token there is nothing to multiply: the score is p itself, {smooth}."
        if v["log"]:
            return "On a logarithmic axis the cliff is a slope again: log p^k is k times log p. Nothing was ever missing, it was only too small to be seen."
        return f"Token by token these models go smoothly from {smooth}. Demand {text.plain(v['k'])} right in a row and {text.plain(silent)} of {text.plain(len(models))} seem to know nothing."
    if v["metric"] == "partial":
        return f"Graded token by token the same models rise without a step: {smooth}."
    if v["metric"] == "edit":
        return "Every token put right takes one off the distance, so progress shows from the first model on."
    return "The log-likelihood adds what exact match multiplies: k small gains are one sum of gains."


@cache
def measured() -> dict[str, Any]:
    """The shipped exams and adders (means over seeds), with what the adders of the first seed wrote."""
    from course_lib.tiny import addition, exams

    facts = [{"n": r.params, "p": r.accuracy, "nats": r.surprise, "sheets": r.sheets} for r in exams.rows()]
    sums = [
        {
            "n": r.params, "p": r.digits, "exact": r.exact, "edit": r.edit, "nats": r.nll,
            "answers": [list(line) for line in addition.shown(r.width, addition.SEEDS[0])[:SHEETS]],
        }
        for r in addition.means()
    ]  # fmt: skip
    return {"facts": facts, "sums": sums}


@explorable
def grading() -> Explorable:
    """The same models, another ruler."""
    data = measured()
    start = {"family": "law", "metric": "exact", "k": 30, "model": 4, "log": False}

    def said(what: str, **changed: object) -> str:
        out = grading_compute({**start, **changed}, data)
        return next(r["value"] for r in out["readouts"] if r["label"] == what)

    facts, sums = data["facts"], data["sums"]
    return Explorable(
        "same-models", "The same models, another ruler",
        lead="Choose a family of models and a way to grade them. Nothing about the models changes with the ruler. Below the curve: answers of one of them, drawn on the same questions for every size.",
        view="grading", compute=grading_compute, data=data,
        chart={"x": {"label": "parameters", "log": True, "format": "si"}, "y": {"label": METRICS["exact"]["label"], "format": "pct"}, "height": 300},
        controls=[
            choice("family", "Models", {"law": "A smooth law", "facts": "Facts, measured", "sums": "Addition, measured"}, "law"),
            choice("metric", "Graded by", {"exact": "All right", "partial": "Partial credit", "edit": "Edit distance", "loglik": "Log-likelihood"}, "exact"),
            slider("k", "Tokens in an answer (sums have five)", 1, 60, 30, integer=True, format="plain"),
            slider("model", "Show the answers of model number", 1, 8, 4, integer=True, format="plain"),
            toggle("log", "Logarithmic score axis (for shares)", False),
        ],
        alt="Score of eight models of growing size under the chosen metric, and answer sheets of one of them.",
        tries=[
            attempt("Shorten the answer to one token", f"The cliff melts as the slider goes down: with k = 1 the score is p itself, and every size shows something. With 30 it was {said('sizes with nothing to see')}.", **{**start, "k": 1}),
            attempt("Leave k at 30, and give partial credit", f"Same models, same answers, one point for each token: {said('sizes with nothing to see', metric='partial')} sizes are silent.", **{**start, "metric": "partial"}),
            attempt("The measured facts, all thirty right", f"{text.pct(facts[0]['p'], 0)} to {text.pct(facts[-1]['p'], 0)} of single facts, but {said('answers entirely right', family='facts', model=1)} to {said('answers entirely right', family='facts', model=8)} of whole sheets. The abruptness is the exponent's work.", **{**start, "family": "facts", "model": 3}),
            attempt("The measured adders, by log-likelihood", f"The kindest ruler there is, and the step stays: the rise takes {said('the rise takes', family='sums', metric='loglik')} in size, against {said('the rise takes', family='facts', metric='loglik')} for the facts.", **{**start, "family": "sums", "metric": "loglik", "model": min(4, len(sums))}),
        ],
        source="Law: p = exp(−(N/4M)^{−0.35}), tokens independent, after Schaeffer et al. 2023, section 2. Facts and addition: this course's own runs (`tiny.exams`, `tiny.addition`); for facts the share of perfect sheets is p^{k}, which the lesson checks by counting.",
    )  # fmt: skip


# --- The echo ----------------------------------------------------------------------------------------------

PLACES = 12
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def echo_compute(v, data):
    """What stands where, where the present symbol stood before, and what a reader who copies would say next."""
    n = v["n"]
    at = min(v["at"], n) - 1
    ids = [v["s" + str(i)] for i in range(n)]
    seen = [j for j in range(at) if ids[j] == ids[at]]
    after = [j + 1 for j in seen]
    follow = [LETTERS[ids[j]] for j in after]
    kinds = []
    for f in follow:
        if f not in kinds:
            kinds.append(f)
    here = LETTERS[ids[at]]
    times = len(seen)
    said = "nothing" if times == 0 else follow[0] if len(kinds) == 1 else ", then ".join(follow)
    return {
        "ids": ids, "letters": [LETTERS[i] for i in ids], "at": at, "seen": seen, "after": after, "look": v["look"],
        "readouts": [
            {"label": "reads up to", "value": here, "note": "symbol " + text.plain(at + 1) + " of " + text.plain(n)},
            {"label": "has met it before", "value": "never" if times == 0 else "once" if times == 1 else text.plain(times) + " times"},
            {"label": "and then came", "value": said},
            {"label": "a copier says", "value": "no idea" if times == 0 else follow[times - 1], "note": "zero-shot" if times == 0 else "one-shot" if times == 1 else "few-shot, " + text.plain(times) + " examples"},
        ],
        "verdict": echo_verdict(here, times, kinds, follow),
        "alt": "The symbols " + " ".join([LETTERS[i] for i in ids]) + f", read up to number {at + 1}, {here}.",
    }  # fmt: skip


def echo_verdict(here, times, kinds, follow):
    """What the prompt allows to know."""
    if times == 0:
        return f"{here} is new in this prompt. The words were drawn at random, so nobody can know what follows: zero-shot is a guess among 32."
    if len(kinds) == 1:
        return f"{here} came before, and {kinds[0]} came after it. Whoever can look that up needs {'one example' if times == 1 else 'no more than one of these examples'}; no weight has to change."
    return f"The prompt contradicts itself: after {here} came {' and '.join(kinds)}. A copier of the last example says {follow[-1]}."


@cache  # decorated, so it stays in Python
def placed(word: str) -> dict[str, Any]:
    """Control values that write a word into the prompt."""
    padded = word.ljust(PLACES, "A")
    return {"n": len(word), **{f"s{i}": LETTERS.index(padded[i]) for i in range(PLACES)}}


@cache
def packed_models() -> dict[str, Any]:
    """The two shipped models as packs, with the head of each that listens for the echo and the note-taker."""
    from course_lib.tiny import induction
    from course_lib.tiny.pack import pack

    out: dict[str, Any] = {}
    for name in ("two", "one"):
        model = induction.load(name)
        where = induction.head_scores(model)
        heads = {kind: scores.argmax(dim=1).tolist() for kind, scores in where.items()}
        out[name] = {"pack": pack(model, vocabulary=LETTERS, name=name), "heads": heads}
    return out


@explorable
def echo() -> Explorable:
    """The induction head, alive."""
    word = "QMXBQMXBQMXB"
    fields = [{**slider(f"s{i}", f"Symbol {i + 1}", 0, 31, LETTERS.index(word[i]), integer=True, format="plain"), "hidden": True} for i in range(PLACES)]  # fmt: skip
    return Explorable(
        "look-back", "A head that looks back",
        lead="Two tiny models with the same number of weights read the symbols up to the one you pick, and say what comes next. Type other symbols, or step through these.",
        view="echo", compute=echo_compute, data=packed_models(),
        controls=[
            slider("at", "Read up to symbol number", 1, PLACES, 6, integer=True, format="plain"),
            choice("look", "Show the attention of", {"echo": "Two layers, second", "notes": "Two layers, first", "one": "One layer"}, "echo"),
            {**slider("n", "Symbols", 1, PLACES, PLACES, integer=True, format="plain"), "hidden": True},
            *fields,
        ],
        alt="A row of symbols; arcs show where an attention head looks from the chosen one; below, what two models expect next.",
        tries=[
            attempt("Zero-shot: the first pass", "At symbol 3 nothing has come twice yet. Both models spread their bets, and so would you.", **placed(word), at=3, look="echo"),
            attempt("One example", "At symbol 6, the second M, the head in layer 2 looks at symbol 3, the X after the first M, and the model says X. The model with one layer does not know which of the letters it has seen is meant.", **placed(word), at=6, look="echo"),
            attempt("How it finds the place", "Layer 1 looks, from every symbol, at the one just before it: it writes “I stand after M” on the X. Layer 2 has only to search for that note. One layer cannot read a note that is written at the same time.", **placed(word), at=6, look="notes"),
            attempt("A dictionary instead of a word", "K goes with 7, R with 2, Z with 5, shuffled from pass to pass. The models were trained on repeated words only; the two-layer one copes at once.", **placed("K7R2Z5R2K7Z"), at=11, look="echo"),
            attempt("Two examples that disagree", "After D came G, then came T. See whether the model takes the older, the newer, or both.", **placed("DGKPDTKPD"), at=9, look="echo"),
        ],
        source="Models of `tiny.induction`, 12,608 parameters each, weights rounded to 8 bits for the page. The mechanism: Elhage et al. 2021; Olsson et al. 2022, arXiv 2209.11895.",
    )  # fmt: skip
