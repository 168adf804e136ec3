"""Text to train on: two public-domain corpora that ship with the course, character tokens, windows of them.

The split is fixed: blocks of 20,000 characters, every twentieth held out (about 200,000 characters of
Austen), so that the held-out part covers all books. Origin of the texts: `data/README.md`.
"""

from __future__ import annotations

import bz2
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import zip_longest

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import guard
from course_lib.tiny.checks import one_of, whole
from course_lib.tiny.model import GPT

TEXTS = ("austen", "kjv", "both")
BLOCK = 20_000  # characters per block
HELD_OUT_EVERY = 20  # one block in so many is held out


@dataclass(frozen=True)
class Tokenizer:
    """Character i of `characters` is token i."""

    characters: str  # distinct characters, in token order

    def __post_init__(self) -> None:
        """Reject an empty or ambiguous table."""
        if not isinstance(self.characters, str):
            raise ValueError(f"characters must be text, got {self.characters!r}")
        if not self.characters or len(set(self.characters)) != len(self.characters):
            raise ValueError(f"characters must be distinct and not empty, got {self.characters!r}")

    def encode(self, text: str) -> Tensor:
        """Tokens (length,) of a text; a character outside the table is a ValueError."""
        table = {character: i for i, character in enumerate(self.characters)}
        unknown = sorted(set(text) - table.keys())
        if unknown:
            raise ValueError(
                f"no token for {', '.join(map(repr, unknown))}; known characters: {self.characters!r}"
            )
        return torch.tensor([table[character] for character in text], dtype=torch.long)

    def decode(self, tokens: Tensor | list[int]) -> str:
        """The text of a row of tokens."""
        return "".join(self.characters[int(t)] for t in tokens)


@dataclass(frozen=True)
class Windows:
    """Random windows of a text: a pure function of the step, so a run can resume anywhere."""

    tokens: Tensor  # (length,) of small whole numbers
    batch: int  # windows per step
    context: int  # tokens per window
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject sizes that leave no window."""
        _sizes(self)
        if self.tokens.dim() != 1 or len(self.tokens) <= self.context:
            raise ValueError(
                f"tokens must be one row longer than the context {self.context}, "
                f"got shape {tuple(self.tokens.shape)}"
            )

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, T) of a step; targets are the inputs one character later."""
        generator = step_generator(self.seed, step)
        starts = torch.randint(len(self.tokens) - self.context, (self.batch, 1), generator=generator)
        return _from(self, starts)


def _sizes(windows: Windows | Passes) -> None:
    """Refuse sizes that are no whole numbers, and what is no tensor."""
    whole("batch", windows.batch)
    whole("context", windows.context)
    whole("seed", windows.seed, least=0)
    _is_tensor(windows.tokens)


