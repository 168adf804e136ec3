"""Small checks that public functions of `tiny` share: say what was wrong and what was expected."""

from __future__ import annotations

import math


def whole(name: str, value: object, least: int = 1) -> int:
    """Return `value` if it is a whole number of at least `least`, else raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return value


def number(name: str, value: object, low: float, high: float = math.inf, *, open_low: bool = False) -> float:
    """Return `value` as a float if it is finite and from low to high, else raise ValueError."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1.7e308
    if good:
        x = float(value)  # type: ignore[arg-type]
        if low <= x <= high and not (open_low and x == low):
            return x
    bounds = f"{'above' if open_low else 'at least'} {low:g}" + (
        f" and at most {high:g}" if high < math.inf else ""
    )
    raise ValueError(f"{name} must be a finite number {bounds}, got {value!r}")


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of `allowed`, else raise ValueError that lists them."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return str(value)
