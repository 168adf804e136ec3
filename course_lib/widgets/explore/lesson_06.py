"""Lesson 6: the loss surface over parameters and tokens, and what each set of constants says about D/N.

Law and closed-form optimum: Hoffmann et al. 2022 (arXiv 2203.15556); the refit: Besiroglu et al. 2024
(arXiv 2404.10102). `surface_compute` hands the view plain places between 0 and 1; the view only draws.
"""

import functools
import math
from typing import Any

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, checks, choice, explorable, slider, toggle

OURS = "ours"
CELLS = 40  # of the surface's grid, each way: a whole number for each decade of both worlds
NICE_LOSSES = [0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 1.9, 2.0, 2.2, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0]
NICE_EXCESSES = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
CLOSE = 0.005  # nats: within this of the best loss a split counts as good
GOPHER_FLOPS = 5.76e23  # the budget that Hoffmann et al. 2022 plan for
FIT_FLOPS = [6e18, 3e21]  # their IsoFLOP budgets (section 3.2)
LLAMA3 = {"scale": 0.29, "exponent": 0.53}  # D* = 0.29 C^0.53, Grattafiori et al. 2024, section 3.2.1


def ticks(low: int, high: int, skip: int) -> list[dict[str, Any]]:
    """A tick at every `skip`-th power of ten between two powers of ten, as a place from 0 to 1 and a text."""
    out = []
    for p in range(low, high + 1):
        if (p - low) % skip == 0:
            out.append({"at": (p - low) / (high - low), "text": text.si(10.0**p, 1) if p < 15 else "1000T"})
    return out


def height_of(loss: float, scale: dict[str, Any]) -> float:
    """Height from 0 to 1 of a loss: in proportion, or by the log of what is above the floor."""
    low, high = scale["low"], scale["high"]
    if scale["log"]:
        return math.log(max(loss - scale["floor"], 1e-12) / low) / math.log(high / low)
    return (loss - low) / (high - low)


def height_scale(law: dict[str, float], w: dict[str, Any], log: bool) -> dict[str, Any]:
    """The range of heights over a world: from its best corner (or just below the floor) to its worst."""
    worst = formulas.chinchilla_loss(10 ** w["n_low"], 10 ** w["d_low"], law)
    best = formulas.chinchilla_loss(10 ** w["n_high"], 10 ** w["d_high"], law)
    if log:
        return {"log": True, "floor": law["E"], "low": best - law["E"], "high": worst - law["E"]}
    return {"log": False, "floor": law["E"], "low": math.floor(law["E"] * 10) / 10, "high": worst}


def height_ticks(scale: dict[str, Any]) -> list[dict[str, Any]]:
    """Round losses (or excesses) on the height axis, not closer than a tenth of it."""
    out: list[dict[str, Any]] = []
    for value in NICE_EXCESSES if scale["log"] else NICE_LOSSES:
        at = height_of(scale["floor"] + value if scale["log"] else value, scale)
        if at >= 0 and at <= 1 and (len(out) == 0 or at - out[len(out) - 1]["at"] > 0.11):
            out.append({"at": at, "text": text.sig(value, 2)})
    return out


def place(n: float, d: float, law: dict, w: dict, scale: dict) -> dict[str, float]:
    """Where a model stands: u along parameters, v along tokens, z up, each 0 to 1 inside the picture."""
    return {
        "u": (math.log10(n) - w["n_low"]) / (w["n_high"] - w["n_low"]),
        "v": (math.log10(d) - w["d_low"]) / (w["d_high"] - w["d_low"]),
        "z": height_of(formulas.chinchilla_loss(n, d, law), scale),
    }


def mark(p: dict[str, float], role: str) -> dict[str, Any]:
    """A place as a marker of a role, which is also its name."""
    return {"u": p["u"], "v": p["v"], "z": p["z"], "role": role, "text": role}


