"""Ways into the course: reading paths, all explorables, all formulas, the summary sheet, who links a term.

Each directive writes Markdown that the page's own parser reads, so headings, formulas and links are checked
like those of any page. What stands in it comes from the lessons and the library (course_usage.py).
"""

from __future__ import annotations

import html
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import course_summary
import course_usage as usage
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PATHS = usage.ROOT / "book" / "paths.yml"
GLOSSARY = "book/glossary"
ANCHORED = re.compile(
    r'(<div class="course-widget" data-kind="explorable"><script type="application/json">'
    r'\{"kind":"explorable","spec":\{"id":"([\w-]+)"(?:(?!</script>).)*</script>'
    r'<div class="course-fallback")>',
    re.S,
)
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "λ": "lambda",
    "μ": "mu", "µ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
}  # fmt: skip


class Written(SphinxDirective):
    """A directive that writes Markdown; its page is read again when a lesson changes."""

    optional_arguments = 1

    def markdown(self) -> str:
        """What stands in the page."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown where the directive stands.

        With the argument `opening` what comes before the first heading, otherwise from the first heading on
        (or all, if there is none): sections are put into the page at once, before anything that is returned.
        """
        lists = [usage.ROOT / "book" / "lessons.yml", PATHS]
        for path in [*usage.notebook_paths(), *lists]:
            self.env.note_dependency(str(path))
        usage.lessons.cache_clear()
        opening, *sections = re.split(r"^(?=##)", self.markdown(), maxsplit=1, flags=re.M)
        text = opening if "opening" in self.arguments or not sections else sections[0]
        box = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), self.env.docname), 0, box, match_titles=True)
        return box.children


def minutes_of(numbers: list[int]) -> int:
    """Minutes of some lessons together."""
    return sum(usage.lessons()[n].minutes for n in numbers)


def hours(minutes: int) -> str:
    """Reading time in words: "45 minutes", "2 h 35 min"."""
    return f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def reading_paths() -> list[dict[str, Any]]:
    """The paths of paths.yml; a ValueError where one names a lesson or an explorable that is not there."""
    paths = yaml.safe_load(PATHS.read_text(encoding="utf-8"))
    homes = {e.id: e.lesson for e in usage.explorables()}
    for path in paths:
        for step in path["steps"]:
            if step["lesson"] not in usage.lessons():
                raise ValueError(f"paths.yml, {path['id']}: there is no lesson {step['lesson']}")
            for id in step.get("open", []):
                home = homes.get(id)
                if home != step["lesson"]:
                    raise ValueError(f"paths.yml: {id!r} is not in lesson {step['lesson']} but in {home}")
    return paths


def path_lessons(path: dict[str, Any]) -> list[int]:
    """The lessons of a path, each once, in the order in which they come up."""
    return list(dict.fromkeys(step["lesson"] for step in path["steps"]))


class PathSteps(Written):
    """The steps of one reading path: ``{path-steps} id``."""

    required_arguments = 1
    optional_arguments = 0

    def markdown(self) -> str:
        """Time, then a list of lessons with what to open in each."""
        found = [p for p in reading_paths() if p["id"] == self.arguments[0]]
        if not found:
            raise self.error(f"no path {self.arguments[0]!r} in book/paths.yml")
        return _steps(found[0])


def _steps(path: dict[str, Any]) -> str:
    """A path as HTML in Markdown: how long it takes, and an ordered list."""
    numbers = path_lessons(path)
    shown = {e.id: e for e in usage.explorables()}
    count = f"{len(numbers)} lessons" if len(numbers) > 1 else "one lesson"
    rows = []
    for step in path["steps"]:
        lesson = usage.lessons()[step["lesson"]]
        name = f'<a href="{lesson.href}">Lesson {lesson.number}: {html.escape(lesson.title)}</a>'
        titles = {id: html.escape(shown[id].title) for id in step.get("open", [])}
        opened = [f'<a href="{lesson.href}#{id}">{title}</a>' for id, title in titles.items()]
        ask = f"<b>{html.escape(step['ask'])}</b>" if "ask" in step else ""
        what = f'<p class="path-open">Open {" · ".join(opened)}</p>' if opened else ""
        why = html.escape(step["why"])
        rows.append(f"<li>{ask}{name} <small>{lesson.minutes} min</small><p>{why}</p>{what}</li>")
    pace = "if you read all of them" if "ask" in path["steps"][0] else "at an easy pace"
    total = f'<p class="path-time">{count}, {hours(minutes_of(numbers))} {pace}.</p>'
    return f'{total}\n<ol class="path">{"".join(rows)}</ol>'


def _length(path: dict[str, Any]) -> str:
    """How long a path is: in hours, or in questions where each stands alone."""
    asked = sum("ask" in step for step in path["steps"])
    return f"{asked} questions, each by itself" if asked else hours(minutes_of(path_lessons(path)))


