"""Lesson 3: build a shape and see its parameters; 12 n_L d^2 against the exact count."""

import math

from course_lib import accounting, catalog, formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, record, slider, toggle

WIDTHS = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1280, 1600, 2048, 3072, 4096, 5120, 6656, 8192, 12288, 16384]
HEADS = [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 25, 32, 40, 52, 64, 96, 128]
EXPERTS = {"0": {"n": 0, "k": 0}, "8": {"n": 8, "k": 2}, "64": {"n": 64, "k": 6}}
GROUPS = {
    "embedding": {"label": "Embeddings", "color": 4},
    "attention": {"label": "Attention", "color": 0},
    "ffn": {"label": "Feed-forward", "color": 2},
    "expert": {"label": "Experts", "color": 2},
    "router": {"label": "Router", "color": 5},
    "norm": {"label": "Norms", "color": 6},
    "head": {"label": "Output head", "color": 3},
}
# Models whose shape the controls can say; the factory keeps those that come out exact.
PRESETS = (
    "nano-gpt", "GPT-2 Small", "GPT-2 Medium", "GPT-2 Large", "GPT-2 XL", "GPT-3 175B", "LLaMA 7B", "LLaMA 65B", "Llama 2 70B",
    "Mistral 7B", "Mixtral 8x7B", "Phi-3 Mini", "Llama 3 8B", "Llama 3 70B", "Llama 3.1 405B", "Llama 3.2 3B",
)  # fmt: skip


def whole(x):
    """The nearest whole number, the same in both homes."""
    return math.floor(x + 0.5)


def largest_divisor(n, limit):
    """The largest divisor of n that is not above limit."""
    best = 1
    for d in range(1, min(n, limit) + 1):
        if n % d == 0:
            best = d
    return best


def shape_of(v):
    """The controls as a shape with every field that the counting reads. Heads are cut down until they divide the width."""
    d = whole(v["d_model"])
    heads = largest_divisor(d, whole(v["n_heads"]))
    kv = heads if v["kv"] == "all" else largest_divisor(heads, 8) if v["kv"] == "eight" else 1
    classic = v["style"] == "gpt"
    d_ff = max(1, whole(v["ratio"] * d))
    experts = EXPERTS[v["experts"]]
    return {
        "n_layers": whole(v["n_layers"]), "d_model": d, "n_heads": heads, "vocab": whole(v["vocab"]), "n_ctx": whole(v["n_ctx"]),
        "n_kv_heads": kv, "d_head": math.floor(d / heads), "d_ff": d_ff, "ffn": "gated" if v["gated"] else "plain",
        "tied_head": v["tied"], "positions": "learned" if classic else "rope", "norm": "layernorm" if classic else "rmsnorm",
        "norm_bias": classic, "norms_per_block": 2, "final_norm": True, "embedding_norm": False, "qk_norm": "none",
        "qkv_bias": classic, "out_bias": classic, "ffn_bias": classic, "head_bias": False, "window": 0, "window_layers": 0,
        "n_experts": experts["n"], "top_k": experts["k"], "d_expert": d_ff, "n_shared_experts": 0, "d_shared": d_ff,
        "shared_gate": False, "n_dense_layers": 0, "moe_every": 1, "router_bias": False,
        "kv_lora_rank": 0, "q_lora_rank": 0, "qk_nope_dim": 0, "qk_rope_dim": 0, "v_head_dim": 0,
    }  # fmt: skip


def matrices_of(cfg):
    """The matrices of one layer: rows (inputs), columns (outputs), how many alike, and the group they belong to."""
    d = cfg["d_model"]
    wide = cfg["n_heads"] * cfg["d_head"]
    narrow = cfg["n_kv_heads"] * cfg["d_head"]
    copies = max(1, cfg["n_experts"])
    group = "expert" if cfg["n_experts"] > 0 else "ffn"
    out = [
        {"name": "Q", "rows": d, "cols": wide, "copies": 1, "group": "attention", "says": "queries"},
        {"name": "K", "rows": d, "cols": narrow, "copies": 1, "group": "attention", "says": "keys"},
        {"name": "V", "rows": d, "cols": narrow, "copies": 1, "group": "attention", "says": "values"},
        {"name": "O", "rows": wide, "cols": d, "copies": 1, "group": "attention", "says": "heads back to the stream"},
    ]
    if cfg["ffn"] == "gated":
        out.append({"name": "gate", "rows": d, "cols": cfg["d_ff"], "copies": copies, "group": group, "says": "which hidden units open"})
    out.append({"name": "up", "rows": d, "cols": cfg["d_ff"], "copies": copies, "group": group, "says": "widen"})
    out.append({"name": "down", "rows": cfg["d_ff"], "cols": d, "copies": copies, "group": group, "says": "narrow again"})
    return out


