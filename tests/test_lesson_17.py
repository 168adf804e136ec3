"""Lesson 17: the mixture layer against plain loops, its counts, its balancing; the table and the pages."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from course_lib import accounting, catalog, formulas, switch, tiny
from course_lib.claims.lesson_17 import layer_and_input, relative_error, try_text_1
from course_lib.quizzes import q17_mixture_of_experts as quiz
from course_lib.tiny import moe, moe_runs
from course_lib.tiny import moe_study as study
from course_lib.tiny.moe_reference import as_text_1, by_loop, mended
from course_lib.widgets.explore import lesson_17 as explore

EXACT = 1e-12
ROUTES = explore.route_tokens()
COSTS = explore.huge_and_cheap()
DENSE = tiny.GPTConfig.modern(11, 16, 12, 2, 2, d_ff=24)


def gradients(layer: moe.MoE, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    """Of a scalar of the output by the input and every weight."""
    return list(torch.autograd.grad((y * torch.linspace(-1, 1, 16).double()).sum(), [x, *layer.parameters()]))


@pytest.mark.parametrize("gate", moe.GATES)
@pytest.mark.parametrize("top_k", [1, 2, 5])
@pytest.mark.parametrize(("capacity", "n_shared"), [(0.0, 0), (1.0, 0), (0.6, 2)])
def test_the_layer_is_the_loop(gate: str, top_k: int, capacity: float, n_shared: int) -> None:
    """Outputs and all gradients agree with the layer written token by token, drops and biases included."""
    layer, x = layer_and_input(5, top_k, 40, gate=gate, capacity=capacity, n_shared=n_shared)
    layer.offset.copy_(torch.linspace(0.1, -0.1, 5))
    x.requires_grad_()
    fast, slow = layer(x), by_loop(layer, x)
    assert torch.allclose(fast, slow, rtol=0, atol=EXACT)
    full = capacity > 0 and (capacity < 1 or top_k < 5)  # with all chosen, even shares are enough
    assert layer.seen is not None and (layer.seen.dropped > 0) == full
    for a, b in zip(gradients(layer, x, fast), gradients(layer, x, slow), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=EXACT)


def test_plain_experts_and_several_dimensions() -> None:
    """Without gates (GELU) too, and a batch (B, T, C) is B T tokens."""
    config = moe.mixture(tiny.GPTConfig(11, 16, 12, 1, 2, bias=False), 4, 2)
    layer = moe.mixtures(moe.build(config))[0].double()
    x = torch.randn(3, 7, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(layer(x).view(21, 12), by_loop(layer, x.view(21, 12)), atol=EXACT)


def test_first_choices_go_first() -> None:
    """Places are given to all first choices before any second one, in the order of the tokens."""
    chosen = torch.tensor([[0, 1], [1, 0], [0, 1]])
    assert moe.queue(chosen, 2).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_dropped_tokens_get_nothing() -> None:
    """Room for one choice each: whoever is dropped twice gets exactly zero."""
    layer, x = layer_and_input(4, 1, 32, capacity=4 / 32)
    y = layer(x)
    assert layer.seen is not None
    lost = ~layer.seen.kept[:, 0]
    assert lost.sum() >= 28 and not y[lost].any() and y[~lost].any(dim=1).all()


def test_same_experts_are_a_dense_layer() -> None:
    """With all experts equal the routing cannot matter: weights that sum to 1 give one feed-forward part."""
    config = moe.mixture(DENSE, 6, 3, d_expert=24)
    layer = moe.mixtures(moe.build(config))[0].double()
    plain = tiny.model.FeedForward(DENSE).double()
    with torch.no_grad():
        layer.up.weight.copy_(plain.up.weight.T.expand_as(layer.up.weight))
        layer.down.weight.copy_(plain.down.weight.T.expand_as(layer.down.weight))
    x = torch.randn(20, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(layer(x), plain(x), atol=EXACT)


@pytest.mark.parametrize(
    "options", [{}, {"n_experts": 16, "top_k": 4}, {"top_k": 1, "n_shared": 2, "d_expert": 7}], ids=str
)
def test_counting_agrees(options: dict[str, Any]) -> None:
    """Torch and accounting find the same parameters; a token's FLOPs are the dense ones and the router."""
    config = moe.mixture(DENSE, **options)
    shape = config.to_accounting()
    model = moe.build(config)
    assert model.count() == accounting.params(shape)["total"]
    idle = (config.n_experts - config.top_k) * 3 * config.d_model * config.d_expert * config.n_layers
    assert accounting.active_params(shape)["total"] == model.count() - idle
    if not options:
        router = accounting.flops(shape, 16)["router"]
        dense = accounting.flops(DENSE.to_accounting(), 16)["total"]
        assert accounting.flops(shape, 16)["total"] - router == dense


