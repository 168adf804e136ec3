"""Memory: the accounting against bytes that torch holds and published formulas; formats and packing."""

from __future__ import annotations

import math
import random

import pytest
import torch

from course_lib import accounting, catalog, formulas, memory, tiny
from course_lib import numberformats as nf
from course_lib.catalog import config_of
from course_lib.tiny import footprint, quantize

CLASSIC = tiny.GPTConfig(65, 64, 48, 3, 3)
MODERN = tiny.GPTConfig.modern(65, 64, 48, 3, 3, 1, 128)
SHAPES = [m for m in catalog.models() if m.config is not None]


@pytest.mark.parametrize("config", [CLASSIC, MODERN], ids=["classic", "modern"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_training_state_is_what_torch_holds(config: tiny.GPTConfig, precision: str, optimizer: str) -> None:
    """Weights, gradients and optimizer states, to the last byte."""
    seen = footprint.training_bytes(config, 2, optimizer=optimizer, precision=precision)
    said = memory.training(config.to_accounting(), config.context, 2, optimizer, precision)
    assert {k: seen[k] for k in ("weights", "gradients", "optimizer")} == {
        k: said[k] for k in ("weights", "gradients", "optimizer")
    }
    assert said["master"] == said["gathered"] == 0


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("layers", [1, 4])
def test_activations_of_a_classic_model_are_exact(batch: int, layers: int) -> None:
    """All that autograd keeps, to the last byte but one number: the count of scored tokens."""
    config = tiny.GPTConfig(65, 64, 48, layers, 3)
    seen = footprint.training_bytes(config, batch)["activations"]
    assert seen == memory.activations(config.to_accounting(), 64, batch, 4)["total"] + 4


def test_activations_of_a_modern_model_are_a_lower_bound() -> None:
    """Beyond the count: second copies of every norm, and rotated heads beside those that views keep alive."""
    seen = footprint.training_bytes(MODERN, 2)["activations"]
    said = memory.activations(MODERN.to_accounting(), 64, 2, 4)["total"]
    norms, layers, rotated = 2 * 3 + 1, 3, (3 + 1) * 16
    assert seen == said + 4 + 4 * 2 * 64 * (norms * 48 + layers * rotated)


def test_activations_against_korthikanti() -> None:
    """Our count is the published s b h (34 + 5 a s/h) less its dropout masks, plus fp32 statistics."""
    config = config_of("GPT-3")
    s, b = 2048, 2
    ours = memory.activations(config, s, b, 2, scores=True)
    theirs = formulas.activation_bytes(s, b, config.d_model, config.n_heads, config.n_layers)
    masks = config.n_layers * s * b * (2 * config.d_model + 3 * config.n_heads * s)
    assert ours["blocks"] + ours["scores"] == theirs - masks


def test_state_against_zero() -> None:
    """Mixed-precision Adam is 16 bytes a parameter, shared out as Rajbhandari et al. have it."""
    config = config_of("Llama 3 8B")
    n = accounting.params(config)["total"]
    for stage in range(4):
        for devices in (1, 8, 64):
            state = memory.training_state(config, "adam", "mixed", stage, devices)
            assert sum(state.values()) - state["gathered"] == pytest.approx(
                n * formulas.zero_bytes_per_param(stage, devices)
            )


@pytest.mark.parametrize("model", SHAPES, ids=lambda m: m.name)
def test_every_shape_adds_up(model: catalog.Model) -> None:
    """Parts make the total, matrices and vectors make the parameters, fewer bits take fewer bytes."""
    config = model.config
    assert config is not None
    n = accounting.params(config)["total"]
    counted = sum(part["count"] for part in memory.matrix_parts(config)) + memory.vector_count(config)
    assert counted == n and 0 <= memory.vector_count(config) < 0.03 * n
    assert memory.weights(config, "fp32")["total"] == 4 * n
    assert memory.weights(config, "bf16")["total"] == 2 * n
    sizes = [memory.weights(config, form, 32)["total"] for form in ("bf16", "int8", "int4", "int2")]
    assert sizes == sorted(sizes, reverse=True)
    served = memory.serving(config, "int4", 4096, 2, "int8", 64)
    assert served["total"] == pytest.approx(sum(v for k, v in served.items() if k != "total"))
    trained = memory.training(config, 1024, 1, stage=3, devices=16)
    assert trained["total"] == pytest.approx(sum(v for k, v in trained.items() if k != "total"))


def test_four_bits_in_groups_of_32_are_four_and_a_half() -> None:
    """As in GGUF's Q4_0: 16 bytes of codes and 2 of scale for 32 weights."""
    config = config_of("Llama 3 8B")
    sized = memory.weights(config, "int4", 32)
    matrices = sum(part["count"] for part in memory.matrix_parts(config))
    assert 8 * (sized["matrices"] + sized["scales"]) / matrices == 4.5


def test_cache_of_the_decoder() -> None:
    """The cache that the decoder allocates is the cache that is counted; GPT-3's is 9 GiB at 2,048."""
    for config in (CLASSIC, MODERN):
        counted = memory.kv_cache(config.to_accounting(), config.context, 3, "fp32")["total"]
        assert footprint.cache_bytes(tiny.GPT(config), 3) == counted
    assert memory.kv_cache(config_of("GPT-3"), 2048, 1, "fp16")["total"] == 9 * 2**30
    small = memory.kv_cache(config_of("Llama 3 8B"), 2048, 1, "int8")
    assert small["scales"] == small["values"] / 128 * 2


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("recompute", [False, True])
def test_fewest_devices_fit_and_one_less_does_not(stage: int, recompute: bool) -> None:
    """The answer of `devices_to_train` is checked from both sides."""
    for name in ("GPT-2 XL", "Llama 3 8B", "Llama 3 70B"):
        for capacity in (24, 80, 180):
            config = config_of(name)
            how = ("adam", "mixed", recompute, False, stage)
            n = memory.devices_to_train(config, capacity, 2048, 1, *how)
            room = memory.usable_bytes(capacity)
            if n == 0:
                assert memory.training(config, 2048, 1, *how, 65536)["total"] > room
                continue
            assert memory.training(config, 2048, 1, *how, n)["total"] <= room
            assert n == 1 or memory.training(config, 2048, 1, *how, n - 1)["total"] > room


def test_serving_devices() -> None:
    """Whole cards, nine tenths of each."""
    assert memory.devices_to_serve(80 * 2**30 * 0.9, 80) == 1
    assert memory.devices_to_serve(80 * 2**30 * 0.9 + 1, 80) == 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: memory.weights(c, "tf32"), "stored as fp32"),
        (lambda c: memory.weights(c, "fp64"), "must be one of fp32"),
        (lambda c: memory.weights(c, "int4", -1), "share a scale"),
        (lambda c: memory.serving(c, "bf16", 0), "at least 1"),
        (lambda c: memory.training(c, 128, 1, "adamw"), "must be one of sgd"),
        (lambda c: memory.training(c, 128, 1, "adam", "fp8"), "must be one of fp32"),
        (lambda c: memory.training(c, 128, 1, stage=4), "stages 0, 1, 2 and 3"),
        (lambda c: memory.training(c, 128, 1, devices=0), "devices"),
        (lambda c: memory.training(c, 128, 0), "at least 1"),
        (lambda c: memory.usable_bytes(0), "capacity"),
    ],
)
def test_bad_questions_are_refused(call, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=said):
        call(config_of("GPT-2 Small"))