def neighbors(total, models):
    """The catalog models next below and next above a count; None where there is none."""
    below = [m for m in models if m["params"] <= total]
    above = [m for m in models if m["params"] > total]
    return [below[len(below) - 1] if len(below) > 0 else None, above[0] if len(above) > 0 else None]


def builder_compute(v, data):
    """A shape, its parameters by group and part, one layer's matrices, and the catalog models around it."""
    cfg = shape_of(v)
    parts = accounting.params(record(cfg))
    total = parts["total"]
    sums = accounting.groups(parts)
    groups = [
        {"key": k, "label": GROUPS[k]["label"], "color": GROUPS[k]["color"], "value": sums[k], "share": sums[k] / total}
        for k in GROUPS if k in sums and sums[k] > 0
    ]  # fmt: skip
    rough = formulas.approx_params(cfg["n_layers"], cfg["d_model"])
    squares = sum([m["rows"] * m["cols"] * m["copies"] for m in matrices_of(cfg)]) / cfg["d_model"] ** 2
    table = cfg["vocab"] / cfg["d_model"]
    off = rough / total - 1
    readouts = [
        {"label": "parameters", "value": text.commas(total), "note": text.si(total, 3)},
        {"label": "12·n_{L}·d²", "value": text.si(rough, 3), "note": signed(off) + " against the exact count"},
        {"label": "one layer", "value": text.sig(squares, 3) + " squares", "note": "of d × d, biases and norms left out"},
        {"label": "token table", "value": text.sig(table, 3) + " squares", "note": "as much as " + text.sig(table / squares, 2) + " layers"},
    ]
    if cfg["n_experts"] > 0:
        active = accounting.active_params(record(cfg))["total"]
        readouts.append({"label": "used by one token", "value": text.si(active, 3), "note": text.pct(active / total, 0) + " of all"})
    return {
        "cfg": cfg, "groups": groups, "matrices": matrices_of(cfg), "readouts": readouts, "total": total,
        "parts": [{"key": k, "value": parts[k]} for k in parts if k != "total" and parts[k] > 0],
        "layer": layer_of(cfg, sums), "near": neighbors(total, data["models"]),
        "verdict": verdict_of(v, cfg, groups, data["models"], total),
        "tone": "" if cfg["n_heads"] == whole(v["n_heads"]) else "bad", "alt": alt_of(cfg, groups, total),
    }  # fmt: skip


def layer_of(cfg, sums):
    """Parameters of one layer by group, norms left out (they are the thinnest line)."""
    n = cfg["n_layers"]
    return [{"key": k, "color": GROUPS[k]["color"], "value": sums[k] / n} for k in ["attention", "ffn", "expert"] if k in sums and sums[k] > 0]


def signed(x):
    """A relative difference with its sign: -31.7 %."""
    return ("+" if x >= 0 else "−") + text.pct(abs(x), 1)


def verdict_of(v, cfg, groups, models, total):
    """One sentence: an impossible head count first, else what dominates and who is near."""
    if cfg["n_heads"] != whole(v["n_heads"]):
        return f"{text.commas(whole(v['n_heads']))} heads do not divide a width of {text.commas(cfg['d_model'])}: counted with {text.commas(cfg['n_heads'])} heads instead."
    most = sorted(groups, key=lambda g: -g["value"])[0]
    said = f"{most['label']} {'hold' if most['label'][-1] == 's' else 'holds'} {text.pct(most['share'], 0)} of {text.si(total, 3)} parameters. "
    same = [m["name"] for m in models if m["params"] == total]
    if len(same) > 0:
        return said + f"That is {' and '.join(same)}, to the last parameter."
    near = neighbors(total, models)
    if near[0] is None:
        return said + f"Smaller than every model of the catalog; the next is {near[1]['name']}."
    if near[1] is None:
        return said + f"Larger than every counted model of the catalog; the largest is {near[0]['name']}."
    return said + f"It would stand between {near[0]['name']} ({text.si(near[0]['params'], 3)}) and {near[1]['name']} ({text.si(near[1]['params'], 3)})."


def alt_of(cfg, groups, total):
    """The picture in words."""
    shares = ", ".join([g["label"].lower() + " " + text.pct(g["share"], 1) for g in groups])
    return f"A model of {text.commas(cfg['n_layers'])} layers and width {text.commas(cfg['d_model'])} drawn by area, {text.commas(total)} parameters: {shares}."


