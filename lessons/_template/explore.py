"""Lesson NN: what moves in it, in a line."""

from typing import Any

from course_lib import formulas, text
from course_lib.widgets.explorable import Explorable, attempt, explorable, slider

SIZES = [1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12]


def first_compute(v: Any, data: Any) -> dict[str, Any]:
    """The law through the sizes, and where the reader stands on it."""
    losses = [formulas.kaplan_loss_n(n) for n in SIZES]
    here = formulas.kaplan_loss_n(v["params"])
    return {
        "series": [
            {"kind": "line", "x": SIZES, "y": losses, "color": 0},
            {"kind": "dots", "x": [v["params"]], "y": [here], "color": 1},
        ],
        "readouts": [{"label": "loss", "value": text.fixed(here, 2) + " nats", "note": "per token"}],
        "verdict": f"{text.si(v['params'], 3)} parameters reach {text.fixed(here, 2)} nats by this law.",
    }


@explorable
def first() -> Explorable:
    """Size against loss, by one law."""
    ten = [text.fixed(formulas.kaplan_loss_n(n), 2) for n in (1e8, 1e9)]
    return Explorable(
        "first-NN",
        "A title that says what is seen",
        lead="One sentence: what to move, and what to look for.",
        compute=first_compute,
        controls=[slider("params", "Parameters", 1e6, 1e12, 1e9, log=True, format="si")],
        alt="A falling curve of loss against parameters, with a dot at the chosen size.",
        chart={
            "x": {"label": "Parameters", "log": True, "format": "si"},
            "y": {"label": "Loss (nats per token)", "log": True},
        },
        tries=[
            attempt("A hundred million", f"By this law that is {ten[0]} nats for each token.", params=1e8),
            attempt("Ten times more", f"{ten[1]} instead of {ten[0]}: a fixed ratio, not a step.", params=1e9),
        ],
        source="Kaplan et al. 2020",
    )
