"""What a model costs over its life: trained once, served every day. In FLOPs, energy and money.

The optimum is `formulas.inference_aware_params` (Sardana et al. 2024, arXiv 2401.00448). Here it meets
the devices of the catalog, and the runs of the study: which of our sizes is cheapest for a loss, and from
which demand on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_lib import formulas, guard, hardware
from course_lib.catalog import GPU
from course_lib.hardware import Bill
from course_lib.study.forecast import effective
from course_lib.study.table import Run

TRAIN_UTILIZATION = 0.4  # of the dense peak, as good large runs reach
SERVE_UTILIZATION = 0.2  # prompts and answers together, in a busy service


@dataclass(frozen=True)
class Life:
    """A model's training and all of its serving, worked out."""

    params: float
    train_tokens: float
    served_tokens: float
    training: Bill
    serving: Bill | None  # None where nothing is served

    @property
    def flops(self) -> float:
        """6 N D + 2 N for each token served."""
        return self.training.flops + (self.serving.flops if self.serving else 0.0)

    @property
    def usd(self) -> float | None:
        """Rent of training and serving; None without a price."""
        return _sum(self.training.usd, self.serving.usd if self.serving else 0.0)

    @property
    def energy_kwh(self) -> float | None:
        """Energy of training and serving; None where the board power is not published."""
        return _sum(self.training.energy_kwh, self.serving.energy_kwh if self.serving else 0.0)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def bill(
    params: float,
    train_tokens: float,
    served_tokens: float,
    device: str | GPU,
    *,
    train_utilization: float = TRAIN_UTILIZATION,
    serve_utilization: float = SERVE_UTILIZATION,
    usd_per_hour: float | None = None,
) -> Life:
    """Training and serving on one kind of device (`hardware.bill`); a price should come with a date."""
    formulas.not_negative("served_tokens", served_tokens)
    served = formulas.forward_flops_per_token(params) * served_tokens
    training = formulas.training_flops(params, train_tokens)

    def on(flops: float, utilization: float) -> Bill:
        return hardware.bill(flops, device, utilization=utilization, usd_per_hour=usd_per_hour)

    return Life(
        params, train_tokens, served_tokens, on(training, train_utilization),
        on(served, serve_utilization) if served else None,
    )  # fmt: skip


@dataclass(frozen=True)
class Size:
    """One size of the study, trained until it reaches a loss."""

    width: int
    params: int  # N, what is multiplied
    tokens: float  # characters read
    flops: float  # of training, every FLOP counted
    per_token: float  # FLOPs of serving one character

    def cost(self, served: float) -> float:
        """Lifetime FLOPs for a demand in characters."""
        return self.flops + self.per_token * formulas.not_negative("served", served)


def columns(runs: Sequence[Run]) -> tuple[list[float], list[float], list[float]]:
    """C = 6 N D, M = D/N and loss of runs, as `fitting.fit_overtraining` takes them.

    N is what is multiplied; characters read more than once count at their worth (Muennighoff et al. 2023).
    """
    tokens = [effective(run.tokens, run.passes) for run in runs]
    flops = [formulas.training_flops(run.n_matmul, d) for run, d in zip(runs, tokens, strict=True)]
    ratios = [d / run.n_matmul for run, d in zip(runs, tokens, strict=True)]
    return flops, ratios, [run.loss for run in runs]


def curves(runs: Sequence[Run]) -> dict[int, list[tuple[float, float]]]:
    """Training FLOPs and loss of every width of a study, mean over seeds, in order of compute."""
    points: dict[int, dict[float, list[Run]]] = {}
    for run in runs:
        points.setdefault(run.d_model, {}).setdefault(run.flops, []).append(run)
    return {
        width: [(flops, sum(r.loss for r in same) / len(same)) for flops, same in sorted(by.items())]
        for width, by in sorted(points.items())
    }


def sizes_at(loss: float, runs: Sequence[Run]) -> list[Size]:
    """Every size that reaches `loss` (nats per character) between two of its runs, smallest first.

    Read off log-log lines between measured points; nothing is extrapolated.
    """
    rows = {run.d_model: run for run in runs}
    found = []
    for width, points in curves(runs).items():
        try:
            flops = formulas.read_off([c for c, _ in points], [y for _, y in points], loss)
        except ValueError:
            continue
        each = rows[width].flops / rows[width].tokens
        found.append(Size(width, rows[width].n_matmul, flops / each, flops, each / 3))
    if not found:
        raise ValueError(f"no size of these runs reaches {loss} nats between two of its runs")
    return found


def cheapest(sizes: Sequence[Size], served: float) -> Size:
    """The size of least lifetime FLOPs for a demand."""
    return min(sizes, key=lambda size: (size.cost(served), size.params))


def handovers(sizes: Sequence[Size]) -> list[tuple[float, Size]]:
    """Demand from which each size is the cheapest, from no demand up: the lower envelope of their costs."""
    found = [(0.0, cheapest(sizes, 0.0))]
    while True:
        at, now = found[-1]
        smaller = [s for s in sizes if s.per_token < now.per_token]
        if not smaller:
            return found
        meets = [(max(at, (s.flops - now.flops) / (now.per_token - s.per_token)), s) for s in smaller]
        found.append(min(meets, key=lambda meet: (meet[0], meet[1].per_token)))


guard.module(globals())
