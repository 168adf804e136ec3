"""A mixture of experts for the tiny GPT: many feed-forward parts, of which every token uses a few.

A router scores the experts, each token goes to its best k, and their outputs are added with weights
(Shazeer et al. 2017, arXiv 1701.06538). Three ways to weigh: a softmax over the chosen scores (Mixtral, arXiv
2401.04088), the softmax over all as it is (Switch, arXiv 2101.03961), normalized sigmoids (DeepSeek-V3, arXiv
2412.19437). Two ways to balance: an auxiliary loss (Switch), a bias that only the choice sees (DeepSeek-V3).
Tokens are sorted by expert, so that every expert makes one product over its own stretch, and put back;
`moe_reference` has the same layer token by token. Shapes: n tokens, E experts, k choices, C width.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import formulas
from course_lib.tiny.checks import number, one_of, whole
from course_lib.tiny.model import GPT, FeedForward, GPTConfig

if TYPE_CHECKING:
    from course_lib.accounting import ModelConfig

GATES = ("chosen", "all", "sigmoid")
BALANCES = ("none", "loss", "bias")


@dataclass(frozen=True)
class MoEConfig(GPTConfig):
    """A GPT whose feed-forward parts are mixtures of experts. `mixture` makes one from a dense shape."""

    n_experts: int = 8  # routed experts E in each block
    top_k: int = 2  # experts k that a token visits
    d_expert: int = 0  # hidden units of one expert; 0: d_ff / k, so that a token costs what it did
    n_shared: int = 0  # experts that every token visits, as wide as the others
    gate: str = "chosen"  # weights of the chosen: "chosen" or "all" (softmax over them or all), "sigmoid"
    balance: str = "none"  # "none", "loss" (auxiliary loss) or "bias" (nudged after each step)
    loss_weight: float = 0.01  # of the auxiliary loss
    bias_step: float = 0.005  # by which a bias moves after each step
    capacity: float = 0.0  # room of an expert over an even share of the choices; 0: room for all

    def __post_init__(self) -> None:
        """Check the fields of the mixture beside those of the shape."""
        super().__post_init__()
        for name in ("n_experts", "top_k"):
            whole(name, getattr(self, name))
        whole("n_shared", self.n_shared, least=0)
        one_of("gate", self.gate, GATES)
        one_of("balance", self.balance, BALANCES)
        for name in ("loss_weight", "bias_step", "capacity"):
            number(name, getattr(self, name), 0.0)
        if self.top_k > self.n_experts:
            raise ValueError(f"top_k {self.top_k} is more than the {self.n_experts} experts there are")
        if self.bias:
            raise ValueError("experts have no biases here: set bias=False, or start from GPTConfig.modern")
        if not self.d_expert and self.d_ff % self.top_k:
            raise ValueError(f"d_ff {self.d_ff} must be a multiple of top_k {self.top_k}, or give d_expert")
        whole("d_expert", self.d_expert, least=0)
        object.__setattr__(self, "d_expert", self.d_expert or self.d_ff // self.top_k)

    def feed_forward(self) -> nn.Module:
        """A mixture in the place of one feed-forward part."""
        return MoE(self)

    def to_accounting(self) -> ModelConfig:
        """The same shape for `course_lib.accounting`; balancing biases are no parameters."""
        return replace(
            super().to_accounting(),
            n_experts=self.n_experts, top_k=self.top_k, d_expert=self.d_expert,
            n_shared_experts=self.n_shared, d_shared=self.d_expert,
        )  # fmt: skip


def mixture(dense: GPTConfig, n_experts: int = 8, top_k: int = 2, **options: object) -> MoEConfig:
    """A dense shape with a mixture in every block: top_k experts of d_ff / top_k, so equally many FLOPs."""
    if not isinstance(dense, GPTConfig):
        raise ValueError(f"dense must be a GPTConfig, got {dense!r}")
    return MoEConfig(**asdict(dense), n_experts=n_experts, top_k=top_k, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Routing:
    """Who goes where, for n tokens. `weights` carry gradients back to the router."""

    scores: Tensor  # (n, E) shares of each expert in a token's favor; rows sum to 1
    chosen: Tensor  # (n, k) experts, best first
    weights: Tensor  # (n, k) of their outputs
    kept: Tensor  # (n, k) False where the expert was full and the choice is dropped

    @property
    def load(self) -> Tensor:
        """Share of all choices that each expert got, before dropping: E numbers that sum to 1."""
        return torch.bincount(self.chosen.flatten(), minlength=self.scores.shape[1]) / self.chosen.numel()

    @property
    def dropped(self) -> float:
        """Share of all choices that found their expert full."""
        return 1 - float(self.kept.double().mean())

    @property
    def balance_loss(self) -> Tensor:
        """E sum f_i P_i: load times mean score; 1 when all is even (Fedus et al. 2021, eq. 4)."""
        return self.scores.shape[1] * (self.load.to(self.scores) * self.scores.mean(dim=0)).sum()


class Stack(nn.Module):
    """One matrix for each expert, (E, rows, columns)."""

    def __init__(self, experts: int, rows: int, columns: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, rows, columns).normal_(0.0, 0.02))

    def forward(self, x: Tensor, sizes: list[int]) -> Tensor:
        """Rows of x sorted by expert, `sizes` of them for each: (sum, rows) -> (sum, columns)."""
        stretches = x.split(sizes)
        return torch.cat([part @ matrix for part, matrix in zip(stretches, self.weight, strict=True)])


class MoE(nn.Module):
    """Router, experts, and perhaps shared experts. After a call, `seen` is how it routed."""

    offset: Tensor

    def __init__(self, config: MoEConfig) -> None:
        super().__init__()
        self.config = config
        c, wide = config, config.d_expert * (2 if config.ffn == "swiglu" else 1)
        self.router = nn.Linear(c.d_model, c.n_experts, bias=False)
        self.up = Stack(c.n_experts, c.d_model, wide)  # gate, then up
        self.down = Stack(c.n_experts, c.d_expert, c.d_model)
        # Shared experts side by side are one feed-forward part, so many times as wide.
        wider = replace(c, d_ff=c.n_shared * c.d_expert)
        self.shared = FeedForward(wider) if c.n_shared else None
        self.register_buffer("offset", torch.zeros(c.n_experts))  # the balancing bias
        self.seen: Routing | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        flat = x.reshape(-1, x.shape[-1])
        self.seen = r = self.route(flat)
        E, k = self.config.n_experts, self.config.top_k
        expert = torch.where(r.kept, r.chosen, E).flatten()  # dropped choices sort behind the last expert
        sizes = torch.bincount(expert, minlength=E + 1).tolist()[:E]
        order = expert.argsort(stable=True)[: sum(sizes)]
        token = order // k  # choice i belongs to token i // k
        h = self.up(flat.index_select(0, token), sizes)
        if self.config.ffn == "swiglu":
            gate, up = h.chunk(2, dim=-1)
            h = F.silu(gate) * up
        else:
            h = F.gelu(h)
        out = self.down(h, sizes) * r.weights.flatten().index_select(0, order)[:, None]
        y = torch.zeros_like(flat).index_add(0, token, out)  # a dropped choice adds nothing
        if self.shared is not None:
            y = y + self.shared(flat)
        return y.view_as(x)

    def route(self, x: Tensor) -> Routing:
        """Choose k experts for each of n tokens (n, C)."""
        c = self.config
        logits = self.router(x)  # (n, E)
        scores = logits.sigmoid() if c.gate == "sigmoid" else logits.softmax(dim=-1)
        chosen = (scores + self.offset).topk(c.top_k, dim=-1).indices  # the bias moves the choice only
        weights = scores.gather(1, chosen)
        if c.gate != "all":  # a softmax over the chosen is the softmax over all, brought back to a sum of 1
            weights = weights / weights.sum(dim=-1, keepdim=True)
        if c.gate == "sigmoid":
            scores = scores / scores.sum(dim=-1, keepdim=True)
        kept = torch.ones_like(chosen, dtype=torch.bool)
        if c.capacity:
            room = formulas.expert_capacity(chosen.numel(), c.n_experts, c.capacity)
            kept = queue(chosen, c.n_experts) < room
        return Routing(scores, chosen, weights, kept)

    @torch.no_grad()
    def nudge(self) -> None:
        """Move every expert's bias one step against its load in the last call (DeepSeek-V3)."""
        if self.seen is None:
            raise ValueError("nothing was routed yet: call the layer before nudging its biases")
        load = self.seen.load.to(self.offset)
        self.offset += self.config.bias_step * torch.sign(1 / self.config.n_experts - load)


