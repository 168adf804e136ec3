"""Lesson 7: the study's IsoFLOP slices under the reader's hands, and where Kaplan's 0.73 comes from."""

import math
from typing import Any

from course_lib import formulas, text
from course_lib.study import slices
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider, toggle

KAPLAN = 0.73  # N ~ C^0.73: Kaplan et al. 2020, eq. 1.6
CHINCHILLA = 0.50  # N ~ C^0.50: Hoffmann et al. 2022, approach 1

RULE_NAMES = {"total": "all parameters", "matmul": "what is multiplied", "blocks": "the blocks alone"}


# --- The study ----------------------------------------------------------------------------------------------


def isoflop_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """Bowls of every budget under a counting rule, the bottoms of the chosen ones, and the law through them."""
    rows = data["rows"]
    if v["seeds"] != "mean":
        rows = [row for row in rows if str(row["seed"]) == v["seeds"]]
    exact = v["compute"] == "exact"
    first, last = min(v["first"], v["last"]), max(v["first"], v["last"])
    every = slices.bottoms(rows, data["budgets"], v["rule"], exact, v["window"])
    pieces = [drawn(every[i], data["names"][i], i + 1 >= first and i + 1 <= last) for i in range(len(every))]
    kept = [every[i] for i in range(len(every)) if every[i]["found"] and i + 1 >= first and i + 1 <= last]
    lost = [
        data["names"][i]
        for i in range(len(every))
        if not every[i]["found"] and i + 1 >= first and i + 1 <= last
    ]
    out = {
        "series": [], "slices": pieces, "axes": data["axes"], "names": data["names"], "first": first, "last": last,
        "n_label": "N: " + RULE_NAMES[v["rule"]], "c_label": "compute C (FLOPs, exact)" if exact else "compute C = 6ND with that N (FLOPs)",
    }  # fmt: skip
    if len(kept) < 2:
        out["law"], out["readouts"] = None, few_readouts(kept)
        out["verdict"], out["tone"] = (
            "Two bottoms make a line, and more make a test. Widen the range, or the window.",
            "bad",
        )
        out["alt"] = "Bowls of loss against size; fewer than two of the chosen budgets have a bottom."
        return out
    law = slices.law(kept)
    out["law"] = lines_of(law, data["axes"]["c"])
    out["readouts"] = readouts(kept, law)
    out["verdict"], out["tone"] = verdict(law, lost), "" if len(lost) == 0 else "bad"
    out["alt"] = (
        f"{len(kept)} bowls of loss against size, and their bottoms on a line of exponent {text.fixed(law['exponent'], 2)} against compute."
    )
    return out


def drawn(piece: dict[str, Any], name: str, active: bool) -> dict[str, Any]:
    """What the view draws of a slice: points, seeds, the parabola where it was fitted, the bottom."""
    out = {
        "name": name, "active": active, "found": piece["found"], "flops": piece["flops"], "curve": [],
        "points": [[p["n"], p["loss"]] for p in piece["points"]],
        "seeds": [[p["n"], loss] for p in piece["points"] for loss in p["losses"]],
        "used": piece["used"], "n": 0, "loss": 0, "says": name + ": no bottom",
    }  # fmt: skip
    if piece["used"] >= 3:
        fit = piece["fit"]
        low, high = math.log(piece["low_n"]), math.log(piece["high_n"])
        xs = [low + (high - low) * i / 24 for i in range(25)]
        out["curve"] = (
            [[math.exp(x), fit["low"] + fit["bend"] * (x - fit["at"]) ** 2] for x in xs]
            if fit["bowl"]
            else []
        )
    if piece["found"]:
        out["n"], out["loss"] = piece["n"], piece["loss"]
        out["says"] = (
            f"{name} FLOPs: bottom at {text.si(piece['n'], 3)} parameters, {text.si(piece['tokens'], 3)} characters, {text.fixed(piece['loss'], 3)} nats"
        )
    return out


def lines_of(law: dict[str, Any], ends: list) -> dict[str, Any]:
    """The fitted line and the two published slopes through the middle of the bottoms, from end to end."""
    out = {"exponent": law["exponent"]}
    for name, slope in [("fit", law["exponent"]), ("kaplan", KAPLAN), ("chinchilla", CHINCHILLA)]:
        out[name] = [[c, math.exp(law["height"] + slope * (math.log(c) - law["mid"]))] for c in ends]
    return out


def few_readouts(kept: list) -> list:
    """What can be said without a line."""
    return [{"label": "bottoms found", "value": text.plain(len(kept)), "note": "a slope needs two"}]


