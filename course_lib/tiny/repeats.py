"""What running out of text does to a tiny model: repetition, noise, filters, copies and leaks, trained here.

Every run trains the small text model of `recipe` and is judged on 65,536 characters of Austen that were held
out. Its training text is a number of different characters U, read D/U times. `python -m
course_lib.tiny.repeats` makes the rows that the table lacks (all of it: about ten minutes of one core);
`course_lib.limits` reads the table that ships.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from course_lib import dedup, rows
from course_lib.limits import POOL_NOISE, REPEATED, WIDTH, Row
from course_lib.tiny import documents, recipe
from course_lib.tiny.checks import number, whole
from course_lib.tiny.corpus import Passes, split, window_losses
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT
from course_lib.tiny.train import train

STEP = recipe.BATCH * recipe.CONTEXT  # characters a step: 512
STEPS = 600  # of a run at equal tokens: 307,200 characters read
EPOCHS = (1, 2, 4, 8, 15, 30)  # divisors of STEPS
WIDTHS = (16, 32, 48)
SEEDS = (1, 2, 3)
NOISES = (0.05, 0.1, 0.2, 0.4)  # shares of characters replaced
FRESH = (20, 40, 75, 150, 300, 1200)  # steps of runs that read nothing twice
AGAIN = (20, 40, 150)  # steps that a text fills which is then read more and more often
POOL = 300  # steps that the filter's pool fills
SHARES = (1.0, 0.5, 0.25, 0.125, 0.0625)  # of the pool that a filter keeps, the cleanest first
BUDGETS = (75, 300, 900)  # steps of training on what is kept
COPIED = (1, 5, 30)  # documents whose near-copies fill half of a text
EDITS = 0.05  # share of words changed in a near-copy
LEAKS = (0, 1, 4, 8)  # near-copies of each leaked test document in the training text
TEST = 64  # held-out documents; a quarter of them leaks


def run(
    text: Tensor, steps: int, *, seed: int = 0, d_model: int = WIDTH, weight_decay: float = 0.1
) -> tuple[GPT, float]:
    """Train a model on a text for so many steps; the model and its loss at the end of training.

    A pass over the text takes as many whole steps as fit in it.
    """
    whole("steps", steps)
    model = GPT(recipe.text_config(d_model), seed=seed)
    # Passes begin at offsets below one window: a text of whole steps needs one window more.
    batches = Passes(torch.cat([text, text[: recipe.CONTEXT]]), recipe.BATCH, recipe.CONTEXT, seed=seed)
    rate = recipe.learning_rate(d_model)
    with one_thread():
        history = train(
            model, batches, steps, lr=rate, schedule="linear", weight_decay=weight_decay, progress=False
        )
    return model, history.loss


def held_out_losses(model: GPT) -> Tensor:
    """Loss of each of the first TEST held-out documents, nats per character."""
    text = split("austen")[1][: TEST * documents.SIZE + 1]
    return window_losses(model, text, limit=len(text)).view(TEST, -1).mean(dim=1)


def repeated(
    epochs: int, *, steps: int = STEPS, noise: float = 0.0, seed: int = 0, d_model: int = WIDTH
) -> Row:
    """Read steps/epochs steps' worth of text so many times, with a share of its characters noised."""
    if steps % whole("epochs", epochs):
        raise ValueError(f"{steps} steps are not a whole number of passes for {epochs} epochs; try a divisor")
    number("noise", noise, 0.0, 1.0)
    text = documents.noised(documents.unique_text(steps // epochs * STEP, seed=seed), noise, seed=seed)
    kind = "noise" if noise else "repeat" if steps == STEPS else "fresh" if epochs == 1 else "epochs"
    return _row(kind, text, steps, noise, seed, d_model)


def pool(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Documents (n, size) from clean to POOL_NOISE, in this order, and the noise of each."""
    count = POOL * STEP // documents.SIZE
    plain = documents.cut(count, seed=seed)
    rates = torch.linspace(0, POOL_NOISE, count)
    return torch.stack([documents.noised(d, float(r), seed=i) for i, (d, r) in
                        enumerate(zip(plain, rates, strict=True))]), rates  # fmt: skip


def filtered(share: float, steps: int, *, seed: int = 0) -> Row:
    """Keep the cleanest share of the pool and train on it for so many steps, however often it is read."""
    kept = pool(seed)[0]
    kept = kept[: round(number("share", share, 0.0, 1.0, open_low=True) * len(kept))]
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))
    return _row("filter", kept[order].reshape(-1), steps, share, seed)


def with_copies(copied: int, *, seed: int = 0) -> list[str]:
    """STEPS steps' worth of documents in random order; half are near-copies of the first `copied` ones."""
    count = STEPS * STEP // documents.SIZE
    plain = documents.texts(documents.cut(count // 2, seed=seed))
    draw = random.Random(seed)
    copies = [documents.edited(plain[i % whole("copied", copied)], EDITS, _words(plain), draw)
              for i in range(count // 2)]  # fmt: skip
    return draw.sample(plain + copies, count)


def copied_run(copied: int, cleaned: bool, *, seed: int = 0) -> Row:
    """Train on a text full of near-copies as it is, or on what deduplication leaves, at equal tokens."""
    raw = with_copies(copied, seed=seed)
    kept = [raw[i] for i in dedup.deduplicate(raw)] if cleaned else raw
    text = torch.cat([documents.fitted(t) for t in kept])
    return _row("copies", text, STEPS, copied if not cleaned else -copied, seed)


def leaked_run(copies: int, *, seed: int = 0) -> Row:
    """Train on a text that holds near-copies of every fourth test document; score leaked and others apart."""
    whole("copies", copies, least=0)
    text = split("austen")[1][: TEST * documents.SIZE].view(TEST, -1)
    leaked = torch.arange(TEST) % 4 == 0
    plain = documents.texts(documents.cut(STEPS * STEP // documents.SIZE, seed=seed))
    draw, words = random.Random(seed), _words(plain)
    planted = [documents.edited(t, EDITS, words, draw) for t in documents.texts(text[leaked])
               for _ in range(copies)]  # fmt: skip
    mixed = draw.sample(planted + plain[len(planted) :], len(plain))
    began = time.process_time()
    model, _ = run(torch.cat([documents.fitted(t) for t in mixed]), STEPS, seed=seed)
    by_document = held_out_losses(model)
    return _made(model, "leak", seed, STEPS * STEP, STEPS, copies, float(by_document[~leaked].mean()),
                 float(by_document[leaked].mean()), began)  # fmt: skip


def _row(kind: str, text: Tensor, steps: int, setting: float, seed: int, d_model: int = WIDTH) -> Row:
    began = time.process_time()
    model, train_loss = run(text, steps, seed=seed, d_model=d_model)
    loss = float(held_out_losses(model).mean())
    return _made(model, kind, seed, len(text), steps, setting, loss, train_loss, began)


def _made(
    model: GPT,
    kind: str,
    seed: int,
    unique: int,
    steps: int,
    setting: float,
    loss: float,
    other: float,
    began: float,
) -> Row:
    n = sum(p.numel() for p in model.parameters())
    spent = round(time.process_time() - began, 2)
    return Row(
        kind,
        model.config.d_model,
        seed,
        n,
        unique,
        steps * STEP,
        setting,
        round(loss, 4),
        round(other, 4),
        spent,
    )


def _words(texts: Sequence[str]) -> list[str]:
    return sorted({word for text in texts for word in text.split(" ")})


# --- The table that ships -----------------------------------------------------------------------------------


def measure(known: dict[tuple[object, ...], Row]) -> Iterator[Row]:
    """Every row of the table, as it is computed; rows that are known already are taken over."""
    jobs = list(_jobs())
    for key, job in jobs:
        yield known[key] if key in known else job()


def _jobs() -> Iterator[tuple[tuple[object, ...], Callable[[], Row]]]:
    """Each run under the name that its row will have."""
    for seed in SEEDS:
        for width in WIDTHS if seed == SEEDS[0] else (WIDTH,):
            for e in EPOCHS:
                yield (
                    ("repeat", width, seed, STEPS // e, STEPS, 0.0),
                    partial(repeated, e, seed=seed, d_model=width),
                )
        for noise in NOISES:
            yield ("noise", WIDTH, seed, STEPS, STEPS, noise), partial(repeated, 1, noise=noise, seed=seed)
    for seed in SEEDS[:2]:
        for steps in FRESH:
            yield ("fresh", WIDTH, seed, steps, steps, 0.0), partial(repeated, 1, steps=steps, seed=seed)
        for unique in AGAIN:
            for e in (*EPOCHS[1:], 60):
                steps = unique * e
                if steps <= FRESH[-1] and steps != STEPS:
                    job = partial(repeated, e, steps=steps, seed=seed)
                    yield ("epochs", WIDTH, seed, unique, steps, 0.0), job
        for copied in COPIED:
            yield ("copies", WIDTH, seed, STEPS, STEPS, copied), partial(copied_run, copied, False, seed=seed)
            yield ("copies", WIDTH, seed, 0, STEPS, -copied), partial(copied_run, copied, True, seed=seed)
        for k in LEAKS:
            yield ("leak", WIDTH, seed, STEPS, STEPS, k), partial(leaked_run, k, seed=seed)
        for steps in BUDGETS:
            for share in SHARES:
                yield ("filter", WIDTH, seed, 0, steps, share), partial(filtered, share, steps, seed=seed)


def _key(row: Row) -> tuple[object, ...]:
    """What names a run; the size of a filtered or deduplicated text is a result and does not."""
    counted = row.unique // STEP if row.kind != "filter" and row.setting >= 0 else 0
    return row.kind, row.d_model, row.seed, counted, row.tokens // STEP, row.setting


def main() -> None:
    """Write the table that ships, running what it lacks; delete the file to run everything."""
    path = rows.path("repeats.csv")
    old = rows.read(path, Row, REPEATED) if path.exists() else []
    rows.remake(path, Row, measure({_key(row): row for row in old}), old)


if __name__ == "__main__":
    main()
