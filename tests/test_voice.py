"""One voice: symbols, units, names and colors mean the same in all lessons; references hold both ways."""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import voice
from conftest import ROOT
from pybtex.database import parse_file

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import course_summary
import course_usage as usage

from course_lib import style
from course_lib.quizzes.quiz import lesson as quiz_lesson
from course_lib.quizzes.quiz import lesson_modules
from course_lib.widgets.explore import lesson_01, lesson_20

GLOSSARY = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
MEANINGS = voice.meanings(GLOSSARY)
EVERYWHERE = {name for m in MEANINGS if not m.lessons for name in m.symbols}
# The symbols that carry the course: no lesson may use one of them for something else.
CORE = {"N", "D", "C", "L", "T", "d", "d_k", "d_ff", "n_L", "n_h", "n_kv", "N^*", "D^*", "D_inf", "C_life"}
each_lesson = pytest.mark.parametrize("number", list(usage.lessons()))


@functools.cache
def prose(number: int) -> str:
    """The markdown of a lesson."""
    return "\n\n".join(usage.cells(number, "markdown"))


@functools.cache
def used(number: int) -> set[str]:
    """Symbols in the formulas of a lesson."""
    return set().union(*(voice.symbols(tex) for tex in voice.formulas(prose(number))))


def meaning_of(name: str, number: int) -> list[voice.Meaning]:
    """What a symbol means in a lesson by the glossary: its row there, else that of the first table."""
    named = [m for m in MEANINGS if name in m.symbols]
    return [m for m in named if number in m.lessons] or [m for m in named if not m.lessons]


def test_formulas_are_read() -> None:
    """The reader of formulas knows names, subscripts, stars, words, bounds and braces from each other."""
    told = {
        r"L(N, D) = E + \frac{A}{N^{\alpha}}": {"L", "N", "D", "E", "A", "alpha"},
        r"6ND + 2N \cdot w D_\text{inf}": {"N", "D", "w", "D_inf"},
        r"N^* = G \left(\frac{C}{6}\right)^{\frac{\beta}{\alpha+\beta}}": {"N^*", "G", "C", "alpha", "beta"},
        r"\underbrace{b\,N}_{\text{weights, shared}} + d_k\, T_\text{answer}": {"b", "N", "d_k", "T_answer"},
        r"\sum_{j \in J} e^{s_j - m'}\, v_j": {"J", "e", "s", "m'", "v"},
        r"\mathcal{L} = \tau^2 \sum_{v} q_\tau(v)": {"cal L", "tau", "v", "q_tau"},
    }
    for tex, names in told.items():
        assert voice.symbols(tex) == names, tex
    assert voice.formulas("costs $2.00\n\nnot `$a$`, but $b$\n```python\n$c$\n```\n") == ["b"]


@each_lesson
def test_every_symbol_is_explained_once(number: int) -> None:
    """A symbol in a lesson's formulas has one meaning in the glossary: one row that holds there."""
    for name in sorted(used(number)):
        found = meaning_of(name, number)
        assert found, f"book/glossary.md does not explain {name!r}, which lesson {number} uses"
        assert len(found) == 1, f"{name!r} means two things in lesson {number}: {[m.says for m in found]}"


def test_no_symbol_is_explained_for_nothing() -> None:
    """Each row is needed: its symbols are used in the lessons that it names, or anywhere, or in the sheet."""
    lessons = {number: used(number) for number in usage.lessons()}
    sheet = [tex for _, tex, _, _ in course_summary.rows()] + [tex for tex, _ in course_summary.SYMBOLS]
    anywhere = set().union(*lessons.values(), *(voice.symbols(tex) for tex in sheet))
    for m in MEANINGS:
        for name in m.symbols:
            assert all(name in lessons[n] for n in m.lessons) and name in anywhere, f"{name}: {m.says}"


