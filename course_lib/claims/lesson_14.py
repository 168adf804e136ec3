"""Claims of lesson 14, attention at scale: who shares keys and values, and text 4's loop, run.

The code checks use `course_lib.tiny.flash`, whose `normalized_loop` does what that loop does, with its slip
or mended. Torch is imported inside the checks only.
"""

from typing import TYPE_CHECKING

from course_lib import accounting, formulas
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

if TYPE_CHECKING:
    import torch

WIDTH, BLOCK = 64, 128  # of a head; of a block of keys, as in text 4
EXACT = 1e-12  # float64: anything above is more than rounding
BF16 = 2.0  # bytes


def _inputs(length: int) -> "list[torch.Tensor]":
    """Seeded q, k, v (length, WIDTH) in double precision."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, WIDTH, dtype=torch.float64, generator=generator) for _ in range(3)]


def _loop_error(length: int, faulty: bool) -> float:
    """Largest difference between text 4's loop and the textbook."""
    from course_lib.tiny import flash

    q, k, v = _inputs(length)
    loop = flash.normalized_loop(q, k, v, block=BLOCK, faulty=faulty)
    return float((loop - flash.attention(q, k, v, causal=False)).abs().max())


def source_loop() -> Finding:
    """The sketched loop computes attention block by block."""
    import torch

    from course_lib.tiny import flash

    errors = [_loop_error(blocks * BLOCK, faulty=True) for blocks in (1, 2, 16)]
    q, k, _ = _inputs(2 * BLOCK)
    ones = flash.normalized_loop(q, k, torch.ones_like(q), block=BLOCK, faulty=True).mean()
    one = "rounding" if errors[0] < EXACT else f"{errors[0]:.2f}"
    value = f"off by {one}, {errors[1]:.2f}, {errors[2]:.2f} for 1, 2, 16 blocks"
    why = (
        f"With values that are all 1 it gives {float(ones):.2f} for two blocks, not 1: it divides the old "
        "output by the new sum twice."
    )
    return Finding(by_cases([error < EXACT for error in errors[1:]]), value, why)


def mended_loop() -> Finding:
    """One factor changed."""
    errors = [_loop_error(blocks * BLOCK, faulty=False) for blocks in (1, 2, 16)]
    holds = [error < EXACT for error in errors]
    value = "equal to rounding for 1, 2 and 16 blocks" if all(holds) else f"off by {max(errors):.1e}"
    why = "Multiply the old output by its old sum, not by old sum over new sum; then divide once."
    return Finding(by_cases(holds), value, why)


def _peak(length: int, tiled: bool) -> int:
    """Bytes of tensors at the worst moment of a forward pass, result included."""
    from course_lib.tiny import flash, peak

    q, k, v = (x.float() for x in _inputs(length))
    kernel = flash.tiled_attention if tiled else flash.attention
    return peak.peak_bytes(lambda: kernel(q, k, v, causal=False))


def linear_memory() -> Finding:
    """From quadratic to linear memory."""
    growth = []
    for tiled in (False, True):
        small, middle, large = (_peak(length, tiled) for length in (512, 1024, 2048))
        # What a doubling adds, against what the one before added: fixed parts drop out.
        growth.append(formulas.slope_between(1, middle - small, 2, large - middle))
    verdict = "confirmed" if agree(2, growth[0], 2) == agree(1, growth[1], 2) == "confirmed" else "wrong"
    why = "Measured in bytes of live tensors. The FLOPs stay quadratic: every score is still computed."
    return Finding(verdict, f"grows as T^{growth[0]:.2f} before and as T^{growth[1]:.2f} tiled", why)


def longer_sequences() -> Finding:
    """Much longer sequences in the same memory."""
    naive, tiled = _peak(2048, tiled=False), _peak(2048, tiled=True)
    why = (
        "At 2,048 tokens, one head of 64 in float32, forward. The cache and the other activations still "
        "grow with the length."
    )
    return Finding("confirmed" if tiled < naive / 4 else "caveat", f"{naive / tiled:.0f} times less", why)


def who_has_gqa() -> Finding:
    """Grouped heads in Llama 2 and Mistral."""
    names = ["Llama 2 7B", "Llama 2 13B", "Llama 2 70B", "Mistral 7B"]
    shapes = [config_of(name) for name in names]
    holds = [1 < shape.n_kv_heads < shape.n_heads for shape in shapes]
    listed = [f"{n} {s.n_kv_heads} of {s.n_heads}" for n, s in zip(names, shapes, strict=True)]
    why = "Key-value heads of query heads. Of Llama 2 only the 70B shares them."
    return Finding(by_cases(holds), ", ".join(listed), why)