TORCH = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "e5m2": torch.float8_e5m2,
    "e4m3": torch.float8_e4m3fn,
}


@pytest.mark.parametrize("name", list(TORCH))
def test_floats_are_torchs(name: str) -> None:
    """Values and bits, over all sizes, ties and subnormals included."""
    rng = random.Random(name)
    values = [
        0.0,
        1.0,
        0.1,
        65504.0,
        65519.0,
        448.0,
        57344.0,
        2.5,
        3.5,
        1 + 2**-8,
        1 + 3 * 2**-8,
        2**-9,
        3 * 2**-10,
    ]
    values += [10 ** rng.uniform(-44, 38) for _ in range(500)] + [
        2.0 ** rng.uniform(-10, 9) for _ in range(500)
    ]
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32}[TORCH[name].itemsize]
    for value in values:
        for signed in (value, -value):
            there = torch.tensor(signed, dtype=torch.float64).to(TORCH[name])
            near = nf.nearest(signed, name)
            if near is None:
                assert abs(signed) > nf.largest(name)
                continue
            assert near == there.double().item(), signed
            pattern = int(there.view(integer).item()) % 2 ** (8 * TORCH[name].itemsize)
            if near != 0:
                assert nf.number(nf.float_bits(signed, name)) == pattern
            assert nf.float_value(nf.float_bits(signed, name), name) == near
    info = torch.finfo(TORCH[name])
    assert nf.largest(name) == info.max and nf.gap_at_one(name) == info.eps
    assert nf.smallest(name) == info.smallest_normal * info.eps


