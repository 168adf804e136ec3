"""What the formulas ask of their arguments: a number in its range, or a ValueError that names it."""

from course_lib import guard

LARGEST = 1.7e308  # beyond this a double is infinite


def positive(name: str, value: float) -> float:
    """`value`, if it is a finite number above zero."""
    if not (value > 0 and value < LARGEST):
        raise ValueError(f"{name} must be a positive finite number, got {value}")
    return value


def not_negative(name: str, value: float) -> float:
    """`value`, if it is a finite number, zero allowed."""
    if not (value >= 0 and value < LARGEST):
        raise ValueError(f"{name} must be zero or a positive finite number, got {value}")
    return value


def fraction(name: str, value: float) -> float:
    """`value`, if it lies above 0 and not above 1."""
    if not (value > 0 and value <= 1):
        raise ValueError(f"{name} must be a fraction above 0 and up to 1, got {value}")
    return value


def probability(name: str, value: float) -> float:
    """`value`, if it lies between 0 and 1, both allowed."""
    if not (value >= 0 and value <= 1):
        raise ValueError(f"{name} must be a probability between 0 and 1, got {value}")
    return value


guard.module(globals())
