"""The formulas: known values, limits, refusals, and the same numbers in JavaScript."""

import ast
import inspect
import json
import math
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import formulas as f
from course_lib.widgets import pyjs

sizes = st.floats(1e3, 1e14)
GADRE_LIKE = '{"E": 1.8, "a": 140.0, "b": 190.0, "eta": 0.12}'  # reads the same in both languages


def test_ratio_per_decade_at_kaplans_exponent() -> None:
    assert f.ratio_per_decade(0.076) == pytest.approx(0.8395, abs=5e-5)
    assert f.ratio_per_doubling(0.076) == pytest.approx(0.9487, abs=5e-5)


@given(sizes, st.floats(0.01, 1.0))
def test_power_law_falls_by_the_decade_ratio(x: float, exponent: float) -> None:
    ratio = f.power_law(10 * x, 1e13, exponent) / f.power_law(x, 1e13, exponent)
    assert ratio == pytest.approx(f.ratio_per_decade(exponent), rel=1e-9)
    assert f.factor_for_ratio(exponent, ratio) == pytest.approx(10, rel=1e-6)


def test_kaplan_values() -> None:
    assert f.kaplan_loss_n(1e8) == pytest.approx(2.83, abs=0.005)
    assert f.kaplan_loss_n(1.75e11) == pytest.approx(1.60, abs=0.005)
    # The joint law with unlimited data is the law in N alone.
    joint = f.KAPLAN_JOINT
    alone = f.power_law(1e9, joint["n_c"], joint["alpha_n"])
    assert f.kaplan_loss_nd(1e9, 1e30) == pytest.approx(alone, rel=1e-6)


@pytest.mark.parametrize(
    ("law", "ratio"), [(f.HOFFMANN_PRINTED, 93), (f.HOFFMANN_PRECISE, 59), (f.BESIROGLU, 18)], ids=str
)
def test_tokens_per_parameter_at_chinchillas_budget(law: dict[str, float], ratio: float) -> None:
    n, d = f.chinchilla_params(5.76e23, law), f.chinchilla_tokens(5.76e23, law)
    assert round(f.tokens_per_param(n, d)) == ratio


@given(st.floats(1e17, 1e27), st.floats(0.5, 0.999) | st.floats(1.001, 2.0))
def test_closed_form_is_the_minimum(flops: float, factor: float) -> None:
    n = f.chinchilla_params(flops, f.BESIROGLU)
    best = f.chinchilla_loss(n, flops / 6 / n, f.BESIROGLU)
    other = f.chinchilla_loss(n * factor, flops / 6 / (n * factor), f.BESIROGLU)
    assert best <= other


def test_gpt3_in_flops_and_years() -> None:
    flops = f.training_flops(174_604_259_328, 300e9)
    assert flops == pytest.approx(3.143e23, rel=1e-3)
    assert f.petaflop_days(flops) == pytest.approx(3638, abs=1)
    assert f.device_years(3.14e23, 24.6e12) == pytest.approx(404.5, abs=0.5)
    days = f.training_seconds(f.recompute_flops(174.6e9, 300e9), 1024, 312e12, 140 / 312) / f.SECONDS_PER_DAY
    assert days == pytest.approx(33.8, abs=0.1)


@given(st.floats(1e7, 1e13), st.floats(1.0, 100.0))
def test_repeats_are_worth_less_than_fresh_tokens(unique: float, epochs: float) -> None:
    worth = f.worth_of_repeats(unique, unique * epochs, f.MUENNIGHOFF_R_D)
    assert worth == pytest.approx(f.effective_tokens(unique, epochs), rel=1e-9)
    assert unique <= worth * (1 + 1e-12) and worth <= unique * epochs * (1 + 1e-12)


@given(st.floats(1e17, 1e27))
def test_matching_params_is_the_optimum_read_the_other_way(flops: float) -> None:
    n, d = f.chinchilla_params(flops, f.BESIROGLU), f.chinchilla_tokens(flops, f.BESIROGLU)
    assert f.matching_params(d, f.BESIROGLU) == pytest.approx(n, rel=1e-9)
    # With nothing repeated and no parameter too many, the data-constrained law is Chinchilla's.
    law = f.BESIROGLU | {"R_D": 15.4, "R_N": 5.3}
    same = f.chinchilla_loss(n / 2, d, law)
    assert f.data_constrained_loss(n / 2, d, d, law) == pytest.approx(same, rel=1e-12)