def line_of(points: list[dict[str, float]], role: str, label: str) -> dict[str, Any]:
    """Points as a line with a role for the view and a label."""
    return {"role": role, "text": label, "u": [p["u"] for p in points], "v": [p["v"] for p in points], "z": [p["z"] for p in points]}  # fmt: skip


def isoflop(flops: float, role: str, law: dict, w: dict, scale: dict) -> dict[str, Any]:
    """All splits of one budget inside the picture."""
    product = math.log10(flops / 6)
    low = max(w["n_low"], product - w["d_high"])
    high = min(w["n_high"], product - w["d_low"])
    points = []
    if high > low:
        for i in range(61):
            n = 10 ** (low + (high - low) * i / 60)
            points.append(place(n, flops / 6 / n, law, w, scale))
    return line_of(points, role, "10^{" + text.plain(math.log10(flops)) + "}")


def path(law: dict, w: dict, scale: dict) -> dict[str, Any]:
    """The best split of every budget."""
    low, high = w["n_low"] + w["d_low"], w["n_high"] + w["d_high"]
    points = []
    for i in range(81):
        c = 6 * 10 ** (low + (high - low) * i / 80)
        p = place(formulas.chinchilla_params(c, law), formulas.chinchilla_tokens(c, law), law, w, scale)
        if min([p["u"], p["v"]]) >= 0 and max([p["u"], p["v"]]) <= 1:
            points.append(p)
    return line_of(points, "path", "best split")


def contour(loss: float, law: dict, w: dict, scale: dict) -> dict[str, Any]:
    """The models of one loss: size takes a share of what is above the floor, from nearly none to nearly all."""
    points = []
    for i in range(81):
        share = 1 / (1 + math.exp(-(i - 40) / 5))
        by_size = (loss - law["E"]) * share
        n = formulas.chinchilla_params_at(by_size, law)
        p = place(n, formulas.chinchilla_tokens_at(loss - law["E"] - by_size, law), law, w, scale)
        if p["u"] > -0.1 and p["u"] < 1.1 and p["v"] > -0.1 and p["v"] < 1.1:
            points.append(p)
    return line_of(points, "contour", text.sig(loss, 2))


def compare(n: float, d: float, law: dict[str, float]) -> dict[str, float]:
    """A split and the best split of the same 6 N D: sizes, losses, and the budget that the best would need."""
    flops = formulas.training_flops(n, d)
    best_n, best_d = formulas.chinchilla_params(flops, law), formulas.chinchilla_tokens(flops, law)
    loss, best = formulas.chinchilla_loss(n, d, law), formulas.chinchilla_loss(best_n, best_d, law)
    return {
        "flops": flops, "n": best_n, "d": best_d, "loss": loss, "best": best,
        "ratio": formulas.tokens_per_param(n, d), "best_ratio": formulas.tokens_per_param(best_n, best_d),
        "needed": formulas.chinchilla_flops_for_loss(loss, law) / flops,
    }  # fmt: skip


def surface_verdict(c: dict[str, float], unit: str) -> str:
    """One sentence: good split, too large or too small for its data, and what that costs."""
    if c["loss"] - c["best"] <= CLOSE:
        return f"A good split: these constants see less than {text.sig(CLOSE, 1)} nats between yours and the best one."  # fmt: skip
    side = "too large for its data" if c["ratio"] < c["best_ratio"] else "too small for its budget"
    return f"Yours is {side}: {text.sig(c['ratio'], 3)} {unit} for each parameter where these constants want {text.sig(c['best_ratio'], 3)}. Split best, {text.pct(c['needed'], 0)} of the FLOPs would reach the same loss."  # fmt: skip