def _from(windows: Windows | Passes, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets (B, T) of the windows that begin at `starts` (B, 1)."""
    window = windows.tokens[starts + torch.arange(windows.context + 1)].long()  # (B, T + 1)
    return window[:, :-1], window[:, 1:]


def step_generator(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step of one seed, whatever was drawn before."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


@dataclass(frozen=True)
class Passes:
    """Windows of a text without repetition: each is read once before any is read again.

    Windows stand side by side in the text; every pass begins at another offset and has an order of its own.
    Like `Windows`, a pure function of the step, so a run can resume anywhere.
    """

    tokens: Tensor  # (length,) of small whole numbers
    batch: int  # windows per step
    context: int  # tokens per window
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject sizes that leave no step."""
        _sizes(self)
        if self.tokens.dim() != 1 or self.steps < 1:
            raise ValueError(
                f"tokens must be one row that fills {self.batch} windows of {self.context} (and one window "
                f"to spare), got shape {tuple(self.tokens.shape)}"
            )

    @property
    def steps(self) -> int:
        """Steps in one pass over the text."""
        return (len(self.tokens) // self.context - 1) // self.batch

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, T) of a step; targets are the inputs one character later."""
        past, here = divmod(step, self.steps)
        starts = _pass_starts(len(self.tokens), self.context, self.seed, past)
        rows = starts[here * self.batch : (here + 1) * self.batch, None]
        return _from(self, rows)


@lru_cache(maxsize=2)
def _pass_starts(length: int, context: int, seed: int, past: int) -> Tensor:
    """Where the windows of one pass begin, in the order in which they are read."""
    generator = step_generator(seed, past)
    offset = int(torch.randint(context, (1,), generator=generator))
    return offset + context * torch.randperm(length // context - 1, generator=generator)


@cache
def read_text(name: str = "austen") -> str:
    """The whole text of "austen" or "kjv", or of "both", one after the other."""
    if one_of("text", name, TEXTS) == "both":
        return read_text("austen") + read_text("kjv")
    data = (files("course_lib.tiny") / "data" / f"{name}.txt.bz2").read_bytes()
    return bz2.decompress(data).decode("ascii")


@cache
def tokenizer(name: str = "austen") -> Tokenizer:
    """The characters of a text in ASCII order."""
    return Tokenizer("".join(sorted(set(read_text(name)))))


@cache
def split(name: str = "austen") -> tuple[Tensor, Tensor]:
    """Training and held-out tokens (uint8) of a text, by the course's fixed split.

    Of "both", the held-out blocks take turns, so that any long stretch of them holds as much of each text.
    """
    if name == "both":
        return _split_both()
    return _split_one(name, tokenizer(name))


def _split_both() -> tuple[Tensor, Tensor]:
    """Both texts in the characters of both, each split by itself."""
    parts = [_split_one(name, tokenizer("both")) for name in TEXTS[:2]]
    blocks = zip_longest(*(held_out.split(BLOCK) for _, held_out in parts))
    held_out = torch.cat([block for pair in blocks for block in pair if block is not None])
    return torch.cat([training for training, _ in parts]), held_out


def _split_one(name: str, characters: Tokenizer) -> tuple[Tensor, Tensor]:
    """One text, cut into blocks of which every twentieth is held out."""
    table = torch.zeros(128, dtype=torch.uint8)
    for i, character in enumerate(characters.characters):
        table[ord(character)] = i
    tokens = table[torch.frombuffer(bytearray(read_text(name), "ascii"), dtype=torch.uint8).int()]
    held_out = torch.arange(len(tokens)) // BLOCK % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    return tokens[~held_out], tokens[held_out]


@torch.no_grad()
def window_losses(model: GPT, tokens: Tensor, *, limit: int = 65_536, batch: int = 32) -> Tensor:
    """Mean loss in nats per character of each window of the context in the first `limit` characters."""
    _is_tensor(tokens)
    T = model.config.context
    rows = (min(len(tokens), whole("limit", limit)) - 1) // T
    if tokens.dim() != 1 or tokens.is_floating_point() or tokens.is_complex():
        shape = tuple(tokens.shape)
        raise ValueError(f"tokens must be one row of whole numbers; got {tokens.dtype}, {shape}")
    if rows < 1:
        raise ValueError(f"{len(tokens)} tokens and limit {limit} do not fill one window of {T}")
    x = tokens[: rows * T].long().view(rows, T)
    y = tokens[1 : rows * T + 1].long().view(rows, T)
    losses = [
        F.cross_entropy(model(a).transpose(1, 2), b, reduction="none").mean(dim=1)
        for a, b in zip(x.split(batch), y.split(batch), strict=True)
    ]
    return torch.cat(losses)


def held_out_loss(model: GPT, tokens: Tensor, *, limit: int = 65_536, batch: int = 32) -> float:
    """Mean loss in nats per character over the first `limit` characters, in windows of the context."""
    return float(window_losses(model, tokens, limit=limit, batch=batch).double().mean())


def _is_tensor(tokens: object) -> None:
    if not isinstance(tokens, Tensor):
        raise ValueError(f"tokens must be a tensor of token ids, got {tokens!r}")


guard.module(globals())
