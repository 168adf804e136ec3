"""The catalog: rows are complete and consistent, look-ups forgive, unknown names get near ones."""

import pytest

from course_lib import accounting, catalog
from course_lib.catalog import abilities, scores


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt2 xl", "GPT-2 XL"),
        ("GPT_3", "GPT-3 175B"),
        ("llama-2-70b", "Llama 2 70B"),
        ("Deepseek v3", "DeepSeek-V3"),
        ("mixtral", "Mixtral 8x7B"),
        ("llama 3 405b", "Llama 3.1 405B"),
        ("qwen2.5-7b", "Qwen2.5 7B"),
    ],
)
def test_lookup_forgives(asked: str, found: str) -> None:
    assert catalog.model(asked).name == found


def test_gpu_and_run_lookup() -> None:
    assert catalog.gpu("h100").name == "H100 SXM"
    assert catalog.gpu("rtx4090").memory_gib == 24
    assert catalog.run("llama-65b").device_hours == 1_022_362


@pytest.mark.parametrize(
    ("look", "name", "near"),
    [
        (catalog.model, "gpt2 xxl", "GPT-2 XL"),
        (catalog.model, "lama 2 7b", "Llama 2 7B"),
        (catalog.gpu, "H101", "H100 SXM"),
        (catalog.run, "palm 541", "PaLM 540B"),
        (catalog.model, "", "name is expected"),
        (catalog.gpu, 7, "name is expected"),
    ],
)
def test_unknown_names_get_near_ones(look: object, name: object, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        look(name)  # type: ignore[operator]


def test_no_name_is_claimed_twice() -> None:
    for rows in (catalog.models(), catalog.gpus()):
        names = [
            "".join(ch for ch in name.lower() if ch.isalnum())
            for row in rows
            for name in (row.name, *row.aliases)
        ]
        assert len(names) == len(set(names))


def test_every_row_has_a_source() -> None:
    for row in (*catalog.models(), *catalog.gpus(), *catalog.runs()):
        assert len(row.source) > 8, row.name


def test_counts_round_to_what_was_published() -> None:
    for model in catalog.models():
        if model.config is None or model.params_published is None:
            continue
        count = accounting.params(model.config)["total"]
        assert count == pytest.approx(model.params_published, rel=0.04), model.name
        if model.active_published:
            assert accounting.active_params(model.config)["total"] == pytest.approx(
                model.active_published, rel=0.03
            )


def test_undisclosed_models_carry_no_figures() -> None:
    for model in catalog.models("no"):
        assert (model.params, model.tokens, model.config, model.training_flops) == (None, None, None, None)
    assert {model.name for model in catalog.models("leak")} == {"GPT-4"}
    assert "GPT-4" not in {model.name for model in catalog.models("public")}
    with pytest.raises(ValueError, match="disclosed"):
        catalog.models("secret")


def test_models_are_in_order_of_release() -> None:
    years = [model.year for model in catalog.models()]
    assert years == sorted(years)
    assert 2018 < years[0] < 2019 and years[-1] > 2025


def test_training_flops_use_active_parameters() -> None:
    model = catalog.model("DeepSeek-V3")
    assert model.training_flops == pytest.approx(6 * 37_552_282_624 * 14.8e12)


def test_peaks_are_dense_and_ordered() -> None:
    assert catalog.gpu("h100").peak("bf16") == 989e12
    assert catalog.gpu("v100").peak("fp16") == 125e12
    for gpu in catalog.gpus():
        peaks = [
            value for value in (gpu.fp32_tflops, gpu.fp16_tflops, gpu.fp8_tflops, gpu.fp4_tflops) if value
        ]
        assert peaks == sorted(peaks), gpu.name
    with pytest.raises(ValueError, match="fp32, fp16"):
        catalog.gpu("v100").peak("bf16")
    with pytest.raises(ValueError, match="number format"):
        catalog.gpu("v100").peak("int8")


def test_runs_name_known_models_and_add_up() -> None:
    for run in catalog.runs():
        model = catalog.model(run.model)
        assert run.tokens == model.tokens, run.name
        if run.flops_published is not None and model.training_flops is not None:
            assert run.flops_published == pytest.approx(model.training_flops, rel=0.03)
        if run.energy_mwh is not None and run.device_hours and run.watts and run.pue:
            assert run.device_hours * run.watts * run.pue / 1e9 == pytest.approx(
                run.energy_mwh / 1e3, rel=0.01
            )
        if run.days is not None and run.n_devices and run.device_hours:
            assert run.device_hours == pytest.approx(run.n_devices * run.days * 24)


def test_a_score_that_stands_in_two_tables_is_one_score() -> None:
    """What `abilities` tells of a model of the catalog is what `scores` tells of it."""
    known = {(row.model, row.tuned, row.benchmark): row.score for row in scores.rows()}
    shared = 0
    for row in abilities.abilities("score"):
        key = (row.model.removesuffix(" Instruct"), "instruct", row.ability.split(",")[0])
        if row.model.endswith(" Instruct") and key in known:
            assert row.score == known[key], row
            shared += 1
    assert shared >= 3
