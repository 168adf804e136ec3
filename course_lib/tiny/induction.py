"""Learning from the prompt in miniature: a word of random symbols comes again and again.

The word is new in every sequence, so no weight can hold it. The only way to predict is to look the present
symbol up earlier in the prompt and to copy what came after it: induction. It takes two steps, one in each of
two layers (note who stands before whom; find the same symbol and take its neighbor), which is why a model
with one layer does not get there: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits";
Olsson et al. 2022, arXiv 2209.11895, who found that the heads that do it appear suddenly in training.

Where examples in the prompt may be wrong, copying the last one is not the best that can be done: the "voter",
trained on with faulty prompts, weighs them against each other.

`python -m course_lib.tiny.induction` remakes the three models that ship (about twenty seconds of one core).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.tiny.ablation import matched, size
from course_lib.tiny.checkpoint import load_model, save_model
from course_lib.tiny.checks import number, one_of, whole
from course_lib.tiny.corpus import Tokenizer, step_generator
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.train import History, train

SYMBOLS = Tokenizer("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")  # 32: chance is one in 32
CONTEXT = 32  # symbols a model reads
PERIODS = (4, 24)  # shortest and longest word in training
STEPS, RATE, BATCH = 400, 6e-3, 32  # of a training run
TRIAL_SEED = 31_337  # keeps trial sequences apart from those of training
SHIPPED = {"two": 2, "one": 1, "voter": 2}  # layers of the models that ship
FAULTS = 0.3  # share of wrong symbols in the voter's further training


@dataclass(frozen=True)
class Repeats:
    """Sequences that repeat a random word of different symbols; a pure function of the step."""

    batch: int = BATCH  # sequences a step
    seed: int = 0
    periods: tuple[int, int] = PERIODS  # shortest and longest word, drawn evenly
    noise: float = 0.0  # share of symbols that are replaced by random ones

    def __post_init__(self) -> None:
        """Reject words that cannot be made or never come again."""
        whole("batch", self.batch)
        whole("seed", self.seed, least=0)
        number("noise", self.noise, 0.0, 1.0)
        _periods(*self.periods)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, CONTEXT); the first pass through the word is not asked for (target -1)."""
        generator = step_generator(self.seed, step)
        period = torch.randint(self.periods[0], self.periods[1] + 1, (self.batch,), generator=generator)
        text = repeated(period, CONTEXT + 1, generator)
        targets = text[:, 1:].clone()
        targets[torch.arange(CONTEXT) < period[:, None]] = -1
        if self.noise:
            text = with_faults(text, self.noise, generator)
        return text[:, :-1], targets


@dataclass(frozen=True)
class Check:
    """A model on fresh sequences of one word length, at some step of its training."""

    step: int
    loss: float  # nats per symbol, from the second pass on
    accuracy: float  # share of those symbols that are predicted


def _periods(low: int, high: int) -> None:
    """Word lengths must let a word of different symbols come again within the context."""
    if not 1 < whole("shortest word", low) <= whole("longest word", high) < CONTEXT:
        raise ValueError(f"words must be 2 to {CONTEXT - 1} symbols long, shortest first, got {low}, {high}")