def surface_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """The surface L(N, D) of a law, iso-FLOP lines, best splits, contours, and the reader's model beside the best."""
    law = data["laws"][v["law"]]
    w = data["worlds"][law["world"]]
    scale = height_scale(law, w, v["height"] == "excess")
    c = compare(v["n"], v["d"], law)
    side = [i / CELLS for i in range(CELLS + 1)]
    sizes = [10 ** (w["n_low"] + (w["n_high"] - w["n_low"]) * s) for s in side]
    tokens = [10 ** (w["d_low"] + (w["d_high"] - w["d_low"]) * s) for s in side]
    extrapolated = c["flops"] < law["fitted"][0] or c["flops"] > law["fitted"][1]
    lines = [isoflop(10.0**p, "isoflop", law, w, scale) for p in w["budgets"]]
    lines.append(path(law, w, scale))
    lines.append(isoflop(c["flops"], "budget", law, w, scale))
    worst = formulas.chinchilla_loss(sizes[0], tokens[0], law)
    return {
        "world": law["world"],
        "axes": {
            "x": {"label": "Parameters *N*", "low": w["n_low"], "high": w["n_high"], "ticks": ticks(w["n_low"], w["n_high"], w["skip"])},
            "y": {"label": f"{w['unit_title']} *D*", "low": w["d_low"], "high": w["d_high"], "ticks": ticks(w["d_low"], w["d_high"], w["skip"])},
            "z": {"label": "Loss above *E*" if scale["log"] else "Loss", "ticks": height_ticks(scale)},
        },
        "grid": [[height_of(formulas.chinchilla_loss(n, d, law), scale) for d in tokens] for n in sizes],
        "lines": lines,
        "contours": [contour(x, law, w, scale) for x in NICE_LOSSES if x > scale["floor"] + w["least"] and x < worst],
        "marks": [
            mark(place(c["n"], c["d"], law, w, scale), "best"),
            mark(place(v["n"], v["d"], law, w, scale), "yours"),
        ],
        "readouts": [
            {"label": "budget, 6ND", "value": text.sci(c["flops"], 3), "note": "FLOPs" + (", beyond the runs behind the fit" if extrapolated else "")},
            {"label": "best split", "value": text.si(c["n"], 3), "note": "parameters, on " + text.si(c["d"], 3) + " " + w["unit"]},
            {"label": f"{w['unit']} per parameter", "value": text.sig(c["best_ratio"], 3), "note": "yours: " + text.sig(c["ratio"], 3)},
            {"label": "loss of the best split", "value": text.fixed(c["best"], 3), "note": f"yours: {text.fixed(c['loss'], 3)}, +{text.fixed(c['loss'] - c['best'], 3)}"},
            {"label": "FLOPs for your loss, split best", "value": text.pct(c["needed"], 0), "note": "of your budget"},
        ],
        "verdict": surface_verdict(c, w["unit"]),
        "tone": "good" if c["loss"] - c["best"] <= CLOSE else "",
        "alt": f"Surface of the loss over parameters and {w['unit']}, falling toward many of both. On the line of {text.sci(c['flops'], 2)} FLOPs the lowest point is {text.si(c['n'], 2)} parameters on {text.si(c['d'], 2)} {w['unit']}; yours is {text.si(v['n'], 2)} on {text.si(v['d'], 2)}.",
    }  # fmt: skip


@functools.cache
def our_law() -> dict[str, Any]:
    """The same law fitted to every run of the course's own study, by the rules of its protocol."""
    from course_lib import study
    from course_lib.study import forecast

    runs = study.runs("grid")
    fitted = [min(r.flops for r in runs), max(r.flops for r in runs)]
    constants = forecast.fit(runs, "all").constants()
    return {**constants, "name": "Ours, tiny models", "world": "small", "fitted": fitted}


@functools.cache
def published_laws() -> dict[str, Any]:
    """The constants that were published, with the budgets of the runs behind them."""
    return {
        "printed": {**formulas.HOFFMANN_PRINTED, "name": "Hoffmann, as printed", "world": "large", "fitted": FIT_FLOPS},
        "precise": {**formulas.HOFFMANN_PRECISE, "name": "Hoffmann, unrounded", "world": "large", "fitted": FIT_FLOPS},
        "besiroglu": {**formulas.BESIROGLU, "name": "Besiroglu, refit", "world": "large", "fitted": FIT_FLOPS},
    }  # fmt: skip


