"""Lesson 15: rooflines, prefill and decode against sums by hand, measured rates, prices, the explorables."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import accounting, catalog, formulas, market, roofline
from course_lib.catalog import config_of
from course_lib.tiny import rates
from course_lib.widgets.explore import lesson_15

PEAK, BANDWIDTH = 989e12, 3.35e12
ROOF = lesson_15.any_roof()
REQUEST = lesson_15.one_request()
rooms = st.floats(1e6, 1e18)


@given(st.floats(1e-3, 1e6), rooms, rooms)
def test_both_limits_hold_and_meet_at_the_ridge(intensity: float, peak: float, bandwidth: float) -> None:
    at = roofline.attainable(intensity, peak, bandwidth)
    assert at <= peak and at <= intensity * bandwidth * (1 + 1e-12)
    assert roofline.attainable(roofline.ridge(peak, bandwidth), peak, bandwidth) == pytest.approx(peak)


@given(st.floats(0, 1e20), st.floats(1, 1e15), rooms, rooms)
def test_a_step_and_the_roof_tell_the_same(flops: float, moved: float, peak: float, bandwidth: float) -> None:
    seconds = roofline.step_seconds(flops, moved, peak, bandwidth)
    if flops > 1:
        assert flops / seconds == pytest.approx(roofline.attainable(flops / moved, peak, bandwidth), rel=1e-9)


def test_intensities_of_the_lesson() -> None:
    """1/3b, 2/b for a vector and 2n/3b for a square, in bf16."""
    assert roofline.elementwise("add", 1000, 2)["intensity"] == pytest.approx(1 / 6)
    assert roofline.product(4096, 4096, 1, 2)["intensity"] == pytest.approx(1, rel=1e-3)
    assert roofline.product(900, 900, 900, 2)["intensity"] == pytest.approx(300)
    with pytest.raises(ValueError, match="add"):
        roofline.elementwise("sort", 10, 2)


def test_decode_by_hand() -> None:
    """Llama 3 8B: all weights but the token table, one row of it for each reader, and a cache each."""
    cfg, batch, context = config_of("Llama 3 8B"), 7, 1000
    step = roofline.decode(cfg, context, batch, PEAK, BANDWIDTH, 2)
    table = cfg.vocab * cfg.d_model
    weights = accounting.params(cfg)["total"] - table + batch * cfg.d_model
    cache = 2 * cfg.n_layers * cfg.n_kv_heads * cfg.d_head * context * batch
    assert step["weight_bytes"] == 2 * weights and step["cache_bytes"] == 2 * cache
    matrices = accounting.params(cfg)["total"] - table - accounting.params(cfg)["norm"]
    look_back = 4 * cfg.n_layers * cfg.n_heads * cfg.d_head * context
    assert step["flops"] == batch * (2 * matrices + look_back)
    assert step["seconds"] == pytest.approx(2 * (weights + cache) / BANDWIDTH) and step["bound"] == "memory"


def test_prefill_is_the_sum_of_its_tokens() -> None:
    """Each token of a prompt does what decoding it would, but only the last one needs the head."""
    cfg, tokens = config_of("Llama 2 7B"), 40
    together = roofline.prefill(cfg, tokens, 1, PEAK, BANDWIDTH, 2)
    head = accounting.flops(cfg, 1)["head"]
    single = sum(roofline.decode_flops(cfg, t) for t in range(1, tokens + 1))
    assert together["flops"] == pytest.approx(single - (tokens - 1) * head, rel=1e-12)
    assert roofline.prefill(cfg, 4096, 1, PEAK, BANDWIDTH, 2)["bound"] == "compute"


def test_a_mixture_reads_what_a_batch_visits() -> None:
    """One token reads the active parameters; many tokens read everything; never more."""
    cfg = config_of("Mixtral 8x7B")
    table = cfg.vocab * cfg.d_model
    active, total = (f(cfg)["total"] - table for f in (accounting.active_params, accounting.params))
    assert roofline.weights_read(cfg, 1) == pytest.approx(active + cfg.d_model)
    assert roofline.weights_read(cfg, 10**6) == pytest.approx(total + table)
    reads = [roofline.weights_read(cfg, b) for b in (1, 2, 4, 8, 64)]
    assert reads == sorted(reads)


@given(st.integers(1, 300), st.integers(1, 200))
def test_experts_touched(tokens: int, experts: int) -> None:
    """Between the choices of one token and all experts; exact for one token."""
    seen = formulas.experts_touched(experts, 1, tokens)
    assert 1 - 1e-9 <= seen <= min(tokens, experts) * (1 + 1e-9)
    assert formulas.experts_touched(experts, 1, 1) == pytest.approx(1)


def test_a_window_and_latents_bound_the_cache() -> None:
    """Mistral's cache stops growing at its window; a latent does more arithmetic and moves fewer bytes."""
    cfg = config_of("Mistral 7B")
    assert cfg.window > 0
    at = [roofline.decode(cfg, t, 1, PEAK, BANDWIDTH, 2) for t in (cfg.window, 4 * cfg.window)]
    assert at[0]["cache_bytes"] == at[1]["cache_bytes"] and at[0]["flops"] == at[1]["flops"]
    deep = config_of("DeepSeek-V3")
    plain = accounting.flops(deep, 4096, False)["total"]
    assert roofline.decode_flops(deep, 4096) > plain


