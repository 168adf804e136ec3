"""Lesson 19: many tries and a judge, a budget split between size and tries, and a chain that one slip spoils."""

import math
from typing import Any

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider

LURE = 2.0  # score of a wrong answer that fools the judge; right answers score 1, other wrong ones 0
DIGITS = 10
# Chains of the relay: a first digit, then signs and operands.
CHAINS = {
    "sums": {"start": 7, "signs": ["+", "+", "-", "+", "-", "+"], "others": [5, 4, 3, 2, 5, 4]},
    "mixed": {"start": 3, "signs": ["*", "+", "*", "-", "*", "+"], "others": [3, 4, 3, 1, 3, 5]},
    "healing": {"start": 8, "signs": ["+", "*", "-", "*", "+", "*"], "others": [3, 2, 4, 5, 1, 2]},
}


def percent(x):
    """A chance as text; small ones keep a digit."""
    return text.pct(x, 0) if x >= 0.095 or x == 0 else text.pct(x, 1)


# --- Many tries and a judge ---


def crowd_means(groups, problems, samples, noise, fooled):
    """Share of problems with a right sample, and with a right one handed in, at so many samples each."""
    cover = 0.0
    judged = 0.0
    for g in groups:
        if g["p"] > 0:
            cover += g["count"] * formulas.coverage(g["p"], samples)
            judged += g["count"] * formulas.best_of_n(g["p"], samples, noise, fooled, LURE)
    return {"cover": cover / problems, "judged": judged / problems}


def crowd_compute(v, data):
    """Every problem at so many samples, the curves over samples, and where the judge is at its best."""
    model = data["models"][v["model"]]
    noise = v["noise"]
    fooled = v["fooled"] / 100
    n = v["samples"]
    curves = [crowd_means(model["groups"], data["problems"], k, noise, fooled) for k in data["grid"]]
    now = crowd_means(model["fine"], data["problems"], n, noise, fooled)
    peak = 0
    for i in range(len(curves)):
        if curves[i]["judged"] > curves[peak]["judged"] + 1e-9:
            peak = i
    tiles = []
    for g in model["fine"]:
        solved = formulas.coverage(g["p"], n) if g["p"] > 0 else 0.0
        handed = formulas.best_of_n(g["p"], n, noise, fooled, LURE) if g["p"] > 0 else 0.0
        tiles.append({"count": g["count"], "cover": solved, "judged": min(handed, solved)})
    best = data["grid"][peak]
    last = curves[len(curves) - 1]
    falls = curves[peak]["judged"] > last["judged"] + 0.01
    blind = 0.0
    for g in data["blind"]:
        blind += g["count"] * formulas.coverage(g["p"], n)
    blind = blind / data["problems"]
    never = model["never"]
    return {
        "tiles": tiles,
        "tiles_alt": f"{data['problems']} problems, easiest first. With {text.commas(n)} samples each, {percent(now['cover'])} have a right one among them and {percent(now['judged'])} get it handed in.",
        "series": [
            {"kind": "line", "x": data["grid"], "y": data["blind_curve"], "color": "muted", "dash": True},
            {"kind": "line", "x": data["grid"], "y": [c["cover"] for c in curves], "color": 0},
            {"kind": "line", "x": data["grid"], "y": [c["judged"] for c in curves], "color": 1},
            {"kind": "text", "x": [data["grid"][10]], "y": [curves[10]["cover"]], "text": ["some sample is right"], "color": 0, "dy": -12, "dx": -6, "anchor": "end"},
            {"kind": "text", "x": [data["grid"][15]], "y": [curves[15]["judged"]], "text": ["handed in right"], "color": 1, "dy": 18, "anchor": "end"},
            {"kind": "text", "x": [data["grid"][5]], "y": [data["blind_curve"][5]], "text": ["blind play"], "color": "muted", "dy": 14, "dx": 6, "anchor": "start"},
            {"kind": "vline", "x": [n], "color": "ink"},
        ],
        "readouts": [
            {"label": "one sample", "value": percent(curves[0]["cover"]), "note": "right"},
            {"label": "some sample is right", "value": percent(now["cover"]), "note": "blind play: " + percent(blind)},
            {"label": "the one handed in is right", "value": percent(now["judged"]), "tone": "bad" if n > best and falls else "good" if now["judged"] > 0.9 * now["cover"] else ""},
            {"label": "this judge is best at", "value": text.commas(best) + (" sample" if best == 1 else " samples"), "note": percent(curves[peak]["judged"]) + " handed in right"},
            {"label": "never solved", "value": text.commas(never), "note": f"of {data['problems']} problems, in {data['samples']} samples"},
        ],
        "verdict": crowd_verdict(n, now, best, falls, fooled),
        "tone": "bad" if n > best and falls else "",
        "alt": f"Shares of problems against samples, 1 to {data['samples']}. Some sample right: from {percent(curves[0]['cover'])} to {percent(last['cover'])}. Handed in right: highest at {text.commas(best)} samples with {percent(curves[peak]['judged'])}, at the end {percent(last['judged'])}.",
    }  # fmt: skip