def readouts(kept: list, law: dict[str, Any]) -> list:
    """The exponent with its interval, and the best size, tokens and ratio at the two ends."""
    low, high = kept[0], kept[len(kept) - 1]
    note = (
        "95 %, leaving out one budget at a time; noise of seeds not included"
        if law["sure"]
        else "no interval from two budgets"
    )
    value = text.fixed(law["exponent"], 3) + (" ± " + text.fixed(law["error"], 3) if law["sure"] else "")
    return [
        {"label": "exponent a of the best size", "value": value, "note": note},
        {"label": "best size, from first to last", "value": text.si(low["n"], 2) + " → " + text.si(high["n"], 2), "note": "parameters by your count"},
        {"label": "characters read", "value": text.si(low["tokens"], 2) + " → " + text.si(high["tokens"], 2), "note": "at those sizes"},
        {"label": "characters per parameter", "value": text.sig(low["tokens"] / low["n"], 2) + " → " + text.sig(high["tokens"] / high["n"], 2)},
    ]  # fmt: skip


def verdict(law: dict[str, Any], lost: list) -> str:
    """What the exponent means, and which published one it can be told from."""
    a, error = law["exponent"], law["error"]
    said = f"Ten times the compute: {text.times(10**a, 2)} the parameters."
    if law["sure"]:
        said += f" Chinchilla’s 0.50 is {text.fixed(abs(a - CHINCHILLA), 3)} away, Kaplan’s 0.73 {text.fixed(abs(a - KAPLAN), 3)}."
        if abs(a - CHINCHILLA) <= error and abs(a - KAPLAN) <= error:
            said += " These budgets cannot tell the two apart."
    if len(lost) > 0:
        said += " No bottom at " + ", ".join(lost) + ": the parabola has none inside the sizes it may use."
    return said


def isoflop_of(rows: list[dict[str, Any]]) -> Explorable:
    """The explorable over rows of `noise.table`."""
    from course_lib.study import noise  # functions that import stay out of the page

    data = noise.carried(rows)
    n = len(data["budgets"])
    seeds = slices.distinct(data["rows"], "seed")
    return Explorable(
        "isoflop-study", "The study under your hands",
        lead="Each bowl is one budget: six sizes, three seeds. Drag the two handles under the right chart to choose the budgets; change how parameters are counted and watch the bottoms move.",
        view="isoflop", compute=isoflop_compute, data=data,
        controls=[
            {**slider("first", "First budget", 1, n, 1, integer=True, format="plain"), "hidden": True},
            {**slider("last", "Last budget", 1, n, n, integer=True, format="plain"), "hidden": True},
            choice("rule", "N counts", RULE_NAMES, "matmul"),
            choice("compute", "C counts", {"exact": "every FLOP", "rule": "6ND with that N"}, "exact"),
            choice("seeds", "Seeds", {"mean": "mean", **{str(s): str(s) for s in seeds}}, "mean"),
            slider("window", "The parabola may use sizes within a factor of", 2, 32, slices.WINDOW, log=True, format="times", digits=2),
        ],
        chart={}, alt="Left: loss against size, one bowl for each budget. Right: the best size against compute, with the slopes of Kaplan and of Chinchilla.",
        tries=attempts(data, n),
        source="Shipped results of the study, regenerated by `make study`; parabolas in log N; interval by leaving out one budget at a time.",
    )  # fmt: skip


def attempts(data: dict[str, Any], n: int) -> list[dict[str, Any]]:
    """Things to try, each with what the data says."""
    from course_lib.study.slices import WINDOW, distinct

    start = {"first": 1, "last": n, "rule": "matmul", "compute": "exact", "seeds": "mean", "window": WINDOW}

    def exponent(**values: Any) -> str:
        out = isoflop_compute({**start, **values}, data)
        return out["readouts"][0]["value"]

    kaplan = {"rule": "blocks", "compute": "rule"}
    few = {"first": 1, "last": min(3, n)}
    single = [exponent(seeds=str(s)) for s in distinct(data["rows"], "seed")]
    return [
        attempt("Count like Kaplan", f"The blocks alone, and 6ND with the blocks alone: the same runs now give {exponent(**kaplan)}. Counting every parameter and every FLOP, they give {exponent(rule='total')}. Nothing was trained anew.", **{**start, **kaplan}),
        attempt("Only the three smallest budgets", f"A short lever: {exponent(**few)} where the whole range gives {exponent()}. An exponent from one decade is worth what its interval says.", **{**start, **few}),
        attempt("One seed instead of three", f"Seed by seed the same exponent comes out as {', '.join(single)}. That is what one run per point would have left to chance.", **{**start, "seeds": "1"}),
        attempt("Let the parabola use everything", f"With a window of 32× the exponent is {exponent(window=32)}, with one of 4× {exponent(window=4)}: six sizes reach hardly farther than the window, so it matters little here. Watch instead how the fitted curves leave the outer points.", **{**start, "window": 32}),
    ]  # fmt: skip


