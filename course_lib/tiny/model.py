"""A small GPT, from tokens to logits, with classic and modern parts to choose from.

Classic is GPT-2 (Radford et al. 2019): LayerNorm, GELU, learned positions, biases, one key/value head per
query head, and the head tied to the token embedding. Modern is Llama (Touvron et al. 2023, arXiv 2302.13971):
RMSNorm, SwiGLU, rotary positions (Su et al. 2021, arXiv 2104.09864), no biases, grouped key/value heads
(Ainslie et al. 2023, arXiv 2305.13245). Read it top down: GPT, Block, Attention, FeedForward, rotary.

Shapes are named B (sequences), T (positions), C (width), H (heads), D (width of a head).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.tiny.checks import number, one_of, whole

if TYPE_CHECKING:
    from course_lib.accounting import ModelConfig

NORM_EPS = 1e-5
Turn = tuple[Tensor, Tensor] | None  # cos and sin of every position, if positions are rotary


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT. The defaults are GPT-2's choices; `GPTConfig.modern` makes Llama's."""

    vocab_size: int  # token kinds
    context: int  # positions, the longest sequence the model reads
    d_model: int  # width C of the residual stream
    n_layers: int  # blocks
    n_heads: int  # query heads per block
    n_kv_heads: int = 0  # key/value heads per block; 0 means one per query head
    d_ff: int = 0  # hidden units of the feed-forward part; 0 means 4 x d_model
    norm: str = "layernorm"  # "layernorm" or "rmsnorm"
    ffn: str = "gelu"  # "gelu" (exact; on CPUs faster than GPT-2's tanh form) or "swiglu"
    position: str = "learned"  # "learned" or "rope"
    rope_base: float = 10_000.0  # rope: the slowest pair turns about 1/rope_base radians per position
    bias: bool = True  # biases in all linear layers (the head never has one)
    tie_head: bool = True  # output head shares the token embedding
    token_shift: bool = False  # half of what attention reads comes from the position before (no parameters)

    def __post_init__(self) -> None:
        """Fill the zeros in and reject shapes that cannot be built."""
        for name in ("vocab_size", "context", "d_model", "n_layers", "n_heads"):
            whole(name, getattr(self, name))
        whole("n_kv_heads", self.n_kv_heads, least=0)
        whole("d_ff", self.d_ff, least=0)
        object.__setattr__(self, "n_kv_heads", self.n_kv_heads or self.n_heads)
        object.__setattr__(self, "d_ff", self.d_ff or 4 * self.d_model)
        one_of("norm", self.norm, ("layernorm", "rmsnorm"))
        one_of("ffn", self.ffn, ("gelu", "swiglu"))
        one_of("position", self.position, ("learned", "rope"))
        number("rope_base", self.rope_base, 1.0, open_low=True)
        for name in ("bias", "tie_head", "token_shift"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model {self.d_model} must be a multiple of n_heads {self.n_heads}")
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads {self.n_heads} must be a multiple of n_kv_heads {self.n_kv_heads}")
        if self.position == "rope" and self.d_head % 2:
            raise ValueError(
                f"rope turns pairs of channels: d_model / n_heads must be even, got {self.d_head}"
            )

    @property
    def d_head(self) -> int:
        """Width D of one head."""
        return self.d_model // self.n_heads

    @classmethod
    def modern(
        cls,
        vocab_size: int,
        context: int,
        d_model: int,
        n_layers: int,
        n_heads: int,
        n_kv_heads: int = 0,
        d_ff: int = 0,
        *,
        tie_head: bool = True,
        rope_base: float = 10_000.0,
        token_shift: bool = False,
    ) -> GPTConfig:
        """RMSNorm, SwiGLU, rotary positions, no biases; d_ff 0: 8/3 x d_model, as many weights as GELU."""
        whole("d_model", d_model)
        return cls(
            vocab_size,
            context,
            d_model,
            n_layers,
            n_heads,
            n_kv_heads,
            d_ff or round(8 * d_model / 3),
            norm="rmsnorm",
            ffn="swiglu",
            position="rope",
            rope_base=rope_base,
            bias=False,
            tie_head=tie_head,
            token_shift=token_shift,
        )

    def feed_forward(self) -> nn.Module:
        """The part of a block that works on each position by itself; `moe.MoEConfig` has another."""
        return FeedForward(self)

    def to_accounting(self) -> ModelConfig:
        """The same shape in the terms of `course_lib.accounting`, which counts parameters and FLOPs."""
        from course_lib.accounting import ModelConfig

        return ModelConfig(
            n_layers=self.n_layers, d_model=self.d_model, n_heads=self.n_heads, vocab=self.vocab_size,
            n_ctx=self.context, n_kv_heads=self.n_kv_heads, d_ff=self.d_ff,
            ffn="gated" if self.ffn == "swiglu" else "plain", tied_head=self.tie_head,
            positions=self.position,
            norm=self.norm, qkv_bias=self.bias, out_bias=self.bias, ffn_bias=self.bias,
        )  # fmt: skip


class GPT(nn.Module):
    """tokens (B, T) -> logits (B, T, vocabulary)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: GPTConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.context, config.d_model) if config.position == "learned" else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = make_norm(config)
        self.head = None if config.tie_head else nn.Linear(config.d_model, config.vocab_size, bias=False)
        cos, sin = rotary_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.initialize(torch.Generator().manual_seed(seed))

    def initialize(self, generator: torch.Generator) -> None:
        """GPT-2's start: N(0, 0.02); layers that write to the stream are smaller by sqrt(2 x layers)."""
        small = 0.02 / math.sqrt(2 * self.config.n_layers)
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)
            elif p.dim() == 1:
                nn.init.ones_(p)
            else:
                writes = name.endswith(("attention.out.weight", "down.weight"))
                with torch.no_grad():
                    p.copy_(torch.empty(p.shape).normal_(0.0, small if writes else 0.02, generator=generator))

    def forward(self, tokens: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """Logits of the next token at every position; every layer's attention weights are added to `maps`."""
        T = tokens.shape[1]
        if self.config.context < T:
            raise ValueError(f"{T} positions are more than the context of {self.config.context}")
        x = self.token(tokens)  # (B, T, C)
        if self.position is not None:
            x = x + self.position.weight[:T]
        turn = (self.cos[:T], self.sin[:T]) if self.position is None else None
        for block in self.blocks:
            x = block(x, turn, maps)
        return F.linear(self.norm(x), self.head.weight if self.head else self.token.weight)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats per token; targets of -1 are not scored."""
        logits = self(tokens)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-1)

    @torch.no_grad()
    def attention_maps(self, tokens: Tensor) -> Tensor:
        """Who looks at whom: weights (layers, B, H, T, T); a row sums to 1 over positions up to its own."""
        if tokens.dim() != 2 or int(tokens.min()) < 0 or int(tokens.max()) >= self.config.vocab_size:
            raise ValueError(f"tokens must be (B, T), each 0 to {self.config.vocab_size - 1}")
        maps: list[Tensor] = []
        self(tokens, maps=maps)
        return torch.stack(maps)

    def count(self) -> int:
        """Parameters held, each counted once."""
        return sum(p.numel() for p in self.parameters())


class Block(nn.Module):
    """Attention moves information between positions, the feed-forward part works on each; both add to x."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm1 = make_norm(config)
        self.attention = Attention(config)
        self.norm2 = make_norm(config)
        self.ffn = config.feed_forward()

    def forward(self, x: Tensor, turn: Turn, maps: list[Tensor] | None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attention(self.norm1(x), turn, maps)
        return x + self.ffn(self.norm2(x))


class Attention(nn.Module):
    """Every position asks (query) those up to its own (keys) and takes a weighted mean of their values."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(
            config.d_model, (config.n_heads + 2 * config.n_kv_heads) * config.d_head, config.bias
        )
        self.out = nn.Linear(config.d_model, config.d_model, config.bias)

    def forward(self, x: Tensor, turn: Turn = None, maps: list[Tensor] | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        c = self.config
        B, T, C = x.shape
        if c.token_shift:
            x = shift(x)
        qkv = self.qkv(x).view(B, T, c.n_heads + 2 * c.n_kv_heads, c.d_head)  # (B, T, C) -> (B, T, heads, D)
        if turn is not None:
            qk, v = qkv.split((c.n_heads + c.n_kv_heads, c.n_kv_heads), dim=2)
            q, k = rotary(qk, *turn).split((c.n_heads, c.n_kv_heads), dim=2)
        else:
            q, k, v = qkv.split((c.n_heads, c.n_kv_heads, c.n_kv_heads), dim=2)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, T, H, D) -> (B, H, T, D)
        y = explicit_attention(q, k, v, maps) if maps is not None else fused_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(B, T, C))  # (B, H, T, D) -> (B, T, C)


def fused_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Torch's own kernel: the same result as `explicit_attention` without writing the T x T weights out."""
    T, S = q.shape[2], k.shape[2]
    mask = None if T == 1 or T == S else torch.ones(T, S, dtype=torch.bool, device=q.device).tril(S - T)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=T > 1 and T == S, enable_gqa=q.shape[1] != k.shape[1]
    )


def explicit_attention(q: Tensor, k: Tensor, v: Tensor, maps: list[Tensor] | None = None) -> Tensor:
    """softmax(q k' / sqrt(D)) v with a causal mask, step by step; `maps` gets the weights (B, H, T, S)."""
    T, S, group = q.shape[2], k.shape[2], q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)  # one per query head
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])  # (B, H, T, S)
    future = torch.ones(T, S, dtype=torch.bool, device=q.device).triu(S - T + 1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
    if maps is not None:
        maps.append(weights)
    return weights @ v  # (B, H, T, D)


class FeedForward(nn.Module):
    """Widen, bend, narrow. SwiGLU (Shazeer 2020, arXiv 2002.05202) multiplies by a learned gate as well."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.gated = config.ffn == "swiglu"
        self.up = nn.Linear(
            config.d_model, config.d_ff * (2 if self.gated else 1), config.bias
        )  # gate, then up
        self.down = nn.Linear(config.d_ff, config.d_model, config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        h = self.up(x)
        if self.gated:
            gate, up = h.chunk(2, dim=-1)
            return self.down(F.silu(gate) * up)
        return self.down(F.gelu(h))


def make_norm(config: GPTConfig) -> nn.Module:
    """LayerNorm (mean 0, variance 1, then scale and shift) or RMSNorm (mean square 1, then scale)."""
    if config.norm == "layernorm":
        return nn.LayerNorm(config.d_model, eps=NORM_EPS)
    return nn.RMSNorm(config.d_model, eps=NORM_EPS)


def rotary_tables(config: GPTConfig) -> tuple[Tensor, Tensor]:
    """cos and sin (context, 1, D/2) of position x base^(-2i/D): pair i turns slower the larger i is."""
    pairs = torch.arange(0, config.d_head, 2, dtype=torch.float64) / config.d_head
    angle = torch.arange(config.context, dtype=torch.float64)[:, None] * config.rope_base**-pairs
    return angle.cos().float()[:, None], angle.sin().float()[:, None]


def rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channel pairs (i, i + D/2) of x (B, T, H, D) by the angle of their position: a true rotation."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def shift(x: Tensor) -> Tensor:
    """Replace the first half of the channels by those of the position before (zeros before the first)."""
    half = x.shape[-1] // 2
    return torch.cat((F.pad(x[:, :-1, :half], (0, 0, 1, 0)), x[..., half:]), dim=-1)
