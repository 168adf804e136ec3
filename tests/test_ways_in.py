"""Ways into the course: what the reference pages say agrees with the lessons and the library."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import course_math  # noqa: E402
import course_site  # noqa: E402
import course_summary  # noqa: E402
import course_usage as usage  # noqa: E402
import course_ways as ways  # noqa: E402

from course_lib import formulas  # noqa: E402
from course_lib.widgets import pyjs  # noqa: E402
from course_lib.widgets.explorable import REGISTRY  # noqa: E402

TERMS = usage.glossary_terms()
LINKED = usage.term_lessons()


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_linked_by_a_lesson(term: str) -> None:
    """A lesson that uses a term links it: {term}`…` in its prose."""
    assert LINKED.get(term.lower()), f"no lesson links the term {term!r}; add a {{term}} role to its prose"


def test_every_lesson_links_terms_of_the_glossary() -> None:
    """No role names a term that is not there, and each lesson links three terms or more."""
    known = {term.lower() for term in TERMS}
    assert set(LINKED) <= known, f"not in book/glossary.md: {sorted(set(LINKED) - known)}"
    for number in usage.lessons():
        count = sum(number in numbers for numbers in LINKED.values())
        assert count >= 3, f"lesson {number} links {count} terms of the glossary; three or more are asked for"


def test_terms_and_symbols_are_read_whole() -> None:
    """The glossary is parsed entry by entry, in order, without loss."""
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    assert all(told for told in TERMS.values())
    assert list(TERMS) == [line for line in text.split("```{glossary}")[1].splitlines()
                           if line and line[0] not in " `"]  # fmt: skip
    assert len(usage.glossary_symbols()) == text.split("## Terms")[0].count("\n| $")
    assert usage.term_key("pipeline\n stages <Pipeline parallelism>") == "pipeline parallelism"


def test_lessons_are_numbered_where_the_reader_looks_for_them() -> None:
    """Texts say "lesson 7": the contents and the line above the title say which that is."""
    link = '<a class="reference internal" href="{}">Title</a>'
    contents = link.format("07_isoflops.html") + link.format("#") + link.format("../book/glossary.html")
    shown = course_site.numbered("lessons/12_anatomy", contents)
    assert re.findall(r'<span class="nr">(\d+)</span> Title', shown) == ["7", "12"]
    assert course_site.numbered("book/glossary", link.format("#")) == link.format("#")
    assert course_site.place_of(f"lessons/{usage.lessons()[7].file}") == "Part 2 · Lesson 7"
    assert course_site.place_of("book/glossary") == ""


WORDS = ("twenty", "twenty-one", "twenty-two", "twenty-three", "twenty-four", "twenty-five", "twenty-six")


def test_every_list_names_the_same_lessons() -> None:
    """The notebooks, the table of contents, lessons.yml and the home page agree, and numbers run."""
    there = [path.stem for path in sorted((ROOT / "lessons").glob("[0-9]*.ipynb"))]
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    named = [name.removeprefix("lessons/") for name in chapters if name.startswith("lessons/")]
    assert named == there, "_toc.yml and lessons/ differ"
    assert [row.file for row in usage.lessons().values()] == there, "book/lessons.yml and lessons/ differ"
    assert [int(name[:2]) for name in there] == list(usage.lessons()), "numbers run from 01 without a gap"
    word = WORDS[len(there) - 20].capitalize()
    home = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    assert f"{word} lessons" in home, f"book/intro.md: there are {len(there)} lessons; write “{word} lessons”"


def test_paths_lead_to_lessons_and_explorables() -> None:
    """Three paths; what they name exists; their minutes are those of lessons.yml, each lesson once."""
    minutes = {int(row["file"][:2]): row["minutes"]
               for part in yaml.safe_load((ROOT / "book" / "lessons.yml").read_text(encoding="utf-8"))
               for row in part["lessons"]}  # fmt: skip
    paths = {path["id"]: path for path in ways.reading_paths()}
    assert set(paths) == {"an-afternoon", "the-whole-course", "a-decision-today"}
    for path in paths.values():
        numbers = {step["lesson"] for step in path["steps"]}
        assert ways.minutes_of(ways.path_lessons(path)) == sum(minutes[n] for n in numbers)
        assert ways.hours(sum(minutes[n] for n in numbers)) in ways._steps(path)
    assert ways._length(paths["an-afternoon"]) == ways.hours(
        ways.minutes_of(ways.path_lessons(paths["an-afternoon"]))
    )
    assert ways._length(paths["a-decision-today"]).startswith(f"{len(paths['a-decision-today']['steps'])} q")
    whole = ways.path_lessons(paths["the-whole-course"])
    assert whole == sorted(minutes), "book/paths.yml: the whole course has a step for each lesson"
    opened = {id for step in paths["the-whole-course"]["steps"] for id in step["open"]}
    shown = {e.id for e in usage.explorables()}
    assert opened == shown, (
        f"book/paths.yml: the whole course opens every explorable; missing {sorted(shown - opened)}")


def test_a_path_to_nowhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explorable under the wrong lesson, and a lesson that is not there."""
    for step, told in [({"lesson": 2, "why": "x", "open": ["stairs"]}, "not in lesson 2 but in 1"),
                       ({"lesson": 77, "why": "x"}, "there is no lesson 77")]:  # fmt: skip
        wrong = tmp_path / "paths.yml"
        wrong.write_text(yaml.safe_dump([{"id": "p", "reader": "r", "steps": [step]}]))
        monkeypatch.setattr(ways, "PATHS", wrong)
        with pytest.raises(ValueError, match=told):
            ways.reading_paths()