def test_the_symbols_of_the_course_have_one_meaning() -> None:
    """N, D, C, L and the like stand in the first table once, and no lesson uses them for anything else."""
    for name in CORE:
        assert [m.lessons for m in MEANINGS if name in m.symbols] == [()], name
    both = [m for m, other in itertools.combinations(MEANINGS, 2)
            if not m.lessons and not other.lessons and set(m.symbols) & set(other.symbols)]  # fmt: skip
    assert not both, both


def test_the_summary_sheet_uses_the_same_symbols() -> None:
    """What the sheet explains agrees with the glossary, and every symbol of its formulas is explained."""
    explained = set().union(*(voice.symbols(tex) for tex, _ in course_summary.SYMBOLS))
    local = {"p", "m", "k", "I", "n", "E"}  # named in words in the row itself, or devices
    for what, tex, _, lesson in course_summary.rows():
        for name in voice.symbols(tex):
            assert name in explained | EVERYWHERE or (name in local and meaning_of(name, lesson)) or (
                name == "G" and "$G =" in what), f"{name} in {what}"  # fmt: skip
    for tex, _ in course_summary.SYMBOLS:
        assert voice.symbols(tex) <= EVERYWHERE | {"n"}, tex


def by_name(names: Sequence[str], unit: str) -> list[tuple[str, str]]:
    """Each symbol of a row with its unit: one for each, or one for all."""
    units = re.split("[,;] ", unit)
    return list(zip(names, units if len(units) == len(names) else [unit] * len(names), strict=True))


@each_lesson
def test_units_are_those_of_the_glossary(number: int) -> None:
    """Where a lesson lists a core symbol with a unit, it is the glossary's; a character is a token, too."""
    units = {name: unit for m in MEANINGS for name, unit in by_name(m.symbols, m.unit) if not m.lessons}
    for table in re.findall(r"\|[^\n]*\| *unit *\|\n(?:\|[^\n]*\n?)+", prose(number), re.I):
        for line in table.splitlines()[2:]:
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            bare = [tex for tex in voice.formulas(cells[0]) if not re.search(r"[\d()=/]", tex)]
            names = [name for tex in bare for name in voice.symbols(tex)]
            for name, unit in by_name(names, cells[-1].replace("character", "token")):
                assert name not in CORE or unit == units[name], f"{line}: {units[name]}"


# What the explorables call a thing that has a color of its own.
DRAWN = {
    "lesson_03.GROUPS": {"embedding": "embeddings", "ffn": "feed-forward", "expert": "experts",
                         "norm": "norms", "head": "output head"},
    "lesson_04.PARTS": {"lookup": "embeddings", "projections": "attention", "context": "looking back",
                        "ffn": "feed-forward", "head": "output head"},
    "lesson_12.GROUPS": {"embedding": "embeddings", "ffn": "feed-forward", "expert": "experts",
                         "shared_expert": "shared experts", "norm": "norms", "head": "output head"},
    "lesson_13.PARTS": {"master": "master weights", "gathered": "gathered layers", "kv": "KV cache",
                        "working": "working space"},
    "lesson_16.HELD": {"gathered": "gathered layers"},
}  # fmt: skip


@pytest.mark.parametrize("where", DRAWN)
def test_a_thing_has_one_color(where: str) -> None:
    """Parts of a model and of a memory have the hue of course_lib.style in every explorable."""
    module, name = where.split(".")
    drawn = getattr(importlib.import_module(f"course_lib.widgets.explore.{module}"), name)
    rows = drawn.items() if isinstance(drawn, dict) else [(row["key"], row) for row in drawn]
    for key, row in rows:
        thing = DRAWN[where].get(key, key)
        assert row["color"] == style.MEANINGS[thing], f"{where} draws {thing} in hue {row['color']}"


def test_mixtures_have_one_color_in_time_and_in_growth() -> None:
    """The timelines of lessons 1 and 20 draw dense and sparse models alike, and as the style says."""
    first, last = lesson_01.growth().result["series"], lesson_20.timeline().result["series"]
    for series in (first, last):
        hues = {s["color"] for s in series if s["kind"] == "dots"}
        assert {style.MEANINGS["dense"], style.MEANINGS["mixture of experts"]} <= hues, hues
    with pytest.raises(ValueError, match="no color is set for 'the sky'"):
        style.of("the sky")
    assert style.of("attention") == style.COLORS[0] and max(style.MEANINGS.values()) < len(style.COLORS)