class PathList(Written):
    """The paths with their times, one line each, for other pages."""

    def markdown(self) -> str:
        """Links to the three paths."""
        rows = [f'<li><a href="paths.html#{p["id"]}">{html.escape(p["reader"])}</a> '
                f"<small>{_length(p)}</small></li>"
                for p in reading_paths()]  # fmt: skip
        return f'<ul class="path-list">{"".join(rows)}</ul>'


class ExplorableList(Written):
    """Every explorable by lesson, with its lead sentence and a link to its very place."""

    def markdown(self) -> str:
        """A heading for each part, a list for each lesson."""
        parts, part = [f"{len(usage.explorables())} explorables in {len(usage.lessons())} lessons."], ""
        for lesson in usage.lessons().values():
            if lesson.part != part:
                part = lesson.part
                parts.append(f"## {part}")
            rows = [_explorable_row(e, lesson) for e in usage.explorables() if e.lesson == lesson.number]
            name = f"[{lesson.number}. {lesson.title}](../lessons/{lesson.file}.ipynb)"
            parts.append(f"### {name}\n\n<ul class=\"shown\">{''.join(rows)}</ul>")
        return "\n\n".join(parts)


def _explorable_row(shown: usage.Shown, lesson: usage.Lesson) -> str:
    """One explorable of the list."""
    lead = re.sub(r"`([^`]+)`|\*([^*\s][^*]*)\*", r"\1\2", shown.lead)
    lead = re.sub(r"\^\{([^}]+)\}", r"^\1", re.sub(r"_\{([^}]+)\}", r"_\1", lead))
    link = f'<a href="{lesson.href}#{shown.id}">{html.escape(shown.title)}</a>'
    return f"<li>{link}<p>{html.escape(lead)}</p></li>"


class FormulaList(Written):
    """Every public formula of the library with its signature, its docstring and the lessons that use it."""

    def markdown(self) -> str:
        """A heading for each topic."""
        groups = usage.formula_groups()
        count = sum(len(names) for names in groups.values())
        parts = [f"{count} functions, in the order of the files."]
        for heading, names in sorted(groups.items(), key=lambda group: group[0] == usage.CHECKS):  # last
            rows = "".join(_formula_row(name, heading) for name in names)
            parts.append(f"## {heading.split(', arXiv')[0]}\n\n<dl class=\"formulas\">{rows}</dl>")
        return "\n\n".join(parts)


def signature(name: str) -> str:
    """A formula as it is called, without types: chinchilla_loss(params, tokens, law)."""
    function = getattr(importlib.import_module("course_lib.formulas"), name)
    given = inspect.signature(function).parameters.values()
    shown = [str(p.replace(annotation=inspect.Parameter.empty)) for p in given]
    return f"{name}({', '.join(shown)})"


