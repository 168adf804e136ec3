"""Claims of lesson 16, parallelism: four words for three ways, what FSDP shares out, and Llama 3's bill."""

from course_lib import catalog, formulas, hardware, memory
from course_lib.catalog import Run
from course_lib.claims import Claim, Finding, agree, by_cases, config_of

GPUS = 16_384


def _run() -> Run:
    """The published run of Llama 3.1 405B."""
    return catalog.run("Llama 3.1 405B")


def _hours() -> float:
    """Its GPU-hours."""
    hours = _run().device_hours
    if hours is None:
        raise ValueError("the catalog has no hours for Llama 3.1 405B")
    return hours


def four_ways() -> Finding:
    """Data, model, pipeline and tensor parallelism as four strategies."""
    why = (
        "Splitting layers across devices is what pipelines do: the text's second and third are one. Model "
        "parallelism is the family name of tensor and pipeline parallelism (Shoeybi et al. 2019, 1909.08053)."
    )
    return Finding("caveat", "three ways, one of them named twice", why, basis="evidence")


def what_fsdp_shares() -> Finding:
    """FSDP shards optimizer states."""
    cfg = config_of("Llama 3.1 405B")
    parts = ("optimizer", "gradients", "weights")
    whole = memory.training_state(cfg, "adam", "mixed", 0, 64)
    shared = {
        stage: [p for p in parts if memory.training_state(cfg, "adam", "mixed", stage, 64)[p] < whole[p]]
        for stage in (1, 3)
    }
    holds = [shared[3] == ["optimizer"], "optimizer" in shared[3]]
    value = f"stage 1: {', '.join(shared[1])}; stage 3, which is FSDP: {', '.join(shared[3])}"
    why = (
        "The text's wording is ZeRO stage 1. Llama 3's own FSDP shared out optimizer states and gradients, "
        "and its 128K phase used context parallelism as well (Llama Team 2024, section 3.3.2)."
    )
    return Finding(by_cases(holds), value, why)


def gpu_hours() -> Finding:
    """About 30.8 million."""
    hours = _hours()
    return Finding(agree(30.8e6, hours, 3), f"{hours / 1e6:.2f}M", "The model card of Llama 3.1, 405B alone.")


def days() -> Finding:
    """16,384 GPUs for about 78 days."""
    span = _hours() / GPUS / 24
    snapshot = 54 * 24 * GPUS / _hours()
    why = (
        f"A division, as if all hours had run on {GPUS:,} GPUs at once; the paper says up to so many. The 54 "
        f"days whose failures it lists would be {snapshot:.0%} of the hours."
    )
    return Finding(agree(78, span, 2), f"{span:.1f} days", why)


def overall_mfu() -> Finding:
    """34.6 % of the peak."""
    run = _run()
    flops = run.flops_published or 0.0
    share = formulas.mfu(flops, _hours() * 3600, 1, hardware.peak("H100"))
    low = 380e12 / hardware.peak("H100")
    why = (
        f"All hours of the card, all FLOPs of the paper. While running it reports 38 to 43 % ({low:.0%} is "
        "380 TFLOP/s): restarts, other phases and attention lie between."
    )
    return Finding(agree(34.6, 100 * share, 3), f"{share:.1%}", why)


def rent() -> Finding:
    """At two dollars an hour, $60M and more."""
    usd = formulas.cost_usd(_hours(), 2.0)
    verdict = agree(60e6, usd, 1) if usd >= 60e6 else "wrong"
    return Finding(verdict, f"${usd / 1e6:.1f}M", "Rent for the pre-training hours; the price is assumed.")


def rent_range() -> Finding:
    """$60M to $100M and more."""
    low, high = (million * 1e6 / _hours() for million in (60, 100))
    why = "What an hour would have to cost. Meta owned the cluster; no bill is published."
    return Finding("unconfirmed", f"${low:.2f} to ${high:.2f} an hour", why, basis="evidence")


CLAIMS = [
    Claim("E028", "text 4", "Training is spread by data, model, pipeline or tensor parallelism.", four_ways),
    Claim("B014", "text 1", "FSDP shards the optimizer states.", what_fsdp_shares),
    Claim("B075", "text 1", "Llama 3 405B took about 30.8 million H100-hours.", gpu_hours),
    Claim("B076", "text 1", "That is 16,384 GPUs for about 78 days.", days),
    Claim("B077", "text 1", "Hours and FLOPs together mean an MFU of 34.6 %.", overall_mfu),
    Claim("B078", "text 1", "At $2 an hour it cost $60M and more.", rent),
    Claim("B079", "text 1", "The training cost $60M to $100M and more.", rent_range),
]
