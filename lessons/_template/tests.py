"""Lesson NN: what its library pieces must give."""

from __future__ import annotations

import pytest

from course_lib import formulas
from course_lib.widgets.explore import lesson_NN as explore


def test_the_readout_is_the_formula() -> None:
    """What the page says is what the formula gives."""
    said = explore.first().at(params=1e8)["readouts"][0]["value"]
    assert float(said.split()[0]) == pytest.approx(formulas.kaplan_loss_n(1e8), abs=0.005)
