"""Quiz of lesson 3: every key is counted here, from shapes."""

from __future__ import annotations

from course_lib import accounting, catalog, formulas, text
from course_lib.modelconfig import ModelConfig
from course_lib.quizzes.questions import (
    Lesson,
    Question,
    multiple,
    numeric,
    ordering,
    right,
    single,
    trap,
    wrong,
)  # fmt: skip
from course_lib.quizzes.shapes import total

GPT1_VOCAB = 40478


def build() -> Lesson:
    """Guesses, questions and exercises."""
    return Lesson(
        id="03_counting_parameters",
        title="3. Counting parameters",
        predictions=(_growth(), _slip()),
        questions=(
            _estimate(),
            _heads(),
            _cheapest(),
            _grouped(),
            _same(),
            _missing(),
            _gated(),
            _two_counts(),
        ),
        exercises=(_llama(), _window()),
    )


def _growth() -> Question:
    small, large = catalog.config_of("GPT-2 Small"), catalog.config_of("GPT-3")
    factor = total(large) / total(small)
    deep, wide = large.n_layers / small.n_layers, large.d_model / small.d_model
    return numeric(
        "growth",
        f"GPT-3 is {wide:.0f} times as wide as the smallest GPT-2 and {deep:.0f} times as deep. "
        "How many times as many parameters does it have?",
        factor, unit="times", rtol=0.05,
        why=f"Its layers alone grew {deep:.0f} × {wide:.0f}^{{2}} = {text.commas(deep * wide**2)} times. "
        f"The token table grew only {wide:.0f} times, and it is a large part of the small model.",
    )  # fmt: skip


def _slip() -> Question:
    config = catalog.config_of("GPT-2 Small")
    old = total(config, vocab=GPT1_VOCAB)
    return single(
        "slip",
        "The GPT-2 paper gives its smallest model 117M parameters; the released weights hold 124M. Which slip would explain it?",
        right("The table was counted with the vocabulary of the model before it",
              f"With GPT-1's {text.commas(GPT1_VOCAB)} tokens the count is {text.si(old, 4)}, which rounds to 117M. The lesson tests it on all four sizes."),
        wrong("The biases were left out", f"All biases and norms together are {text.si(_small_parts(config), 2)}: far too few."),
        wrong("The table of positions was left out",
              f"Positions cost {text.si(config.n_ctx * config.d_model, 2)}. The gap is {text.si(total(config) - 117e6, 2)}."),
        wrong("One layer too few was counted", f"A layer holds {text.si(_layer(config), 2)}, close to the gap here. But the gap of the next size would then be {text.si(_layer(catalog.config_of('GPT-2 Medium')), 3)}, and it is {text.si(total(catalog.config_of('GPT-2 Medium')) - 345e6, 2)}."),
    )  # fmt: skip


def _small_parts(config: ModelConfig) -> int:
    parts = accounting.params(config)
    return sum(n for key, n in parts.items() if "bias" in key or "norm" in key)


def _layer(config: ModelConfig) -> int:
    return total(config, n_layers=config.n_layers + 1) - total(config)


def _estimate() -> Question:
    layers, d = 24, 2048
    key = formulas.approx_params(layers, d)
    return numeric(
        "estimate",
        f"A classic GPT has {layers} layers of width {text.commas(d)}. About how many parameters are in its layers?",
        key, rtol=0.05,
        traps=[
            trap(layers * formulas.attention_params(d, 16, 16, d / 16), "That is attention alone: 4 squares a layer. The feed-forward part adds 8."),
            trap(layers * formulas.ffn_params(d, 4 * d, 2), "That is the feed-forward part alone: 8 squares a layer. Attention adds 4."),
            trap(formulas.approx_params(1, d), "That is one layer. There are 24."),
        ],
        why=f"12 × {layers} × {text.commas(d)}^{{2}} = {text.si(key, 3)}.",
        hint="Count squares of d × d in one layer.",
    )  # fmt: skip


