"""Claims of lesson 20, the landscape: eras, families, prices of frontier runs, and what the future holds."""

from course_lib import accounting, catalog, formulas
from course_lib.catalog import Model
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

ERAS = {"era 1": ("2018", "2021"), "era 2": ("2022", "2023"), "era 3": ("2024", "2026")}
RULE = 20.0  # tokens per parameter, which text 1 gives era 2
LLAMA_MMLU, GPT4_MMLU = 82.0, 86.4  # 5 examples, tuned models: Llama 3 model card; arXiv 2303.08774, table 2
USD_PER_A100_HOUR = 1.5  # an assumption, to see which order of magnitude the leak implies
LEAK_MFU = 0.34  # as the leak has it


def between(era: str) -> list[Model]:
    """Public models of an era with known size and tokens, in order of date."""
    first, last = ERAS[era]
    rows = [m for m in catalog.models("public") if first <= m.date[:4] <= last]
    return [m for m in rows if m.active_params and m.tokens]


def ratios(era: str) -> list[float]:
    """Tokens per active parameter of an era's models."""
    return [m.tokens / m.active_params for m in between(era) if m.tokens and m.active_params]


def three_eras() -> Finding:
    """Bigger, then balanced, then overtrained and mixed."""
    first, second, third = (ratios(era) for era in ERAS)
    near = [r for r in second if RULE / 2 <= r <= RULE * 2]
    holds = [max(first) < RULE, len(near) * 2 > len(second), min(third) > RULE]
    mixed = next(m for m in catalog.models("public") if m.kind == "moe")
    value = f"within a factor 2 of 20: {len(near)} of {len(second)} in era 2"
    why = (
        f"Era 1 below 20, era 3 above it, as claimed. In era 2 overtraining had begun, up to "
        f"{max(second):.0f}; the first mixture is of {mixed.date[:4]}."
    )
    return Finding(by_cases(holds), value, why)


def near_gpt4() -> Finding:
    """Llama 3 70B approaches GPT-4."""
    gap, errors = GPT4_MMLU - LLAMA_MMLU, (100 - LLAMA_MMLU) / (100 - GPT4_MMLU)
    why = f"MMLU, each by its own makers: {gap:.1f} points, {errors:.2f} times as many errors. What is near?"
    return Finding("caveat", f"{LLAMA_MMLU} against {GPT4_MMLU}", why, "evidence")


def leak_cost() -> float:
    """Dollars of rent for the GPT-4 run as leaked, at an assumed price."""
    flops = catalog.model("GPT-4").training_flops or 0.0
    hours = formulas.device_hours(flops, catalog.gpu("A100").peak("bf16"), LEAK_MFU)
    return formulas.cost_usd(hours, USD_PER_A100_HOUR)


def gpt4_hundred_million() -> Finding:
    """More than $100M."""
    why = (
        "OpenAI's chief executive said so in April 2023 (Wired). No account was published; rent for the "
        f"leaked FLOPs on A100s at ${USD_PER_A100_HOUR} an hour is ${leak_cost() / 1e6:.0f}M, one run alone."
    )
    return Finding("unconfirmed", "one spoken sentence", why, "evidence")


def gpt4_estimate() -> Finding:
    """Estimated at $100M or more."""
    cost = leak_cost() / 1e6
    why = f"The same sentence and the same leak: ${cost:.0f}M of rent, and nobody knows the experiments."
    return Finding("unconfirmed", "no published account", why, "evidence")


def billion() -> Finding:
    """GPT-5 and Gemini 3 $1B or more."""
    told = [catalog.model(name).disclosed for name in ("GPT-5", "Gemini 3")]
    why = "Neither size nor tokens nor compute of either is published, so nothing can be multiplied."
    verdict = "unconfirmed" if told == ["no", "no"] else "caveat"
    return Finding(verdict, "nothing published", why, "evidence")


def ten_to_hundred() -> Finding:
    """GPT-4 cost 10 to 100 times as much as GPT-3."""
    leaked = catalog.model("GPT-4").training_flops or 0.0
    ratio = leaked / (catalog.model("GPT-3").training_flops or 1.0)
    why = "6ND of the leaked size and tokens. In the claimed range, and no firmer than the leak."
    verdict = "unconfirmed" if 10 <= ratio <= 100 else "wrong"
    return Finding(verdict, f"{ratio:.0f} times the FLOPs", why, "evidence")


