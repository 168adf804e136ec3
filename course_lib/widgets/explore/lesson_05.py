"""Lesson 5: Kaplan's three laws under one budget, and a ruler laid through the study's own points."""

import math
from collections.abc import Callable
from typing import Any

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider, toggle

# --- Three laws, one budget ---------------------------------------------------------------------------------

LEAST = 1e17  # FLOPs, the ends of the budget
MOST = 1e26
SIZES = [1e6, 1e14]  # what the panels show: parameters, tokens, FLOPs, and the loss beside them
TEXTS = [1e8, 1e14]
LOSSES = [1.0, 5.0]
BALANCED = 0.01  # limits this close to each other, as a share, count as balanced


def refit(amount: float, exponent: float, x: float) -> float:
    """E + A/x^a: the refit of Chinchilla with the other resource unlimited (Besiroglu et al. 2024)."""
    return formulas.BESIROGLU["E"] + amount / x**exponent


def loss_of_size(laws: str, n: float) -> float:
    """What N parameters allow when nothing else is short, in nats."""
    if laws == "kaplan":
        return formulas.kaplan_loss_n(n)
    return refit(formulas.BESIROGLU["A"], formulas.BESIROGLU["alpha"], n)


def loss_of_text(laws: str, d: float) -> float:
    """What D tokens allow when nothing else is short, in nats."""
    if laws == "kaplan":
        return formulas.kaplan_loss_d(d)
    return refit(formulas.BESIROGLU["B"], formulas.BESIROGLU["beta"], d)


def loss_of_budget(laws: str, c: float) -> float:
    """What C FLOPs buy at their best split, in nats; Kaplan's law counts C_min, half of it."""
    if laws == "kaplan":
        return formulas.kaplan_loss_c(formulas.kaplan_min_flops(c))
    n = formulas.chinchilla_params(c, formulas.BESIROGLU)
    return formulas.chinchilla_loss(n, c / 6 / n, formulas.BESIROGLU)


def size_for(split: str, c: float, own: float) -> float:
    """Parameters that a split gives to a budget."""
    if split == "kaplan":
        return formulas.kaplan_params(c)
    if split == "twenty":
        return formulas.rule_of_20_params(c)
    return own


def spread(low: float, high: float, steps: int) -> list[float]:
    """Numbers from low to high at equal ratios."""
    return [low * (high / low) ** (i / steps) for i in range(steps + 1)]


def budget_panel(
    key: str, name: str, unit: str, domain: list[float], xs: list[float], ys: list[float], marks: list[Any]
) -> dict[str, Any]:
    """One of the three charts: its line, and a mark for each split that is shown."""
    return {"key": key, "name": name, "unit": unit, "domain": domain, "x": xs, "y": ys, "marks": marks}


def budget_mark(x: float, y: float, active: bool, label: str) -> dict[str, Any]:
    """A split on a panel: filled where it is the chosen one."""
    return {"x": x, "y": y, "active": active, "label": label, "text": text.fixed(y, 2)}