def _heads() -> Question:
    return single(
        "heads",
        "Two models have the same width, depth and vocabulary. One splits attention into 12 heads, the other into 24, each with its own keys and values. Which has more parameters?",
        right("Neither", "Q, K, V and O stay d × d. Heads only decide how their columns are grouped."),
        wrong("The one with 24 heads", "Twice as many heads, but each is half as wide: the matrices keep their size."),
        wrong("The one with 12 heads", "Its heads are twice as wide, but there are half as many: the matrices keep their size."),
        wrong("It depends on the context length", "Weights do not know how long the text is. The *memory* for keys and values does."),
    )  # fmt: skip


def _cheapest() -> Question:
    c = catalog.config_of("GPT-2 Small")
    costs = {
        "Twice the context (positions in a table)": total(c, n_ctx=2 * c.n_ctx),
        "An output head of its own": total(c, tied_head=False),
        "Twice the layers": total(c, n_layers=2 * c.n_layers),
        "Twice the width": total(c, d_model=2 * c.d_model, d_ff=2 * c.d_ff, d_head=2 * c.d_head),
    }
    base = total(c)
    order = sorted(costs, key=lambda name: costs[name])
    said = "; ".join(f"{name.lower()}: +{text.si(costs[name] - base, 3)}" for name in order)
    return ordering("cheapest", "Change one thing in GPT-2 Small. Order by parameters added, fewest first.", order,
                    why=said[0].upper() + said[1:] + ".", hint="Which of them has a d^{2} in it, and how often?")  # fmt: skip


def _grouped() -> Question:
    c = catalog.config_of("Llama 3 8B")
    saved = total(c, n_kv_heads=c.n_heads) - total(c)
    return numeric(
        "grouped",
        f"Llama 3 8B is {text.commas(c.d_model)} wide and {c.n_layers} deep, with {c.n_heads} query heads that share {c.n_kv_heads} key and value heads of {c.d_head}. "
        "How many parameters does sharing save, compared with one key and value head per query head?",
        saved,
        traps=[
            trap(saved / 2, "That is keys alone; values shrink as much."),
            trap(saved / c.n_layers, f"That is one layer; there are {c.n_layers}."),
            trap(c.n_layers * 2 * c.d_model * c.n_kv_heads * c.d_head, "That is what keys and values still cost, not what they save."),
        ],
        why=f"Two matrices a layer lose {c.n_heads - c.n_kv_heads} heads of {c.d_head} columns: 2 × {c.n_layers} × {text.commas(c.d_model)} × {text.commas((c.n_heads - c.n_kv_heads) * c.d_head)} = {text.si(saved, 3)}.",
        hint="K and V go from d × (heads × head width) to d × (key and value heads × head width).",
    )  # fmt: skip


def _same() -> Question:
    c = catalog.config_of("GPT-2 Small")
    tied = total(c, tied_head=False) - total(c)
    return multiple(
        "same",
        "Which changes leave the parameter count exactly as it was?",
        right("A longer context in a model with rotary positions", "Rotary angles are computed, not learned: there is no table to lengthen."),
        right("Attention that looks back only over a window", "A window changes which products are taken, not the matrices."),
        right("Ten times as many training tokens", "Training moves the numbers; it does not add any."),
        wrong("A longer context in GPT-2", f"GPT-2 learns a row of width d for each position: +{text.commas(c.d_model)} per position."),
        wrong("Untying the output head", f"A second table of vocabulary × d: +{text.si(tied, 3)} in GPT-2 Small."),
        wrong("RMSNorm in place of LayerNorm", "LayerNorm has a scale and a bias, RMSNorm only a scale: d fewer for each norm. Small, but not zero."),
    )  # fmt: skip


