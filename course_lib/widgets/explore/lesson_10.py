"""Lesson 10: what another epoch is worth, bands that catch near-copies, and a filter that keeps fewer texts."""

import math

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider

# --- Another epoch ------------------------------------------------------------------------------------------

MOST_EPOCHS = 64
PAYS = 0.5  # an epoch worth less than half a fresh one


def loss_of(params, unique, epochs):
    """Loss by the data-constrained law, nats per token."""
    return formulas.data_constrained_loss(params, unique, unique * epochs, formulas.MUENNIGHOFF)


def epochs_compute(v, data):
    """Each epoch's worth, the effective tokens, and the loss along two roads: more epochs, or more parameters."""
    law = formulas.MUENNIGHOFF
    unique, e, n = v["unique"], v["epochs"], v["params"]
    scale = law["R_D"]
    worth = formulas.worth_of_repeats(1.0, e, scale)
    flops = formulas.training_flops(n, unique * e)
    xs = [2 ** (i / 10) for i in range(61)]
    again = [loss_of(n, unique, x) for x in xs]
    fresh = [formulas.chinchilla_loss(n, unique * x, law) for x in xs]
    swap = [loss_of(flops / (6 * unique * x), unique, x) for x in xs]
    best = 0
    for i in range(len(xs)):
        if swap[i] < swap[best]:
            best = i
    here, ideal = loss_of(n, unique, e), formulas.chinchilla_loss(n, unique * e, law)
    best_n = flops / (6 * unique * xs[best])
    columns = [{"worth": formulas.epoch_worth(i + 1, scale), "read": i + 1 <= e} for i in range(MOST_EPOCHS)]
    step = formulas.epoch_worth(e + 1, scale)
    return {
        "columns": columns, "epochs": e, "worth": worth,
        "strip": f"{text.plain(e)} epochs, worth {text.sig(worth, 3)} fresh ones" if e > 1 else "One epoch: everything is fresh",
        "series": [
            {"kind": "line", "x": xs, "y": fresh, "color": 2, "dash": True, "label": "if all text were fresh", "dy": 18},
            {"kind": "line", "x": xs, "y": swap, "color": 1, "label": "same compute: epochs against size", "dy": -12},
            {"kind": "line", "x": xs, "y": again, "color": 0, "label": "same model, read again", "dy": -16},
            {"kind": "dots", "x": [xs[best]], "y": [swap[best]], "color": 1, "size": 7, "hollow": True, "text": ["best split of this compute"]},
            {"kind": "dots", "x": [e], "y": [here], "color": 0, "size": 7, "text": ["you"]},
        ],
        "readouts": [
            {"label": "effective tokens D′", "value": text.si(unique * worth, 3), "note": text.si(unique * e, 3) + " read"},
            {"label": "loss by the law", "value": text.fixed(here, 3) + " nats", "note": text.fixed(here - ideal, 3) + " above all-fresh"},
            {"label": "the next epoch", "value": text.fixed(step, 2) + " of a fresh one", "tone": "bad" if step < PAYS else "good"},
            {"label": "best for this compute", "value": text.si(best_n, 2) + " × " + text.sig(xs[best], 2) + ("+" if best == len(xs) - 1 else "") + " epochs", "note": text.fixed(swap[best], 3) + " nats; " + text.sci(flops, 2) + " FLOPs"},
        ],
        "verdict": epochs_verdict(v, here, swap[best], xs[best], best_n),
        "y": {"domain": [min(min(fresh), min(swap)) - 0.02, max(max(again), min(max(swap), max(again) + 0.25)) + 0.04]},
        "alt": f"Epochs 1 to {MOST_EPOCHS} as columns of falling height; {text.plain(e)} are read, worth {text.sig(worth, 3)} fresh ones. Loss {text.fixed(here, 3)} at {text.plain(e)} epochs; the best split of the same compute has {text.fixed(swap[best], 3)}.",
    }  # fmt: skip