def crowd_verdict(n, now, best, falls, fooled):
    """One sentence on what the judge makes of the samples."""
    if n > best and falls:
        return f"More samples have made the answer worse: among {text.commas(n)} there is nearly always one that looks better than right. This judge does best with {text.commas(best)}."
    gap = now["cover"] - now["judged"]
    if gap < 0.02:
        return "The judge finds almost every right sample there is: coverage and answers are one and the same."
    if fooled > 0:
        return f"Here the answer is right in {percent(now['judged'])} of all problems; a right sample lies unused in another {percent(gap)}."
    return f"A right sample lies unused in {percent(gap)} of all problems. Noise alone slows the climb; it does not turn it round."


# --- A budget, split between size and tries ---


def between(values, k):
    """Success at k samples, from those at 1, 2, 4, ..., straight in log k."""
    spot = math.log2(k)
    i = min(len(values) - 2, math.floor(spot + 1e-9))
    return values[i] + (spot - i) * (values[i + 1] - values[i])


def affordable(size, budget, share, most):
    """Samples that a budget for one problem pays for, at most `most`; below 1 not even one."""
    return min(most, (budget - size["train"] * share - size["prompt"]) / size["answer"])


def purse_compute(v, data):
    """For every size the tries that the budget buys and what they solve; the best of them."""
    share = 1 / v["served"] if v["training"] == "yes" else 0.0
    most = data["samples"]
    lanes = []
    best = -1
    for size in data["sizes"]:
        k = affordable(size, v["budget"], share, most)
        values = size[v["judge"]]
        solved = between(values, k) if k >= 1 else 0.0
        lanes.append({
            "name": size["name"], "says": size["says"], "k": k, "value": solved, "affords": k >= 1, "best": False,
            "tries": "cannot pay" if k < 1 else text.commas(math.floor(k)) + (" try" if k < 2 else " tries"),
            "success": percent(solved) if k >= 1 else "",
            "spot": math.log2(k) if k >= 1 else -1, "cells": [{"value": x, "text": percent(x)} for x in values],
        })  # fmt: skip
        if k >= 1 and (best < 0 or solved > lanes[best]["value"]):
            best = len(lanes) - 1
    if best >= 0:
        lanes[best]["best"] = True
    series = []
    for i in range(len(data["sizes"])):
        size = data["sizes"][i]
        xs, ys = [], []
        for b in data["budgets"]:
            k = affordable(size, b, share, most)
            if k >= 1:
                xs.append(b)
                ys.append(between(size[v["judge"]], k))
        if len(xs) > 1:
            series.append({"kind": "line", "x": xs, "y": ys, "color": i, "dash": i == 2})
    series.append({"kind": "vline", "x": [v["budget"]], "color": "ink"})
    largest = lanes[len(lanes) - 1]
    return {
        "lanes": lanes, "stops": data["stops"], "series": series,
        "readouts": [
            {"label": "best buy", "value": lanes[best]["name"] + ", " + lanes[best]["tries"] if best >= 0 else "none", "tone": "good" if best >= 0 else "bad"},
            {"label": "problems solved", "value": lanes[best]["success"] if best >= 0 else "none"},
            {"label": "the largest, " + largest["name"], "value": largest["success"] if largest["affords"] else "cannot pay", "note": largest["tries"] if largest["affords"] else ""},
            {"label": "training, each problem’s share", "value": "not counted" if v["training"] != "yes" else text.pct(data["sizes"][best]["train"] * share / v["budget"], 0) if best >= 0 else "more than all", "note": "of the budget, for the best buy" if best >= 0 and v["training"] == "yes" else ""},
        ],
        "verdict": purse_verdict(v, lanes, best),
        "tone": "" if best >= 0 else "bad",
        "alt": f"At {text.sci(v['budget'], 2)} FLOPs a problem: " + ", ".join([f"{x['name']}: {x['tries']} {x['success']}" for x in lanes]) + ".",
    }  # fmt: skip