WORLDS: dict[str, Any] = {
    "large": {
        "n_low": 8, "n_high": 12, "d_low": 9, "d_high": 14, "skip": 1, "budgets": [19, 20, 21, 22, 23, 24, 25, 26],
        "flops": [1e18, 5e26], "unit": "tokens", "unit_title": "Tokens", "least": 0.06,
    },
    "small": {
        "n_low": 3, "n_high": 7, "d_low": 5, "d_high": 9, "skip": 1, "budgets": [10, 11, 12, 13, 14, 15], "flops": [1e10, 1e15],
        "unit": "characters", "unit_title": "Characters", "least": 0.08,
    },
}  # fmt: skip


@functools.cache
def all_laws() -> dict[str, Any]:
    """Published constants and ours."""
    return published_laws() | {OURS: our_law()}


@explorable
def surface() -> Explorable:
    """The loss surface in three dimensions with a contour map beside it."""
    from course_lib import catalog

    gopher, chinchilla, llama = (catalog.model(name) for name in ("Gopher", "Chinchilla", "Llama 3 8B"))
    laws = all_laws()
    start = {"n": float(gopher.params or 0), "d": float(gopher.tokens or 0)}
    small = {"n": 1e5, "d": 3e6}
    worlds = {"large": {**WORLDS["large"], "start": start}, "small": {**WORLDS["small"], "start": small}}
    by = {
        key: compare(float(gopher.params or 0), float(gopher.tokens or 0), laws[key])
        for key in ("printed", "besiroglu")
    }
    tuned = compare(float(chinchilla.params or 0), float(chinchilla.tokens or 0), laws["besiroglu"])
    over = compare(float(llama.params or 0), float(llama.tokens or 0), laws["besiroglu"])
    return Explorable(
        "loss-surface", "The loss as a landscape",
        lead="Height is loss. The thick line joins all splits of one budget; its lowest point is the best. Set your own model, or drag it across the map.",
        view="surface", compute=surface_compute, data={"laws": laws, "worlds": worlds},
        controls=[
            choice("law", "Constants", {key: law["name"] for key, law in laws.items()}, "besiroglu"),
            choice("height", "Height", {"loss": "Loss", "excess": "Loss above the floor, log"}, "loss"),
            {**slider("n", "Your parameters N", 1e3, 1e13, start["n"], log=True, format="si"), "hidden": True},
            {**slider("d", "Your tokens D", 1e5, 1e15, start["d"], log=True, format="si"), "hidden": True},
            {**slider("turn", "Turn", -180, 180, 48, step=2, integer=True, unit="°", format="plain"), "hidden": True},
            {**slider("tilt", "Tilt", 8, 88, 30, step=2, integer=True, unit="°", format="plain"), "hidden": True},
        ],
        alt="The loss as a surface over parameters and tokens, and the same as a contour map.",
        tries=[
            attempt("Gopher, judged by three sets of constants", f"Gopher, with {text.si(start['n'], 3)} parameters on {text.si(start['d'], 3)} tokens, sits high on the wall where data are short. By the refit {text.pct(by['besiroglu']['needed'], 0)} of its FLOPs would have bought the same loss, by the printed constants {text.pct(by['printed']['needed'], 0)}. All sets agree on the side of the valley; now click through the constants and watch how far the best point travels.", law="besiroglu", height="loss", **start, turn=48, tilt=30),
            attempt("Chinchilla, along the valley floor", f"Seen end-on the valley is wide and flat: {text.fixed(tuned['loss'] - tuned['best'], 3)} nats from the best by the refit. Halve or double the parameters at the same budget and the loss hardly moves: the position of a flat minimum is hard to measure.", law="besiroglu", height="loss", n=chinchilla.params, d=chinchilla.tokens, turn=45, tilt=16),
            attempt("Llama 3 8B, on the other wall", f"Far past the best split, on purpose: {text.sig(over['ratio'], 3)} tokens per parameter. A best split would need only {text.pct(over['needed'], 0)} of the training FLOPs for this loss, but a larger model to serve. Lesson 9 does that sum.", law="besiroglu", height="excess", n=llama.params, d=llama.tokens, turn=48, tilt=36),
            attempt("Our own study, tiny models", "Another text, characters for tokens, models that fit in a few hundred kilobytes, and the same landscape. The budget line bends up at both ends here as well. The lesson compares its lowest point with the best of our runs, and finds it misplaced.", law=OURS, height="loss", **small, turn=48, tilt=30),
        ],
        source="L = E + A/N^{α} + B/D^{β}: Hoffmann et al. 2022; refit: Besiroglu et al. 2024; ours: the course’s study.",
    )  # fmt: skip


