"""Claims of lesson 18, small models: who matches whom, who taught whom, and what feedback did."""

from course_lib import catalog, formulas, memory
from course_lib.catalog import scores
from course_lib.claims import Claim, Finding, agree, by_cases, config_of


def _share(part: list[bool]) -> str:
    return f"{sum(part)} of {len(part)}"


def llama_8b_70b() -> Finding:
    """Llama 3 8B matches Llama 2 70B on many tasks."""
    base = scores.compare("Llama 3 8B", "Llama 2 70B", "base")
    tuned = scores.compare("Llama 3 8B", "Llama 2 70B", "instruct")
    ahead = {name: [a >= b for a, b in found.values()] for name, found in (("base", base), ("tuned", tuned))}
    mmlu = {name: found["MMLU"] for name, found in (("base", base), ("tuned", tuned))}
    value = f"ahead on {_share(ahead['base'])} benchmarks as a base model, {_share(ahead['tuned'])} tuned"
    shown = [f"{a} against {b} {name}" for name, (a, b) in mmlu.items()]
    why = f"MMLU {', '.join(shown)}: what improved most is the tuning. Model card of Llama 3."
    return Finding(by_cases([sum(part) * 2 > len(part) for part in ahead.values()]), value, why)


def phi_llama() -> Finding:
    """Phi-3 Mini matches Llama 2 13B."""
    phi, llama = scores.mmlu("Phi-3 Mini", "instruct"), scores.mmlu("Llama 2 13B", "base")
    why = "MMLU, 5 examples. Far above; its authors compare it with Mixtral 8x7B and GPT-3.5."
    verdict = "confirmed" if abs(phi - llama) < 3 else "caveat" if phi > llama else "wrong"
    return Finding(verdict, f"{phi} against {llama}", why)


def ratio_13() -> Finding:
    """Llama 2 13B is 3.5 times larger."""
    ratio = (catalog.model("Llama 2 13B").params or 0) / (catalog.model("Phi-3 Mini").params or 1)
    why = "13.02B over 3.82B, both counted from their shapes."
    return Finding(agree(3.5, ratio, 2), f"{ratio:.2f} times", why)


def phone() -> Finding:
    """Runs on a phone."""
    cfg = config_of("Phi-3 Mini")
    total = formulas.gib(memory.serving(cfg, "int4", 2048, 1, "bf16", 32)["total"])
    weights = formulas.gb(memory.weights(cfg, "int4", 128)["total"])
    value = f"{weights:.1f} GB of weights in 4 bits, {total:.1f} GiB with a cache of 2,048 tokens"
    why = "The report shows it on an iPhone 14 at more than 12 tokens a second; that phone has 6 GB."
    return Finding(by_cases([total < 4]), value, why)


def gemma_llama() -> Finding:
    """Gemma 2 9B rivals Llama 3 8B."""
    gemma, llama = scores.mmlu("Gemma 2 9B", "base"), scores.mmlu("Llama 3 8B", "base")
    why = "MMLU of the base models, each by its own makers: not measured by one hand."
    return Finding(by_cases([gemma >= llama - 1]), f"{gemma} against {llama}", why)


def gemma_teacher() -> Finding:
    """Distilled from Gemini."""
    why = "The report's abstract says that the 2B and 9B are distilled and does not name the teacher."
    return Finding("caveat", "teacher not named", why, "evidence")


def qwen_llama() -> Finding:
    """Qwen2.5 7B competitive with Llama 3 70B on some tasks."""
    qwen, llama = scores.mmlu("Qwen2.5 7B", "base"), scores.mmlu("Llama 3 70B", "base")
    why = "MMLU, base models: behind on general knowledge; near only in mathematics and code by its makers."
    return Finding("confirmed" if qwen >= llama - 1 else "caveat", f"{qwen} against {llama}", why)


def three_b() -> Finding:
    """A 3B model of 2025 beats a 175B model of 2020."""
    small, large = scores.mmlu("Llama 3.2 3B", "base"), scores.mmlu("GPT-3 175B", "base")
    date = catalog.model("Llama 3.2 3B").date
    why = f"MMLU; true since {date[:7]}. GPT-3 saw 300B tokens, Llama 3.2 up to 9T and two teachers."
    return Finding(by_cases([small > large]), f"{small} against {large}", why)


def rlhf() -> Finding:
    """Supervised tuning, reward model, PPO."""
    why = "The three steps of Ouyang et al. 2022, figure 2; the lesson runs the last two in miniature."
    return Finding("confirmed", "the three steps, in this order", why, "evidence")


def fewer() -> Finding:
    """InstructGPT and ChatGPT better with fewer parameters."""
    ratio = 175e9 / 1.3e9
    value = f"the 1.3B InstructGPT: {ratio:.0f} times fewer"
    why = "Preferred to the 175B GPT-3. InstructGPT also came in 6B and 175B; ChatGPT's size is unknown."
    return Finding("caveat", value, why, "evidence")


def mistral() -> Finding:
    """Mistral 7B uses GQA and a sliding window."""
    cfg = config_of("Mistral 7B")
    holds = [cfg.n_kv_heads < cfg.n_heads, cfg.window > 0 and cfg.window_layers > 0]
    value = f"{cfg.n_heads} query and {cfg.n_kv_heads} key and value heads, a window of {cfg.window:,}"
    return Finding(by_cases(holds), value, "As first released; later versions dropped the window.")


CLAIMS = (
    Claim("B050", "text 1", "Llama 3 8B matches Llama 2 70B on many tasks.", llama_8b_70b),
    Claim("B054", "text 1", "Phi-3 Mini matches Llama 2 13B.", phi_llama),
    Claim("B055", "text 1", "Llama 2 13B is 3.5 times larger than Phi-3 Mini.", ratio_13),
    Claim("B056", "text 1", "Phi-3 Mini runs on a phone.", phone),
    Claim("B058", "text 1", "Gemma 2 9B rivals Llama 3 8B.", gemma_llama),
    Claim("B059", "text 1", "Gemma 2 9B was distilled from Gemini.", gemma_teacher),
    Claim("B061", "text 1", "Qwen2.5 7B competes with Llama 3 70B on some tasks.", qwen_llama),
    Claim("B063", "text 1", "A 3B model of 2025 beats a 175B model of 2020.", three_b),
    Claim("C042", "text 2", "RLHF is supervised tuning, a reward model, then PPO.", rlhf),
    Claim("C043", "text 2", "InstructGPT and ChatGPT beat GPT-3 with fewer parameters.", fewer),
    Claim("C046", "text 2", "Mistral 7B uses grouped-query attention and a sliding window.", mistral),
)