@given(st.floats(1e17, 1e27), st.floats(1.0, 1000.0))
def test_overtraining_law_is_chinchillas_with_equal_exponents(flops: float, ratio: float) -> None:
    eta, n = 0.12, math.sqrt(flops / 6 / ratio)
    law = {"E": 1.8, "A": 60.0, "B": 80.0, "alpha": 2 * eta, "beta": 2 * eta}
    same = {"E": 1.8, "a": 60.0 * 6**eta, "b": 80.0 * 6**eta, "eta": eta}
    split = f.chinchilla_loss(n, n * ratio, law)
    assert f.overtraining_loss(flops, ratio, same) == pytest.approx(split, rel=1e-12)


@given(st.floats(1e15, 1e27), st.integers(1, 20000), st.floats(0.05, 1.0))
def test_mfu_inverts_training_time(flops: float, devices: int, utilization: float) -> None:
    seconds = f.training_seconds(flops, devices, 989e12, utilization)
    assert f.mfu(flops, seconds, devices, 989e12) == pytest.approx(utilization, rel=1e-9)
    assert f.device_hours(flops, 989e12, utilization) == pytest.approx(seconds * devices / 3600, rel=1e-9)


@given(st.integers(1, 5000))
def test_causal_keys_is_the_mean(context: int) -> None:
    assert f.causal_keys(context) == pytest.approx(sum(range(1, context + 1)) / context)


@given(st.integers(1, 40), st.data())
def test_pass_at_k_counts_subsets(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert f.pass_at_k(n, c, k) == pytest.approx(1 - math.comb(n - c, k) / math.comb(n, k), abs=1e-12)


def test_effective_tokens() -> None:
    spent = {2: 1.97, 4: 3.73, 8: 6.62, 16: 10.6, 44: 15.5}
    for epochs, worth in spent.items():
        assert f.effective_tokens(1.0, epochs) == pytest.approx(worth, abs=0.06)


def test_memory() -> None:
    assert f.gib(f.kv_bytes_per_token(96, 96, 128, 2) * 2048) == 9.0
    assert [f.zero_bytes_per_param(stage, 8) for stage in range(4)] == [16, 5.5, 3.75, 2]
    assert f.bubble_share(4, 12) == pytest.approx(3 / 15)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: f.training_flops(-1, 1e9), "params"),
        (lambda: f.training_flops(float("nan"), 1e9), "params"),
        (lambda: f.training_flops(1e9, float("inf")), "tokens"),
        (lambda: f.training_seconds(1e20, 8, 1e15, 1.5), "utilization"),
        (lambda: f.energy_kwh(1, 400, 0.9), "PUE"),
        (lambda: f.ffn_params(10, 40, 4), "matrices"),
        (lambda: f.pass_at_k(5, 6, 1), "pass@k"),
        (lambda: f.zero_bytes_per_param(4, 8), "ZeRO"),
        (lambda: f.effective_tokens(1e9, 0.5), "epochs"),
        (lambda: f.exact_match(1.2, 3), "probability"),
        (lambda: f.slope_between(1, 2, 1, 3), "differ"),
    ],
)
def test_bad_input_is_named(call: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()  # type: ignore[operator]


# --- The same file in JavaScript ---


def plain_source(module: ModuleType) -> str:
    """Source without imports and bare calls, as the pages translate it."""
    tree = ast.parse(pyjs.source_of(module))
    tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)]
    return ast.unparse(tree)


