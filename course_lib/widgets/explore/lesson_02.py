"""Lesson 2: one attention head with every number in sight, and the shapes of a whole model from ids to logits."""

import math
from functools import cache

from course_lib import text
from course_lib.widgets.explorable import Explorable, attempt, choice, explorable, slider, toggle

WORDS = ["the", "dog", "dug", "because", "it"]
# Two numbers per word, first "a thing?", second "an action?": what a word asks for, offers, and hands over.
HAND: dict[str, list[list[float]]] = {
    "q": [[0, 0], [0.5, 0.5], [2, -1], [0, 2], [2, -0.5]],
    "k": [[-1.5, -1], [2.5, 0.75], [0.5, 2.5], [-1.5, 1], [0.75, -1.5]],
    "v": [[0, 0], [4, 1], [1, 4], [0, 1], [1, 0]],
}


def softmax(scores):
    """Shares that sum to 1; a score of None (masked) gets exactly 0."""
    top = max([s for s in scores if s is not None])
    powers = [0.0 if s is None else math.exp(s - top) for s in scores]
    total = sum(powers)
    return [p / total for p in powers]


def readers(weights):
    """exp(entropy): 1 when one token gets all the weight, n when n tokens share it evenly."""
    return math.exp(-sum([w * math.log(w) for w in weights if w > 0]))


def largest_at(xs):
    """Where the largest number stands; the last of several equal ones."""
    best = 0
    for i in range(len(xs)):
        if xs[i] >= xs[best]:
            best = i
    return best


def decimal(x, digits=2):
    """Fixed text without a negative zero; a masked score is minus infinity."""
    if x is None:
        return "−∞"
    return text.fixed(0.0 if abs(x) < 0.5 * 10**-digits else x, digits).replace("-", "−")


def pairs(v, name):
    """The (T, 2) matrix that the number fields of `name` hold."""
    return [[v[name + str(i) + "x"], v[name + str(i) + "y"]] for i in range(len(WORDS))]


def one_head_compute(v, data):
    """Scores, mask, weights and mixed values of one head, for all words, and the sum of one row in full."""
    q = pairs(v, "q")
    k = pairs(v, "k")
    values = pairs(v, "v")
    n = len(WORDS)
    row = WORDS.index(v["word"])
    root = math.sqrt(2) if v["scale"] else 1.0
    dots = [[q[i][0] * k[j][0] + q[i][1] * k[j][1] for j in range(n)] for i in range(n)]
    scores = [[dots[i][j] / root / v["temperature"] for j in range(n)] for i in range(n)]
    masked = [[None if v["mask"] and j > i else scores[i][j] for j in range(n)] for i in range(n)]
    weights = [softmax(r) for r in masked]
    mixed = [[sum([weights[i][j] * values[j][c] for j in range(n)]) for c in range(2)] for i in range(n)]
    best = largest_at(weights[row])
    top = max([s for s in masked[row] if s is not None])
    # Two equal scores share the lead: then no word is looked at hardest.
    leaders = len([j for j in range(n) if weights[row][j] > weights[row][best] - 1e-9])
    by_hand = [
        {
            "word": WORDS[j],
            "cells": [
                decimal(dots[row][j]), decimal(masked[row][j]),
                "0" if masked[row][j] is None else decimal(math.exp(masked[row][j] - top)),
                text.pct(weights[row][j]),
                "(" + decimal(weights[row][j] * values[j][0]) + ", " + decimal(weights[row][j] * values[j][1]) + ")",
            ],
        }
        for j in range(n)
    ]  # fmt: skip
    ahead = sum([weights[row][j] if j > row else 0.0 for j in range(n)])
    return {
        "words": WORDS, "row": row, "q": q, "k": k, "v": values, "weights": weights, "mixed": mixed,
        "score_text": [[decimal(x) for x in r] for r in masked],
        "weight_text": [[decimal(x) for x in r] for r in weights],
        "mixed_text": [[decimal(x) for x in r] for r in mixed],
        "by_hand": by_hand,
        "readouts": [
            {"label": f"“{WORDS[row]}” looks hardest at", "value": WORDS[best] if leaders == 1 else f"{leaders} words alike",
             "note": text.pct(weights[row][best]) + " of its weight"},
            {"label": "words it reads, in effect", "value": decimal(readers(weights[row])), "note": "e to the entropy of the weights"},
            {"label": "weight on words still to come", "value": text.pct(ahead), "tone": "bad" if ahead > 0 else "good"},
            {"label": "it carries away", "value": "(" + mixed_words(mixed[row]) + ")", "note": "the weighted mean of the values"},
        ],
        "verdict": one_head_verdict(row, best, weights, ahead, leaders),
        "tone": "bad" if ahead > 0 else "",
        "alt": f"Arrow of the query of “{WORDS[row]}” and a dot per key; the larger a dot, the more weight. Largest: {WORDS[best]}, {text.pct(weights[row][best])}.",
    }  # fmt: skip


