"""One look for every figure of the book, legible in the light and the dark theme.

`use()` sets matplotlib once per lesson; `show(fig, alt=…)` puts a figure in the page as an inline
SVG whose colors are the page's own variables, so that it follows the reader's theme, with a text
alternative that can quote the numbers just computed. Palette: seven hues that stay apart for the
common color deficiencies, each at least 4.5:1 against the page in both themes (course.css).
"""

from __future__ import annotations

import html
import io
import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The light values of --cw-1 … --cw-7 and of the ink, muted and line colors, as in tokens.css.
COLORS = ("#0b62a4", "#b4490a", "#0a7559", "#93318d", "#7a5d00", "#b3245f", "#3d5a80")
INK, MUTED, LINE = "#1c2430", "#55606e", "#dfe4ea"
_VARIABLES = {color: f"--cw-{i}" for i, color in enumerate(COLORS, 1)} | {
    INK: "--cw-ink", MUTED: "--cw-muted", LINE: "--cw-line", "#ffffff": "--cw-surface"}
# What a hue stands for wherever the thing is drawn, in figures and in explorables: its place in COLORS.
# A law, a bound or a plan has the first hue and what was measured beside it the second.
MEANINGS = {
    "dense": 0, "mixture of experts": 3, "unconfirmed": 1,  # models
    "attention": 0, "looking back": 1, "feed-forward": 2, "experts": 2, "shared experts": 1, "router": 5,
    "output head": 3, "embeddings": 4, "norms": 6,  # parts of a model
    "weights": 0, "gradients": 1, "optimizer": 3, "master weights": 4, "activations": 2, "KV cache": 2,
    "gathered layers": 6, "working space": 5,  # parts of a memory
    "computed": 0, "measured": 1,
}  # fmt: skip
_CSS_PX_PER_INCH = 92  # an 7-inch figure fills the text column
_numbers = itertools.count(1)


def of(thing: str) -> str:
    """The color of a thing that recurs: `of("attention")`. A ValueError names what there is."""
    if thing not in MEANINGS:
        raise ValueError(f"no color is set for {thing!r}; there are {sorted(MEANINGS)}")
    return COLORS[MEANINGS[thing]]


def use() -> None:
    """Set the book's matplotlib style."""
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update({
        "figure.figsize": (7.0, 3.9), "figure.constrained_layout.use": True, "savefig.transparent": True,
        "figure.facecolor": "none", "axes.facecolor": "none",
        "svg.fonttype": "path", "svg.hashsalt": "course",
        "axes.prop_cycle": cycler(color=COLORS), "lines.linewidth": 2.0, "lines.markersize": 6,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "axes.titlecolor": INK,
        "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
        "font.size": 10.5, "axes.titlesize": 11.5, "axes.titlelocation": "left", "axes.titleweight": "bold",
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": LINE,
        "grid.linewidth": 0.8, "axes.axisbelow": True, "legend.frameon": False, "axes.linewidth": 0.8,
        "image.cmap": "cividis", "mathtext.fontset": "dejavusans",
        "xtick.major.size": 3, "ytick.major.size": 3,
        "xtick.minor.size": 0, "ytick.minor.size": 0,
    })


class Picture:
    """A finished figure: inline SVG where HTML is shown, its text alternative elsewhere."""

    def __init__(self, svg: str, alt: str, caption: str) -> None:
        self.svg, self.alt, self.caption = svg, alt, caption

    def _repr_html_(self) -> str:
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return f'<figure class="course-figure">{self.svg}{caption}</figure>'

    def __repr__(self) -> str:
        return f"[Figure: {self.alt}]"


def show(fig: Figure | Axes, *, alt: str, caption: str = "") -> Picture:
    """Finish a figure for the page; `alt` says in a sentence what a reader sees in it."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure as MplFigure

    if len(alt.split()) < 4:
        raise ValueError(f"alt should say what the figure shows in a sentence, got {alt!r}")
    figure = fig if isinstance(fig, MplFigure) else fig.get_figure(root=True)
    if figure is None:
        raise ValueError("show() got axes that belong to no figure; pass the figure or its axes")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    width = figure.get_size_inches()[0] * _CSS_PX_PER_INCH
    plt.close(figure)
    return Picture(_for_page(buffer.getvalue(), alt, width), alt, caption)


def _for_page(svg: str, alt: str, width: float) -> str:
    """Matplotlib's SVG file as an element of a page: named, themed, with ids of its own."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)
    # A hundredth of a unit is enough, and half the bytes; but not where glyphs are scaled.
    svg = re.sub(r"(\bscale\([^)]*\))|(\d+\.\d\d)\d+", lambda m: m[1] or m[2], svg)
    prefix = f"fig{next(_numbers)}-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{prefix}", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable}, {color})")
    head = (f'<svg role="img" aria-label="{html.escape(alt, quote=True)}" style="--width: {width:.0f}px" ')
    opening = re.sub(r'\s(width|height|version|xmlns(:xlink)?)="[^"]*"', "", svg[: svg.index(">")])
    return (opening + svg[svg.index(">"):]).replace("<svg", head, 1).replace("xlink:href", "href")


def label_lines(ax: Axes, *, pad: float = 6) -> Axes:
    """Write each line's label at its right end, in the line's color; no legend to look up."""
    for line in ax.get_lines():
        text = str(line.get_label())
        points: Sequence[Any] = line.get_xydata()  # type: ignore[assignment]
        if text.startswith("_") or len(points) == 0:
            continue
        ax.annotate(text, xy=tuple(points[-1]), xytext=(pad, 0), textcoords="offset points", va="center",
                    color=line.get_color(), fontweight="bold", fontsize=9.5, annotation_clip=False)
    return ax


def plain_ticks(ax: Axes, *, x: Sequence[float] = (), y: Sequence[float] = ()) -> Axes:
    """Put ticks of a log axis at these values and write them as plain numbers."""
    for axis, ticks in ((ax.xaxis, x), (ax.yaxis, y)):
        if ticks:
            axis.set_ticks(list(ticks), [f"{t:g}" for t in ticks])
            axis.set_ticks([], minor=True)
    return ax
