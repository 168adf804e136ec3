"""Wrong input is refused in our words, whatever a function's own checks let through.

Formulas stay plain so that pages can run them; a check of every argument would drown them. So the last line
of such a module is `guard.module(globals())`: its public functions then turn what Python raises inside them
(a missing key, an overflow, a division by zero) into a ValueError or TypeError that names the function and
the argument, and a number that is not finite out of finite input into one as well. Nothing is checked before
the call; a good call costs a fraction of a microsecond more. Pages leave the line out.
"""

from __future__ import annotations

import functools
import inspect
import math
import reprlib
from collections.abc import Callable
from typing import Any

ALIEN = (
    ArithmeticError, LookupError, AttributeError, TypeError, RuntimeError, RuntimeWarning, AssertionError,
)  # fmt: skip
# How Python, numpy and statistics begin to say what is wrong in words of theirs.
FOREIGN = (
    "math domain", "math range", "cannot convert", "could not convert", "not enough values", "too many",
    "Invalid format", "Precision", "Too many", "Format", "Unknown format", "The truth value",
    "min()", "max()", "expected a nonneg", "Exceeds the limit", "invalid literal", "range()", "zip()",
    "The number of",
)  # fmt: skip
NUMBERS = ("float", "int")
WORDS = {"float": "a number", "int": "a whole number", "str": "text", "bool": "True or False"}


def module(names: dict[str, Any], *, infinite: tuple[str, ...] = ()) -> None:
    """Guard every public function defined in a module, given its `globals()`.

    `infinite` names functions of which infinity is a proper answer.
    """
    for name, function in list(names.items()):
        plain = inspect.isfunction(function) or hasattr(function, "cache_clear")
        mine = plain and function.__module__ == names["__name__"]
        if mine and not name.startswith("_"):
            names[name] = guarded(function, infinite=name in infinite)


def guarded(function: Callable[..., Any], *, infinite: bool = False) -> Callable[..., Any]:
    """The function, with what goes wrong inside it said in our words."""

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        try:
            out = function(*args, **named)
        except ValueError as error:
            if not str(error).startswith(FOREIGN):
                raise  # ours
            raise _refusal(function, args, named, error) from error
        except ALIEN as error:
            trace, cached = error.__traceback__, "unhashable" in str(error)
            if trace is None or (trace.tb_next is None and not cached) or _ours(error):
                raise  # called with too few or too many arguments, or said already
            raise _refusal(function, args, named, error) from error
        if not infinite and _endless(out) and not _has_infinity((args, named)):
            raise ValueError(f"{_called(function, args, named)} is not a finite number: it is {out}")
        return out

    for name in ("cache_clear", "cache_info"):  # of a cached function
        if hasattr(function, name):
            setattr(call, name, getattr(function, name))
    return call


def _endless(out: Any) -> bool:
    """Whether a result is, or directly holds, a number that is not finite."""
    kind = type(out)
    if kind is float:
        return not math.isfinite(out)
    if kind is dict:
        return any(type(x) is float and not math.isfinite(x) for x in out.values())
    return kind is list and any(type(x) is float and not math.isfinite(x) for x in out)


def _has_infinity(value: Any) -> bool:
    """Whether an argument is infinite, or holds a number that is."""
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_infinity, value))


def _ours(error: BaseException) -> bool:
    """Whether a guard has worded it already."""
    return getattr(error, "worded", False)


def _refusal(function: Any, args: Any, named: Any, error: Exception) -> ValueError | TypeError:
    """What was wrong: the first argument that is not of its kind, else the call and why it fails."""
    worded: ValueError | TypeError
    for name, kind, value in _arguments(function, args, named):
        if not _fits(kind, value):
            got = f"{WORDS.get(kind, kind)}, got {reprlib.repr(value)}"
            worded = TypeError(f"{function.__name__}: {name} must be {got}")
            break
        if isinstance(value, float) and not math.isfinite(value):
            worded = ValueError(f"{function.__name__}: {name} must be a finite number, got {value}")
            break
    else:
        why = {
            KeyError: f"there is no entry {error}", OverflowError: "the numbers are too large",
            ZeroDivisionError: "it divides by zero", IndexError: "something is empty or too short",
        }.get(type(error), str(error))  # fmt: skip
        worded = ValueError(f"{_called(function, args, named)} cannot be worked out: {why}")
    worded.worded = True  # type: ignore[union-attr]
    return worded


def _arguments(function: Any, args: Any, named: Any) -> list[tuple[str, str, Any]]:
    """Name, declared kind and value of each argument that was given."""
    signature = inspect.signature(function)
    given = signature.bind(*args, **named).arguments
    kinds = {k: p.annotation for k, p in signature.parameters.items()}
    texts = {k: v if isinstance(v, str) else getattr(v, "__name__", str(v)) for k, v in kinds.items()}
    return [(name, texts[name], value) for name, value in given.items()]


def _fits(kind: str, value: Any) -> bool:
    """Whether a value is of the kind that a simple annotation names; True for others."""
    if kind in NUMBERS:
        return isinstance(value, int | float)
    if kind in ("str", "bool"):
        return isinstance(value, str if kind == "str" else int)
    if kind.startswith(("dict", "list")):
        return isinstance(value, dict if kind.startswith("dict") else list | tuple)
    if kind == "ModelConfig":
        return hasattr(value, "n_layers")
    return True


def _called(function: Any, args: Any, named: Any) -> str:
    """The call as text, long values cut."""
    parts = [f"{name}={reprlib.repr(value)}" for name, _, value in _arguments(function, args, named)]
    return f"{function.__name__}({', '.join(parts)})"
