"""Claims of lesson 6, Chinchilla: the rule of 20, the matched pair, and which models were trained by it."""

from course_lib import formulas, text
from course_lib.catalog import size_and_tokens
from course_lib.claims import Claim, Finding, agree, by_cases, worst

LAWS = {
    "printed": formulas.HOFFMANN_PRINTED,
    "unrounded": formulas.HOFFMANN_PRECISE,
    "refit": formulas.BESIROGLU,
}
BUDGET = 5.76e23  # Gopher's FLOPs, for which Hoffmann et al. plan (section 3.1)
APPROACHES = (0.50, 0.49, 0.46)  # a in N* ~ C^a by their three approaches (table 2)
MMLU = {"Chinchilla": 67.6, "Gopher": 60.0, "GPT-3": 43.9}  # per cent, 5-shot, Hoffmann et al. 2022, table 6
RULE = 20.0
NEAR = 1.25  # within this factor of 20 counts as trained by the rule


def _ratio(name: str) -> float:
    return formulas.tokens_per_param(*size_and_tokens(name))


def _exponents() -> dict[str, float]:
    """a in N* ~ C^a, which is the share of the excess loss that is due to size."""
    return {name: formulas.chinchilla_size_share(law) for name, law in LAWS.items()}


def equal_growth() -> Finding:
    """Both grow as about the square root of C."""
    found = [*APPROACHES, *_exponents().values()]
    value = ", ".join(f"{a:.2f}" for a in APPROACHES) + " by their three approaches"
    value += ", " + ", ".join(f"{a:.3f} {name}" for name, a in _exponents().items())
    why = "a in N* ~ C^a; equal growth is 0.5. Over 400 runs, 70M to over 16B parameters."
    return Finding(by_cases([abs(a - 0.5) < 0.05 for a in found]), value, why)


def twenty() -> Finding:
    """20 tokens per parameter, by each set of constants."""
    ratios = {name: formulas.chinchilla_ratio(BUDGET, law) for name, law in LAWS.items()}
    value = ", ".join(f"{r:.0f} {name}" for name, r in ratios.items()) + f" at {text.sci(BUDGET)} FLOPs"
    why = "A rule of thumb near this budget: the refit gives it, the constants that everyone prints do not."
    return Finding(by_cases([agree(RULE, r, 1) != "wrong" for r in ratios.values()]), value, why)


def _losses(first: str, second: str) -> list[tuple[float, float]]:
    """Losses of two models by each set of constants."""
    one, two = size_and_tokens(first), size_and_tokens(second)
    return [
        (formulas.chinchilla_loss(*one, law), formulas.chinchilla_loss(*two, law)) for law in LAWS.values()
    ]


def matched_gopher() -> Finding:
    """It beat it."""
    size = size_and_tokens("Gopher")[0] / size_and_tokens("Chinchilla")[0]
    pairs = _losses("Chinchilla", "Gopher")
    better = all(a < b for a, b in pairs) and MMLU["Chinchilla"] > 1.1 * MMLU["Gopher"]
    gap = [b - a for a, b in pairs]
    why = f"It did better: MMLU {MMLU['Chinchilla']} against {MMLU['Gopher']:.0f}; another text has it right."
    value = f"{size:.0f} times smaller, {min(gap):.3f} to {max(gap):.3f} nats better by the fits"
    return Finding(worst(agree(4, size, 1), "caveat" if better else "confirmed"), value, why)


def beat_gopher() -> Finding:
    """By all sets of constants, and on MMLU."""
    size = size_and_tokens("Gopher")[0] / size_and_tokens("Chinchilla")[0]
    holds = [a < b for a, b in _losses("Chinchilla", "Gopher")] + [MMLU["Chinchilla"] > MMLU["Gopher"]]
    value = f"{size:.0f} times smaller; MMLU {MMLU['Chinchilla']} against {MMLU['Gopher']:.0f}"
    why = "Lower loss by every set of constants as well."
    return Finding(worst(agree(4, size, 1), by_cases(holds)), value, why)


def gpt3_short() -> Finding:
    """3.5T, a factor of 12."""
    n, d = size_and_tokens("GPT-3")
    wanted = RULE * n
    own = formulas.rule_of_20_params(formulas.training_flops(n, d))
    why = f"At its size. For its own compute the rule wants {own / 1e9:.0f}B on {RULE * own / 1e12:.2f}T."
    verdict = worst(agree(3.5e12, wanted, 2), agree(12, wanted / d, 2))
    return Finding(verdict, f"{wanted / 1e12:.2f}T, {wanted / d:.1f} times as many", why)


