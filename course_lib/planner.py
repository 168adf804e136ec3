"""What should you train? Budget, machines, demand, data and a target in; a costed plan out.

One equation carries the plan. In seconds of one GPU, a model's life costs

    T = 6 N D / ((1 - x) r)  +  S t(N)

r: FLOP/s that a GPU sustains in training, x: the share of all training compute that goes into experiments
and failed runs, S: tokens served in the model's life, t: seconds for one of them, nearly proportional to N.
So a FLOP of serving costs as much as w = t r (1 - x) / (2 N) FLOPs of training, and what remains is the
problem of Sardana et al. 2024 (arXiv 2401.00448) with w S tokens: `formulas.inference_aware_params`. The loss
comes from the law of Hoffmann et al. 2022 with a named set of constants; it is in nats per token of one
corpus and one tokenizer, and no score on any test.

Plain code, as in `formulas`: the explorable of lesson 20 runs it in the page. An ask is a dict with the keys
of ASK, a GPU the dict that `parallelism.machine` makes, with `watts`.
`course_lib.plans` is the door for Python: names, units, checks, a page to print.
"""

import math
from typing import Any

from course_lib import accounting, formulas, guard, memory, outlook, parallelism, proportions, roofline

ASK = {
    "goal": "budget",  # budget: the least loss for the budget; loss: the least cost for the loss
    "unit": "usd",  # of the budget: usd, flops (training FLOPs, serving converted) or gpu_days
    "budget": 10e6,
    "loss": 2.0,  # nats per token
    "gpus": 1024,
    "price": 2.0,  # dollars for a GPU-hour, yours
    "utilization": 0.4,  # MFU in training
    "served": 1e12,  # tokens read and written for users in the model's life
    "written": 0.25,  # share of them that the model writes
    "batch": 32,  # conversations served at once by one copy
    "roof": 0.5,  # share of the roofline that serving reaches
    "unique": 0.0,  # different training tokens to be had; 0: no limit
    "experiments": 0.3,  # share of training compute that is not the final run
    "kind": "dense",  # dense or moe
    "worth": 0.25,  # dense-equivalent N of a mixture: active N times sparsity^worth. An assumption.
    "context": 8192,
    "step": 4194304,  # tokens in a training step
    "law": "refit",
    "pue": 1.1,
}  # fmt: skip

CHOICES = {
    "goal": ["budget", "loss"], "unit": ["usd", "flops", "gpu_days"], "kind": ["dense", "moe"],
    "law": ["refit", "printed", "unrounded"],
}  # fmt: skip
FEWEST = 1e6  # parameters among which a plan is looked for
MOST = 1e14
ROUNDS = 3  # size and serving cost depend on each other; three rounds settle them


def record(fields: dict[str, Any]) -> Any:
    """`fields` with attributes, as `accounting` reads them. The page has its own, in its prelude."""
    from types import SimpleNamespace

    return SimpleNamespace(**fields)


# --- The best split -----------------------------------------------------------------------------------------


def tokens_left(params: float, budget: float, served: float) -> float:
    """Training tokens that 6 N D + 2 N S = budget leaves; negative where serving alone costs more."""
    return (budget / params - 2 * served) / 6.0


def best_params(ask: dict[str, Any], law: dict[str, float], budget: float, served: float) -> float:
    """N of the best plan: least loss for 6 N D + 2 N `served` = `budget`, or least cost for a loss.

    A golden-section search over log N; both curves have one valley. Without a limit on data and for a loss
    it is `formulas.inference_aware_params`, which the tests compare.
    """
    share = (math.sqrt(5.0) - 1) / 2
    low, high = math.log(FEWEST), math.log(MOST)
    a, b = high - share * (high - low), low + share * (high - low)
    fa = badness(a, ask, law, budget, served)
    fb = badness(b, ask, law, budget, served)
    for _ in range(60):
        if fa < fb:
            high, b, fb = b, a, fa
            a = high - share * (high - low)
            fa = badness(a, ask, law, budget, served)
        else:
            low, a, fa = a, b, fb
            b = low + share * (high - low)
            fb = badness(b, ask, law, budget, served)
    return math.exp((low + high) / 2)


