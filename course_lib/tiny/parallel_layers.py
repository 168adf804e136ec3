"""A transformer block and its optimizer, cut into pieces for several processes.

Tensor parallel (Shoeybi et al. 2019, arXiv 1909.08053): the first matrix of each part is split by columns, so
each process computes some heads or hidden units in full; the second by rows, so each holds one summand of the
result. One all-reduce forward and one backward for each part. ZeRO (Rajbhandari et al. 2020, 1910.02054):
each process keeps the optimizer states, then the gradients, then the weights of one n-th of the parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.tiny.checks import one_of
from course_lib.tiny.model import GPT, Block, fused_attention
from course_lib.tiny.parallel_comm import Ring


class _Enter(torch.autograd.Function):
    """Into the split part: nothing to do forward; backward, every process has a summand of the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ring: Ring) -> Tensor:
        ctx.ring = ring
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.ring.all_reduce(grad.contiguous().clone(), "tensor"), None


class _Leave(torch.autograd.Function):
    """Out of the split part: forward, every process has a summand of the result; backward nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ring: Ring) -> Tensor:
        return ring.all_reduce(x.contiguous().clone(), "tensor")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


def column_parallel(x: Tensor, weight: Tensor, ring: Ring) -> Tensor:
    """x W' with the outputs split: this process computes its slice of the columns of the result."""
    return F.linear(_Enter.apply(x, ring), weight.tensor_split(ring.size)[ring.rank])


def row_parallel(part: Tensor, weight: Tensor, ring: Ring) -> Tensor:
    """x W' with the inputs split: this process adds its summand, `part` being its slice of x."""
    return _Leave.apply(F.linear(part, weight.tensor_split(ring.size, dim=1)[ring.rank]), ring)