def epochs_verdict(v, here, lowest, at, best_n):
    """What to do with the compute, in one sentence."""
    e, n = v["epochs"], v["params"]
    gain = here - lowest
    if gain < 0.005:
        return "This is about the best split of this compute: neither more parameters nor more epochs would help by 0.005 nats."
    if at < e:
        return f"Too many epochs for this compute: {text.si(best_n, 2)} parameters and {text.sig(at, 2)} epochs would reach {text.fixed(lowest, 3)}, {text.fixed(gain, 3)} nats lower."
    return f"The compute would do better in more epochs: {text.si(best_n, 2)} parameters read the text {text.sig(at, 2)} times and reach {text.fixed(lowest, 3)}, {text.fixed(gain, 3)} nats lower than {text.si(n, 2)}."


@explorable
def another_epoch() -> Explorable:
    """Unique tokens, epochs and parameters under the data-constrained law."""
    start = {"unique": 100e9, "epochs": 4, "params": 20e9}

    def said(i: int, **values: float) -> str:
        return str(epochs_compute({**start, **values}, None)["readouts"][i]["value"])

    llama = formulas.worth_of_repeats(1.0, 16.0, formulas.MUENNIGHOFF_R_D)
    return Explorable(
        "another-epoch", "What is another epoch worth?",
        lead="Each column is one reading of the same text; its height is what that reading is worth. Click a column, or use the sliders, and watch the loss below.",
        view="epochs", compute=epochs_compute,
        controls=[
            slider("unique", "Different tokens U", 1e8, 1e13, start["unique"], log=True, unit="tokens", format="si"),
            slider("epochs", "Epochs", 1, MOST_EPOCHS, start["epochs"], integer=True, format="plain"),
            slider("params", "Parameters N", 1e7, 1e12, start["params"], log=True, format="si"),
        ],
        chart={"x": {"label": "Epochs", "log": True, "domain": [1, MOST_EPOCHS], "ticks": [1, 2, 4, 8, 16, 32, 64]}, "y": {"label": "Loss (nats per token)"}, "height": 330},
        alt="Columns for the worth of each epoch, and below the loss against epochs for one model, for fresh text, and along one budget.",
        tries=[
            attempt("Begin with one epoch", f"Everything is fresh. Now move to four: they are worth {text.sig(formulas.worth_of_repeats(1.0, 4.0, formulas.MUENNIGHOFF_R_D), 3)} fresh ones, and the solid line has hardly left the dashed one.", **{**start, "epochs": 1}),
            attempt("Sixteen, then forty", f"Sixteen are worth {text.sig(llama, 3)}, forty {text.sig(formulas.worth_of_repeats(1.0, 40.0, formulas.MUENNIGHOFF_R_D), 3)}, and no number of them more than {text.sig(1 + formulas.MUENNIGHOFF_R_D, 3)}. By the law more never hurts; hold that against our own models below.", **{**start, "epochs": 40}),
            attempt("10T tokens, a trillion parameters", f"One epoch gives {said(1, unique=1e13, epochs=1, params=1e12)}, four epochs {said(1, unique=1e13, epochs=4, params=1e12)}. That is far beyond any run the law was fitted to.", unique=1e13, epochs=4, params=1e12),
            attempt("A big model on little text", f"100B parameters on 1B tokens: the law counts surplus parameters at a discount too. For the compute of four epochs it would rather have {said(3, unique=1e9, epochs=4, params=1e11)}.", unique=1e9, epochs=4, params=1e11),
        ],
        source="Law and constants: Muennighoff et al. 2023 (R_{D}^{*} = 15.4, R_{N}^{*} = 5.3), fitted to models up to 9B parameters. Loss is on their text and tokens.",
    )  # fmt: skip


# --- Bands --------------------------------------------------------------------------------------------------

HASHES = 128
NIBBLES = {
    "0": [0, 0, 0, 0], "1": [0, 0, 0, 1], "2": [0, 0, 1, 0], "3": [0, 0, 1, 1], "4": [0, 1, 0, 0], "5": [0, 1, 0, 1],
    "6": [0, 1, 1, 0], "7": [0, 1, 1, 1], "8": [1, 0, 0, 0], "9": [1, 0, 0, 1], "a": [1, 0, 1, 0], "b": [1, 0, 1, 1],
    "c": [1, 1, 0, 0], "d": [1, 1, 0, 1], "e": [1, 1, 1, 0], "f": [1, 1, 1, 1],
}  # fmt: skip


