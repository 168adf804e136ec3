"""The forward pass of `model.GPT` once more, for writing: flat, without gradients, with a key/value cache.

Keys and values of the positions read so far stay in buffers made once, so a new token computes its own and
looks back; nothing is copied or recomputed. One flat function instead of nested modules also saves a third of
the time that a single token takes, so the cache pays from the first token on. The tests hold both passes
equal for every option.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.tiny.model import GPT, NORM_EPS, Block, FeedForward, fused_attention, rotary


class Decoder:
    """Reads tokens in order and gives the logits of the next one."""

    def __init__(self, model: GPT, batch: int = 1) -> None:
        config, table = model.config, model.token.weight.detach()
        self.config = config
        self.length = 0  # positions read
        self.table, self.head = table, table if model.head is None else model.head.weight.detach()
        self.position = None if model.position is None else model.position.weight.detach()
        self.cos, self.sin = model.cos, model.sin
        self.final = _weights(model.norm)
        self.layers = [[_weights(part) for part in _parts(block)] for block in model.blocks]
        shape = (batch, 2 * config.n_kv_heads, config.context, config.d_head)  # key heads, then value heads
        self.cache = [table.new_empty(shape) for _ in self.layers]
        self.before = [
            table.new_zeros(batch, 1, config.d_model // 2) for _ in self.layers
        ]  # for the token shift

    @torch.inference_mode()
    def read(self, tokens: Tensor) -> Tensor:
        """Read tokens (B, T) after those before and return the logits (B, V) of what comes next."""
        start, end = self.length, self.length + tokens.shape[1]
        if end > self.config.context:
            raise ValueError(f"{end} positions are more than the context of {self.config.context}")
        x = F.embedding(tokens, self.table)  # (B, T, C)
        if self.position is not None:
            x = x + self.position[start:end]
        gated = self.config.ffn == "swiglu"
        for layer, (norm1, qkv, out, norm2, up, down) in enumerate(self.layers):
            x = x + F.linear(
                self._attend(layer, F.linear(self._shift(layer, _norm(x, *norm1)), *qkv), start, end), *out
            )
            h = F.linear(_norm(x, *norm2), *up)
            x = x + F.linear(_swiglu(h) if gated else F.gelu(h), *down)
        self.length = end
        return F.linear(_norm(x[:, -1], *self.final), self.head)

    def _attend(self, layer: int, qkv: Tensor, start: int, end: int) -> Tensor:
        """Remember the new keys and values, look back at all: (B, T, (H + 2 Hkv) D) -> (B, T, C)."""
        c = self.config
        B, T, _ = qkv.shape
        heads = qkv.view(B, T, c.n_heads + 2 * c.n_kv_heads, c.d_head)  # (B, T, heads, D)
        if c.position == "rope":
            turned = c.n_heads + c.n_kv_heads
            heads = torch.cat(
                (
                    rotary(heads[:, :, :turned], self.cos[start:end], self.sin[start:end]),
                    heads[:, :, turned:],
                ),
                dim=2,
            )
        q, new = heads.transpose(1, 2).split((c.n_heads, 2 * c.n_kv_heads), dim=1)
        cache = self.cache[layer]
        cache[:, :, start:end] = new
        k, v = cache[:, :, :end].split(c.n_kv_heads, dim=1)  # views (B, Hkv, end, D)
        return fused_attention(q, k, v).transpose(1, 2).reshape(B, T, c.d_model)

    def _shift(self, layer: int, x: Tensor) -> Tensor:
        """The token shift: the first half of the channels come from the position before."""
        if not self.config.token_shift:
            return x
        half = self.config.d_model // 2
        moved = torch.cat((self.before[layer], x[..., :half]), dim=1)
        self.before[layer] = moved[:, -1:]
        return torch.cat((moved[:, :-1], x[..., half:]), dim=-1)


def _parts(block: nn.Module) -> tuple[nn.Module, ...]:
    """The six parts of a block that hold weights, in the order they are used."""
    assert isinstance(block, Block)
    ffn, attention = block.ffn, block.attention
    if not isinstance(ffn, FeedForward):
        raise ValueError("the decoder reads dense blocks; of a mixture of experts call the model itself")
    return block.norm1, attention.qkv, attention.out, block.norm2, ffn.up, ffn.down


def _weights(part: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a part; None if it has no bias."""
    weight, bias = part.weight, getattr(part, "bias", None)
    assert isinstance(weight, Tensor)
    return weight.detach(), bias.detach() if bias is not None else None


def _norm(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """LayerNorm if there is a bias, else RMSNorm."""
    if bias is None:
        return F.rms_norm(x, weight.shape, weight, NORM_EPS)
    return F.layer_norm(x, weight.shape, weight, bias, NORM_EPS)


def _swiglu(h: Tensor) -> Tensor:
    """silu(gate) x up of (..., 2 F)."""
    gate, up = h.chunk(2, dim=-1)
    return F.silu(gate) * up
