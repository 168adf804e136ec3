"""Learning from comparisons in miniature: a reward model, best-of-n, preference and policy tuning.

The judge of `tiny.judge` says of two continuations which she prefers. From her answers we train a reward
model, or tune the text model directly on the pairs (DPO, Rafailov et al. 2023, arXiv 2305.18290), or let it
write, score it by the reward model and follow the gradient (REINFORCE, Williams 1992) with a price on
leaving the reference, as InstructGPT does with PPO (Ouyang et al. 2022, arXiv 2203.02155). How far a tuned
model has moved is a Kullback-Leibler divergence, in nats per continuation.

`python -m course_lib.tiny.feedback` remakes the table that ships (about ten minutes of one quiet core).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import rows as tables
from course_lib.tiny.checks import number, whole
from course_lib.tiny.corpus import held_out_loss, split, step_generator, tokenizer
from course_lib.tiny.judge import (
    PROMPT,
    WRITTEN,
    Pairs,
    compare,
    letters,
    marked,
    prompts,
    taste,
    variety,
    write,
)  # fmt: skip
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT
from course_lib.tiny.pack import load

PAIRS = 2_000  # comparisons behind the shipped table
BATCH = 128  # continuations, or pairs, a step
RATE, PAIR_RATE = 1e-3, 3e-4  # learning rates; at 1e-3 tuning on pairs overshoots within ten steps
STEPS, PAIR_STEPS = 60, 120
POINTS = (0, 5, 10, 20, 30, 45, 60)  # steps after which a policy is looked at
PAIR_POINTS = (0, 10, 20, 40, 60, 80, 120)  # and a model tuned on pairs
DPO_BETAS = (0.03, 0.1, 0.3)
POLICY_BETAS = (0.0, 0.1, 0.3)
SAMPLES = (1, 2, 4, 8, 16, 32, 64)  # of best-of-n
JUDGED = 512  # continuations behind each row
EXAMPLES = 3  # of them, kept as text


@dataclass(frozen=True)
class Point:
    """A tuned model, or a way to choose, on prompts of the held-out text. Errors are standard errors."""

    method: str  # "best of n", "preference" (DPO) or "policy" (REINFORCE)
    beta: float  # price of leaving the reference; 0 for best of n
    effort: int  # steps made; samples drawn
    kl: float  # nats per continuation from the reference
    reward: float  # by the reward model, in its standard deviations over the reference's continuations
    taste: float  # what the judge likes: letters of long words less half of those made up, per letter written
    taste_error: float
    long: float  # letters of long real words, per letter written
    made_up: float  # letters of made-up words, per letter written
    variety: float  # different words over words, in all continuations together
    loss: float  # nats per character on held-out text; that of the reference for best of n
    texts: str  # a few continuations, each after its prompt and a bar, one a line


class RewardModel:
    """A linear head on the frozen text model, fitted so that the preferred of two scores higher."""

    def __init__(self, body: GPT, pairs: Pairs, *, decay: float = 0.03) -> None:
        """Logistic regression on the difference of features; scores get mean 0, deviation 1 on the pairs."""
        self.body = body
        chosen, rejected = self.features(pairs.chosen), self.features(pairs.rejected)
        self.scale = (chosen - rejected).std(dim=0).clamp(min=1e-6)
        difference = ((chosen - rejected) / self.scale).double()
        weight = torch.zeros(difference.shape[1], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            value = F.softplus(-difference @ weight).mean() + decay * weight.square().sum()
            value.backward()
            return value

        optimizer.step(loss)
        self.weight = weight.detach().float()
        scores = (torch.cat((chosen, rejected)) / self.scale) @ self.weight
        self.middle, self.spread = float(scores.mean()), float(scores.std())

    @torch.no_grad()
    def features(self, tokens: Tensor) -> Tensor:
        """What the text model has in mind while it reads a continuation, and how it is surprised: (n, F).

        The mean states of every layer, the mean and the least log-probability of a character, and the mean
        over those below -2 nats: a misspelled word is a surprise.
        """
        T, body = tokens.shape[1], self.body
        x, turn, parts = body.token(tokens), (body.cos[:T], body.sin[:T]), []
        for block in body.blocks:
            x = block(x, turn, None)
            parts.append(x[:, PROMPT:].mean(dim=1))
        logits = F.linear(body.norm(x), body.token.weight if body.head is None else body.head.weight)
        logp = _of_characters(logits[:, :-1], tokens)
        surprise = (logp.mean(dim=1), logp.min(dim=1).values, logp.clamp(max=-2.0).mean(dim=1))
        return torch.cat((*parts, torch.stack(surprise, dim=1)), dim=1)

    def __call__(self, tokens: Tensor) -> Tensor:
        """Reward (n,) of continuations."""
        return ((self.features(tokens) / self.scale) @ self.weight - self.middle) / self.spread

    def agreement(self, pairs: Pairs) -> float:
        """Share of the pairs on which it prefers what the judge preferred."""
        return float((self(pairs.chosen) > self(pairs.rejected)).float().mean())


def character_log_probabilities(model: GPT, tokens: Tensor) -> Tensor:
    """Log-probability in nats of each character written: (n, WRITTEN)."""
    return _of_characters(model(tokens[:, :-1]), tokens)


def _of_characters(logits: Tensor, tokens: Tensor) -> Tensor:
    """What logits (n, PROMPT + WRITTEN - 1, V) say of the characters that follow in the continuation."""
    logp = logits[:, PROMPT - 1 :].log_softmax(dim=-1)
    return logp.gather(-1, tokens[:, PROMPT:, None])[..., 0]


def log_probability(model: GPT, tokens: Tensor) -> Tensor:
    """Log-probability (n,) in nats of each continuation, given its prompt."""
    return character_log_probabilities(model, tokens).sum(dim=1)


def drift(model: GPT, reference: GPT, tokens: Tensor) -> Tensor:
    """KL divergence (n,) from the reference, in nats per continuation, on what `model` wrote.

    Summed exactly over the next character at each place, so that only the places are a sample.
    """
    with torch.no_grad():
        mine, its = (m(tokens[:, :-1])[:, PROMPT - 1 :].log_softmax(dim=-1) for m in (model, reference))
        return (mine.exp() * (mine - its)).sum(dim=-1).sum(dim=1)


def tune_on_pairs(
    reference: GPT,
    pairs: Pairs,
    *,
    beta: float,
    steps: int = PAIR_STEPS,
    seed: int = 0,
    lr: float = PAIR_RATE,
) -> Iterator[tuple[int, GPT]]:
    """DPO: raise the preferred over the other, against the reference. Yields (step, model), 0 first."""
    number("beta", beta, 0.0, open_low=True)
    with torch.no_grad():
        base = [torch.cat([log_probability(reference, t) for t in side.split(256)]) for side in
                (pairs.chosen, pairs.rejected)]  # fmt: skip

    def loss(model: GPT, step: int) -> Tensor:
        rows = torch.randint(len(pairs.chosen), (BATCH // 2,), generator=step_generator(seed, step))
        both = torch.cat((pairs.chosen[rows], pairs.rejected[rows]))
        up, down = log_probability(model, both).chunk(2)
        return -F.logsigmoid(beta * ((up - base[0][rows]) - (down - base[1][rows]))).mean()

    yield from _tune(reference, loss, steps, lr)


def tune_on_reward(
    reference: GPT,
    reward: Callable[[Tensor], Tensor],
    *,
    beta: float,
    steps: int = STEPS,
    seed: int = 0,
    lr: float = RATE,
) -> Iterator[tuple[int, GPT]]:
    """REINFORCE on reward - beta x drift, the batch's mean as baseline. Yields (step, model), 0 first."""
    number("beta", beta, 0.0)

    def loss(model: GPT, step: int) -> Tensor:
        tokens = write(model, prompts(BATCH, 1_000 * (seed + 1) + step), step)
        logp = log_probability(model, tokens)
        with torch.no_grad():
            gain = reward(tokens) - beta * (logp - log_probability(reference, tokens))
            gain = (gain - gain.mean()) / gain.std().clamp(min=1e-6)
        return -(gain * logp).mean() / WRITTEN

    yield from _tune(reference, loss, steps, lr)


