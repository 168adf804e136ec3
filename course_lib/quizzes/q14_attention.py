"""Lesson 14: the KV cache, who shares it, and attention in tiles."""

import math

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
)

BF16 = 2.0  # bytes
KEPT_FREE = 0.1  # of a GPU's memory, in the question about users


def build() -> Lesson:
    """The questions, with keys computed from accounting, catalog and formulas."""
    return Lesson(
        id="14_attention_at_scale",
        title="14. Attention at scale",
        predictions=(_token_guess(), _flops_guess()),
        questions=(
            _per_token(),
            _users(),
            _cache_order(),
            _unchanged(),
            _merge(),
            _score_table(),
            _ones(),
            _which_test(),
            _fast_why(),
        ),
        exercises=(_equal_cache(), _even_tile()),
    )


def _weights(name: str) -> float:
    """Bytes of a model's weights in bf16."""
    return BF16 * float(accounting.params(catalog.config_of(name))["total"])


def _token_guess() -> Question:
    per = accounting.kv_bytes_per_token(catalog.config_of("GPT-3"), BF16)
    said = f"2 × 96 layers × 96 heads × 128 numbers × 2 bytes = {text.gigabytes(per, 3)}."
    return single(
        "token-bytes",
        "While it writes, GPT-3 keeps a key and a value from every layer for every token of the text so far. A token is about four letters. How much memory does *one token* take, at two bytes a number?",
        wrong("about 5 kB", f"A thousand times too little. {said}"),
        wrong("about 50 kB", f"A hundred times too little. {said}"),
        wrong("about 500 kB", f"Ten times too little. {said}"),
        right("about 5 MB", "As much as a good photograph, for four letters."),
        why=said,
        fixed_order=True,
    )  # fmt: skip


def _flops_guess() -> Question:
    return single(
        "flash-flops",
        "FlashAttention made attention several times faster and gives the same result as the textbook. How many multiplications does it do for a training step?",
        wrong("a small part: it skips pairs of tokens that hardly matter", "That is sparse attention, and it changes the result. FlashAttention computes every score that the mask allows."),
        wrong("half: it uses the symmetry of the scores", "Queries and keys differ, so the table of scores is not symmetric. (Skipping masked tiles is possible, but plain kernels can do that too.)"),
        wrong("exactly as many", "Going forward, yes. Going back it computes the scores a second time, since it never kept them."),
        right("somewhat more", "One product more on the way back, because it kept no scores. It wins on bytes, not on FLOPs."),
        why="Forward two products per tile, backward five instead of four.",
        fixed_order=True,
    )  # fmt: skip


def _per_token() -> Question:
    cfg = catalog.config_of("DeepSeek-V3")
    per = accounting.kv_bytes_per_token(cfg, BF16)
    kept = cfg.kv_lora_rank + cfg.qk_rope_dim
    return numeric(
        "per-token", f"DeepSeek-V3 has {cfg.n_layers} layers and {cfg.n_heads} heads. Each layer keeps one vector of {cfg.kv_lora_rank} numbers for a token, and one rotary key of {cfg.qk_rope_dim}. How many bytes of cache does one token take in bf16?",
        per, unit="bytes", rtol=0.02,
        why=f"{cfg.n_layers} layers × {kept} numbers × 2 bytes = {text.commas(per)}: no factor for heads, and none for key and value.",
        traps=[
            trap(2 * per, "A latent is not kept twice: keys and values are both made from it."),
            trap(per * cfg.n_heads, "All heads make their keys and values from the same vector."),
            trap(per / cfg.n_layers, "That is one layer. Every layer has a latent of its own."),
            trap(per / 2, "Each number takes two bytes."),
        ],
        hint="Layers × numbers kept in a layer × bytes of a number.",
    )  # fmt: skip


