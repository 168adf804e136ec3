"""Lesson 12: two models side by side as areas, part by part; rotary positions as dials."""

import math

from course_lib import accounting, catalog, formulas, text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider

# In the order of drawing: the same part stands at the same place in every model.
GROUPS = {
    "ffn": {"label": "Feed-forward", "color": 2},
    "expert": {"label": "Experts", "color": 2},
    "shared_expert": {"label": "Shared experts", "color": 1},
    "attention": {"label": "Attention", "color": 0},
    "embedding": {"label": "Embeddings", "color": 4},
    "head": {"label": "Output head", "color": 3},
    "router": {"label": "Router", "color": 5},
    "norm": {"label": "Norms", "color": 6},
}
PARTS = {
    "up": "up", "gate": "gate", "down": "down", "bias": "biases", "q": "queries", "k": "keys", "v": "values", "o": "output",
    "kv_latent": "key-value latent", "relative": "relative positions", "norm": "norms inside", "token": "token table", "position": "positions",
}  # fmt: skip
SAYS = {
    "up": "widens the stream for each position alone", "gate": "decides how far each hidden unit opens", "down": "brings the hidden units back to the width",
    "bias": "one number for each output of a matrix", "q": "what a position asks for", "k": "what a position offers to be found by", "v": "what a position hands over",
    "o": "mixes the heads back into the stream", "kv_latent": "presses keys and values into what the cache keeps", "relative": "keys for distances",
    "norm": "a scale for each channel", "token": "a vector for each word of the vocabulary", "position": "a vector for each place in the text",
    "head": "a score for each word of the vocabulary", "router": "which experts a position visits",
}  # fmt: skip
DIALS = 8  # at most so many pairs are drawn
REACH = 131072  # positions


def label_of(key):
    """A part in words: "ffn/up" is "Feed-forward: up"."""
    words = key.split("/")
    group = GROUPS[words[0]]["label"]
    return group + ": " + PARTS[words[1]] if len(words) > 1 else group


def elongation(areas, side):
    """The longest shape in a row of rectangles that together stand on `side`: its longer side over its shorter."""
    total = sum(areas)
    worst = 1.0
    for a in areas:
        ratio = side * side * a / (total * total)
        worst = max(worst, ratio, 1 / ratio)
    return worst


def squarify(areas, x, y, w, h):
    """Rectangles [x, y, w, h] of the given areas that fill a box, in order, as square as that allows (Bruls et al. 2000)."""
    out = []
    i = 0
    while i < len(areas):
        side = min(w, h)
        row = [areas[i]]
        i += 1
        while i < len(areas):
            longer = list(row)
            longer.append(areas[i])
            if elongation(longer, side) > elongation(row, side):
                break
            row = longer
            i += 1
        total = sum(row)
        at = 0.0
        if w >= h:
            wide = total / h
            for a in row:
                out.append([x, y + at, wide, a / wide])
                at += a / wide
            x += wide
            w -= wide
        else:
            high = total / w
            for a in row:
                out.append([x + at, y, a / high, high])
                at += a / high
            y += high
            h -= high
    return out


def group_sums(parts):
    """Parameters by group, in the order of GROUPS, empty ones left out."""
    out = []
    for g in GROUPS:
        own = [p for p in parts if p["key"].split("/")[0] == g]
        if len(own) > 0:
            out.append({"key": g, "value": sum([p["value"] for p in own]), "parts": own})
    return out


def treemap(name, parts, side):
    """A model as nested rectangles in a square of `side`; each knows its share, its count and how it is multiplied out."""
    total = sum([p["value"] for p in parts])
    unit = side * side / total
    groups = group_sums(parts)
    rects = []
    for g, box in zip(groups, squarify([g["value"] * unit for g in groups], 0.0, 0.0, side, side)):
        inner = squarify([p["value"] * unit for p in g["parts"]], box[0], box[1], box[2], box[3])
        for p, r in zip(g["parts"], inner):
            words = p["key"].split("/")
            rects.append({
                "key": p["key"], "group": g["key"], "color": GROUPS[g["key"]]["color"], "label": label_of(p["key"]),
                "short": PARTS[words[1]] if len(words) > 1 else GROUPS[words[0]]["label"].lower(),
                "says": SAYS[words[len(words) - 1]], "x": r[0], "y": r[1], "w": r[2], "h": r[3],
                "count": text.commas(p["value"]), "share": p["value"] / total, "share_text": text.pct(p["value"] / total, share_digits(p["value"] / total)), "how": p["how"],
            })  # fmt: skip
    return {"name": name, "total": total, "side": side, "rects": rects}