def first_line(name: str) -> str:
    """What a formula computes: the first line of its docstring."""
    function = getattr(importlib.import_module("course_lib.formulas"), name)
    return (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")


def source_of(name: str, heading: str) -> str:
    """The paper that a formula's docstring, or else the heading over it, names; "" for plain arithmetic."""
    text = inspect.getdoc(getattr(importlib.import_module("course_lib.formulas"), name)) or ""
    cited = r"[A-Z][\w-]+(?: et al\.| (?:&|and) [A-Z]\w+)?,? (?:19|20)\d\d\b"
    for place in (text, heading):
        found = re.search(cited, place)
        if found:
            number = re.search(r"\b\d{4}\.\d{5}\b", place)
            return found.group() + (f", arXiv {number.group()}" if number else "")
    return ""


def _formula_row(name: str, heading: str) -> str:
    """One formula: what is called, what it says, where it comes from, who uses it."""
    function = getattr(importlib.import_module("course_lib.formulas"), name)
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    told = "".join(f"<p>{_coded(' '.join(p.split()))}</p>" for p in paragraphs)
    source, where = source_of(name, heading), usage.links(usage.formula_lessons()[name])
    used = f"Used in {where}." if where else _used_in_library(usage.formula_callers()[name])
    notes = f"Source: {html.escape(source)}. {used}" if source else used
    call = html.escape(signature(name)).replace("_", "_<wbr>")
    return f'<dt id="{usage.slug(name)}"><code>{call}</code></dt><dd>{told}<p class="where">{notes}</p></dd>'


def _coded(text: str) -> str:
    """Escaped text in which what stands between backticks is code."""
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", html.escape(text))


def _used_in_library(callers: tuple[str, ...]) -> str:
    """What to say of a formula that no lesson calls itself."""
    if not callers:
        return "No lesson calls it; it is here for your own notebooks."
    shown = ", ".join(f"<code>{html.escape(c)}</code>" for c in callers[:3])
    return f"Used inside {shown}{' and others' if callers[3:] else ''}."


class EquationList(Written):
    """Every labelled equation of the lessons, with a link to its place."""

    def markdown(self) -> str:
        """A heading for each lesson that has one."""
        parts = []
        for lesson in usage.lessons().values():
            own = [e for e in usage.equations() if e.lesson == lesson.number]
            if own:
                parts.append(f"### [{lesson.number}. {lesson.title}](../lessons/{lesson.file}.ipynb)")
            parts += [f"Equation {{eq}}`{e.label}`:\n\n$$\n{e.tex}\n$$" for e in own]
        return "\n\n".join(parts)


class SummarySheet(Written):
    """The formulas a practitioner needs, with numbers computed now."""

    def markdown(self) -> str:
        """Sections of course_summary.py."""
        return course_summary.markdown()


def link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Under every term of the glossary, the lessons that link it; read again when a lesson changes."""
    if app.env.docname != GLOSSARY:
        return
    for path in usage.notebook_paths():
        app.env.note_dependency(str(path))
    found = usage.term_lessons()
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            terms = [" ".join(t.astext().split()).lower() for t in item.findall(nodes.term)]
            numbers = sorted({n for term in terms for n in found.get(term, [])})
            where = usage.links(numbers)
            text = f'<p class="where">{where[:1].upper()}{where[1:]}</p>'
            if where:
                list(item.findall(nodes.definition))[-1].append(nodes.raw("", text, format="html"))


def squeeze(text: str) -> str:
    """A term or a symbol as it is compared in the search: letters and digits, Greek spelled out."""
    for sign, name in GREEK.items():
        text = text.replace(sign, name)
    return re.sub(r"[^a-z0-9]", "", text.lower())


def plain_tex(text: str) -> str:
    """TeX as one would type it: D_\\text{inf} -> D_inf, \\alpha_N -> alpha_N."""
    bare = re.sub(r"\\(?:text|mathrm|mathcal)\{([^}]*)\}", r"\1", text)
    return re.sub(r"[{}$\\]", "", bare).replace("  ", " ").strip()


def terms_index() -> list[dict[str, Any]]:
    """What the search page knows by name: terms, symbols, formulas, explorables. Addresses from the root."""
    rows: list[dict[str, Any]] = []
    for term, told in usage.glossary_terms().items():
        said = plain_tex(re.sub(r"\{term\}`([^`<]+?)(?: <[^>]*>)?`", r"\1", told))
        href = f"{GLOSSARY}.html#{_term_anchor(term)}"
        rows.append({"kind": "term", "name": term, "href": href, "says": said})
    for tex, meaning, _ in usage.glossary_symbols():
        names = plain_tex(tex)
        says = plain_tex(meaning.replace("`", ""))
        rows.append({"kind": "symbol", "name": names, "href": f"{GLOSSARY}.html#symbols", "says": says})
    for group in usage.formula_groups().values():
        rows += [{"kind": "formula", "name": name, "href": f"book/formulas.html#{usage.slug(name)}",
                  "says": first_line(name)} for name in group]  # fmt: skip
    for e in usage.explorables():
        lesson = usage.lessons()[e.lesson]
        href = f"lessons/{lesson.file}.html#{e.id}"
        rows.append({"kind": "explorable", "name": e.title, "href": href, "says": e.lead})
    for row in rows:
        row["key"] = squeeze(row["name"])
    return rows


def _term_anchor(term: str) -> str:
    """The anchor that Sphinx gives to a term of a glossary."""
    kept = re.sub(r"[^a-zA-Z0-9]+", "-", term).strip("-")
    return f"term-{kept}"


def write_terms(app: Sphinx, error: Exception | None) -> None:
    """Put the list for the search page next to the pages, as a script so that it also loads from disk."""
    if error or app.builder.name != "html":
        return
    text = json.dumps(terms_index(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    Path(app.outdir, "_static", "terms.js").write_text(f"window.courseTerms = {text};\n", encoding="utf-8")


def anchor_explorables(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the place of each explorable its name: other pages link to it, also without scripts."""
    if context.get("body"):
        context["body"] = ANCHORED.sub(r'\1 id="\2">', context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and what happens around them."""
    directives: dict[str, type[SphinxDirective]] = {
        "path-steps": PathSteps, "path-list": PathList, "explorable-list": ExplorableList,
        "formula-list": FormulaList, "equation-list": EquationList, "summary-sheet": SummarySheet,
    }  # fmt: skip
    for name, directive in directives.items():
        app.add_directive(name, directive)
    app.connect("doctree-read", link_terms)
    app.connect("html-page-context", anchor_explorables, priority=850)
    app.connect("build-finished", write_terms, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