def badness(
    log_n: float, ask: dict[str, Any], law: dict[str, float], budget: float, served: float
) -> float:  # fmt: skip
    """What the search makes small: the loss that a budget leaves, or the log of what a loss costs.

    Impossible sizes get a wall that slopes towards the possible ones.
    """
    n = math.exp(log_n)
    if ask["goal"] == "budget":
        tokens = tokens_left(n, budget, served)
        return outlook.loss_at(n, tokens, ask["unique"], law) if tokens > 1.0 else 1e3 * (1 + log_n)
    tokens = tokens_for(n, ask, law)
    return math.log(6 * n * tokens + 2 * n * served) if tokens > 0 else 1e6 * (100 - log_n)


def tokens_for(params: float, ask: dict[str, Any], law: dict[str, float]) -> float:
    """Training tokens with which N parameters reach the wanted loss; 0 where none do."""
    room = ask["loss"] - law["E"] - law["A"] / params ** law["alpha"]
    if room <= 1e-6:
        return 0.0
    return outlook.tokens_worth(formulas.chinchilla_tokens_at(room, law), ask["unique"])


# --- Serving ------------------------------------------------------------------------------------------------


def serving(cfg: dict[str, Any], ask: dict[str, Any], gpu: dict[str, Any]) -> dict[str, float]:
    """Serving `batch` conversations of half a context on as few cards as hold them, bf16.

    cards, bytes (of one copy with its caches), seconds (of one GPU, for a served token), usd_per_million
    (served tokens), write_usd and read_usd (per million written, and read), per_reader (tokens a second).
    Times are the roofline's over `roof`; cards are taken to share the work evenly.
    """
    model = record(cfg)
    held = memory.serving(model, "bf16", ask["context"], ask["batch"], "bf16", 0)["total"]
    cards = memory.devices_to_serve(held, gpu["memory"] / memory.GIB, memory.USABLE)
    peak, bandwidth = cards * gpu["peak"] * ask["roof"], cards * gpu["bandwidth"] * ask["roof"]
    half = math.ceil(ask["context"] / 2)
    write = roofline.decode(model, half, ask["batch"], peak, bandwidth, 2)
    read = roofline.prefill(model, half, 1, peak, bandwidth, 2)
    write_s, read_s = cards / write["tokens_per_second"], cards / read["tokens_per_second"]
    seconds = ask["written"] * write_s + (1 - ask["written"]) * read_s
    million = 1e6 * ask["price"] / formulas.SECONDS_PER_HOUR
    return {
        "cards": cards, "bytes": held, "seconds": seconds, "usd_per_million": seconds * million,
        "write_usd": write_s * million, "read_usd": read_s * million, "per_reader": 1.0 / write["seconds"],
    }  # fmt: skip


# --- The plan -----------------------------------------------------------------------------------------------


def check(ask: dict[str, Any]) -> None:
    """Refuse an ask that no plan can answer."""
    for key in ("budget", "loss", "gpus", "price", "batch", "context", "step"):
        formulas.positive(key, ask[key])
    if ask["gpus"] != math.floor(ask["gpus"]):
        raise ValueError(f"gpus must be a whole number; got {ask['gpus']}")
    for key in ("served", "unique", "worth"):
        formulas.not_negative(key, ask[key])
    formulas.fraction("utilization", ask["utilization"])
    formulas.fraction("roof", ask["roof"])
    formulas.probability("written", ask["written"])
    if not (ask["experiments"] >= 0 and ask["experiments"] < 1):
        raise ValueError(f"experiments must be a share from 0 to below 1; got {ask['experiments']}")
    for key in CHOICES:
        if ask[key] not in CHOICES[key]:
            raise ValueError(f"{key} must be one of {', '.join(CHOICES[key])}; got {ask[key]}")
    floor = outlook.LAWS[ask["law"]]["E"]
    if ask["goal"] == "loss" and ask["loss"] <= floor + 0.01:
        raise ValueError(
            f"no budget reaches a loss of {ask['loss']}: the floor of this law is {floor}. Ask for more nats"
        )


def gpu_seconds(ask: dict[str, Any], rate: float) -> float:
    """The budget in seconds of one GPU."""
    if ask["unit"] == "usd":
        return ask["budget"] / ask["price"] * formulas.SECONDS_PER_HOUR
    return ask["budget"] * formulas.SECONDS_PER_DAY if ask["unit"] == "gpu_days" else ask["budget"] / rate


