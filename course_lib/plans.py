"""Planning in Python: `make(budget=..., served=...)` gives a plan to read, to print and to take apart.

The maths is in `planner`; here are units, names from the catalog, the page as text and as HTML, and the test
that a planner should face: known runs, planned with what was known about them, beside what was reported.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field
from typing import Any

from course_lib import catalog, formulas, guard, outlook, parallelism, plan_page, planner, text
from course_lib.catalog import Model, Run

WIDTH = 100  # characters of a line of the printed page


@dataclass(frozen=True)
class Plan:
    """What was asked, on which GPU, and what came out."""

    ask: dict[str, Any]
    gpu: dict[str, Any]
    result: dict[str, Any]  # as `planner.plan` documents it
    ranked: list[dict[str, Any]] = field(repr=False)  # `planner.sensitivities`

    @property
    def sections(self) -> list[dict[str, Any]]:
        """The page as titles and rows of text."""
        return plan_page.page(self.result, self.ask, self.gpu)

    @property
    def verdict(self) -> str:
        """The plan in two sentences."""
        return plan_page.verdict(self.result, self.ask, self.ranked)

    def page(self) -> str:
        """One page of plain text."""
        lines = [*textwrap.wrap(self.verdict, WIDTH), ""]
        for section in self.sections:
            lines.append(section["title"].upper())
            for row in section["rows"]:
                note = f"  ({row['note']})" if row["note"] else ""
                lines += textwrap.wrap(
                    f"  {row['label']:27s} {row['value']}{note}", WIDTH, subsequent_indent=" " * 30,
                    drop_whitespace=True, replace_whitespace=False,
                )  # fmt: skip
        lines.append("WHAT WOULD CHANGE THE ANSWER")
        for one in plan_page.changes(self.ranked):
            for move in one["moves"]:
                then = f"{move['n']} on {move['tokens']}, loss {move['loss']}"
                lines.append(f"  {one['label']:27s} {move['value']:>17s}: {then}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The page as HTML, escaped."""
        parts = [f"<p>{html.escape(self.verdict)}</p>"]
        for section in self.sections:
            rows = "".join(
                f'<tr><th scope="row">{html.escape(r["label"])}</th>'
                f"<td><strong>{html.escape(r['value'])}</strong> {html.escape(r['note'])}</td></tr>"
                for r in section["rows"]
            )
            caption = f"<caption>{html.escape(section['title'])}</caption>"
            parts.append(f"<table>{caption}<tbody>{rows}</tbody></table>")
        return f'<section class="cw-plan-page">{"".join(parts)}</section>'


def machine(name: str) -> dict[str, Any]:
    """A GPU of the catalog as the planner reads it: `parallelism.machine` and its power in watts."""
    number_format = "fp16" if catalog.gpu(name).bf16_tflops is None else "bf16"
    found = parallelism.machine(name, number_format=number_format)
    watts = catalog.gpu(name).watts
    if watts is None:
        raise ValueError(f"the power of {found['name']} is not published, and the energy needs it")
    return {**found, "watts": watts}


def make(gpu: str = "H100", **asked: Any) -> Plan:
    """A plan for a GPU of the catalog; the other arguments are those of `planner.ASK`."""
    unknown = sorted(set(asked) - set(planner.ASK))
    if unknown:
        raise ValueError(f"no input is called {', '.join(unknown)}; there are {', '.join(planner.ASK)}")
    ask, device = {**planner.ASK, **asked}, machine(gpu)
    result = planner.plan(ask, device, outlook.covariance())
    return Plan(ask, device, result, planner.sensitivities(ask, device, result))


# --- Known runs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One quantity of a known run: planned, reported, the error as a fraction, and where it comes from."""

    run: str
    quantity: str
    planned: float
    reported: float
    why: str

    @property
    def error(self) -> float:
        """Planned over reported, less one."""
        return self.planned / self.reported - 1


# Runs whose time can be planned: utilization a planner would have put in, and where that figure is from.
TIMED = {
    "GPT-3 on V100": (24.6e12 / 125e12, "the sustained rate is the one reported, so only N and D are tested"),
    "LLaMA 65B": (6 * 65.2e9 * 380 / 312e12, "the paper's 380 tokens a second on each GPU"),
    "Llama 3.1 405B": (0.41, "MFU while running; the hours reported hold restarts and everything else"),
    "Llama 3 8B": (0.41, "the 405B run's MFU; the card does not say what its hours hold"),
}


def known_runs() -> list[Check]:
    """GPT-3, Chinchilla, LLaMA 65B, Llama 3 8B and 405B: FLOPs, tokens, GPU-hours, days."""
    out = []
    for name in ("GPT-3 on V100", "Chinchilla", "LLaMA 65B", "Llama 3 8B", "Llama 3.1 405B"):
        row = catalog.run(name)
        model = catalog.model(row.model)
        flops = formulas.training_flops(_active(model), row.tokens)
        if row.flops_published is not None:
            out.append(Check(name, "FLOPs", flops, row.flops_published, "6ND with all parameters counted"))
            tokens = row.flops_published / formulas.training_flops_per_token(_active(model))
            out.append(Check(name, "tokens", tokens, row.tokens, "what the reported FLOPs buy this model"))
        if name in TIMED:
            out += _timed(row, flops)
    return out


def _timed(row: Run, flops: float) -> list[Check]:
    """GPU-hours, and days where the number of GPUs is known."""
    utilization, why = TIMED[row.name]
    if row.device_hours is None:
        raise ValueError(f"{row.name} reports no device-hours, so its time cannot be checked")
    device = machine(row.gpu)
    hours = formulas.device_hours(flops, device["peak"], utilization)
    out = [Check(row.name, "GPU-hours", hours, row.device_hours, why)]
    if row.n_devices is not None:
        reported = row.days or row.device_hours / row.n_devices / 24
        out.append(Check(row.name, "days", hours / row.n_devices / 24, reported, why))
    return out


def _active(model: Model) -> float:
    """Parameters that a token uses; a ValueError where they are not public."""
    if model.active_params is None:
        raise ValueError(f"the size of {model.name} is not public")
    return model.active_params


def advice(name: str) -> dict[str, tuple[float, float]]:
    """N and D that each set of constants would have advised for a known run's FLOPs, no serving counted."""
    row = catalog.run(name)
    flops = formulas.training_flops(_active(catalog.model(row.model)), row.tokens)
    return {
        law: (formulas.chinchilla_params(flops, constants), formulas.chinchilla_tokens(flops, constants))
        for law, constants in outlook.LAWS.items()
    }


def table(checks: list[Check]) -> str:
    """The checks as lines of text."""
    lines = [f"{'run':15s}{'quantity':>11s}{'planned':>10s}{'reported':>10s}{'error':>9s}"]
    for c in checks:
        values = f"{text.si(c.planned, 3):>10s}{text.si(c.reported, 3):>10s}"
        lines.append(f"{c.run:15s}{c.quantity:>11s}{values}{c.error:+9.1%}")
    return "\n".join(lines)


guard.module(globals())