def run_in_node(source: str, expression: str) -> object:
    """Translate `source` and evaluate a JavaScript expression after it."""
    pscript = pytest.importorskip("pscript")
    if shutil.which("node") is None:
        pytest.skip("needs node")
    names = ("exp", "log", "sqrt", "ceil", "floor", "cos", "PI")
    prelude = "const math = {" + ", ".join(f"{name.lower()}: Math.{name}" for name in names) + "};\n"
    script = pscript.get_full_std_lib() + prelude + pscript.py2js(source)
    script += f"\nconsole.log(JSON.stringify({expression}));"
    done = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def cases() -> list[tuple[str, list[float]]]:
    """Every public formula with arguments that are valid for it, three settings each."""
    special: dict[str, list[list[object]]] = {
        "positive": [["x", 2.5]],
        "not_negative": [["x", 0]],
        "fraction": [["x", 1]],
        "probability": [["x", 0.25]],
        "pass_at_k": [[10, 3, 2], [50, 1, 10], [7, 7, 3]],
        "samples_needed": [[0.1, 0.5], [0.03, 0.95]],
        "verified_share": [[0.1, 0.9, 0.1], [0.5, 1, 0]],
        "best_of_n": [[0.1, 1, 0.3, 0.0, 2.0], [0.02, 300, 0.1, 0.01, 2.0], [0.9, 5, 0.05, 0.5, 3.0]],
        "ffn_params": [[64, 256, 2], [64, 256, 3]],
        "zero_bytes_per_param": [[stage, 8] for stage in range(4)],
        "exact_match": [[0.9, 5], [0.0, 2]],
        "length_shift": [[30, 0.35], [1, 0.5]],
        "rise_factor": [[[1, 10, 100], [0, 0.5, 1]], [[1, 2, 4, 8], [3, 3.1, 1, 0]]],
        "coverage": [[0.1, 16], [1.0, 3]],
        "factor_for_ratio": [[0.076, 0.5]],
        "doubling_months": [[4.1]],
        "energy_kwh": [[100, 400, 1.1]],
        "achievable": [[8, 989e12, 0.4]],
        "effective_tokens": [[1e9, 4]],
        "touched_share": [[8, 2, 1], [256, 8, 32], [8, 8, 3]],
        "balance_loss": [[[0.5, 0.25, 0.25], [0.4, 0.3, 0.3]], [[1], [1]]],
        "experts_touched": [[256, 8, 1], [8, 2, 40]],
        "joules_per_token": [[700, 3000, 1.1]],
        "training_seconds": [[1e21, 8, 989e12, 0.4]],
        "device_hours": [[1e21, 989e12, 0.4]],
        "perplexity": [[2.5]],
        "slope_between": [[1e6, 4.0, 1e9, 2.5]],
        "ratio_per_factor": [[0.076, 10]],
        "ratio_per_decade": [[0.3]],
        "ratio_per_doubling": [[0.3]],
        "power_law": [[1e9, 8.8e13, 0.076], [1e9, 8.8e13, 0.34, 1.69]],
        "kaplan_joint_loss": [[1e9, 1e10, "KAPLAN_JOINT"], [1e6, 1e9, "KAPLAN_JOINT"]],
        "epoch_worth": [[1, 15.4], [4, 15.4]],
        "edited_similarity": [[0.05, 3], [0, 5]],
        "lsh_probability": [[0.5, 5, 25], [0, 4, 32]],
        "worth_of_repeats": [[1e9, 4e9, 15.4], [1e9, 1e8, 15.4]],
        "data_constrained_loss": [[1e9, 1e9, 4e9, "MUENNIGHOFF"], [2e7, 1e10, 3e9, "MUENNIGHOFF"]],
        "rope_angle": [[0, 64, 1e4], [31, 64, 5e5]],
        "rope_wavelength": [[0, 64, 1e4], [31, 64, 5e5]],
        "interval_score": [[1.0, 1.2, 0.95, 1.3], [1.0, 1.2, 0.5, 1.1]],
        "total_params": [[1e6, 1e4, 0.5], [1e9, 47491, 1 / 3]],
        "blocks_flops": [[1e6, 1e4, 0.5, "HOFFMANN_PRINTED"], [1e9, 47491, 1 / 3, "BESIROGLU"]],
        "blocks_exponent": [[1e6, 1e4, 0.5, "HOFFMANN_PRINTED"], [1e9, 47491, 1 / 3, "BESIROGLU"]],
        "blocks_optimum": [[1e15, 1e4, 0.5, "HOFFMANN_PRINTED"], [1e21, 47491, 1 / 3, "BESIROGLU"]],
        "overtraining_loss": [[1e20, 20, GADRE_LIKE], [1e18, 640, GADRE_LIKE]],
        "tokens_for_loss": [[7e9, 2.2, "BESIROGLU"], [7e9, 2.2, "HOFFMANN_PRINTED"]],
        "inference_aware_params": [
            [2.1, 2e12, "BESIROGLU"], [2.1, 0, "BESIROGLU"], [2.1, 1e20, "HOFFMANN_PRINTED"],
        ],
        "read_off": [[[1e9, 1e10, 1e11], [2.5, 2.0, 1.7], 1.9], [[1, 10], [4, 2], 4]],
        "same_loss_tokens": [[0.5, "BESIROGLU"], [3, "HOFFMANN_PRINTED"]],
        "same_loss_flops": [[0.5, "BESIROGLU"], [3, "HOFFMANN_PRINTED"]],
        "break_even_tokens": [[7e9, 9e22, 13e9, 8e22], [7e9, 7e22, 13e9, 8e22]],
    }
    result = []
    for name, function in inspect.getmembers(f, inspect.isfunction):
        names = list(inspect.signature(function).parameters)
        generic = [[scale * (3 + i) for i in range(len(names))] for scale in (1, 7, 40)]
        if names[-1] == "law":
            laws = ("HOFFMANN_PRINTED", "BESIROGLU")
            generic = [[*row[:-1], law] for row in generic for law in laws]  # type: ignore[list-item]
        result += [(name, row) for row in special.get(name, generic)]
    return result  # type: ignore[return-value]


