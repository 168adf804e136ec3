"""Quiz of lesson 12: counts from shapes, angles from formulas."""

from __future__ import annotations

from course_lib import accounting, catalog, formulas, text
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


def share(name: str, *groups: str) -> float:
    """Share of a model's parameters in some groups of parts."""
    parts = accounting.params(catalog.config_of(name))
    sums = accounting.groups(parts)
    return sum(sums[group] for group in groups) / parts["total"]


def build() -> Lesson:
    """Guesses, questions and exercises."""
    return Lesson(
        id="12_anatomy",
        title="12. Anatomy",
        predictions=(_ffn_share(), _largest()),
        questions=(
            _attention(),
            _tables(),
            _order(),
            _scaled(),
            _rotary(),
            _slowest(),
            _grouped(),
            _foreign(),
            _noise(),
        ),
        exercises=(_qwen(), _pairs()),
    )


def _ffn_share() -> Question:
    key = 100 * share("Llama 3 8B", "ffn")
    return numeric(
        "share",
        "Attention made the transformer famous. What share of Llama 3 8B's parameters is *not* attention and not a table of words, but plain feed-forward, in per cent?",
        key, unit="%", rtol=0.05,
        why=f"{key:.1f} %. Attention holds {text.pct(share('Llama 3 8B', 'attention'), 1)}, the two tables of words {text.pct(share('Llama 3 8B', 'embedding', 'head'), 1)}.",
    )  # fmt: skip


def _largest() -> Question:
    return single(
        "largest",
        "We take a tiny GPT-2 and switch one part at a time to what Llama has, at equal parameters and equal reading. Which switch lowers the loss most?",
        right("Rotary positions", "By far, at this size: with a learned table the model must first find out what a distance is."),
        wrong("RMSNorm for LayerNorm", "It is simpler. In our runs the difference is within the noise of seeds."),
        wrong("SwiGLU for GELU", "The papers find a small gain, and small it is here."),
        wrong("Grouped heads", "They save memory when a model is served. Lower loss is not what they are for."),
    )  # fmt: skip


def _attention() -> Question:
    d, heads, kv, width = 2048, 16, 4, 128
    key = formulas.attention_params(d, heads, kv, width)
    return numeric(
        "attention",
        f"A block is {text.commas(d)} wide, with {heads} query heads of {width} that share {kv} key and value heads. How many attention weights has it, without biases?",
        key,
        traps=[
            trap(formulas.attention_params(d, heads, heads, width), "That is a block in which every query head has keys and values of its own."),
            trap(key - d * heads * width, "The output matrix is missing: Q, K, V *and* O."),
            trap(formulas.attention_params(d, kv, kv, width), "Only keys and values are shared. Q and O keep all their heads."),
        ],
        why=f"Q and O: 2 × {text.commas(d)} × {text.commas(heads * width)}. K and V: 2 × {text.commas(d)} × {text.commas(kv * width)}. Together {text.si(key, 3)}.",
        hint="K and V are narrower than Q and O by the factor of sharing.",
    )  # fmt: skip


def _tables() -> Question:
    def said(name: str) -> str:
        return f"Tables {text.pct(share(name, 'embedding', 'head'), 1)}, attention {text.pct(share(name, 'attention'), 1)}."

    return single(
        "tables",
        "In which of these models do the tables of words hold more than attention?",
        right("Qwen2.5 7B", said("Qwen2.5 7B") + " A large vocabulary, and only 4 key and value heads."),
        wrong("GPT-3 175B", said("GPT-3 175B") + " At this width a table is small change."),
        wrong("Llama 2 7B", said("Llama 2 7B") + " Its vocabulary has 32,000 words."),
        wrong("Llama 3.1 405B", said("Llama 3.1 405B") + " The vocabulary is large, the layers are larger."),
    )  # fmt: skip


def _order() -> Question:
    names = ["Qwen2.5 7B", "Llama 3 8B", "GPT-2 Small", "Llama 2 7B"]
    names.sort(key=lambda name: share(name, "attention"))
    said = "; ".join(f"{name} {text.pct(share(name, 'attention'), 1)}" for name in names)
    return ordering("order", "Order by the share of parameters in attention, smallest first.", names,
                    why=said + ".", hint="Who shares key and value heads, and among how many queries?")  # fmt: skip


def _scaled() -> Question:
    return single(
        "scaled",
        "You multiply all of a layer's input x by ten. What does RMSNorm give?",
        right("What it gave before", "x and its root mean square grow by the same factor, and the ratio stays (but for ε)."),
        wrong("Ten times as much", "That would be a layer without normalization."),
        wrong("The same only if the mean of x is zero", "The mean does not enter at all. That is what RMSNorm left out of LayerNorm."),
        wrong("A tenth", "Only if it divided by the mean square without the root."),
    )  # fmt: skip


