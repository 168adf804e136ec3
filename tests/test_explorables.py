"""Explorables: one formula, two homes. Python and the page's JavaScript agree for the same controls."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from course_lib import formulas, text
from course_lib.widgets import Explorable, attempt, choice, pyjs, slider
from course_lib.widgets.base import STATIC, escape_json
from course_lib.widgets.explorable import REGISTRY

for _name in pyjs.explore_modules():
    importlib.import_module(_name)
NAMES = sorted(REGISTRY)
each_explorable = pytest.mark.parametrize("name", NAMES)
TRIALS = 60


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """An empty page with the compiled Python in it."""
    page = browser.new_page()
    page.set_content("<!doctype html><title>parity</title>")
    page.add_script_tag(content=pyjs.bundle_js())
    return page


def draw(control: dict[str, Any], rng: random.Random) -> Any:
    """A random value that a control can take, its ends included."""
    kind = control["type"]
    if kind == "toggle":
        return rng.random() < 0.5
    if kind == "choice":
        return rng.choice(control["options"])["value"]
    if kind == "checks":
        return [o["value"] for o in control["options"] if rng.random() < 0.6]
    low, high = control["min"], control["max"]
    if rng.random() < 0.1:
        return rng.choice([low, high])
    value = 10 ** rng.uniform(math.log10(low), math.log10(high)) if control["log"] else rng.uniform(low, high)
    return round(value) if control["integer"] else value


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two JSON values differ: texts exactly, numbers beyond 1e-9."""
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return [f"{path}: keys {sorted(a.keys() ^ b.keys())}"]
        return [d for k in a for d in differences(a[k], b[k], f"{path}.{k}")]
    if isinstance(a, list | tuple) and isinstance(b, list):
        if len(a) != len(b):
            return [f"{path}: {len(a)} items against {len(b)}"]
        return [
            d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{path}[{i}]")
        ]
    number = isinstance(a, int | float) and isinstance(b, int | float)
    if number and not isinstance(a, bool):
        return [] if math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) else [f"{path}: {a!r} against {b!r}"]
    return [] if a == b else [f"{path}: {a!r} against {b!r}"]


@each_explorable
def test_python_and_javascript_agree(page: Page, name: str) -> None:
    """The same controls give the same series, readouts and sentences in both homes."""
    widget = REGISTRY[name]()
    rng = random.Random(name)
    trials = [{c["name"]: draw(c, rng) for c in widget.spec["controls"]} for _ in range(TRIALS)]
    trials += [{**widget.spec["defaults"], **t["values"]} for t in widget.spec["tries"]]
    script = """([module, compute, data, trials]) => trials.map((values) => {
        try { return courseModules[module][compute](values, data) }
        catch (e) { return { failed: String(e.message) } }
    })"""
    there = page.evaluate(script, [widget.spec["module"], widget.spec["compute"], widget.data, trials])
    for values, other in zip(trials, there, strict=True):
        try:
            here = json.loads(json.dumps(widget._compute(values, widget.data), allow_nan=False))
        except ValueError as error:
            assert "failed" in other and str(error) in other["failed"], (values, error, other)
            continue
        assert differences(here, other) == [], values


@each_explorable
def test_is_complete(name: str) -> None:
    """Two things to try at least, each of them saying what it shows; an alternative text; something told."""
    widget = REGISTRY[name]()
    assert len(widget.spec["tries"]) >= 2, f"{name}: two attempts or more (tries=)"
    for t in widget.spec["tries"]:
        assert len(t["shows"].split()) >= 6, f"{name}: {t['label']!r} should say in a sentence what it shows"
    assert len(widget.spec["alt"].split()) >= 5 and widget.spec["title"], f"{name}: a title, and alt in words"
    told = widget.result["readouts"] or widget.result.get("verdict")
    assert told, f"{name}: compute should return readouts or a verdict"
    assert "NaN" not in json.dumps(widget.result) and "Infinity" not in json.dumps(widget.result)