# --- Tokens per parameter -----------------------------------------------------------------------------------


def power_ratio(flops: float, scale: float, exponent: float) -> float:
    """D/N where the best D = scale C^exponent and N = C/(6 D)."""
    d = scale * flops**exponent
    return 6 * d * d / flops


def rounding_band(flops: float, law: dict[str, float], half: float) -> list[float]:
    """Least and largest D*/N* among all exponents within `half` a unit of those printed; A, B and E as printed."""
    found = []
    for a in [-half, half]:
        for b in [-half, half]:
            found.append(formulas.chinchilla_ratio(flops, {"A": law["A"], "B": law["B"], "alpha": law["alpha"] + a, "beta": law["beta"] + b}))  # fmt: skip
    return [min(found), max(found)]


def ratio_lines(law: dict[str, Any], color: int, budgets: list[float]) -> list[dict[str, Any]]:
    """A law's line: faint throughout, full where its runs were."""
    inside = [c for c in budgets if c >= law["fitted"][0] * 0.999 and c <= law["fitted"][1] * 1.001]
    whole = {"kind": "line", "color": color, "faint": True, "dash": True, "x": budgets, "y": [formulas.chinchilla_ratio(c, law) for c in budgets]}  # fmt: skip
    return [whole, {"kind": "line", "color": color, "width": 3, "x": inside, "y": [formulas.chinchilla_ratio(c, law) for c in inside]}]  # fmt: skip


def ratio_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """D/N of the best split against the budget, for each set of constants, with published models."""
    tiny = OURS in v["laws"]
    low, high = (9 if tiny else 17), 27
    budgets = [10 ** (low + (high - low) * i / 120) for i in range(121)]
    c = max(v["flops"], 10.0**low)
    series: list[dict[str, Any]] = []
    readouts = []
    ratios = []
    if v["band"]:
        edges = [rounding_band(x, data["laws"]["printed"], 0.005) for x in budgets]
        series.append({"kind": "band", "color": data["colors"]["printed"], "x": budgets, "y1": [e[0] for e in edges], "y2": [e[1] for e in edges]})  # fmt: skip
    for key in v["laws"]:
        law = data["laws"][key]
        color = data["colors"][key]
        series = series + ratio_lines(law, color, budgets)
        ratio = formulas.chinchilla_ratio(c, law)
        ratios.append(ratio)
        series.append({"kind": "dots", "color": color, "x": [c], "y": [ratio], "text": [law["name"]], "size": 6})  # fmt: skip
        readouts.append({"label": law["name"], "value": text.sig(ratio, 3), "note": "slope " + signed(exponent_of_ratio(law), 2)})  # fmt: skip
        shown = [x for x in budgets if formulas.chinchilla_ratio(x, law) > 1 and formulas.chinchilla_ratio(x, law) < 3000]
        if len(shown) > 0:
            last = shown[len(shown) - 1]
            series.append({"kind": "text", "color": color, "x": [last], "y": [formulas.chinchilla_ratio(last, law)], "text": [data["short"][key]], "dy": 13 if key == "besiroglu" else -9, "dx": -5, "anchor": "end"})  # fmt: skip
    if v["llama"]:
        series.append({"kind": "line", "color": 6, "dash": True, "x": budgets, "y": [power_ratio(x, LLAMA3["scale"], LLAMA3["exponent"]) for x in budgets]})  # fmt: skip
        readouts.append({"label": "Llama 3’s 0.29 C^{0.53}", "value": text.sig(power_ratio(c, LLAMA3["scale"], LLAMA3["exponent"]), 3), "note": "as printed"})  # fmt: skip
    if v["models"]:
        rows = data["models"]
        series.append({"kind": "dots", "color": "ink", "hollow": True, "x": [m["flops"] for m in rows], "y": [m["ratio"] for m in rows], "text": [m["name"] for m in rows]})  # fmt: skip
        for m in rows:
            series.append({"kind": "text", "color": "ink", "x": [m["flops"]], "y": [m["ratio"]], "text": [m["name"]], "dx": m["dx"], "dy": m["dy"], "anchor": m["anchor"]})  # fmt: skip
    series.append({"kind": "hline", "color": "muted", "y": [20], "label": "20"})
    series.append({"kind": "vline", "color": "muted", "x": [c]})
    return {
        "series": series,
        "x": {"domain": [10.0**low, 10.0**high]},
        "readouts": readouts,
        "verdict": ratio_verdict(c, ratios, v, data),
        "alt": f"Tokens per parameter against budget on log axes. At {text.sci(c, 2)} FLOPs: " + ", ".join([r["label"] + " " + r["value"] for r in readouts]) + ".",
    }  # fmt: skip


