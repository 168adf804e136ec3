"""A mixture of experts without buffers: token by token, to test `moe` against, and as text 1 writes it.

The code of text 1 picks the weight of an expert by the expert's id where it should by the rank at which the
token chose it. `as_text_1` is that slip in our own words, `mended` the loop without it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import formulas
from course_lib.tiny.moe import MoE


def by_loop(layer: MoE, x: Tensor) -> Tensor:
    """The same layer one token and one choice at a time: (n, C) -> (n, C). Slow, and easy to check."""
    c, rows, taken = layer.config, [torch.zeros_like(row) for row in x], [0] * layer.config.n_experts
    room = formulas.expert_capacity(c.top_k * len(x), c.n_experts, c.capacity) if c.capacity else len(x)
    for rank in range(c.top_k):
        for token, row in enumerate(x):
            logits = layer.router.weight @ row
            score = 1 / (1 + (-logits).exp()) if c.gate == "sigmoid" else logits.exp() / logits.exp().sum()
            best = (score + layer.offset).argsort(descending=True)[: c.top_k]
            expert, whole_share = int(best[rank]), 1 if c.gate == "all" else score[best].sum()
            taken[expert] += 1
            if taken[expert] <= room:
                share = score[expert] / whole_share
                rows[token] = rows[token] + share * one_expert(layer, expert, row)
    routed = torch.stack(rows)
    return routed if layer.shared is None else routed + layer.shared(x)


def as_text_1(layer: MoE, x: Tensor) -> Tensor:
    """What the layer of text 1 computes with the same weights: an expert's id picks the column of weights.

    The columns are ranks, not experts, so an expert whose id is k or more finds no column and torch refuses.
    """
    top, chosen = layer.router(x).topk(layer.config.top_k)
    weights, y = top.softmax(dim=-1), torch.zeros_like(x)
    for i in range(layer.config.n_experts):
        here = (chosen == i).any(dim=-1)
        if here.any():
            y[here] += weights[here][:, i : i + 1] * one_expert(layer, i, x[here])
    return y


def mended(layer: MoE, x: Tensor) -> Tensor:
    """The same loop with the weight that the expert's rank has: look where it was chosen, not at its id."""
    top, chosen = layer.router(x).topk(layer.config.top_k)
    weights, y = top.softmax(dim=-1), torch.zeros_like(x)
    for i in range(layer.config.n_experts):
        own = (weights * (chosen == i)).sum(dim=-1, keepdim=True)  # 0 where expert i was not chosen
        here = own[:, 0] > 0
        y[here] += own[here] * one_expert(layer, i, x[here])
    return y


def one_expert(layer: MoE, expert: int, x: Tensor) -> Tensor:
    """One expert on its own: (..., C) -> (..., C)."""
    h = x @ layer.up.weight[expert]
    if layer.config.ffn == "swiglu":
        gate, up = h.chunk(2, dim=-1)
        h = F.silu(gate) * up
    else:
        h = F.gelu(h)
    return h @ layer.down.weight[expert]