@pytest.mark.parametrize("context", [1, 128, 512])
def test_ridge_batch_is_the_first(context: int) -> None:
    """One fewer is limited by memory; with a long context no batch is enough."""
    cfg = config_of("Llama 3 70B")
    n = int(roofline.ridge_batch(cfg, context, PEAK, BANDWIDTH, 2))
    assert [roofline.decode(cfg, context, b, PEAK, BANDWIDTH, 2)["bound"] for b in (n - 1, n)] == [
        "memory", "compute",
    ]  # fmt: skip
    assert roofline.ridge_batch(cfg, 4096, PEAK, BANDWIDTH, 2) == 0


def test_a_request_sums_its_steps() -> None:
    """The stretches add up to what single steps would."""
    cfg = config_of("Llama 3.2 1B")
    r = roofline.request(cfg, 100, 200, 4, PEAK, BANDWIDTH, 2)
    steps = [roofline.decode(cfg, 100 + i + 0.5, 4, PEAK, BANDWIDTH, 2)["seconds"] for i in range(200)]
    assert r["step"] == pytest.approx(math.fsum(steps) / 200, rel=1e-6)
    assert r["last_token"] == pytest.approx(r["first_token"] + 200 * r["step"])
    assert r["tokens_per_second"] < 4 * r["per_reader"]
    with pytest.raises(ValueError, match="output"):
        roofline.request(cfg, 100, 0, 4, PEAK, BANDWIDTH, 2)


@pytest.mark.parametrize(("context", "batch", "each"), [(0, 1, 2), (1, 0, 2), (1, 1, 0)])
def test_steps_refuse_nothing_at_all(context: float, batch: float, each: float) -> None:
    for count in (roofline.prefill, roofline.decode):
        with pytest.raises(ValueError, match="must be"):
            count(config_of("Llama 3 8B"), context, batch, PEAK, BANDWIDTH, each)


def test_published_servers_stay_under_the_roof() -> None:
    """Nobody beats a bound; single cards with long answers come near."""
    for row in market.served():
        assert 0.1 < market.reached(row) < 1, row
    long = [r for r in market.served() if r.devices == 1 and r.output == 2048]
    assert long and all(market.reached(r) > 0.7 for r in long)


def test_offers_are_dated_and_known() -> None:
    for offer in market.offers():
        assert offer.gpu == catalog.gpu(offer.gpu).name and offer.usd_per_hour > 0
        assert offer.date.startswith("2026-") and offer.source and offer.kind in ("cloud", "marketplace")
    assert market.price("T4") is None
    assert min(o.usd_per_hour for o in market.offers() if o.gpu == "H100 SXM") < (market.price("H100") or 0)


def test_energy_and_rent() -> None:
    """1,000 W at 1,000 tokens a second are a joule each, and $3.60 an hour a dollar a million."""
    assert formulas.joules_per_token(1000, 1000, 1.0) == 1
    assert formulas.usd_per_million(3.6, 1000) == pytest.approx(1)
    with pytest.raises(ValueError, match="PUE"):
        formulas.joules_per_token(700, 1000, 0.9)


