"""What the sources have wrong is not repeated: it stands in the book only beside its correction.

A unit of text is a cell of a notebook with its output, a paragraph of a page, or a call in a quiz or an
explorable. Free of the rule: the section "Check the source", the fact check page, wrong options of a quiz,
and a unit that says of the statement that it is a claim of a source text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT, lesson_paths
from test_factcheck import WRONG

from course_lib import notebooks


@dataclass(frozen=True)
class Known:
    """A wrong statement: how it would be written, what sets it right, and the source's sentence to try on."""

    pattern: str
    right: str
    says: str


KNOWN = {
    "B007": Known(r"GPT-3 (is|was)[^.]{0,40}(1,?000|thousand)[ -]?(x|times|fold)", r"\b112\b",
                  "GPT-3 was 1000x bigger than GPT-2."),
    "B008": Known(r"\b40 ?(B|billion) tokens", r"40 GB|\b9\.0|gigabytes", "GPT-2 read 40 billion tokens."),
    "B029": Known(r"([Ee]ach|[Ee]very) (tenfold|10x|ten)[^.]{0,80} by (a fixed|the same) amount",
                  r"\bratio\b|by a factor", "Each 10x in parameters lowers the loss by a fixed amount."),
    "B030": Known(r"(about|~|by|some) ?0\.5 nats", r"0\.37|0\.45", "Ten times larger: about 0.5 nats less."),
    "B031": Known(r"Kaplan[^.]{0,60}(L_inf|L_\\infty|irreducible)", r"\bno (constant|floor)",
                  "Kaplan's laws add an irreducible loss."),
    "A002": Known(r"\b117M\b", r"124(\.4)?M|GPT-1\b", "GPT-2 Small has 117M parameters."),
    "A003": Known(r"\b345M\b", r"354\.8|more, and", "GPT-2 Medium has 345M parameters."),
    "A004": Known(r"\b762M\b", r"774\.0|more, and", "GPT-2 Large has 762M parameters."),
    "E013": Known(r"(\b2T|(2|two) trillion) param", r"174", "96 layers, 128 heads, 2T parameters."),
    "B022": Known(r"\b65 ?%[^.]{0,60}\b33 ?%", r"70\.2|every head", "FFN has 65 %, attention 33 %."),
    "E035": Known(r"\^?\{*1\.34\}*[^\d]{0,6}D\^?\{*1\.34|N\^\{*1\.34", r"exponent 1\b",
                  "C grows as N^1.34 D^1.34."),
    "A012": Known(r"thousands of GPU[- ]years", r"petaflop/s-days", "It took thousands of GPU-years."),
    "B068": Known(r"\b34 days", r"85\.\d|projection|narayanan", "About 1,000 V100s, about 34 days."),
    "D007": Known(r"same compute[^.]{0,60}175B|175B[^.]{0,60}same compute", r"not matched",
                  "Chinchilla with the same compute beats the 175B model."),
    "D008": Known(r"GPT-3[^.]{0,40}Chinchilla[^.]{0,40}about equal", r"67\.6",
                  "GPT-3 and Chinchilla are about equal on benchmarks."),
    "B046": Known(r"Llama 2[^.]{0,60}\b20 tokens", r"\b29\b", "Chinchilla, Llama 2: 20 tokens each."),
    "C024": Known(r"LLaMA[^.]{0,40}Chinchilla-optimal", r"148", "LLaMA: Chinchilla-optimal training."),
    "P7-10": Known(r"\b16\.55", r"10\.5|own plan|the report says", "0.29 C^0.53 tokens are 16.55T."),
    "B047": Known(r"\b75 ?(x|×|times|-fold)", r"\b93\b|93\.4|\b94", "Llama 3 8B: 75x the Chinchilla ratio."),
    "D015": Known(r"\b100 ?(x|×|times) cheaper", r"1\.59|38\.1", "Served 100 times more it is 100x cheaper."),
    "D018": Known(r"\b10[-–]100B|\b1T\+", r"No border|7\.1B", "10–100B in-context learning, 1T+ olympiads."),
    "E023": Known(r"\bT5 (uses|with|has) GeGLU|GeGLU[^.]{0,20}\(?T5\b(?! v)", r"v1\.1", "T5 uses GeGLU."),
    "E024": Known(r"(RMSNorm|RoPE)[^.]{0,50}(is an|are) activation", r"normalization",
                  "RMSNorm and RoPE are activation functions."),
    "E001": Known(r"\b382\.1\b|\b24\.6 (GB|GiB)", r"367\.6", "Total: 382.1 GB."),
    "E002": Known(r"(width|depth|layers)[^.]{0,40}in proportion to the parameters", r"cube",
                  "Width and depth scale in proportion to the parameters."),
    "C027": Known(r"(8|eight) experts of (about |~)?7B", r"5\.64", "It has eight experts of about 7B each."),
    "C031": Known(r"100B[^.]{0,20}\bactive|activates[^.]{0,10}100B", r"\b1\.73?B", "Switch: ~100B active."),
}
CODE = {"E010", "E011", "E006", "B001", "B002"}  # listings that do not do what they say: nothing to be quoted
AS_CLAIM = re.compile(r"\bclaim\b|source texts?\b|\btext \d\b|a text in our collection", re.I)