def signed(x: float, digits: int) -> str:
    """A number with its sign, as it is typeset."""
    return ("+" if x >= 0 else "−") + text.fixed(abs(x), digits)


def exponent_of_ratio(law: dict[str, float]) -> float:
    """How D*/N* grows with C: the difference of the two exponents, (alpha - beta)/(alpha + beta)."""
    return (law["alpha"] - law["beta"]) / (law["alpha"] + law["beta"])


def ratio_verdict(c: float, ratios: list[float], v: dict[str, Any], data: Any) -> str:
    """One sentence: how far the ticked sets are apart at the budget, and what rounding alone leaves open."""
    if v["band"]:
        edge = rounding_band(c, data["laws"]["printed"], 0.005)
        return f"At {text.sci(c, 3)} FLOPs every ratio from {text.sig(edge[0], 2)} to {text.sig(edge[1], 2)} fits exponents that would be printed as 0.34 and 0.28: rounding alone leaves a factor of {text.sig(edge[1] / edge[0], 2)} open."  # fmt: skip
    if len(ratios) < 2:
        return "Tick two sets of constants or more to compare them."
    return f"At {text.sci(c, 3)} FLOPs these constants ask for {text.sig(min(ratios), 3)} to {text.sig(max(ratios), 3)} tokens per parameter: {text.times(max(ratios) / min(ratios), 2)} apart."  # fmt: skip


# Models on the chart, with the side of the dot on which the name stands: dx, dy, anchor.
SHOWN_MODELS: dict[str, Any] = {
    "GPT-3": [-9, 0, "end"], "Gopher": [0, 16, "middle"], "Chinchilla": [9, 14, "start"], "PaLM": [9, 0, "start"], "LLaMA 7B": [0, -13, "middle"],
    "Llama 3 8B": [9, 0, "start"], "Llama 3.1 405B": [0, -13, "middle"],
}  # fmt: skip


def model_rows() -> list[dict[str, Any]]:
    """Budget, ratio and label of the models on the chart."""
    from course_lib import catalog

    rows: list[dict[str, Any]] = []
    for name, (dx, dy, anchor) in SHOWN_MODELS.items():
        m = catalog.model(name)
        r = formulas.tokens_per_param(float(m.active_params or 0), float(m.tokens or 0))
        rows.append({"name": name, "flops": m.training_flops, "ratio": r, "dx": dx, "dy": dy, "anchor": anchor})  # fmt: skip
    return rows