def bits_of(digits):
    """Agreements of a pair, number by number, from hexadecimal digits."""
    out = []
    for i in range(len(digits)):
        for bit in NIBBLES[digits[i]]:
            out.append(bit)
    return out


def band_list(bits, bands, rows):
    """Each band's agreements and whether all of them hold."""
    out = []
    for b in range(bands):
        cells = bits[b * rows : (b + 1) * rows]
        out.append({"cells": cells, "full": sum(cells) == rows})
    return out


def is_caught(bits, bands, rows):
    """Whether one band agrees in full."""
    return sum([1 if sum(bits[b * rows : (b + 1) * rows]) == rows else 0 for b in range(bands)]) > 0


def bands_compute(v, data):
    """Which planted pairs a choice of bands and rows catches, beside the theory, and what it costs."""
    rows = v["rows"]
    fitting = math.floor(HASHES / rows)
    bands = min(v["bands"], fitting)
    count = {"copy": 0, "quote": 0}
    hits = {"copy": 0, "quote": 0}
    dots = []
    for p in data["pairs"]:
        caught = is_caught(bits_of(p["agree"]), bands, rows)
        kept = caught and p["s"] >= v["keep"]
        count[p["kind"]] += 1
        hits[p["kind"]] += 1 if kept else 0
        dots.append({"s": p["s"], "kind": p["kind"], "caught": kept, "wrong": kept != (p["kind"] == "copy")})
    chosen = data["pairs"][v["pair"] - 1]
    grid = band_list(bits_of(chosen["agree"]), bands, rows)
    full = sum([1 if g["full"] else 0 for g in grid])
    strangers = sum([u[1] * formulas.lsh_probability(u[0], rows, bands) for u in data["unrelated"]])
    alarms = hits["quote"] + (strangers if v["keep"] == 0 else 0)
    all_pairs = sum([u[1] for u in data["unrelated"]])
    knee = formulas.lsh_threshold(rows, bands)
    recall = hits["copy"] / count["copy"]
    xs = [i / 100 for i in range(101)]
    kind = "a copy" if chosen["kind"] == "copy" else "a quotation"
    return {
        "series": [], "dots": dots, "grid": grid, "pair": v["pair"], "keep": v["keep"], "knee": knee,
        "curve": [[x, formulas.lsh_probability(x, rows, bands)] for x in xs],
        "grid_says": f"Pair {text.plain(v['pair'])}: {kind}, similarity {text.fixed(chosen['s'], 2)}. {text.plain(full)} of {text.plain(bands)} bands agree in full" + (": caught." if full > 0 else ": not seen."),
        "readouts": [
            {"label": "copies caught", "value": text.plain(hits["copy"]) + " of " + text.plain(count["copy"]), "note": "recall " + text.pct(recall, 0), "tone": "good" if recall >= 0.9 else ""},
            {"label": "quotations caught", "value": text.plain(hits["quote"]) + " of " + text.plain(count["quote"]), "note": "false alarms", "tone": "bad" if hits["quote"] > 0.2 * count["quote"] else ""},
            {"label": "strangers to look at", "value": text.commas(strangers), "note": "expected, of " + text.commas(all_pairs) + " pairs"},
            {"label": "the curve rises near", "value": text.fixed(knee, 2), "note": text.plain(bands) + " bands of " + text.plain(rows) + ": " + text.plain(bands * rows) + " of 128 numbers"},
        ],
        "verdict": bands_verdict(v, fitting, hits, count, alarms),
        "tone": "good" if recall >= 0.9 and alarms < 0.1 * count["copy"] else "",
        "alt": f"S-curve rising near similarity {text.fixed(knee, 2)}. Above it the pairs that were caught: {text.plain(hits['copy'])} of {text.plain(count['copy'])} copies and {text.plain(hits['quote'])} of {text.plain(count['quote'])} quotations; below it the others.",
    }  # fmt: skip