def faults(unit: str) -> list[str]:
    """Claims that a unit of text repeats as if they were true."""
    if AS_CLAIM.search(unit):
        return []
    return [id for id, known in KNOWN.items()
            if re.search(known.pattern, unit) and not re.search(known.right, unit)]


def lesson_units(path: Path) -> Iterator[str]:
    """Cells outside "Check the source": text or code, with what it printed. A listed check is left out."""
    section = ""
    for cell in notebooks.read(path)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and (head := re.search(r"^## (.+)$", source, re.M)):
            section = head[1].strip()
        if section == "Check the source" or "factcheck." in source:
            continue
        said = [text for o in cell.get("outputs", [])
                for text in (o.get("text"), o.get("data", {}).get("text/plain"))]
        yield "\n".join([source, *("".join(text) for text in said if text)])


def page_units() -> Iterator[tuple[str, str]]:
    """Paragraphs of the pages, the README and the guide for contributors."""
    pages = [*(ROOT / "book").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for path in pages:
        if path.name != "fact_check.md":
            for unit in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
                yield path.name, unit


def spoken(call: ast.AST) -> str:
    """All texts inside a call, placeholders as …; wrong options of a quiz aside."""
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("wrong", "trap"):
        return ""
    if isinstance(call, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"
                       for part in call.values)
    if isinstance(call, ast.Constant):
        return call.value if isinstance(call.value, str) else ""
    return "\n".join(filter(None, (spoken(child) for child in ast.iter_child_nodes(call))))


def code_units() -> Iterator[tuple[str, str]]:
    """Each call, assignment and answer that holds texts, of quizzes, explorables and the catalog's data."""
    library = ROOT / "course_lib"
    paths = [*(library / "quizzes").glob("q[0-9]*.py"), *(library / "widgets" / "explore").glob("*.py"),
             *(library / "catalog").glob("*.py")]
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call | ast.Return | ast.Assign) and (unit := spoken(node)):
                yield path.name, unit


def test_every_wrong_claim_is_watched() -> None:
    """A claim that turns out wrong must be described here, or be a listing of code."""
    wrong = set().union(*WRONG.values())  # test_factcheck holds this list against the library
    assert wrong == set(KNOWN) | CODE and not set(KNOWN) & CODE


@pytest.mark.parametrize("id", KNOWN)
def test_the_watch_hears_the_sources(id: str) -> None:
    """The source's own sentence is caught; named as a claim it is not."""
    assert id in faults(KNOWN[id].says)
    assert faults("A source text has it otherwise: " + KNOWN[id].says) == []


def test_lessons_repeat_no_wrong_claim() -> None:
    units = [(path.stem, unit) for path in lesson_paths() for unit in lesson_units(path)]
    assert len(units) > 20 * len(lesson_paths())
    assert [(name, found, unit[:400]) for name, unit in units if (found := faults(unit))] == []


def test_pages_repeat_no_wrong_claim() -> None:
    units = list(page_units())
    assert len(units) > 50
    assert [(name, found, unit[:400]) for name, unit in units if (found := faults(unit))] == []


def test_quizzes_and_explorables_repeat_no_wrong_claim() -> None:
    units = list(code_units())
    assert len(units) > 500
    assert [(name, found, unit[:400]) for name, unit in units if (found := faults(unit))] == []


def test_a_wrong_option_may_say_it_and_nothing_else() -> None:
    """The same text in a wrong option is passed over; in the question, or in a right option, it is heard."""
    said = KNOWN["E035"].says
    calls = [f"single('Which?', {name}('{said}', 'no'))" for name in ("wrong", "right")]
    quiet, loud = (spoken(ast.parse(call)) for call in calls)
    assert "Which?" in quiet and faults(quiet) == [] and faults(loud) == ["E035"]
