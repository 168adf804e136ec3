"""Roofs and the kernels under them, drawn on logarithmic axes with direct labels.

Williams et al. 2009 is where the picture comes from; what is drawn is measured by `rates`, or published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_lib import roofline, style
from course_lib.tiny.rates import Machine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOW, HIGH = 0.05, 4000.0  # FLOPs/byte
# Marker, color and label of a kind of kernels; the label stands at this place of the row, shifted by points.
KINDS = {
    "product": ("s", 2, "square products", -1, (0, -16)),
    "linear": ("D", 5, "matrix × vectors", -1, (9, -4)),
    "decode": ("o", 1, "decode", -1, (7, -11)),
    "prefill": ("^", 3, "prefill", -1, (8, -8)),
}


def draw_roof(ax: Axes, peak: float, bandwidth: float, label: str, color: str) -> Axes:
    """A slope and a ceiling; the label sits on the ceiling's right end."""
    corner = roofline.ridge(peak, bandwidth)
    x = [LOW, corner, HIGH]
    ax.loglog(x, [roofline.attainable(i, peak, bandwidth) / 1e9 for i in x], color=color)
    ax.annotate(label, (HIGH, peak / 1e9), xytext=(0, 4), textcoords="offset points", ha="right", color=color)
    ax.set(xlabel="FLOPs for each byte", ylabel="GFLOP/s")
    return ax


def draw_kernels(ax: Axes, machine: Machine) -> Axes:
    """The measured kernels: marks for vectors, rows of marks for what was measured at several sizes."""
    for kernel in machine.of("vector"):
        at = (kernel.intensity, kernel.rate / 1e9)
        ax.plot(*at, "v", color=style.COLORS[6])
        ax.annotate(kernel.label, at, xytext=(0, -14), textcoords="offset points", ha="center",
                    color=style.COLORS[6], fontsize=9)  # fmt: skip
    for kind, (marker, color, label, place, shift) in KINDS.items():
        row = machine.of(kind)
        x, y = [k.intensity for k in row], [k.rate / 1e9 for k in row]
        ax.plot(x, y, marker=marker, linewidth=0.8, markersize=5, color=style.COLORS[color])
        ax.annotate(label, (x[place], y[place]), xytext=shift, textcoords="offset points",
                    color=style.COLORS[color], fontsize=9)  # fmt: skip
    return ax