def share_digits(share):
    """Decimals of a per cent that leave something to read of a small share."""
    return 1 if share >= 0.001 else 4


def parts_of(model, active):
    """A model's parts with the count in question: all that is stored, or what one token uses."""
    return [
        {"key": p[0], "value": p[2] if active else p[1], "how": p[4] if active else p[3]}
        for p in model["parts"]
    ]


def value_of(parts, key):
    """The count of one part, 0 where a model has none."""
    found = [p["value"] for p in parts if p["key"] == key]
    return found[0] if len(found) > 0 else 0


def table_rows(a, b):
    """One row per group and, below it, per part, with both counts and shares."""
    total_a = sum([p["value"] for p in a])
    total_b = sum([p["value"] for p in b])
    rows = []
    for g in GROUPS:
        keys = [p["key"] for p in a if p["key"].split("/")[0] == g]
        keys = keys + [p["key"] for p in b if p["key"].split("/")[0] == g and value_of(a, p["key"]) == 0]
        if len(keys) > 0:
            in_a = sum([value_of(a, k) for k in keys])
            in_b = sum([value_of(b, k) for k in keys])
            rows.append(table_row(g, GROUPS[g]["label"], True, in_a, in_b, total_a, total_b))
            if len(keys) > 1:
                for k in keys:
                    rows.append(
                        table_row(
                            k, PARTS[k.split("/")[1]], False, value_of(a, k), value_of(b, k), total_a, total_b
                        )
                    )
    return rows


def table_row(key, label, whole, a, b, total_a, total_b):
    """One line of the comparison as text, with the shares as numbers for the bars."""
    return {
        "key": key, "label": label, "group": whole, "color": GROUPS[key.split("/")[0]]["color"],
        "a": text.commas(a) if a > 0 else "none", "b": text.commas(b) if b > 0 else "none", "share_a": a / total_a, "share_b": b / total_b,
        "share_a_text": text.pct(a / total_a, share_digits(a / total_a)) if a > 0 else "", "share_b_text": text.pct(b / total_b, share_digits(b / total_b)) if b > 0 else "",
    }  # fmt: skip


def named(data, name):
    """The model of that name."""
    return data[[m["name"] for m in data].index(name)]


def anatomy_compute(v, data):
    """Two catalog models as treemaps, a table of their parts, and where their shares differ most."""
    models = [named(data, v["left"]), named(data, v["right"])]
    active = v["count"] == "active"
    a = parts_of(models[0], active)
    b = parts_of(models[1], active)
    totals = [sum([p["value"] for p in a]), sum([p["value"] for p in b])]
    most = max(totals)
    sides = [1.0 if v["area"] == "share" else math.sqrt(t / most) for t in totals]
    maps = [treemap(models[0]["name"], a, sides[0]), treemap(models[1]["name"], b, sides[1])]
    rows = table_rows(a, b)
    readouts = [
        {"label": models[0]["name"], "value": text.commas(totals[0]), "note": models[0]["says"]},
        {"label": models[1]["name"], "value": text.commas(totals[1]), "note": models[1]["says"]},
        {"label": "feed-forward over attention", "value": text.sig(ffn_over_attention(a), 2) + " and " + text.sig(ffn_over_attention(b), 2), "note": "left and right, experts counted as feed-forward"},
    ]  # fmt: skip
    return {
        "maps": maps,
        "rows": rows,
        "readouts": readouts,
        "verdict": anatomy_verdict(models, rows, totals),
        "alt": f"Two treemaps. {in_words(maps[0], rows, 'share_a')} {in_words(maps[1], rows, 'share_b')}",
    }


def ffn_over_attention(parts):
    """Feed-forward weights of all kinds for each attention weight."""
    sums = [0.0, 0.0]
    for p in parts:
        group = p["key"].split("/")[0]
        if group == "attention":
            sums[1] += p["value"]
        if group == "ffn" or group == "expert" or group == "shared_expert":
            sums[0] += p["value"]
    return sums[0] / sums[1]