def core(ask: dict[str, Any], gpu: dict[str, Any]) -> dict[str, Any]:
    """The plan's heart: shape, N, D, FLOPs, loss, serving, and the cost of each in GPU-seconds.

    The search is in N alone; then a shape is built, its parameters counted, and D set by what is left.
    """
    rate = gpu["peak"] * ask["utilization"]
    law = outlook.law_of(ask, ask["law"])
    have = gpu_seconds(ask, rate) * rate * (1 - ask["experiments"])
    weight = rate * (1 - ask["experiments"]) / (gpu["peak"] * 0.3)  # a first guess of w
    cfg: dict[str, Any] = {}
    serve: dict[str, float] = {}
    n = 0.0
    for _ in range(ROUNDS):
        n = best_params(ask, law, have, weight * ask["served"])
        cfg = proportions.shape_for(n, ask["kind"], ask["context"])
        n = accounting.active_params(record(cfg))["total"]
        serve = serving(cfg, ask, gpu)
        weight = serve["seconds"] * rate * (1 - ask["experiments"]) / (2 * n)
    counted = weight * ask["served"]
    tokens = tokens_left(n, have, counted) if ask["goal"] == "budget" else tokens_for(n, ask, law)
    if not (tokens > 0):
        raise ValueError(tokens_missing(ask))
    flops = formulas.training_flops(n, tokens)
    run = flops / rate
    return {
        "cfg": cfg, "n": n, "total": accounting.params(record(cfg))["total"],
        "tokens": tokens, "flops": flops,
        "loss": outlook.loss_at(n, tokens, ask["unique"], law), "serve": serve, "rate": rate, "final_s": run,
        "experiments_s": run * ask["experiments"] / (1 - ask["experiments"]),
        "serving_s": serve["seconds"] * ask["served"], "weight": weight,
    }  # fmt: skip


def tokens_missing(ask: dict[str, Any]) -> str:
    """Why no plan came out."""
    if ask["goal"] == "budget":
        return "the budget does not even pay for serving the smallest model: raise it, or lower the demand"
    return "no model reaches this loss with so few different tokens: raise the loss, or find more text"


def plan(ask: dict[str, Any], gpu: dict[str, Any], cov: list[list[float]]) -> dict[str, Any]:
    """The whole plan as a dict: `complete` of `core`."""
    check(ask)
    return complete(core(ask, gpu), ask, gpu, cov)


def complete(
    made: dict[str, Any], ask: dict[str, Any], gpu: dict[str, Any], cov: list[list[float]]
) -> dict[str, Any]:
    """What `core` found, and time, money, energy, memory, layout, the loss with its interval.

    hours (GPU-hours: final, experiments, serving), gpu_hours, days, usd, train_usd, mwh (final run),
    life_mwh, epochs (0 without a limit on text), interval, state_bytes, fewest_train, parallel, other.
    """
    hours = {
        "final": made["final_s"] / 3600.0, "experiments": made["experiments_s"] / 3600.0,
        "serving": made["serving_s"] / 3600.0,
    }  # fmt: skip
    together = hours["final"] + hours["experiments"] + hours["serving"]
    made["hours"], made["gpu_hours"] = hours, together
    made["days"] = hours["final"] / ask["gpus"] / 24.0
    made["usd"] = formulas.cost_usd(together, ask["price"])
    made["train_usd"] = formulas.cost_usd(hours["final"], ask["price"])
    made["mwh"] = formulas.energy_kwh(hours["final"], gpu["watts"], ask["pue"]) / 1000.0
    made["life_mwh"] = formulas.energy_kwh(together, gpu["watts"], ask["pue"]) / 1000.0
    made["epochs"] = made["tokens"] / ask["unique"] if ask["unique"] > 0 else 0.0
    made["interval"] = outlook.interval(made["n"], made["tokens"], ask, cov)
    model = record(made["cfg"])
    made["state_bytes"] = formulas.adam_bytes(made["total"])
    made["fewest_train"] = memory.devices_to_train(
        model, gpu["memory"] / memory.GIB, ask["context"], 1, "adam", "mixed", True, False, 3, memory.USABLE
    )
    made["parallel"] = parallelism.best(model, gpu, ask["gpus"], ask["step"], ask["context"])
    other = "dense" if ask["kind"] == "moe" else "moe"
    made["other"] = attempt_core(outlook.changed(ask, {"kind": other}), gpu)
    return made