def repeated(period: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """For each period (B,) a word of so many different symbols, repeated to `length`: ids (B, length)."""
    kinds = len(SYMBOLS.characters)
    words = torch.rand(len(period), kinds, generator=generator).argsort(dim=1)
    return words.gather(1, torch.arange(length)[None] % period[:, None])


def with_faults(symbols: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """The symbols, each replaced by a random one (perhaps the same) with probability `noise`."""
    hit = torch.rand(symbols.shape, generator=generator) < noise
    other = torch.randint(len(SYMBOLS.characters), symbols.shape, generator=generator)
    return torch.where(hit, other, symbols)


def trials(period: int, count: int = 256, length: int = CONTEXT + 1) -> Tensor:
    """The same fresh sequences (count, length) of one word length at every call."""
    _periods(period, period)
    generator = step_generator(TRIAL_SEED, period)
    return repeated(torch.full((whole("count", count),), period), length, generator)


def config(n_layers: int = 2, *, token_shift: bool = False) -> GPTConfig:
    """Two layers with hardly any feed-forward part, or one layer of the same size (within a hidden unit)."""
    whole("n_layers", n_layers)
    shape = GPTConfig(
        len(SYMBOLS.characters), CONTEXT, 32, n_layers, 2, d_ff=8,
        bias=False, tie_head=False, token_shift=token_shift,
    )  # fmt: skip
    if n_layers >= 2:
        return shape
    return matched(shape, size(config(2)))


def train_induction(
    n_layers: int = 2,
    *,
    seed: int = 0,
    steps: int = STEPS,
    token_shift: bool = False,
    every: int = 0,
    period: int = 8,
) -> tuple[GPT, History, list[Check]]:
    """Train a model on one thread; with `every`, look at it each so many steps on words of `period`."""
    model, seen = GPT(config(n_layers, token_shift=token_shift), seed=seed), []
    whole("every", every, least=0)

    def look(step: int) -> bool:
        if every and step % every == 0:
            seen.append(check(model, period, step=step))
        return False

    with one_thread():
        history = train(
            model, Repeats(seed=seed), steps, lr=RATE, schedule="constant", weight_decay=0.01,
            progress=False, stop=look,
        )  # fmt: skip
    return model, history, seen


@torch.no_grad()
def check(model: GPT, period: int = 8, *, count: int = 128, step: int = 0) -> Check:
    """Loss and accuracy on fresh sequences of one word length, from the second pass on."""
    text = trials(period, count)
    logits, target = model(text[:, :-1])[:, period:], text[:, period + 1 :]
    loss = F.cross_entropy(logits.transpose(1, 2), target)
    return Check(step, float(loss), float((logits.argmax(dim=2) == target).float().mean()))


def dictionaries(
    shots: int, pairs: int = 3, *, noise: float = 0.0, count: int = 1024
) -> tuple[Tensor, Tensor]:
    """Prompts (count, 2 x pairs x shots + 1) that end in a question, and their answers (count,).

    A prompt is a small dictionary: `pairs` pairs of symbols, passed through in a new order each time, `shots`
    times, then one of the first symbols. With `noise`, each example's second symbol is replaced by a random
    one with that probability; the answer is the true one. Nobody was trained on dictionaries.
    """
    number("noise", noise, 0.0, 1.0)
    longest = (CONTEXT - 1) // (2 * whole("pairs", pairs, least=2))
    if not 0 <= whole("shots", shots, least=0) <= longest:
        raise ValueError(f"{CONTEXT} symbols hold up to {longest} passes of {pairs} pairs, got {shots}")
    generator, kinds = step_generator(TRIAL_SEED, 1_000 * pairs + shots), len(SYMBOLS.characters)
    every = torch.arange(whole("count", count))
    words = torch.rand(count, kinds, generator=generator).argsort(dim=1)[:, : 2 * pairs].view(count, pairs, 2)
    asked = words[every, torch.randint(pairs, (count,), generator=generator)]
    order = torch.rand(count, shots, pairs, generator=generator).argsort(dim=2)
    prompt = words[every[:, None, None], order]  # (count, shots, pairs, 2)
    prompt[..., 1] = with_faults(prompt[..., 1], noise, generator)
    return torch.cat((prompt.reshape(count, -1), asked[:, :1]), dim=1), asked[:, 1]


@torch.no_grad()
def by_shots(
    model: GPT | None, pairs: int = 3, *, most: int = 5, noise: float = 0.0, count: int = 1024
) -> list[float]:
    """Accuracy on "what goes with this?" after 0, 1, ... `most` examples of each pair.

    Without a model: what a careful reader reaches, who counts what stood behind the symbol and takes the most
    frequent (a draw among equals).
    """
    scores = []
    for shots in range(whole("most", most, least=0) + 1):
        prompt, answer = dictionaries(shots, pairs, noise=noise, count=count)
        if model is None:
            scores.append(float(votes(prompt, answer).mean()))
        else:
            said = model(prompt)[:, -1].argmax(dim=1)
            scores.append(float((said == answer).float().mean()))
    return scores


def votes(prompt: Tensor, answer: Tensor) -> Tensor:
    """Chance (B,) that the most frequent follower of the asked symbol is the answer, equals drawn by lot."""
    kinds, asked = len(SYMBOLS.characters), prompt[:, -1]
    first, second = prompt[:, :-1:2], prompt[:, 1::2]  # both (B, examples)
    seen = F.one_hot(second, kinds) * (first == asked[:, None])[..., None]
    count = seen.sum(dim=1)  # (B, kinds)
    best = count == count.amax(dim=1, keepdim=True)
    return best.gather(1, answer[:, None])[:, 0] / best.sum(dim=1)


@torch.no_grad()
def head_scores(model: GPT, period: int = 8, *, count: int = 128) -> dict[str, Tensor]:
    """Where every head looks, from the second pass on: mean attention weight, (layers, heads) each.

    "before": on the symbol just before; "echo": on the symbols that came after earlier occurrences of the
    present one. The head with a high echo is the induction head.
    """
    text = trials(period, count)[:, :-1]
    maps = model.attention_maps(text)  # (L, B, H, T, T)
    to = torch.arange(CONTEXT)
    distance = to[:, None] - to[None]  # how far back
    later = to >= period
    echo = (distance >= 0) & ((distance + 1) % period == 0)
    before = distance == 1
    weights = maps.mean(dim=1)[:, :, later]
    looks = {"before": before[later], "echo": echo[later]}
    return {name: (weights * where).sum(-1).mean(-1) for name, where in looks.items()}


def attention(model: GPT, text: str) -> Tensor:
    """Attention weights (layers, heads, T, T) of a model on a string of SYMBOLS."""
    return model.attention_maps(SYMBOLS.encode(text)[None])[:, 0]


def load(name: str = "two") -> GPT:
    """A model that ships with the course: "two" layers, "one" layer of the same size, or the "voter"."""
    return load_model(_weights(one_of("name", name, tuple(SHIPPED))))[0]


def _weights(name: str) -> Path:
    return Path(str(files("course_lib.tiny") / "weights" / f"induction-{name}.safetensors"))


def train_voter(model: GPT, *, steps: int = STEPS, seed: int = 5) -> GPT:
    """Train a model on in place, with faulty prompts and short words, so that each comes several times."""
    batches = Repeats(seed=seed, periods=(3, 10), noise=FAULTS)
    with one_thread():
        train(model, batches, steps, lr=4e-3, schedule="constant", weight_decay=0.01, progress=False)
    return model


def main() -> None:
    """Train and save the models that ship."""
    models = {name: train_induction(SHIPPED[name], steps=2 * STEPS)[0] for name in ("two", "one")}
    models["voter"] = train_voter(train_induction(2, steps=300)[0])
    for name, model in models.items():
        print(f"{name}: {model.count():,} parameters, {check(model)}", file=sys.stderr)
        save_model(_weights(name), model, vocabulary=SYMBOLS.characters)


if __name__ == "__main__":
    main()
