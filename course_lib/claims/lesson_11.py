"""Claims of lesson 11, emergence: thresholds, jumps, and what few examples do.

Tested against published onsets and scores (`catalog.abilities`) and against the course's own runs
(`tiny.exams`, `tiny.addition`, `tiny.induction`). Torch is imported inside the checks only.
"""

from course_lib import formulas, text
from course_lib.catalog.abilities import Ability, abilities
from course_lib.claims import Claim, Finding, by_cases

NOTHING, COMPETENT = 0.05, 0.9  # shares of answers right: none to speak of, and nearly all
JUMP = 5  # a score that makes its way within this factor of size is called a jump


def onsets(words: str) -> list[Ability]:
    """The onsets of Wei et al. 2022 whose ability begins with these words."""
    return [row for row in abilities("onset") if row.ability.startswith(words)]


def best_below(params: float, group: str) -> Ability:
    """The highest published score in a group among models with fewer parameters."""
    small = [row for row in abilities("score") if row.group == group and row.params < params]
    return max(small, key=lambda row: row.score or 0.0)


def lacking() -> Finding:
    """Abilities that smaller models lack entirely."""
    from course_lib.tiny import addition, exams

    adders, facts = addition.means(), exams.rows()[0]
    value = f"smallest adder {adders[0].exact:.1%} of sums, smallest fact network {facts.accuracy:.0%}"
    why = "Sums were absent at small size and present at large; single facts never were absent. It depends."
    return Finding(by_cases([adders[0].exact < NOTHING, facts.accuracy < NOTHING]), value, why)


def documented() -> Finding:
    """Wei et al. (2022) documented them."""
    rows = abilities("onset")
    span = f"{text.si(rows[0].params, 2)} to {text.si(rows[-1].params, 2)}"
    verdict = "confirmed" if len(rows) > 1 else "wrong"
    why = "Rows of table 1 of arXiv 2206.07682, not counting its line for many BIG-Bench tasks."
    return Finding(verdict, f"{len(rows)} abilities, with onsets from {span}", why, basis="evidence")


def jumps() -> Finding:
    """They jump, though this is debated."""
    from course_lib.tiny import addition, exams

    adders, facts = addition.means(), exams.rows()
    rises = {
        "sums, nats": formulas.rise_factor([r.params for r in adders], [r.nll for r in adders]),
        "single facts": formulas.rise_factor([r.params for r in facts], [r.accuracy for r in facts]),
    }
    value = ", ".join(f"{name}: a factor of {factor:.1f} in size" for name, factor in rises.items())
    why = "From 10 to 90% of the whole change, by measures without thresholds: one jump, one slope."
    return Finding(by_cases([factor < JUMP for factor in rises.values()]), value, why)


def bands() -> Finding:
    """Below 10B, 10-100B, 100B+, 1T+."""
    first = min(row.params for row in abilities("onset") if row.group == "few-shot")
    chains = min(row.params for row in onsets("chain of thought"))
    code, olympiad = best_below(100e9, "code"), best_below(1e12, "reasoning")
    holds = [first >= 10e9, chains >= 100e9, *((row.score or 0) < 10 for row in (code, olympiad))]
    value = (
        f"few-shot from {text.si(first, 2)}, chain of thought from {text.si(chains, 2)}, "
        f"code {code.score:.1f}% at {text.si(code.params, 2)}"
    )
    small = next(row for row in abilities("score") if row.ability.startswith("AIME"))
    why = (
        f"No border holds: {small.model} solves {small.score:.1f}% of AIME 2024, "
        "and GPT-3 175B wrote no working code at all."
    )
    return Finding(by_cases(holds), value, why)