def test_every_explorable_is_listed_once() -> None:
    """Each factory of the registry stands in the lesson whose number it carries."""
    homes = usage.factory_lessons()
    unseen = sorted(set(REGISTRY) - set(homes))
    assert not unseen and set(homes) <= set(REGISTRY), f"no cell of its lesson calls {unseen}"
    assert all(key.startswith(f"lesson_{number:02d}.") for key, number in homes.items())
    ids = [e.id for e in usage.explorables()]
    assert len(set(ids)) == len(ids) == len(REGISTRY)


def test_an_explorable_has_its_place_in_the_page() -> None:
    """The static form of a widget gets its id, and only explorables do."""
    widget = REGISTRY["lesson_01.stairs"]()
    context: dict[str, Any] = {"body": f'<p>a</p>{widget.static_html()}<div class="course-fallback">b</div>'}
    ways.anchor_explorables(None, "lessons/01", "page.html", context, None)  # type: ignore[arg-type]
    assert context["body"].count('<div class="course-fallback" id="stairs">') == 1
    assert context["body"].endswith('<div class="course-fallback">b</div>')


def test_every_formula_is_listed_with_its_lessons() -> None:
    """All public functions, each in one group, with a first line and the lessons that call it."""
    tree = ast.parse(pyjs.source_of(formulas))
    public = [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"]
    listed = [name for names in usage.formula_groups().values() for name in names]
    assert sorted(listed) == sorted(public)
    for name in listed:
        assert ways.first_line(name) and f'id="{usage.slug(name)}"' in ways._formula_row(name, "")
    used = usage.formula_lessons()
    assert 4 in used["training_flops"] and 6 in used["chinchilla_loss"] and 14 in used["kv_bytes_per_token"]
    assert ways.signature("power_law") == "power_law(x, scale, exponent, floor=0.0)"
    assert ways.source_of("overtraining_loss", "") == "Gadre et al. 2024, arXiv 2403.08540"
    heading = "Kaplan et al. 2020, arXiv 2001.08361"
    assert ways.source_of("kaplan_loss_n", heading) == heading


def test_a_call_is_told_from_a_word() -> None:
    """Names come from the syntax, so a formula in a comment or a string is not used."""
    code = "%matplotlib inline\n# perplexity\ntext = 'perplexity'\nbits(1)\nf.mfu(1, 2, 3, 4)"
    assert usage._mentions(code) >= {"bits", "mfu"} and "perplexity" not in usage._mentions(code)


def test_every_labelled_equation_is_listed() -> None:
    """As many as there are labels in the notebooks; each can be drawn."""
    found = usage.equations()
    text = "\n".join("\n".join(usage.cells(n, "markdown")) for n in usage.lessons())
    labels = re.findall(r"^\s*\$\$ \((eq-[\w-]+)\)", text, re.M)
    assert [e.label for e in found] == labels and len(set(labels)) == len(labels)
    without = sorted(set(usage.lessons()) - {e.lesson for e in found})
    assert not without, f"lessons {without} label no equation: $$ … $$ (eq-NN-name)"
    for equation in found:
        assert "$$" not in equation.tex and course_math.to_mathml(equation.tex, display=True)


def test_the_summary_is_computed() -> None:
    """Rows name lessons that exist, their formulas can be drawn, and their numbers follow the library."""
    rows = course_summary.rows()
    assert len(rows) >= 20 and {n for *_, n in rows} <= set(usage.lessons())
    for _, tex, _, _ in rows:
        assert course_math.to_mathml(tex, display=False)
    shown = {what: example for what, _, example, _ in rows}
    assert shown["Training compute"].startswith("7.23e23")
    assert shown["Tokens per parameter"] == "1,868"
    before = course_summary.markdown()
    assert all(f"${tex}$" in before for tex, _ in course_summary.SYMBOLS)


def test_the_summary_follows_the_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another law, other numbers: nothing in the sheet is typed."""
    before = {row[0]: row[2] for row in course_summary.rows()}
    monkeypatch.setattr(formulas, "training_flops", lambda n, d: 7.0 * n * d)
    after = {row[0]: row[2] for row in course_summary.rows()}
    changed = {what for what in before if before[what] != after[what]}
    assert {"Training compute", "Training time", "Rent"} <= changed and "Weights" not in changed


@pytest.mark.parametrize(
    ("typed", "kind", "name"),
    [("KV cache", "term", "KV cache"), ("kv-cache", "term", "KV cache"), ("D_inf", "symbol", "D_inf"),
     ("alpha", "symbol", "alpha, beta"), ("α", "symbol", "alpha, beta"),
     ("alpha_N", "symbol", "alpha_N, alpha_D"),
     ("ZeRO", "term", "ZeRO"), ("zero", "term", "ZeRO"), ("SwiGLU", "term", "gated feed-forward"),
     ("FSDP", "term", "ZeRO"), ("n_L", "symbol", "n_L"), ("IsoFLOP curves", "term", "IsoFLOP curve"),
     ("chinchilla_loss", "formula", "chinchilla_loss"), ("chinchilla loss", "formula", "chinchilla_loss"),
     ("does it fit", "explorable", "Does it fit, and on how many?")],
)  # fmt: skip
def test_the_search_finds_by_name(
    searched: dict[str, list[dict[str, str]]], typed: str, kind: str, name: str
) -> None:
    """The page's own script, in Node, over the list that the build writes."""
    assert any((hit["kind"], hit["name"]) == (kind, name) for hit in searched[typed][:3]), searched[typed][:3]


def test_the_search_escapes_nothing_because_it_writes_text(searched: dict[str, list[dict[str, str]]]) -> None:
    """Nonsense finds nothing, and no result is written as HTML."""
    assert searched["<img src=x>"] == [] and searched["zzzz"] == []
    assert "innerHTML" not in (ROOT / "book" / "assets" / "find.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def searched() -> dict[str, list[dict[str, str]]]:
    """What find.js shows for each query, run in Node with a page of a few lines."""
    node = shutil.which("node")
    assert node, "Node is needed for this test, as for `make bundle`"
    queries = ["KV cache", "kv-cache", "D_inf", "alpha", "α", "alpha_N", "ZeRO", "zero", "SwiGLU", "FSDP",
               "n_L", "IsoFLOP curves", "chinchilla_loss", "chinchilla loss", "does it fit", "<img src=x>",
               "zzzz"]  # fmt: skip
    page = """
const make = () => ({ kids: [], append(...k) { this.kids.push(...k); } });
const out = {};
for (const query of %s) {
  const box = make();
  globalThis.window = { courseTerms: %s };
  globalThis.location = { search: "?q=" + encodeURIComponent(query) };
  globalThis.document = { getElementById: () => box, createElement: make };
  %s
  const items = box.kids[1]?.kids ?? [];
  out[query] = items.map((li) => ({ name: li.kids[0].textContent, kind: li.kids[1].textContent }));
}
console.log(JSON.stringify(out));
"""
    script = (ROOT / "book" / "assets" / "find.js").read_text(encoding="utf-8")
    source = page % (json.dumps(queries), json.dumps(ways.terms_index()), script)
    done = subprocess.run([node, "-"], input=source, capture_output=True, text=True, check=True)
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found