def bands_verdict(v, fitting, hits, count, alarms):
    """What this choice misses and what it lets through."""
    said = ""
    if v["bands"] > fitting:
        said = f"128 numbers hold only {text.plain(fitting)} bands of {text.plain(v['rows'])}. "
    missed = count["copy"] - hits["copy"]
    said += f"Copies missed: {text.plain(missed)}. Other pairs that pass for copies: about {text.commas(alarms)}."
    if missed > 0.4 * count["copy"]:
        return said + " Longer bands forgive less: make them shorter, or take more of them."
    if alarms > count["copy"]:
        return said + " Nearly anything passes; each of these pairs has to be compared exactly."
    return said


@explorable
def bands() -> Explorable:
    """Locality-sensitive hashing on planted copies and quotations, with their real MinHash numbers."""
    from course_lib import limits

    planted = sorted((row for row in limits.pairs() if row.agree), key=lambda row: row.similarity)
    data = {
        "pairs": [{"kind": row.kind, "s": row.similarity, "agree": row.agree} for row in planted],
        "unrelated": [[row.similarity, row.count] for row in limits.pairs("unrelated")],
    }
    start = {"bands": 25, "rows": 5, "keep": 0, "pair": 150}

    def counts(**values: float) -> str:
        out = bands_compute({**start, **values}, data)
        return f"{out['readouts'][0]['value']} copies, {out['readouts'][1]['value']} quotations"

    strangers = bands_compute({**start, "bands": 128, "rows": 1}, data)["readouts"][2]["value"]
    return Explorable(
        "copy-bands", "Catch the copies",
        lead="120 documents are edited copies of others (up to a quarter of the words changed), 80 merely quote another. Each pair has 128 MinHash numbers. A pair is caught when all numbers of at least one band agree. Click near a dot to see the numbers of its pair.",
        view="bands", compute=bands_compute, data=data,
        controls=[
            slider("bands", "Bands b", 1, 128, start["bands"], integer=True, format="plain"),
            slider("rows", "Numbers in a band r", 1, 16, start["rows"], integer=True, format="plain"),
            slider("keep", "Then compare exactly, keep from similarity", 0, 0.9, start["keep"], step=0.05, format="fixed", digits=2),
            slider("pair", "Pair shown below", 1, len(planted), start["pair"], integer=True, format="plain"),
        ],
        alt="The chance that a pair is caught against its similarity, with 200 planted pairs above and below the curve.",
        tries=[
            attempt("Short bands: 64 of 2", f"{counts(bands=64, rows=2)}. The curve rises early and hardly a copy gets away, nor do the quotations.", **{**start, "bands": 64, "rows": 2}),
            attempt("Long bands: 8 of 16", f"{counts(bands=8, rows=16)}. Only copies that are nearly exact agree on sixteen numbers in a row.", **{**start, "bands": 8, "rows": 16}),
            attempt("Short bands, then an exact look", f"Candidates at 64 × 2, compared exactly, kept from 0.35: {counts(bands=64, rows=2, keep=0.35)}. Hashing makes the list short, the exact look makes it clean.", **{**start, "bands": 64, "rows": 2, "keep": 0.35}),
            attempt("128 bands of one number", f"One number in common is enough: about {strangers} pairs of strangers come along. That is the price of looking at everything.", **{**start, "bands": 128, "rows": 1}),
        ],
        source="Documents of 1,024 characters cut from Austen; shingles of three words; MinHash by `datasketch`. Copies, quotations and their similarities are real counts; strangers are expected from the exact similarities of all their pairs.",
    )  # fmt: skip


# --- The filter ---------------------------------------------------------------------------------------------


def kept_text(share):
    """A share of the pool as text."""
    return "all" if share == 1 else text.pct(share, 1 if share < 0.2 else 0)


def rising(run, key):
    """A budget's values from the smallest share to the whole pool."""
    n = len(run["share"])
    return [run[key][n - 1 - i] for i in range(n)]