@explorable
def isoflop() -> Explorable:
    """The IsoFLOP study itself: budgets, counting rule, seeds and window are the reader's."""
    from course_lib.study import noise

    return isoflop_of(noise.study_rows())


# --- Where the gap comes from -------------------------------------------------------------------------------

KAPLAN_SIZES = [768, 1.5e9]  # non-embedding parameters of Kaplan et al.'s models
FROM = 1e9  # FLOPs
UP_TO = 1e26  # FLOPs
ASPECT = 39.2  # width of a model for each of its layers, in Pearce & Song's fit to Chinchilla's models

LAWS = {"besiroglu": "Besiroglu et al.", "hoffmann": "Hoffmann et al."}


def shape_of(v: dict[str, Any]) -> dict[str, Any]:
    """The weight and the power of the tables in N_total = N + w N^power."""
    tables = 2 if v["untied"] else 1
    if v["depth"] == "two":
        return {"weight": formulas.table_weight_at_depth(v["vocab"], tables, 2), "power": 0.5}
    return {"weight": formulas.table_weight(v["vocab"], tables, ASPECT), "power": 1.0 / 3.0}


def gap_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """The exponent that a study would read off at each scale if it left the tables out of N and of C."""
    law = formulas.BESIROGLU if v["law"] == "besiroglu" else formulas.HOFFMANN_PRECISE
    shape = shape_of(v)
    weight, power = shape["weight"], shape["power"]
    small = formulas.blocks_optimum(FROM, weight, power, law)
    large = formulas.blocks_optimum(UP_TO, weight, power, law)
    sizes = [small * (large / small) ** (i / 120) for i in range(121)]
    cs = [formulas.blocks_flops(size, weight, power, law) for size in sizes]
    ys = [formulas.blocks_exponent(size, weight, power, law) for size in sizes]
    all_in = law["beta"] / (law["alpha"] + law["beta"])
    n = formulas.blocks_optimum(v["flops"], weight, power, law)
    total = formulas.total_params(n, weight, power)
    here = formulas.blocks_exponent(n, weight, power, law)
    low = formulas.blocks_flops(KAPLAN_SIZES[0], weight, power, law)
    high = formulas.blocks_flops(KAPLAN_SIZES[1], weight, power, law)
    chord = formulas.slope_between(low, KAPLAN_SIZES[0], high, KAPLAN_SIZES[1])
    peak = max(ys)
    top = 1.0 if peak < 0.98 else peak + 0.05
    return {
        "series": [
            {"kind": "band", "x": [low, high], "y1": [0.4, 0.4], "y2": [top, top], "color": "muted"},
            {"kind": "text", "x": [math.sqrt(low * high)], "y": [0.43], "text": ["Kaplan et al.’s sizes"], "color": "muted"},
            {"kind": "hline", "y": [KAPLAN], "label": "Kaplan 0.73", "color": "muted", "anchor": "left" if low > 1e13 else "right"},
            {"kind": "line", "x": cs, "y": [all_in for c in cs], "color": 2, "dash": True, "label": "every parameter counted: " + text.fixed(all_in, 2), "dy": 16},
            {"kind": "line", "x": cs, "y": ys, "color": 0},
            {"kind": "vline", "x": [v["flops"]], "color": "ink"},
            {"kind": "dots", "x": [v["flops"]], "y": [here], "color": 1, "size": 7},
        ],
        "y": {"domain": [0.4, top]},
        "bar": {"counted": n / total, "left_out": 1 - n / total, "blocks": text.si(n, 3), "tables": text.si(total - n, 3), "total": text.si(total, 3)},
        "readouts": [
            {"label": "exponent seen here", "value": text.fixed(here, 2), "note": "blocks alone, in N and in 6ND"},
            {"label": "exponent with everything counted", "value": text.fixed(all_in, 2), "note": "β/(α + β), at any scale"},
            {"label": "parameters left out", "value": text.pct(1 - n / total, 0), "note": "of " + text.si(total, 3)},
            {"label": "one line over Kaplan’s sizes", "value": text.fixed(chord, 2), "note": "from 768 to 1.5B in the blocks"},
        ],
        "verdict": gap_verdict(here, all_in, n, total),
        "alt": f"The exponent that leaving out the tables would show, against compute: {text.fixed(here, 2)} at {text.sci(v['flops'], 1)} FLOPs, {text.fixed(all_in, 2)} for very large models.",
    }  # fmt: skip