def mixed_words(pair):
    """A value of two numbers as text."""
    return decimal(pair[0]) + ", " + decimal(pair[1])


def one_head_verdict(row, best, weights, ahead, leaders):
    """One sentence about the chosen row."""
    word = WORDS[row]
    if ahead > 0:
        return f"“{word}” takes {text.pct(ahead)} of what it knows from words that come after it. A model trained like this reads the answer instead of predicting it."
    if row == 0:
        return f"“{word}” is first: with the mask on it can only look at itself, so its one weight is 1."
    if leaders > 1:
        return f"Equal scores, equal weights: “{word}” takes a plain average of the {leaders} words it scores alike."
    return f"The query of “{word}” scores highest with the key of “{WORDS[best]}”: {text.pct(weights[row][best])} of what it carries away is that word's value."


@explorable
def one_head() -> Explorable:
    """One head on five words, by hand."""
    kinds = {"q": "query", "k": "key", "v": "value"}
    fields = [
        {**slider(f"{m}{i}{axis}", f"{kinds[m]} of {word}, {which} number", -4, 4, float(HAND[m][i][a]), step=0.25, format="fixed"),
         "hidden": True}  # the view draws these inside its tables
        for m in "qkv" for i, word in enumerate(WORDS) for a, (axis, which) in enumerate((("x", "first"), ("y", "second")))
    ]  # fmt: skip
    return Explorable(
        "one-head", "One attention head, with every number in sight",
        lead="Five words, two numbers each. We chose the numbers so that the first means “thing” and the second “action”; training finds its own. Change any of them, or drag the arrow and the dots.",
        compute=one_head_compute, view="head",
        controls=[
            choice("word", "Follow the word", WORDS, "it"),
            slider("temperature", "Temperature", 0.1, 10, 1.0, log=True, format="fixed", digits=2),
            toggle("mask", "Causal mask: no word sees the words after it", True),
            toggle("scale", "Divide the scores by √2, the root of the head's width", True),
            *fields,
        ],
        alt="Queries, keys and values of five words, their scores, their weights after mask and softmax, and the mixed values.",
        tries=[
            attempt("Follow “dug” and take the mask off", "“dug” asks for a thing. Now it may also look ahead to “it”, which stands to its right: "
                    "more than a quarter of its weight goes to words that the model is supposed to predict.", word="dug", mask=False, temperature=1.0),
            attempt("Make “it” ask for an action", "Only the query of “it” has changed, from (2, −0.5) to (−0.5, 2), and it now reads “dug”. "
                    "Keys and values are as before: who is heard depends on the question.", word="it", q4x=-0.5, q4y=2.0, mask=True, temperature=1.0),
            attempt("Cool it to 0.1", "Differences in score are multiplied by ten, and the head copies one word: softmax becomes a pick of the largest.", word="it", temperature=0.1, mask=True),
            attempt("Heat it to 10", "All scores shrink towards 0 and the weights towards one fifth each: the head averages what it sees.", word="it", temperature=10.0, mask=True),
        ],
        source="Scaled dot-product attention: Vaswani et al. 2017, arXiv 1706.03762, equation 1. The words and numbers are ours.",
    )  # fmt: skip


