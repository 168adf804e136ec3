"""Claims of lesson 17, mixtures of experts: a layer that crashes, and parameters total and active.

The code checks run `course_lib.tiny.moe_reference.as_text_1`, which does what the layer of text 1 does. Torch
is imported inside the checks only. Those of quality read the shipped table of `course_lib.tiny.moe_study`.
"""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING, Any

from course_lib import accounting, catalog, formulas, switch
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

if TYPE_CHECKING:
    import torch

    from course_lib.tiny.moe import MoE

EXACT = 1e-12  # float64: anything above is more than rounding
MIXTRAL, DEEPSEEK = "Mixtral 8x7B", "DeepSeek-V3"


def layer_and_input(experts: int, top_k: int, tokens: int, **options: Any) -> tuple[MoE, torch.Tensor]:
    """A seeded layer of width 16 in double precision, its scores spread out, and tokens (n, 16)."""
    import torch

    from course_lib.tiny import GPTConfig, moe

    dense = GPTConfig.modern(3, 4, 16, 1, 2, d_ff=32)
    layer = moe.mixtures(moe.build(moe.mixture(dense, experts, top_k, d_expert=32, **options)))[0].double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, dtype=p.dtype, generator=generator) / 4)
    return layer, torch.randn(tokens, 16, dtype=torch.float64, generator=generator)


def try_text_1(layer: MoE, x: torch.Tensor) -> str:
    """What torch says about the layer of text 1; nothing if it runs."""
    import torch

    from course_lib.tiny.moe_reference import as_text_1

    try:
        with torch.no_grad():
            as_text_1(layer, x)
    except RuntimeError as error:
        return str(error)
    return ""


def relative_error(experts: int, tokens: int = 64) -> float:
    """Norm of the difference between text 1's layer and the right one, over that of the right one; k = E."""
    import torch

    from course_lib.tiny.moe_reference import as_text_1, by_loop

    layer, x = layer_and_input(experts, experts, tokens)
    with torch.no_grad():
        right = by_loop(layer, x)
        return float((as_text_1(layer, x) - right).norm() / right.norm())


def crashes() -> Finding:
    """The layer runs with 8 experts, top-2."""
    sizes = (1, 4, 64, 1024)
    said = [try_text_1(*layer_and_input(8, 2, n)) for n in sizes]
    failed = sum(bool(text) for text in said)
    value = f"RuntimeError for {failed} of {len(sizes)} batches"
    why = "Expert i is given column i of the weights, and there are two: for i of 2 or more it is empty."
    return Finding(by_cases([not text for text in said]), value, why)


def wrong_column() -> Finding:
    """weights[mask, i:i+1] is expert i's weight."""
    errors = {experts: relative_error(experts) for experts in (2, 4, 8)}
    value = ", ".join(f"off by {error:.0%} with E = k = {e}" for e, error in errors.items())
    why = "The columns are ranks: first choice, second choice. Only where all experts are chosen does it run."
    return Finding(by_cases([error < EXACT for error in errors.values()]), value, why)


def softmax_over_chosen() -> Finding:
    """Softmax over the chosen scores."""
    import torch

    layer, x = layer_and_input(8, 2, 256)
    with torch.no_grad():
        logits = layer.router(x)
        top, chosen = logits.topk(2)
        kept = logits.softmax(dim=-1).gather(1, chosen)
        gap = float((top.softmax(dim=-1) - kept / kept.sum(dim=-1, keepdim=True)).abs().max())
    why = "The same as the softmax over all, brought back to a sum of 1 (Mixtral). Text 1 adds a router bias."
    value = "equal to rounding" if gap < EXACT else f"off by {gap:.1e}"
    return Finding("confirmed" if gap < EXACT else "wrong", value, why)


def top_k_of_softmax() -> Finding:
    """g(x) = TopK(softmax(W x))."""
    import torch

    layer, x = layer_and_input(8, 2, 256, gate="all")
    with torch.no_grad():
        total = float(layer.route(x).weights.sum(dim=-1).mean())
    why = "Switch weighs so; text 1 and Mixtral divide by the sum. Both exist. The rest must be set to 0."
    holds = abs(total - 1) < EXACT
    return Finding("confirmed" if holds else "caveat", f"two of eight weights sum to {total:.2f}, not 1", why)


