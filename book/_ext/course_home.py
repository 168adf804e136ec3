"""The home page's two computed parts: the picture of all published models, and the list of lessons.

The picture is drawn from the catalog when the book is built: each model at its parameters N and
training tokens D, on logarithmic axes, with lines of equal training compute (6ND) and of 20 tokens
per parameter (Hoffmann et al. 2022).
"""

from __future__ import annotations

import html
import math
from collections.abc import Container
from pathlib import Path

import yaml

from course_lib import catalog

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 880, 536, 52, 56, 42, 16
N_RANGE, D_RANGE = (6e8, 2e12), (1.4e11, 6e13)
LABELS = {  # model -> where its name goes: dx, dy, anchor
    "GPT-3 175B": (-11, 5, "end"), "Gopher 280B": (10, 5, "start"), "PaLM 540B": (10, 5, "start"),
    "Chinchilla 70B": (12, 22, "start"), "LLaMA 7B": (0, 22, "middle"), "Llama 2 70B": (0, -12, "middle"),
    "Llama 3 8B": (-11, 5, "end"), "Llama 3.1 405B": (-11, 5, "end"), "DeepSeek-V3": (9, 24, "start"),
    "Qwen3 8B": (-11, 5, "end"), "Llama 3.2 1B": (0, 24, "middle"), "Phi-3 Mini": (-11, 5, "end"),
}
ALWAYS = ("GPT-3 175B", "Chinchilla 70B", "Llama 3 8B", "Llama 3.1 405B")  # also named on a phone


