"""Switch-C, the model of 1.6 trillion parameters, counted part by part.

It is an encoder and a decoder (Fedus et al. 2021, arXiv 2101.03961, table 9; otherwise as T5), so no single
`ModelConfig` describes it. Each half is one; the decoder's attention to the encoder and the tables of
relative positions come on top. Every layer has experts. The head reads the token table.
"""

from dataclasses import replace

from course_lib import accounting, guard
from course_lib.modelconfig import ModelConfig

HALF = ModelConfig(
    n_layers=15, d_model=2080, n_heads=32, d_head=64, vocab=32128, d_ff=6144, ffn="plain", positions="none",
    norm="rmsnorm", n_experts=2048, top_k=1,
)  # fmt: skip
BUCKETS = 32  # of distance, for each head and half


def params(active: bool = False) -> dict[str, int]:
    """Parameters by part with `total` last; of one token if `active` (top-1, embeddings in full)."""
    count = accounting.active_params if active else accounting.params
    encoder, decoder = count(HALF), count(replace(HALF, norms_per_block=3))
    both = {key: encoder[key] + decoder[key] for key in encoder if key != "total"}
    both["embedding/token"] = encoder["embedding/token"]  # shared by both halves
    both["attention/cross"] = sum(encoder[f"attention/{part}"] for part in "qkvo")
    both["attention/relative"] += 2 * BUCKETS * HALF.n_heads
    return {**both, "total": sum(both.values())}


guard.module(globals())
