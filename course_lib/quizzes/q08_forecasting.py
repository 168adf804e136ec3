"""Lesson 8: forecasts of models that were not trained, their intervals, and what breaks them."""

import math

from course_lib import forecasting, formulas, text
from course_lib.quizzes.questions import (
    Lesson,
    Question,
    multiple,
    numeric,
    ordering,
    right,
    single,
    trap,
    wrong,
)

LAST, FLOOR = 1.30, 0.80  # the last measured loss and the floor of the question on a straight line
SLOPE = 0.09  # of log loss on log compute, near the last budget


def build() -> Lesson:
    """The questions, with keys computed from formulas and from the study."""
    return Lesson(
        id="08_forecasting",
        title="8. Forecasting",
        predictions=(_which_comes_back(), _ten_times()),
        questions=(
            _line_or_floor(),
            _mean_or_run(),
            _width_to_quote(),
            _ridge(),
            _parabola(),
            _score(),
            _what_breaks(),
            _order(),
            _registered(),
        ),
        exercises=(_true_floor(), _interval_needed()),
    )


def _which_comes_back() -> Question:
    return single(
        "comes-back",
        "Suppose the data come from a source whose entropy we know, so that the floor E of the loss is no secret. We train seventy small networks, fit E + A/N^{α} + B/D^{β}, and ask for a network larger than all of them. Which comes out *worst*?",
        wrong("the forecast of the larger network", "The forecast is what the runs say most about: it needs only the curve a little beyond them, and many laws share that."),
        wrong("the floor E", "The floor comes back to a few per cent, since the largest runs are already close to it."),
        right("the exponents α and β", "A little too much floor is paid for with steeper exponents. The sum fits; its parts are far off."),
        wrong("all are about equally good", "They differ by orders of magnitude: a fraction of a per cent, a few per cent, tens of per cent."),
        why="The exponents. Three numbers describe one smooth curve, and errors in them cancel where there are data.",
    )  # fmt: skip


def _ten_times() -> Question:
    law, _, far = held_out_errors()
    return numeric(
        "ten-times",
        "Our study is fitted up to 3e12 FLOPs. The largest model held out took ten times that. By how many per cent will the pre-registered forecast of its loss be off (without the sign)?",
        100 * abs(law), unit="per cent", rtol=0.25,
        why=f"The forecast said {text.fixed(far['said'], 3)} nats and the mean of the runs is {text.fixed(far['loss'], 3)}: {text.fixed(100 * law, 2)} per cent.",
    )  # fmt: skip


def held_out_errors() -> tuple[float, float, dict[str, float]]:
    """Relative error of the registered forecasts at 10 and at 3 times the largest budget, means over runs."""
    rows = forecasting.registered()
    budgets = sorted({row.budget for row in rows})
    errors, far = [], {}
    for budget in budgets:
        here = [row for row in rows if row.budget == budget]
        said, loss = (sum(x) / len(here) for x in ([r.said.mid for r in here], [r.loss for r in here]))
        errors.append(said / loss - 1)
        far = {"said": said, "loss": loss}
    return errors[-1], errors[0], far


def _line_or_floor() -> Question:
    line = LAST * formulas.ratio_per_factor(SLOPE, 1000)
    steep = SLOPE * LAST / (LAST - FLOOR)  # the same slope at the last run
    floored = FLOOR + (LAST - FLOOR) * formulas.ratio_per_factor(steep, 1000)
    return numeric(
        "line-or-floor",
        f"Your last run has a loss of {LAST:.2f} nats, and there the loss falls as C^{{−{SLOPE}}}. One colleague draws the straight log–log line on. Another says that the text has a floor of {FLOOR:.2f} nats, with the same loss and slope at that run. By how many nats do they differ for 1,000 times the compute?",
        floored - line, unit="nats", rtol=0.03,
        why=f"The line: {LAST} × 1000^{{−{SLOPE}}} = {text.fixed(line, 3)}. With the floor, the excess of {text.fixed(LAST - FLOOR, 2)} must fall with the exponent {SLOPE} × {LAST}/{text.fixed(LAST - FLOOR, 2)} = {text.fixed(steep, 3)} to have the same slope, so the loss is {text.fixed(floored, 3)}. Same point, same slope, and yet {text.fixed(floored - line, 2)} nats apart.",
        traps=[
            trap(LAST - line, "That is how far the line falls by itself. Compare it with the law that has a floor."),
            trap(FLOOR + (LAST - FLOOR) * formulas.ratio_per_factor(SLOPE, 1000) - line, f"You gave the excess above the floor the exponent {SLOPE} too. Then the slope at the last run would be smaller: the excess is a part of the loss, and has to fall faster."),
            trap(line - floored, "The law with a floor is the higher one."),
        ],
        hint="Find the exponent of the excess first: slope × loss / excess.",
    )  # fmt: skip