def _x(n: float) -> float:
    """Horizontal place of a parameter count."""
    low, high = (math.log10(v) for v in N_RANGE)
    return LEFT + (math.log10(n) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _y(d: float) -> float:
    """Vertical place of a token count."""
    low, high = (math.log10(v) for v in D_RANGE)
    return HEIGHT - BOTTOM - (math.log10(d) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _text(css: str, x: float, y: float, content: str, anchor: str = "middle", turn: float = 0) -> str:
    """A label, turned by degrees."""
    rotate = f" rotate({turn:.1f})" if turn else ""
    return (f'<text class="{css}" transform="translate({x:.1f} {y:.1f}){rotate}" '
            f'text-anchor="{anchor}">{content}</text>')


def _axes() -> list[str]:
    """Grid lines with their values, and what is measured."""
    parts, floor = [], HEIGHT - BOTTOM
    for n, text in [(1e9, "1B"), (1e10, "10B"), (1e11, "100B"), (1e12, "1T")]:
        parts.append(f'<path class="grid" d="M{_x(n):.1f} {TOP}V{floor}"/>')
        parts.append(_text("tick", _x(n), floor + 22, text))
    for d, text in [(1e12, "1T"), (1e13, "10T")]:
        parts.append(f'<path class="grid" d="M{LEFT} {_y(d):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text("tick", LEFT - 10, _y(d) + 5, text, "end"))
    parts.append(_text("axis", (LEFT + WIDTH) / 2, HEIGHT - 8, "parameters N"))
    parts.append(_text("axis", 2, 20, "training tokens D", "start"))
    return parts


def _line(css: str, n1: float, d1: float, n2: float, d2: float, place: float, name: str) -> list[str]:
    """A straight line between two points of the plane, with its name written along it."""
    x1, y1, x2, y2 = _x(n1), _y(d1), _x(n2), _y(d2)
    x, y = x1 + place * (x2 - x1), y1 + place * (y2 - y1)
    slope = math.degrees(math.atan2(y2 - y1, x2 - x1))
    return [f'<path class="{css}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>',
            _text(f"{css}-name", x, y - 7, name, turn=slope)]


def _lines() -> list[str]:
    """Equal compute (falling) and twenty tokens per parameter (rising)."""
    parts = []
    for power in range(22, 27):
        product = 10.0**power / 6  # N times D
        n1, n2 = max(N_RANGE[0], product / D_RANGE[1]), min(N_RANGE[1], product / D_RANGE[0])
        name = f'10<tspan class="up" dy="-5">{power}</tspan><tspan dy="5"> FLOPs</tspan>'
        place = {23: 0.5, 24: 0.78, 25: 0.12, 26: 0.8}.get(power, 0.88)
        parts += _line("equal", n1, product / n1, n2, product / n2, place, name)
    n1, n2 = D_RANGE[0] / 20, N_RANGE[1]
    return parts + _line("twenty", n1, 20 * n1, n2, 20 * n2, 0.22, "20 tokens per parameter")


def shown_models() -> list[catalog.Model]:
    """Models whose size and tokens are public and fall inside the picture."""
    models = [m for m in catalog.models() if m.disclosed == "public" and m.tokens and m.params]
    return [m for m in models if N_RANGE[0] <= float(m.params or 0) <= N_RANGE[1]]


def _points() -> list[str]:
    """A dot per model; sparse models hollow; the telling ones named."""
    parts = []
    for m in shown_models():
        x, y = _x(float(m.params or 1)), _y(float(m.tokens or 1))
        kind = "dot sparse" if m.kind == "moe" else "dot"
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>')
        if m.name in LABELS:
            dx, dy, anchor = LABELS[m.name]
            css = "name" if m.name in ALWAYS else "name minor"
            parts.append(_text(css, x + dx, y + dy, html.escape(m.name), anchor))
    return parts


def picture() -> str:
    """The figure of the home page with its caption."""
    ratio = {name: _tokens_per_parameter(name) for name in ("GPT-3 175B", "Chinchilla 70B", "Llama 3 8B")}
    alt = (f"{len(shown_models())} published models by parameters and training tokens, log scales. "
           "GPT-3 is far below the line of 20 tokens per parameter, Chinchilla on it, Llama 3 8B far over.")
    body = "".join(_axes() + _lines() + _points())
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}">{body}</svg>'
    return (f'<figure class="home-figure">{svg}'
            f"<figcaption>GPT-3 read {ratio['GPT-3 175B']:.1f} tokens for each of its parameters, "
            f"Chinchilla {ratio['Chinchilla 70B']:.0f}, Llama 3 8B {ratio['Llama 3 8B']:,.0f}. "
            "Each was a considered decision. This course is about how to make it. "
            "<span>Drawn from the course’s catalog when this page was built; hollow: mixtures of experts, "
            "all experts counted; falling lines: equal training compute, 6ND.</span></figcaption></figure>")


def _tokens_per_parameter(name: str) -> float:
    """D/N of a catalog model."""
    model = catalog.model(name)
    return float(model.tokens or 0) / float(model.params or 1)


def lesson_list(built: Container[str]) -> str:
    """The lessons by part: links for those that are in this build, the others named as forthcoming."""
    parts = yaml.safe_load((ROOT / "book" / "lessons.yml").read_text(encoding="utf-8"))
    number, items = 0, []
    for index, part in enumerate(parts, 1):
        rows = []
        for lesson in part["lessons"]:
            number += 1
            rows.append(_lesson_row(number, lesson, f"lessons/{lesson['file']}" in built))
        heading = f'<h3 id="part-{index}"><span>Part {index}</span> {html.escape(part["part"])}</h3>'
        items.append(f'<section class="part" aria-labelledby="part-{index}">{heading}'
                     f'<ol>{"".join(rows)}</ol></section>')
    return f'<div class="parts">{"".join(items)}</div>'


def _lesson_row(number: int, lesson: dict[str, str], ready: bool) -> str:
    """One lesson of the list."""
    title, question = html.escape(lesson["title"]), html.escape(lesson["question"])
    name = f'<a href="../lessons/{lesson["file"]}.html">{title}</a>' if ready else f"<span>{title}</span>"
    note = f"{lesson.get('minutes', 30)} min" if ready else "forthcoming"
    css = "" if ready else ' class="later"'
    return f'<li{css} value="{number}">{name}<small>{note}</small><p>{question}</p></li>'