def _users() -> Question:
    cfg, gpu = catalog.config_of("Llama 3 8B"), catalog.gpu("H100")
    context = 32768
    one = accounting.kv_cache_bytes(cfg, context, BF16)
    memory, weights = gpu.memory_gib * 2**30, _weights("Llama 3 8B")
    fit = math.floor((memory * (1 - KEPT_FREE) - weights) / one)
    return numeric(
        "users", f"One H100 with {gpu.memory_gib:g} GiB serves Llama 3 8B in bf16: {text.gigabytes(weights, 3)} of weights, {text.commas(accounting.kv_bytes_per_token(cfg, BF16))} bytes of cache a token. A tenth of the memory is kept free. How many users with {text.commas(context)} tokens each fit?",
        fit, unit="users", rtol=0.01,
        why=f"0.9 × {text.gigabytes(memory, 3)} − {text.gigabytes(weights, 3)} leaves {text.gigabytes(memory * 0.9 - weights, 3)}; a user takes {text.gigabytes(one, 3)}. Whole users only.",
        traps=[
            trap(math.floor(memory * (1 - KEPT_FREE) / one), "You forgot the weights: they are in the same memory."),
            trap(math.floor((memory - weights) / one), "A tenth of the memory is kept free."),
        ],
    )  # fmt: skip


def _cache_order() -> Question:
    names = ["GPT-3 175B", "Llama 2 7B", "Llama 3 8B", "DeepSeek-V3"]
    size = {name: accounting.kv_bytes_per_token(catalog.config_of(name), BF16) for name in names}
    names.sort(key=lambda name: size[name])
    listed = ", ".join(f"{name} {text.gigabytes(size[name], 3)}" for name in names)
    return ordering(
        "cache-order", "Order these models by the cache that one token takes (bf16), least first.", names,
        why=f"{listed}. The largest model of the four has the smallest cache: sharing decides, not size.",
        hint="One of them keeps a latent, one keeps 8 key and value heads, two share nothing.",
    )  # fmt: skip


def _unchanged() -> Question:
    return multiple(
        "unchanged", "A trained model is being served. Which of these leave its outputs as they are, up to rounding?",
        right("Keeping old keys and values in a cache", "They would come out the same if computed again: nothing later changes an earlier token’s key or value under a causal mask."),
        right("FlashAttention in place of the textbook kernel", "It is the same weighted mean, summed in another order."),
        right("Splitting a long cache over two GPUs and merging their tallies", "A tally is enough to go on: merging two is exact."),
        wrong("Averaging its 32 key heads into 8 groups", "That makes another model. It has to be trained further to work well: Ainslie et al. spend 5 % of the original training on it."),
        wrong("Letting each token see the last 4,096 tokens only", "A window drops what came before. A model trained without one has not learned to do without."),
        wrong("Storing the cache in 4 bits", "Small errors, but errors: the numbers are rounded to sixteen levels."),
    )  # fmt: skip


def _merge() -> Question:
    m_a, l_a, m_b, l_b = 2.0, 3.0, 5.0, 1.5
    merged = l_a * math.exp(m_a - m_b) + l_b
    return numeric(
        "merge", f"A query has gone through two blocks of keys separately. First: largest score {m_a:g}, sum of e^{{s − {m_a:g}}} equal to {l_a:g}. Second: largest score {m_b:g}, sum of e^{{s − {m_b:g}}} equal to {l_b:g}. What is the sum l for both together, against the larger of the two largest scores?",
        merged, rtol=0.01,
        why=f"{l_a:g} × e^{{{m_a:g} − {m_b:g}}} + {l_b:g} = {text.sig(l_a * math.exp(m_a - m_b), 3)} + {l_b:g} = {text.sig(merged, 4)}. The first sum is restated in the new unit, then added.",
        traps=[
            trap(l_a + l_b, "The two sums are in different units, one against 2 and one against 5. Restate the first before you add."),
            trap(l_a + l_b * math.exp(m_b - m_a), "That is the sum against the *smaller* one. Right as a number in that unit, but with large scores it overflows."),
            trap(l_a * math.exp(m_b - m_a) + l_b, "The old sum has to shrink, not to grow: e to the power of old largest minus new largest."),
        ],
        hint="Restate the first sum: times e to the power of (its largest − the new largest).",
    )  # fmt: skip


