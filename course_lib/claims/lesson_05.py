"""Claims of lesson 5, the first laws: what Kaplan et al. found, what they advised, and what became of it."""

from itertools import pairwise

from course_lib import catalog, formulas
from course_lib.claims import Claim, Finding, agree, by_cases, worst

KAPLAN_ARXIV = "2001.08361"  # year and month of the first version, then its number
HESTNESS_ARXIV = "1712.00409"
GPT3_FLOPS = 3.14e23
MEASURED_FLOPS = 1e20  # about where the largest model that Kaplan et al. trained stands in their own rule
SHAPES = ((6, 4288), (48, 1600))  # layers and width: within 3 % of each other in loss (their figure 5)


def _refit_best(flops: float) -> float:
    """Loss of the best split by the refit of Besiroglu et al. 2024, nats."""
    law = formulas.BESIROGLU
    n = formulas.chinchilla_params(flops, law)
    return formulas.chinchilla_loss(n, formulas.chinchilla_tokens(flops, law), law)


def _waste(flops: float) -> float:
    """How many times the compute of the best split Kaplan's split spends for its loss, by the same refit."""
    n, d = formulas.kaplan_params(flops), formulas.kaplan_tokens(flops)
    reached = formulas.chinchilla_loss(n, d, formulas.BESIROGLU)
    low, high = flops / 1e6, flops
    for _ in range(80):
        mid = (low * high) ** 0.5
        low, high = (mid, high) if _refit_best(mid) > reached else (low, mid)
    return flops / low


def power_laws() -> Finding:
    """January 2020, three power laws."""
    laws = (formulas.kaplan_loss_n, formulas.kaplan_loss_d, formulas.kaplan_loss_c)
    slopes = [[formulas.slope_between(x, f(x), 10 * x, f(10 * x)) for x in (1e15, 1e20)] for f in laws]
    straight = [abs(a - b) < 1e-9 for a, b in slopes]
    dated = KAPLAN_ARXIV.startswith("2001")
    value = "exponents " + ", ".join(f"{-a:.3f}" for a, _ in slopes) + " in N, D and compute"
    why = f"Eq. 1.1 to 1.3 of arXiv {KAPLAN_ARXIV}: straight on log–log paper where nothing else is short."
    return Finding(by_cases([*straight, dated]), value, why)


def smooth() -> Finding:
    """No sudden jumps or plateaus."""
    from course_lib import study
    from course_lib.study import frontier

    found = frontier.points(study.runs("grid"))
    widths = {p.d_model for p in found}
    falls = [
        later.loss < earlier.loss
        for width in widths
        for earlier, later in pairwise(p for p in found if p.d_model == width)
    ]
    why = "Each size of our own study falls with every step of text. True of the loss; task scores can jump."
    return Finding(by_cases(falls), "no width of our study rises or rests", why)


def _forecast(why: str) -> Finding:
    """The known case of a loss that was told beforehand (OpenAI 2023, section 3.1)."""
    return Finding(
        "confirmed", "GPT-4's final loss, from runs of at most 1/10,000 of its compute", why, "evidence"
    )


def loss_forecast() -> Finding:
    """Loss can be told before training."""
    return _forecast("OpenAI 2023, section 3.1, with a floor that Kaplan's laws lack: L(C) = a C^b + c.")


def untrained_forecast() -> Finding:
    """A model that was not trained can be told."""
    return _forecast("OpenAI 2023, section 3.1. Of the loss; our own forecasts are opened in lesson 8.")


def larger_forecast() -> Finding:
    """Larger models can often be told."""
    return _forecast("OpenAI 2023, section 3.1. Scores on benchmarks are harder to tell than the loss.")


def gpt4_forecast() -> Finding:
    """GPT-4's performance was predicted months ahead."""
    value = "its final loss, and the pass rate on part of HumanEval"
    why = "Made shortly after the run began (OpenAI 2023, section 3); other abilities stayed hard to predict."
    return Finding("caveat", value, why, "evidence")


def size_first() -> Finding:
    """Size before data."""
    n = formulas.kaplan_params(1e21) / formulas.kaplan_params(1e20)
    d = formulas.kaplan_tokens(1e21) / formulas.kaplan_tokens(1e20)
    why = "Their allocation: N as the 0.73th power of compute, D as the 0.27th."
    return Finding(by_cases([n > d]), f"ten times the compute: N x {n:.1f}, D x {d:.1f}", why)


