"""How fast a mixture layer, the search for a layout and a whole plan are: sections of `make bench`.

Each is timed in turn with a float32 matrix product of 1024 x 1024, CPU seconds of one thread, medians.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.bench_table import Row

EXPERTS, CHOSEN, TOKENS = 8, 2, 512
GPUS = 16_384  # on which Llama 3.1 405B was trained: the largest search that a lesson makes


def mixture() -> Iterator[str | Row]:
    """A mixture layer against the same one token by token, and against a dense layer of equal work."""
    import torch

    from course_lib.claims.lesson_17 import layer_and_input
    from course_lib.tiny.measure import BENCH, median_seconds, one_thread
    from course_lib.tiny.model import GPT, FeedForward, GPTConfig
    from course_lib.tiny.moe import build, mixtures
    from course_lib.tiny.moe import mixture as as_mixture
    from course_lib.tiny.moe_reference import by_loop

    layer, x = layer_and_input(EXPERTS, CHOSEN, TOKENS)
    shape = GPTConfig.modern(BENCH.vocab_size, BENCH.context, BENCH.d_model, BENCH.n_layers, BENCH.n_heads)
    sparse = mixtures(build(as_mixture(shape, EXPERTS, CHOSEN)))[0]
    dense = next(part for part in GPT(shape).modules() if isinstance(part, FeedForward))
    batch = torch.randn(1, TOKENS, shape.d_model, generator=torch.Generator().manual_seed(0))
    with one_thread(), torch.no_grad():
        fast, slow = median_seconds([lambda: layer(x), lambda: by_loop(layer, x)], 2.0)
        mixed, plain = median_seconds([lambda: sparse(batch), lambda: dense(batch)], 1.0)
    yield f"A mixture layer, {CHOSEN} of {EXPERTS} experts, {TOKENS} tokens (ms)"
    yield f"  batched {1e3 * fast:.2f}, token by token {1e3 * slow:.1f}"
    yield f"  batched {1e3 * mixed:.2f}, a dense layer of the same work per token {1e3 * plain:.2f}"
    yield Row("mixture layer: token by token over batched", slow / fast, 20, "times", below=False, digits=0)
    yield Row("mixture layer over a dense one of equal work", mixed / plain, 5, "times", digits=1)


def planning() -> Iterator[str | Row]:
    """A whole plan in Python, and the search over layouts for the largest published cluster."""
    from course_lib import catalog, outlook, parallelism, planner, plans
    from course_lib.tiny.measure import median_seconds, one_thread, square_product

    made = plans.make()
    cov, llama = outlook.covariance(), catalog.model("Llama 3.1 405B").config
    cluster = parallelism.machine("H100 SXM")
    assert llama is not None
    with one_thread():
        product, plan, search = median_seconds([
            square_product(), lambda: planner.plan(made.ask, made.gpu, cov),
            lambda: parallelism.best(llama, cluster, GPUS, 2048 * 8192, 8192),
        ], 3.0)  # fmt: skip
    yield f"Planning (CPU ms; one 1024 x 1024 float32 product takes {1e3 * product:.1f})"
    yield f"  planner.plan {1e3 * plan:.1f} ({plan / product:.1f} products)"
    yield f"  parallelism.best, 405B on {GPUS:,} GPUs: {1e3 * search:.1f} ({search / product:.1f} products)"
    yield Row("planner.plan in Python", 1e3 * plan, 50, "ms", digits=1)
    yield Row(f"parallelism.best: 405B on {GPUS:,} GPUs", 1e3 * search, 100, "ms", digits=1)