def counts(name: str) -> tuple[float, float]:
    """Total and active parameters of a catalog model."""
    cfg = config_of(name)
    return accounting.params(cfg)["total"], accounting.active_params(cfg)["total"]


def mixtral_sizes() -> Finding:
    """46.7B and 12.9B."""
    total, active = counts(MIXTRAL)
    verdict = worst(agree(46.7e9, total, 3), agree(12.9e9, active, 3))
    why = f"A token uses {active / total:.1%}: two experts of eight, and everything that is no expert."
    return Finding(verdict, f"{total:,.0f} and {active:,.0f}", why)


def mixtral_rounded() -> Finding:
    """47B, 13B, 2023."""
    total, active = counts(MIXTRAL)
    date = catalog.model(MIXTRAL).date
    dated = "confirmed" if date[:4] == "2023" else "wrong"
    verdict = worst(agree(47e9, total, 2), agree(13e9, active, 2), dated)
    why = f"Released {date}; the paper is of 2024."
    return Finding(verdict, f"{total / 1e9:.1f}B, {active / 1e9:.1f}B", why)


def seven_b_each() -> Finding:
    """8 experts of 7B."""
    parts = accounting.groups(accounting.params(config_of(MIXTRAL)))
    one, rest = parts["expert"] / 8, sum(parts.values()) - parts["expert"]
    why = (
        f"All layers' share of one expert. Attention, tables and norms, {rest / 1e9:.2f}B, are there once; "
        f"with them one expert makes {(one + rest) / 1e9:.2f}B, hence the name."
    )
    return Finding(agree(7e9, one, 1), f"{one / 1e9:.2f}B each", why)


def mixtral_speed() -> Finding:
    """As good as GPT-3.5, faster than a dense 47B."""
    total, active = counts(MIXTRAL)
    why = (
        "Quality as the paper reports it (Jiang et al. 2024). Faster by arithmetic, and at small batches by "
        "bytes; a large batch reads all experts."
    )
    return Finding("confirmed", f"{total / active:.1f} times fewer FLOPs for a token", why, basis="evidence")


def deepseek_sizes() -> Finding:
    """671B and 37B."""
    total, active = counts(DEEPSEEK)
    without = active - accounting.params(config_of(DEEPSEEK))["embedding/token"]
    verdict = worst(agree(671e9, total, 3), agree(37e9, without, 2))
    why = f"Active {active / 1e9:.2f}B with the token table, of which a token reads one row."
    return Finding(verdict, f"{total / 1e9:.1f}B and {without / 1e9:.2f}B", why)


def gpt4() -> Finding:
    """1.8T and 220B."""
    model = catalog.model("GPT-4")
    total, active = (x or 0.0 for x in (model.params_published, model.active_published))
    verdict = worst(agree(1.8e12, total, 2), agree(2.2e11, active, 2))
    value = f"the leak says {total / 1e12:.1f}T and {active / 1e9:.0f}B"
    why = "Nothing is published. 220B belongs to another rumor (8 x 220B); the two must not be mixed."
    return Finding(verdict if model.disclosed == "public" else "unconfirmed", value, why)


def tenth_at_a_time() -> Finding:
    """Ten per cent active."""
    names = (MIXTRAL, DEEPSEEK, "Qwen3 235B", "Kimi K2")
    shares = {name: counts(name)[1] / counts(name)[0] for name in names}
    shares["Switch-C"] = switch.params(active=True)["total"] / switch.params()["total"]
    value = ", ".join(f"{name} {share:.3g} %" for name, share in ((n, 100 * s) for n, s in shares.items()))
    why = "A design choice, from a quarter to a thousandth; no property of mixtures."
    return Finding(by_cases([0.05 < share < 0.2 for share in shares.values()]), value, why)


