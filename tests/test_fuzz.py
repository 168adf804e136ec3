"""Whatever a reader passes: a value, or a ValueError or TypeError in our words. Never a crash from inside.

The table is made from the signatures of the public functions: each argument is drawn from what its name or
its annotation asks for, and now and then from what it does not (None, text, lists, NaN, infinities, zero,
negatives, numbers too large for a float). Refusals must be raised by a `raise` of the library, and finite
input must not give NaN or infinity. Deterministic: the same calls in every run.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import linecache
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from course_lib import formulas, outlook, parallelism, planner, study, tiny
from course_lib.catalog import gpu, model
from course_lib.modelconfig import ModelConfig
from course_lib.planner import ASK
from course_lib.quizzes.marking import mark, parse_number
from course_lib.tiny import chain, moe, tasks
from course_lib.tiny.corpus import Passes

EXAMPLES = 40
nan, inf = math.nan, math.inf

NUMBERS = (0, 1, 2, 0.5, 0.1, 0.9, 3.0, 8, 20, 64, 1.9, 4096, 1e6, 7e9, 1e12, 6e23)
HARSH = (-1, -0.5, nan, inf, -inf, 0.0, 5e-324, 1e-300, 1e300, 1.7e308, -1e308, 10**400, 2.0**53)
ODD = (None, "x", "", [], {}, [1.0], (), object, True, b"7", 1j)
SMALL = (0, 1, 2, 3, 4, 8, 16)  # what sizes a loop or an array
LAWS = (formulas.BESIROGLU, formulas.HOFFMANN_PRINTED, formulas.MUENNIGHOFF, formulas.KAPLAN_JOINT,
        {"E": 1.8, "a": 140.0, "b": 190.0, "eta": 0.12})  # fmt: skip
BAD_LAWS = ({}, None, "law", 3, {"E": nan}, dict.fromkeys(formulas.MUENNIGHOFF, 0.0),
            dict.fromkeys(formulas.MUENNIGHOFF, -1.0), dict.fromkeys(formulas.MUENNIGHOFF, 1e200),
            dict.fromkeys(formulas.BESIROGLU, "1"))  # fmt: skip
DENSE = ModelConfig(n_layers=4, d_model=64, n_heads=4, vocab=1000, n_ctx=128)
CONFIGS = (DENSE, model("llama 3 8b").config, model("mixtral 8x7b").config, model("deepseek-v3").config)
MACHINE = parallelism.machine("H100")
GPU = {**MACHINE, "watts": 700.0}
FORMATS = ("bf16", "fp32", "fp8", "int8", "int4", "fp16", "fp8_e4m3", "e4m3", "e5m2", "nf4")
LISTS = ([], [1.0, 2.0, 4.0], [0.5, 0.3, 0.2], [3, 2, 1], [1], [0, 0], [1, 0, 1, 0, 1, 1, 0, 1] * 2)
BAD_LISTS = (None, "abc", 3, [None], [nan, 1.0], ["a", "b"], [[]], [1e308, 1e308], [-1.0, -2.0, -3.0], {})


def mix(good: Any, bad: Any = (), *, odd: bool = True) -> st.SearchStrategy[Any]:
    """Mostly what is asked for, now and then what is not."""
    kind = st.sampled_from(tuple(good))
    wrong = st.sampled_from((*bad, *(ODD if odd else ())))
    return st.integers(0, 5).flatmap(lambda n: wrong if n == 0 else kind)


number = mix(NUMBERS, HARSH)
count = mix(SMALL, (-1, 1.5, nan, inf, -inf, None))  # counts that size a loop stay small here
words = mix(("", "x", "total", "bf16", "H100", "Llama 3 8B", "GPT-3"), (3, nan))
law = mix(LAWS, BAD_LAWS, odd=False)
config = mix(CONFIGS, (None, "x", {}, 3))
lists = mix(LISTS, BAD_LISTS, odd=False)
ask = st.builds(
    lambda key, value, whole: value if whole else {**ASK, key: value},
    st.sampled_from(tuple(ASK)), mix((*NUMBERS, "dense", "moe", "loss", "flops", "printed"), HARSH),
    st.integers(0, 9).map(lambda n: n == 0),
)  # fmt: skip
machines = mix((MACHINE, GPU), (None, {}, "H100", dict.fromkeys(GPU, 0.0), {**GPU, "peak": nan}), odd=False)
LAYOUT = parallelism.layout(2, 2, 2)
layouts = mix((LAYOUT, parallelism.layout(1, 1, 8), parallelism.layout(1, 4, 2, chunks=2)),
              (None, {}, {**LAYOUT, "tp": 0}, {**LAYOUT, "pp": nan}), odd=False)  # fmt: skip
SHAPES = tuple(parallelism.shape(c, 4096) for c in CONFIGS if c is not None)
PLANNED = planner.core(ASK, GPU)
records = mix(([], [{"kind": "F", "micro": 0, "chunk": 0, "start": 0.0, "end": 1.0}], [{}]),
              (None, 3, "x", [None]), odd=False)  # fmt: skip

BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "law": law, "cfg": config, "config": config, "ask": ask, "machine": machines, "m": machines,
    "lay": layouts, "s": mix(SHAPES, (None, {}, "x"), odd=False), "lists": lists,
    "number_format": mix(FORMATS, (3,)), "kv_format": mix(FORMATS, (3,)), "value": number,
    "device": mix(("H100", "a100", "V100", gpu("b200")), (3, nan)),
    "gpu": mix(("H100", "a100", "V100"), (3,)),
    "schedule": mix(("gpipe", "1f1b", "interleaved"), (3,)), "optimizer": mix(("adam", "sgd"), (3,)),
    "precision": mix(("mixed", "fp32", "bf16"), (3,)), "digits": mix((0, 1, 2, 3, 6), (-1, nan, 40, 1.5)),
    "cov": mix((outlook.covariance(),), ([], None, [[1.0]]), odd=False),
    "seed": mix((0, 1, 2, 7, 1_000_000), (-1, 0.5, nan, 2**70)), "spread": number,
    "text": mix(("1.4e12", "1.4T", "1,400", "3×10^23", "35 %", "10²³", "a b c d e f g h", ""), (3, nan)),
    "runs": mix((study.runs("grid"), study.runs("slice")), ([], None, [None], 3), odd=False),
    "disclosed": mix(("", "public"), ("x", 3)), "tuned": mix(("base", "instruct"), ("x", 3)),
    "name": mix(("H100", "Llama 3 8B", "llama 3.1 405b", "fp8", "e4m3", "both", "austen"), (3, nan)),
    "model": mix(("Llama 3 8B", "Mixtral 8x7B", "GPT-4"), (3, nan)),
    "level": mix((0.5, 0.9, 0.95), (0, 1, 2, nan, -1)),
}  # fmt: skip
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "float": number, "int": count, "str": words, "bool": mix((True, False)), "ModelConfig": config,
    "list": lists, "list[float]": lists, "list[int]": lists, "ArrayLike": lists, "dict[str, float]": law,
    "float | None": number, "int | None": count, "list[list[float]]": mix(([[1.0, 2, 3]] * 3,), BAD_LISTS),
    "list[dict[str, float]]": records, "list[dict[str, Any]]": records, "dict": law, "dict[str, Any]": law,
    "list[list[dict[str, Any]]]": mix(([], [[]]), (None, [3], [[{}]]), odd=False),
    "Sequence[float]": lists, "Sequence[str]": mix((["a b c d e f", "a b c d e f"], []), BAD_LISTS),
    "Mapping[str, float]": law, "Sequence[int]": lists, "object": number, "Any": mix(NUMBERS, HARSH),
    "Iterable[Pair]": mix(([(0, 1)], [(1, 2), (0, 1)]), (None, [1], [(0, "a")], [(0,)])),
    "frozenset[str]": mix((frozenset("abc"), frozenset())), "tuple[str, ...]": mix((("a", "b"), ())),
    "Mapping[str, Any]": law, "Mapping[str, object]": law,
    "Sequence[frozenset[str]]": mix(([frozenset("ab")], [])),
}  # fmt: skip

ANYTHING = mix(("x", 1, []), HARSH)

MODULES = (
    "formulas", "accounting", "memory", "numberformats", "hardware", "roofline", "parallelism", "pipelines",
    "proportions", "planner", "plans", "outlook", "lifetime", "limits", "dedup", "switch", "market",
    "fitting",
    "forecasting", "catalog", "catalog.scores", "catalog.abilities", "text", "factcheck", "game",
    "quizzes.marking", "fitting.numbers", "tiny.recipe",
    "tiny.corpus",
)  # fmt: skip
EXCLUDED = {  # with the reason
    "planner.record": "any dict becomes an object", "tiny.recipe.train_text": "trains",
    "factcheck.all_claims": "takes nothing, and seconds", "factcheck.counts": "takes results of ours",
    "plans.known_runs": "takes nothing, and seconds", "forecasting.registered": "takes nothing, and seconds",
}  # fmt: skip
MADE = ("Tensor", "GPT", "Module", "Generator", "type[", "NDArray", "Served", "Size", "Check", "Row]", "Path",
        "Problem", "ThreeTerms", "Parabola")
# Arguments of these kinds are made by the library itself; such functions are not for a reader's numbers.
INFINITE = {"quizzes.marking.parse_number": "NaN is what cannot be read"}


def table() -> list[tuple[str, Callable[..., Any]]]:
    """Every public function of the numeric rooms."""
    found = []
    for name in MODULES:
        module = importlib.import_module(f"course_lib.{name}")
        for key, function in sorted(vars(module).items()):
            home = getattr(function, "__module__", "")
            here = home == module.__name__ or (home.startswith(module.__name__) and key in dir(module))
            if callable(function) and not isinstance(function, type) and here and key[0] != "_":
                found.append((f"{name}.{key}", function))
    return [(name, f) for name, f in found if name not in EXCLUDED and not _of_ours(f)]


def _of_ours(function: Callable[..., Any]) -> bool:
    """Whether a function takes what only the library makes."""
    notes = [str(p.annotation) for p in inspect.signature(function).parameters.values()]
    return any(made in note for note in notes for made in MADE)


def strategies(function: Callable[..., Any]) -> dict[str, st.SearchStrategy[Any]]:
    """One strategy for each argument, by name, then by annotation."""
    out = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        note = parameter.annotation
        text = note if isinstance(note, str) else str(note) if "[" in str(note) else getattr(
            note, "__name__", str(note)
        )
        plain = text.replace("typing.", "")
        out[name] = BY_NAME.get(name, BY_KIND.get(plain, ANYTHING))
    return out


def walk(value: Any) -> list[Any]:
    """All numbers inside a value."""
    if isinstance(value, float | np.floating):
        return [value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [x for f in dataclasses.fields(value) for x in walk(getattr(value, f.name))]
    if isinstance(value, dict):
        return [x for y in value.values() for x in walk(y)]
    if isinstance(value, list | tuple | set | frozenset):
        return [x for y in value for x in walk(y)]
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.kind == "f" else []
    return []


def finite(value: Any) -> bool:
    return all(math.isfinite(x) for x in walk(value))


def ours(error: BaseException) -> bool:
    """Whether the library raised this itself, with a message: the innermost line is its `raise`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    assert trace is not None
    file = trace.tb_frame.f_code.co_filename
    line = linecache.getline(file, trace.tb_lineno).strip()
    return "course_lib" in file and line.startswith("raise") and len(str(error)) > 8


