"""How a number becomes bits: sign, exponent and mantissa, or a whole number and a scale.

Rounding is to the nearest, ties to even, as hardware does it (IEEE 754; the 8-bit formats are those of
Micikevicius et al. 2022, arXiv 2209.05433). Plain code: pages translate it to JavaScript, and the tests
compare it with torch's own conversions.
"""

import math

from course_lib import guard

# Bits of exponent and mantissa. `finite`: no infinity, and only the pattern of all ones is NaN.
FLOATS = {
    "fp32": {"exponent": 8, "mantissa": 23, "bias": 127, "finite": False},
    "bf16": {"exponent": 8, "mantissa": 7, "bias": 127, "finite": False},
    "fp16": {"exponent": 5, "mantissa": 10, "bias": 15, "finite": False},
    "e5m2": {"exponent": 5, "mantissa": 2, "bias": 15, "finite": False},
    "e4m3": {"exponent": 4, "mantissa": 3, "bias": 7, "finite": True},
}
INTEGERS = {"int8": 8, "int4": 4}


def half_even(x: float) -> float:
    """The nearest whole number of x >= 0, ties to the even one."""
    low = math.floor(x)
    rest = x - low
    if rest > 0.5 or (rest == 0.5 and low - 2 * math.floor(low / 2) == 1):
        return low + 1
    return low


def power_below(x: float) -> int:
    """The largest p with 2^p <= x, for x > 0."""
    p = math.floor(math.log(x) / math.log(2))
    while 2.0**p > x:
        p -= 1
    while 2.0 ** (p + 1) <= x:
        p += 1
    return p


def largest(name: str) -> float:
    """The largest finite number of a floating format."""
    f = FLOATS[name]
    top = 2 ** f["exponent"] - 1 - (0 if f["finite"] else 1) - f["bias"]
    fill = 2 ** f["mantissa"] - 1 - (1 if f["finite"] else 0)
    return (1 + fill / 2 ** f["mantissa"]) * 2.0**top


def smallest(name: str) -> float:
    """The smallest number above zero (a subnormal) of a floating format."""
    f = FLOATS[name]
    return 2.0 ** (1 - f["bias"] - f["mantissa"])


def gap_at_one(name: str) -> float:
    """Distance from 1 to the next number: 2^-mantissa."""
    return 2.0 ** -FLOATS[name]["mantissa"]


def nearest(value: float, name: str) -> float | None:
    """The number of the format nearest to `value`; None where it is too large for the format."""
    if name not in FLOATS:
        raise ValueError(f"format must be one of {', '.join(FLOATS.keys())}; got {name}")
    f = FLOATS[name]
    size = abs(value)
    if size == 0:
        return 0.0
    p = max(power_below(size), 1 - f["bias"])
    step = 2.0 ** (p - f["mantissa"])
    rounded = half_even(size / step) * step
    if rounded > largest(name):
        return None
    return -rounded if value < 0 else rounded


def float_bits(value: float, name: str) -> list[int]:
    """Bits of the number nearest to `value`, sign first; too large: infinity, or NaN where there is none."""
    f = FLOATS[name]
    near = nearest(value, name)
    if near is None:
        exponent = 2 ** f["exponent"] - 1
        mantissa = 2 ** f["mantissa"] - 1 if f["finite"] else 0
    elif abs(near) < 2.0 ** (1 - f["bias"]):  # subnormal: no leading one
        exponent = 0
        mantissa = abs(near) / smallest(name)
    else:
        p = power_below(abs(near))
        exponent = p + f["bias"]
        mantissa = (abs(near) / 2.0**p - 1) * 2 ** f["mantissa"]
    out = [1 if value < 0 else 0]
    for bit in digits(exponent, f["exponent"]):
        out.append(bit)
    for bit in digits(mantissa, f["mantissa"]):
        out.append(bit)
    return out


def float_value(bits: list[int], name: str) -> float | None:
    """What a pattern of bits stands for; None for infinities and NaN."""
    f = FLOATS[name]
    exponent = number(bits[1 : 1 + f["exponent"]])
    mantissa = number(bits[1 + f["exponent"] :])
    if exponent == 2 ** f["exponent"] - 1 and (not f["finite"] or mantissa == 2 ** f["mantissa"] - 1):
        return None
    if exponent == 0:
        size = mantissa * smallest(name)
    else:
        size = (1 + mantissa / 2 ** f["mantissa"]) * 2.0 ** (exponent - f["bias"])
    return -size if bits[0] == 1 else size


def integer_scale(top: float, bits: int) -> float:
    """The step of a symmetric integer format whose largest code stands for `top`: top/(2^(b-1) - 1)."""
    if not (top > 0 and bits >= 2):
        raise ValueError(f"the largest value must be above 0 and bits at least 2; got {top} and {bits}")
    return top / (2 ** (bits - 1) - 1)


def integer_code(value: float, top: float, bits: int) -> int:
    """The whole number nearest to value/scale, clipped to +-(2^(b-1) - 1)."""
    most = 2 ** (bits - 1) - 1
    code = min(most, half_even(abs(value) / integer_scale(top, bits)))
    return -code if value < 0 else code


def integer_bits(code: int, bits: int) -> list[int]:
    """Two's complement bits of a whole number."""
    return digits(code if code >= 0 else code + 2**bits, bits)


def integer_value(pattern: list[int], top: float) -> float | None:
    """What a two's complement pattern stands for; None for the code that symmetric formats leave unused."""
    bits = len(pattern)
    code = number(pattern)
    if code >= 2 ** (bits - 1):
        code = code - 2**bits
    if code == -(2 ** (bits - 1)):
        return None
    return code * integer_scale(top, bits)


def digits(n: float, count: int) -> list[int]:
    """A whole number as `count` binary digits, highest first."""
    out = []
    for i in range(count):
        power = 2.0 ** (count - 1 - i)
        bit = 1 if n >= power else 0
        out.append(bit)
        n = n - bit * power
    return out


def number(bits: list[int]) -> float:
    """Binary digits, highest first, as a whole number."""
    total = 0
    for bit in bits:
        total = 2 * total + bit
    return total


guard.module(globals())
