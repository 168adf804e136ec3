"""Draw an explorable's series with matplotlib: for print, for notebooks and for readers without scripts."""

from __future__ import annotations

import html
import io
from typing import Any

from course_lib.style import COLORS, INK, MUTED

_ROLES = {"accent": COLORS[0], "muted": MUTED, "ink": INK, "good": "#0a6e4f", "bad": "#a92b14"}


def color(name: int | str | None, i: int) -> str:
    """The color of a series, as the page's palette gives it in light mode."""
    if isinstance(name, int):
        return COLORS[name % len(COLORS)]
    return _ROLES.get(name or "", COLORS[i % len(COLORS)])


def _mark(ax: Any, s: dict[str, Any], i: int) -> None:
    ink = color(s.get("color"), i)
    kind = s["kind"]
    if kind == "line":
        ax.plot(
            s["x"],
            s["y"],
            color=ink,
            lw=s.get("width", 2),
            ls="--" if s.get("dash") else "-",
            alpha=0.45 if s.get("faint") else 1,
            label=s.get("label"),
        )
    elif kind == "dots":
        ax.plot(
            s["x"],
            s["y"],
            "o",
            ms=5,
            color=ink,
            mfc="white" if s.get("hollow") else ink,
            label=s.get("label"),
        )
    elif kind == "band":
        ax.fill_between(s["x"], s["y1"], s["y2"], color=ink, alpha=0.18, lw=0)
    elif kind == "bars":
        ax.vlines(s["x"], s.get("base", 0), s["y"], color=ink, lw=s.get("width", 8), label=s.get("label"))
    elif kind == "vline":
        for x in s["x"]:
            ax.axvline(x, color=ink, ls=":", lw=1.5)
    elif kind == "hline":
        for y in s["y"]:
            ax.axhline(y, color=ink, ls=":", lw=1.5)
    elif kind == "text":
        for x, y, t in zip(s["x"], s["y"], s["text"], strict=True):
            ax.text(x, y, t, color=ink, ha="center")


def draw(out: dict[str, Any], chart: dict[str, Any], ax: Any = None) -> Any:
    """Draw ``out["series"]`` on ``ax`` (a new one where None) and return it."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(6.4, 3.6))[1]
    for key, setter in (("x", "x"), ("y", "y")):
        axis = {**chart.get(key, {}), **out.get(key, {})}
        getattr(ax, f"set_{setter}label")(axis.get("label", ""))
        if axis.get("log"):
            getattr(ax, f"set_{setter}scale")("log")
        if axis.get("domain"):
            getattr(ax, f"set_{setter}lim")(*axis["domain"])
    for i, s in enumerate(out["series"]):
        _mark(ax, s, i)
    if any(s.get("label") for s in out["series"] if s["kind"] in ("line", "dots", "bars")):
        ax.legend(frameon=False, fontsize=8)
    return ax


def svg(out: dict[str, Any], chart: dict[str, Any], alt: str) -> str:
    """The default state as a small inline SVG with a text alternative."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "course", "font.size": 9}):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        FigureCanvasSVG(figure)
        draw(out, chart, figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    body = buffer.getvalue()
    body = body[body.index("<svg") :]
    return body.replace("<svg", f'<svg role="img" aria-label="{html.escape(alt, quote=True)}"', 1)