def in_words(drawn, rows, side):
    """A treemap in words: its groups and their shares."""
    listed = ", ".join(
        [r["label"].lower() + " " + text.pct(r[side], 1) for r in rows if r["group"] and r[side] > 0.0005]
    )
    return f"{drawn['name']}, {text.commas(drawn['total'])} parameters: {listed}."


def anatomy_verdict(models, rows, totals):
    """Which is larger, and the group whose share differs most."""
    groups = [r for r in rows if r["group"]]
    kinds = [[r for r in groups if r["key"] in ["ffn", "expert", "shared_expert"]]]
    kinds = kinds + [[r] for r in groups if r["key"] not in ["ffn", "expert", "shared_expert"]]
    widest = [0.0, 0.0]
    name = ""
    for kind in kinds:
        shares = [sum([r["share_a"] for r in kind]), sum([r["share_b"] for r in kind])]
        if abs(shares[0] - shares[1]) >= abs(widest[0] - widest[1]):
            widest = shares
            name = kind[0]["label"].lower() + (", experts included" if len(kind) > 1 else "")
    names = [m["name"] for m in models]
    if names[0] == names[1]:
        return "The same model twice. Choose another one on either side."
    big = 0 if totals[0] >= totals[1] else 1
    factor = totals[big] / totals[1 - big]
    size = f"{names[big]} has {text.times(factor, 3)} the parameters of {names[1 - big]}. "
    if factor < 1.005:
        size = f"{names[0]} and {names[1]} are of one size, to within half a per cent. "
    return (
        size
        + f"Their shares differ most in {name}: {text.pct(widest[0], 1)} of {names[0]}, {text.pct(widest[1], 1)} of {names[1]}."
    )


def how(cfg, key, experts):
    """The multiplication that gives a part's count, with `experts` routed experts per layer."""
    n, sparse, d = cfg.n_layers, accounting.moe_layers(cfg), cfg.d_model
    wide, narrow = cfg.n_heads * cfg.d_head, cfg.n_kv_heads * cfg.d_head
    group, _, part = key.partition("/")
    if group in ("embedding", "head"):
        return f"{(cfg.n_ctx if part == 'position' else cfg.vocab):,} × {d:,}"
    if group == "attention" and part in "qkvo" and not cfg.kv_lora_rank:
        return f"{n} × {d:,} × {(wide if part in 'qo' else narrow):,}"
    if part in ("up", "gate", "down"):
        width = {"ffn": cfg.d_ff, "expert": cfg.d_expert, "shared_expert": cfg.d_shared}[group]
        copies = {
            "ffn": f"{n - sparse}",
            "expert": f"{sparse} × {experts}",
            "shared_expert": f"{sparse} × {cfg.n_shared_experts}",
        }[group]
        return f"{copies} × {d:,} × {width:,}"
    count = accounting.params(cfg)[key]
    if group == "norm":
        return f"{count // d} × {d:,}"
    copies = sparse if group == "router" else n - sparse if group == "ffn" else n
    return f"{copies} × {count // copies:,}"


def anatomy_row(model):
    """A catalog model for `anatomy`: [key, parameters, used by a token, how, how of the used ones] for each part it has."""
    stored, used = accounting.params(model.config), accounting.active_params(model.config)
    keys = [k for k in stored if k != "total" and stored[k] > 0]
    parts = [
        [
            k,
            stored[k],
            used[k],
            how(model.config, k, model.config.n_experts),
            how(model.config, k, model.config.top_k),
        ]
        for k in keys
    ]
    c = model.config
    says = f"{c.n_layers} layers, width {c.d_model:,}" + (
        ", head tied to the token table" if c.tied_head else ""
    )
    return {"name": model.name, "says": says, "parts": parts}


def anatomy_models():
    """Every catalog model with a published shape, in order of release."""
    return [m for m in catalog.models(disclosed="public") if m.config is not None]


def share_of(name, group):
    """Share of a model's parameters in a group, as text."""
    parts = accounting.params(catalog.model(name).config)
    return text.pct(accounting.groups(parts)[group] / parts["total"], 1)


