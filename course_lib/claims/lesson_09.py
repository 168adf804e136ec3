"""Claims of lesson 9, overtraining: tokens per parameter of real models, and what serving a model costs."""

from course_lib import accounting, catalog, formulas
from course_lib.catalog import size_and_tokens
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

RULE = 20.0  # tokens per parameter, the rule of thumb
DEMANDS = (1e12, 1e14, 1e16)  # served tokens; DeepSeek reported 7.8e11 a day for February 2025


def ratio_of(name: str) -> float:
    """Tokens per parameter, with the counted parameters."""
    return formulas.tokens_per_param(*size_and_tokens(name))


def ten_times() -> Finding:
    """A 70B model costs ten times a 7B model, for each query."""
    large, small = (size_and_tokens(f"Llama 2 {size}")[0] for size in ("70B", "7B"))
    flops = formulas.forward_flops_per_token(large) / formulas.forward_flops_per_token(small)
    caches = [accounting.kv_bytes_per_token(config_of(f"Llama 2 {size}"), 2) for size in ("70B", "7B")]
    why = f"2N FLOPs a token, and bytes of weights. Its KV cache is {caches[0] / caches[1]:.2f} times as big."
    return Finding(agree(10, flops, 1), f"{flops:.1f} times, Llama 2 70B over 7B", why)


def seventy_five() -> Finding:
    """75 times past the optimum."""
    times = ratio_of("Llama 3 8B") / RULE
    why = f"75 would need an optimum of {ratio_of('Llama 3 8B') / 75:.0f}; the same text's own code says 94."
    return Finding(agree(75, times, 2), f"{times:.1f} times", why)


def per_parameter() -> Finding:
    """About 1,875."""
    nominal, counted = 15e12 / 8e9, ratio_of("Llama 3 8B")
    why = f"15T over 8B; {counted:,.0f} with the {size_and_tokens('Llama 3 8B')[0] / 1e9:.2f}B that it has."
    return Finding(worst(agree(1875, nominal, 4), agree(1875, counted, 2)), f"{nominal:,.0f}", why)


def _against_rule(name: str, optimum: float, tokens: float, factor: float) -> Finding:
    """An optimum by the rule of 20, a token count and the factor between them, by the counted parameters."""
    size, read = size_and_tokens(name)
    best = RULE * size
    verdict = worst(agree(optimum, best, 2), agree(tokens, read, 2), agree(factor, read / best, 2))
    shown = f"{best / 1e9:.1f}B" if best < 1e12 else f"{best / 1e12:.2f}T"
    value = f"{shown}, {read / 1e12:.3g}T, {read / best:.1f} times"
    return Finding(verdict, value, f"20 x {size / 1e9:.2f}B, then its tokens over that.")


def llama_8b() -> Finding:
    """160B, 15T, 94 times."""
    return _against_rule("Llama 3 8B", 160e9, 15e12, 94)


def llama_70b() -> Finding:
    """1.4T, 15T, 11 times."""
    return _against_rule("Llama 3 70B", 1.4e12, 15e12, 11)


def phi3() -> Finding:
    """870 a parameter, 76B, 43 times."""
    found = _against_rule("Phi-3 Mini", 76e9, 3.3e12, 43)
    ratio = ratio_of("Phi-3 Mini")
    value = f"{ratio:.0f} per parameter; {found.value}"
    return Finding(worst(found.verdict, agree(870, ratio, 2)), value, found.why)


def _size_claim(name: str, size: float, tokens: float, note: str = "") -> Finding:
    """A size in billions and a token count."""
    n, d = size_and_tokens(name)
    digits = (1 if size < 1e10 else 2, len(f"{tokens / 1e12:g}"))
    verdict = worst(agree(size, n, digits[0]), agree(tokens, d, digits[1]))
    value = f"{n / 1e9:.2f}B on {d / 1e12:g}T"
    return Finding(verdict, value, f"{d / n:,.0f} tokens per parameter, {d / n / RULE:.0f} times 20.{note}")


def gemma() -> Finding:
    """9B, 8T."""
    return _size_claim("Gemma 2 9B", 9e9, 8e12)


