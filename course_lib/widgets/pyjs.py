"""One formula, two homes: compile the course's plain Python to JavaScript.

``pscript`` translates functions; this module decides which modules travel (the formulas, the counting
rules, the number formats, the marking of answers and every explorable's ``compute``) and links them.
The result is one classic script that fills ``globalThis.courseModules``: no ``eval``, no server.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pscript

from course_lib import files

# In order: a module may use the ones before it.
SHARED = (
    "course_lib.text",
    "course_lib.formulas",
    "course_lib.accounting",
    "course_lib.memory",
    "course_lib.numberformats",
    "course_lib.roofline",
    "course_lib.parallelism",
    "course_lib.pipelines",
    "course_lib.study.slices",
    "course_lib.quizzes.marking",
    "course_lib.proportions",
    "course_lib.outlook",
    "course_lib.planner",
    "course_lib.plan_page",
    "course_lib.game",
)
EXPLORE = "course_lib.widgets.explore"
_PRELUDE = Path(__file__).parent / "front" / "prelude.js"
# Compiled modules are kept where Python keeps its own: compiling all of them takes more than a second.
KEPT = Path(__file__).parent / "__pycache__"


def short_name(module: str) -> str:
    """The name of a module inside the page: ``course_lib.widgets.explore.lesson_01`` -> ``lesson_01``."""
    return module.rsplit(".", 1)[-1]


def source_of(module: ModuleType) -> str:
    """A module's source; of a package, that of the modules whose names it gathers, as if they were one."""
    source = inspect.getsource(module)
    if not hasattr(module, "__path__"):
        return source
    parts = [node.module for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    return "\n\n\n".join(inspect.getsource(importlib.import_module(part)) for part in parts if part)


def explore_modules() -> list[str]:
    """Every module of explorables, by full name."""
    package = importlib.import_module(EXPLORE)
    return sorted(
        f"{EXPLORE}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if m.name.startswith("lesson_")
    )


def _link(node: ast.Import | ast.ImportFrom, known: dict[str, str]) -> list[str]:
    """JavaScript for the imports that name compiled modules; other imports vanish."""
    lines = []
    for alias in node.names:
        local = alias.asname or alias.name.rsplit(".", 1)[-1]
        base = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        full = f"{base}.{alias.name}" if base else alias.name
        if full in known:
            lines.append(f"var {local} = courseModules.{known[full]};")
        elif base in known:
            lines.append(f"var {local} = courseModules.{known[base]}.{alias.name};")
    return lines


def _travels(node: ast.stmt) -> bool:
    """Plain functions and constants travel; classes, decorated functions and those that import stay home."""
    if isinstance(node, ast.FunctionDef):
        imports = any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(node))
        return not node.decorator_list and not imports
    if isinstance(node, ast.Assign):
        return all(isinstance(t, ast.Name) for t in node.targets) and _is_plain(node.value)
    return isinstance(node, ast.AnnAssign) and node.value is not None and _is_plain(node.value)


def _is_plain(value: ast.expr) -> bool:
    """Whether an expression needs no call: numbers, strings, lists, dicts and arithmetic on them."""
    return not any(isinstance(n, ast.Call | ast.Set | ast.Lambda) for n in ast.walk(value))