@explorable
def anatomy() -> Explorable:
    """Any two models of the catalog as treemaps."""
    rows = [anatomy_row(m) for m in anatomy_models()]
    names = [r["name"] for r in rows]
    deepseek = catalog.model("DeepSeek-V3").config
    assert deepseek is not None
    routed = accounting.active_params(deepseek)["total"] / accounting.params(deepseek)["total"]
    return Explorable(
        "two-models", "Two models, opened",
        lead="Every area is parameters. Point at a part, or step through them with the arrow keys, to see its exact count and the multiplication behind it, in both models at once.",
        compute=anatomy_compute, view="treemap",
        controls=[
            choice("left", "Left", names, "Llama 3 8B", menu=True),
            choice("right", "Right", names, "Llama 2 7B", menu=True),
            choice("area", "Areas", {"share": "Each fills its square", "same": "Same scale for both"}, "share"),
            choice("count", "Count", {"all": "All parameters", "active": "What one token uses"}, "all"),
        ],
        alt="Two models as treemaps: feed-forward, attention, embeddings and head as areas.",
        tries=[
            attempt("GPT-3 beside Llama 3 70B", f"The classic shape spends a third on attention ({share_of('GPT-3', 'attention')}), because each query head has a key and value head of its own; grouped heads bring it down to {share_of('Llama 3 70B', 'attention')}.", left="GPT-3 175B", right="Llama 3 70B", area="share", count="all"),
            attempt("Llama 3.2 1B beside Llama 3.1 405B", f"One vocabulary for both. It fills {share_of('Llama 3.2 1B', 'embedding')} of the small model, and the large one hides it: {share_of('Llama 3.1 405B', 'embedding')} and as much for the head.", left="Llama 3.2 1B", right="Llama 3.1 405B", area="share", count="all"),
            attempt("The same two, at one scale", "The small model is the speck at the top left. Sharing a design does not mean sharing a size.", left="Llama 3.2 1B", right="Llama 3.1 405B", area="same", count="all"),
            attempt("DeepSeek-V3: what one token uses", f"Of the experts a token visits eight in 256, so it meets {text.pct(routed, 1)} of the parameters, and attention is suddenly a large part of the work.", left="DeepSeek-V3", right="Llama 3 70B", area="share", count="active"),
        ],
        source="Counted from the published shapes; the shapes of Gopher and Chinchilla leave details open, so their last digits are ours.",
        data=rows,
    )  # fmt: skip


def dial_pairs(pairs):
    """The pairs to draw: all of them, or eight from the fastest to the slowest."""
    if pairs <= DIALS:
        return list(range(pairs))
    return [math.floor(i * (pairs - 1) / (DIALS - 1) + 0.5) for i in range(DIALS)]


def distances():
    """Distances at which the curve is drawn: every one up to 64, then 24 for each doubling."""
    out = list(range(1, 65))
    for i in range(1, 24 * 11 + 1):
        out.append(math.floor(64 * 2 ** (i / 24) + 0.5))
    return out


def mean_cosine(distance, angles):
    """`formulas.rope_score` with its angles worked out beforehand."""
    return sum([math.cos(distance * a) for a in angles]) / len(angles)


def turn_of(angle):
    """An angle within one turn, 0 to 2 pi."""
    return angle - 2 * math.pi * math.floor(angle / (2 * math.pi))


def tokens_text(x):
    """A wavelength in tokens, short."""
    return text.sig(x, 3) if x < 1000 else text.si(x, 3)


