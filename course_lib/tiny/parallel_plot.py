"""What the stages of a real pipeline did when, as a picture."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from course_lib import style


def draw_stages(results: list[dict[str, Any]]) -> Axes:
    """A lane for each process of the `pipeline` job: forward passes dark, backward passes pale."""
    _, ax = plt.subplots(figsize=(7, 0.9 + 0.8 * len(results)))
    start = min(event[2] for result in results for event in result["events"])
    for row, result in enumerate(results):
        for kind, micro, begin, end, _ in result["events"]:
            color, forward = style.COLORS[0 if kind == "F" else 1], kind == "F"
            ax.barh(row, 1e3 * (end - begin), left=1e3 * (begin - start), height=0.72, edgecolor=color,
                    facecolor=(color, 1.0 if forward else 0.22))  # fmt: skip
            ax.text(1e3 * ((begin + end) / 2 - start), row, str(micro + 1), ha="center", va="center",
                    fontsize=8, color="white" if forward else style.INK)  # fmt: skip
    names = [f"stage {row + 1}" for row in range(len(results))]
    ax.set(yticks=range(len(results)), yticklabels=names, xlabel="milliseconds")
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    return ax