def tensor(name, symbols, sizes, sheets, group, says):
    """One tensor of the pass; `sheets` says how many leading sizes are drawn as stacked sheets."""
    count = 1
    for s in sizes:
        count = count * s
    shape = "(" + ", ".join([text.commas(s) for s in sizes]) + ")"
    return {
        "name": name, "symbols": symbols, "shape": shape, "count": count, "group": group, "says": says,
        "count_text": text.commas(count) if count < 1e6 else text.si(count), "bytes_text": text.gigabytes(2 * count),
        "rows": sizes[len(sizes) - 2] if len(sizes) > 2 else sizes[1],
        "cols": sizes[len(sizes) - 1] if len(sizes) > 2 else 1, "sheets": sheets,
    }  # fmt: skip


def flow(m, b, t):
    """Every tensor from token ids to logits for model `m`, batch `b` and `t` tokens."""
    c = m["d_model"]
    h = m["n_heads"]
    d = m["d_head"]
    few = m["n_kv_heads"]
    kv = "(B, H, T, D)" if few == h else "(B, H_kv, T, D)"
    shared = "One key and one value per head and token." if few == h else f"Only {few} heads' worth for {h} query heads: each is shared by {text.plain(h / few)}."
    place = "Row t of a second table is added: the only weights that count positions." if m["positions"] == "learned" else "Positions come later, as a rotation of queries and keys: no table."
    return [
        tensor("Token ids", "(B, T)", [b, t], 1, "in", f"Whole numbers from 0 to {text.commas(m['vocab'] - 1)}: all the model is told."),
        tensor("Embedded tokens", "(B, T, C)", [b, t, c], 1, "in", f"Each id picks a row of a {text.commas(m['vocab'])} × {text.commas(c)} table. {place}"),
        tensor("Queries", "(B, H, T, D)", [b, h, t, d], h, "block", f"The normed stream times a {text.commas(c)} × {text.commas(h * d)} matrix, cut into {h} heads of {d}: what each token asks for."),
        tensor("Keys, and values", kv + " twice", [b, few, t, d], few, "block", f"What each token offers, and what it hands over. {shared}"),
        tensor("Scores and weights", "(B, H, T, T)", [b, h, t, t], h, "block", "Every token against every token, in every head: the only tensor that grows with the square of T. Fused kernels compute it in tiles and never store it whole."),
        tensor("Mixed values", "(B, H, T, D)", [b, h, t, d], h, "block", "Weights times values: what each head brings back."),
        tensor("Heads joined, added back", "(B, T, C)", [b, t, c], 1, "block", f"The heads side by side are {text.commas(h * d)} wide again; one more matrix mixes them, and the sum returns to the stream."),
        tensor("Feed-forward hidden", "(B, T, F)", [b, t, m["d_ff"]], 1, "block", f"Each token for itself, widened to {text.commas(m['d_ff'])}, bent, narrowed to {text.commas(c)} and added back." + (" A gate of the same width multiplies it." if m["gated"] else "")),
        tensor("Logits", "(B, T, V)", [b, t, m["vocab"]], 1, "out", "One score per vocabulary entry, at every position at once: T predictions from one pass. Softmax makes them probabilities."),
    ]  # fmt: skip


