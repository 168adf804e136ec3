"""Texts of questions with their little markup, as HTML and as plain text: `code`, *em*, ^{sup}, _{sub}.

The page reads the same markup in ``widgets/front/src/lib/dom.js``.
"""

import html
import re

_MARKUP = re.compile(r"`([^`]+)`|\*([^*\s][^*]*)\*|\^\{([^}]+)\}|_\{([^}]+)\}")
_TAGS = ("code", "em", "sup", "sub")
_RAISED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")


def as_html(text: str) -> str:
    """The text as HTML: what stands between the marks is escaped, so that nothing typed becomes a tag."""
    parts, last = [], 0
    for found in _MARKUP.finditer(text):
        index = found.lastindex or 1
        tag = _TAGS[index - 1]
        parts += [html.escape(text[last : found.start()]), f"<{tag}>{html.escape(found[index])}</{tag}>"]
        last = found.end()
    return "".join(parts) + html.escape(text[last:])


def _plain(found: re.Match[str]) -> str:
    """One marked piece as text; a whole number in the exponent is raised, anything else follows a caret."""
    raised = found[3]
    if raised is None:
        return found[1] or found[2] or "_" + found[4]
    return raised.translate(_RAISED) if re.fullmatch(r"[+−-]?\d+", raised) else f"^({raised})"


def as_text(text: str) -> str:
    """The text without marks: ``10^{4}`` is 10⁴, ``w N^{1/3}`` is w N^(1/3)."""
    return _MARKUP.sub(_plain, text)


class Reply(str):
    """What a marked answer hears: plain text in a terminal, a paragraph in a notebook and in the book."""

    __slots__ = ()

    def __repr__(self) -> str:
        return as_text(self)

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        verdict, stop, why = self.partition(".")
        return f'<p class="cw-reply"><strong>{as_html(verdict + stop)}</strong>{as_html(why)}</p>'
