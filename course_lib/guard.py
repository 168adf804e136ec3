"""Wrong input is refused in our words, whatever a function's own checks let through.

Formulas stay plain so that pages can run them; a check of every argument would drown them. So the last line
of such a module is `guard.module(globals())`: its public functions then turn what Python raises inside them
(a missing key, an overflow, a division by zero) into a ValueError or TypeError that names the function and
the argument, and a number that is not finite out of finite input into one as well. Nothing is checked before
the call; a good call costs some 50 nanoseconds more. Pages leave the line out.
"""

from __future__ import annotations

import dis
import functools
import inspect
import math
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

CAUGHT = (
    ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RuntimeError, RuntimeWarning,
    AssertionError,
)  # fmt: skip
ROOM = str(Path(__file__).parent)
RAISE = dis.opmap["RAISE_VARARGS"]
LONGEST = 200  # characters of what torch says, which can be pages
NUMBERS = ("float", "int")
Called = TypeVar("Called", bound=Callable[..., Any])
HOLDERS = frozenset((dict, list))
WHOLE = ("dict[str, int]", "list[int]", "list[str]", "dict[str, str]")  # results that hold no float
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


def guarded(function: Called, *, infinite: bool = False) -> Called:
    """The function or method, with what goes wrong inside it said in our words."""
    signature = inspect.signature(function)
    takes = list(signature.parameters.values())
    whole = infinite or signature.return_annotation in WHOLE
    names = {
        "_function": function, "_given": {p.name: p.default for p in takes}, "_caught": CAUGHT,
        "_answer": _answer, "_refuse": _refuse_endless, "_endless": _endless, "_float": float,
        "_finite": _always if infinite else math.isfinite, "_holds": () if whole else HOLDERS,
    }  # fmt: skip
    source = SOURCE.format(name=function.__name__, takes=_declared(takes), passes=_passed(takes))
    exec(compile(source, f"<guard of {function.__name__}>", "exec"), names)
    call: Any = functools.wraps(function)(names[function.__name__])  # type: ignore[arg-type]
    for name in ("cache_clear", "cache_info"):  # of a cached function
        if hasattr(function, name):
            setattr(call, name, getattr(function, name))
    return cast(Called, call)


# A guard has the very arguments of its function: packing and unpacking them would cost more than the rest.
SOURCE = """
def {name}({takes}):
    try:
        _out = _function({passes})
    except _caught as _error:
        _answer(_function, _error, {passes})
        raise
    _kind = _out.__class__
    if not _finite(_out) if _kind is _float else _kind in _holds and _endless(_out):
        _refuse(_function, _out, {passes})
    return _out
"""


def _star(p: inspect.Parameter) -> str:
    """What stands before the name of an argument that takes several."""
    return "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""


def _declared(takes: list[inspect.Parameter]) -> str:
    """The arguments as they stand in a `def`, their defaults looked up by name."""
    parts: list[str] = []
    for p in takes:
        alone = p.kind is p.KEYWORD_ONLY and not any(part.startswith("*") for part in parts)
        parts += ["*"] if alone else []
        default = "" if p.default is p.empty else f"=_given[{p.name!r}]"
        parts.append(_star(p) + p.name + default)
    return ", ".join(parts)


def _passed(takes: list[inspect.Parameter]) -> str:
    """The same arguments as they stand in the call."""
    return ", ".join(_star(p) + p.name + (f"={p.name}" if p.kind is p.KEYWORD_ONLY else "") for p in takes)


def _answer(function: Any, error: Exception, /, *args: Any, **named: Any) -> None:
    """Raise our words for what a function raised, unless they are ours already."""
    if not _ours(error):
        raise _refusal(function, args, named, error) from error


def _refuse_endless(function: Any, out: Any, /, *args: Any, **named: Any) -> None:
    """Refuse a result that is not finite, unless it comes from an infinite argument."""
    if not _has_infinity((args, named)):
        raise ValueError(f"{_called(function, args, named)} is not a finite number: it is {out}")


def _always(out: float) -> bool:
    """For functions of which infinity is a proper answer."""
    return True


def _endless(out: Any) -> bool:
    """Whether a dict or a list directly holds a number that is not finite."""
    for x in out.values() if type(out) is dict else out:
        if x.__class__ is float and not math.isfinite(x):
            return True
    return False


def _has_infinity(value: Any) -> bool:
    """Whether an argument is infinite, or holds a number that is."""
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_infinity, value))


def _ours(error: BaseException) -> bool:
    """Whether a `raise` of this library raised it, and not Python, numpy or torch inside some other line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not isinstance(error, ValueError | TypeError):
        return False
    code = trace.tb_frame.f_code
    return code.co_filename.startswith(ROOM) and code.co_code[trace.tb_lasti] == RAISE


def _refusal(function: Any, args: Any, named: Any, error: Exception) -> ValueError | TypeError:
    """What was wrong: the first argument that is not of its kind, else the call and why it fails."""
    for name, kind, value in _arguments(function, args, named):
        if not _fits(kind, value):
            got = f"{WORDS.get(kind, kind)}, got {reprlib.repr(value)}"
            return TypeError(f"{function.__name__}: {name} must be {got}")
        if isinstance(value, float) and not math.isfinite(value):
            return ValueError(f"{function.__name__}: {name} must be a finite number, got {value}")
    why = {
        KeyError: f"there is no entry {error}", OverflowError: "the numbers are too large",
        ZeroDivisionError: "it divides by zero", IndexError: "something is empty or too short",
    }.get(type(error), str(error).partition("\n")[0][:LONGEST])  # fmt: skip
    return ValueError(f"{_called(function, args, named)} cannot be worked out: {why}")


def _arguments(function: Any, args: Any, named: Any) -> list[tuple[str, str, Any]]:
    """Name, declared kind and value of each argument that is not its default."""
    signature = inspect.signature(function)
    given = signature.bind(*args, **named).arguments
    takes = signature.parameters
    kinds = {k: p.annotation for k, p in takes.items()}
    texts = {k: v if isinstance(v, str) else getattr(v, "__name__", str(v)) for k, v in kinds.items()}
    return [(name, texts[name], value) for name, value in given.items() if value is not takes[name].default]


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
    given = [part for part in _arguments(function, args, named) if part[0] != "self"]
    parts = [f"{name}={reprlib.repr(value)}" for name, _, value in given]
    return f"{function.__name__}({', '.join(parts)})"