def budget_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """A budget split into size and text, what each of the three laws makes of it, and which resource is short."""
    c, laws, split = v["budget"], v["laws"], v["split"]
    n = size_for(split, c, v["size"])
    d = c / 6 / n
    by_size, by_text, best = loss_of_size(laws, n), loss_of_text(laws, d), loss_of_budget(laws, c)
    both = formulas.chinchilla_loss(n, d, formulas.BESIROGLU) if laws == "refit" else max(by_size, by_text)
    short = (
        "size"
        if by_size > by_text * (1 + BALANCED)
        else "text"
        if by_text > by_size * (1 + BALANCED)
        else "none"
    )
    shown = [s for s in ["kaplan", "twenty", "own"] if s == split or s != "own"]
    names = {"kaplan": "Kaplan’s", "twenty": "20 tokens each", "own": "yours"}
    ns = [size_for(s, c, n) for s in shown]
    size_marks = [budget_mark(x, loss_of_size(laws, x), s == split, names[s]) for s, x in zip(shown, ns)]
    text_marks = [
        budget_mark(c / 6 / x, loss_of_text(laws, c / 6 / x), s == split, names[s]) for s, x in zip(shown, ns)
    ]
    xs, zs, cs = spread(SIZES[0], SIZES[1], 40), spread(TEXTS[0], TEXTS[1], 40), spread(LEAST, MOST, 40)
    clash = laws == "kaplan" and split == "kaplan" and both > best
    return {
        "panels": [
            budget_panel("size", "L(N): size", "parameters", SIZES, xs, [loss_of_size(laws, x) for x in xs], size_marks),
            budget_panel("text", "L(D): text", "tokens", TEXTS, zs, [loss_of_text(laws, z) for z in zs], text_marks),
            budget_panel("budget", "L(C): budget", "FLOPs", [LEAST, MOST], cs, [loss_of_budget(laws, x) for x in cs], [budget_mark(c, best, True, "the law’s best")]),
        ],
        "measured": {"size": [768, 1.5e9], "text": [2.2e7, 2.3e10]} if laws == "kaplan" else {"size": [7e7, 1.6e10], "text": [5e9, 5e11]},
        "losses": LOSSES, "short": short, "both": both, "clash": clash, "n": n, "d": d,
        "both_label": "reaches" if laws == "refit" else "limit",
        "readouts": [
            {"label": "model", "value": text.si(n, 3), "note": "parameters"},
            {"label": "text", "value": text.si(d, 3), "note": "tokens, " + text.sig(d / n, 2) + " for each parameter"},
            {"label": "L(N) allows", "value": text.fixed(by_size, 2), "note": "nats, were text unlimited", "tone": "bad" if short == "size" else ""},
            {"label": "L(D) allows", "value": text.fixed(by_text, 2), "note": "nats, were size unlimited", "tone": "bad" if short == "text" else ""},
            {"label": "L(C) promises", "value": text.fixed(best, 2), "note": "nats at the best split"},
            budget_last(laws, c, best, both),
        ],
        "verdict": budget_verdict(laws, split, short, by_size, by_text, best, both),
        "tone": "bad" if clash else "",
        "alt": f"Three log–log panels at {text.sci(c, 2)} FLOPs. Size: {text.si(n, 2)} parameters allow {text.fixed(by_size, 2)} nats. Text: {text.si(d, 2)} tokens allow {text.fixed(by_text, 2)}. Budget: the law promises {text.fixed(best, 2)}.",
    }  # fmt: skip


def budget_last(laws: str, c: float, best: float, both: float) -> dict[str, Any]:
    """The last readout: the critical batch under Kaplan's laws, the loss of the split under the refit."""
    if laws == "kaplan":
        batch = formulas.kaplan_critical_batch(best)
        return {"label": "critical batch there", "value": text.si(batch, 2), "note": "tokens in a step"}
    return {"label": "this split reaches", "value": text.fixed(both, 2), "note": "the best split does that with " + text.pct(min(1, enough(both) / c), 0) + " of C"}  # fmt: skip


def budget_verdict(laws: str, split: str, short: str, by_size: float, by_text: float, best: float, both: float) -> str:  # fmt: skip
    """What the three laws say about the split, in a sentence or two."""
    if laws == "refit":
        lost = f"By the refit of Chinchilla this split reaches {text.fixed(both, 2)} nats, {text.fixed(both - best, 2)} above the best that this budget can buy."
        if short == "none":
            return lost + " Size and text hold it back about equally."
        return lost + (" The text is what it lacks." if short == "text" else " The size is what it lacks.")
    if both > best and short == "text" and split != "kaplan":
        return f"With so little text L(D) allows no better than {text.fixed(by_text, 2)} nats, while L(C) promises {text.fixed(best, 2)}: by these laws the split gives too little to text."
    if both > best and short == "text":
        return f"The laws contradict each other here: L(C) promises {text.fixed(best, 2)} nats, and with so few tokens L(D) allows no better than {text.fixed(by_text, 2)}. One of the straight lines must bend before this budget."
    if both > best:
        return f"With so small a model L(N) allows no better than {text.fixed(by_size, 2)} nats, while L(C) promises {text.fixed(best, 2)}: by these laws the split gives too little to size."
    if short == "size":
        return f"Size is the bottleneck: the text would allow {text.fixed(by_text, 2)} nats, the model no better than {text.fixed(by_size, 2)}. Seen from here, growing the model looks like the thing to do."
    if short == "text":
        return f"Text is the bottleneck: the model would allow {text.fixed(by_size, 2)} nats, the tokens no better than {text.fixed(by_text, 2)}."
    return f"Balanced: size and text both allow about {text.fixed(by_size, 2)} nats."


def turning_point(below: Callable[[float], bool]) -> float:
    """The budget at which `below` turns from true to false, by halving."""
    low, high = LEAST / 1e3, MOST * 1e3
    for _ in range(80):
        mid = math.sqrt(low * high)
        if below(mid):
            low = mid
        else:
            high = mid
    return low