def gpt3_tokens() -> Finding:
    """1.7 tokens per parameter, because of that advice."""
    model = catalog.model("GPT-3")
    params, tokens = model.params or 0.0, model.tokens or 0.0
    ratio = tokens / params
    n, d = formulas.kaplan_params(GPT3_FLOPS), formulas.kaplan_tokens(GPT3_FLOPS)
    followed = abs(n / params - 1) < 0.25
    rule = f"Their rule gives {n / 1e9:.0f}B on {d / 1e9:.0f}B tokens, {d / n:.1f} each"
    why = f"{rule}: GPT-3 cites the advice (Brown 2020, figure 2.2) and followed it half way."
    verdict = worst(agree(1.7, ratio, 2), "confirmed" if followed else "caveat")
    return Finding(verdict, f"{ratio:.2f} tokens per parameter", why)


def advice_wrong() -> Finding:
    """The advice turned out wrong."""
    near, far = _waste(MEASURED_FLOPS), _waste(GPT3_FLOPS)
    ratio = formulas.kaplan_tokens(MEASURED_FLOPS) / formulas.kaplan_params(MEASURED_FLOPS)
    value = f"{near:.2f} times the best compute at 1e20 FLOPs, {far:.1f} times at GPT-3's"
    why = f"By the 2024 refit. At 1e20, where they had measured, their rule gives {ratio:.0f} tokens each."
    return Finding(by_cases([near > 1.5, far > 1.5]), value, why)


def larger_for_fewer() -> Finding:
    """Larger model, fewer steps."""
    advised = formulas.kaplan_params(GPT3_FLOPS)
    refit = formulas.chinchilla_params(GPT3_FLOPS, formulas.BESIROGLU)
    value = f"at GPT-3's budget {advised / 1e9:.0f}B by their rule, {refit / 1e9:.0f}B by the 2024 refit"
    why = "They found it; Hoffmann et al. 2022 revised it, and the text reports both without the link."
    return Finding("confirmed" if advised / refit < 1.5 else "caveat", value, why)


def shape_second() -> Finding:
    """Shape matters less than size."""
    sizes = [formulas.approx_params(layers, width) for layers, width in SHAPES]
    aspects = [width / layers for layers, width in SHAPES]
    shape = f"{SHAPES[0][0]} layers of {SHAPES[0][1]} lose within 3 % of {SHAPES[1][0]} of {SHAPES[1][1]}"
    value = f"aspect ratios {max(aspects) / min(aspects):.0f} times apart, loss within 3 %"
    why = f"Kaplan et al., figure 5: {shape}; {sizes[0] / 1e9:.2f}B and {sizes[1] / 1e9:.2f}B in the blocks."
    return Finding("confirmed", value, why, "evidence")


def since_2020() -> Finding:
    """Scaling was found in 2020."""
    earlier = HESTNESS_ARXIV < KAPLAN_ARXIV
    value = f"arXiv {HESTNESS_ARXIV} precedes {KAPLAN_ARXIV}"
    why = "Hestness et al. had power laws for translation, language and speech in 2017."
    return Finding("caveat" if earlier else "confirmed", value, why)


def smooth_in_both() -> Finding:
    """A smooth power law in N and D."""
    law = formulas.BESIROGLU
    slopes = [
        formulas.slope_between(
            n, formulas.chinchilla_loss(n, 1e30, law), 10 * n, formulas.chinchilla_loss(10 * n, 1e30, law)
        )
        for n in (1e7, 1e11)
    ]
    smoothly = all(slope < 0 for slope in slopes)
    value = f"slope {slopes[0]:.3f} at 1e7 parameters and {slopes[1]:.3f} at 1e11"
    why = "A power law above a floor E, as in the text's own formula: the line bends as it nears the floor."
    return Finding(by_cases([smoothly]), value, why)


CLAIMS = [
    Claim("B027", "text 1", "In January 2020 Kaplan et al. found power laws in N, D and C.", power_laws),
    Claim("B032", "text 1", "The laws are smooth, without sudden jumps or plateaus.", smooth),
    Claim("D003", "text 3", "Loss falls as a smooth power law of N and D.", smooth_in_both),
    Claim("B033", "text 1", "The loss of a model can be predicted before it is trained.", loss_forecast),
    Claim("C017", "text 2", "One can forecast a model that one has not trained.", untrained_forecast),
    Claim("A009", "text 0", "Smooth scaling laws often let one predict larger models.", larger_forecast),
    Claim("B034", "text 1", "OpenAI predicted GPT-4's performance months ahead.", gpt4_forecast),
    Claim("B035", "text 1", "Kaplan et al. advised to put model size before data.", size_first),
    Claim("C015", "text 2", "At fixed compute a larger model for fewer steps is better.", larger_for_fewer),
    Claim("B036", "text 1", "That advice led to GPT-3's 1.7 tokens per parameter.", gpt3_tokens),
    Claim("B037", "text 1", "The advice turned out to be wrong.", advice_wrong),
    Claim("C016", "text 2", "Width, depth and heads matter less than the total size.", shape_second),
    Claim("C018", "text 2", "That scale matters more than architecture was found in 2020.", since_2020),
]