def _tune(
    reference: GPT, loss: Callable[[GPT, int], Tensor], steps: int, lr: float
) -> Iterator[tuple[int, GPT]]:
    """Adam on a copy of the reference; the model that is yielded goes on changing."""
    whole("steps", steps)
    model = copy.deepcopy(reference)
    optimizer = torch.optim.Adam(model.parameters(), lr=number("lr", lr, 0.0, open_low=True))
    yield 0, model
    for step in range(steps):
        value = loss(model, step)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield step + 1, model


def best_of(tokens: Tensor, score: Tensor, n: int) -> Tensor:
    """The best of each group of `n` continuations by their score: rows (groups, PROMPT + WRITTEN)."""
    if len(tokens) % whole("n", n) or len(tokens) != len(score):
        raise ValueError(f"{len(tokens)} continuations and {len(score)} scores do not fill groups of {n}")
    best = score.view(-1, n).argmax(dim=1)
    return tokens.view(-1, n, tokens.shape[1])[torch.arange(len(best)), best]


def look(model: GPT, reference: GPT, reward: RewardModel, starts: Tensor, seed: int = 0) -> Point:
    """Let a tuned model write after each prompt and measure what came of it (method and effort left open)."""
    tokens = write(model, starts, seed)
    return _point(tokens, reward, drift(model, reference, tokens), model)


