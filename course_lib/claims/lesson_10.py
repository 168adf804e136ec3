"""Claims of lesson 10, data limits: quality against quantity, curated data, few tokens for large models."""

from course_lib import catalog, formulas, limits
from course_lib.claims import Claim, Finding, by_cases

FEW = 20.0  # tokens per parameter: the rule of thumb of lesson 6
LATER = ("Chinchilla", "LLaMA 7B", "Llama 2 7B", "Llama 3 8B")


def quality() -> Finding:
    """Our own runs at equal tokens: few clean characters read often against many noisy ones read once."""
    clean, noisy = limits.by_epochs(), limits.by_noise()
    pairs = [(e, noise) for e in clean if e > 1 for noise in noisy if noise > 0]
    holds = [clean[e] < noisy[noise] for e, noise in pairs]
    small = limits.by_epochs(16)[1] + 2 * limits.seed_noise()  # one seed: only what stands out counts
    beaten = [noise for noise, loss in noisy.items() if noise > 0 and small < loss]
    value = f"{sum(holds)} of {len(holds)} pairs; half the width, clean, beats {min(beaten):.0%} noise and up"
    why = (
        "Clean text read 2 to 30 times against noise of 5 to 40 %, our runs. Enough repetition loses to"
        " enough fresh noise. Llama 3 had both: 15T tokens and filters."
    )
    return Finding(by_cases(holds), value, why)


def curated() -> Finding:
    """What the reports say."""
    phi, llama = (catalog.model(name).tokens or 0.0 for name in ("Phi-3 Mini", "Llama 3 8B"))
    why = (
        "Phi-3's abstract: heavily filtered web data and synthetic data. Llama 3's report: deduplication by"
        " address, document and line, heuristic filters, quality classifiers."
    )
    value = f"Phi-3 Mini on {phi / 1e12:.1f}T tokens, Llama 3 on {llama / 1e12:.0f}T"
    return Finding("confirmed", value, why, basis="evidence")


def old_wisdom() -> Finding:
    """Far below the rule then, at or far above it since."""

    def ratio(name: str) -> float:
        model = catalog.model(name)
        return formulas.tokens_per_param(float(model.active_params or 0), float(model.tokens or 0))

    before = {name: ratio(name) for name in ("GPT-3", "Gopher", "PaLM")}
    since = {name: ratio(name) for name in LATER}
    holds = [r < FEW / 4 for r in before.values()] + [r >= 0.99 * FEW for r in since.values()]
    value = ", ".join(f"{name} {r:.2g}" for name, r in before.items()) + " tokens per parameter"
    why = "Since then " + ", ".join(f"{name} {r:,.0f}" for name, r in since.items()) + "."
    return Finding(by_cases(holds), value, why)


CLAIMS = [
    Claim(
        "B064",
        "text 1",
        "Quality beats quantity: a small model on excellent data is better than a large one on noisy data.",
        quality,
    ),
    Claim("B065", "text 1", "Phi used curated and synthetic data; Llama 3 invested in filtering.", curated),
    Claim("D022", "text 3", "The old wisdom: bigger models, fewer tokens (GPT-3: 175B on 300B).", old_wisdom),
]