def purse_verdict(v, lanes, best):
    """One sentence on where the money is best spent."""
    if best < 0:
        return "This budget does not even pay each problem's share of the training. Serve more problems, or spend more on each."
    last = len(lanes) - 1
    name = lanes[best]["name"]
    if v["judge"] == "greedy":
        return f"Without a judge there is nothing to choose by: one try is all you can use, and {name} is the best that the budget pays for."
    if best < last and lanes[last]["affords"]:
        return f"The {name} model with {lanes[best]['tries']} solves more than the largest with {lanes[last]['tries']}, for the same FLOPs."
    if best == last:
        if v["judge"] == "lazy":
            return "With this judge tries buy next to nothing, so size is the only thing worth paying for."
        return "The largest model is the best buy here" + (": the smaller ones have run out of problems that tries can solve." if lanes[best]["k"] > 8 else ".")
    if v["judge"] == "lazy":
        return f"With this judge tries buy next to nothing; the {name} model is the largest that the budget pays for."
    return f"The largest model is out of reach at this price; {name} with {lanes[best]['tries']} is the best that is left."


# --- The relay ---


def one_step(digit, sign, other):
    """The last digit after one sum."""
    if sign == "+":
        return (digit + other) % DIGITS
    if sign == "-":
        return (digit - other + DIGITS) % DIGITS
    return (digit * other) % DIGITS


def spread(chain, slips):
    """Exact chance of each final digit when every written step is wrong with a chance, and worked on from there."""
    chances = [0.0] * DIGITS
    chances[chain["start"]] = 1.0
    for i in range(len(chain["signs"])):
        meant = [0.0] * DIGITS
        for d in range(DIGITS):
            meant[one_step(d, chain["signs"][i], chain["others"][i])] += chances[d]
        chances = [m * (1 - slips) + (1 - m) * slips / (DIGITS - 1) for m in meant]
    return chances


def vote(chain, slips, votes):
    """Votes for each final digit by writers who slip at random; the same every time (Park & Miller's generator)."""
    tally = [0] * DIGITS
    state = 20_011
    for _ in range(votes):
        digit = chain["start"]
        for i in range(len(chain["signs"])):
            digit = one_step(digit, chain["signs"][i], chain["others"][i])
            state = (state * 16807) % 2147483647
            if state / 2147483647 < slips:
                state = (state * 16807) % 2147483647
                digit = (digit + 1 + math.floor(9 * state / 2147483647)) % DIGITS
        tally[digit] += 1
    return tally


def relay_compute(v, data):
    """One writer with a slip of your choice; then many who slip by chance, and their vote."""
    chain = CHAINS[v["chain"]]
    slips = v["slips"] / 100
    digit = chain["start"]
    wrote = chain["start"]
    steps = []
    for i in range(len(chain["signs"])):
        digit = one_step(digit, chain["signs"][i], chain["others"][i])
        wrote = one_step(wrote, chain["signs"][i], chain["others"][i])
        if v["spoil"] == i + 1:
            wrote = (wrote + v["off"]) % DIGITS
        steps.append({"sum": chain["signs"][i].replace("*", "×").replace("-", "−") + str(chain["others"][i]), "right": digit, "wrote": wrote, "slip": v["spoil"] == i + 1, "wrong": wrote != digit})
    chances = spread(chain, slips)
    tally = vote(chain, slips, v["votes"])
    rival = -1
    for d in range(DIGITS):
        if d != digit and (rival < 0 or chances[d] > chances[rival]):
            rival = d
    most = 0
    leaders = 0
    for d in range(DIGITS):
        if tally[d] > tally[most]:
            most = d
    for d in range(DIGITS):
        if tally[d] == tally[most]:
            leaders += 1
    said = "a tie" if leaders > 1 else str(most)
    right = leaders == 1 and most == digit
    return {
        "start": chain["start"], "steps": steps, "answer": digit, "tally": tally, "expected": [c * v["votes"] for c in chances],
        "tally_alt": f"Votes of {v['votes']} writers: " + ", ".join([f"{d}: {tally[d]}" for d in range(DIGITS)]) + f". The right digit is {digit}.",
        "readouts": [
            {"label": "one writer is right", "value": percent(chances[digit]), "note": "exact, at this rate of slips"},
            {"label": "strongest wrong digit", "value": percent(chances[rival]), "note": f"the digit {rival}"},
            {"label": "the vote says", "value": said, "note": f"right is {digit}", "tone": "good" if right else "bad"},
            {"label": "your writer ends at", "value": str(wrote), "tone": "good" if wrote == digit else "bad"},
        ],
        "verdict": relay_verdict(v, steps, digit, chances, rival, right),
        "tone": "" if right else "bad",
    }  # fmt: skip