def _point(tokens: Tensor, reward: RewardModel, kl: Tensor, model: GPT) -> Point:
    """Everything a row says about continuations."""
    long, made_up = letters(tokens)
    liked, decode = taste(tokens), tokenizer("austen").decode
    texts = "\n".join(marked(decode(row)) for row in tokens[:EXAMPLES])
    return Point(
        "", 0.0, 0, float(kl.mean()), float(reward(tokens).mean()), float(liked.mean()),
        float(liked.std()) / len(liked) ** 0.5, float(long.mean()), float(made_up.mean()), variety(tokens),
        held_out_loss(model, split("austen")[1], limit=16_384), texts,
    )  # fmt: skip


@cache
def points(method: str = "") -> tuple[Point, ...]:
    """The shipped results, all or of one method."""
    table = tables.read(_table(), Point, ("method", "beta", "effort"))
    return tuple(row for row in table if method in ("", row.method))


def measure() -> Iterator[Point]:
    """Every row of the table."""
    from course_lib import formulas

    reference = load("text")
    pairs = compare(reference, PAIRS)
    reward = RewardModel(reference, pairs)
    starts = prompts(JUDGED, 1, held_out=True)
    many = torch.stack([write(reference, starts, 100 + i) for i in range(SAMPLES[-1])], dim=1)
    scores = torch.stack([reward(many[:, i]) for i in range(many.shape[1])], dim=1)
    for n in SAMPLES:
        kept = best_of(many[:, :n].reshape(-1, many.shape[2]), scores[:, :n].reshape(-1), n)
        point = _point(kept, reward, torch.tensor([formulas.best_of_n_drift(n)]), reference)
        yield dataclasses.replace(point, method="best of n", effort=n)
    for beta in DPO_BETAS:
        yield from _along("preference", beta, tune_on_pairs(reference, pairs, beta=beta), reward, starts)
    for beta in POLICY_BETAS:
        yield from _along("policy", beta, tune_on_reward(reference, reward, beta=beta), reward, starts)


def _along(
    method: str, beta: float, tuned: Iterator[tuple[int, GPT]], reward: RewardModel, starts: Tensor
) -> Iterator[Point]:
    """Looks at a model while it is tuned."""
    for step, model in tuned:
        if step in (PAIR_POINTS if method == "preference" else POINTS):
            point = look(model, reward.body, reward, starts)
            yield dataclasses.replace(point, method=method, beta=beta, effort=step)


def _table() -> Path:
    return tables.path("feedback.csv")


def main() -> None:
    """Write the table that ships."""
    rows: list[Point] = []
    with one_thread():
        for row in measure():
            rows.append(row)
            print(row, flush=True)
    short = [
        {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in dataclasses.asdict(row).items()}
        for row in rows
    ]
    tables.write_cells(_table(), short[0], short)


if __name__ == "__main__":
    main()