def _missing() -> Question:
    c = catalog.config_of("GPT-2 Small")
    parts, gap = accounting.params(c), total(c) - formulas.approx_params(c.n_layers, c.d_model)
    share = parts["embedding/token"] / gap
    return single(
        "missing",
        f"For GPT-2 Small, 12·n_{{L}}·d^{{2}} falls {text.si(gap, 3)} short. Where are nearly all of these?",
        right("In the token table", f"{text.si(parts['embedding/token'], 3)}, {text.pct(share, 0)} of the gap."),
        wrong("In the table of positions", f"It holds {text.si(parts['embedding/position'], 2)}: 1,024 rows against 50,257."),
        wrong("In biases and norms", f"Together {text.si(_small_parts(c), 2)}: vectors of length d or 4d, against matrices."),
        wrong("In the output head", "GPT-2 ties it to the token table: it has no parameters of its own."),
    )  # fmt: skip


def _gated() -> Question:
    d = 4096
    key = 8 * d / 3
    used = catalog.config_of("LLaMA 7B").d_ff
    return numeric(
        "gated",
        f"A plain feed-forward part of width 4d has two matrices. A gated one has three. How wide must it be, at d = {text.commas(d)}, to hold as many weights?",
        key, rtol=0.01,
        traps=[
            trap(4 * d, "At that width the third matrix makes the part half as large again."),
            trap(2 * d, "Then three matrices hold 6 d^{2}; the plain part holds 8 d^{2}."),
            trap(3 * d, "Then three matrices hold 9 d^{2}; the plain part holds 8 d^{2}."),
        ],
        why=f"3 · d · width = 8 d^{{2}}, so width = 8d/3 = {text.commas(key)}. LLaMA 7B rounds up to a multiple of 256: {text.commas(used)}.",
        hint="Set 3 · d · width equal to 2 · d · 4d.",
    )  # fmt: skip


def _two_counts() -> Question:
    c = catalog.config_of("GPT-2 Small")
    parts = accounting.params(c)
    body = parts["total"] - parts["embedding/token"] - parts["embedding/position"]
    return single(
        "two_counts",
        f"One paper lists GPT-2 Small at {text.si(body, 2)}, another at {text.si(parts['total'], 3)}. Who is wrong?",
        right("Nobody: one leaves the embeddings out", "Kaplan et al. count without embeddings, Hoffmann et al. with. A law fitted to one must not be fed the other."),
        wrong("The first: a count must match the file", "A file holds everything, but what predicts loss is a separate question, and both conventions are in use."),
        wrong("The second: it counts the head twice", "The head is tied; counting it twice would give " + text.si(total(c, tied_head=False), 3) + "."),
        wrong("Both: parameters depend on the number format", "The format changes bytes, not how many numbers there are."),
    )  # fmt: skip


def _llama() -> Question:
    key = total(catalog.config_of("LLaMA 7B"))
    c = catalog.config_of("LLaMA 7B")
    return numeric(
        "llama", "How many parameters has LLaMA 7B, exactly?", key, rtol=1e-7,
        traps=[
            trap(key - c.vocab * c.d_model, "One table is missing: the head is not tied here."),
            trap(key - c.d_model, "The last norm is missing: it stands after the layers."),
            trap(key - 2 * c.n_layers * c.d_model - c.d_model, "The norms are missing: two in each layer and one at the end, d each."),
        ],
        why=f"{text.commas(key)}: two tables, {c.n_layers} layers of four square matrices, three feed-forward matrices and two norms, and a last norm.",
    )  # fmt: skip


def _window() -> Question:
    printed = {"GPT-2 Small": 117, "GPT-2 Medium": 345, "GPT-2 Large": 762, "GPT-2 XL": 1542}
    fits = [
        v
        for v in range(39000, 43000)
        if all(round(total(catalog.config_of(n), vocab=v) / 1e6) == m for n, m in printed.items())
    ]
    return numeric(
        "window", "How many vocabulary sizes reproduce all four printed counts?", len(fits), rtol=1e-6,
        why=f"{len(fits)} sizes, from {text.commas(fits[0])} to {text.commas(fits[-1])}; GPT-1's {text.commas(GPT1_VOCAB)} is among them.",
        hint="Change `vocab` with `dataclasses.replace` and round to millions.",
    )  # fmt: skip