def _rotary() -> Question:
    return multiple(
        "rotary",
        "Which statements about rotary positions hold?",
        right("A rotated query is as long as before", "Rotations keep lengths."),
        right("Moving query and key by 1,000 leaves their score alone", "Both turn by the same further angle on every pair."),
        right("They add no parameters", "Angles follow from the position and a base. Nothing is learned."),
        wrong("Values are rotated like keys", "Only queries and keys are: the score needs the distance, the value does not."),
        wrong("A model reads four times its trained length as well as before", "Distances that never occurred in training are new to it. The lesson measures what that costs."),
        wrong("A larger base makes every pair turn faster", "It makes them slower, the last ones most."),
    )  # fmt: skip


def _slowest() -> Question:
    width, base = 64, 10_000.0
    key = formulas.rope_wavelength(width / 2 - 1, width, base)
    return numeric(
        "slowest",
        f"A head has {width} channels and the base is {text.commas(base)}. After how many positions has its *slowest* pair turned once around?",
        key, unit="tokens", rtol=0.03,
        traps=[
            trap(formulas.rope_wavelength(0, width, base), "That is the fastest pair: one radian a position."),
            trap(2 * 3.141592653589793 * base, "Nearly: the last exponent is −62/64, not −1, so it turns a little faster."),
            trap(1 / formulas.rope_angle(width / 2 - 1, width, base), "That is the time for one radian. A turn has 2π of them."),
        ],
        why=f"2π × {text.commas(base)}^{{62/64}} = {text.commas(key)}.",
        hint="2π divided by base^{−2i/D} with i = 31 and D = 64.",
    )  # fmt: skip


def _grouped() -> Question:
    c = catalog.config_of("Llama 3 8B")
    factor = c.n_heads // c.n_kv_heads
    return single(
        "grouped",
        f"Llama 3 8B shares each key and value head among {factor} query heads. What is *not* smaller by that factor than with heads of their own?",
        right("The scores to compute", f"There are still {c.n_heads} query heads, and each scores every position."),
        wrong("The weights of K and V", f"They are: {c.n_kv_heads} heads wide in place of {c.n_heads}."),
        wrong("The keys and values kept while writing", "They are, and this is why it is done: lesson 14."),
        wrong("What must be read from memory for each new token's look back", "It is: the cache shrinks, and each stored key serves a whole group."),
    )  # fmt: skip


def _foreign() -> Question:
    return single(
        "foreign",
        "The rotary code of text 2 turns neighboring channels and writes them half a head apart. When does that do harm?",
        right("With weights trained for another layout", "Channels that belong together are then torn apart; the loss jumps, as the lesson shows."),
        wrong("When a model is trained with it from the start", "Then queries and keys are shuffled alike, and their products are right."),
        wrong("Always: its scores are wrong", "They are exact, as long as queries *and* keys go through it."),
        wrong("At long distances, where the error adds up", "There is no error to add up: lengths and relative angles are exact at every position."),
    )  # fmt: skip


def _noise() -> Question:
    a, b = (1.94, 1.98, 1.90), (1.97, 1.93, 1.92)
    means = [sum(x) / len(x) for x in (a, b)]
    spread = max(a) - min(a)
    return single(
        "noise",
        f"Two variants, three seeds each: losses {', '.join(map(str, a))} and {', '.join(map(str, b))}. What do you report?",
        right("No difference that these runs can see", f"The means are {means[0]:.2f} and {means[1]:.2f}; seeds alone move the first by {spread:.2f}."),
        wrong("The one with the lower best run wins", "The best of three seeds is mostly luck."),
        wrong("The means differ, so one of them is better", f"They do not differ here to two digits. And if they did by {spread / 4:.2f}, seeds could do that."),
        wrong("The two are proven equal", "Three runs cannot prove that. A difference below the noise may well be there."),
    )  # fmt: skip


def _qwen() -> Question:
    c = catalog.config_of("Qwen2.5 7B")
    key = total(c)
    return numeric(
        "qwen", "How many parameters has Qwen2.5 7B, exactly?", key, rtol=1e-8,
        traps=[
            trap(total(c, qkv_bias=False), "Its queries, keys and values have biases."),
            trap(total(c, tied_head=True), "The output head is a matrix of its own here."),
            trap(key - c.d_model, "The norm after the last block is missing."),
        ],
        why=f"{text.commas(key)}: two tables, {c.n_layers} blocks with biases on Q, K and V, and a last norm.",
    )  # fmt: skip


def _pairs() -> Question:
    width, base, context = 128, 500_000.0, 8192
    waves = [formulas.rope_wavelength(i, width, base) for i in range(width // 2)]
    key = sum(wave > context for wave in waves)
    usual = sum(formulas.rope_wavelength(i, width, 10_000.0) > context for i in range(width // 2))
    return numeric(
        "pairs", "How many pairs need more than 8,192 positions for a turn?", key, rtol=1e-6,
        traps=[
            trap(usual, "That is with the usual base of 10,000."),
            trap(width // 2 - key, "Those are the pairs that turn at least once."),
        ],
        why=f"{key} of {width // 2}; with a base of 10,000 it would be {usual}.",
        hint="`formulas.rope_wavelength(i, 128, 500_000)` for i from 0 to 63.",
    )  # fmt: skip
