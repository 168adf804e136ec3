"""What a training run costs on devices of the catalog: time, device-hours, utilization, energy, money.

The formulas are in `formulas`; here they meet the data sheets. Peaks are dense, the format named.
"""

from dataclasses import dataclass

from course_lib import catalog, formulas, guard
from course_lib.catalog import GPU


@dataclass(frozen=True)
class Bill:
    """A training run, worked out."""

    device: str
    number_format: str
    devices: float
    utilization: float  # MFU, fraction of the dense peak
    flops: float  # training FLOPs
    seconds: float
    device_hours: float
    energy_kwh: float | None  # None where the board power is not published
    usd: float | None  # None where no price was given

    @property
    def days(self) -> float:
        """Wall time in days."""
        return self.seconds / formulas.SECONDS_PER_DAY

    @property
    def device_years(self) -> float:
        """Device time in years."""
        return self.device_hours / formulas.HOURS_PER_YEAR


def as_gpu(device: str | GPU) -> GPU:
    """A catalog row from a name or a row."""
    return device if isinstance(device, GPU) else catalog.gpu(device)


def peak(device: str | GPU, number_format: str = "bf16") -> float:
    """Dense peak in FLOP/s; a format the device lacks is a ValueError that names those it has."""
    return as_gpu(device).peak(number_format)


def bill(
    flops: float,
    device: str | GPU,
    *,
    devices: float = 1,
    utilization: float = 0.4,
    number_format: str = "bf16",
    pue: float = 1.1,
    usd_per_hour: float | None = None,
) -> Bill:
    """Time, device-hours, energy and rent for `flops` of training on `devices` devices.

    Energy takes every board at its power limit, times `pue`; rent needs a price, which you should date.
    """
    gpu = as_gpu(device)
    seconds = formulas.training_seconds(flops, devices, gpu.peak(number_format), utilization)
    hours = seconds * devices / formulas.SECONDS_PER_HOUR
    return Bill(
        device=gpu.name,
        number_format=number_format,
        devices=devices,
        utilization=utilization,
        flops=flops,
        seconds=seconds,
        device_hours=hours,
        energy_kwh=formulas.energy_kwh(hours, gpu.watts, pue) if gpu.watts else None,
        usd=formulas.cost_usd(hours, usd_per_hour) if usd_per_hour is not None else None,
    )


def mfu(
    flops: float, device: str | GPU, *, seconds: float, devices: float = 1, number_format: str = "bf16"
) -> float:
    """Model FLOP/s utilization of a run on catalog devices, as a fraction."""
    return formulas.mfu(flops, seconds, devices, peak(device, number_format))


def run_mfu(name: str, number_format: str = "bf16") -> float:
    """MFU over a whole published run: 6 N D / (device-hours x dense peak), pauses and repeats included."""
    row = catalog.run(name)
    flops = catalog.model(row.model).training_flops if row.flops_published is None else row.flops_published
    if row.device_hours is None or flops is None:
        raise ValueError(
            f"{row.name} reports no device-hours or no FLOPs, so its utilization cannot be computed"
        )
    return mfu(
        flops, row.gpu, seconds=row.device_hours * formulas.SECONDS_PER_HOUR, number_format=number_format
    )


guard.module(globals())