def error_compute(v, data):
    """Relative error of 12 n_L d^2 against the exact count of GPT-2-shaped models, by width, with published models as dots."""
    widths = [2 ** (5 + i / 4) for i in range(41)]
    tables = v["against"] == "all"
    gaps = []
    for d in widths:
        layers = max(1.0, d / v["aspect"])
        whole_model = formulas.gpt2_params(layers, d, v["vocab"], 1024)
        exact = whole_model if tables else whole_model - (v["vocab"] + 1024) * d
        gaps.append(formulas.approx_params(layers, d) / exact - 1)
    dots = [m for m in data if m["kind"] == "dense" or v["experts"]]
    errors = [m["rough"] / (m["total"] if tables else m["body"]) - 1 for m in dots]
    good = [e for e in errors if abs(e) <= 0.05]
    series = [
        {"kind": "hline", "y": [0], "color": "muted"},
        {"kind": "line", "x": widths, "y": gaps, "color": 0, "label": "GPT-2 shapes", "label_at": "end", "dy": -10},
        {"kind": "dots", "x": [m["d_model"] for m in dots], "y": errors, "color": 1, "text": [m["name"] for m in dots]},
        {
            "kind": "text", "color": "ink", "dy": 15, "x": [m["d_model"] for m in dots if m["name"] in NAMED],
            "y": [e for m, e in zip(dots, errors) if m["name"] in NAMED], "text": [m["name"] for m in dots if m["name"] in NAMED],
        },
    ]  # fmt: skip
    worst = sorted([{"name": m["name"], "off": e} for m, e in zip(dots, errors)], key=lambda p: -abs(p["off"]))[0]
    half = [d for d, g in zip(widths, gaps) if abs(g) <= 0.05]
    readouts = [
        {"label": "published models within 5 %", "value": f"{text.commas(len(good))} of {text.commas(len(dots))}"},
        {"label": "worst of them", "value": signed(worst["off"]), "note": worst["name"]},
        {"label": "GPT-2 shapes within 5 % from width", "value": text.commas(half[0]) if len(half) > 0 else "none here"},
    ]
    return {
        "series": series, "readouts": readouts, "y": {"domain": [-1.0, 0.15 if not tables else 0.1]},
        "verdict": error_verdict(tables, v["experts"]),
        "alt": f"Error of 12 n_L d squared against width for {text.commas(len(dots))} published models; {text.commas(len(good))} lie within 5 %.",
    }  # fmt: skip


def error_verdict(tables, experts):
    """What the choice of the reader shows."""
    if experts:
        return "A mixture of experts stores many feed-forward parts per layer, so a rule with no word for experts misses most of it."
    if tables:
        return "The rule forgets the token table, which costs vocabulary × d. Width shrinks that share, so the rule gets better as models grow."
    return "Without the tables the rule is nearly exact for GPT shapes at any width. What is left over are newer layers that are not 12 squares of d × d."


NAMED = ["nano-gpt", "GPT-2 Small", "Qwen2.5 7B", "PaLM 540B", "DeepSeek-V3"]


def preset_values(model):
    """The control values that say a catalog model's shape."""
    c = model.config
    kv = "all" if c.n_kv_heads == c.n_heads else "one" if c.n_kv_heads == 1 else "eight"
    return {
        "d_model": c.d_model, "n_layers": c.n_layers, "n_heads": c.n_heads, "kv": kv, "vocab": c.vocab, "n_ctx": c.n_ctx,
        "gated": c.ffn == "gated", "ratio": c.d_ff / c.d_model, "tied": c.tied_head, "experts": str(c.n_experts),
        "style": "gpt" if c.norm == "layernorm" else "llama",
    }  # fmt: skip


def table_share(model):
    """Share of a model's parameters in its token table."""
    counts = accounting.params(model.config)
    return counts["embedding/token"] / counts["total"]


def active_share(model):
    """Share of a model's parameters that one token uses."""
    return model.active_params / model.params


def exact_models():
    """Every dense or sparse model whose shape is published in full, smallest first."""
    rows = [m for m in catalog.models(disclosed="public") if m.config is not None and m.exact]
    return sorted(rows, key=lambda m: m.params)


