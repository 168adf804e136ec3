"""Four-digit addition by models of growing size: an ability that does come suddenly, by every measure.

A sum is written as it is read, "4821+0937=05758", most significant digit first, so the first digit of the
answer depends on all carries. Models are GPTs of two layers and growing width; all read the same number of
sums. What they write is scored in four ways at once: the whole answer, single digits, edit distance, and the
log-likelihood of the right digits. If only the first of them jumps, the jump is in the ruler (Schaeffer et
al. 2023, arXiv 2304.15004); if all four do, it is in the model.

`python -m course_lib.tiny.addition` makes the rows that the shipped tables lack (all: about six minutes of
one core).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from time import process_time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import rows as tables
from course_lib.tiny.checks import whole
from course_lib.tiny.corpus import Tokenizer, step_generator
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig
from course_lib.tiny.train import train

SIGNS = Tokenizer("0123456789+=")
DIGITS = 4  # of each number; the answer has one more
ASKED, ANSWER = 2 * DIGITS + 2, DIGITS + 1  # symbols of "4821+0937=" and of "05758"
WIDTHS = (4, 6, 8, 10, 12, 16, 32)
SEEDS = (0, 1)
STEPS, BATCH, RATE = 2_000, 128, 0.02  # every model reads 256,000 sums; the rate was chosen at width 16
SLOW = (12, 0, 0.01)  # one more run: width, seed, and half the learning rate
EVERY = 100  # steps between looks along the way
TEST_SUMS, TEST_SEED = 512, 4_242  # drawn alike; of 100 million sums hardly one was seen in training
SHOWN = 24  # test sums whose answers are stored as they were written


@dataclass(frozen=True)
class Score:
    """What a model makes of the test sums, measured in four ways."""

    exact: float  # share of answers with every digit right
    digits: float  # share of digits right, place by place, in what it wrote
    edit: float  # edit distance to the right answer, over its five digits: 0 is perfect
    nll: float  # nats per digit that the model would give to the right answer


@dataclass(frozen=True)
class Row(Score):
    """One look at one model during training."""

    width: int
    params: int  # in the blocks: 12 x layers x width^2, without tables, norms and biases
    seed: int
    lr: float  # peak learning rate
    step: int
    cpu_seconds: float  # of training so far


@dataclass(frozen=True)
class Sums:
    """Random sums with their answers; a pure function of the step."""

    batch: int = BATCH
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject impossible sizes."""
        whole("batch", self.batch)
        whole("seed", self.seed, least=0)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, 14); only the digits of the answer are asked for."""
        text = written(torch.randint(10**DIGITS, (self.batch, 2), generator=step_generator(self.seed, step)))
        targets = text[:, 1:].clone()
        targets[:, : ASKED - 1] = -1
        return text[:, :-1], targets


def digits_of(numbers: Tensor, places: int) -> Tensor:
    """(B,) -> (B, places) decimal digits, most significant first."""
    return numbers[:, None] // 10 ** torch.arange(places - 1, -1, -1) % 10


def written(pairs: Tensor) -> Tensor:
    """Pairs (B, 2) of numbers as ids (B, 15) of "4821+0937=05758"."""
    if pairs.dim() != 2 or pairs.shape[1] != 2 or int(pairs.min()) < 0 or int(pairs.max()) >= 10**DIGITS:
        raise ValueError(f"expected pairs (B, 2) of numbers from 0 to {10**DIGITS - 1}")
    plus, equals = (torch.full((len(pairs), 1), SIGNS.characters.index(sign)) for sign in "+=")
    a, b = digits_of(pairs[:, 0], DIGITS), digits_of(pairs[:, 1], DIGITS)
    return torch.cat((a, plus, b, equals, digits_of(pairs.sum(dim=1), ANSWER)), dim=1)


def fresh_pairs(count: int = TEST_SUMS) -> Tensor:
    """The test sums (count, 2), the same at every call."""
    return torch.randint(10**DIGITS, (whole("count", count), 2), generator=step_generator(TEST_SEED, 0))


def config(width: int) -> GPTConfig:
    """Two layers, two heads, learned positions; 24 width^2 parameters in the matrices of the blocks."""
    return GPTConfig(len(SIGNS.characters), ASKED + ANSWER - 1, width, 2, 2, tie_head=False)


def params(width: int) -> int:
    """Parameters in the matrices of the blocks."""
    return 24 * whole("width", width) ** 2


@torch.no_grad()
def answers(model: GPT, pairs: Tensor) -> Tensor:
    """What the model writes after each "a+b=": digit by digit, the likeliest each time. Ids (B, 5)."""
    text = written(pairs)[:, :ASKED]
    for _ in range(ANSWER):
        text = torch.cat((text, model(text)[:, -1:].argmax(dim=2)), dim=1)
    return text[:, ASKED:]


@torch.no_grad()
def score(model: GPT, pairs: Tensor) -> Score:
    """The four measures on these sums."""
    whole_text, said = written(pairs), answers(model, pairs)
    right = whole_text[:, ASKED:]
    logits = model(whole_text[:, :-1])[:, ASKED - 1 :]
    hits = said == right
    off = [edit_distance(a, b) for a, b in zip(said.tolist(), right.tolist(), strict=True)]
    return Score(
        exact=float(hits.all(dim=1).float().mean()),
        digits=float(hits.float().mean()),
        edit=sum(off) / len(off) / ANSWER,
        nll=float(F.cross_entropy(logits.transpose(1, 2), right)),
    )


def edit_distance(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Fewest insertions, deletions and replacements that turn a into b (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def train_adder(
    width: int, *, seed: int = 0, lr: float = RATE, steps: int = STEPS, until: int = 0, every: int = 0
) -> tuple[GPT, list[Row]]:
    """Train one adder on a schedule of `steps`, ending early at step `until`; look each `every` steps."""
    model, rows, pairs = GPT(config(width), seed=seed), [], fresh_pairs()
    whole("until", until, least=0)
    whole("every", every, least=0)
    spent, began = 0.0, process_time()

    def look(step: int) -> bool:
        nonlocal spent, began
        if every and step % every == 0:
            spent += process_time() - began
            row = Row(
                **asdict(score(model, pairs)),
                width=width, params=params(width), seed=seed, lr=lr, step=step, cpu_seconds=spent,
            )  # fmt: skip
            rows.append(row)
            began = process_time()
        return step == until

    with one_thread():
        train(model, Sums(seed=seed), steps, lr=lr, weight_decay=0.0, progress=False, stop=look)
    return model, rows


@cache
def rows(width: int = 0, seed: int = -1, lr: float = RATE) -> tuple[Row, ...]:
    """The shipped looks at one learning rate, all or of one width or seed."""
    place = tables.path("addition.csv")
    table = tables.read(place, Row, ("width", "seed", "lr", "step")) if place.exists() else []
    return tuple(r for r in table if width in (0, r.width) and seed in (-1, r.seed) and r.lr == lr)


def final() -> tuple[Row, ...]:
    """The last look at every shipped model, by size, then seed."""
    return tuple(row for row in sorted(rows(), key=lambda r: (r.width, r.seed)) if row.step == STEPS)


def means() -> tuple[Row, ...]:
    """The last looks, averaged over the seeds of a width: one row a width, smallest first (seed -1)."""
    out = []
    for width in sorted({row.width for row in final()}):
        here = [row for row in final() if row.width == width]
        average = {
            f.name: sum(getattr(row, f.name) for row in here) / len(here)
            for f in (*fields(Score), *(f for f in fields(Row) if f.name == "cpu_seconds"))
        }
        out.append(replace(here[0], seed=-1, **average))
    return tuple(out)


@cache
def shown(width: int, seed: int = 0) -> tuple[tuple[str, str, str], ...]:
    """Test sums as they were answered after training: (question, right answer, what the model wrote)."""
    kept = [c for c in _told() if (c["width"], c["seed"]) == (str(width), str(seed))]
    if not kept:
        raise ValueError(f"no adder of width {width}, seed {seed} ships; widths: {WIDTHS}, seeds: {SEEDS}")
    return tuple((c["question"], c["right"], c["wrote"]) for c in kept)


def _told() -> list[dict[str, str]]:
    """The answers that ship, as text."""
    place = tables.path("addition_answers.csv")
    columns = ("width", "seed", "question", "right", "wrote")
    return [cells for _, cells in tables.cells_of(place, columns)] if place.exists() else []


def _answered(model: GPT, width: int, seed: int) -> list[dict[str, Any]]:
    """Rows of the second table: the first test sums with what the model wrote."""
    pairs = fresh_pairs()[:SHOWN]
    text, said = written(pairs), answers(model, pairs)
    rows = [{"question": t[:ASKED], "right": t[ASKED:], "wrote": s} for t, s in zip(text, said, strict=True)]
    return [{"width": width, "seed": seed} | {k: SIGNS.decode(v) for k, v in r.items()} for r in rows]


def main() -> None:
    """Write both tables, training what they lack; delete them to train everything."""
    table = [asdict(row) for row in (*rows(), *rows(lr=SLOW[2]))]
    told: list[dict[str, Any]] = list(_told())
    done = {(row.width, row.seed, row.lr) for row in (*rows(), *rows(lr=SLOW[2]))}
    for width, seed, lr in [*((w, s, RATE) for s in SEEDS for w in WIDTHS), SLOW]:
        if (width, seed, lr) in done:
            continue
        model, looks = train_adder(width, seed=seed, lr=lr, every=EVERY)
        for look in looks:
            table.append({k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(look).items()})
        tables.write_cells(tables.path("addition.csv"), [f.name for f in fields(Row)], table)
        if lr == RATE:
            told += _answered(model, width, seed)
            tables.write_cells(tables.path("addition_answers.csv"), list(told[0]), told)
        print(looks[-1], flush=True)


if __name__ == "__main__":
    main()