def _mean_or_run() -> Question:
    half, noise = 0.010, 0.012
    one = forecasting.Forecast(1.2 - half, 1.2, 1.2 + half).one_run(noise)
    return numeric(
        "one-run",
        f"The bootstrap says that the *mean* loss at some size is 1.200 ± {half:.3f} nats (95 %). Seeds scatter around the mean with a standard deviation of {noise:.3f} nats. What is the half-width of the 95 % interval for *one* run?",
        one.high - 1.2, unit="nats", rtol=0.03,
        why=f"Independent errors add in squares: √({half}² + (1.96 × {noise})²) = {text.fixed(one.high - 1.2, 4)} nats. However many runs the law was fitted to, one run is never surer than its seed.",
        traps=[
            trap(half, "That is the interval of the mean. You are going to train one model, with one seed."),
            trap(half + 1.96 * noise, "Both at their worst at once is rarer than 1 in 20: add the squares."),
            trap(math.hypot(half, noise), "A standard deviation next to a half-width: multiply it by 1.96 first."),
            trap(1.96 * noise, "That would do if the law were known exactly."),
        ],
    )  # fmt: skip


def _width_to_quote() -> Question:
    return single(
        "in-sample", "A law of five constants misses the runs that it was fitted to by 0.4 % on average. What does this say about its error at 100 times the compute?",
        right("Very little", "Laws that differ by far more out there fit as well in here. Leave the largest runs out, predict them, and you will know more."),
        wrong("It is about 0.4 % there as well", "That holds between the points. Beyond them the error grows with every decade."),
        wrong("It is smaller, since losses are smaller there", "Smaller losses do not make the law more certain: the floor matters the more, the further out one looks."),
        wrong("It is 0.4 % for each decade, so 0.8 %", "There is no such rule. Two decades out, the constants that the data left open decide."),
    )  # fmt: skip


def _ridge() -> Question:
    return single(
        "ridge", "You raise the floor E of a fitted law by 0.1 nats and fit the other four constants again. What happens?",
        right("α and β grow, and the fit hardly changes", "What is left above the higher floor is smaller and falls faster. Between the points the sum is nearly the same."),
        wrong("α and β shrink, and the fit hardly changes", "The other way round: with more floor the part that is left must fall by a larger share for each decade."),
        wrong("Only A and B change, because exponents belong to the task", "A and B alone cannot bend the curve back onto the points; the exponents have to move."),
        wrong("The fit becomes clearly worse, since the best E is where the objective is least", "It is least there, but the valley is so flat that a tenth of a nat costs next to nothing on text."),
    )  # fmt: skip


def _parabola() -> Question:
    law = {**formulas.HOFFMANN_PRINTED, "alpha": 0.46, "beta": 0.155}
    wide = forecasting.approach_two(law, 32)
    flat = forecasting.approach_two({**law, "alpha": 0.3, "beta": 0.3}, 32)
    return multiple(
        "parabola", "You measure without any noise, take sizes from N^{*}/32 to 32 N^{*} at each budget, fit a parabola in log N, and draw a line through the minima. Which of these come out right?",
        right("The exponent a of N^{*} ∝ C^{a}, whatever α and β are", "The parabola misses by the same factor at every budget, and a constant factor does not change a slope."),
        right("N^{*} itself, if α = β", f"Then the curve is symmetric in log N and so is the parabola: the error is {text.pct(abs(flat.error), 1)}."),
        wrong("N^{*} itself, if α = 0.46 and β = 0.155", f"It is {text.pct(wide.error, 0)} too large: the curve is steeper on one side, and the parabola leans."),
        wrong("N^{*} itself, as soon as enough sizes are measured", "More sizes over the same range fit the same leaning parabola more exactly. A narrower range would help."),
    )  # fmt: skip