@each_explorable
def test_readers_without_scripts_see_its_default(name: str) -> None:
    """The static fallback holds every readout of the default state, and no unescaped text."""
    widget = REGISTRY[name]()
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.feed(widget.fallback_html())
    shown = " ".join(words)
    assert widget.spec["title"] in shown
    assert all(r["value"] in shown for r in widget.result["readouts"])


@each_explorable
def test_view_is_registered(name: str) -> None:
    """The page knows the view that an explorable asks for."""
    view, index = REGISTRY[name]().spec["view"], STATIC.parent / "front" / "src" / "views" / "index.js"
    known = re.search(r"VIEWS = \{(.+?)\}", index.read_text(encoding="utf-8"), re.S)
    assert known and view in re.findall(r"\w+", known[1]), f"{name}: add the view {view!r} to {index.name}"


def test_ids_are_unique() -> None:
    ids = [REGISTRY[n]().spec["id"] for n in NAMES]
    assert len(set(ids)) == len(ids)


def test_every_formula_travels(page: Page) -> None:
    """Each function of `formulas` and `text` has its twin in the page."""
    for module, least in ((formulas, 100), (text, 10)):
        public = {n for n, f in vars(module).items() if inspect.isfunction(f) and n[0] != "_"}
        there = page.evaluate("(name) => Object.keys(courseModules[name])", pyjs.short_name(module.__name__))
        assert len(public) >= least and public <= set(there)


def test_number_texts_agree(page: Page) -> None:
    """Every number format writes the same characters in both homes."""
    rng = random.Random(1)
    values = [0.0, 1.0, 0.5, 2.5, 0.125, 9.995, 99.95, 999.5, 1e6, 1e15, 1e-4, 3.14e23]
    values += [rng.choice([-1, 1]) * 10 ** rng.uniform(-9, 27) for _ in range(400)]
    names = [
        "fixed",
        "commas",
        "plain",
        "sig",
        "sci",
        "si",
        "pct",
        "times",
        "gigabytes",
        "gibibytes",
        "money",
    ]
    here = [[getattr(text, n)(v) for n in names] + [text.duration(abs(v))] for v in values]
    script = """([values, names]) => values.map((v) =>
        [...names.map((n) => courseModules.text[n](v)), courseModules.text.duration(Math.abs(v))])"""
    assert page.evaluate(script, [values, names]) == here


def test_answers_are_marked_alike(page: Page) -> None:
    """Typed numbers and marks agree between the notebook and the page."""
    from course_lib.quizzes import marking
    from course_lib.quizzes.quiz import lesson, lesson_modules

    typed = [
        "1.4e12",
        "1.4T",
        "35 %",
        "abc",
        "3.14×10^23",
        "1,400",
        "12,34",
        "80GB",
        "10⁻³",
        "-2",
        "1e",
        "2^10",
    ]
    asked = [q.as_dict() for n in lesson_modules() for q in lesson(n).questions]
    answers = {
        "numeric": typed,
        "single": [0, 1],
        "multiple": [[0], [0, 1], [1]],
        "ordering": [[1, 0, 2], [0, 1, 2]],
    }
    pairs = [
        (q, a) for q in asked for a in answers[q["kind"]] if q["kind"] != "ordering" or len(q["items"]) == 3
    ]
    there = page.evaluate("(pairs) => pairs.map(([q, a]) => courseModules.marking.mark(q, a))", pairs)
    for (q, a), other in zip(pairs, there, strict=True):
        assert differences(marking.mark(q, a), other) == [], (q["id"], a)


def test_is_a_real_ipywidget() -> None:
    """Values are a synced trait: a change is observed, and Python's result follows it."""
    widget = REGISTRY["lesson_01.stairs"]()
    seen = []
    widget.observe(lambda change: seen.append(change["new"]["exponent"]), names="values")
    before = widget.result["readouts"][0]["value"]
    widget.values = {**widget.values, "exponent": 0.2}
    assert seen == [0.2]
    assert (
        widget.result["readouts"][0]["value"] != before == widget.at(exponent=0.076)["readouts"][0]["value"]
    )
    assert set(widget._repr_mimebundle_()[0]) >= {"application/vnd.jupyter.widget-view+json", "text/html"}
    with pytest.raises(ValueError, match="no control named"):
        widget.at(nope=1)