def examples() -> Finding:
    """1B, 7B, 70B, 175B."""
    pairs = {1e9: 20e9, 7e9: 140e9, 70e9: 1.4e12, 175e9: 3.5e12}
    verdict = worst(*(agree(d, RULE * n, 2) for n, d in pairs.items()))
    return Finding(verdict, "20N in each case", "Arithmetic of the rule, whatever the rule is worth.")


def chinchilla_flops() -> Finding:
    """5.9e23."""
    flops = formulas.training_flops(*size_and_tokens("Chinchilla"))
    gopher = formulas.training_flops(*size_and_tokens("Gopher"))
    why = f"6ND. Gopher's is {text.sci(gopher)}; the paper counts both at about {text.sci(BUDGET)}."
    return Finding(agree(5.9e23, flops, 2), f"{text.sci(flops)} FLOPs", why)


def seventy() -> Finding:
    """1.4T."""
    return Finding(
        agree(1.4e12, RULE * 70e9, 2), f"{RULE * 70e9 / 1e12:.1f}T", "20 x 70B, as it was trained."
    )


def too_few() -> Finding:
    """Fewer than any set of constants wants at their own budgets."""
    names = ("GPT-3", "PaLM")
    short = [
        formulas.chinchilla_ratio(formulas.training_flops(*size_and_tokens(name)), law) / _ratio(name)
        for name in names
        for law in LAWS.values()
    ]
    value = ", ".join(f"{name} {_ratio(name):.2f}" for name in names) + " tokens per parameter"
    why = f"The sets of constants want {min(short):.0f} to {max(short):.0f} times as many at these budgets."
    return Finding(by_cases([factor > 1 for factor in short]), value, why)


def who_was_short() -> Finding:
    """Models, not authors."""
    why = "The models sized by their rule were short of data. The authors were not the ones trained."
    return Finding("caveat", f"GPT-3 {_ratio('GPT-3'):.1f} tokens per parameter", why, "evidence")


def llama_followed() -> Finding:
    """Its paper starts from it."""
    value = f"LLaMA 65B {_ratio('LLaMA 65B'):.0f}, 7B {_ratio('LLaMA 7B'):.0f} tokens per parameter"
    why = "Its paper starts from the rule and then trains the small ones past it, to be cheap to serve."
    return Finding("confirmed", value, why, "evidence")


def form() -> Finding:
    """E + A/N^alpha + B/D^beta."""
    law = LAWS["printed"]
    by_size = formulas.chinchilla_loss(1e9, 1e300, law) - law["E"]
    by_data = formulas.chinchilla_loss(1e300, 1e10, law) - law["E"]
    both = formulas.chinchilla_loss(1e9, 1e10, law)
    verdict = agree(law["E"] + by_size + by_data, both, 6)
    value = f"1B on 10B tokens: {law['E']} + {by_size:.3f} + {by_data:.3f} = {both:.3f}"
    return Finding(verdict, value, "Floor, size term, data term, as printed by Hoffmann et al.")


def exponents() -> Finding:
    """Both between 0.3 and 0.4?"""
    values = {(name, key): law[key] for name, law in LAWS.items() for key in ("alpha", "beta")}
    value = ", ".join(f"{law['alpha']:.2f} and {law['beta']:.2f} {name}" for name, law in LAWS.items())
    why = "Right for the refit; the published beta lies below the range."
    return Finding(by_cases([0.3 <= x <= 0.4 for x in values.values()]), value, why)


def together() -> Finding:
    """N* as C to the power of a, D* to the power of 1 - a."""
    value = ", ".join(f"{name} {a:.2f} and {1 - a:.2f}" for name, a in _exponents().items())
    why = "Exponents of N* and D*: roughly equal in each, and the fits disagree on which one leads."
    return Finding(by_cases([abs(a - 0.5) < 0.05 for a in _exponents().values()]), value, why)


def same_compute() -> Finding:
    """Against GPT-3 it is nearly twice the compute."""
    names = ("Chinchilla", "GPT-3", "Gopher")
    chinchilla, gpt3, gopher = (formulas.training_flops(*size_and_tokens(n)) for n in names)
    why = f"The matched pair is Chinchilla and Gopher, {chinchilla / gopher:.2f} by 6ND."
    return Finding(agree(1, chinchilla / gpt3, 2), f"{chinchilla / gpt3:.2f} times GPT-3's compute", why)


def like_gpt3() -> Finding:
    """67.5 against 43.9."""
    why = "Far better: MMLU, five examples each. The same text says so one line earlier."
    value = f"MMLU {MMLU['Chinchilla']} against {MMLU['GPT-3']}"
    return Finding(agree(MMLU["Chinchilla"], MMLU["GPT-3"], 2), value, why)