def filter_compute(v, data):
    """Measured loss against the share kept, for each budget, with the chosen one in front."""
    series = []
    chosen = data[0]
    for i in range(len(data)):
        run = data[i]
        mine = run["key"] == v["budget"]
        if mine:
            chosen = run
        series.append({"kind": "line", "x": rising(run, "share"), "y": rising(run, "loss"), "color": i, "label": run["name"], "dy": -16 if mine else -12, "width": 3 if mine else 1.5})
        series.append({"kind": "dots", "x": rising(run, "share"), "y": rising(run, "loss"), "color": i, "size": 5})
    at, best = 0, 0
    for i in range(len(chosen["share"])):
        if chosen["keys"][i] == v["share"]:
            at = i
        if chosen["loss"][i] < chosen["loss"][best]:
            best = i
    series.append({"kind": "dots", "x": [chosen["share"][at]], "y": [chosen["loss"][at]], "color": "ink", "size": 8, "hollow": True})
    share, epochs = chosen["share"][at], chosen["epochs"][at]
    gap = chosen["loss"][at] - chosen["loss"][best]
    verdict = f"For this budget nothing that was tried is better: keep {kept_text(share)}."
    if gap > 0:
        way = "Keep less" if chosen["share"][best] < share else "Keep more"
        verdict = f"{way}: {kept_text(chosen['share'][best])} of the pool reaches {text.fixed(chosen['loss'][best], 3)} nats, {text.fixed(gap, 3)} lower."
    return {
        "series": series, "share": share, "epochs": epochs, "most": chosen["noise"],
        "strip": f"Kept: {kept_text(share)}; each document is read {text.sig(epochs, 2)} times",
        "readouts": [
            {"label": "different characters", "value": text.si(chosen["unique"][at], 3), "note": "of " + text.si(chosen["unique"][0], 3)},
            {"label": "epochs", "value": text.sig(epochs, 2), "note": text.si(chosen["tokens"], 3) + " characters read"},
            {"label": "mean noise kept", "value": text.pct(0.5 * chosen["noise"] * share, 1), "note": "characters replaced"},
            {"label": "loss", "value": text.fixed(chosen["loss"][at], 3) + " nats", "note": "measured, two seeds", "tone": "good" if gap == 0 else ""},
        ],
        "verdict": verdict,
        "y": {"domain": [min([min(run["loss"]) for run in data]) - 0.06, max([max(run["loss"]) for run in data]) + 0.1]},
        "alt": "Loss against the share of the pool that a filter keeps, one line for each budget. " + " ".join([run["name"] + ": best at " + kept_text(run["best"]) + "." for run in data]),
    }  # fmt: skip


@explorable
def keep_share() -> Explorable:
    """A filter's threshold: fewer, cleaner texts read more often, or all of them once."""
    from course_lib import limits

    data = limits.filter_curves()
    for run in data:
        run["name"] = text.si(run["tokens"], 3)
        run["key"] = str(run["tokens"])
        run["keys"] = [f"1/{round(1 / share)}" for share in run["share"]]
        run["noise"] = limits.POOL_NOISE
    keys = {"1/1": "all", **{key: key for key in data[0]["keys"][1:]}}
    budgets = {run["key"]: run["name"] for run in data}

    def best(i: int) -> str:
        return kept_text(data[i]["best"])

    return Explorable(
        "keep-share", "Where to set the filter",
        lead="A pool of 150 documents, from clean to two characters in five wrong. The filter keeps the cleanest; training then reads what is kept until the budget is used up. All losses are measured.",
        view="filter", compute=filter_compute, data=data,
        controls=[
            choice("share", "Keep", keys, next(iter(keys))),
            choice("budget", "Budget (characters read)", budgets, data[1]["key"]),
        ],
        chart={"x": {"label": "Share of the pool kept", "log": True, "domain": [0.055, 1.15], "format": "pct", "ticks": [0.0625, 0.125, 0.25, 0.5, 1]}, "y": {"label": "Held-out loss (nats per character)"}, "height": 320},
        alt="Measured loss against the share of the pool kept, for three budgets.",
        tries=[
            attempt("Little compute", f"With {data[0]['name']} to read, the best threshold tried keeps {best(0)}: the cleanest texts are not yet read too often.", share=data[0]["keys"][-1], budget=data[0]["key"]),
            attempt("Twelve times as much", f"With {data[-1]['name']} the best keeps {best(-1)}. The strictest filter now reads its few texts to shreds.", share=data[0]["keys"][-1], budget=data[-1]["key"]),
        ],
        source="Runs of `python -m course_lib.tiny.repeats`, width 32, two seeds each. The filter knows the noise of every document; a real one guesses.",
    )  # fmt: skip