@explorable
def ratio() -> Explorable:
    """Tokens per parameter against budget, for every set of constants."""
    from course_lib import catalog

    laws = all_laws()
    at = {key: formulas.chinchilla_ratio(GOPHER_FLOPS, law) for key, law in laws.items()}
    llama = catalog.model("Llama 3.1 405B")
    edge = rounding_band(GOPHER_FLOPS, laws["printed"], 0.005)
    published = ["printed", "precise", "besiroglu"]
    return Explorable(
        "tokens-per-parameter", "Where does the 20 come from?",
        lead="The best number of tokens per parameter, by four sets of constants. Lines are full where the runs behind them were, dashed where they are extrapolated. Hollow dots are real models. Drag the budget.",
        compute=ratio_compute, data={
            "laws": laws, "models": model_rows(), "colors": {"printed": 1, "precise": 4, "besiroglu": 0, OURS: 2},
            "short": {"printed": "printed", "precise": "unrounded", "besiroglu": "refit", OURS: "ours"},
        },
        controls=[
            slider("flops", "Budget C", 1e9, 1e27, GOPHER_FLOPS, log=True, unit="FLOPs", format="sci"),
            checks("laws", "Constants", {key: law["name"] for key, law in laws.items()}, published),
            toggle("models", "Published models", True),
            toggle("llama", "Llama 3’s power law, as printed", False),
            toggle("band", "All exponents that print as 0.34 and 0.28", False),
        ],
        chart={
            "x": {"label": "Budget C (FLOPs)", "log": True}, "y": {"label": "Tokens per parameter", "log": True, "domain": [0.5, 4000]},
            "drag": {"x": "flops"}, "height": 400,
        },
        alt="Tokens per parameter of the best split against budget, one line for each set of constants, and published models as dots.",
        tries=[
            attempt("Chinchilla’s budget", f"{text.sig(at['printed'], 2)} by the constants that every course prints, {text.sig(at['precise'], 2)} with their unrounded exponents, {text.sig(at['besiroglu'], 2)} by the refit. The famous 20 is what the other two methods of the paper gave near this budget, and what the refit gives; it does not follow from the printed law.", flops=GOPHER_FLOPS, laws=published, models=True, llama=False, band=False),
            attempt("What two digits leave open", f"Shaded: every law whose exponents print as 0.34 and 0.28. At this budget they span {text.sig(edge[0], 2)} to {text.sig(edge[1], 2)} tokens per parameter. The unrounded line runs along the lower edge.", flops=GOPHER_FLOPS, laws=published, models=False, llama=False, band=True),
            attempt("A hundred times further", "The printed lines climb and the refit sinks: they disagree not just on the number but on the direction, because one has α above β and the other has β above α.", flops=5.76e25, laws=published, models=True, llama=False, band=False),
            attempt("Llama 3’s own rule", f"Printed as 0.29 C^{{0.53}}, the rule gives {text.sig(power_ratio(3.8e25, LLAMA3['scale'], LLAMA3['exponent']), 2)} tokens per parameter at 3.8e25 FLOPs. The paper’s own plan there is 402B on 16.55T, which is {text.sig(16.55e12 / 402e9, 2)}; the model they trained has {text.sig((llama.tokens or 0) / (llama.params or 1), 2)}. Two digits again.", flops=3.8e25, laws=published, models=True, llama=True, band=False),
            attempt("Our own tiny models", f"Fitted on characters and on models a million times smaller: {text.sig(formulas.chinchilla_ratio(1e12, laws[OURS]), 2)} characters per parameter at 1e12 FLOPs by the fitted law (the best run there had fewer). Whatever the ratio is, it belongs to a text, a tokenizer and a range of budgets, and does not travel.", flops=1e12, laws=[*published, OURS], models=False, llama=False, band=False),
        ],
        source="D^{*}/N^{*} of L = E + A/N^{α} + B/D^{β}. Hoffmann et al. 2022; Besiroglu et al. 2024; Llama 3: Grattafiori et al. 2024. Models: the course’s catalog.",
    )  # fmt: skip