def rope_compute(v, data):
    """The pairs of a query and of an equal key as hands of dials, and the score against the distance."""
    width = math.floor(float(v["width"]) + 0.5)
    m = math.floor(v["query"] + 0.5)
    n = math.floor(v["key"] + 0.5)
    pairs = math.floor(width / 2)
    angles = [formulas.rope_angle(i, width, v["base"]) for i in range(pairs)]
    gap = abs(m - n)
    score = mean_cosine(gap, angles)
    dials = []
    for i in dial_pairs(pairs):
        wave = 2 * math.pi / angles[i]
        dials.append({
            "pair": i + 1, "query": turn_of(m * angles[i]), "key": turn_of(n * angles[i]), "cosine": math.cos(gap * angles[i]),
            "cosine_text": signed(math.cos(gap * angles[i])), "wave_text": tokens_text(wave),
        })  # fmt: skip
    xs = distances()
    turned = len([a for a in angles if gap * a > math.pi / 2])
    slowest = 2 * math.pi / angles[pairs - 1]
    series = [
        {"kind": "hline", "y": [0], "color": "muted"},
        {"kind": "line", "x": xs, "y": [mean_cosine(x, angles) for x in xs], "color": 0},
    ]
    if gap > 0:
        series.append(
            {"kind": "dots", "x": [gap], "y": [score], "color": 1, "size": 7, "text": ["your distance"]}
        )
    return {
        "dials": dials, "pairs": pairs, "series": series,
        "readouts": [
            {"label": "distance", "value": text.commas(gap) + (" token" if gap == 1 else " tokens")},
            {"label": "score, of 1 at distance 0", "value": signed(score)},
            {"label": "pairs past a quarter turn", "value": f"{text.commas(turned)} of {text.commas(pairs)}", "note": "they add noise, no nearness"},
            {"label": "slowest pair turns once in", "value": tokens_text(slowest) + " tokens"},
        ],
        "verdict": rope_verdict(turned, pairs, m == n),
        "alt": f"{text.commas(len(dials))} dials of {text.commas(pairs)} pairs with the hands of a query at position {text.commas(m)} and a key at {text.commas(n)}; the score at their distance of {text.commas(gap)} is {signed(score)}.",
    }  # fmt: skip


def signed(x):
    """Two decimals with a true minus sign."""
    shown = text.fixed(abs(x), 2)
    return ("−" if x < 0 and shown != "0.00" else "") + shown


def rope_verdict(turned, pairs, same):
    """What the dials say at this distance."""
    if same:
        return "Same position: on every dial both hands point the same way, wherever that is, and the score is 1."
    if turned == pairs:
        return "Every pair is past a quarter turn. At such a distance the score carries no hint of nearness: the base is too small for this context."
    if turned == 0:
        return (
            "All pairs still point nearly the same way: near neighbors score high before a word is compared."
        )
    return f"{text.commas(turned)} fast pairs have lost track of the distance, {text.commas(pairs - turned)} slow ones still tell it. Only the angle between the hands counts, never where they point."


@explorable
def rope() -> Explorable:
    """Rotary positions as dials."""
    slow = [tokens_text(formulas.rope_wavelength(63, 128, base)) for base in (100.0, 10_000.0, 500_000.0)]
    return Explorable(
        "rope", "Positions as dials",
        lead="A query and an equal key, channel pair by channel pair. Each pair is a hand that turns with the position, the first fast, the last slowly. The score adds up how well the two hands of each dial agree.",
        compute=rope_compute, view="dials",
        controls=[
            slider("query", "Position of the query", 1, REACH, 103, log=True, integer=True, format="commas"),
            slider("key", "Position of the key", 1, REACH, 100, log=True, integer=True, format="commas"),
            slider("base", "Base of the frequencies", 10, 10_000_000, 10_000, log=True, format="sig", digits=3, stops=[10, 100, 1000, 10_000, 100_000, 500_000, 1_000_000, 10_000_000]),
            choice("width", "Channels of a head", {"8": "8", "16": "16", "64": "64", "128": "128"}, "128"),
        ],
        chart={"x": {"label": "Distance between query and key (tokens)", "log": True, "domain": [1, REACH], "format": "si"}, "y": {"label": "Score", "domain": [-0.5, 1.05]}, "height": 260},
        alt="Dials with two hands each, and a curve of the score against the distance.",
        tries=[
            attempt("Move both by 1,000", "Every hand has moved, on the fast dials by many turns. The angle between the two hands is the same on each dial, so the score is the same: only the distance counts.", query=1103, key=1100, base=10_000, width="128"),
            attempt("A long look back, base 100", f"With so small a base even the slowest of 64 pairs turns once in {slow[0]} tokens. At a distance of 8,000 none of them knows how far it is.", query=8100, key=100, base=100, width="128"),
            attempt("The same look back, base 500,000", f"Llama 3 reads 8,192 tokens with this base: its slowest pair needs {slow[2]} tokens for a turn ({slow[1]} at the usual 10,000), so part of the head still sees the distance.", query=8100, key=100, base=500_000, width="128"),
        ],
        source="Su et al. 2021: pair i of D/2 turns base^{−2(i−1)/D} radians per position. Query and key are taken equal, all pairs equally long; learned ones weigh the pairs.",
    )  # fmt: skip