def size_is_short(c: float) -> bool:
    """Whether, by Kaplan's laws and their advice, size is the bottleneck at a budget."""
    return formulas.kaplan_loss_n(formulas.kaplan_params(c)) > formulas.kaplan_loss_d(
        formulas.kaplan_tokens(c)
    )


def laws_agree(c: float) -> bool:
    """Whether Kaplan's L(C) promises no less than L(D) allows at the advised split."""
    return loss_of_budget("kaplan", c) > formulas.kaplan_loss_d(formulas.kaplan_tokens(c))


def enough(loss: float) -> float:
    """The budget that buys a loss at the best split of the refit, FLOPs."""
    return turning_point(lambda c: loss_of_budget("refit", c) > loss)


@explorable
def budget() -> Explorable:
    """Kaplan's three laws side by side, for a budget and a split of it."""
    turn, clash = turning_point(size_is_short), turning_point(laws_agree)
    gpt3 = 3.14e23
    advised, held = formulas.kaplan_params(gpt3), formulas.kaplan_tokens(gpt3)
    reached = formulas.chinchilla_loss(advised, held, formulas.BESIROGLU)
    lost, share = reached - loss_of_budget("refit", gpt3), enough(reached) / gpt3
    return Explorable(
        "three-laws", "Three laws, one budget",
        lead="Set a budget. The split turns it into a model and a text, and each law says how low the loss could go if *its* resource were the only one short. The higher of the first two is the bottleneck. Drag in a panel to move its mark.",
        view="triptych", compute=budget_compute,
        controls=[
            slider("budget", "Budget C", LEAST, MOST, 1e21, log=True, unit="FLOPs", format="sci"),
            choice("split", "Split it by", {"kaplan": "Kaplan’s", "twenty": "20 tokens each", "own": "own size"}, "kaplan"),
            slider("size", "Your own size N", SIZES[0], SIZES[1], 1.75e11, log=True, format="si"),
            choice("laws", "Whose laws", {"kaplan": "Kaplan, 2020", "refit": "Chinchilla, refit"}, "kaplan"),
        ],
        chart={"x": {"log": True, "format": "si"}, "y": {"label": "Loss (nats per token)", "log": True}},
        alt="Three log–log panels side by side: loss against parameters, against tokens and against compute, with a mark for the split.",
        tries=[
            attempt("The world that Kaplan et al. could measure", "The marks stand at the right end of the shaded ranges, which is what they had run. There the model is the bottleneck by a wide margin, and “grow the model” is what these laws say.", budget=1e20, split="kaplan", laws="kaplan"),
            attempt("The budget of GPT-3", f"Their rule gives {text.si(advised, 2)} parameters and {text.si(held, 2)} tokens: more model and less text than GPT-3 itself. By their own laws the bottleneck has changed sides: from about {text.sci(turn, 1)} FLOPs on, text is short.", budget=gpt3, split="kaplan", laws="kaplan"),
            attempt("Thirty times further", f"From about {text.sci(clash, 1)} FLOPs on, the budget law promises a loss that the text law rules out. The authors saw it and wrote that the trend must bend before.", budget=1e25, split="kaplan", laws="kaplan"),
            attempt("The same split before other judges", f"The refit of Chinchilla’s law sees {text.fixed(lost, 2)} nats lost at GPT-3’s budget, for want of text. That sounds like little; but the best split reaches the same loss with {text.pct(share, 0)} of the compute. Now switch to 20 tokens per parameter.", budget=gpt3, split="kaplan", laws="refit"),
        ],
        source="Kaplan et al. 2020: eq. 1.1–1.4 and the allocation of appendix A, spent at the critical batch; N without embeddings. Refit: Besiroglu et al. 2024; N with them. Shaded: what each paper trained.",
    )  # fmt: skip


# --- A ruler through the study's points ---------------------------------------------------------------------

LABELS = {
    "flops": "Training compute C (FLOPs)",
    "params": "Parameters N in the blocks",
    "tokens": "Characters read D",
}


def curve_through(x0: float, y0: float, x1: float, y1: float, floor: float) -> list[float]:
    """[exponent, amount] of floor + amount x^-exponent through two points above the floor."""
    exponent = -math.log((y1 - floor) / (y0 - floor)) / math.log(x1 / x0)
    return [exponent, (y0 - floor) * x0**exponent]


def curve_best(xs: list[float], ys: list[float], floor: float) -> list[float]:
    """[exponent, amount] of floor + amount x^-exponent by least squares on the logs above a given floor."""
    lx, ly = [math.log(x) for x in xs], [math.log(y - floor) for y in ys]
    mx, my = sum(lx) / len(lx), sum(ly) / len(ly)
    slope = sum([(a - mx) * (b - my) for a, b in zip(lx, ly)]) / sum([(a - mx) ** 2 for a in lx])
    return [-slope, math.exp(my - slope * mx)]


