"""Reading the book's mathematics: which symbols a lesson uses, which the glossary explains."""

from __future__ import annotations

import re
from dataclasses import dataclass

CODE = re.compile(r"^```(?!\{).*?^```|`[^`]*`", re.S | re.M)
MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+)\$", re.S)
WORDS = re.compile(r"\\(?:text|mathrm|operatorname)\{[^{}]*\}")
# What is no symbol: functions, operators, layout. A name that is not here has to be in the glossary.
_NAMES = """
    ln log exp max min Pr cdot dots times frac tfrac binom sqrt sum left right big Big bigl Bigl bigr Bigr
    underbrace qquad quad approx propto gtrsim ge le ne in pm leftarrow infty odot top lceil rceil succ
    widehat bar overline begin end aligned partial i j
"""
NOT_SYMBOLS = frozenset(_NAMES.split())
TOKEN = re.compile(r"\\(mathcal\{\w|bar\{[A-Z])\}|\\([A-Za-z]+)|([A-Za-z])|(.)", re.S)


def group(tex: str, at: int) -> tuple[str, int]:
    """The argument that begins at a place: a group in braces, a command, or one sign; and where it ends."""
    if tex[at] != "{":
        found = re.compile(r"\\[A-Za-z]+(?:\{[^{}]*\})?|.", re.S).match(tex, at)
        assert found
        return found.group(), found.end()
    depth, end = 0, at
    while True:
        depth += {"{": 1, "}": -1}.get(tex[end], 0)
        end += 1
        if depth == 0:
            return tex[at + 1 : end - 1], end


def subscript(inner: str) -> str:
    """A subscript as part of a name, or nothing where it is a bound or an index: "i", "j \\in J", "i=1"."""
    words = re.sub(r"\\(?:text|mathrm)\{([^{}]*)\}", r"\1", inner).strip()
    name = re.sub(r"[\\{} ]", "", words)
    return "" if re.search(r"[=,<>]|\\in\b", words) or name in {"i", "j", "v"} else name


def symbols(tex: str) -> set[str]:
    """Symbols of a formula, as one types them: "N", "n_L", "D_inf", "alpha_N", "N^*", "D'"."""
    tex = re.sub(r"\\\\(\[.*?\])?|\\mathbb\{E\}|\\[,;:! ]|&|\\underbrace(?=\{)", " ", tex)
    tex = re.sub(r"\\(?:begin|end)\{\w+\}", " ", tex)
    found: set[str] = set()
    at = 0
    while at < len(tex):
        words = WORDS.match(tex, at)
        if words:  # words are no symbols, and neither is what stands below them
            at = words.end()
            while at < len(tex) and tex[at] in "_^":
                inner, at = group(tex, at + 1)
                found |= symbols(inner)
            continue
        token = TOKEN.match(tex, at)
        assert token
        at = token.end()
        script, command, letter, _ = token.groups()
        name = (script or "").replace("{", " ").removeprefix("math") or command or letter
        sub = star = ""
        while name and at < len(tex) and tex[at] in "_^'":
            if tex[at] == "'":
                star, at = "'", at + 1
                continue
            inner, after = group(tex, at + 1)
            if tex[at] == "_":
                sub = subscript(inner)
                found |= set() if sub else symbols(re.sub(r"\\text\{[^{}]*\}", "", inner))
            elif inner == "*":
                star = "^*"
            else:
                found |= symbols(inner)
            at = after
        if name and name not in NOT_SYMBOLS:
            found.add(name + (f"_{sub}" if sub else "") + star)
        elif not name and token.group() == "_":  # a label below a brace
            _, at = group(tex, at)
    return found


def formulas(markdown: str) -> list[str]:
    """Every formula of a text, without code."""
    return [display or inline for display, inline in MATH.findall(CODE.sub(" ", markdown))]


@dataclass(frozen=True)
class Meaning:
    """One row of the glossary's tables of symbols. No lessons: it means the same in all."""

    symbols: tuple[str, ...]
    says: str
    unit: str
    lessons: tuple[int, ...]


def meanings(glossary: str) -> list[Meaning]:
    """The rows of both tables of symbols."""
    rows = []
    for line in glossary.split("## Terms")[0].splitlines():
        if not line.startswith("| $"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = tuple(name for tex in formulas(cells[0]) for name in sorted(symbols(tex)))
        lessons = tuple(int(n) for n in re.findall(r"\d+", cells[3])) if len(cells) > 3 else ()
        rows.append(Meaning(names, cells[1], cells[2], lessons))
    return rows