@pytest.fixture(scope="module")
def machine() -> rates.Machine:
    """A quick measurement."""
    return rates.measure(seconds=0.001, array_mb=8)


def test_measured_rates_hang_together(machine: rates.Machine, tmp_path: Path) -> None:
    """The roofs are the best of what was measured; a file gives everything back."""
    assert machine.bandwidth == max(machine.moves.values()) and machine.ridge > 0
    assert machine.peak == max(k.rate for k in machine.of("product"))
    assert {k.kind for k in machine.kernels} == {"vector", "product", "linear", "decode", "prefill"}
    machine.save(tmp_path / "rates.json")
    assert rates.load(tmp_path / "rates.json") == machine
    assert "ridge at" in rates.report(machine)


def test_a_batch_is_cheaper_than_its_readers(machine: rates.Machine) -> None:
    """64 sequences together take less than half of 64 times one; a sweep beats single steps."""
    steps = machine.of("decode")
    assert steps[-1].seconds < 0.5 * steps[-1].size * steps[0].seconds
    sweep = machine.of("prefill")[-1]
    assert sweep.seconds < 0.6 * sweep.size * steps[0].seconds


def test_shipped_rates_keep_the_promise() -> None:
    """In bf16 four vectors cost what one does; nothing lies above the roof by more than noise."""
    kept = rates.shipped()
    one, four = (k.seconds for k in kept.of("linear")[:2])
    assert kept.number_format == "bf16" and four < 1.2 * one
    assert all(kept.share(k) <= 1 + 1e-9 for k in kept.kernels)


def test_rates_refuse_what_they_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text(json.dumps({"device": "cpu"}))
    for name in ("no.json", "none.json"):
        with pytest.raises(ValueError, match="no file of measured rates"):
            rates.load(tmp_path / name)
    with pytest.raises(ValueError, match="number_format"):
        rates.measure(number_format="fp8")


def test_the_dot_is_the_library() -> None:
    """The explorable's dot is `decode`, its roof the catalog's."""
    out = ROOF.at(batch=32, context=1024, gpu="a100-80gb", model="llama-3-8b")
    gpu = catalog.gpu("A100")
    step = roofline.decode(config_of("Llama 3 8B"), 1024, 32, gpu.peak("bf16"), gpu.bandwidth_gbs * 1e9, 2)
    assert out["here"]["x"] == step["intensity"] and out["peak"] == gpu.peak("bf16")
    assert out["here"]["y"] == pytest.approx(step["flops"] / step["seconds"])
    assert sum(t["seconds"] for t in out["times"][:2]) == pytest.approx(step["bytes"] / out["bandwidth"])


def test_a_device_without_fp8_stores_in_it_only() -> None:
    """Eight bits on an A100 halve the bytes and leave the arithmetic; on an H100 both move."""
    a16, a8 = (ROOF.at(gpu="a100-80gb", stored=b) for b in ("16", "8"))
    assert a8["peak"] == a16["peak"] and a8["longest"] == pytest.approx(a16["longest"] / 2)
    assert ROOF.at(stored="8")["peak"] == catalog.gpu("H100").peak("fp8")


def test_verdicts_follow_the_limit() -> None:
    assert "nearly free" in ROOF.at(batch=1)["verdict"]
    assert "cache" in ROOF.at(batch=512, context=8192)["verdict"]
    assert "Arithmetic decides" in ROOF.at(what="prefill", context=2048)["verdict"]
    assert "does not fit" in REQUEST.at(model="llama-3-70b")["verdict"]
    assert "reading prompts" in REQUEST.at(prompt=65536, output=64, batch=4)["verdict"]


def test_a_request_in_the_page_is_the_library() -> None:
    out = REQUEST.at(batch=16)
    gpu = catalog.gpu("H100")
    r = roofline.request(config_of("Llama 3 8B"), 2048, 512, 16, gpu.peak("bf16"), gpu.bandwidth_gbs * 1e9, 2)
    assert out["first"] == r["first_token"] and out["rate"] == r["per_reader"]
    assert dataclasses.asdict(config_of("Llama 3 8B")) == REQUEST.data["models"]["llama-3-8b"]["config"]