SINGLES = [(n, q) for n in sorted(lesson_modules()) for part in ("predictions", "questions")
           for q in getattr(quiz_lesson(n), part) if q.kind == "single" and len(q.options) == 4]  # fmt: skip


def test_the_place_of_an_option_says_nothing() -> None:
    """As the page shows them, right options stand in each of four places about equally often."""
    script = (ROOT / "course_lib" / "widgets" / "front" / "src" / "quiz.js").read_text(encoding="utf-8")
    shuffle = re.search(r"function shuffled.*?\n}\n", script, re.S)
    assert shuffle, "quiz.js no longer shuffles in a function of its own"
    asked = [[q.id, q.fixed_order, [o.right for o in q.options]] for _, q in SINGLES]
    source = f"""{shuffle.group()}
const place = ([id, fixed, right]) => (fixed ? [0, 1, 2, 3] : shuffled(4, id)).findIndex((i) => right[i]);
console.log(JSON.stringify({json.dumps(asked)}.map(place)));"""
    done = subprocess.run(["node", "-"], input=source, capture_output=True, text=True, check=True)
    places = Counter(json.loads(done.stdout))
    assert sum(places.values()) == len(SINGLES) >= 80
    assert all(0.15 <= places[i] / len(SINGLES) <= 0.35 for i in range(4)), places


def test_no_question_is_asked_twice() -> None:
    """No two questions of the book share most of their words, numbers aside, or are the same question."""
    every = [(n, q) for n in sorted(lesson_modules())
             for q in (*quiz_lesson(n).predictions, *quiz_lesson(n).questions)]  # fmt: skip
    asked = [(f"{n}.{q.id}", set(re.findall(r"[^\W\d]{3,}", q.prompt.lower()))) for n, q in every]
    alike = [(a, b) for (a, x), (b, y) in itertools.combinations(asked, 2) if len(x & y) > 0.62 * len(x | y)]
    assert not alike, alike


EXPLORE = ROOT / "course_lib" / "widgets" / "explore"


def strings(path: Path) -> list[str]:
    """What a module writes: its strings of more than one word, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [n.body for n in ast.walk(tree) if isinstance(n, ast.Module | ast.FunctionDef | ast.ClassDef)]
    told = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [n.value for n in found if id(n) not in told and " " in n.value]


def said(value: Any) -> Iterator[str]:
    """Every text inside some JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from said(inner)


def test_no_text_is_emphasized_by_accident() -> None:
    """The star of N* and the braces of a subscript are not taken for markup in quizzes and explorables."""
    markup = re.compile(r"`[^`]+`|\*([^*\s][^*]*)\*|\^\{([^}]+)\}|_\{([^}]+)\}")  # as in front/src/lib/dom.js
    every = [q.as_dict() for n in sorted(lesson_modules())
             for part in ("predictions", "questions", "exercises") for q in getattr(quiz_lesson(n), part)]
    written = [text for path in EXPLORE.glob("lesson_*.py") for text in strings(path)]
    for text in [*said(every), *written]:
        for hit in markup.finditer(text):
            before = text[hit.start() - 1 : hit.start()]
            assert not hit[1] or not (before.isalnum() or before in {"}", ")"}), f"{hit[0]!r} in {text!r}"
            assert "{" not in (hit[2] or hit[3] or ""), f"nested braces are not read: {text!r}"


