"""Roofs and the kernels under them, drawn on logarithmic axes with direct labels.

Williams et al. 2009 is where the picture comes from; what is drawn is measured by `rates`, or published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patheffects import withStroke

from course_lib import roofline, style
from course_lib.tiny.rates import Kernel, Machine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACH = (0.05, 4000.0)  # FLOPs/byte
HALO = [withStroke(linewidth=3, foreground="#ffffff")]  # the surface of the page, in both themes
# Marker, color and label of a kind of kernels; the label stands at this place of the row, shifted by points.
KINDS = {
    "product": ("s", 2, "square products", -1, (8, -4), "left"),
    "decode": ("o", 1, "decode, {} to {} readers", 4, (6, -14), "left"),
    "prefill": ("^", 3, "prefill", -1, (8, -6), "left"),
}
VECTORS = {"add": ((8, -8), "left"), "softmax": ((8, -1), "left"), "norm in pieces": ((-2, -15), "center")}


def draw_roof(
    ax: Axes, peak: float, bandwidth: float, label: str, color: str, reach: tuple[float, float] = REACH
) -> Axes:
    """A slope and a ceiling over `reach` FLOPs/byte; the label sits on the ceiling's right end."""
    x = [reach[0], roofline.ridge(peak, bandwidth), reach[1]]
    ax.loglog(x, [roofline.attainable(i, peak, bandwidth) / 1e9 for i in x], color=color)
    end = (x[-1], peak / 1e9)
    ax.annotate(label, end, xytext=(0, 4), textcoords="offset points", ha="right", color=color)
    ax.set(xlabel="FLOPs for each byte", ylabel="GFLOP/s")
    return ax


def draw_kernels(ax: Axes, machine: Machine) -> Axes:
    """The measured kernels: single marks for vectors, rows for what was measured at several sizes."""
    for kernel in machine.of("vector"):
        shift, side = VECTORS[kernel.label]
        _row(ax, [kernel], "v", style.COLORS[6], kernel.label, 0, shift, side)
    for kind, (marker, color, label, place, shift, side) in KINDS.items():
        row = machine.of(kind)
        text = label.format(row[0].size, row[-1].size)
        _row(ax, row, marker, style.COLORS[color], text, place, shift, side)
    return ax


def _row(
    ax: Axes,
    row: list[Kernel],
    marker: str,
    color: str,
    text: str,
    place: int,
    shift: tuple[int, int],
    side: str,
) -> None:
    """Marks joined by a thin line, and their label."""
    x, y = [k.intensity for k in row], [k.rate / 1e9 for k in row]
    ax.plot(x, y, marker=marker, linewidth=0.8, markersize=5, color=color)
    ax.annotate(text, (x[place], y[place]), xytext=shift, textcoords="offset points", ha=side,
                color=color, fontsize=9, path_effects=HALO)  # fmt: skip
