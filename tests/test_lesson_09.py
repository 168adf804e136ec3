"""Lesson 9: the inference-aware optimum against a general minimizer, and what follows from it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import formulas as f

LAWS = {"printed": f.HOFFMANN_PRINTED, "precise": f.HOFFMANN_PRECISE, "refit": f.BESIROGLU}
each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
any_law = st.sampled_from(list(LAWS.values()))
excesses = st.floats(0.05, 3.0)
demands = st.floats(1e6, 1e18)


def lifetime(params: float, loss: float, served: float, law: dict[str, float]) -> float:
    """Lifetime FLOPs of a size that is trained to a loss."""
    return f.lifetime_flops(params, f.tokens_for_loss(params, loss, law), served)


@given(st.floats(1e8, 1e12), st.floats(1e9, 1e14), any_law)
def test_tokens_for_loss_inverts_the_law(params: float, tokens: float, law: dict[str, float]) -> None:
    loss = f.chinchilla_loss(params, tokens, law)
    assert f.tokens_for_loss(params, loss, law) == pytest.approx(tokens, rel=1e-6)


@each_law
def test_too_small_a_model_is_refused(law: dict[str, float]) -> None:
    """At the asymptote of a size and below it no data suffice; just above it they do."""
    limit = law["E"] + law["A"] / 1e9 ** law["alpha"]
    for loss in (limit, limit - 0.01):
        with pytest.raises(ValueError, match="cannot reach a loss"):
            f.tokens_for_loss(1e9, loss, law)
    assert f.tokens_for_loss(1e9, limit + 1e-6, law) > 1e12


@settings(max_examples=60, deadline=None)
@given(excesses, demands, any_law)
def test_against_a_general_minimizer(excess: float, served: float, law: dict[str, float]) -> None:
    """scipy's bounded search over log N finds no cheaper model, and the same one."""
    optimize = pytest.importorskip("scipy.optimize")
    loss = law["E"] + excess
    best = f.inference_aware_params(loss, served, law)
    least = f.chinchilla_params_at(excess, law)

    def log_cost(x: float) -> float:
        return math.log(lifetime(math.exp(x), loss, served, law))

    found = optimize.minimize_scalar(
        log_cost, bounds=(math.log(least * 1.0000001), math.log(least * 100)), method="bounded",
        options={"xatol": 1e-10, "maxiter": 2000},
    )  # fmt: skip
    assert lifetime(best, loss, served, law) <= math.exp(found.fun) * (1 + 1e-9)
    assert best == pytest.approx(math.exp(found.x), rel=2e-3)


@given(excesses, demands, any_law)
def test_first_order_condition(excess: float, served: float, law: dict[str, float]) -> None:
    """3 D (alpha size / (beta data) - 1) is the demand."""
    loss = law["E"] + excess
    n = f.inference_aware_params(loss, served, law)
    size = law["A"] / n ** law["alpha"]
    data = excess - size
    if data / excess < 1e-6 or served < 1e-4 * f.tokens_for_loss(n, loss, law):
        return  # one term is lost to rounding in this check, not in the solver
    tokens = (law["B"] / data) ** (1 / law["beta"])
    slope = 3 * tokens * (law["alpha"] * size / (law["beta"] * data) - 1)
    assert slope == pytest.approx(served, rel=1e-3)


@given(excesses, st.floats(1e6, 1e20), st.floats(1.01, 1e4), any_law)
def test_more_demand_means_a_smaller_model(
    excess: float, served: float, times: float, law: dict[str, float]
) -> None:
    loss = law["E"] + excess
    none = f.inference_aware_params(loss, 0, law)
    some, more = (f.inference_aware_params(loss, s, law) for s in (served, served * times))
    assert more <= some <= none
    assert more > f.chinchilla_params_at(excess, law) * (1 - 1e-12), "never below the size that can reach it"


@given(excesses, any_law)
def test_no_demand_is_chinchilla(excess: float, law: dict[str, float]) -> None:
    loss = law["E"] + excess
    best = f.chinchilla_params(f.chinchilla_flops_for_loss(loss, law), law)
    assert f.inference_aware_params(loss, 0, law) == pytest.approx(best, rel=1e-9)
    assert f.inference_aware_params(loss, 1e-3, law) == pytest.approx(best, rel=1e-6)


@given(excesses, st.floats(0.2, 5.0), any_law)
def test_same_loss_at_another_size(excess: float, share: float, law: dict[str, float]) -> None:
    """The two shares hold at every loss; below the smallest size there is no answer."""
    loss = law["E"] + excess
    least = f.chinchilla_flops_for_loss(loss, law)
    n = f.chinchilla_params(least, law) * share
    tokens = f.tokens_for_loss(n, loss, law)
    assert f.same_loss_tokens(share, law) == pytest.approx(tokens / f.chinchilla_tokens(least, law), rel=1e-6)
    assert f.same_loss_flops(share, law) == pytest.approx(f.training_flops(n, tokens) / least, rel=1e-6)
    assert f.same_loss_flops(share, law) >= 1 - 1e-12
    with pytest.raises(ValueError, match="size_share must be above"):
        f.same_loss_tokens(f.smallest_size_share(law) * 0.999, law)


@given(st.floats(1e8, 1e11), st.floats(1.1, 20), st.floats(1e20, 1e24), st.floats(0.5, 3))
def test_break_even(params: float, larger: float, flops: float, dearer: float) -> None:
    """At the break-even both have cost the same."""
    served = f.break_even_tokens(params, flops * dearer, params * larger, flops)
    small, large = flops * dearer + 2 * params * served, flops + 2 * params * larger * served
    assert small == pytest.approx(large, rel=1e-9)
    with pytest.raises(ValueError, match="params must be below"):
        f.break_even_tokens(params * larger, flops, params, flops)


def test_the_papers_headline() -> None:
    """13B quality and 2T served tokens: savings by three constants sets; the paper says 17 % and a 7B."""
    savings = {}
    for name, law in LAWS.items():
        loss = law["E"] + law["A"] / 13e9 ** law["alpha"] / f.chinchilla_size_share(law)
        assert f.inference_aware_params(loss, 0, law) == pytest.approx(13e9, rel=1e-9)
        n = f.inference_aware_params(loss, 2e12, law)
        savings[name] = 1 - lifetime(n, loss, 2e12, law) / lifetime(13e9, loss, 2e12, law)
    assert [round(100 * s, 1) for s in savings.values()] == [10.1, 16.3, 29.0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: f.inference_aware_params(1.8, 1e12, f.BESIROGLU), "above the floor"),
        (lambda: f.inference_aware_params(2.2, -1, f.BESIROGLU), "served_tokens"),
        (lambda: f.inference_aware_params(float("nan"), 1, f.BESIROGLU), "loss"),
        (lambda: f.tokens_for_loss(0, 2.2, f.BESIROGLU), "params"),
        (lambda: f.same_loss_flops(0, f.BESIROGLU), "size_share"),
        (lambda: f.break_even_tokens(1e9, 0, 2e9, 1e20), "train_flops"),
    ],
)
def test_bad_input_is_named(call: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()  # type: ignore[operator]
