"""Power laws: straight lines on log-log axes, their slopes, and what is read off between measured points."""

import math

from course_lib import guard
from course_lib.formulas.checks import fraction, positive

# --- Power laws ---------------------------------------------------------------------------------------------


def power_law(x: float, scale: float, exponent: float, floor: float = 0.0) -> float:
    """floor + (scale/x)^exponent: a straight line on log-log axes when the floor is 0."""
    positive("x", x)
    positive("scale", scale)
    return floor + (scale / x) ** exponent


def ratio_per_factor(exponent: float, factor: float) -> float:
    """What (scale/x)^exponent is multiplied by when x grows `factor` times: factor^-exponent."""
    positive("factor", factor)
    return factor**-exponent


def ratio_per_decade(exponent: float) -> float:
    """What a power law without floor is multiplied by when x grows tenfold: 10^-exponent (0.839 at 0.076)."""
    return ratio_per_factor(exponent, 10.0)


def ratio_per_doubling(exponent: float) -> float:
    """What a power law without floor is multiplied by when x doubles: 2^-exponent (0.949 at 0.076)."""
    return ratio_per_factor(exponent, 2.0)


def factor_for_ratio(exponent: float, ratio: float) -> float:
    """How many times x must grow to multiply a floorless power law by `ratio`: ratio^(-1/exponent)."""
    positive("exponent", exponent)
    fraction("ratio", ratio)
    return ratio ** (-1.0 / exponent)


def slope_between(x0: float, y0: float, x1: float, y1: float) -> float:
    """Slope of the line through two points on log-log axes (the exponent, with its sign)."""
    if positive("x0", x0) == positive("x1", x1):
        raise ValueError("x0 and x1 must differ to define a slope")
    return math.log(positive("y1", y1) / positive("y0", y0)) / math.log(x1 / x0)


def growth_per_year(start: float, end: float, years: float) -> float:
    """Factor by which a quantity grows each year, from its first and last value and the years between."""
    positive("years", years)
    return (positive("end", end) / positive("start", start)) ** (1.0 / years)


def doubling_months(yearly_factor: float) -> float:
    """Months for one doubling at a yearly growth factor above 1."""
    if not (yearly_factor > 1):
        raise ValueError(f"yearly factor must be above 1 to double, got {yearly_factor}")
    return 12.0 * math.log(2.0) / math.log(yearly_factor)


def perplexity(loss: float) -> float:
    """Perplexity e^L of a loss in nats per token: as surprising as that many equally likely tokens."""
    return math.exp(loss)


def bits(nats: float) -> float:
    """Nats to bits: divide by ln 2."""
    return nats / math.log(2.0)


def read_off(xs: list, ys: list, y: float) -> float:
    """The x at which measured points reach y, on straight lines between them on log-log axes.

    `xs` rise and `ys` are positive; the first crossing counts. A ValueError where the points do not reach y:
    nothing is extrapolated.
    """
    for i in range(len(xs) - 1):
        if (ys[i] - y) * (ys[i + 1] - y) <= 0 and ys[i] != ys[i + 1]:
            share = math.log(ys[i] / positive("y", y)) / math.log(ys[i] / ys[i + 1])
            return xs[i] * (xs[i + 1] / xs[i]) ** share
    raise ValueError(f"the measured points do not reach {y}; they run from {ys[0]} to {ys[len(ys) - 1]}")


guard.module(globals())
