"""Published training runs against which the planner is held: layout, batch and MFU, each with its source.

`efficiency` in `parallelism.LINKS` was set on one run for each kind of GPU (`fitted`); the rest is predicted.
Where a paper reports hardware utilization with full recomputation counted in, the model's share is three
quarters of it: of four passes one is a repeat. Where it counts masked scores, `_masked` takes them off.
"""

from dataclasses import dataclass
from typing import Any

from course_lib import accounting, catalog, parallelism
from course_lib.modelconfig import ModelConfig

REPEAT = 3 / 4  # share of the counted FLOPs that are the model's when every block is computed twice


@dataclass(frozen=True)
class PublishedRun:
    """One run of a paper."""

    name: str
    config: ModelConfig
    gpu: str
    layout: dict[str, Any]
    batch: int  # sequences in a step
    context: int
    mfu: float  # as published, or as it follows from the published FLOP/s
    fitted: bool  # whether the kernel efficiency was chosen on it
    source: str
    network: float = 0.0  # bytes/s of one GPU to other nodes, where it differs from parallelism.LINKS

    @property
    def gpus_text(self) -> str:
        """How many GPUs, as text: "16,384 GPUs"."""
        return f"{self.layout['tp'] * self.layout['pp'] * self.layout['dp']:,} GPUs"

    def planned(self) -> dict[str, Any]:
        """What the planner makes of it."""
        machine = parallelism.machine(self.gpu)
        if self.network:
            machine["network"] = self.network
        return parallelism.evaluate(
            self.config, machine, self.layout, float(self.batch * self.context), self.context
        )


def _gpt(layers: int, width: int, heads: int) -> ModelConfig:
    """The GPT shapes of the two Megatron papers: vocabulary 51,200, context 2,048."""
    return ModelConfig(n_layers=layers, d_model=width, n_heads=heads, vocab=51200, n_ctx=2048,
                       qkv_bias=True, out_bias=True, ffn_bias=True)  # fmt: skip


def _masked(config: ModelConfig, context: int) -> float:
    """FLOPs with half the scores masked away, over FLOPs with all of them: some reports count all."""
    causal, full = (accounting.training_flops(config, context, mask)["total"] for mask in (True, False))
    return causal / full


def published() -> list[PublishedRun]:
    """Runs on A100 and H100; chunks of Llama 3 405B are not published, the most there can be are taken."""
    lay, llama = parallelism.layout, catalog.config_of("Llama 3.1 405B")
    table = "Llama Team 2024, arXiv 2407.21783, table 4"
    korthikanti = "Korthikanti et al. 2022, arXiv 2205.05198, tables 3 and 5"
    narayanan = "Narayanan et al. 2021, arXiv 2104.04473, table 1"
    titan = "torchtitan's documentation, performance.md, 2024: FSDP on 64 A100s, one sequence on each"
    small, middle = catalog.config_of("Llama 3 8B"), catalog.config_of("Llama 3 70B")
    return [
        PublishedRun("Llama 3 405B", llama, "H100 SXM", lay(8, 16, 64, chunks=8),
                     2048, 8192, 0.43, True, table),
        PublishedRun("Llama 3 405B", llama, "H100 SXM", lay(8, 16, 128, chunks=8),
                     2048, 8192, 0.41, False, table),
        PublishedRun("GPT-3 175B", _gpt(96, 12288, 96), "A100 80GB", lay(8, 8, 1, chunks=3),
                     64, 2048, 0.514, False, korthikanti),
        PublishedRun("MT-NLG 530B", _gpt(105, 20480, 128), "A100 80GB", lay(8, 35, 1, chunks=3),
                     280, 2048, 0.560, True, korthikanti),
        PublishedRun("MT-NLG 530B", _gpt(105, 20480, 128), "A100 80GB", lay(8, 35, 8, chunks=3),
                     2240, 2048, 0.542, False, korthikanti),
        PublishedRun("  recomputed", _gpt(105, 20480, 128), "A100 80GB",
                     lay(8, 35, 8, chunks=3, recompute=True), 2240, 2048, 0.421, False, korthikanti),
        PublishedRun("GPT 1T", _gpt(128, 25600, 160), "A100 80GB", lay(8, 64, 1),
                     512, 2048, 0.563, False, korthikanti),
        PublishedRun("GPT 1T", _gpt(128, 25600, 160), "A100 80GB",
                     lay(8, 64, 6, zero=0, recompute=True), 3072, 2048, 163 / 312 * REPEAT, False, narayanan),
        PublishedRun("BLOOM 176B", catalog.config_of("BLOOM 176B"), "A100 80GB",
                     lay(4, 12, 8, micro=2, recompute=True), 2048, 2048, 150 / 312 * REPEAT, False,
                     "BigScience 2022, arXiv 2211.05100; its launch script", network=6.25e9),
        PublishedRun("Llama 3 70B", middle, "A100 80GB", lay(1, 1, 64, zero=3, recompute=True),
                     64, 8192, 0.517 * _masked(middle, 8192), False, titan),
        PublishedRun("Llama 3 8B", small, "A100 80GB", lay(1, 1, 64, zero=3),
                     64, 8192, 0.582 * _masked(small, 8192), False, titan),
    ]  # fmt: skip
