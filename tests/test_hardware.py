"""Costs on catalog devices, against figures that were published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import catalog, formulas, hardware


def test_gpt3_on_a_thousand_v100() -> None:
    bill = hardware.bill(
        3.14e23, "V100", devices=1000, utilization=0.3, number_format="fp16", usd_per_hour=1.5
    )
    assert bill.days == pytest.approx(96.9, abs=0.1)
    assert bill.usd == pytest.approx(bill.device_hours * 1.5)
    assert bill.energy_kwh == pytest.approx(bill.device_hours * 0.3 * 1.1)


def test_405b_over_all_its_hours() -> None:
    assert hardware.run_mfu("llama 3.1 405b") == pytest.approx(0.346, abs=0.001)


@given(st.floats(1e12, 1e26), st.integers(1, 10**5), st.floats(0.01, 1))
def test_bill_and_mfu_are_inverse(flops: float, devices: int, utilization: float) -> None:
    bill = hardware.bill(flops, "H100", devices=devices, utilization=utilization)
    back = hardware.mfu(flops, "H100", seconds=bill.seconds, devices=devices)
    assert back == pytest.approx(utilization)
    assert bill.device_years * formulas.HOURS_PER_YEAR == pytest.approx(bill.device_hours)


def test_unknown_power_is_not_guessed() -> None:
    bill = hardware.bill(1e18, catalog.gpu("Apple M1"), number_format="fp32")
    assert bill.energy_kwh is None and bill.usd is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: hardware.peak("H100", "fp4"), "fp4"),
        (lambda: hardware.peak("H1000"), "nearest"),
        (lambda: hardware.bill(1e20, "H100", utilization=40), "utilization"),
        (lambda: hardware.bill(1e20, "H100", devices=0), "devices"),
        (lambda: hardware.bill(-1, "H100"), "flops"),
        (lambda: hardware.run_mfu("Chinchilla"), "device-hours"),
    ],
)
def test_bad_input_is_named(call: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()  # type: ignore[operator]
