"""Writing with a GPT: one token at a time, with a key/value cache or without.

Without a cache every new token reads the whole text again, so its cost grows with the text. With a cache the
keys and values of earlier positions are kept in buffers made once; a new token computes only its own and
looks back at them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib import guard
from course_lib.tiny.checks import number, whole
from course_lib.tiny.decode import Decoder
from course_lib.tiny.model import GPT


@torch.inference_mode()
def generate(
    model: GPT,
    prompt: Tensor,
    new: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    cached: bool = True,
    slide: bool = False,
) -> Tensor:
    """The prompt, (T,) or (B, T), with `new` tokens more.

    Temperature 0 takes the likeliest token. The model reads at most `context` tokens: a longer text is a
    ValueError unless `slide`, which forgets the older half of the window and counts positions from 0 again.
    """
    tokens = _check(model, prompt, new, slide)
    choose(
        torch.zeros(1, model.config.vocab_size), temperature, top_k
    )  # bad settings fail before work starts
    generator = torch.Generator(tokens.device).manual_seed(whole("seed", seed, least=0))
    B, T = tokens.shape
    text = torch.cat((tokens, tokens.new_zeros(B, new)), dim=1)
    context = model.config.context
    cached = cached and new > 1  # one token has no use for a cache
    start, decoder = max(0, T - context), Decoder(model, B) if cached else None
    for end in range(T, T + new):
        if end - start > context:  # only when sliding: read the later half again from position 0
            start, decoder = end - max(1, context // 2), Decoder(model, B) if cached else None
        if decoder is None:
            logits = model(text[:, start:end])[:, -1]
        else:
            logits = decoder.read(text[:, start + decoder.length : end])
        text[:, end] = choose(logits, temperature, top_k, generator)
    return text[0] if prompt.dim() == 1 else text


def choose(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """One token (B,) per row of logits (B, V): softmax(logits / temperature) of the `top_k` likeliest."""
    if number("temperature", temperature, 0.0) == 0.0:
        return logits.argmax(dim=-1)
    if top_k is not None and whole("top_k", top_k) < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=generator)[:, 0]


def _check(model: GPT, prompt: Tensor, new: int, slide: bool) -> Tensor:
    """The prompt as (B, T), or a ValueError that says what is wrong with the request."""
    config = model.config
    whole("new", new, least=0)
    if not isinstance(prompt, Tensor) or prompt.dim() not in (1, 2) or prompt.numel() == 0:
        raise ValueError("prompt must be a tensor (T,) or (B, T) of at least one token")
    if prompt.is_floating_point() or prompt.is_complex():
        raise ValueError(f"prompt must hold whole numbers, token ids; got {prompt.dtype}")
    tokens = prompt.long().view(-1, prompt.shape[-1])
    if int(tokens.min()) < 0 or int(tokens.max()) >= config.vocab_size:
        raise ValueError(
            f"prompt tokens must be 0 to {config.vocab_size - 1}, "
            f"got {int(tokens.min())} to {int(tokens.max())}"
        )
    needed = tokens.shape[1] + max(0, new - 1)  # the last new token is written, not read
    if needed > config.context and not slide:
        raise ValueError(
            f"{tokens.shape[1]} prompt tokens and {new} new ones need {needed} positions, the model has "
            f"{config.context}; ask for fewer or pass slide=True to forget the oldest"
        )
    return tokens


guard.module(globals())