# --- What would change the answer ---------------------------------------------------------------------------

VARIED: list[dict[str, Any]] = [
    {"key": "budget", "label": "Budget", "kind": "times", "by": [0.5, 2.0]},
    {"key": "loss", "label": "Wanted loss", "kind": "plus", "by": [-0.05, 0.05]},
    {"key": "price", "label": "Price of a GPU-hour", "kind": "times", "by": [0.5, 2.0]},
    {"key": "utilization", "label": "Utilization", "kind": "times", "by": [0.75, 1.25]},
    {"key": "served", "label": "Tokens served", "kind": "times", "by": [0.1, 10.0]},
    {"key": "experiments", "label": "Share of experiments", "kind": "plus", "by": [-0.2, 0.2]},
    {"key": "unique", "label": "Different tokens", "kind": "times", "by": [0.1, 10.0]},
    {"key": "law", "label": "Constants of the law", "kind": "other", "by": []},
    {"key": "kind", "label": "Dense or mixture", "kind": "other", "by": []},
    {"key": "batch", "label": "Conversations at once", "kind": "times", "by": [0.25, 4.0]},
]  # fmt: skip
MOST_SHARE = 0.9  # a share of experiments, or a utilization, is not moved beyond this


def variations(ask: dict[str, Any], row: dict[str, Any]) -> list[Any]:
    """The other values of an input: multiples, steps down and up, or what else there is to choose."""
    key = row["key"]
    if row["kind"] == "other":
        return [value for value in CHOICES[key] if value != ask[key]]
    moved = [ask[key] * by if row["kind"] == "times" else ask[key] + by for by in row["by"]]
    if key == "experiments" or key == "utilization":
        return [max(0.0, min(MOST_SHARE, value)) for value in moved]
    return moved


def matters(ask: dict[str, Any], key: str) -> bool:
    """Whether an input enters this plan at all."""
    if key == "budget":
        return ask["goal"] == "budget"
    if key == "loss":
        return ask["goal"] == "loss"
    if key == "price":
        return ask["goal"] == "budget" and ask["unit"] == "usd"
    if key == "unique":
        return ask["unique"] > 0
    return ask["served"] > 0 if key == "served" or key == "batch" else True


def sensitivities(ask: dict[str, Any], gpu: dict[str, Any], base: dict[str, Any]) -> list[dict[str, Any]]:
    """Each input moved alone and everything planned anew; the one that moves N and D most comes first.

    Per input: label, moves (value, n, tokens, loss) and `shift`, the largest |log N'/N| + |log D'/D|.
    Moves without a plan are left out.
    """
    out: list[dict[str, Any]] = []
    for row in VARIED:
        if not matters(ask, row["key"]):
            continue
        moves = []
        shift = 0.0
        for value in variations(ask, row):
            change: dict[str, Any] = {}
            change[row["key"]] = value
            found = attempt_core(outlook.changed(ask, change), gpu)
            if found["n"] > 0:
                moves.append(
                    {"value": value, "n": found["n"], "tokens": found["tokens"], "loss": found["loss"]}
                )
                away = abs(math.log(found["n"] / base["n"]))
                shift = max(shift, away + abs(math.log(found["tokens"] / base["tokens"])))
        out.append({"key": row["key"], "label": row["label"], "moves": moves, "shift": shift})
    ordered: list[dict[str, Any]] = []
    for one in out:  # insertion: the longest shift first
        before = [other for other in ordered if other["shift"] >= one["shift"]]
        after = [other for other in ordered if other["shift"] < one["shift"]]
        ordered = [x for part in (before, [one], after) for x in part]
    return ordered


def attempt_core(ask: dict[str, Any], gpu: dict[str, Any]) -> dict[str, Any]:
    """`core`, or n = 0 where the ask has no answer."""
    try:
        check(ask)
        return core(ask, gpu)
    except ValueError:
        return {"n": 0.0, "tokens": 0.0, "loss": 0.0}


guard.module(globals())