def relay_verdict(v, steps, digit, chances, rival, right):
    """What became of the slip, and whether the vote can be trusted."""
    first = ""
    if v["spoil"] > 0:
        last = steps[len(steps) - 1]
        healed = 0
        for i in range(len(steps) - 1, v["spoil"] - 1, -1):
            if not steps[i]["wrong"]:
                healed = i + 1
        if last["wrong"]:
            first = f"The slip at step {v['spoil']} is carried to the end. "
        else:
            first = f"The slip at step {v['spoil']} is healed at step {healed}: a product has sent right and wrong to the same digit. "
    if chances[digit] > chances[rival] + 0.02:
        return first + ("Wrong writers disagree with each other, so the right digit leads and the vote finds it." if right else "The right digit leads on average, but so few votes can still miss it.")
    return first + "Slips have flattened the ten digits: hardly anything is left to vote for, and more votes will not bring it back."


# --- Data and factories: these run in Python only ---


def grouped(counts, samples):
    """Problems with the same count, easiest first: a chance and how many have it."""
    from collections import Counter

    return [{"p": c / samples, "count": many} for c, many in sorted(Counter(counts).items(), reverse=True)]


def coarse(groups):
    """The same in fewer steps: neighbors within a quarter of a factor e, each group at its mean."""
    from itertools import groupby

    out = []
    easiest_first = sorted(groups, key=lambda g: -g["p"])
    for _, members in groupby(easiest_first, key=lambda g: round(4 * math.log(g["p"])) if g["p"] > 0 else None):
        near = list(members)
        count = sum(g["count"] for g in near)
        out.append({"p": sum(g["p"] * g["count"] for g in near) / count, "count": count})
    return out


def crowd_data():
    """Chances per problem for every size, and those of blind play, from the shipped results."""
    from course_lib.tiny import reasoning

    found = reasoning.results()
    rows, blind = found["countdown"], found["blind"]
    samples = reasoning.SAMPLES
    grid = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]
    models = {}
    for name, row in rows.items():
        fine = grouped(row.right, samples)
        models[name] = {"fine": fine, "groups": coarse(fine), "never": sum(c == 0 for c in row.right)}
    blind_groups = coarse([{"p": b, "count": 1} for b in blind])
    curve = [sum(1 - (1 - b) ** k for b in blind) / len(blind) for k in grid]
    return {
        "models": models, "samples": samples, "problems": len(blind), "grid": grid, "blind": blind_groups,
        "blind_curve": curve,
    }  # fmt: skip


def purse_data():
    """Costs and successes of every size at 1, 2, 4, ... samples, from the shipped results."""
    from course_lib.tiny import reasoning

    stops = [2**i for i in range(9)]
    sizes = []
    for name, row in reasoning.results()["countdown"].items():
        prompt, answer = reasoning.attempt_flops(row.config)
        sizes.append({
            "name": name, "says": f"{text.commas(row.params)} parameters", "prompt": prompt, "answer": answer, "train": row.train_flops,
            "perfect": [row.pass_at(k) for k in stops], "lazy": [row.lazily(k) for k in stops], "greedy": [row.greedy] * len(stops),
        })  # fmt: skip
    low, high = sizes[0]["prompt"] + sizes[0]["answer"], sizes[-1]["prompt"] + stops[-1] * sizes[-1]["answer"]
    budgets = [low * (high / low) ** (i / 60) for i in range(61)]
    return {"sizes": sizes, "stops": stops, "samples": stops[-1], "budgets": budgets}