def curve_at(curve: list[float], floor: float, x: float) -> float:
    """Loss of a curve at x."""
    return floor + curve[1] * x ** -curve[0]


def curve_miss(curve: list[float], floor: float, xs: list[float], ys: list[float]) -> float:
    """Mean distance of a curve from points, as a share of them."""
    return sum([abs(curve_at(curve, floor, x) / y - 1) for x, y in zip(xs, ys)]) / len(xs)


def ruler_compute(v: dict[str, Any], data: Any) -> dict[str, Any]:
    """A line or a floored curve through two handles: how it fits what was seen, and what it says beyond."""
    law = data["laws"][v["law"]]
    xs, ys, last = law["x"], law["y"], len(law["x"]) - 1
    y0, y1 = ys[0] * v["left"], ys[last] * v["right"]
    floor = min(v["floor"], 0.97 * min(y0, y1))
    mine = curve_through(xs[0], y0, xs[last], y1, floor)
    straight = curve_through(xs[0], y0, xs[last], y1, 0)
    far = xs[last] * v["ahead"]
    grid = spread(xs[0] / 1.6, far * 1.3, 60)
    miss, straight_miss = curve_miss(mine, floor, xs, ys), curve_miss(straight, 0, xs, ys)
    held = law["held"]
    told, plain = curve_at(mine, floor, held["x"]), curve_at(straight, 0, held["x"])
    there, line_there = curve_at(mine, floor, far), curve_at(straight, 0, far)
    readouts = [
        {"label": "exponent", "value": text.fixed(mine[0], 3), "note": "of the part above the floor" if floor > 0 else "slope of your line, downward"},
        {"label": "off the seen points by", "value": text.pct(miss, 1), "note": "on average; the straight line " + text.pct(straight_miss, 1)},
        {"label": text.times(v["ahead"], 2) + " further: your curve", "value": text.fixed(there, 2), "note": "nats per character"},
        {"label": "the straight line there", "value": text.fixed(line_there, 2), "note": "nats per character"},
    ]  # fmt: skip
    if v["open"]:
        readouts.append(
            {"label": "unseen run: measured", "value": text.fixed(held["y"], 3), "note": held["text"]}
        )
        readouts.append({"label": "your curve said", "value": text.fixed(told, 3), "note": "off by " + text.pct(abs(told / held["y"] - 1), 1)})  # fmt: skip
    return {
        "points": [{"x": x, "y": y, "text": t} for x, y, t in zip(xs, ys, law["text"])],
        "held": {"x": held["x"], "y": held["y"], "text": held["text"], "open": v["open"]},
        "handles": [{"x": xs[0], "y": y0, "base": ys[0]}, {"x": xs[last], "y": y1, "base": ys[last]}],
        "grid": grid, "mine": [curve_at(mine, floor, x) for x in grid], "straight": [curve_at(straight, 0, x) for x in grid],
        "floor": floor, "far": far, "label": law["label"],
        "x": [grid[0], grid[len(grid) - 1]], "y": [min(0.95 * line_there, 0.9 * ys[last]), 1.12 * max(y0, ys[0])],
        "readouts": readouts,
        "verdict": ruler_verdict(v, floor, miss, straight_miss, there, line_there, held["y"], told, plain),
        "alt": f"Log-log chart of loss against {law['label']}: {len(xs)} points of the study, a curve through two handles with floor {text.fixed(floor, 2)}, and the straight line through the same handles, both drawn {text.times(v['ahead'], 2)} beyond the last point.",
    }  # fmt: skip


def ruler_verdict(
    v: dict[str, Any], floor: float, miss: float, straight_miss: float, there: float, line_there: float,
    held: float, told: float, plain: float,
) -> str:  # fmt: skip
    """What the points can tell about the floor, and what the floor does far away."""
    if floor <= 0:
        seen = f"Without a floor this is a straight line, off the seen points by {text.pct(miss, 1)}. Raise the floor and keep an eye on that number."
    else:
        seen = f"With and without the floor you miss the seen points by {text.pct(miss, 1)} and {text.pct(straight_miss, 1)}; {text.times(v['ahead'], 2)} further the two are {text.fixed(there - line_there, 2)} nats apart."
    if not v["open"]:
        return seen
    nearer = "your curve" if abs(told - held) < abs(plain - held) else "the straight line"
    if floor <= 0:
        return (
            seen
            + f" The unseen run is {text.pct(abs(told / held - 1), 1)} {'above' if held > told else 'below'} it."
        )
    return seen + f" The unseen run lies nearer to {nearer}."


