"""The course's own Sphinx extension: what a page carries, and nothing else.

The layout (book/_templates/layout.html) names every script and style of a page, so the theme's
and the extensions' own assets are neither loaded nor shipped. Formulas: course_math.py.
"""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path
from typing import Any

import course_home
import course_usage as usage
from course_bibliography import CourseStyle
from course_kept import kept
from docutils import nodes
from pybtex.plugin import find_plugin, register_plugin
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import solution_node

ROOT = Path(__file__).resolve().parents[2]
KEPT = {"documentation_options.js", "doctools.js", "language_data.js", "searchtools.js",
        "sphinx_highlight.js", "pygments.css"}
MODULE = re.compile(r'"module":\s*"(lesson_\d\d)"')  # in the state of an explorable
MATH = r'<math display="inline">(?:(?!</math>).)*</math>'
LESSON_LINK = re.compile(r'(<a class="[^"]*" href="(?:#|(?:[^"]*/)?(\d\d)_[^"]*)">)')
MENDED = [
    # A formula keeps the punctuation around it on its line.
    (rf"[(\[“‘]+{MATH}[,.;:!?)’-]*|{MATH}[,.;:!?)’-]+", r'<span class="keep">\g<0></span>'),
    # The mark by which the tests know a compared cell says nothing to a reader.
    (r'<span class="c1"># NBVAL_CHECK_OUTPUT</span>\n', ""),
    # Roles that docutils gives to elements that may not have them.
    (r' role="(?:doc-biblioentry|list)"', ""),
    # Leftovers of an extension of jupyter-book that the course does not use: pages hold no code of their own.
    (r'<script type="text/x-thebe-config">.*?</script>\s*|<script>kernelName = .*?</script>\s*', ""),
]
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={home}">
<link rel="icon" href="_static/favicon.svg">
</head>
<body><main><h1>{title}</h1><p><a href="{home}">Open the book</a></p></main></body>
</html>
"""


class details(nodes.General, nodes.Element):
    """A native disclosure: replaces script-driven dropdowns."""


def visit_details(self: Any, node: Any) -> None:
    """Open a <details>; its first child is the summary's title."""
    self.body.append(self.starttag(node, "details"))


def depart_details(self: Any, node: Any) -> None:
    """Close a <details>."""
    self.body.append("</details>\n")


class summary(nodes.General, nodes.TextElement):
    """The title line of a details node."""


def visit_summary(self: Any, node: Any) -> None:
    """Open a <summary>."""
    self.body.append("<summary>")


def depart_summary(self: Any, node: Any) -> None:
    """Close a <summary>."""
    self.body.append("</summary>\n")