@explorable
def many_tries() -> Explorable:
    """Every problem of the exam as a tile, filled by its chance."""
    data = crowd_data()
    names = list(data["models"])
    start: dict[str, Any] = {"model": names[1], "samples": 16, "noise": 0.3, "fooled": 0.0}

    def told(**changed):
        return crowd_compute({**start, **changed}, data)

    smallest = names[0]
    perfect, fooled = told(model=smallest, noise=0.1, samples=256), told(noise=0.1, samples=256, fooled=1.0)
    peak = fooled["readouts"][3]
    noisy = told(noise=0.5, samples=256)["readouts"]
    big = told(model=names[-1])["readouts"]
    return Explorable(
        "a-crowd-of-problems", "Many tries and a judge",
        lead="Each tile is one of 200 countdown problems. The pale part of its fill is the chance that *some* sample is right, the solid part the chance that the judge hands in a right one.",
        view="crowd", compute=crowd_compute, data=data,
        controls=[
            choice("model", "Model", names, start["model"]),
            slider("samples", "Tries at each problem, k", 1, 256, start["samples"], log=True, integer=True, format="commas"),
            slider("noise", "Noise of the judge’s scores", 0.05, 1.0, start["noise"], step=0.05, format="fixed", digits=2),
            slider("fooled", "Wrong samples that fool the judge", 0, 5, start["fooled"], step=0.1, format="fixed", digits=1, unit="%"),
        ],
        chart={"x": {"label": "tries k", "log": True, "domain": [1, 256]}, "y": {"label": "share of problems", "format": "pct", "domain": [0, 1]}, "height": 280},
        alt="Two hundred tiles that fill with the chance of being solved, and curves of coverage and of best-of-N against the number of samples.",
        tries=[
            attempt("The smallest model, 256 tries, a good judge", f"Coverage has climbed from {perfect['readouts'][0]['value']} to {perfect['readouts'][1]['value']}, tile by tile: the easy ones were full long ago, and the last climb comes from the few that are filling now. {perfect['readouts'][4]['value']} tiles stay empty. And look at the gray line: a player who knows only the rules covers {perfect['readouts'][1]['note'].split(': ')[1]}.", **{**start, "model": smallest, "noise": 0.1, "samples": 256}),
            attempt("One wrong sample in a hundred looks brilliant", f"Now {fooled['readouts'][2]['value']} of the answers are right with 256 samples. The best this judge ever does is {peak['note'].split(' ')[0]} % with {peak['value']}. What you select for is the judge's opinion, and the harder you select, the more you get of its mistakes: Goodhart's law.", **{**start, "noise": 0.1, "samples": 256, "fooled": 1.0}),
            attempt("A noisy judge that nobody fools", f"The curve of answers climbs slowly and does not turn: {noisy[2]['value']} handed in right where {noisy[1]['value']} have a right sample. Symmetric noise costs; mistakes that look good cost more.", **{**start, "samples": 256, "noise": 0.5}),
            attempt("The largest model", f"One sample solves {big[0]['value']}, and 16 samples {big[1]['value']}. Size moves the whole crowd; samples wait for the stragglers.", **{**start, "model": names[-1]}),
        ],
        source="Chances p = c/256 from 256 samples at temperature 1, one seed of training. A p estimated from few hits is rough, so numbers near 256 lie a little below the unbiased ones of the text. Judge: right samples score 1, wrong 0, fooling ones 2, plus logistic noise of the given scale.",
    )  # fmt: skip