def qwen() -> Finding:
    """7B, 18T."""
    parts = accounting.params(config_of("Qwen2.5 7B"))
    bare = parts["total"] - parts["embedding/token"] - parts["head"]
    return _size_claim("Qwen2.5 7B", 7e9, 18e12, f" Without token table and head it has {bare / 1e9:.2f}B.")


def llama_32() -> Finding:
    """3B, 9T."""
    return _size_claim("Llama 3.2 3B", 3e9, 9e12, " Pruned from a larger model and distilled besides.")


def dominant() -> Finding:
    """The strategy of 2024 and 2025."""
    rows = [m for m in catalog.models("public") if m.date >= "2024" and m.active_params and m.tokens]
    past = [m.name for m in rows if ratio_of(m.name) >= 5 * RULE]
    rest = [m.name for m in rows if m.name not in past]
    value = f"{len(past)} of {len(rows)} read 100 or more tokens per parameter"
    why = f"Public models of the catalog since 2024; not {', '.join(rest)}. Why they did so is a judgment."
    return Finding(by_cases([m.name in past for m in rows]), value, why)


def linear() -> Finding:
    """Inference costs grow in proportion to N."""
    names = ("Llama 3 8B", "Llama 3 70B", "Llama 3.1 405B")
    each = [accounting.flops(config_of(name), 2048)["total"] / size_and_tokens(name)[0] for name in names]
    sparse = catalog.model("DeepSeek-V3")
    used = float(sparse.active_params or 0) / float(sparse.params or 1)
    value = ", ".join(f"{per:.2f} N" for per in each)
    why = (
        "FLOPs for each token at a context of 2,048, Llama 3 in three sizes. "
        f"A mixture of experts pays for what a token uses: {used:.0%} of DeepSeek-V3."
    )
    return Finding(by_cases([abs(per / 2 - 1) < 0.1 for per in each]), value, why)


def volume() -> Finding:
    """A 1T model is 100 times cheaper if it serves 100 times more."""
    n = 1e12
    once, each = formulas.training_flops(n, RULE * n), formulas.forward_flops_per_token(n)
    cheaper = [(once / v + each) / (once / (100 * v) + each) for v in DEMANDS]
    small = each / formulas.forward_flops_per_token(n / 100)
    value = ", ".join(f"{x:.3g}" for x in cheaper) + " times"
    why = (
        f"For each token, from {', '.join(f'{v / 1e12:,.0f}T' for v in DEMANDS)} served on. Only "
        f"the training is shared out; each token still costs {small:.0f} times that of a 10B."
    )
    return Finding(by_cases([x > 95 for x in cheaper]), value, why)


CLAIMS = [
    Claim("B026", "text 1", "A 70B model costs ten times more for each query than a 7B model.", ten_times),
    Claim("B047", "text 1", "Llama 3 8B was trained to 75 times the Chinchilla ratio.", seventy_five),
    Claim("B048", "text 1", "Llama 3 8B read about 1,875 tokens per parameter.", per_parameter),
    Claim("B049", "text 1", "Llama 3 8B: optimum 160B tokens, read 15T, 94 times.", llama_8b),
    Claim("B051", "text 1", "Llama 3 70B: optimum 1.4T tokens, read 15T, 11 times.", llama_70b),
    Claim("B053", "text 1", "Phi-3 Mini: 870 tokens per parameter, optimum 76B, 43 times.", phi3),
    Claim("B057", "text 1", "Gemma 2: 9B on 8T tokens.", gemma),
    Claim("B060", "text 1", "Qwen2.5: 7B on 18T tokens.", qwen),
    Claim("B062", "text 1", "Llama 3.2: 3B on 9T tokens.", llama_32),
    Claim("B066", "text 1", "Overtraining is the dominant strategy of 2024 and 2025.", dominant),
    Claim("D014", "text 3", "Inference cost grows linearly with the parameters.", linear),
    Claim("D015", "text 3", "A 1T model is 100 times cheaper if it serves 100 times more.", volume),
]