def huge_quality() -> Finding:
    """Quality of the total, cost of the active."""
    from course_lib.tiny import moe_study as study

    small, mixed, large = (study.mean_loss(name) for name in ("dense", "top-2, bias", "dense, wide"))
    share = (small - mixed) / (small - large)
    why = (
        "Tiny models, equal text. All weights must be in memory, and many tokens at once read them all. "
        "Llama 3.1 405B is dense by choice."
    )
    cheap = [formulas.touched_share(8, 2, batch) < 0.5 for batch in (1, 16)]
    value = f"{share:.0%} of the way from a dense model of the active to one of the total size"
    return Finding(by_cases([share > 0.95, *cheap]), value, why)


def two_of_eight() -> Finding:
    """Pays for two of eight."""
    total, active = counts(MIXTRAL)
    touched = formulas.touched_share(8, 2, 16)
    value = f"{active / total:.1%} of the arithmetic, 100% of the memory"
    why = (
        f"And 16 tokens together read {touched:.0%} of the experts. The router chooses for each token and "
        "layer; Mixtral's authors found no experts by topic (Jiang et al. 2024)."
    )
    return Finding(by_cases([abs(active / total - 0.25) < 0.05, touched < 0.3]), value, why)


def third_era() -> Finding:
    """2024 and later."""
    date = catalog.model(MIXTRAL).date
    days = (datetime.date(2024, 1, 1) - datetime.date.fromisoformat(date)).days
    verdict = "confirmed" if days <= 0 else "rounded" if days < 31 else "wrong"
    return Finding(verdict, f"released {date}", f"{days} days before the era begins.")


def top_one() -> Finding:
    """Switch uses one expert."""
    shape = switch.HALF
    why = "The paper's point: one expert is enough for the router to learn (Fedus et al. 2021)."
    verdict, value = agree(1, shape.top_k, 1), f"{shape.top_k} of {shape.n_experts:,} experts in each layer"
    return Finding(verdict, value, why, basis="evidence")


def switch_total() -> Finding:
    """1.6T."""
    parts = switch.params()
    total, share = parts["total"], accounting.groups(parts)["expert"] / parts["total"]
    why = f"Counted from the shape in table 9 of the paper; {share:.2%} of it are experts."
    return Finding(agree(1.6e12, total, 2), f"{total:,}", why)


def switch_active() -> Finding:
    """About 100B for a token."""
    active = switch.params(active=True)
    parts = accounting.groups(active)
    rest = active["total"] - parts["expert"] - parts["attention"]
    why = (
        f"One expert in each of 30 layers {parts['expert'] / 1e9:.2f}B, attention "
        f"{parts['attention'] / 1e9:.2f}B, the rest {rest / 1e9:.2f}B."
    )
    return Finding(agree(1e11, active["total"], 1), f"{active['total'] / 1e9:.2f}B", why)


def better_than_dense() -> Finding:
    """Better at lower compute."""
    from course_lib.tiny import moe_study as study

    name = "top-2, bias"
    gains = {m: study.gain(name, m) for m in ("flops", "cpu_seconds")}
    value = f"our tiny models: {gains['flops']:+.3f} nats at equal FLOPs"
    why = (
        f"A gain if positive; at equal time on one core {gains['cpu_seconds']:+.3f}. Fedus et al. report "
        "four times faster pre-training than T5-XXL."
    )
    return Finding(by_cases([gain > 0 for gain in gains.values()]), value, why)


def weighted_sum() -> Finding:
    """y = sum g_i(x) expert_i(x)."""
    import torch

    from course_lib.tiny.moe_reference import by_loop

    gaps = []
    for gate, top_k in itertools.product(("chosen", "all", "sigmoid"), (1, 2, 8)):
        layer, x = layer_and_input(8, top_k, 32, gate=gate)
        with torch.no_grad():
            gaps.append(float((layer(x) - by_loop(layer, x)).abs().max()))
    why = "Three kinds of gate, k of 1, 2 and 8: our layer against the sum written out, token by token."
    value = "equal to rounding" if max(gaps) < EXACT else f"off by {max(gaps):.1e}"
    return Finding(by_cases([gap < EXACT for gap in gaps]), value, why)


