"""Numbers as text, the same in the notebook and in the page.

Pure functions that ``course_lib.widgets.pyjs`` also compiles to JavaScript, so a readout
in the page and a printed line in the notebook agree to the last character.
"""

from course_lib import guard


def fixed(x: float, digits: int = 2) -> str:
    """Fixed-point text with thousands separators: 1234.5 -> "1,234.50"."""
    return format(x, ",." + str(digits) + "f")


def commas(n: float) -> str:
    """A whole number with thousands separators: 8030261248 -> "8,030,261,248"."""
    return format(n, ",.0f")


def plain(n: float) -> str:
    """A whole number without separators, such as a year."""
    return format(n, ".0f")


def sig(x: float, digits: int = 3) -> str:
    """``digits`` significant digits without an exponent where that reads well, else ``sci``."""
    if x == 0:
        return "0"
    a = abs(x)
    if a >= 1e6 or a < 1e-4:
        return sci(x, digits)
    before = 1
    a = a * (1 + 0.5 * 10**-digits)  # 9.996 is written 10.0, not 10.00
    while a >= 10:
        a = a / 10
        before += 1
    while a < 1:
        a = a * 10
        before -= 1
    return format(x, ",." + str(max(0, digits - before)) + "f")


def sci(x: float, digits: int = 3) -> str:
    """Scientific text as programmers type it: 3.14e+23 -> "3.14e23"."""
    if x == 0:
        return "0"
    parts = format(x, "." + str(digits - 1) + "e").split("e")
    sign = "-" if parts[1][0] == "-" else ""
    power = parts[1][1:]
    if len(power) > 1 and power[0] == "0":
        power = power[1:]
    return parts[0] + "e" + sign + power


def si(x: float, digits: int = 3) -> str:
    """Counts in words' letters: 1.75e11 -> "175B"; K, M, B, T; ``sci`` beyond 1e15."""
    a = abs(x)
    if a >= 999.5e12:
        return sci(x, digits)
    for scale, suffix in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")]:
        if a >= scale * (1 - 0.5 * 10 ** (-digits)):
            return sig(x / scale, digits) + suffix
    return sig(x, digits)


def pct(x: float, digits: int = 1) -> str:
    """A share as per cent: 0.346 -> "34.6 %", 163.4 -> "16,340 %"."""
    return (commas(100 * x) if abs(x) >= 10 else format(100 * x, "." + str(digits) + "f")) + " %"


def times(x: float, digits: int = 3) -> str:
    """A factor: 93.4 -> "93.4×"."""
    return sig(x, digits) + "×"


def gigabytes(n_bytes: float, digits: int = 3) -> str:
    """Decimal gigabytes (1e9 bytes), or MB and TB where those read better."""
    for scale, suffix in [(1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB")]:
        if abs(n_bytes) >= scale:
            return sig(n_bytes / scale, digits) + suffix
    return sig(n_bytes, digits) + " B"


def gibibytes(n_bytes: float, digits: int = 3) -> str:
    """Binary gibibytes (2**30 bytes), or MiB and TiB where those read better."""
    for scale, suffix in [(2.0**40, " TiB"), (2.0**30, " GiB"), (2.0**20, " MiB"), (1024.0, " KiB")]:
        if abs(n_bytes) >= scale:
            return sig(n_bytes / scale, digits) + suffix
    return sig(n_bytes, digits) + " B"


def duration(seconds: float, digits: int = 3) -> str:
    """A time span in the unit that reads best, from microseconds to years of 365.25 days."""
    year = 365.25 * 86400
    for scale, suffix in [
        (year, " years"),
        (86400.0, " days"),
        (3600.0, " h"),
        (60.0, " min"),
        (1.0, " s"),
        (1e-3, " ms"),
    ]:
        if seconds >= scale:
            return sig(seconds / scale, digits) + suffix
    return sig(seconds * 1e6, digits) + " µs"


def money(dollars: float, digits: int = 3) -> str:
    """US dollars: 4.6e6 -> "$4.60M"."""
    if abs(dollars) < 1e4:
        return "$" + commas(dollars) if abs(dollars) >= 100 else "$" + fixed(dollars, 2)
    return "$" + si(dollars, digits)


guard.module(globals())
