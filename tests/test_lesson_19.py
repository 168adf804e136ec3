"""Lesson 19: the tasks and their verifier, what ships, and the explorables."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from course_lib import formulas
from course_lib.tiny import chain, countdown, reasoning
from course_lib.tiny.corpus import step_generator
from course_lib.widgets.explore import lesson_19

RESULTS = reasoning.results()


# --- Chain ---


def worked(text: str) -> list[int]:
    """A chain worked by hand, as an independent reference."""
    value, digits = int(text[0]), []
    for sign, other in zip(text[1:-1:2], text[2:-1:2], strict=True):
        value = {"+": value + int(other), "-": value - int(other), "*": value * int(other)}[sign] % 10
        digits.append(value)
    return digits


def test_chains_are_worked_right() -> None:
    asked, right = chain.exam(200)
    for question, digits in zip(asked, right, strict=True):
        assert worked(chain.show(question)) == digits.tolist()
    assert chain.show(asked[0], right[0]).count("=") == 1


def test_batches_score_the_answer_only() -> None:
    """With a scratchpad six digits are scored, without it one; the sequences differ in nothing else."""
    long, short = (chain.ChainBatches(scratchpad=pad, batch=5)(3) for pad in (True, False))
    assert (long[1] >= 0).sum(dim=1).tolist() == [6] * 5 and (short[1] >= 0).sum(dim=1).tolist() == [1] * 5
    assert torch.equal(long[0][:, :14], short[0]) and torch.equal(long[1][:, -1], short[1][:, -1])


def test_slips_happen_as_often_as_asked_and_are_carried_on() -> None:
    asked, right = chain.exam(4000)
    noisy = chain.work(asked, 0.15, step_generator(1, 1))
    assert (noisy[:, 0] != right[:, 0]).float().mean() == pytest.approx(0.15, abs=0.02)
    assert torch.equal(chain.work(asked, 0.0), right)
    # Six steps without a slip leave the end right; a slip may also heal.
    assert 0.85**6 < (noisy[:, -1] == right[:, -1]).float().mean() < 0.7


def test_the_ceiling_of_the_last_steps() -> None:
    """Nothing read: one in ten. One step: plus and minus leave ten digits, times 5 two, times 2 five."""
    assert chain.ceiling(0) == pytest.approx(0.1)
    by_product = {1: 0.1, 2: 0.2, 3: 0.1, 4: 0.2, 5: 0.5}
    assert chain.ceiling(1) == pytest.approx((10 * 0.1 + sum(by_product.values())) / 15)
    assert chain.ceiling(1) < chain.ceiling(2) < chain.ceiling(3) < 1


# --- Countdown ---


def test_problems_come_with_a_right_solution() -> None:
    problems, written = countdown.draw(300, step_generator(0, 0))
    assert bool(countdown.verify(problems, written)["right"].all())
    for problem, solution in zip(problems.tolist(), written, strict=True):
        assert countdown.check(problem[:4], problem[4], countdown.text_of(solution)).right
    assert int(problems[:, 4].min()) >= countdown.LOWEST and int(written.max()) < countdown.VOCABULARY


def test_both_verifiers_agree_on_damaged_solutions() -> None:
    """Change tokens at random: the fast verifier says what the plain one says."""
    problems, written = countdown.draw(400, step_generator(0, 1))
    generator = step_generator(0, 2)
    places = torch.rand(written.shape, generator=generator) < 0.08
    other = torch.randint(0, countdown.VOCABULARY, written.shape, generator=generator)
    damaged = torch.where(places, other, written)
    fast = countdown.verify(problems, damaged)["right"].tolist()
    plain = [
        countdown.check(p[:4], p[4], countdown.text_of(w)).right
        for p, w in zip(problems.tolist(), damaged, strict=True)
    ]
    assert fast == plain and 0.1 < sum(plain) / len(plain) < 0.9


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("8*7=56, 56+3=59, 59-4=55", "right"),
        ("8*7=54, 54+3=57, 57-4=53", "is wrong"),
        ("8*8=64, 64-7=57, 57-4=53", "there is no 8"),
        ("8*7=56, 56+3=59, 59+4=63", "ends at 63"),
        ("8*7=56, 56+3=59", "2 lines"),
        ("__import__('os')=1, 1+1=2, 2+2=4", "cannot read"),
        ("٨*7=56, 56+3=59, 59-4=55", "no"),
    ],
)
def test_the_verifier_names_the_fault(text: str, why: str) -> None:
    verdict = countdown.check([3, 8, 4, 7], 55, text)
    assert verdict.right == (why == "right") and why in verdict.why


def test_lazy_is_what_a_reader_of_the_last_line_takes() -> None:
    """A solution whose sums are nonsense but which ends at the target is taken by the lazy judge only."""
    problem = torch.tensor([[3, 8, 4, 7, 55]])
    nonsense = torch.tensor([[1, 100, 1, 2, 2, 100, 2, 9, 9, 101, 9, 55]])
    found = countdown.verify(problem, nonsense)
    assert not bool(found["right"]) and bool(found["lazy"])


def test_exam_is_not_in_the_training() -> None:
    """No batch holds a reserved problem, in whatever order its numbers stand."""
    problems = countdown.exam(50)
    shuffled = problems.clone()
    shuffled[:, :4] = problems[:, [2, 0, 3, 1]]
    assert bool(countdown.reserved(problems).all()) and bool(countdown.reserved(shuffled).all())
    inputs, _ = countdown.CountdownBatches()(7)
    assert inputs.shape == (128, 16) and not bool(countdown.reserved(inputs[:, :5]).any())


def test_blind_play_is_what_random_games_give() -> None:
    rng = random.Random(3)
    numbers, target = [2, 3, 5, 7], 42

    def game() -> bool:
        left = list(numbers)
        while len(left) > 1:
            choices = [
                (i, j, c) for i in range(len(left)) for j in range(i)
                for c in (left[i] + left[j], abs(left[i] - left[j]), left[i] * left[j]) if c < 100
            ]  # fmt: skip
            i, j, c = rng.choice(choices)
            left = [x for k, x in enumerate(left) if k not in (i, j)] + [c]
        return left[0] == target

    games = 6000
    share = sum(game() for _ in range(games)) / games
    assert countdown.blind_share(numbers, target) == pytest.approx(share, abs=0.006)


# --- What ships ---


def test_results_are_complete_and_consistent() -> None:
    assert list(RESULTS["countdown"]) == list(reasoning.SIZES)
    for row in RESULTS["countdown"].values():
        assert len(row.right) == len(row.lazy) == len(RESULTS["blind"]) == reasoning.PROBLEMS
        assert min(row.right) >= 0 and min(row.lazy) >= 0
        assert all(r + w <= row.samples for r, w in zip(row.right, row.lazy, strict=True))
        assert row.params == reasoning.GPT(row.config).count()
        assert row.pass_at(1) == pytest.approx(sum(row.right) / row.samples / reasoning.PROBLEMS)
        assert row.pass_at(256) == pytest.approx(sum(c > 0 for c in row.right) / reasoning.PROBLEMS)
        assert row.lazily(1) == pytest.approx(row.pass_at(1))
        assert row.lazily(64) < row.pass_at(64)


def test_shipped_weights_are_those_of_the_table() -> None:
    """The small model writes with the success that the table says, on some of the problems."""
    row = RESULTS["countdown"]["6K"]
    found = reasoning.judge(reasoning.load("countdown"), countdown.exam(reasoning.PROBLEMS), 16, seed=5)
    assert float(found["right"].sum()) / 3200 == pytest.approx(row.pass_at(1), abs=0.012)
    with pytest.raises(ValueError, match="countdown"):
        reasoning.load("nothing")


def test_lazy_choice_is_the_mean_over_draws() -> None:
    """The closed form against drawing k samples and handing in one that is accepted."""
    row = replace(RESULTS["countdown"]["6K"], samples=40, right=(4, 0, 20), lazy=(10, 8, 0))
    rng, trials, hits = random.Random(0), 4000, 0
    for r, w in zip(row.right, row.lazy, strict=True):
        pool = ["right"] * r + ["lazy"] * w + ["rejected"] * (40 - r - w)
        for _ in range(trials):
            accepted = [x for x in rng.sample(pool, 5) if x != "rejected"]
            hits += bool(accepted) and rng.choice(accepted) == "right"
    assert row.lazily(5) == pytest.approx(hits / trials / 3, abs=0.01)


def test_flops_of_attempts() -> None:
    """The prompt is read once; sixteen answers cost sixteen times one answer, and a bit over 2N a token."""
    row = RESULTS["countdown"]["25K"]
    prompt, answer = reasoning.attempt_flops(row.config)
    assert row.flops(16) == pytest.approx(prompt + 16 * answer)
    blocks = row.params - 119 * row.d_model  # tables of tokens and positions
    assert 1 < answer / (11 * 2 * blocks) < 1.4


def test_majority_counts_votes() -> None:
    said = torch.tensor([[1, 1, 2], [3, -1, -1], [5, 6, 7]])
    assert reasoning.majority(said[:2], torch.tensor([1, 3]), 3) == 1.0
    assert reasoning.majority(said[2:], torch.tensor([5]), 3, draws=600) == pytest.approx(1 / 3, abs=0.06)
    assert reasoning.pass_at(said, torch.tensor([2, 3, 8]), 3) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="k must be from 1 to the 3"):
        reasoning.majority(said, torch.tensor([1, 3, 5]), 4)


@pytest.mark.parametrize(("noise", "fooled"), [(0.1, 0.0), (0.4, 0.0), (0.1, 0.03)])
def test_best_of_n_against_simulation(noise: float, fooled: float) -> None:
    generator, p, n, trials = torch.Generator().manual_seed(1), 0.1, 20, 20_000
    right = torch.rand(trials, n, generator=generator) < p
    tricky = ~right & (torch.rand(trials, n, generator=generator) < fooled)
    error = noise * torch.logit(torch.rand(trials, n, generator=generator))
    scores = right.float() + 2 * tricky.float() + error
    chosen = right.gather(1, scores.argmax(dim=1, keepdim=True)).float().mean()
    assert formulas.best_of_n(p, n, noise, fooled, 2.0) == pytest.approx(float(chosen), abs=0.012)


def test_best_of_n_at_its_ends() -> None:
    """One sample: p. A judge without faults: coverage. One that can be fooled: nothing left in the end."""
    assert formulas.best_of_n(0.3, 1, 0.5, 0.1, 2.0) == pytest.approx(0.3, abs=1e-6)
    found = formulas.coverage(0.05, 30)
    assert formulas.best_of_n(0.05, 30, 0.05, 0.0, 2.0) == pytest.approx(found, abs=1e-3)
    assert formulas.best_of_n(0.3, 3000, 0.05, 0.01, 2.0) < 1e-3
    assert formulas.coverage(0.02, formulas.samples_needed(0.02, 0.9)) == pytest.approx(0.9)


# --- Explorables ---


def readout(out: dict[str, Any], label: str) -> str:
    """The value of the readout whose label starts so."""
    return next(r["value"] for r in out["readouts"] if r["label"].startswith(label))


def test_the_crowd_is_the_shipped_exam() -> None:
    widget = lesson_19.many_tries()
    for name, row in RESULTS["countdown"].items():
        out = widget.at(model=name, samples=1)
        assert sum(t["count"] for t in out["tiles"]) == reasoning.PROBLEMS
        assert readout(out, "one sample") == lesson_19.percent(row.pass_at(1))
        assert readout(out, "never solved") == str(sum(c == 0 for c in row.right))
        covers = [t["cover"] for t in out["tiles"]]
        assert covers == sorted(covers, reverse=True)


def test_a_fooled_judge_turns_the_curve() -> None:
    widget = lesson_19.many_tries()
    plain, fooled = (widget.at(samples=256, fooled=x)["series"][2]["y"] for x in (0.0, 2.0))
    assert plain == sorted(plain) and max(fooled) > 1.05 * fooled[-1]
    assert "made the answer worse" in widget.at(samples=256, fooled=2.0)["verdict"]


def test_the_purse_pays_what_things_cost() -> None:
    widget = lesson_19.size_or_tries()
    rows = RESULTS["countdown"]
    out = widget.at(budget=rows["25K"].flops(16), judge="perfect", training="no")
    lane = next(x for x in out["lanes"] if x["name"] == "25K")
    assert lane["k"] == pytest.approx(16) and lane["value"] == pytest.approx(rows["25K"].pass_at(16))
    shared = widget.at(budget=rows["25K"].flops(16), training="yes", served=1e3)
    assert not any(x["affords"] for x in shared["lanes"]) and "does not even pay" in shared["verdict"]


@pytest.mark.parametrize("name", lesson_19.CHAINS)
def test_the_relay_is_the_task(name: str) -> None:
    """Digits, exact chances and votes agree with the library's chain."""
    given = lesson_19.CHAINS[name]
    signs, others = given["signs"], given["others"]
    text = str(given["start"]) + "".join(f"{s}{o}" for s, o in zip(signs, others, strict=True)) + "="
    out = lesson_19.relay_compute({"chain": name, "spoil": 0, "off": 1, "slips": 15, "votes": 200}, None)
    assert [s["right"] for s in out["steps"]] == worked(text) and not any(s["wrong"] for s in out["steps"])
    asked = chain.SIGNS.encode(text).repeat(40_000, 1)
    ends = Counter(chain.work(asked, 0.15, step_generator(2, 2))[:, -1].tolist())
    chances = lesson_19.spread(given, 0.15)
    assert sum(chances) == pytest.approx(1)
    assert all(ends[d] / 40_000 == pytest.approx(chances[d], abs=0.012) for d in range(10))
    assert sum(out["tally"]) == 200


def test_slips_are_carried_or_healed() -> None:
    start = {"slips": 15, "votes": 20}
    carried = lesson_19.relay_compute({"chain": "sums", "spoil": 1, "off": 4, **start}, None)
    assert carried["steps"][-1]["wrong"] and "carried to the end" in carried["verdict"]
    healed = lesson_19.relay_compute({"chain": "healing", "spoil": 1, "off": 5, **start}, None)
    assert not healed["steps"][-1]["wrong"] and "healed at step 2" in healed["verdict"]