def imbalance() -> Finding:
    """Load imbalance is a challenge."""
    from course_lib.tiny import moe_study as study

    names = ("top-1", "top-1, loss")
    free, held = ([max(layer) for row in study.of(name) for layer in row.load()] for name in names)
    value = f"busiest of eight: {max(free):.0%} left alone, {max(held):.0%} with the loss"
    why = "Our tiny top-1 models on unseen text; even would be 12.5%."
    return Finding("confirmed" if max(free) > 2 / 8 > max(held) else "caveat", value, why)


def cheaper_inference() -> Finding:
    """A few sub-networks a token, lower inference cost."""
    cfg = config_of(DEEPSEEK)
    alone, crowd = (formulas.touched_share(cfg.n_experts, cfg.top_k, b) for b in (1, 128))
    total, active = counts(DEEPSEEK)
    why = f"DeepSeek-V3. Memory stays; 128 tokens together read {crowd:.0%} of the experts, one {alone:.1%}."
    return Finding(by_cases([active < total, crowd < 0.5]), f"{total / active:.0f} times fewer FLOPs", why)


def who_uses_it() -> Finding:
    """GPT-4, Gemini and Mixtral."""
    models = [catalog.model(name) for name in ("GPT-4", "Gemini 1.0", "Mixtral 8x7B")]
    known = [m.kind == "moe" and m.disclosed == "public" for m in models]
    why = "Gemini says so from 1.5 on (Gemini Team 2024); GPT-4's architecture is a rumor."
    return Finding(by_cases(known), f"published for {sum(known)} of the three as named", why)


CLAIMS = [
    Claim("B001", "text 1", "The printed layer runs as a top-2 mixture of 8 experts.", crashes),
    Claim("B002", "text 1", "Column i of the weights holds the weight of expert i.", wrong_column),
    Claim("B003", "text 1", "The weights are a softmax over the chosen scores.", softmax_over_chosen),
    Claim("C001", "text 2", "The gate is the top k of a softmax over all experts.", top_k_of_softmax),
    Claim("C034", "text 2", "The output is the sum of gate times expert.", weighted_sum),
    Claim("B083", "text 1", "Mixtral 8x7B has 46.7B parameters, 12.9B of them active.", mixtral_sizes),
    Claim("C026", "text 2", "Mixtral, of 2023, has 47B parameters and uses about 13B.", mixtral_rounded),
    Claim("C027", "text 2", "Mixtral has eight experts of about 7B each.", seven_b_each),
    Claim("C028", "text 2", "Mixtral matches GPT-3.5 and is faster than a dense 47B.", mixtral_speed),
    Claim("B084", "text 1", "DeepSeek-V3 has 671B parameters, 37B of them active.", deepseek_sizes),
    Claim("B085", "text 1", "GPT-4 has about 1.8T parameters, about 220B active.", gpt4),
    Claim("B086", "text 1", "A mixture has a trillion parameters and uses 10 % of them.", tenth_at_a_time),
    Claim("B087", "text 1", "A mixture has a huge model's quality at a small one's cost.", huge_quality),
    Claim("B088", "text 1", "Eight specialists, and one pays for two.", two_of_eight),
    Claim("B089", "text 1", "Mixtral belongs to the era from 2024 on.", third_era),
    Claim("C029", "text 2", "Switch routes each token to one expert.", top_one),
    Claim("C030", "text 2", "Switch has 1.6T parameters.", switch_total),
    Claim("C031", "text 2", "Switch activates about 100B parameters for a token.", switch_active),
    Claim("C032", "text 2", "Switch beats dense models at lower compute.", better_than_dense),
    Claim("C035", "text 2", "Routers tend to overload a few experts.", imbalance),
    Claim("D016", "text 3", "A few sub-networks for a token lower the cost of inference.", cheaper_inference),
    Claim("D017", "text 3", "GPT-4, Gemini and Mixtral all use mixtures of experts.", who_uses_it),
]
