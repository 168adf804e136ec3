"""Lesson 9: the inference-aware optimum against a general minimizer, and what follows from it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import catalog, hardware, lifetime, study, text
from course_lib import formulas as f
from course_lib.widgets.explore import lesson_09

LAWS = {"printed": f.HOFFMANN_PRINTED, "precise": f.HOFFMANN_PRECISE, "refit": f.BESIROGLU}
each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
any_law = st.sampled_from(list(LAWS.values()))
excesses = st.floats(0.05, 3.0)
demands = st.floats(1e6, 1e18)


def cost(params: float, loss: float, served: float, law: dict[str, float]) -> float:
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
        return math.log(cost(math.exp(x), loss, served, law))

    found = optimize.minimize_scalar(
        log_cost, bounds=(math.log(least * 1.0000001), math.log(least * 100)), method="bounded",
        options={"xatol": 1e-10, "maxiter": 2000},
    )  # fmt: skip
    assert cost(best, loss, served, law) <= math.exp(found.fun) * (1 + 1e-9)
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
        loss = f.loss_of_chinchilla_size(13e9, law)
        assert f.inference_aware_params(loss, 0, law) == pytest.approx(13e9, rel=1e-9)
        n = f.inference_aware_params(loss, 2e12, law)
        savings[name] = 1 - cost(n, loss, 2e12, law) / cost(13e9, loss, 2e12, law)
    assert [round(100 * s, 1) for s in savings.values()] == [10.1, 16.3, 29.0]


@given(st.floats(1e8, 1e12), st.floats(1e9, 1e14), any_law)
def test_revealed_demand_is_the_optimum_read_backwards(
    params: float, tokens: float, law: dict[str, float]
) -> None:
    demand = f.revealed_demand(params, tokens, law)
    loss = f.chinchilla_loss(params, tokens, law)
    if demand >= 0:
        assert f.inference_aware_params(loss, demand, law) == pytest.approx(params, rel=1e-6)
    else:
        assert params > f.inference_aware_params(loss, 0, law) * (1 - 1e-9)


@given(excesses, demands, any_law)
def test_the_share_follows_from_the_ratio(excess: float, served: float, law: dict[str, float]) -> None:
    """In units of its own training tokens the demand gives the size in closed form, at every loss."""
    loss = law["E"] + excess
    none, n = (f.inference_aware_params(loss, s, law) for s in (0, served))
    if n < 1.0001 * f.chinchilla_params_at(excess, law):
        return  # at the wall the tokens cannot be computed to many digits
    ratio = served / f.tokens_for_loss(n, loss, law)
    assert f.cheapest_size_share(ratio, law) == pytest.approx(n / none, rel=1e-6)


def test_read_off_stays_inside_the_points() -> None:
    xs, ys = [1e9, 1e10, 1e11], [2.5, 2.0, 1.6]
    assert [f.read_off(xs, ys, y) for y in ys] == pytest.approx(xs)
    assert f.read_off(xs, ys, math.sqrt(2.5 * 2.0)) == pytest.approx(math.sqrt(1e19))
    for y in (2.51, 1.59):
        with pytest.raises(ValueError, match="do not reach"):
            f.read_off(xs, ys, y)


def test_a_life_adds_up() -> None:
    """FLOPs, dollars and energy are those of training and of serving, each at its utilization."""
    life = lifetime.bill(8e9, 15e12, 1e14, "H100", usd_per_hour=2.0)
    assert life.flops == pytest.approx(f.lifetime_flops(8e9, 15e12, 1e14))
    hours = (6 * 8e9 * 15e12 / 0.4 + 2 * 8e9 * 1e14 / 0.2) / 989e12 / 3600
    assert life.usd == pytest.approx(2 * hours) and life.energy_kwh == pytest.approx(0.7 * 1.1 * hours)
    assert lifetime.bill(8e9, 15e12, 0, "H100", usd_per_hour=2.0).usd == pytest.approx(
        hardware.bill(7.2e23, "H100", usd_per_hour=2.0).usd
    )
    assert lifetime.bill(8e9, 15e12, 1e14, "H100").usd is None
    assert lifetime.bill(8e9, 15e12, 1e14, "RTX 4090", usd_per_hour=0.4).energy_kwh is not None
    with pytest.raises(ValueError, match="served_tokens"):
        lifetime.bill(8e9, 15e12, -1, "H100")


def test_a_dearer_flop_is_more_demand() -> None:
    """Dollars at half the utilization have their minimum where FLOPs have it at twice the demand."""
    law, loss, served = f.BESIROGLU, 2.1, 2e12
    n = f.inference_aware_params(loss, 2 * served, law)

    def usd(params: float) -> float:
        found = lifetime.bill(params, f.tokens_for_loss(params, loss, law), served, "H100", usd_per_hour=2.0)
        assert found.usd is not None
        return found.usd

    assert usd(n) < min(usd(0.99 * n), usd(1.01 * n))


RUNS = [*study.runs("grid"), *study.runs("overtrain")]


@pytest.mark.parametrize("loss", [1.3, 1.4, 1.5, 1.65, 1.8, 2.0])
def test_handovers_are_the_lower_envelope(loss: float) -> None:
    """Whatever the demand, the list names the size that a search over all finds."""
    sizes = lifetime.sizes_at(loss, RUNS)
    found = lifetime.handovers(sizes)
    assert [d for d, _ in found] == sorted(d for d, _ in found)
    for demand in [0.0, *(10 ** (k / 4) for k in range(12, 44))]:
        named = [size for at, size in found if at <= demand][-1]
        assert named.cost(demand) == pytest.approx(lifetime.cheapest(sizes, demand).cost(demand))
    for at, size in found[1:]:
        before = found[[d for d, _ in found].index(at) - 1][1]
        assert size.cost(at) == pytest.approx(before.cost(at)) and size.params < before.params


def test_sizes_lie_between_measured_runs() -> None:
    """No size is placed outside its own runs; a loss that none reaches is refused."""
    for loss in (1.4, 1.8):
        for size in lifetime.sizes_at(loss, RUNS):
            own = [r for r in RUNS if r.d_model == size.width]
            assert min(r.flops for r in own) <= size.flops <= max(r.flops for r in own)
            assert size.per_token * 3 * size.tokens == pytest.approx(size.flops)
    with pytest.raises(ValueError, match="no size"):
        lifetime.sizes_at(0.9, RUNS)


def test_the_fitted_law_is_too_hopeful() -> None:
    """Fitted below 60 characters a parameter, the law promises every far run too little loss."""
    from course_lib import fitting

    rows = list(zip(*lifetime.columns([*RUNS, *study.runs("heldout")]), strict=True))
    law = fitting.fit_overtraining(*zip(*[row for row in rows if row[1] <= 60], strict=True)).constants()
    far = [(m, loss / f.overtraining_loss(c, m, law) - 1) for c, m, loss in rows if m > 100]
    assert min(error for _, error in far) > 0.01
    near, extreme = ([e for m, e in far if low < m <= high] for low, high in ((100, 200), (400, 1e4)))
    assert max(near) < min(extreme)


def test_the_quiz_says_what_is_measured() -> None:
    """At 3e12 FLOPs three times the ratio costs what the guess's key says."""
    from course_lib.quizzes import q09_overtraining

    bowl = {w: [r for r in RUNS if r.budget == 3e12 and r.d_model == w] for w in (48, 64)}
    means = {w: sum(r.loss for r in rows) / len(rows) for w, rows in bowl.items()}
    assert round(means[48] - means[64], 3) == q09_overtraining.TRIPLED
    assert round(bowl[64][0].ratio("matmul")) == q09_overtraining.BEST_RATIO
    assert round(bowl[48][0].ratio("matmul") / bowl[64][0].ratio("matmul")) == 3