def square(v: dict, data: object) -> dict:
    """A compute as a reader might write it."""
    return {"series": [], "readouts": [{"label": "square", "value": text.sig(v["x"] ** 2)}]}


def test_a_reader_can_make_one() -> None:
    """A compute from outside the library travels with its own widget, and stays out of static pages."""
    control = slider("x", "X", 0.0, 10.0, 3.0)
    widget = Explorable("mine", "Mine", compute=square, controls=[control], alt="A number and its square.")
    assert "courseModules.here" in widget._esm
    assert widget.result["readouts"][0]["value"] == "9.00"
    assert "application/json" not in widget.static_html()


def test_bad_controls_are_refused() -> None:
    with pytest.raises(ValueError, match="low < high"):
        slider("x", "X", 1, 1, 1)
    with pytest.raises(ValueError, match="low > 0"):
        slider("x", "X", 0, 1, 1, log=True)
    with pytest.raises(ValueError, match="outside"):
        slider("x", "X", 0, 1, 2)
    with pytest.raises(ValueError, match="not one of"):
        choice("c", "C", ["a", "b"], "z")
    with pytest.raises(ValueError, match="no control named"):
        Explorable(
            "i",
            "T",
            compute=square,
            controls=[slider("x", "X", 0, 1, 0)],
            alt="",
            tries=[attempt("a", "b", y=1)],
        )


def test_what_is_not_plain_is_named() -> None:
    with pytest.raises(ValueError, match="broken is not plain enough"):
        pyjs.compile_source("def f(x):\n    return {k: 1 for k in x}\n", "broken", {})


def test_json_cannot_end_its_element() -> None:
    assert "</script" not in escape_json({"text": "</script><script>alert(1)</script>"})


def test_the_built_front_end_is_fresh() -> None:
    """static/ was built from the source as it stands; `make bundle` renews it."""
    import hashlib

    front = STATIC.parent / "front"
    files = [p for p in (front / "src").rglob("*") if p.suffix in (".js", ".css")]
    names = {
        "/" + p.relative_to(front).as_posix(): p
        for p in [*files, front / "build.mjs", front / "package.json"]
    }
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update((name + "\n").encode())
        digest.update(names[name].read_bytes())
    assert digest.hexdigest() == (STATIC / "source.sha256").read_text().strip(), "run make bundle"


def test_a_page_carries_only_what_its_explorables_use() -> None:
    """The script of a page links every module that its own names, in order, and leaves the others out."""
    assert [pyjs.short_name(m) for m in pyjs.needed(["lesson_18"])] == ["text", "lesson_18"]
    assert pyjs.needed(["planner"])[-1] == "course_lib.planner" and len(pyjs.needed(["planner"])) > 4
    whole = len(pyjs.bundle_js())
    for module in map(pyjs.short_name, pyjs.explore_modules()):
        script = pyjs.page_js(module)
        assert f"courseModules.{module} =" in script and len(script) < whole / 2
    with pytest.raises(ValueError, match="no compiled module 'lesson_99'"):
        pyjs.needed(["lesson_99"])


def test_a_compiled_module_is_kept_until_its_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process left is read; a new source takes its place; without a folder it works."""
    module, sources = "course_lib.text", ["def one():\n    return 1\n", "def two():\n    return 2\n"]
    compiled = []

    def compile_source(source: str, name: str, known: dict[str, str]) -> str:
        compiled.append(name)
        return f"courseModules.{name} = {source!r};\n"

    monkeypatch.setattr(pyjs, "compile_source", compile_source)
    for source, folder, times in ((sources[0], "kept", 1), (sources[0], "kept", 1), (sources[1], "kept", 2)):
        monkeypatch.setattr(pyjs, "KEPT", tmp_path / folder)
        monkeypatch.setattr(pyjs, "source_of", lambda _, source=source: source)
        assert repr(source) in pyjs._compiled.__wrapped__(module)
        assert len(compiled) == times
        assert len(list((tmp_path / folder).iterdir())) == 1
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(pyjs, "KEPT", tmp_path / "file")
    assert repr(sources[1]) in pyjs._compiled.__wrapped__(module) and len(compiled) == 3
