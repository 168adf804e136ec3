"""Claims of lesson 19, test-time compute: one of text 1, and what the papers say that the lesson leans on.

The tests are our own tiny models: four that play countdown, and chains with and without a scratchpad. They
can show where a general statement fails; that it holds for large models rests on the papers.
"""

import math

from course_lib import formulas
from course_lib.claims import Claim, Finding, by_cases

STOPS = tuple(2**i for i in range(9))  # samples 1 to 256
PAIRS = (("6K", "25K"), ("6K", "147K"), ("14K", "147K"), ("25K", "147K"))


def matched_tries(small: str, large: str) -> float:
    """Tries of the small model that cost what one try of the large one does, at most 256."""
    from course_lib.tiny import reasoning

    rows = reasoning.results()["countdown"]
    prompt, answer = reasoning.attempt_flops(rows[small].config)
    return min(256.0, (rows[large].flops(1) - prompt) / answer)


def substitutes() -> Finding:
    """Thinking longer instead of being larger."""
    from course_lib.tiny import reasoning

    found = reasoning.results()
    rows, chains = found["countdown"], found["chain"]
    with_steps = next(r.accuracy for r in chains if r.scratchpad)
    largest = [r.accuracy for r in chains if not r.scratchpad][-1]
    tries = int(matched_tries("6K", "147K"))
    small, large = rows["6K"], rows["147K"]
    holds = [
        with_steps > largest,
        small.pass_at(tries) > large.greedy,
        small.lazily(tries) > large.greedy,
    ]
    value = (
        f"steps {with_steps:.2f} against {largest:.2f}; {tries} tries {small.pass_at(tries):.2f} against "
        f"{large.greedy:.2f}; with a poor judge {small.lazily(tries):.2f}"
    )
    why = "Chain 6K against 98K, countdown 6K against 147K: steps that can be written, or a verifier."
    return Finding(by_cases(holds), value, why)


def only_when_large() -> Finding:
    """Chain of thought helps only near 100B parameters."""
    from course_lib.tiny import reasoning

    rows = reasoning.results()["chain"]
    gains = {
        a.params: a.accuracy - b.accuracy for a in rows for b in rows
        if a.scratchpad and not b.scratchpad and a.name == b.name
    }  # fmt: skip
    value = ", ".join(f"{n:,} parameters +{gain:.2f}" for n, gain in gains.items())
    why = "Theirs are prompted models; trained on written steps, ours gain at every size."
    return Finding("caveat" if min(gains.values()) > 0.1 else "confirmed", value, why)


def votes_help() -> Finding:
    """A majority beats a single sample."""
    from course_lib.tiny import chain, reasoning

    asked, right = chain.exam(100, seed=1)
    models = {
        "slips on 15 %": reasoning.load("chain"),
        "untrained": reasoning.fresh(chain.config(16, n_heads=4)),
    }
    gains = {}
    for name, model in models.items():
        said = chain.answers(model, asked, 32)
        one = reasoning.pass_at(said, right[:, -1], 1)
        gains[name] = (one, reasoning.majority(said, right[:, -1], 32))
    value = ", ".join(f"{name}: {one:.1f} to {vote:.1f}" for name, (one, vote) in gains.items())
    why = "32 votes. A vote amplifies the lead of the right answer and has nothing to add without one."
    return Finding(by_cases([vote > one + 0.1 for one, vote in gains.values()]), value, why)


def exponentiated_law(name: str) -> float:
    """Largest error of coverage = exp(-a k^-b), fitted in logarithms to pass@k at 1, 2, 4, ..., 256."""
    from course_lib.study import slices
    from course_lib.tiny import reasoning

    row = reasoning.results()["countdown"][name]
    seen = [row.pass_at(k) for k in STOPS]
    xs = [math.log(k) for k in STOPS]
    fit = slices.line(xs, [math.log(-math.log(c)) for c in seen])
    ys = [math.exp(-math.exp(fit["height"] + fit["slope"] * (x - fit["mid"]))) for x in xs]
    return max(abs(a - b) for a, b in zip(ys, seen, strict=True))


def coverage_law() -> Finding:
    """-ln coverage is a power law of the samples."""
    from course_lib.tiny import reasoning

    errors = {name: exponentiated_law(name) for name in reasoning.SIZES}
    value = "off by up to " + ", ".join(f"{error:.2f} ({name})" for name, error in errors.items())
    why = "Often is not always: fitted to 1 to 256 samples, ours bends; a law should be within 0.03."
    return Finding("confirmed" if max(errors.values()) <= 0.03 else "caveat", value, why)


def heavy_tail() -> Finding:
    """Single problems fall off exponentially, the average does not."""
    from course_lib.tiny import reasoning

    rows = reasoning.results()["countdown"]
    left = {
        name: (1 - row.pass_at(256), 1 - formulas.coverage(row.pass_at(1), 256)) for name, row in rows.items()
    }
    seen, alike = left["6K"]
    value = f"6K unsolved after 256 tries: {seen:.0%}; were all problems alike: {alike:.2%}"
    why = "Each (1 - p)^k vanishes fast, but p differs, and the small ones are what is left of the average."
    return Finding(by_cases([a > 3 * b for a, b in left.values()]), value, why)


def beats_larger() -> Finding:
    """A small model with tries beats a larger one at equal FLOPs."""
    from course_lib.tiny import reasoning

    rows = reasoning.results()["countdown"]
    told, holds = [], []
    for small, large in PAIRS:
        tries = int(matched_tries(small, large))
        won = rows[small].pass_at(tries)
        told.append(f"{small} x {tries} {won:.2f} against {large} {rows[large].greedy:.2f}")
        holds.append(won > rows[large].greedy)
    why = "Countdown with the verifier; the larger one answers once, greedily. Their 14 times is for MATH."
    return Finding(by_cases(holds), "; ".join(told), why)


def judge_turns() -> Finding:
    """Beyond some number of samples a learned verifier does worse."""
    from course_lib.tiny import reasoning

    chances = [c / reasoning.SAMPLES for c in reasoning.results()["countdown"]["6K"].right if c]

    def curve(fooled: float) -> list[float]:
        total = [sum(formulas.best_of_n(p, n, 0.1, fooled, 2.0) for p in chances) for n in STOPS]
        return [x / reasoning.PROBLEMS for x in total]

    plain, tricked = curve(0.0), curve(0.01)
    best = STOPS[tricked.index(max(tricked))]
    value = f"1% fooling: best at {best} ({max(tricked):.2f}), {tricked[-1]:.2f} at 256; 0%: {plain[-1]:.2f}"
    why = "A computed judge on our 6K model's chances. Their 400 belongs to their verifier."
    turns = tricked[-1] < max(tricked) - 0.01 and plain == sorted(plain)
    return Finding("confirmed" if turns else "wrong", value, why)


CLAIMS = [
    Claim("B090", "text 1", "Thinking longer at inference can substitute for larger models.", substitutes),
    Claim("P19-1", "papers", "Wei et al.: chains of thought help only models near 100B.", only_when_large),
    Claim("P19-2", "papers", "Wang et al.: a majority of sampled chains beats a single one.", votes_help),
    Claim("P19-3", "papers", "Brown et al.: -ln of coverage is often a power law in samples.", coverage_law),
    Claim("P19-4", "papers", "Schaeffer et al.: problems fail exponentially, exams do not.", heavy_tail),
    Claim("P19-5", "papers", "Snell et al.: tries can beat a larger model at equal FLOPs.", beats_larger),
    Claim("P19-6", "papers", "Cobbe et al.: too many samples fool a learned verifier.", judge_turns),
]