def judge(function: Callable[..., Any], given: dict[str, Any], *, infinite: bool = False) -> None:
    """Call, and say what is wrong with how it went."""
    try:
        out = function(**given)
    except (ValueError, TypeError) as error:
        assert ours(error), f"not in our words: {type(error).__name__}: {error}"
    else:
        if finite(given) and not infinite:
            assert finite(out), f"finite input gave {out}"


def judge_each(
    function: Callable[..., Any], right: dict[str, Any], wrongs: Iterable[Any], *, infinite: bool = False
) -> None:
    """Call with what is right, then with every wrong thing in the place of each argument."""
    function(**right)
    for argument in right:
        for wrong in wrongs:
            judge(function, {**right, argument: wrong}, infinite=infinite)


FUNCTIONS = dict(table())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_answers_or_refuses(name: str) -> None:
    function = FUNCTIONS[name]
    drawn = strategies(function)
    examples = EXAMPLES if drawn else 1

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.fixed_dictionaries(drawn))
    def probe(given_: dict[str, Any]) -> None:
        judge(function, given_, infinite=name in INFINITE)

    probe()


# --- What is made with fields of its own: shapes, tokenizers, batches --------------------------------------

TINY = tiny.GPTConfig(20, 16, 8, 2, 2)
SIX = torch.arange(60) % 6
MADE_WITH: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "ModelConfig": (ModelConfig, {"n_layers": 4, "d_model": 64, "n_heads": 4, "vocab": 1000}),
    "GPTConfig": (tiny.GPTConfig, dataclasses.asdict(TINY)),
    "GPTConfig.modern": (tiny.GPTConfig.modern, {"vocab_size": 20, "context": 16, "d_model": 8, "n_layers": 2,
                                                 "n_heads": 2, "n_kv_heads": 1, "d_ff": 16}),
    "MoEConfig": (moe.MoEConfig, {**dataclasses.asdict(TINY), "bias": False, "n_experts": 4, "top_k": 2}),
    "mixture": (moe.mixture, {"dense": tiny.GPTConfig.modern(20, 16, 8, 2, 2, d_ff=16), "n_experts": 4,
                              "top_k": 2}),
    "Tokenizer": (tiny.Tokenizer, {"characters": "abc"}),
    "Windows": (tiny.Windows, {"tokens": SIX, "batch": 2, "context": 8, "seed": 0}),
    "Passes": (Passes, {"tokens": SIX, "batch": 2, "context": 8, "seed": 0}),
    "SorterBatches": (tasks.SorterBatches, {"batch": 2, "seed": 0}),
    "ChainBatches": (chain.ChainBatches, {"steps": 6, "scratchpad": True, "noise": 0.0, "batch": 4}),
}  # fmt: skip
WRONG = (None, "x", "", 0, -1, 1.5, nan, inf, -inf, 10**400, [], {}, (1,), object(), 3)


@pytest.mark.parametrize("name", MADE_WITH)
def test_one_wrong_field_is_refused_in_our_words(name: str) -> None:
    judge_each(*MADE_WITH[name], WRONG)


def test_what_a_reader_types_is_read_or_not_but_never_breaks() -> None:
    """Any text at all as an answer to a numeric question."""
    question = {"kind": "numeric", "key": 3.14e23, "rtol": 0.05, "traps": [], "why": "So it is."}
    pieces = st.sampled_from(("1", "2", ".", ",", "e", "E", "^", "*", "×", "10", "-", "+", "−", "²", "⁻", " ",
                              "T", "B", "%", "e9", "e999", "x10^", "9" * 400, "nan", "$", "٣"))  # fmt: skip
    typed = st.lists(pieces, max_size=7).map("".join) | st.text(max_size=12)

    @settings(max_examples=400, derandomize=True, deadline=None, database=None)
    @given(typed)
    def probe(text: str) -> None:
        parse_number(text)
        told = mark(question, text)
        assert told["right"] in (True, False) and told["feedback"]
        assert 0 <= told["score"] <= 1

    probe()