@explorable
def config_builder() -> Explorable:
    """Build a shape and watch where its parameters go."""
    presets = [{"name": n, "values": preset_values(catalog.model(n))} for n in PRESETS]
    small = preset_values(catalog.model("GPT-2 Small"))
    more = text.pct(table_share(catalog.model("GPT-2 Small")), 0)
    mixtral = catalog.model("Mixtral 8x7B")
    used = text.pct(active_share(mixtral), 0)
    return Explorable(
        "config-builder", "Build a model, count every parameter",
        lead="Areas are parameters. Top: the whole model from input to output. Middle: one layer opened, in squares of d × d. Bottom: where it would stand.",
        compute=builder_compute, view="builder",
        controls=[
            slider("d_model", "Width d", 16, 16384, small["d_model"], integer=True, format="commas", stops=WIDTHS),
            slider("n_layers", "Layers", 1, 128, small["n_layers"], step=1, integer=True, format="commas"),
            slider("vocab", "Vocabulary", 3, 262144, small["vocab"], log=True, integer=True, format="commas", unit="tokens"),
            slider("n_heads", "Query heads", 1, 128, small["n_heads"], integer=True, format="commas", stops=HEADS),
            choice("kv", "Key and value heads", {"all": "As many (MHA)", "eight": "8 (GQA)", "one": "1 (MQA)"}, small["kv"]),
            toggle("tied", "Head shares the token table", small["tied"]),
            *[
                {**control, "hidden": True}  # the view shows these, folded
                for control in (
                    slider("ratio", "Feed-forward width / d", 1, 8, small["ratio"], step=0.25, format="sig", unit="× d"),
                    choice("experts", "Experts in a layer", {"0": "None", "8": "8, use 2", "64": "64, use 6"}, small["experts"]),
                    choice("style", "Habits", {"gpt": "GPT-2", "llama": "Llama"}, small["style"]),
                    slider("n_ctx", "Positions (GPT-2 habits)", 8, 131072, small["n_ctx"], log=True, integer=True, format="commas"),
                    toggle("gated", "Gated feed-forward (third matrix)", small["gated"]),
                )
            ],
        ],
        alt="A model drawn as areas: embeddings, layers split into attention and feed-forward, output head; one layer's matrices to scale; a number line of published models.",
        tries=[
            attempt("Four times the heads, same width", "Nothing moves. Heads cut the same d × d matrices into narrower strips; only fewer key and value heads save anything.", n_heads=48, d_model=768, kv="all"),
            attempt("Double the width of GPT-2 Small", "Every matrix in a layer has two sides of d, so the layers grow four times; the token table has one, so it only doubles.", **{**small, "d_model": 1536}),
            attempt("Untie the head of GPT-2 Small", f"A second table of vocabulary × d appears: {more} more parameters without one more layer.", **{**small, "tied": False}),
            attempt("Mixtral: eight experts", f"Eight feed-forward parts stand side by side in each layer; one token visits two, so it uses {used} of what is stored.", **preset_values(mixtral)),
        ],
        source="Counted part by part, biases and norms included. *GPT-2 habits*: biases, LayerNorm, a table of positions. *Llama habits*: none of these, RMSNorm.",
        data={"presets": presets, "models": [{"name": m.name, "params": m.params} for m in exact_models()]},
    )  # fmt: skip


@explorable
def rule_of_thumb() -> Explorable:
    """12 n_L d^2 against the exact count."""
    data = []
    for m in exact_models():
        counts = accounting.params(m.config)
        tables = counts["embedding/token"] + counts["embedding/position"] + counts["head"]
        data.append({
            "name": m.name, "kind": m.kind, "d_model": m.config.d_model, "total": counts["total"],
            "body": counts["total"] - tables, "rough": formulas.approx_params(m.config.n_layers, m.config.d_model),
        })  # fmt: skip

    def good(vocab: int) -> str:
        values = {"against": "all", "vocab": vocab, "aspect": 64, "experts": False}
        return error_compute(values, data)["readouts"][2]["value"]

    return Explorable(
        "rule-of-thumb", "When are twelve squares a layer good enough?",
        lead="Zero means the rule is exact; −30 % means it misses 30 % of the parameters. Orange dots are published models, each at its own width.",
        compute=error_compute,
        controls=[
            choice("against", "Compare with", {"all": "all parameters", "body": "all but the tables"}, "all"),
            slider("vocab", "Vocabulary of the line", 3, 262144, 50257, log=True, integer=True, format="commas", unit="tokens"),
            slider("aspect", "Width over depth of the line", 8, 256, 64, log=True, format="sig", digits=3),
            toggle("experts", "Show mixtures of experts", False),
        ],
        chart={"x": {"label": "Width d", "log": True, "domain": [32, 32768], "format": "si"}, "y": {"label": "Error of twelve squares a layer", "format": "pct"}},
        alt="Relative error of 12 n_L d squared against the exact parameter count, by width.",
        tries=[
            attempt("Leave the tables out", "The line jumps to zero: 12 squares per layer is right for GPT shapes. Points off the line have other layers, such as Mistral's 13 squares.", against="body", vocab=50257, aspect=64),
            attempt("A vocabulary of 256 (bytes)", f"The line climbs much earlier: it is within 5 % from width {good(256)} on, not only from {good(50257)}. Most of the error was vocabulary; what is left on the far left is the table of positions.", against="all", vocab=256),
        ],
        source="12·n_{L}·d² as in Kaplan et al. 2020, for d_attn = d and a feed-forward part 4 d wide. Dots: shapes as published, counted by the course.",
        data=data,
    )  # fmt: skip
