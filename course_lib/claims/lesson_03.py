"""Claims of lesson 3, counting parameters: every size in the sources against the sum of its parts."""

from course_lib import accounting, catalog, formulas
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

LARGE = [
    "GPT-3",
    "Llama 2 7B",
    "Llama 2 70B",
    "Llama 3 8B",
    "Llama 3 70B",
    "Mistral 7B",
    "Phi-3 Mini",
    "Qwen2.5 7B",
]


def _size(name: str, claimed: float, digits: int, shape: tuple[int, int, int] | None = None) -> Finding:
    """A printed size against the exact count; `shape` is (layers, width, heads) if those were claimed too."""
    config = config_of(name)
    count = accounting.params(config)["total"]
    verdict = agree(claimed, count, digits)
    if shape is not None and shape != (config.n_layers, config.d_model, config.n_heads):
        verdict = "wrong"
    body = formulas.approx_params(config.n_layers, config.d_model)
    rest = "embeddings, biases, norms" if count > body else "a different shape"
    return Finding(verdict, f"{count:,}", f"12 n_L d^2 alone is {body:,}; the rest is {rest}.")


def nano() -> Finding:
    """85K."""
    return _size("nano-gpt", 85e3, 2, (3, 48, 3))


def gpt2(name: str, claimed: float, digits: int, shape: tuple[int, int, int]) -> Finding:
    """A GPT-2 size."""
    finding = _size(name, claimed, digits, shape)
    if finding.verdict != "wrong":
        return finding
    why = "The paper of 2019 miscounted; OpenAI's release corrected the sizes. The shape is right."
    return Finding(finding.verdict, finding.value, why)


def gpt1() -> Finding:
    """117M."""
    return _size("GPT-1", 117e6, 3)


def gpt3() -> Finding:
    """175B from 96 layers of 12,288."""
    return _size("GPT-3", 175e9, 3, (96, 12288, 96))


def gpt3_column() -> Finding:
    """96 layers, 12,288, 96 heads, context 2,048, vocabulary 50,257."""
    config = config_of("GPT-3")
    found = (config.n_layers, config.d_model, config.n_heads, config.n_ctx, config.vocab)
    holds = [a == b for a, b in zip(found, (96, 12288, 96, 2048, 50257), strict=True)]
    return Finding(by_cases(holds), " / ".join(f"{n:,}" for n in found), "Brown et al. 2020, table 2.1.")


def gpt4_scale_comment() -> Finding:
    """96 layers, 128 heads and 12,288 dimensions make 2 trillion parameters."""
    body = formulas.approx_params(96, 12288)
    why = "That is GPT-3's depth and width, and the same text gives GPT-4 about 120 layers elsewhere."
    return Finding(agree(2e12, body, 1), f"{body / 1e9:.0f}B from those dimensions", why)


def gpt4_column() -> Finding:
    """120 layers, 20,480 wide, 128 heads."""
    model = catalog.model("GPT-4")
    body = formulas.approx_params(120, 20480)
    why = f"Never published. A dense model of that shape would have {body / 1e9:.0f}B, not 1.8T."
    return Finding("unconfirmed" if model.disclosed != "public" else "confirmed", "not published", why)


def palm_column() -> Finding:
    """118 layers, 18,432, 48 heads, context 2,048, vocabulary 256,000."""
    config = config_of("PaLM")
    found = (config.n_layers, config.d_model, config.n_heads, config.n_ctx, config.vocab)
    holds = [a == b for a, b in zip(found, (118, 18432, 48, 2048, 256000), strict=True)]
    count, inner = accounting.params(config)["total"], config.n_heads * config.d_head
    width = f"attention is {inner:,} wide, less than the model"
    why = f"It counts to {count:,} with one key and value head; {width}."
    return Finding(by_cases(holds), " / ".join(f"{n:,}" for n in found), why)