def value_of(call: str) -> object:
    """What Python gives for a call of a formula, written out."""
    try:
        return eval(call, vars(f))
    except (ValueError, TypeError) as error:
        name = call.split("(")[0]
        pytest.fail(f"{call} is refused: {error}. Give {name!r} arguments that suit it in cases(), `special`")


def test_every_module_is_gathered_and_no_name_stands_twice() -> None:
    """Pages get the modules as one, so a second function of one name would replace the first."""
    assert f.__file__ is not None
    there = {path.stem for path in Path(f.__file__).parent.glob("*.py")} - {"__init__"}
    gathered = [n.module for n in ast.parse(inspect.getsource(f)).body if isinstance(n, ast.ImportFrom)]
    assert {str(name).removeprefix("course_lib.formulas.") for name in gathered} == there
    names = [n.name for n in ast.parse(pyjs.source_of(f)).body if isinstance(n, ast.FunctionDef)]
    assert len(names) > 100 and len(set(names)) == len(names)


def test_javascript_gives_the_same_numbers() -> None:
    calls = cases()
    assert len({name for name, _ in calls}) > 50
    laws = {"HOFFMANN_PRINTED", "BESIROGLU", "KAPLAN_JOINT", "MUENNIGHOFF", GADRE_LIKE}
    texts = [
        f"{name}({', '.join(a if isinstance(a, str) and a in laws else json.dumps(a) for a in args)})"  # type: ignore[operator]
        for name, args in calls
    ]
    expected = [value_of(text) for text in texts]
    found = run_in_node(plain_source(f), "[" + ", ".join(texts) + "]")
    assert found == pytest.approx(expected, rel=1e-12)


def test_javascript_refuses_too() -> None:
    expression = "(() => { try { training_flops(-1, 1); return 'no'; } catch (e) { return e.message; } })()"
    assert "params must be a positive" in str(run_in_node(plain_source(f), expression))


@pytest.mark.parametrize("law", [f.HOFFMANN_PRINTED, f.HOFFMANN_PRECISE, f.BESIROGLU], ids=str)
def test_the_optimal_path_read_backwards(law: dict[str, float]) -> None:
    """The loss of the best split leads back to its budget; size keeps its share of the excess all along."""
    for flops in (1e18, 5.76e23, 1e27):
        n, d = f.chinchilla_params(flops, law), f.chinchilla_tokens(flops, law)
        loss = f.chinchilla_loss(n, d, law)
        assert f.chinchilla_flops_for_loss(loss, law) == pytest.approx(flops, rel=1e-9)
        share = law["A"] / n ** law["alpha"] / (loss - law["E"])
        assert share == pytest.approx(f.chinchilla_size_share(law), rel=1e-12)
    with pytest.raises(ValueError, match="above the floor"):
        f.chinchilla_flops_for_loss(law["E"], law)