def gap_verdict(here: float, all_in: float, blocks: float, total: float) -> str:
    """What leaving the tables out does at this scale."""
    left = text.pct(1 - blocks / total, 0)
    if here - all_in < 0.02:
        return f"At this scale the tables are {left} of the model: leaving them out changes next to nothing."
    if blocks < 0.15 * total:
        return f"The best model is nearly all table ({left}): the blocks are too few to matter, and every one added looks like a bargain that costs no compute."
    return f"The same law, looked at without {left} of the parameters: the blocks grow faster than the whole, since the tables lag behind."


@explorable
def gap() -> Explorable:
    """Where Kaplan's exponent comes from: what leaving out the tables does, scale by scale."""
    from course_lib.study.design import VOCAB

    chinchilla = {"law": "besiroglu", "vocab": 32000, "untied": False, "depth": "aspect"}
    law, weight = formulas.BESIROGLU, formulas.table_weight(32000, 1, ASPECT)
    sizes = [10 ** (k / 20) for k in range(40, 220)]
    steep = max(sizes, key=lambda n: formulas.blocks_exponent(n, weight, 1 / 3, law))
    worst = formulas.blocks_exponent(steep, weight, 1 / 3, law)
    ours = {"law": "besiroglu", "vocab": VOCAB, "untied": True, "depth": "two"}
    own = formulas.table_weight_at_depth(VOCAB, 2, 2)
    mine = [formulas.blocks_exponent(n, own, 0.5, law) for n in (1e3, 1e5)]
    large = formulas.blocks_optimum(1e24, weight, 1 / 3, law)
    return Explorable(
        "counting-gap", "Where does the gap come from?",
        lead="One law, one truth: the loss depends on *all* parameters. The curve is the exponent that a study would read off if it counted the blocks alone. Drag across the chart to change the scale.",
        view="gap", compute=gap_compute, data=None,
        controls=[
            slider("flops", "Compute 6ND", FROM, UP_TO, 1e17, log=True, unit="FLOPs", format="sci", digits=2),
            slider("vocab", "Vocabulary", 64, 300000, 32000, log=True, integer=True, unit="tokens", format="commas"),
            choice("law", "The law", LAWS, "besiroglu"),
            choice("depth", "Depth", {"aspect": "grows with the width", "two": "two layers, always"}, "aspect"),
            toggle("untied", "The head is a second table", False),
        ],
        chart={"x": {"label": "Compute 6ND, N without tables (FLOPs)", "log": True, "domain": [FROM, UP_TO]}, "y": {"label": "Exponent a in N* ~ C^a", "domain": [0.4, 1]}, "height": 320, "drag": {"x": "flops"}},
        alt="The exponent seen without the tables, against compute: above 0.7 for small models, 0.5 for large ones.",
        tries=[
            attempt("Chinchilla’s models at the worst place", f"With 32,000 tokens and Chinchilla’s shapes the exponent climbs to {text.fixed(worst, 2)}, at {text.si(steep, 2)} parameters in the blocks. A straight line through Kaplan’s whole range averages over this hump, and lands between 0.7 and 0.8.", **chinchilla, flops=formulas.blocks_flops(steep, weight, 1 / 3, law)),
            attempt("The same models at 1e24 FLOPs", f"{text.si(large, 2)} parameters, and the tables are {text.pct(1 - large / formulas.total_params(large, weight, 1 / 3), 1)} of all: whoever counts them or not gets the same exponent. The quarrel was one of small models.", **chinchilla, flops=1e24),
            attempt("Our own study", f"{VOCAB} characters, two tables, two layers at every width: tables small enough that leaving them out moves the exponent only to {text.fixed(mine[0], 2)} at a thousand parameters, and to {text.fixed(mine[1], 2)} at a hundred thousand. A real vocabulary would do far more.", **ours, flops=formulas.blocks_flops(1e4, own, 0.5, law)),
            attempt("A vocabulary of 128,256 tokens", "Llama 3’s vocabulary pushes the hump to the right: at sizes where Kaplan et al. worked, most of such a model would be table.", **{**chinchilla, "vocab": 128256}, flops=1e18),
        ],
        source="Pearce & Song 2024, arXiv 2406.12907, in the form of `formulas.blocks_exponent`; N in the blocks is 12 × layers × width².",
    )  # fmt: skip