def llama_sizes() -> Finding:
    """7B to 65B."""
    small, large = (accounting.params(config_of(f"LLaMA {size}"))["total"] for size in ("7B", "65B"))
    verdict = worst(agree(7e9, small, 1), agree(65e9, large, 2))
    return Finding(verdict, f"{small:,} to {large:,}", "Counted from the published shapes.")


def _shares(name: str) -> tuple[float, float, float]:
    """Feed-forward, attention and embedding-with-head shares of a model, as fractions."""
    parts = accounting.params(config_of(name))
    sums = accounting.groups(parts)
    total = parts["total"]
    return sums["ffn"] / total, sums["attention"] / total, (sums["embedding"] + sums["head"]) / total


def _share_text(name: str) -> str:
    return f"{name} " + "/".join(f"{100 * share:.1f}" for share in _shares(name))


def two_thirds_one_third() -> Finding:
    """FFN about 65 %, attention about 33 % in most models."""
    holds = [abs(_shares(name)[0] - 0.65) < 0.05 and abs(_shares(name)[1] - 0.33) < 0.05 for name in LARGE]
    verdict = "wrong" if sum(holds) * 2 <= len(holds) else by_cases(holds)
    value = f"FFN/attention/embeddings in %: {_share_text('GPT-3')}; {_share_text('Llama 3 8B')}"
    why = f"Holds for {sum(holds)} of {len(holds)}: those where every head has its own keys and values."
    return Finding(verdict, value, why)


def two_largest_parts() -> Finding:
    """Attention and FFN take the most parameters."""
    names = ["GPT-2 Small", *LARGE]
    holds = [_shares(name)[1] > _shares(name)[2] for name in names]
    against = ", ".join(_share_text(name) for name, held in zip(names, holds, strict=True) if not held)
    why = (
        "FFN is always first; embeddings can outweigh attention in small models and with large vocabularies."
    )
    return Finding(by_cases(holds), f"embeddings beat attention: {against}" if against else "in all", why)


CLAIMS = [
    Claim("A001", "text 0", "nano-gpt: width 48, 3 layers, 3 heads, 85K parameters.", nano),
    Claim("B004", "text 1", "GPT-1 has 117M parameters.", gpt1),
    Claim(
        "A002",
        "text 0",
        "GPT-2 Small has 117M parameters.",
        lambda: gpt2("GPT-2 Small", 117e6, 3, (12, 768, 12)),
    ),
    Claim("A003", "text 0", "GPT-2 Medium has 345M.", lambda: gpt2("GPT-2 Medium", 345e6, 3, (24, 1024, 16))),
    Claim("A004", "text 0", "GPT-2 Large has 762M.", lambda: gpt2("GPT-2 Large", 762e6, 3, (36, 1280, 20))),
    Claim("A005", "text 0", "GPT-2 XL has 1.5B.", lambda: gpt2("GPT-2 XL", 1.5e9, 2, (48, 1600, 25))),
    Claim("A006", "text 0", "GPT-3: width 12,288, 96 layers, 96 heads, 175B parameters.", gpt3),
    Claim("E015", "text 4", "GPT-3: 96 layers, 12,288, 96 heads, context 2,048, 50,257 words.", gpt3_column),
    Claim(
        "E013", "text 4", "96 layers of 12,288 with 128 heads make 2 trillion parameters.", gpt4_scale_comment
    ),
    Claim("E014", "text 4", "GPT-4 has about 120 layers of 20,480 with 128 heads.", gpt4_column),
    Claim("E016", "text 4", "PaLM: 118 layers, 18,432, 48 heads, context 2,048, 256,000 words.", palm_column),
    Claim("C048", "text 2", "LLaMA came in sizes from 7B to 65B.", llama_sizes),
    Claim(
        "B022", "text 1", "In most models feed-forward is about 65 %, attention 33 %.", two_thirds_one_third
    ),
    Claim("B023", "text 1", "Attention and feed-forward are the two largest parts.", two_largest_parts),
]