def _public_names(body: list[ast.stmt]) -> list[str]:
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [t.id for t in node.targets if isinstance(t, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return names


def _strip_annotations(body: list[ast.stmt]) -> list[ast.stmt]:
    """Annotations mean nothing in the page, and some of them do not parse there."""
    out: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node = ast.Assign(targets=[node.target], value=node.value)
        for sub in ast.walk(node):
            if isinstance(sub, ast.FunctionDef):
                sub.returns = None
                for arg in [*sub.args.args, *sub.args.kwonlyargs]:
                    arg.annotation = None
                if (
                    len(sub.body) > 1
                    and isinstance(sub.body[0], ast.Expr)
                    and isinstance(sub.body[0].value, ast.Constant)
                ):
                    sub.body = sub.body[1:]  # the docstring stays at home
        out.append(ast.fix_missing_locations(node))
    return out


def compile_source(source: str, name: str, known: dict[str, str]) -> str:
    """One module's source as a JavaScript block that sets ``courseModules.<name>``.

    ``known`` maps full names of compiled modules to their names in the page.
    Raises ValueError with the module's name when the source leaves the plain subset.
    """
    tree = ast.parse(source)
    links = [
        line for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom) for line in _link(n, known)
    ]
    body = _strip_annotations([n for n in tree.body if _travels(n)])
    names = _public_names(body)
    plain = "\n\n".join(ast.unparse(node) for node in body)
    try:
        js = pscript.py2js(plain, inline_stdlib=False, docstrings=False) if plain else ""
    except Exception as error:  # pscript raises its own error type, with a position in the stripped source
        raise ValueError(f"{name} is not plain enough to run in the page: {error}") from error
    exports = ", ".join(f"{n}: {n}" for n in names)
    return (
        f"courseModules.{name} = (function () {{\n"
        + "\n".join(links)
        + f"\n{js}\nreturn {{{exports}}};\n}})();\n"
    )


def compile_module(module: ModuleType | str) -> str:
    """A module by object or name, compiled with links to the shared ones."""
    loaded = importlib.import_module(module) if isinstance(module, str) else module
    return compile_source(source_of(loaded), short_name(loaded.__name__), _known())


def _known() -> dict[str, str]:
    return {m: short_name(m) for m in (*SHARED, *explore_modules())}


def needed(names: Iterable[str]) -> list[str]:
    """Full names of the compiled modules that those of these short names use, themselves included, in order.

    An unknown name is a ValueError that lists the known ones.
    """
    every = _known()
    full = {short: name for name, short in every.items()}
    open_, found = list(names), set[str]()
    while open_:
        short = open_.pop()
        if short not in full:
            raise ValueError(f"no compiled module {short!r}; there are {', '.join(full)}")
        if full[short] not in found:
            found.add(full[short])
            open_ += [every[name] for name in _imports(full[short]) if name in every]
    return [name for name in every if name in found]


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    """Full names that a module's imports may mean."""
    tree = ast.parse(source_of(importlib.import_module(module)))
    nodes = (n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    return tuple(name for node in nodes for name in _imported(node))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Full names that an import may mean: what it names, and the module that it takes names from."""
    base = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    yield base
    for alias in node.names:
        yield f"{base}.{alias.name}" if base else alias.name


@functools.cache
def _compiled(module: str) -> str:
    """A module for the page: as an earlier process has left it, if source and compiler are still the same."""
    name, known = short_name(module), _known()
    source = source_of(importlib.import_module(module))
    compiler = [pscript.__version__, Path(__file__).read_text(encoding="utf-8")]
    key = hashlib.sha256(json.dumps([source, known, compiler]).encode()).hexdigest()[:16]
    kept = KEPT / f"{name}-{key}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    js = compile_source(source, name, known)
    with suppress(OSError):  # a folder that cannot be written: compiled anew each time
        files.replace_text(kept, js)
        for old in KEPT.glob(f"{name}-{'?' * 16}.js"):
            if old != kept:
                old.unlink(missing_ok=True)
    return js


@functools.cache
def bundle_js() -> str:
    """The whole script: prelude, pscript's helpers, shared modules, every explorable's compute."""
    return _wrap("".join(_compiled(m) for m in (*SHARED, *explore_modules())))


def page_js(*modules: str) -> str:
    """The script of a page that shows explorables of these modules (short names): only what they use.

    The marking of quizzes and the number formats are always in, since every page with a widget may need them.
    """
    return _wrap("".join(_compiled(m) for m in needed(("text", "marking", *modules))))


def function_js(function: object) -> str:
    """One stand-alone compute, such as a reader writes in a notebook cell, as ``courseModules.here``."""
    block = compile_source(inspect.getsource(function), "here", _known())  # type: ignore[arg-type]
    return f"(function () {{\nvar courseModules = globalThis.courseModules;\n{_helpers()}\n{block}}})();\n"


def _helpers() -> str:
    # pscript's own number formatting differs from Python's; the prelude's replaces it.
    return pscript.get_full_std_lib() + "\n" + _PRELUDE.read_text(encoding="utf-8")


def _wrap(code: str) -> str:
    digest = hashlib.sha256(code.encode()).hexdigest()[:12]
    return (
        f"/* compiled from course_lib, {digest} */\n(function () {{\n"
        "var courseModules = globalThis.courseModules = globalThis.courseModules || {};\n"
        f"{_helpers()}\n{code}}})();\n"
    )