class SplitBlock(nn.Module):
    """This process's share of a block: some heads, some hidden units, both norms whole."""

    def __init__(self, whole: Block, ring: Ring) -> None:
        super().__init__()
        config = whole.attention.config
        if config.n_heads % ring.size or config.n_kv_heads != config.n_heads or config.ffn != "gelu":
            raise ValueError(
                f"a block is split by heads: {config.n_heads} heads need a number of processes that divides "
                f"them, each head its own keys, and a gelu feed-forward; got {ring.size} processes"
            )
        self.ring, self.heads, self.d_head = ring, config.n_heads // ring.size, config.d_head
        self.norm1, self.norm2 = copy.deepcopy(whole.norm1), copy.deepcopy(whole.norm2)
        ffn = whole.ffn
        self.qkv = nn.Parameter(self._own_qkv(whole.attention.qkv.weight))
        self.qkv_bias = nn.Parameter(self._own_qkv(whole.attention.qkv.bias))
        self.out = nn.Parameter(self._own(whole.attention.out.weight, dim=1))
        self.out_bias = nn.Parameter(whole.attention.out.bias.detach().clone())
        self.up = nn.Parameter(self._own(ffn.up.weight))  # type: ignore[union-attr,arg-type]
        self.up_bias = nn.Parameter(self._own(ffn.up.bias))  # type: ignore[union-attr,arg-type]
        self.down = nn.Parameter(self._own(ffn.down.weight, dim=1))  # type: ignore[union-attr,arg-type]
        self.down_bias = nn.Parameter(ffn.down.bias.detach().clone())  # type: ignore[union-attr,operator]

    def _own(self, weight: Tensor, dim: int = 0) -> Tensor:
        return weight.detach().tensor_split(self.ring.size, dim=dim)[self.ring.rank].clone()

    def _own_qkv(self, weight: Tensor) -> Tensor:
        """Rows of q, k and v that belong to this process's heads."""
        return torch.cat([self._own(part) for part in weight.chunk(3)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C), the same on every process."""
        x = x + self.attend(self.norm1(x))
        hidden = F.gelu(F.linear(_Enter.apply(self.norm2(x), self.ring), self.up, self.up_bias))
        return x + _Leave.apply(F.linear(hidden, self.down), self.ring) + self.down_bias

    def attend(self, x: Tensor) -> Tensor:
        """Attention with this process's heads; the sum over processes is the whole."""
        B, T, _ = x.shape
        qkv = F.linear(_Enter.apply(x, self.ring), self.qkv, self.qkv_bias)
        q, k, v = qkv.view(B, T, 3 * self.heads, self.d_head).transpose(1, 2).chunk(3, dim=1)
        y = fused_attention(q, k, v).transpose(1, 2).reshape(B, T, -1)
        return _Leave.apply(F.linear(y, self.out), self.ring) + self.out_bias


class Adam:
    """Adam in a dozen lines (torch's own loads its compiler first, which takes seconds in every process)."""

    def __init__(self, size: int, dtype: torch.dtype, lr: float = 1e-3) -> None:
        self.m, self.v = torch.zeros(size, dtype=dtype), torch.zeros(size, dtype=dtype)
        self.lr, self.steps = lr, 0

    def step(self, weights: Tensor, grad: Tensor, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        """Update flat `weights` in place."""
        self.steps += 1
        self.m.lerp_(grad, 1 - betas[0])
        self.v.lerp_(grad * grad, 1 - betas[1])
        rate = self.lr / (1 - betas[0] ** self.steps)
        weights -= rate * self.m / ((self.v / (1 - betas[1] ** self.steps)).sqrt() + 1e-8)


def flatten(model: nn.Module) -> tuple[Tensor, Tensor]:
    """One vector for all weights and one for all gradients; the parameters become views of them."""
    parameters = list(model.parameters())
    weights = torch.cat([p.detach().flatten() for p in parameters])
    gradients = torch.zeros_like(weights)
    sizes = [p.numel() for p in parameters]
    for p, w, g in zip(parameters, weights.split(sizes), gradients.split(sizes), strict=True):
        p.data, p.grad = w.view(p.shape), g.view(p.shape)
    return weights, gradients


class Sharded:
    """Mixed-precision Adam over flat tensors, shared out at one of ZeRO's stages (0: everybody has all).

    bf16 weights and gradients, fp32 master copy and two moments. Weights are gathered all at once at stage 3;
    real systems gather layer by layer, and a second time on the way back.
    """

    def __init__(self, model: GPT, ring: Ring, stage: int, lr: float = 1e-3) -> None:
        one_of("stage", str(stage), ("0", "1", "2", "3"))
        self.model, self.ring, self.stage = model, ring, stage
        self.names = [name for name, _ in model.named_parameters()]
        self.shapes = [p.shape for p in model.parameters()]
        whole = torch.cat([p.detach().flatten() for p in model.parameters()]).float()
        for p in model.parameters():
            p.data = p.data.new_empty(0)  # the flat tensors hold the weights from here on
        self.master = self._part(whole, stage >= 1).clone()
        self.adam = Adam(len(self.master), self.master.dtype, lr)
        self.weights = self._part(whole.bfloat16(), stage >= 3).clone()
        self.gradients = torch.zeros_like(self._part(whole.bfloat16(), stage >= 2))
        self.count = whole.numel()

    def _part(self, flat: Tensor, shared: bool) -> Tensor:
        return flat.tensor_split(self.ring.size)[self.ring.rank] if shared else flat

    def held(self) -> dict[str, int]:
        """Bytes of the tensors that stay between steps, by part."""
        return {
            "weights": self.weights.nbytes, "gradients": self.gradients.nbytes,
            "optimizer": self.master.nbytes + self.adam.m.nbytes + self.adam.v.nbytes,
        }  # fmt: skip

    def gathered(self) -> Tensor:
        """All bf16 weights: at stage 3 the others' parts are fetched."""
        if self.stage < 3:
            return self.weights
        flat = self.weights.new_zeros(self.count)
        self._part(flat, True).copy_(self.weights)
        return self.ring.all_gather(flat, "weights")

    def step(self, loss: Callable[[GPT, dict[str, Tensor]], Tensor]) -> float:
        """One update from this process's part of the batch; the loss before it."""
        flat = self.gathered().detach().requires_grad_()
        pieces = flat.split([s.numel() for s in self.shapes])
        named = {n: p.view(s) for n, p, s in zip(self.names, pieces, self.shapes, strict=True)}
        value = loss(self.model, named)
        (grad,) = torch.autograd.grad(value, flat)
        grad = grad / self.ring.size
        if self.stage == 0:
            own = self.ring.all_reduce(grad, "gradients")
        else:
            own = self.ring.reduce_scatter(grad, "gradients")
        self.gradients.copy_(own if self.stage >= 2 else grad)
        self.adam.step(self.master, own.float())
        self._cast()
        return float(value.detach())

    def _cast(self) -> None:
        """The bf16 weights from the master copy; at stages 1 and 2 everybody's part goes to everybody."""
        if self.stage in (1, 2):
            self._part(self.weights, True).copy_(self.master)
            self.ring.all_gather(self.weights, "weights")
        else:
            self.weights.copy_(self.master)