def test_too_large_is_infinity_or_nan() -> None:
    """fp16 has an infinity beyond 65,504; E4M3 has only NaN beyond 448."""
    assert nf.nearest(65520, "fp16") is None and nf.float_value(nf.float_bits(65520, "fp16"), "fp16") is None
    assert nf.float_bits(1e6, "fp16") == [0] + [1] * 5 + [0] * 10
    assert nf.float_bits(-1e6, "e4m3") == [1] * 8
    with pytest.raises(ValueError, match="must be one of fp32"):
        nf.nearest(1.0, "fp64")


@pytest.mark.parametrize("bits", [4, 8])
def test_integers_round_trip(bits: int) -> None:
    """Code, pattern and value belong together; the largest value is kept; one pattern is left over."""
    most = 2 ** (bits - 1) - 1
    assert nf.integer_code(0.7, 0.7, bits) == most and nf.integer_code(-5, 0.7, bits) == -most
    for code in range(-most, most + 1):
        value = nf.integer_value(nf.integer_bits(code, bits), 2.0)
        assert value is not None and nf.integer_code(value, 2.0, bits) == code
    assert nf.integer_value([1] + [0] * (bits - 1), 2.0) is None
    with pytest.raises(ValueError, match="above 0"):
        nf.integer_scale(0, bits)


@pytest.mark.parametrize("bits", range(2, 9))
def test_packing_is_exact_and_tight(bits: int) -> None:
    """What is packed comes back; the bytes are those of the bits."""
    generator = torch.Generator().manual_seed(bits)
    codes = torch.randint(-(2 ** (bits - 1)), 2 ** (bits - 1), (1003,), generator=generator)
    packed = quantize.pack_bits(codes, bits)
    assert packed.dtype == torch.uint8 and len(packed) == math.ceil(1003 * bits / 8)
    assert torch.equal(quantize.unpack_bits(packed, bits, 1003), codes.to(torch.int16))
    with pytest.raises(ValueError, match="bytes, got"):
        quantize.unpack_bits(packed, bits, 9)


@pytest.mark.parametrize("scheme", quantize.SCHEMES)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_rounding_error_is_half_a_step(bits: int, scheme: quantize.Scheme) -> None:
    """No weight moves by more than half a step of its own scale (and the scale's own rounding)."""
    weight = torch.randn(24, 40, generator=torch.Generator().manual_seed(1))
    weight[3] = 0
    q = quantize.quantize(weight, bits, scheme, group=16)
    steps = quantize._spread(q.scale.float(), q.shape, q.group)
    off = (q.dequantize() - weight).abs()
    assert bool((off <= 0.5 * steps + weight.abs() * 2**-10 + 1e-6).all())
    assert q.nbytes == math.ceil(weight.numel() * bits / 8) + 2 * q.scale.numel()
    assert q.scale.numel() == {"tensor": 1, "channel": 24, "group": 24 * 3}[scheme]


def test_finer_scales_are_closer() -> None:
    """On a matrix with one wild row, rows beat the tensor and groups beat rows."""
    weight = torch.randn(32, 64, generator=torch.Generator().manual_seed(2))
    weight[5, 7] *= 30
    errors = [
        (quantize.quantize(weight, 4, s, group=8).dequantize() - weight).norm() for s in quantize.SCHEMES
    ]  # type: ignore[arg-type]
    assert errors[0] > 2 * errors[1] > 2 * errors[2]


def test_model_bytes_are_the_accounting() -> None:
    """A packed model is as large as `memory.weights` says, for rows and for groups, in every width."""
    model = tiny.load("text")
    shape = model.config.to_accounting()
    for bits in (2, 3, 4, 8):
        for scheme, group in (("channel", 0), ("group", 32), ("group", 16)):
            _, total = quantize.quantize_model(model, bits, scheme, group=group or 32)  # type: ignore[arg-type]
            assert total == memory.weights(shape, f"int{bits}", group)["total"]


def test_bad_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="2 to 8"):
        quantize.quantize(torch.ones(2, 2), 9)
    with pytest.raises(ValueError, match="finite"):
        quantize.quantize(torch.tensor([[math.nan, 1.0]]), 4)
    with pytest.raises(ValueError, match="scheme"):
        quantize.quantize(torch.ones(2, 2), 4, "row")  # type: ignore[arg-type]
