"""Numbers as people write them in tables: 70B, 1.4 T, 1,000,000, 1 000 000, 1.2e9, 2 x 10^9.

`number` reads one cell, or says why it cannot. Losses get no thousands separators: "2,345" is ambiguous.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any

from course_lib import guard

UNITS = {
    "": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "million": 1e6, "millions": 1e6,
    "b": 1e9, "bn": 1e9, "g": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
    "trillions": 1e12,
}  # fmt: skip
_NOUNS = r"(?:param(?:eter)?s?|tokens?|nats?(?:/(?:token|char(?:acter)?))?|flops?)"
_CELL = re.compile(
    r"^(?P<digits>[+-]?(?:\d[\d,_' \u00a0\u2009\u202f]*)?(?:\.\d*)?)\s*"
    r"(?:(?:[eE]|[x*×·]\s*10\s*(?:\^|\*\*)?\s*)\s*\{?(?P<power>[+-]?\d+)\}?)?\s*"
    rf"(?P<unit>[A-Za-z]+?)?\s*{_NOUNS}?$"
)
_GROUPED = re.compile(r"^\d{1,3}([,_' \u00a0\u2009\u202f]\d{3})+$")


def number(cell: Any, *, separators: bool = True) -> float:
    """The number in a cell; ValueError says what is wrong with it, in words that follow "the cell …"."""
    if isinstance(cell, bool):
        raise ValueError(f"is {cell}, not a number")
    if cell is None:
        raise ValueError("is empty")
    if not isinstance(cell, str):
        try:
            return float(cell)
        except (TypeError, ValueError):
            raise ValueError(f"is {cell!r}, not a number") from None
    text = cell.strip().strip('"').strip()
    if not text:
        raise ValueError("is empty")
    if text.lower() in (
        "nan",
        "na",
        "n/a",
        "none",
        "null",
        "-",
        "--",
        "?",
        "inf",
        "+inf",
        "-inf",
        "infinity",
    ):
        raise ValueError(f"is {text!r}: no value")
    if re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?", text):
        with suppress(ValueError):
            return float(text)
    found = _CELL.match(text.replace("−", "-"))
    if found is None or not any(c.isdigit() for c in found["digits"]):
        raise ValueError(f"is {text!r}, not a number (70B, 1.4T, 1.2e9 and 1,000,000 can be read)")
    unit = (found["unit"] or "").lower()
    if unit not in UNITS:
        raise ValueError(f"is {text!r}: unknown unit {found['unit']!r} (known: K, M, B, T)")
    value = _digits(found["digits"].strip(), text, separators) * UNITS[unit]
    return value * 10.0 ** int(found["power"]) if found["power"] else value


def _digits(digits: str, text: str, separators: bool) -> float:
    """Digits with or without thousands separators."""
    whole, dot, rest = digits.lstrip("+-").partition(".")
    if re.search(r"\D", whole):
        if not separators:
            raise ValueError(
                f"is {text!r}: a comma or space in it is ambiguous; write it with a decimal point"
            )
        if not _GROUPED.match(whole):
            raise ValueError(f"is {text!r}: separators must stand before groups of three digits; "
                             "a decimal comma must be a point")  # fmt: skip
        whole = re.sub(r"\D", "", whole)
    value = float(f"{whole or '0'}{dot}{rest}" if dot else whole)
    return -value if digits.startswith("-") else value


def header_unit(name: str) -> float:
    """The unit that a column's name gives in brackets, "Params (B)" or "tokens [millions]"; 1 if none."""
    found = re.search(r"[(\[]\s*(?:in\s+)?([A-Za-z]+)\s*[)\]]\s*$", name)
    return UNITS.get(found[1].lower(), 1.0) if found else 1.0


def usable(value: float) -> bool:
    """Whether a value can enter a fit of logarithms: positive and finite."""
    return math.isfinite(value) and value > 0


guard.module(globals())