class MoEGPT(GPT):
    """A GPT whose training loss includes the balancing of its mixtures."""

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy in nats per token, plus the auxiliary loss if there is one; biases are nudged."""
        loss = super().loss(tokens, targets)
        config = self.config
        assert isinstance(config, MoEConfig)
        for layer in mixtures(self):
            if config.balance == "loss" and layer.seen is not None:
                loss = loss + config.loss_weight * layer.seen.balance_loss
            if config.balance == "bias" and torch.is_grad_enabled():
                layer.nudge()
        return loss


def build(config: GPTConfig, *, seed: int = 0) -> GPT:
    """The model of a shape, dense or mixture."""
    return (MoEGPT if isinstance(config, MoEConfig) else GPT)(config, seed=seed)


def mixtures(model: nn.Module) -> list[MoE]:
    """The mixture layers of a model, first block first."""
    return [part for part in model.modules() if isinstance(part, MoE)]


def queue(chosen: Tensor, n_experts: int) -> Tensor:
    """Place of every choice (n, k) in its expert's queue: all first choices before any second one."""
    order = chosen.T.flatten()
    one = F.one_hot(order, n_experts)  # (k n, E)
    place = one.cumsum(dim=0).gather(1, order[:, None])[:, 0] - 1
    return place.view(chosen.shape[1], chosen.shape[0]).T