def test_dense_models_are_untouched() -> None:
    """The same seed gives a dense GPT the same weights as ever: the first ones are pinned."""
    model = tiny.GPT(DENSE, seed=3)
    assert isinstance(model.blocks[0].ffn, tiny.model.FeedForward)
    expected = torch.empty(11, 12).normal_(0.0, 0.02, generator=torch.Generator().manual_seed(3))
    assert torch.equal(model.token.weight, expected)


def test_balance_loss() -> None:
    """1 when even, up to E when all choices and scores are one expert's; the same as the formula."""
    layer, x = layer_and_input(8, 2, 64)
    seen = layer.route(x)
    by_formula = formulas.balance_loss(seen.load.tolist(), seen.scores.mean(dim=0).tolist())
    assert float(seen.balance_loss.detach()) == pytest.approx(by_formula, rel=1e-6)
    assert formulas.balance_loss([0.125] * 8, [0.125] * 8) == pytest.approx(1)
    assert formulas.balance_loss([1.0, 0, 0, 0], [1.0, 0, 0, 0]) == 4


def test_the_loss_trains_the_router_and_the_bias_does_not() -> None:
    """The auxiliary loss is added for every layer; biases move by a step against the load, in training."""
    tokens = torch.randint(11, (4, 16), generator=torch.Generator().manual_seed(0))
    plain = moe.build(moe.mixture(DENSE), seed=1)
    extra = moe.build(moe.mixture(DENSE, balance="loss", loss_weight=0.5), seed=1)
    with_terms = float(extra.loss(tokens, tokens).detach())
    seen = [layer.seen for layer in moe.mixtures(extra)]
    terms = sum(float(routing.balance_loss.detach()) for routing in seen if routing is not None)
    without = float(plain.loss(tokens, tokens).detach())
    assert with_terms == pytest.approx(without + 0.5 * terms) and terms > 1
    biased = moe.build(moe.mixture(DENSE, gate="sigmoid", balance="bias", bias_step=0.01), seed=1)
    with torch.no_grad():
        biased.loss(tokens, tokens)
    assert not any(layer.offset.any() for layer in moe.mixtures(biased))
    biased.loss(tokens, tokens)
    for layer in moe.mixtures(biased):
        assert layer.seen is not None
        assert torch.allclose(layer.offset, 0.01 * torch.sign(1 / 8 - layer.seen.load))


def test_a_top_one_router_needs_the_whole_softmax() -> None:
    """A softmax over one score is 1 whatever the score: no gradient reaches the router."""
    for gate, learns in (("chosen", False), ("sigmoid", False), ("all", True)):
        layer, x = layer_and_input(8, 1, 32, gate=gate)
        layer(x).square().sum().backward()
        assert (float(layer.router.weight.grad.abs().max()) > 1e-6) == learns  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"top_k": 9}, "top_k 9 is more"), ({"top_k": 5}, "multiple of top_k"), ({"n_experts": 0}, "experts"),
        ({"gate": "relu"}, "gate"), ({"balance": "luck"}, "balance"), ({"capacity": -1.0}, "capacity"),
        ({"bias_step": math.nan}, "bias_step"),
    ],
)  # fmt: skip
def test_bad_shapes_are_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        moe.mixture(DENSE, **options)


def test_what_a_mixture_cannot_do_is_said() -> None:
    with pytest.raises(ValueError, match="no biases"):
        moe.mixture(tiny.GPTConfig(11, 16, 12, 1, 2))
    with pytest.raises(ValueError, match="decoder reads dense"):
        tiny.Decoder(moe.build(moe.mixture(DENSE)))
    with pytest.raises(ValueError, match="nothing was routed"):
        moe.mixtures(moe.build(moe.mixture(DENSE)))[0].nudge()
    with pytest.raises(ValueError, match="top_k"):
        formulas.touched_share(8, 9, 1)
    with pytest.raises(ValueError, match="one score for each"):
        formulas.balance_loss([1.0], [])


def test_text_1_crashes_and_is_mended() -> None:
    """The printed layer fails wherever an expert of id k or more is chosen, and is wrong where it runs."""
    layer, x = layer_and_input(8, 2, 64)
    assert "must match the size" in try_text_1(layer, x)
    assert torch.allclose(mended(layer, x), by_loop(layer, x), atol=EXACT)
    assert all(relative_error(experts) > 0.2 for experts in (2, 4, 8))
    one, x = layer_and_input(1, 1, 8)
    assert torch.allclose(as_text_1(one, x), by_loop(one, x), atol=EXACT)  # nothing to confuse