def fold_dropdowns(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn solutions and admonitions of class `dropdown` into native <details>."""
    for node in list(doctree.findall(nodes.Element)):
        is_solution = isinstance(node, solution_node)
        if not is_solution and "dropdown" not in node.get("classes", []):
            continue
        if not node.children or not isinstance(node[0], nodes.TextElement):
            continue
        folded = details("", classes=[*node["classes"], "folded"], ids=node["ids"])
        folded += summary("", node[0].astext())  # plain text: a link inside a summary is a trap
        folded += node.children[1:]
        node.replace_self(folded)


class CourseWidget(SphinxDirective):
    """Place the static form of a widget in a Markdown page: ``{course-widget} package.module:function``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Call the function and embed the HTML that its widget carries."""
        name = "widget-" + re.sub(r"\W", "-", self.arguments[0])
        return [nodes.raw("", kept(name, self.static_html), format="html")]

    def static_html(self) -> str:
        """The form of the widget for a page without a kernel."""
        module, _, function = self.arguments[0].partition(":")
        try:
            widget = getattr(importlib.import_module(module), function)()
        except (ImportError, AttributeError) as problem:
            raise self.error(f"course-widget expects an importable module:function: {problem}") from problem
        return str(widget.static_html())


class HomePicture(SphinxDirective):
    """The drawing of the home page, computed from the catalog when the book is built."""

    def run(self) -> list[nodes.Node]:
        """Embed the figure."""
        return [nodes.raw("", course_home.picture(), format="html")]


class LessonList(SphinxDirective):
    """All lessons by part; those in this build are links."""

    def run(self) -> list[nodes.Node]:
        """Embed the list."""
        return [nodes.raw("", course_home.lesson_list(self.env.found_docs), format="html")]


def bind_percent(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Keep a number and its percent sign on one line."""
    for node in list(doctree.findall(nodes.Text)):
        if not isinstance(node.parent, (nodes.literal, nodes.literal_block, nodes.raw, nodes.math)):
            bound = re.sub(r"(?<=\d) %", "\u00a0%", node)
            if bound != node:
                node.parent.replace(node, nodes.Text(bound))


def place_of(pagename: str) -> str:
    """Part and number of a lesson, as the line above its title; empty for other pages."""
    lessons = usage.lessons().values()
    parts = list(dict.fromkeys(lesson.part for lesson in lessons))
    found = [lesson for lesson in lessons if pagename == f"lessons/{lesson.file}"]
    return f"Part {parts.index(found[0].part) + 1} · Lesson {found[0].number}" if found else ""


def numbered(pagename: str, contents: str) -> str:
    """The book's contents with each lesson's number before its title: texts name lessons by number."""
    here = re.match(r"lessons/(\d\d)_", pagename)

    def with_number(link: re.Match[str]) -> str:
        number = link[2] or (here[1] if here else "")
        return f'{link[1]}<span class="nr">{int(number)}</span> ' if number else link[1]

    return LESSON_LINK.sub(with_number, contents)


def page_context(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """What the layout needs to know about a page."""
    notebook = app.env.doc2path(pagename) if pagename in app.env.all_docs else ""
    context["notebook"] = f"_sources/{pagename}.ipynb" if str(notebook).endswith(".ipynb") else ""
    context["place"] = place_of(pagename)
    context["numbered"] = lambda contents: numbered(pagename, contents)
    for pattern, new in MENDED:
        if "body" in context:
            context["body"] = re.sub(pattern, new, context["body"], flags=re.S)
    body = context.get("body") or ""
    context["has_widgets"] = 'class="course-widget' in body
    if context["has_widgets"]:
        context["compute"] = write_compute(Path(app.outdir), sorted(set(MODULE.findall(body))))


def write_compute(out: Path, modules: list[str]) -> str:
    """The compiled Python that a page needs, as a file beside the others; its name."""
    from course_lib.widgets.pyjs import page_js

    name = "-".join(["compute", *modules]) + ".js"
    path = out / "_static" / name
    script = page_js(*modules)
    if not path.exists() or path.read_text(encoding="utf-8") != script:
        path.write_text(script, encoding="utf-8")
    return name


def copy_front_end(app: Sphinx) -> None:
    """Put the built front end next to the pages."""
    target = Path(app.outdir) / "_static"
    target.mkdir(parents=True, exist_ok=True)
    for path in target.glob("compute*.js"):  # of an earlier build, whose pages may stay as they are
        write_compute(Path(app.outdir), path.stem.split("-")[1:])
    for name in ("course.js", "course.css"):
        shutil.copyfile(ROOT / "course_lib" / "widgets" / "static" / name, target / name)


def trim(app: Sphinx, error: Exception | None) -> None:
    """Remove the theme's assets that no page loads, and make index.html a proper page."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    own = {p.relative_to(ROOT / "book" / "assets").parts[0] for p in (ROOT / "book" / "assets").rglob("*")}
    for path in (out / "_static").iterdir():
        if path.name in KEPT | own | {"course.js", "course.css"} or path.name.startswith("compute"):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(out / "_sphinx_design_static", ignore_errors=True)
    page = INDEX.format(title=app.config.project, home=app.config.root_doc + ".html")
    (out / "index.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything."""
    app.setup_extension("course_launch")
    app.setup_extension("course_math")
    app.setup_extension("course_facts")
    app.setup_extension("course_ways")
    html = {"html": (visit_details, depart_details)}
    app.add_node(details, **html)  # type: ignore[arg-type]
    app.add_node(summary, html=(visit_summary, depart_summary))
    app.add_directive("course-widget", CourseWidget)
    app.add_directive("home-picture", HomePicture)
    app.add_directive("lesson-list", LessonList)
    register_plugin("pybtex.style.formatting", "course", CourseStyle)
    # Asked for at every citation, and else looked for among all installed packages each time.
    register_plugin("pybtex.backends", "plaintext", find_plugin("pybtex.backends", "plaintext"), force=True)
    app.connect("doctree-resolved", fold_dropdowns, priority=900)
    app.connect("doctree-resolved", bind_percent)
    app.connect("builder-inited", copy_front_end)
    app.connect("html-page-context", page_context, priority=900)
    app.connect("build-finished", trim, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
