"""The guard around public functions: it passes everything through, and words only what is not ours."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

import numpy as np
import pytest

from course_lib import formulas, guard


def every(a: float, b: float = 2.0, *rest: float, c: float, d: float = 4.0, **more: float) -> list[Any]:
    """Says what it got."""
    return [a, b, rest, c, d, more]


def only(a: float, *, c: float = 3.0) -> tuple[float, float]:
    return a, c


def test_arguments_pass_as_they_are() -> None:
    call = guard.guarded(every)
    assert call(1, c=3) == every(1, c=3)
    assert call(1, 5, 6, 7, c=3, d=8, e=9) == every(1, 5, 6, 7, c=3, d=8, e=9)
    assert guard.guarded(only)(a=1) == (1, 3.0) and guard.guarded(only)(1, c=2) == (1, 2)
    assert inspect.signature(call) == inspect.signature(every)
    assert (call.__name__, call.__doc__, call.__module__) == ("every", "Says what it got.", __name__)


@pytest.mark.parametrize(("args", "named"), [((), {}), ((1,), {}), ((1, 2, 3), {"c": 1, "a": 2})])
def test_a_call_that_does_not_fit_is_told_by_python(args: tuple[float, ...], named: dict[str, float]) -> None:
    with pytest.raises(TypeError, match=r"^every\(\) (missing|got)"):
        guard.guarded(every)(*args, **named)


def test_what_python_and_numpy_raise_is_worded() -> None:
    cases: list[tuple[Any, tuple[Any, ...], type[Exception], str]] = [
        (lambda a: 1 / a, (0.0,), ValueError, "divides by zero"),
        (lambda a: a["x"], ({},), ValueError, "no entry 'x'"),
        (lambda a: math.log(a), (-1.0,), ValueError, "cannot be worked out: "),
        (lambda a: np.linalg.inv(np.zeros((a, a))), (2,), ValueError, "Singular"),
        (lambda a: a[0], ([],), ValueError, "empty or too short"),
        (lambda a: a * 1e308, (1e308,), ValueError, "not a finite number"),
        (lambda a: [a * 1e308], (1e308,), ValueError, "not a finite number"),
        (lambda a: {"x": a * 1e308}, (1e308,), ValueError, "not a finite number"),
    ]
    for body, args, kind, says in cases:

        def named(a: Any, body: Any = body) -> Any:
            return body(a)

        with pytest.raises(kind, match=says) as caught:
            guard.guarded(named)(*args)
        assert str(caught.value).startswith("named(a=")


def test_our_own_refusals_stay_as_they_are() -> None:
    with pytest.raises(ValueError, match=r"^params must be a positive finite number, got -1$"):
        formulas.training_flops(-1, 1)
    with pytest.raises(TypeError, match=r"must be a number, got 'x'$"):
        formulas.training_flops("x", 1)  # type: ignore[arg-type]


def test_infinity_in_may_give_infinity_out() -> None:
    def double(a: float) -> float:
        return 2 * a

    assert guard.guarded(double)(math.inf) == math.inf

    def none() -> float:
        return math.nan

    assert math.isnan(guard.guarded(none, infinite=True)())
    with pytest.raises(ValueError, match="not a finite number: it is nan"):
        guard.guarded(none)()


def test_methods_and_cached_functions() -> None:
    class Made:
        @guard.guarded
        def over(self, a: float) -> float:
            return 1 / a

    with pytest.raises(ValueError, match=r"^over\(a=0\) cannot be worked out: it divides by zero$"):
        Made().over(0)

    @functools.cache
    def kept(a: float) -> float:
        return a + 1

    call = guard.guarded(kept)
    assert call(1) == call(1) == 2 and call.cache_info().hits == 1
    with pytest.raises((TypeError, ValueError), match="kept"):
        call([1])  # type: ignore[arg-type]
    call.cache_clear()
    assert call.cache_info().currsize == 0