def test_switch_c() -> None:
    """The published model to the last parameter, as counted on torch's modules."""
    assert switch.params()["total"] == 1_571_308_972_448
    assert switch.params(active=True)["total"] == 1_728_326_048


def test_a_short_run_learns_and_is_watched() -> None:
    model, peaks = moe_runs.watched("top-2, bias", 20_480, d_model=12)
    assert len(peaks) == 40 and all(1 / 8 <= peak <= 1 / 2 for peak in peaks)
    found = moe_runs.loads(model)
    assert len(found) == 2 and all(sum(layer) == pytest.approx(1) for layer in found)
    assert len(moe_runs.favorites(model, layer=0)) == 8


def test_the_table_is_whole_and_says_what_the_lesson_says() -> None:
    """All runs are there, with the sizes of their shapes; mixtures win by FLOPs and lose by the clock."""
    for name in moe_runs.VARIANTS:
        rows, shape = study.of(name), moe_runs.variant(name).to_accounting()
        assert len(rows) == (2 if name in study.FEWER else 3)
        assert {row.params for row in rows} == {accounting.params(shape)["total"]}
        assert {row.active for row in rows} == {accounting.active_params(shape)["total"]}
    assert study.gain("top-2, bias", "flops") == pytest.approx(quiz.GAIN, abs=0.012)
    assert study.gain("top-2, bias", "cpu_seconds") < -0.02
    worst = {n: max(max(layer) for row in study.of(n) for layer in row.load()) for n in moe_runs.MIXTURES}
    assert worst["top-2, bias"] < worst["top-2, loss"] < 0.2 < worst["top-2"] <= 0.5 and worst["top-1"] > 0.4
    with pytest.raises(ValueError, match="measured from"):
        study.loss_at("dense", "flops", 1.0)
    with pytest.raises(ValueError, match="no runs of"):
        study.of("sparse")


def test_the_sentence_is_routed_as_torch_routes_it() -> None:
    """The explorable's choices, weights and loads are those of a layer with the shipped scores."""
    scores = torch.tensor(ROUTES.data["scores"][1])
    for top_k in (1, 2, 3):
        out = ROUTES.at(layer="2", top_k=top_k, room=5)
        best = scores.topk(top_k).indices
        counted = torch.bincount(best.flatten(), minlength=8) / best.numel()
        assert [e["load"] for e in out["experts"]] == pytest.approx(counted.tolist())
        kept = moe.queue(best, 8) < 5
        assert sum(r["kept"] for r in out["routes"]) == int(kept.sum())
        weights = scores.gather(1, best).softmax(dim=-1)
        mine = [r["weight"] for r in out["routes"] if r["token"] == 4]
        assert sorted(mine) == pytest.approx(sorted(weights[4].tolist()))


def test_balancing_by_hand_and_by_step() -> None:
    """Both schools even the loads; the bias leaves the weights of an unmoved token as they were."""
    before = ROUTES.at(balance="none")
    for school in ("bias", "loss"):
        after = ROUTES.at(balance=school, steps=60)
        assert max(e["load"] for e in after["experts"]) < max(e["load"] for e in before["experts"])
    pushed = ROUTES.at(balance="hand", push0=20)
    assert pushed["experts"][0]["load"] > before["experts"][0]["load"]


@pytest.mark.parametrize("key", COSTS.data["trunks"])
def test_costs_are_the_library(key: str) -> None:
    """Totals, active parameters and the dense neighbors agree with accounting."""
    trunk = COSTS.data["trunks"][key]
    config = catalog.model(trunk["name"]).config
    assert config is not None
    own = {"trunk": key, "experts": config.n_experts, "top_k": config.top_k}
    own |= {"shared": config.n_shared_experts, "width": config.d_expert}
    out = COSTS.at(**own, batch=1)
    assert out["readouts"][0]["note"] == trunk["name"]
    values = explore.shape_of(COSTS.values | own, COSTS.data)
    cost = explore.costs(values, 1, True)
    assert cost["total"] == accounting.params(config)["total"]
    assert cost["active"] == accounting.active_params(config)["total"]
    units = config.d_expert * (config.n_experts + config.n_shared_experts)
    wide = explore.costs(explore.dense_of(values, units), 1, False)
    assert wide["total"] == wide["active"] == cost["total"] - accounting.params(config)["router"]
    assert dataclasses.asdict(config)["n_experts"] == out["experts"]