def _score_table() -> Question:
    cfg, context = catalog.config_of("Llama 3 8B"), 131072
    size = cfg.n_heads * float(context) ** 2 * BF16
    return numeric(
        "score-table", f"The textbook way writes all scores of a layer out. Llama 3 8B has {cfg.n_heads} query heads. How many bytes is that for one text of {text.commas(context)} tokens, at two bytes a score, without skipping anything?",
        size, unit="bytes", rtol=0.02,
        why=f"{cfg.n_heads} × {text.commas(context)}² × 2 = {text.sci(size, 3)} bytes, {text.gigabytes(size, 3)}, for a single layer. No GPU holds that; FlashAttention never needs to.",
        traps=[
            trap(size / cfg.n_heads, "That is one head. Each query head has a table of scores of its own."),
            trap(size * cfg.n_kv_heads / cfg.n_heads, "Key-value heads are shared, scores are not: each of the *query* heads has its own table."),
            trap(cfg.n_heads * context * BF16, "Every token looks at every token: the context counts squared."),
            trap(size * cfg.n_layers, "The question is about one layer; the layers come one after another."),
        ],
    )  # fmt: skip


def _ones() -> Question:
    blocks = 8
    return numeric(
        "ones", f"You feed the source’s faulty loop with values that are *all 1*, and scores that are all equal, in {blocks} large blocks of keys. Attention is a weighted mean, so each output should be 1. About what does the loop give?",
        1 / blocks, rtol=0.03,
        why=f"At the last block the old output is first scaled by old sum over new sum, {blocks - 1}/{blocks}, and then divided by the new sum, a large number, again: nothing of it is left. What remains is the last block’s share, 1/{blocks}.",
        traps=[
            trap(1.0, "That is the right answer for attention, and what the loop gives for one block. From the second on it divides once too often."),
            trap((blocks - 1) / blocks, "That would be the share of the old blocks. It is they that vanish: their sum is divided twice."),
            trap(0.5, "That is two blocks. With every further block the share of the last one shrinks."),
        ],
        hint="Which blocks survive a second division by a large number?",
    )  # fmt: skip


def _which_test() -> Question:
    return single(
        "which-test", "The faulty loop runs without error and its numbers look plausible. Which test would have caught it?",
        right("Compare with the textbook on a length of three blocks", "The simplest check of a fast version is the slow one, at a size where the new part of the code runs."),
        wrong("Compare with the textbook on 64 tokens, with blocks of 128", "A single block: there is no old output to restate, and the faulty line does nothing."),
        wrong("Check that the output has the right shape and no NaN", "It has, and it does not. Wrong numbers have good shapes."),
        wrong("Check that the running largest score and the running sum are right", "They are right in the faulty loop as well. Only the output is wrong."),
    )  # fmt: skip


def _fast_why() -> Question:
    share = formulas.attention_traffic(8192, 64, BF16) / formulas.tiled_traffic(8192, 64, 192, BF16)
    return single(
        "fast-why", "Why is FlashAttention faster on a GPU, although it does no fewer operations?",
        right("It moves far fewer bytes between the large memory and the chip", f"Scores never leave the chip. With heads of 64 and tiles of 192 rows the forward pass moves {text.times(share, 2)} less, by our formula."),
        wrong("It uses 16-bit numbers where the textbook needs 32", "The textbook kernel can use them as well. The format is a separate choice."),
        wrong("It replaces exponentials by a cheaper approximation", "Its exponentials are exact. That the result equals the textbook’s is its whole point."),
        wrong("It turns the quadratic count of operations into a linear one", "That is linear attention, another model. Here every allowed pair is still computed."),
    )  # fmt: skip


def _equal_cache() -> Question:
    weights = _weights("Llama 3 8B")
    context = weights / accounting.kv_bytes_per_token(catalog.config_of("Llama 3 8B"), BF16)
    return numeric(
        "equal-cache", "At which context is the cache of one user of Llama 3 8B as large as the weights (both bf16)?", context, unit="tokens", rtol=0.02,
        why=f"{text.gigabytes(weights, 4)} of weights over {text.commas(accounting.kv_bytes_per_token(catalog.config_of('Llama 3 8B'), BF16))} bytes a token.",
        traps=[trap(context / 4, "You counted a key and a value for each of the 32 query heads; 8 key and value heads are kept.")],
    )  # fmt: skip


def _even_tile() -> Question:
    d = 128
    return numeric(
        "even-tile", f"From how many rows on does a tile move fewer bytes than the textbook, for heads of {d} and a long text?", d / 2, unit="rows", rtol=0.05,
        why=f"For a long text 2 T^{{2}} d / rows against 4 T^{{2}}: equal at d/2 = {d // 2} rows.",
        traps=[trap(d, "Keys *and* values are read once for each block of queries, but the scores are written and read four times in all: 2d/rows against 4.")],
    )  # fmt: skip