LIFE, LADDER, CROSSING = lesson_09.lifetime(), lesson_09.ladder(), lesson_09.crossing()


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("served", [1e9, 2e12, 1e16])
def test_the_explorable_finds_the_minimum_of_its_own_curve(name: str, served: float) -> None:
    """The marked size is the lowest point of the drawn curve, and the solver's."""
    out = LIFE.at(law=name, served=served)
    low = min(out["curve"], key=lambda c: c["total"])
    assert out["best"]["y"] <= low["total"] * (1 + 1e-9)
    assert out["best"]["k"] == pytest.approx(low["k"], rel=0.1)
    loss = f.loss_of_chinchilla_size(13e9, LAWS[name])
    assert out["best"]["k"] * 13e9 == pytest.approx(f.inference_aware_params(loss, served, LAWS[name]))


def test_the_explorable_counts_money_as_the_library() -> None:
    """Dollars in the page are those of `lifetime.bill`."""
    out = LIFE.at(unit="usd", mine=1.0)
    law = LAWS["precise"]
    tokens = f.tokens_for_loss(13e9, f.loss_of_chinchilla_size(13e9, law), law)
    life = lifetime.bill(13e9, tokens, 2e12, "H100", usd_per_hour=2.0)
    assert life.usd and out["bars"][1]["says"].startswith(text.money(life.usd, 3))


def test_the_map_shows_every_public_model() -> None:
    """Each catalog model with a public size and token count is a dot; leaks are not."""
    names = {d["name"] for d in LADDER.result["dots"]}
    assert names == {m.name for m in catalog.models("public") if m.active_params and m.tokens}
    assert not any(m.disclosed == "leak" and m.name in names for m in catalog.models())
    assert LADDER.result["readouts"][0]["value"] == "1,868"
    assert LADDER.at(model="gpt-3-175b")["readouts"][2]["value"] == "none"


@pytest.mark.parametrize("served", [1e4, 3e6, 1e8])
def test_the_crossing_is_the_library(served: float) -> None:
    """At every loss the slider offers, the page and `lifetime.cheapest` name the same size."""
    for k in range(130, 201, 5):
        out = CROSSING.at(loss=k / 100, served=served)
        named = lifetime.cheapest(lifetime.sizes_at(k / 100, RUNS), served)
        assert out["readouts"][0]["value"] == text.si(named.params, 3)


def test_llama_3_8b() -> None:
    """93 times the rule of 20, not 75; and the exact ratio."""
    model = catalog.model("Llama 3 8B")
    assert model.params and model.tokens
    ratio = f.tokens_per_param(model.params, model.tokens)
    assert round(ratio) == 1868 and round(ratio / 20, 1) == 93.4


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