def handful() -> Finding:
    """Only a handful can train frontier models."""
    rows = [m for m in catalog.models("public") if (m.training_flops or 0) >= 1e24]
    orgs = sorted({m.org for m in rows})
    hours = catalog.run("Llama 3.1 405B").device_hours or 0.0
    why = f"{', '.join(orgs)}. Llama 3.1 405B is ${hours * 2 / 1e6:.0f}M at $2 an hour. A judgment."
    return Finding("unconfirmed", f"{len(orgs)} have published a run above 1e24 FLOPs", why, "evidence")


def llama2() -> Finding:
    """LLaMA 2: longer context, feedback from people."""
    before, after = config_of("LLaMA 7B").n_ctx, config_of("Llama 2 7B").n_ctx
    why = "The paper describes both; the chat models are the tuned ones, the base models are not."
    return Finding(by_cases([after > before]), f"{before:,} to {after:,} tokens", why)


def llama3() -> Finding:
    """LLaMA 3: 8B to 405B, 15T tokens."""
    small, large = catalog.model("Llama 3 8B"), catalog.model("Llama 3.1 405B")
    sizes = [accounting.params(config_of(m.name))["total"] / 1e9 for m in (small, large)]
    tokens = [(m.tokens or 0.0) / 1e12 for m in (small, large)]
    parts = [agree(8, sizes[0], 1), agree(405, sizes[1], 3), *(agree(15, t, 2) for t in tokens)]
    value = f"{sizes[0]:.2f}B and {sizes[1]:.1f}B; {tokens[0]:.1f}T and {tokens[1]:.1f}T tokens"
    return Finding(worst(*parts), value, "The 405B came with version 3.1, in July 2024.")


def deepseek() -> Finding:
    """DeepSeek 7B to 671B, mixtures."""
    names = ("DeepSeek LLM 7B", "DeepSeek-V3")
    kinds = {name: catalog.model(name).kind for name in names}
    value = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    return Finding(by_cases([kind == "moe" for kind in kinds.values()]), value, "The 7B and 67B are dense.")


def page_date() -> Finding:
    """Last updated 2026-05-13."""
    newest = max(catalog.models(), key=lambda m: m.date)
    why = f"A page's word on itself. It names {newest.name} of {newest.date}, so it is no older than that."
    return Finding("unconfirmed", "not checkable here", why, "evidence")


def future() -> Finding:
    """The future: mixtures, several kinds of input, TPUs, neuromorphic chips."""
    mixed = next(m for m in catalog.models("public") if m.kind == "moe")
    tpu = min((r for r in catalog.runs() if r.gpu.startswith("TPU")), key=lambda r: r.date)
    neuromorphic = [r for r in catalog.runs() if "neuromorphic" in r.gpu.lower()]
    to_come = [mixed.date > "2025", tpu.date > "2025", not neuromorphic]
    value = f"mixtures {mixed.date[:4]}, a TPU run {tpu.date[:4]}, neuromorphic runs {len(neuromorphic)}"
    why = "By the catalog's first of each: two of them are the present. GPT-4 read images in 2023."
    return Finding(by_cases(to_come), value, why)


CLAIMS = [
    Claim("B091", "text 1", "Three eras: bigger, balanced, overtrained with mixtures.", three_eras),
    Claim("B052", "text 1", "Llama 3 70B approaches GPT-4.", near_gpt4),
    Claim("D011", "text 3", "GPT-4 cost $100M or more.", gpt4_hundred_million),
    Claim("B069", "text 1", "GPT-4 is estimated at $100M or more.", gpt4_estimate),
    Claim("D012", "text 3", "GPT-5 and Gemini 3 likely cost $1B or more.", billion),
    Claim("E041", "text 4", "GPT-4 cost 10 to 100 times as much as GPT-3.", ten_to_hundred),
    Claim("B082", "text 1", "Only a handful of organizations can train frontier models.", handful),
    Claim("C044", "text 2", "Llama 2 extended the context and used feedback from people.", llama2),
    Claim("C045", "text 2", "Llama 3 runs from 8B to 405B and read 15T tokens.", llama3),
    Claim("C047", "text 2", "DeepSeek runs from 7B to 671B, mixtures of experts.", deepseek),
    Claim("D021", "text 3", "The page was last updated on 2026-05-13.", page_date),
    Claim("E044", "text 4", "To come: mixtures, several kinds of input, TPUs, neuromorphic chips.", future),
]