def shapes_compute(v, data):
    """The shape of every tensor on the way from ids to logits, for a published model, a batch and a context."""
    m = data[[r["key"] for r in data].index(v["model"])]
    t = min(v["context"], m["n_ctx"])
    tensors = flow(m, v["batch"], t)
    big = largest_at([x["count"] for x in tensors])
    largest = tensors[big]
    cut = f" {m['name']} reads at most {text.commas(m['n_ctx'])} tokens, so T stops there." if v["context"] > m["n_ctx"] else ""
    turn = "Positions take no weights either." if m["positions"] != "learned" else f"Only the position table knows how long a text may be: {text.commas(m['n_ctx'])} rows."
    return {
        "tensors": tensors, "largest": big, "layers": m["n_layers"], "model": m["name"],
        "readouts": [
            {"label": "parameters", "value": text.si(m["params"]), "note": f"{m['n_layers']} blocks, {text.commas(m['d_model'])} wide, {m['n_heads']} heads"},
            {"label": "tokens read at once, B × T", "value": text.commas(v["batch"] * t)},
            {"label": "the stream, (B, T, C)", "value": tensors[1]["count_text"], "note": "numbers; " + tensors[1]["bytes_text"] + " in 16-bit"},
            {"label": "largest tensor", "value": largest["count_text"], "note": largest["name"].lower() + ", " + largest["bytes_text"] + " in 16-bit"},
        ],
        "verdict": f"No weight of {m['name']} has B or T in its shape: the same {text.si(m['params'])} numbers read one token or {text.commas(t)}. {turn}{cut}",
        "alt": f"The tensors of {m['name']} from ids to logits, each drawn as a sheet with its shape.",
    }  # fmt: skip


@cache
def published_shapes() -> list[dict[str, object]]:
    """The models of the shape explorer, from the catalog."""
    from course_lib import accounting, catalog

    rows: list[dict[str, object]] = []
    for name in ("nano-gpt", "GPT-2 Small", "GPT-2 XL", "GPT-3", "Llama 3 8B"):
        cfg = catalog.model(name).config
        if cfg is None:
            raise ValueError(f"the catalog holds no shape for {name}")
        kept = ("n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff", "vocab", "n_ctx", "positions")
        shown = name.replace("nano-gpt", "nano-GPT")
        row: dict[str, object] = {size: getattr(cfg, size) for size in kept}
        rows.append({"key": name, "name": shown, "gated": cfg.ffn == "gated", "params": accounting.params(cfg)["total"], **row})
    return rows


@explorable
def shapes() -> Explorable:
    """From token ids to logits, every tensor with its shape."""
    data = published_shapes()
    return Explorable(
        "shapes", "One drawing, five models",
        lead="The same nine tensors, in the same order, for every model. Pick one and read its shapes; open a tensor to see what makes it. One text of the batch is drawn, a sheet per head, on a log scale: twice the side means the square of the size.",
        compute=shapes_compute, view="shapes",
        controls=[
            choice("model", "Model", {str(r["key"]): str(r["name"]) for r in data}, "nano-gpt"),
            slider("batch", "B, texts at once", 1, 64, 1, log=True, integer=True, format="commas", stops=(1, 2, 4, 8, 16, 32, 64)),
            slider("context", "T, tokens in each", 1, 8192, 11, log=True, integer=True, format="commas", stops=(1, 4, 11, 32, 128, 512, 1024, 2048, 4096, 8192)),
        ],
        alt="The tensors of a decoder from token ids to logits, each with its shape and its number of entries.",
        tries=[
            attempt("GPT-3 on the same 11 tokens", "Not one box was added or taken away. Width, heads, vocabulary and the number of blocks have changed, and that is all.", model="GPT-3", context=11, batch=1),
            attempt("GPT-3 at its full 2,048 tokens", "The scores are now the largest tensor: 96 heads times 2,048 times 2,048. Lesson 14 is about never storing them.", model="GPT-3", context=2048, batch=1),
            attempt("GPT-2 Small with 8 texts of 1,024", "Now the logits are largest: 50,257 scores at each of 8,192 positions. In small models the vocabulary, not the blocks, fills the memory of a training step.", model="GPT-2 Small", context=1024, batch=8),
        ],
        source="Shapes from the catalog: Radford et al. 2019; Brown et al. 2020; Grattafiori et al. 2024; nano-GPT is the sorter of bbycroft.net/llm.",
        data=data,
    )  # fmt: skip