# What is not written, and what is written instead, in lessons, quizzes, explorables, checks and the book.
VARIANTS = {
    r"feedforward|feed forward|\bMLPs?\b": "feed-forward (part, network): one name for one part",
    r"KV-cache|\bkv cache|key[-–]value cache": "KV cache",
    r"key[-–]value heads?|KV heads?": "key and value heads, as a head of both is counted once",
    r"head (?:size|dim)|hidden (?:size|dim)|context (?:window|size)|sequence length":
        "width of a head, hidden width, context length",
    r"[Mm]ixtures?-of-[Ee]xperts|Mixtures? of Experts": "mixture of experts",
    r"activated parameters": "active parameters",
    r"\baccelerators?\b": "GPU, or device where it need not be one",
    r"[Dd]evice-(?:hours|years)": "GPU-hours, GPU-years",
    r"master cop(?:y|ies)": "master weights",
    r"(?:[Tt]okens|[Cc]haracters|[Ll]etters) (?:a|for each|for every) parameter": "tokens per parameter",
    r"nats (?:a|for each) (?:token|character|letter)|nats per letter": "nats per token, nats per character",
    r"\b[KMGTP]?FLOPS\b|FLOPs/s": "FLOPs are a count, FLOP/s a rate",
    r"\b[BF]F?P?F?(?:P(?:32|16|8)|16)\b|\bINT[48]\b": "fp32, bf16, fp8, int4: lower case",
    r"\bpercent\b": "per cent in words, % after a figure",
    r"\d per cent\b": "% after a figure",
    r"log-log": "log–log",
    r"[Pp]retrain|[Ff]inetun": "pre-train, fine-tune",
    r"\b[Dd]atasets?\b": "data set",
    r"LLaMA [23]\b|GPT ?[234]\b(?<!-[234])|DeepSeek V|Qwen 2|Gemma2": "Llama 2, GPT-3, DeepSeek-V3, Qwen2.5",
    r"colour|behaviour|neighbour|favour|(?:optim|normal|quant|token|organ)is(?:e|ation)": "American spelling",
}  # fmt: skip


@functools.cache
def visible() -> dict[str, str]:
    """Where -> what a reader sees, without code."""
    library = ROOT / "course_lib"
    shown = {f"lesson {n}": voice.CODE.sub(" ", prose(n)) for n in usage.lessons()}
    for folder in ("quizzes", "claims", "widgets/explore"):
        files = sorted((library / folder).glob("*_*.py"))
        shown |= {f"{folder}/{path.name}": "\n".join(strings(path)) for path in files}
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.yml")]
    return shown | {p.name: voice.CODE.sub(" ", p.read_text(encoding="utf-8")) for p in pages}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_thing_has_one_name(variant: str) -> None:
    """Nothing is called by a second name: what to write instead stands in VARIANTS."""
    hits = [f"{where}: …{text[max(0, m.start() - 40) : m.end() + 20]!r}…"
            for where, text in visible().items() for m in re.finditer(variant, text)]  # fmt: skip
    assert not hits, f"write {VARIANTS[variant]}: {hits}"


def test_the_search_for_variants_finds_them() -> None:
    """Each pattern finds what it is for."""
    wrong = ["the MLP", "a KV-cache", "8 KV heads", "context window", "Mixture of Experts",
             "activated parameters", "accelerators", "device-hours", "master copy", "20 tokens a parameter",
             "nats per letter", "312 TFLOPS", "in BF16", "10 percent", "10 per cent", "log-log",
             "pretraining", "a dataset", "GPT3", "normalise"]  # fmt: skip
    assert all(re.search(pattern, text) for pattern, text in zip(VARIANTS, wrong, strict=True))
    assert not any(re.search(p, "GPT-3 at 989 TFLOP/s in bf16, a batch of B, Q2.5") for p in VARIANTS)


LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?:\.\./lessons/)?(\d\d_\w+)(?:\.ipynb)?(?:#[\w-]+)?\)")


@each_lesson
def test_lessons_lead_to_each_other(number: int) -> None:
    """What a lesson builds on comes before it and is linked by its title; what comes next is linked, too."""
    lessons, text = usage.lessons(), prose(number)
    titles = {lesson.file: lesson.title for lesson in lessons.values()}
    lines = dict(re.findall(r"^\*\*(Builds on|Next)\.\*\* (.*)$", text, re.M))
    for title, file in LINK.findall(text):
        assert file in titles, f"{file} is no lesson"
        told = re.fullmatch(r"(?:lesson )?(\d+)", title)
        assert not told or int(told[1]) == int(file[:2]), f"[{title}] leads to {file}"
    for line in lines.values():
        assert not re.search(r"\b[Ll]essons? \d", line), f"link by its title what this names: {line}"
        assert all(title == titles[file] for title, file in LINK.findall(line)), line
    before = [int(file[:2]) for _, file in LINK.findall(lines["Builds on"])]
    assert all(n < number for n in before) and (before or number == 1)
    after = [int(file[:2]) for _, file in LINK.findall(lines["Next"])]
    follows = [number + 1][: len(lessons) - number]
    assert after == follows, f"**Next.** of lesson {number} must link the lesson that follows, {follows}"
    for named in re.findall(r"\b[Ll]essons? (\d+)", text):
        assert int(named) in lessons, f"there is no lesson {named}"


BIBLIOGRAPHY = parse_file(ROOT / "book" / "references.bib").entries
CITED = {key.strip() for n in usage.lessons()
         for hit in re.findall(r"\{cite:\w+\}`([^`]+)`", prose(n)) for key in hit.split(",")}  # fmt: skip


def test_what_is_cited_is_listed_and_what_is_listed_is_cited() -> None:
    """Lessons and bibliography name the same works, each work once."""
    assert set(BIBLIOGRAPHY) == CITED, set(BIBLIOGRAPHY) ^ CITED
    numbers = Counter(e.fields["eprint"] for e in BIBLIOGRAPHY.values() if "eprint" in e.fields)
    titles = Counter(e.fields["title"].lower() for e in BIBLIOGRAPHY.values())
    assert max(numbers.values()) == max(titles.values()) == 1


@pytest.mark.parametrize("key", sorted(BIBLIOGRAPHY))
def test_a_citation_is_complete(key: str) -> None:
    """Authors, title with its capitals, year, venue, and a DOI, an arXiv number or an address that fit."""
    entry = BIBLIOGRAPHY[key]
    fields, authors = entry.fields, [str(person) for person in entry.persons["author"]]
    assert authors and "others" not in authors[:-1]
    assert authors[-1] != "others" or len(authors) > 5, "name five authors or more before 'others'"
    assert re.fullmatch(r"\{.*\}", fields["title"]), "a second pair of braces keeps the capitals of a title"
    assert re.fullmatch(r"(?:19|20)\d\d", fields["year"])
    assert any(fields.get(name) for name in ("journal", "booktitle", "institution", "howpublished")), "venue"
    assert any(fields.get(name) for name in ("doi", "eprint", "url")), "identifier"
    if "eprint" in fields:
        number = re.fullmatch(r"(\d\d)(0[1-9]|1[0-2])\.\d{4,5}", fields["eprint"])
        assert number and fields["archiveprefix"] == "arXiv"
        assert 0 <= int(fields["year"]) - 2000 - int(number[1]) <= 2, "years between arXiv and print"
    assert re.fullmatch(r"10\.\d{4,}/\S+", fields.get("doi", "10.1000/x"))
    assert fields.get("url", "https://").startswith("https://")


# Words that mean something else in an earlier lesson: an attention head, a mixture of experts.
LINKED = usage.term_lessons()
ELSEWHERE = {"head": {2}, "expert": {4}}


@pytest.mark.parametrize("term", usage.glossary_terms())
def test_a_term_is_linked_where_it_is_first_used(term: str) -> None:
    """The first lesson that uses a term links it; from there the glossary leads back to that lesson."""
    flags = re.I if term != term.upper() and term not in {"GiB", "ZeRO"} else re.NOFLAG
    word = re.compile(rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", flags)
    for number in usage.lessons():
        text = LINK.sub(" ", re.sub(r"^#+ .*$", " ", prose(number), flags=re.M))
        if word.search(text) and number not in ELSEWHERE.get(term, ()):
            first = LINKED[term.lower()][0]
            assert first <= number, f"lesson {number} uses {term!r} before lesson {first} links it"
            return