def cheaper() -> Finding:
    """2N for each token."""
    ratio = size_and_tokens("GPT-3")[0] / size_and_tokens("Chinchilla")[0]
    return Finding("confirmed" if ratio > 1 else "wrong", f"{ratio:.1f} times fewer", "2N FLOPs a token.")


def two_sides() -> Finding:
    """At one budget, too large and too little data are one thing."""
    n, d = size_and_tokens("Gopher")
    flops = formulas.training_flops(n, d)
    law = LAWS["refit"]
    large, short = n / formulas.chinchilla_params(flops, law), formulas.chinchilla_tokens(flops, law) / d
    verdict = "caveat" if agree(large, short, 3) == "confirmed" and large > 1 else "wrong"
    why = "N times D is fixed by the budget, so one cannot be without the other."
    return Finding(verdict, f"Gopher: {large:.1f} times too large, {short:.1f} times too little data", why)


def _by_the_rule(names: list[str]) -> Finding:
    """Whether most of the named models had about 20 tokens per parameter."""
    ratios = {name: _ratio(name) for name in names}
    near = [1 / NEAR < r / RULE < NEAR for r in ratios.values()]
    verdict = "wrong" if sum(near) < len(near) / 2 else by_cases(near)
    value = ", ".join(f"{name} {r:.0f}" for name, r in ratios.items())
    return Finding(verdict, value, f"Tokens per parameter: {sum(near)} of {len(near)} are near 20.")


def llama13() -> Finding:
    """As the abstract says."""
    n, gpt3 = size_and_tokens("LLaMA 13B")[0], size_and_tokens("GPT-3")[0]
    why = f"Its abstract: outperforms GPT-3 on most benchmarks, with {gpt3 / n:.0f} times fewer parameters."
    return Finding("rounded", "better on most benchmarks", why, "evidence")


LLAMA1 = ["LLaMA 7B", "LLaMA 13B", "LLaMA 33B", "LLaMA 65B"]
LLAMA2 = ["Llama 2 7B", "Llama 2 13B", "Llama 2 70B"]

CLAIMS = [
    Claim("B039", "text 1", "DeepMind trained over 400 models; N and D should scale equally.", equal_growth),
    Claim("B040", "text 1", "The best ratio is about 20 tokens per parameter.", twenty),
    Claim("E036", "text 4", "Balanced scaling means about 20 tokens per parameter.", twenty),
    Claim("B041", "text 1", "Chinchilla matched Gopher while four times smaller.", matched_gopher),
    Claim("C019", "text 2", "Chinchilla outperformed Gopher while four times smaller.", beat_gopher),
    Claim("B042", "text 1", "GPT-3 was 12 times undertrained; it wanted 3.5T tokens.", gpt3_short),
    Claim("B043", "text 1", "1B wants 20B tokens, 7B 140B, 70B 1.4T, 175B 3.5T.", examples),
    Claim("B044", "text 1", "Chinchilla took about 5.9e23 FLOPs.", chinchilla_flops),
    Claim("C020", "text 2", "By the rule of 20, a 70B model should see about 1.4T tokens.", seventy),
    Claim("C021", "text 2", "GPT-3 and PaLM had too few tokens for their size.", too_few),
    Claim("C022", "text 2", "Hoffmann et al. found that Kaplan et al. were undertrained.", who_was_short),
    Claim("C023", "text 2", "Chinchilla influenced how LLaMA was trained.", llama_followed),
    Claim("D004", "text 3", "Loss is A/N^alpha + B/D^beta + an irreducible part.", form),
    Claim("D005", "text 3", "alpha and beta are about 0.3 to 0.4.", exponents),
    Claim("D006", "text 3", "N and D should grow at roughly equal rates.", together),
    Claim("D007", "text 3", "Chinchilla beats the 175B model with the same compute.", same_compute),
    Claim("D008", "text 3", "GPT-3 and Chinchilla are about equal on benchmarks.", like_gpt3),
    Claim("D009", "text 3", "Chinchilla needs less inference compute than GPT-3.", cheaper),
    Claim("E037", "text 4", "Many large models are undertrained, not oversized.", two_sides),
    Claim(
        "B046",
        "text 1",
        "Chinchilla, Llama 1 and Llama 2 had 20 tokens per parameter.",
        lambda: _by_the_rule(["Chinchilla", *LLAMA1, *LLAMA2]),
    ),
    Claim("C024", "text 2", "LLaMA 7B to 65B: Chinchilla-optimal training.", lambda: _by_the_rule(LLAMA1)),
    Claim("C025", "text 2", "LLaMA-13B could match GPT-3.", llama13),
]