def chain() -> Finding:
    """Chain of thought appears sharply between 60B and 100B."""
    rows = onsets("chain of thought")
    later = [row for row in abilities("score") if row.ability.startswith("GSM8K")]
    holds = [60e9 <= row.params <= 100e9 for row in (*rows, *later)]
    value = (
        f"2022: {', '.join(text.si(row.params, 2) for row in rows)}; "
        f"2024: {', '.join(f'{row.score:.1f}% at {text.si(row.params, 2)}' for row in later)}"
    )
    why = "True of LaMDA and PaLM. On GSM8K, two years of data and tuning moved it by a factor of twenty."
    return Finding(by_cases(holds), value, why)


def empirical() -> Finding:
    """The thresholds are observed, not theory."""
    rows = onsets("addition") + onsets("8-digit")
    span = max(row.params for row in rows) / min(row.params for row in rows)
    value = f"addition: {', '.join(text.si(row.params, 2) for row in sorted(rows, key=lambda r: r.params))}"
    why = f"Observed, yes. One skill, three onsets, {text.times(span, 2)} apart: family and method count."
    return Finding(by_cases([bool(rows), span < 10]), value, why)


def layers() -> Finding:
    """More layers reason better, longer contexts understand better."""
    from course_lib.tiny import addition, induction

    two, one = (induction.check(induction.load(name), count=64).accuracy for name in ("two", "one"))
    adders = addition.means()
    by_width = adders[0].exact < NOTHING and adders[-1].exact > COMPETENT
    value = f"repeated words: {two:.0%} with two layers, {one:.0%} with one of the same size"
    why = "A second layer can decide. Our adders all have two: width alone took them from nothing to all."
    return Finding(by_cases([two > COMPETENT > one, not by_width]), value, why)


def examples() -> Finding:
    """Few-shot is 5 to 100 examples."""
    published, claimed = (10, 100), (5, 100)
    why = "Brown et al. 2020, section 2: as many as fit into 2,048 tokens. Five is usual for MMLU today."
    holds = [a == b for a, b in zip(published, claimed, strict=True)]
    return Finding(by_cases(holds), f"{published[0]} to {published[1]}", why, basis="evidence")


def competitive() -> Finding:
    """Often competitive with fine-tuned models."""
    why = "Brown et al. 2020, abstract: few-shot sometimes reaches fine-tuned models and elsewhere fails."
    return Finding("caveat", "sometimes", why, basis="evidence")


def cheese() -> Finding:
    """GPT-3 answers fromage."""
    why = "The prompt is figure 2.1 of Brown et al. 2020, which shows no answer. The French is right."
    return Finding("unconfirmed", "no output published", why, basis="evidence")


def better() -> Finding:
    """Zero-shot good, one-shot better."""
    why = "No task, no number. Averages over many tasks rise in this order in Brown et al. 2020, figure 1.3."
    return Finding("unconfirmed", "no number claimed", why, basis="evidence")


CLAIMS = [
    Claim("A013", "text 0", "Larger models gain abilities that smaller ones lack entirely.", lacking),
    Claim("C036", "text 2", "Wei et al. (2022) documented emergent abilities.", documented),
    Claim("C037", "text 2", "Abilities jump from near zero at critical sizes (though debated).", jumps),
    Claim(
        "D018",
        "text 3",
        "Under 10B basic text, 10-100B learning in context, 100B+ chains of thought and code, 1T+ olympiads.",
        bands,
    ),
    Claim("D019", "text 3", "Chain of thought emerges sharply between 60B and 100B.", chain),
    Claim("D020", "text 3", "The thresholds are empirical observations, not theory.", empirical),
    Claim("E043", "text 4", "More layers reason better; longer contexts understand texts better.", layers),
    Claim("C038", "text 2", "Few-shot means 5 to 100 examples.", examples),
    Claim("C039", "text 2", "Few-shot GPT-3 is often competitive with fine-tuned models.", competitive),
    Claim("C040", "text 2", "GPT-3 completes “cheese =>” with “fromage”.", cheese),
    Claim("C041", "text 2", "GPT-3 is good with no example and better with one.", better),
]
