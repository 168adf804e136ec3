"""Counts against torch modules assembled here, against published totals, and in JavaScript."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formulas import plain_source, run_in_node

from course_lib import accounting, catalog
from course_lib.accounting import ModelConfig, active_params, flops, kv_bytes_per_token, params
from course_lib.catalog import config_of

torch = pytest.importorskip("torch")
nn = torch.nn

PUBLISHED = {
    "nano-gpt": 85_584,
    "GPT-1": 116_534_784,
    "GPT-2 Small": 124_439_808,
    "GPT-2 Medium": 354_823_168,
    "GPT-2 Large": 774_030_080,
    "GPT-2 XL": 1_557_611_200,
    "GPT-3": 174_604_259_328,
    "PaLM": 540_354_281_472 + (118 + 1) * 18_432,
    "BLOOM": 176_247_271_424,
    "LLaMA 7B": 6_738_415_616,
    "LLaMA 13B": 13_015_864_320,
    "LLaMA 33B": 32_528_943_616,
    "LLaMA 65B": 65_285_660_672,
    "Llama 2 70B": 68_976_648_192,
    "Llama 3 8B": 8_030_261_248,
    "Llama 3.1 405B": 405_853_388_800,
    "Llama 3.2 3B": 3_212_749_824,
    "Mistral 7B": 7_241_732_096,
    "Mixtral": 46_702_792_704,
    "DeepSeek-V3": 671_026_404_352,
    "Phi-3 Mini": 3_821_079_552,
    "Gemma 2 9B": 9_241_705_984,
    "Qwen2.5 7B": 7_615_616_512,
    "Qwen3 8B": 8_190_735_360,
}


# --- An independent reference: modules built from torch's own layers, on the meta device ---


def linear(n_in: int, n_out: int, bias: bool) -> "nn.Module":
    return nn.Linear(n_in, n_out, bias=bias)


def norm(c: ModelConfig, width: int) -> "nn.Module":
    if c.norm == "none":
        return nn.Identity()
    return nn.LayerNorm(width, bias=c.norm_bias) if c.norm == "layernorm" else nn.RMSNorm(width)


def ordinary_attention(c: ModelConfig) -> list:
    wide, narrow = c.n_heads * c.d_head, c.n_kv_heads * c.d_head
    parts = [linear(c.d_model, width, c.qkv_bias) for width in (wide, narrow, narrow)]
    parts.append(linear(wide, c.d_model, c.out_bias))
    if c.qk_norm == "head":
        parts += [norm(c, c.d_head), norm(c, c.d_head)]
    if c.qk_norm == "full":
        parts += [norm(c, wide), norm(c, narrow)]
    if c.positions == "relative":
        parts += [linear(c.d_model, wide, False), nn.Embedding(2, wide)]
    return parts


def latent_attention(c: ModelConfig) -> list:
    query = c.n_heads * (c.qk_nope_dim + c.qk_rope_dim)
    if c.q_lora_rank:
        parts = [
            linear(c.d_model, c.q_lora_rank, False),
            norm(c, c.q_lora_rank),
            linear(c.q_lora_rank, query, False),
        ]
    else:
        parts = [linear(c.d_model, query, False)]
    parts += [linear(c.d_model, c.kv_lora_rank + c.qk_rope_dim, False), norm(c, c.kv_lora_rank)]
    parts.append(linear(c.kv_lora_rank, c.n_heads * (c.qk_nope_dim + c.v_head_dim), False))
    return [*parts, linear(c.n_heads * c.v_head_dim, c.d_model, c.out_bias)]


def feed_forward(c: ModelConfig, width: int) -> "nn.Module":
    ins = [linear(c.d_model, width, c.ffn_bias) for _ in range(2 if c.ffn == "gated" else 1)]
    return nn.ModuleList([*ins, linear(width, c.d_model, c.ffn_bias)])


def sparse_layers(c: ModelConfig) -> list[int]:
    if not c.n_experts:
        return []
    return [i for i in range(c.n_dense_layers, c.n_layers) if (i - c.n_dense_layers + 1) % c.moe_every == 0]


def mixture(c: ModelConfig, experts: int) -> list:
    parts = [linear(c.d_model, c.n_experts, c.router_bias)]
    parts += [feed_forward(c, c.d_expert) for _ in range(experts)]
    parts += [feed_forward(c, c.d_shared) for _ in range(c.n_shared_experts)]
    return [*parts, linear(c.d_model, 1, False)] if c.shared_gate else parts


def reference(c: ModelConfig, experts: int) -> "nn.Module":
    """A model of this shape with `experts` routed experts in each mixture layer, without memory."""
    with torch.device("meta"):
        modules = [nn.Embedding(c.vocab, c.d_model)]
        if c.positions == "learned":
            modules.append(nn.Embedding(c.n_ctx, c.d_model))
        if c.embedding_norm:
            modules.append(norm(c, c.d_model))
        sparse = sparse_layers(c)
        for layer in range(c.n_layers):
            modules += latent_attention(c) if c.kv_lora_rank else ordinary_attention(c)
            modules += [norm(c, c.d_model) for _ in range(c.norms_per_block)]
            modules += mixture(c, experts) if layer in sparse else [feed_forward(c, c.d_ff)]
        if c.final_norm:
            modules.append(norm(c, c.d_model))
        head = nn.Linear(c.d_model, c.vocab, bias=c.head_bias)
        if c.tied_head:
            head.weight = modules[0].weight
        return nn.ModuleList([*modules, head])


def held(module: "nn.Module") -> int:
    return sum(p.numel() for p in module.parameters())


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    """Any shape the library says it can count."""
    size, flag = st.integers(1, 40), st.booleans()
    heads = draw(st.sampled_from([1, 2, 4, 6]))
    fields = {
        "n_layers": draw(st.integers(1, 6)),
        "d_model": draw(size) * heads,
        "n_heads": heads,
        "vocab": draw(size),
        "n_ctx": draw(size),
        "ffn": draw(st.sampled_from(["plain", "gated"])),
        "tied_head": draw(flag),
        "norm": draw(st.sampled_from(["layernorm", "rmsnorm", "none"])),
        "norms_per_block": draw(st.integers(0, 4)),
        "final_norm": draw(flag),
        "embedding_norm": draw(flag),
        "out_bias": draw(flag),
        "ffn_bias": draw(flag),
        "head_bias": draw(flag),
    }
    if fields["norm"] == "layernorm":
        fields["norm_bias"] = draw(flag)
    if draw(flag):
        fields["d_ff"] = draw(size)
    if draw(flag):
        fields |= {
            "kv_lora_rank": draw(size),
            "q_lora_rank": draw(st.integers(0, 9)),
            "qk_nope_dim": draw(size),
            "qk_rope_dim": draw(size),
            "v_head_dim": draw(size),
            "positions": "rope",
        }
    else:
        fields |= {
            "n_kv_heads": draw(st.sampled_from([k for k in (1, 2, 3, 6) if heads % k == 0])),
            "positions": draw(st.sampled_from(["learned", "relative", "rope", "none"])),
            "qk_norm": draw(st.sampled_from(["none", "head", "full"])),
            "qkv_bias": draw(flag),
        }
        if draw(flag):
            fields["d_head"] = draw(size)
    if draw(flag):
        experts = draw(st.integers(1, 5))
        first = draw(st.integers(0, fields["n_layers"] - 1))
        fields |= {
            "n_experts": experts,
            "top_k": draw(st.integers(1, experts)),
            "d_expert": draw(size),
            "n_dense_layers": first,
            "moe_every": draw(st.integers(1, fields["n_layers"] - first)),
            "router_bias": draw(flag),
        }
        if draw(flag):
            fields |= {
                "n_shared_experts": draw(st.integers(1, 2)),
                "d_shared": draw(size),
                "shared_gate": draw(flag),
            }
    return ModelConfig(**fields)


@settings(max_examples=150, deadline=None)
@given(configs())
def test_params_equal_torch(c: ModelConfig) -> None:
    assert params(c)["total"] == held(reference(c, c.n_experts))
    assert active_params(c)["total"] == held(reference(c, c.top_k))


@settings(max_examples=100, deadline=None)
@given(configs(), st.integers(1, 64), st.booleans())
def test_flops_equal_the_products(c: ModelConfig, context: int, causal: bool) -> None:
    """Two per weight of every nn.Linear a token passes, and of every score and weighted value."""
    weights = sum(m.weight.numel() for m in reference(c, c.top_k).modules() if isinstance(m, nn.Linear))
    keys = sum(range(1, context + 1)) / context if causal else context
    qk = (c.qk_nope_dim + c.qk_rope_dim) if c.kv_lora_rank else c.d_head
    values = c.v_head_dim if c.kv_lora_rank else c.d_head
    scores = qk * (2 if c.positions == "relative" else 1)
    expected = 2 * weights + 2 * c.n_layers * c.n_heads * keys * (scores + values)
    assert flops(c, context, causal)["total"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_published_totals(name: str, count: int) -> None:
    assert params(config_of(name))["total"] == count


def test_active_totals() -> None:
    assert active_params(config_of("Mixtral"))["total"] == 12_879_925_248
    deepseek = active_params(config_of("DeepSeek-V3"))
    assert deepseek["total"] - deepseek["embedding/token"] == 36_625_603_584
    biased = dataclasses.replace(config_of("DeepSeek-V3"), router_bias=True)
    assert params(biased)["total"] == 671_026_404_352 + 14_848


def test_llama3_8b_by_part() -> None:
    parts = params(config_of("Llama 3 8B"))
    assert parts["embedding/token"] == parts["head"] == 525_336_576
    assert [parts[f"attention/{name}"] // 32 for name in "qkvo"] == [
        16_777_216,
        4_194_304,
        4_194_304,
        16_777_216,
    ]
    assert parts["ffn/up"] // 32 == 58_720_256
    assert parts["norm"] == 65 * 4096
    assert sum(accounting.groups(parts).values()) == parts["total"]


def test_cache_bytes() -> None:
    assert kv_bytes_per_token(config_of("Llama 3 8B"), 2) == 131_072
    assert kv_bytes_per_token(config_of("GPT-3"), 2) * 2048 == 9_663_676_416
    assert kv_bytes_per_token(config_of("DeepSeek-V3"), 2) == 61 * (512 + 64) * 2
    gemma = config_of("Gemma 2 9B")
    per_layer = kv_bytes_per_token(gemma, 2) / 42
    assert accounting.kv_cache_bytes(gemma, 8192, 2) == per_layer * 21 * (8192 + 4096)


@given(st.integers(1, 300), st.integers(0, 300))
def test_mean_keys_by_brute_force(context: int, window: int) -> None:
    seen = [min(t, window) if window else t for t in range(1, context + 1)]
    assert accounting.mean_keys(context, window, True) == pytest.approx(sum(seen) / context)


def test_training_is_three_forwards() -> None:
    mixtral = config_of("Mixtral")
    forward, training = flops(mixtral, 4096), accounting.training_flops(mixtral, 4096)
    assert all(training[key] == 3 * forward[key] for key in forward)


BASE = {"n_layers": 2, "d_model": 64, "n_heads": 4, "vocab": 100}
MOE = BASE | {"n_experts": 8, "top_k": 2}
MLA = BASE | {"kv_lora_rank": 16, "qk_nope_dim": 8, "qk_rope_dim": 4, "v_head_dim": 8, "positions": "rope"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (BASE | {"n_layers": 0}, "n_layers"),
        (BASE | {"d_model": -64}, "d_model"),
        (BASE | {"d_model": 64.0}, "whole number"),
        (BASE | {"vocab": float("nan")}, "vocab"),
        (BASE | {"n_heads": True}, "n_heads"),
        (BASE | {"d_model": 66}, "divide"),
        (BASE | {"n_kv_heads": 3}, "multiple"),
        (BASE | {"n_kv_heads": 0}, "n_kv_heads"),
        (BASE | {"ffn": "swiglu"}, "plain, gated"),
        (BASE | {"norm": "batchnorm"}, "layernorm"),
        (BASE | {"qkv_bias": 1}, "True or False"),
        (BASE | {"top_k": 2}, "n_experts"),
        (BASE | {"window_layers": 2}, "window"),
        (BASE | {"window": 8, "window_layers": 3}, "window_layers"),
        (BASE | {"qk_rope_dim": 4}, "kv_lora_rank"),
        (MOE | {"top_k": 9}, "top_k"),
        (MOE | {"top_k": 0}, "top_k"),
        (MOE | {"n_dense_layers": 2}, "no layer is left"),
        (MOE | {"shared_gate": True}, "shared"),
        (MLA | {"v_head_dim": 0}, "v_head_dim"),
        (MLA | {"n_kv_heads": 2}, "n_kv_heads"),
        (MLA | {"qkv_bias": True}, "qkv_bias"),
    ],
)
def test_bad_config_is_explained(fields: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ModelConfig(**fields)


def test_bad_arguments_are_explained() -> None:
    c = ModelConfig(**BASE)
    for call in (lambda: flops(c, 0), lambda: flops(c, float("nan")), lambda: kv_bytes_per_token(c, 0)):
        with pytest.raises(ValueError, match="must be"):
            call()


def test_javascript_counts_the_same() -> None:
    shaped = [model.config for model in catalog.models() if model.config is not None]
    records = [dataclasses.asdict(c) for c in shaped]
    call = "[params(c), active_params(c), groups(params(c)), flops(c, 5000, true), "
    call += "training_flops(c, 300, false), kv_bytes_per_token(c, 2), kv_cache_bytes(c, 9000, 1, 4)]"
    found = run_in_node(plain_source(accounting), f"{json.dumps(records)}.map(c => {call})")
    for c, values in zip(shaped, found, strict=True):  # type: ignore[arg-type]
        expected = [
            params(c),
            active_params(c),
            accounting.groups(params(c)),
            flops(c, 5000, True),
            accounting.training_flops(c, 300, False),
            kv_bytes_per_token(c, 2),
            accounting.kv_cache_bytes(c, 9000, 1, 4),
        ]
        assert values == expected
