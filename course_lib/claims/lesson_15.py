"""Claims of lesson 15, hardware: peaks and memories of four GPUs, an electricity bill, a dense model's work.

Peaks and memories come from the device catalog (dense, format named, sources in the file); the bill and the
work are computed.
"""

from course_lib import accounting, catalog, formulas
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

PUE = (1.1, 1.58)  # of Google's own data centers and of the industry's average in 2023, by Google's report
CENTS = (5.75, 8.06, 18.64)  # per kWh: US industry 2023, New Mexico, all states, California (EIA)
CONTEXT = 2048


def _tflops(gpu: str, number_format: str) -> float:
    """Dense peak in TFLOP/s."""
    return catalog.gpu(gpu).peak(number_format) / 1e12


def h100_fp8() -> Finding:
    """About 2,000 TFLOP/s in fp8."""
    dense = _tflops("H100 SXM", "fp8")
    other = _tflops("H100 PCIe", "fp8")
    why = (
        f"Dense, SXM card; the PCIe card has {other:,.0f}. Data sheets print {2 * dense:,.0f}, which counts "
        "the zeros of 2:4 sparsity as work."
    )
    return Finding(agree(2000, dense, 2), f"{dense:,.0f} TFLOP/s", why)


def _card(gpu: str, memory: float, claimed: float, digits: int, why: str) -> Finding:
    """A line of the list: memory and 16-bit peak of one card."""
    row = catalog.gpu(gpu)
    peak = _tflops(gpu, "bf16")
    verdict = worst(agree(claimed, peak, digits), agree(memory, row.memory_gib, len(str(int(memory)))))
    ridge = formulas.positive("peak", peak * 1e12) / (row.bandwidth_gbs * 1e9)
    value = f"{row.memory_gib:g} GiB, {peak:,g} TFLOP/s, {row.bandwidth_gbs / 1e3:.2f} TB/s"
    return Finding(verdict, value, f"{why} Ridge at {ridge:.0f} FLOPs/byte.")


def a100() -> Finding:
    """80 GB, 312."""
    return _card("A100 80GB", 80, 312, 3, "SXM card, dense bf16.")


def h100() -> Finding:
    """80 GB, 990."""
    other = _tflops("H100 PCIe", "bf16")
    return _card("H100 SXM", 80, 990, 3, f"SXM card; the PCIe card has {other:,.0f} and slower memory.")


def h200() -> Finding:
    """141 GB, 990."""
    faster = catalog.gpu("H200").bandwidth_gbs / catalog.gpu("H100").bandwidth_gbs
    same = f"The arithmetic of an H100; what is new is memory, larger and {faster:.2f} times as fast."
    return _card("H200", 141, 990, 3, same)


def b200() -> Finding:
    """192 GB, 2250: the compute is right, the memory is that on the package."""
    row = catalog.gpu("B200")
    compute = agree(2250, _tflops("B200", "bf16"), 4)
    physical = 192.0
    told_apart = compute == "confirmed" and row.memory_gib < physical
    why = (
        f"{physical:.0f} GB lie on the package; systems with eight of them list {row.memory_gib:.0f} each "
        "as usable, and pages of the vendor differ. The peak is right."
    )
    value = f"{_tflops('B200', 'bf16'):,.0f} TFLOP/s; {row.memory_gib:.0f} usable of {physical:.0f} GB"
    return Finding("caveat" if told_apart else worst(compute, agree(192, row.memory_gib, 3)), value, why)


def electricity() -> Finding:
    """Electricity alone costs millions: Llama 3.1 405B."""
    run = catalog.run("Llama 3.1 405B")
    hours, watts = run.device_hours or 0.0, run.watts or 0.0
    bills = [formulas.energy_kwh(hours, watts, pue) * cents / 100 for pue in PUE for cents in CENTS]
    low = formulas.energy_kwh(hours, watts, PUE[0])
    value = f"{low / 1e6:.1f} GWh, ${min(bills) / 1e6:.1f}M to ${max(bills) / 1e6:.1f}M"
    why = (
        f"{hours / 1e6:.2f}M hours x {watts:.0f} W x PUE {PUE[0]} to {PUE[1]}, at {CENTS[0]} to {CENTS[-1]} "
        "cents. GPUs at their limit; hosts and network left out."
    )
    return Finding(by_cases([bill > 1e6 for bill in bills]), value, why)


def every_parameter() -> Finding:
    """A dense 175B model uses all of them for each token."""
    cfg = config_of("GPT-3")
    used = accounting.active_params(cfg)["total"] / accounting.params(cfg)["total"]
    flops = accounting.flops(cfg, CONTEXT)["total"]
    per_param = flops / accounting.params(cfg)["total"]
    value = f"{flops / 1e9:.0f} GFLOPs a token, {per_param:.2f} for each parameter"
    why = (
        f"{used:.0%} of the weights work: 2N = {formulas.forward_flops_per_token(175e9) / 1e9:.0f} GFLOPs, "
        f"plus the look back over {CONTEXT:,} tokens."
    )
    return Finding(by_cases([used == 1.0, abs(per_param / 2 - 1) < 0.1]), value, why)


CLAIMS = (
    Claim("B070", "text 1", "A single H100 does about 2,000 TFLOP/s in fp8.", h100_fp8),
    Claim("B071", "text 1", "A100: 80 GB of HBM2e, 312 TFLOP/s in bf16.", a100),
    Claim("B072", "text 1", "H100: 80 GB of HBM3, 990 TFLOP/s in bf16.", h100),
    Claim("B073", "text 1", "H200: 141 GB of HBM3e, 990 TFLOP/s in bf16.", h200),
    Claim("B074", "text 1", "B200: 192 GB of HBM3e, 2,250 TFLOP/s in bf16.", b200),
    Claim("B080", "text 1", "The electricity of a large training run alone costs millions.", electricity),
    Claim("C033", "text 2", "A dense 175B model needs all its parameters for every token.", every_parameter),
)