def _score() -> Question:
    truth, low, high = 1.150, 1.160, 1.200
    score = formulas.interval_score(low, high, 0.95, truth)
    return numeric(
        "score", f"Your 95 % interval runs from {low:.3f} to {high:.3f} nats; the model comes out at {truth:.3f}. What is its interval score in nats?",
        score, unit="nats", rtol=0.02,
        why=f"Width {text.fixed(high - low, 3)} plus 2/0.05 = 40 times the miss of {text.fixed(low - truth, 3)}: {text.fixed(score, 2)} nats. An interval of ± 0.05 around the same middle would have scored 0.10.",
        traps=[
            trap(high - low, "That is the width; the run lies outside, and that costs 40 times the distance."),
            trap(40 * (low - truth), "That is the penalty. Its width counts as well."),
            trap(high - low + 20 * (low - truth), "The factor is 2/(1 − level) = 2/0.05 = 40."),
            trap(high - low + 40 * ((low + high) / 2 - truth), "The distance is from the nearer end, not from the middle."),
        ],
    )  # fmt: skip


def _what_breaks() -> Question:
    return multiple(
        "breaks", "Which of these bend a fitted law *systematically*, so that more seeds would not help?",
        right("All widths were trained at the learning rate that suits the smallest", "The large ones fall short of what they could do, the more the larger: the exponent comes out too small."),
        right("The smallest runs are still on an early plateau", "They obey another law. Fitting them with the rest tilts the curve."),
        right("Large runs repeat their text, but D counts every character", "A repeated character is worth less than a new one, so the large runs look worse than the law for their D."),
        wrong("Each run has one seed only", "That makes the points scatter, but not in any direction; more seeds average it out."),
        wrong("The held-out text is short, and the same for all runs", "It shifts all losses alike. Differences and exponents hardly notice."),
    )  # fmt: skip


def _order() -> Question:
    return ordering(
        "surest", "One fit, five questions to it. Order the answers from surest to least sure.",
        [
            "the loss of a size between two fitted ones, at a fitted budget",
            "the loss at 3 times the largest budget",
            "the loss at 10 times the largest budget",
            "the loss at 1,000 times the largest budget",
            "the floor E",
        ],
        why="Inside the data many laws agree. Each decade outside lets them part, and the floor is the loss at infinite compute: the furthest extrapolation there is.",
        hint="How far from the data does each one lie?",
    )  # fmt: skip


def _registered() -> Question:
    return single(
        "registered", "Why does the study write its filter, its law and its forecasts to disk before it makes the held-out runs?",
        right("So that no choice can be made because it gives the right answer", "Filters, floors and forms can be picked until one fits the known truth. Such a hit says nothing about the next forecast."),
        wrong("Because a bootstrap would otherwise reuse the held-out runs", "A careful script could keep them out of the bootstrap at any time. The danger is in the person who chooses."),
        wrong("Because a law that is fitted later would be less exact", "It would be more exact, with more runs in it. It would no longer be a forecast."),
        wrong("So that the runs can be repeated to the last digit", "That takes seeds and versions, which each row of the table holds as well."),
    )  # fmt: skip


def _true_floor() -> Question:
    from course_lib.tiny.facts import Source

    return numeric(
        "true-floor", "What is the entropy of a facts source with 8 values and 30 % of its labels drawn anew, in nats?",
        Source(values=8, noise=0.3).entropy, unit="nats", rtol=0.01,
        why="The right value keeps 0.7 + 0.3/8 of the labels, each of the other seven gets 0.3/8; the entropy is minus the sum of p ln p.",
        traps=[trap(Source(values=8, noise=0.3 * 8 / 7).entropy, "You left the right value out when labels are drawn anew: it is one of the eight.")],
    )  # fmt: skip


def _interval_needed() -> Question:
    noise = 0.006
    return numeric(
        "sure-floor", f"Seeds scatter by {noise} nats (one standard deviation). What is the narrowest 95 % interval, end to end, that an honest forecast of one run can have?",
        2 * forecasting.NORMAL_95 * noise, unit="nats", rtol=0.03,
        why=f"Even with a perfect law, 2 × 1.96 × {noise} = {text.fixed(2 * 1.96 * noise, 4)} nats.",
        traps=[trap(forecasting.NORMAL_95 * noise, "That is one side of it.")],
    )  # fmt: skip
