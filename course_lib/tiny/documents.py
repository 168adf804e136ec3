"""A small web of our own: documents cut from Austen, noise, edited copies and quotations, all of them known.

Real collections repeat themselves in ways that nobody has written down. Here every copy is planted, so that
what a filter finds can be counted against the truth.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.tiny.checks import number, whole
from course_lib.tiny.corpus import split, step_generator, tokenizer

SIZE = 1024  # characters in a document: about 180 words


def cut(count: int, *, seed: int = 0, held_out: bool = False, size: int = SIZE) -> Tensor:
    """Different documents (count, size) as tokens, drawn from the training text (or the held-out one)."""
    text = split("austen")[1 if held_out else 0]
    places = len(text) // whole("size", size)
    if whole("count", count) > places:
        raise ValueError(f"the text holds {places} documents of {size} characters, not {count}")
    chosen = torch.randperm(places, generator=step_generator(whole("seed", seed, 0), 0))[:count]
    return text[: places * size].view(places, size)[chosen]


def unique_text(characters: int, *, seed: int = 0) -> Tensor:
    """So many different characters of the training text (as tokens), in whole documents but for the last."""
    whole("characters", characters)
    return cut(-(-characters // SIZE), seed=seed).reshape(-1)[:characters]


def noised(tokens: Tensor, rate: float, *, seed: int = 0) -> Tensor:
    """Tokens of which a share `rate` is replaced by characters drawn at random, all equally likely."""
    number("rate", rate, 0.0, 1.0)
    generator = step_generator(whole("seed", seed, 0), 1)
    hit = torch.rand(tokens.shape, generator=generator) < rate
    drawn = torch.randint(len(tokenizer("austen").characters), tokens.shape, generator=generator)
    return torch.where(hit, drawn.to(tokens.dtype), tokens)


def texts(documents: Tensor) -> list[str]:
    """Rows of tokens as strings."""
    return [tokenizer("austen").decode(row) for row in documents.tolist()]


def edited(text: str, rate: float, words: Sequence[str], draw: random.Random) -> str:
    """A copy in which each word is replaced, with probability `rate`, by a word drawn from `words`."""
    number("rate", rate, 0.0, 1.0)
    return " ".join(draw.choice(words) if draw.random() < rate else word for word in text.split(" "))


def quoting(text: str, quoted: str, share: float) -> str:
    """A document that begins with a passage of another: a share of its words, then its own."""
    number("share", share, 0.0, 1.0)
    own, theirs = text.split(" "), quoted.split(" ")
    cut_at = round(share * len(own))
    return " ".join(theirs[:cut_at] + own[cut_at:])


def fitted(text: str, size: int = SIZE) -> Tensor:
    """A text as tokens of exactly one document: cut, or filled up with its own beginning."""
    tokens = tokenizer("austen").encode(text).to(torch.uint8)
    return tokens.repeat(-(-size // len(tokens)))[:size]


@dataclass(frozen=True)
class Web:
    """Documents with the truth about them."""

    documents: tuple[str, ...]
    origin: tuple[int, ...]  # documents with the same number are copies of one original
    kind: tuple[str, ...]  # "original", "copy" or "quote"
    source: tuple[int, ...]  # place of the document that a copy or a quote was made from; else its own


def web(
    originals: int = 300, copies: int = 100, quotes: int = 60, *, most_edited: float = 0.25, seed: int = 0
) -> Web:
    """Originals, copies with up to a share `most_edited` of their words changed, and quotations.

    A quotation shares up to half of its words with another document and is not a copy of it.
    """
    draw = random.Random(whole("seed", seed, 0))
    number("most_edited", most_edited, 0.0, 1.0)
    plain = texts(cut(originals + quotes, seed=seed))
    words = sorted({word for text in plain for word in text.split(" ")})
    documents, origin = plain[:originals], list(range(originals))
    kind, source = ["original"] * originals, list(range(originals))
    for i in range(copies):
        of = draw.randrange(originals)
        documents.append(edited(plain[of], most_edited * i / max(1, copies - 1), words, draw))
        origin, kind, source = [*origin, of], [*kind, "copy"], [*source, of]
    for i in range(quotes):
        of = draw.randrange(originals)
        documents.append(quoting(plain[originals + i], plain[of], 0.1 + 0.4 * i / max(1, quotes - 1)))
        origin, kind, source = [*origin, originals + i], [*kind, "quote"], [*source, of]
    return Web(tuple(documents), tuple(origin), tuple(kind), tuple(source))