def ruler_rows(of: str) -> dict[str, Any]:
    """The points of one law from the study, the last one kept apart."""
    from course_lib import study
    from course_lib.study import frontier

    found = frontier.best(study.runs("grid"), of)
    if len(found) < 4:
        raise ValueError(f"the study has {len(found)} points for a law in {of}; at least 4 are needed")
    names = [
        f"width {p.d_model}, {text.si(p.tokens, 2)} characters, {text.sci(p.flops, 2)} FLOPs" for p in found
    ]
    xs, ys = [p.resource(of) for p in found], [p.loss for p in found]
    held = {"x": xs[-1], "y": ys[-1], "text": names[-1]}
    return {"x": xs[:-1], "y": ys[:-1], "text": names[:-1], "held": held, "label": LABELS[of]}


def ruler_preset(law: dict[str, Any], floor: float) -> dict[str, float]:
    """Controls that lay the best curve of a floor: where it stands at the first and the last point."""
    curve = curve_best(law["x"], law["y"], floor)
    ends = [curve_at(curve, floor, law["x"][i]) / law["y"][i] for i in (0, -1)]
    return {"left": ends[0], "right": ends[1], "floor": floor}


@explorable
def ruler() -> Explorable:
    """Fit a line to the study's points by hand, and see what a floor does to the extrapolation."""
    laws = {of: ruler_rows(of) for of in LABELS}
    law = laws["flops"]
    floor = 0.01 * round(50 * law["y"][-1])  # half of the lowest loss that was seen
    curve, line = curve_best(law["x"], law["y"], floor), curve_best(law["x"], law["y"], 0.0)
    misses = [curve_miss(c, e, law["x"], law["y"]) for c, e in ((line, 0.0), (curve, floor))]
    far = 1000 * law["x"][-1]
    apart = curve_at(curve, floor, far) - curve_at(line, 0.0, far)
    held = [
        abs(curve_at(c, e, law["held"]["x"]) / law["held"]["y"] - 1) for c, e in ((line, 0.0), (curve, floor))
    ]
    return Explorable(
        "ruler", "Lay the ruler yourself",
        lead="The dots are runs of this course’s own study. Drag the two round handles (or focus one and use the arrow keys) until the line fits, then raise the floor: the handles stay where they are, the far end does not.",
        view="ruler", compute=ruler_compute, data={"laws": laws},
        controls=[
            choice("law", "The law in", {"flops": "compute", "params": "size", "tokens": "text"}, "flops"),
            slider("floor", "Floor E", 0.0, 1.5, 0.0, step=0.01, unit="nats", format="fixed", digits=2),
            slider("ahead", "Look ahead, beyond the last dot", 3, 10000, 1000, log=True, format="times", digits=2),
            toggle("open", "Open the run that was kept apart", False),
            {**slider("left", "Left handle, times the first dot", 0.85, 1.25, 1.12, step=0.002, format="fixed", digits=3), "hidden": True},  # the handles in the chart move these
            {**slider("right", "Right handle, times the last dot", 0.85, 1.25, 1.12, step=0.002, format="fixed", digits=3), "hidden": True},
        ],
        chart={"x": {"log": True, "format": "si"}, "y": {"label": "Loss (nats per character)", "log": True}},
        alt="Log-log chart: points of the study, a curve through two handles that the reader moves, and its continuation.",
        tries=[
            attempt("The best straight line", f"Least squares on the logs: off the seen points by {text.pct(misses[0], 1)} on average. The run that was kept apart is {text.pct(held[0], 1)} away from it.", law="flops", ahead=1000, open=True, **ruler_preset(law, 0.0)),
            attempt(f"The best curve with a floor of {text.fixed(floor, 2)}", f"Now {text.pct(misses[1], 1)} off the seen points, and {text.pct(held[1], 1)} off the one kept apart. A thousand times further the two stand {text.fixed(apart, 2)} nats apart: that is where the floor decides.", law="flops", ahead=1000, open=True, **ruler_preset(law, floor)),
            attempt("The law in size", "Same game, other resource. The dots are the best run of every size; the largest of them had less text for each parameter than the small ones, so the line bends where Kaplan’s condition, text not limiting, stops to hold.", law="params", ahead=1000, open=True, **ruler_preset(laws["params"], 0.0)),
        ],
        source="The course’s study: best mean loss over seeds at each budget, size or amount of text. The last dot of each law is kept apart. Held-out text of Austen and the King James Bible.",
    )  # fmt: skip