def gqa_quality() -> Finding:
    """Quality of separate heads, speed of one."""
    cfg = config_of("Llama 3 8B")
    full = formulas.kv_bytes_per_token(cfg.n_layers, cfg.n_heads, cfg.d_head, BF16)
    ratio = full / accounting.kv_bytes_per_token(cfg, BF16)
    why = (
        "Ainslie et al. 2023 (arXiv 2305.13245) report both, for T5 models trained on for 5 % of the "
        "original compute; what can be computed here is the size of the cache."
    )
    return Finding("confirmed", f"Llama 3 8B: cache {ratio:.0f} times smaller", why, basis="evidence")


def separate_heads() -> Finding:
    """A key and a value for every head."""
    names = ["GPT-2 XL", "GPT-3", "LLaMA 7B", "Llama 2 13B"]
    holds = [config_of(name).n_kv_heads == config_of(name).n_heads for name in names]
    per = accounting.kv_bytes_per_token(config_of("GPT-3"), BF16)
    why = f"{sum(holds)} of {len(holds)} models of that kind; it is what makes the cache large."
    return Finding(by_cases(holds), f"GPT-3: {per / 1e6:.2f} MB for a token", why)


def who_shares() -> Finding:
    """One head for all, groups in between, sparse attention below the square."""
    palm, llama, mistral = config_of("PaLM"), config_of("Llama 3 8B"), config_of("Mistral 7B")

    def growth(window: int) -> float:
        work = [t * accounting.mean_keys(t, window, True) for t in (1e6, 1e7)]
        return formulas.slope_between(1e6, work[0], 1e7, work[1])

    holds = [palm.n_kv_heads == 1, 1 < llama.n_kv_heads < llama.n_heads, growth(mistral.window) < 1.1]
    value = f"PaLM {palm.n_kv_heads}, Llama 3 8B {llama.n_kv_heads} of {llama.n_heads} key and value heads"
    why = (
        f"Work on a long text grows as T^{growth(0):.2f}, with a window of {mistral.window:,} as "
        f"T^{growth(mistral.window):.2f}. Sharing shrinks the cache, and leaves the square as it is."
    )
    return Finding(by_cases(holds), value, why)


def speed_up() -> Finding:
    """Two to eight times faster at little loss."""
    ratio = formulas.attention_traffic(4096, WIDTH, BF16) / formulas.tiled_traffic(4096, WIDTH, BLOCK, BF16)
    why = (
        "No source is given, and the list mixes kinds: FlashAttention is exact, the others are other models. "
        "Dao et al. 2022 report 15 % to 3 times for whole trainings."
    )
    value = f"one reason, computed: {ratio:.1f} times fewer bytes with tiles of {BLOCK}"
    return Finding("unconfirmed", value, why, basis="evidence")


def linear_cache() -> Finding:
    """The cache grows with the context."""
    names = ["GPT-3", "Llama 3 8B", "DeepSeek-V3"]
    slopes = []
    for name in names:
        sizes = [accounting.kv_cache_bytes(config_of(name), t, BF16) for t in (1e3, 1e5)]
        slopes.append(formulas.slope_between(1e3, sizes[0], 1e5, sizes[1]))
    windowed = config_of("Mistral 7B")
    most = accounting.kv_cache_bytes(windowed, 1e5, BF16) / accounting.kv_cache_bytes(windowed, 1e4, BF16)
    same = "the same" if most == 1 else f"{most:.1f} times as large"
    why = f"Except behind a window: Mistral 7B's cache is {same} at 100,000 tokens as at 10,000."
    verdict = worst(*(agree(1, slope, 3) for slope in slopes))
    each = ", ".join(
        f"{name} {accounting.kv_bytes_per_token(config_of(name), BF16) / 1e3:,.0f} kB" for name in names
    )
    return Finding(verdict, f"{each} for each token", why)


CLAIMS = [
    Claim("E006", "text 4", "The sketched FlashAttention loop computes attention in blocks.", source_loop),
    Claim("E007", "text 4", "With one factor changed (our mend), that loop is exact.", mended_loop),
    Claim("E008", "text 4", "FlashAttention's memory is linear, not quadratic.", linear_memory),
    Claim("E009", "text 4", "It allows much longer sequences in the same memory.", longer_sequences),
    Claim("C005", "text 2", "Llama 2 and Mistral use grouped-query attention.", who_has_gqa),
    Claim("C006", "text 2", "Grouping nears full quality at the speed of one shared head.", gqa_quality),
    Claim("C007", "text 2", "Ordinary attention keeps a key and a value for every head.", separate_heads),
    Claim("E025", "text 4", "MQA shares one head, GQA lies between, sparse beats the square.", who_shares),
    Claim("E026", "text 4", "Optimized attention is 2 to 8 times faster at minimal loss.", speed_up),
    Claim("E027", "text 4", "The KV cache grows linearly with the context.", linear_cache),
]  # fmt: skip