@explorable
def size_or_tries() -> Explorable:
    """A budget of FLOPs for one problem, walked over sizes and tries."""
    data = purse_data()
    sizes = data["sizes"]
    one_large = sizes[-1]["prompt"] + sizes[-1]["answer"]
    start: dict[str, Any] = {"budget": one_large, "judge": "perfect", "training": "no", "served": 1e6}
    low, high = data["budgets"][0], data["budgets"][-1]

    def told(**changed):
        return purse_compute({**start, **changed}, data)

    even = told()
    lazy = told(judge="lazy", budget=high)["readouts"]
    best = max(range(len(data["budgets"])), key=lambda i: data["budgets"][i] if told(budget=data["budgets"][i])["readouts"][0]["value"].startswith(sizes[0]["name"]) else 0)
    few = told(training="yes", served=1e4, budget=1e8)["readouts"]
    return Explorable(
        "size-or-tries", "One budget: a larger model, or more tries?",
        lead="Each lane is a model, each mark along it a number of tries with the share of problems they solve. The line across joins what the *same* FLOPs buy on every lane. Move the budget.",
        view="purse", compute=purse_compute, data=data,
        controls=[
            slider("budget", "FLOPs for one problem", low, high, start["budget"], log=True, format="sci", digits=2),
            choice("judge", "Who picks the answer", {"perfect": "the verifier", "lazy": "a judge who reads the last line", "greedy": "nobody: one greedy try"}, start["judge"]),
            choice("training", "Count the training", {"no": "no", "yes": "yes, shared by all problems served"}, start["training"]),
            slider("served", "Problems served in a lifetime", 1e3, 1e9, start["served"], log=True, integer=True, format="si"),
        ],
        chart={"x": {"label": "FLOPs for one problem", "log": True, "domain": [0.9 * low, 1.1 * high]}, "y": {"label": "problems solved", "format": "pct", "domain": [0, 1]}, "height": 270},
        alt="Lanes of models with marks for tries, joined by a line of equal cost, and curves of problems solved against FLOPs.",
        tries=[
            attempt("The price of one try of the largest", f"For these FLOPs the largest solves {even['readouts'][2]['value']} with one try; {even['readouts'][0]['value']} solve {even['readouts'][1]['value']}.", **start),
            attempt("Where the smallest hands over", f"Up to {text.sci(data['budgets'][best], 2)} FLOPs the smallest model is the best buy; beyond, its next tries bring less than a larger model's first ones. Follow the upper edge of the curves: at each price another model lies on top.", **{**start, "budget": data["budgets"][best]}),
            attempt("A judge who reads only the last line", f"Same samples, same FLOPs, and now the best buy at the highest budget is {lazy[0]['value']} with {lazy[1]['value']}. The curves are flat: this judge accepts what merely ends at the target, and more tries only give it more to accept.", **{**start, "judge": "lazy", "budget": high}),
            attempt("Ten thousand problems in a lifetime, training counted", f"With so few problems to share it, training is most of the bill; the best buy at 10^{{8}} FLOPs a problem is {few[0]['value']}. Raise the number of problems served and watch the line move to the right.", **{**start, "training": "yes", "served": 1e4, "budget": 1e8}),
        ],
        source="Measured on 200 problems with 256 samples, one seed; between marks straight in log k. FLOPs by the course’s accounting, head and attention included; the prompt is read once for all tries. The verifier’s own cost (a few dozen operations) is left out.",
    )  # fmt: skip


@explorable
def relay() -> Explorable:
    """A chain of sums, a slip, and a vote."""
    start: dict[str, Any] = {"chain": "sums", "spoil": 2, "off": 3, "slips": 15, "votes": 60}

    def told(**changed):
        return relay_compute({**start, **changed}, None)["readouts"]

    plain, healed, flat = told(), told(chain="healing", off=5), told(slips=60, votes=200)
    return Explorable(
        "a-relay-of-sums", "One slip, and a vote",
        lead="Six sums, only the last digit kept. Click a step to let your writer slip there. Below, many writers who slip by chance vote on the end.",
        view="relay", compute=relay_compute,
        controls=[
            choice("chain", "Chain", {"sums": "plus and minus", "mixed": "times 3", "healing": "times 2 and 5"}, start["chain"]),
            slider("off", "Your slip is wrong by", 1, 9, start["off"], step=1, integer=True, format="plain"),
            slider("slips", "Chance of a slip at each step", 0, 90, start["slips"], step=1, integer=True, format="plain", unit="%"),
            slider("votes", "Writers who vote", 1, 200, start["votes"], step=1, integer=True, format="plain"),
            {**slider("spoil", "Your writer slips at step (0: never)", 0, 6, start["spoil"], step=1, integer=True, format="plain"), "hidden": True},
        ],
        alt="A chain of six sums with the digits that are right and those that were written, and a tally of votes for each final digit.",
        tries=[
            attempt("A slip in a chain of plus and minus", f"Every later digit is wrong by the same amount: nothing in the chain can notice. At 15 % slips one writer is right with {plain[0]['value']}, the strongest wrong digit gets {plain[1]['value']}, and 60 votes settle it.", **start),
            attempt("Times 2 and 5: slips heal", f"Wrong by 5, times 2 is wrong by 10, which is nothing. One writer is right with {healed[0]['value']}: an answer can be right although a step was wrong, which is why checking ends tells little about steps.", **{**start, "chain": "healing", "off": 5, "spoil": 1}),
            attempt("Slips at 60 %", f"Right: {flat[0]['value']}, strongest rival: {flat[1]['value']}. Two hundred votes have nothing to work with. A vote amplifies a lead; it cannot make one.", **{**start, "slips": 60, "votes": 200}),
        ],
        source="Chances are exact, a sum over all digits at each step; votes are drawn with a fixed generator, so everybody sees the same ones.",
    )  # fmt: skip
