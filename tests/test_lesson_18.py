"""Lesson 18: students, the teacher's bill, comparisons, a reward model, three ways to follow it, scores."""

import dataclasses
import math
from statistics import mean

import pytest
import torch
import torch.nn.functional as F

from course_lib import catalog, formulas, tiny
from course_lib.catalog import scores
from course_lib.quizzes import q18_small_models as quiz
from course_lib.tiny import distill, feedback, recipe
from course_lib.tiny.corpus import Windows, split
from course_lib.widgets.explore import data_18, lesson_18


@pytest.fixture(scope="module")
def teacher() -> tiny.GPT:
    return tiny.load("text")


@pytest.fixture(scope="module")
def pairs(teacher: tiny.GPT) -> feedback.Pairs:
    return feedback.compare(teacher, 300)


@pytest.fixture(scope="module")
def judge(teacher: tiny.GPT, pairs: feedback.Pairs) -> feedback.RewardModel:
    return feedback.RewardModel(teacher, pairs)


def test_targets_are_the_teachers_probabilities(teacher: tiny.GPT) -> None:
    windows = Windows(split("austen")[0], 2, 16, seed=3)
    inputs, targets = distill.Taught(windows, teacher, 2.0)(5)
    assert torch.equal(inputs, windows(5)[0])
    assert torch.allclose(targets, (teacher(inputs) / 2).softmax(-1)) and targets.shape == (2, 16, 75)


def test_loss_of_a_student_is_cross_entropy_to_the_softened_teacher(teacher: tiny.GPT) -> None:
    student = distill.Student(recipe.text_config(8), seed=1, temperature=2.0)
    inputs, targets = distill.Taught(Windows(split("austen")[0], 2, 16), teacher, 2.0)(0)
    logp = (student(inputs) / 2).log_softmax(-1)
    by_hand = 4 * -(targets * logp).sum(-1).mean()
    assert student.loss(inputs, targets).item() == pytest.approx(by_hand.item(), rel=1e-5)
    labels = Windows(split("austen")[0], 2, 16)(0)[1]
    plain = F.cross_entropy(student(inputs).flatten(0, 1), labels.flatten())
    assert student.loss(inputs, labels).item() == pytest.approx(plain.item())
    # A one-hot teacher at temperature 1 asks for exactly what the text asks for.
    one_hot = distill.Student(recipe.text_config(8), seed=1)
    soft = one_hot.loss(inputs, F.one_hot(labels, 75).float())
    assert soft.item() == pytest.approx(one_hot.loss(inputs, labels).item(), rel=1e-6)


def test_both_students_start_alike_and_the_taught_one_is_better(teacher: tiny.GPT) -> None:
    a, b = (distill.teach(20_000, asked, teacher=teacher, d_model=16, seed=4) for asked in distill.LESSONS)
    assert a[0].count() == b[0].count() and b[1] < a[1] < math.log(75)
    again = distill.teach(20_000, "teacher", teacher=teacher, d_model=16, seed=4)
    assert again[1] == b[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"tokens": 10}, "tokens"),
        ({"tokens": 20_000, "asked": "nobody"}, "labels.*teacher"),
        ({"tokens": 20_000, "temperature": 0.0}, "temperature"),
        ({"tokens": 20_000, "unique": -1}, "unique"),
    ],
)
def test_bad_students_are_refused(arguments: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        distill.teach(**{"d_model": 8, **arguments})


def test_table_of_students_holds_what_the_lesson_says() -> None:
    text, taught = distill.curve("labels"), distill.curve("teacher")
    gains = [a - b for n in taught for a, b in zip(text[n], taught[n], strict=True)]
    assert len(gains) == 15 and min(gains) > 0.04 and max(gains) < 0.17
    assert mean(text[300_000]) - mean(taught[300_000]) == pytest.approx(quiz.GAIN, abs=0.01)
    assert mean(text[2_400_000]) == pytest.approx(mean(taught[1_200_000]), abs=0.01)
    rows = {(r.asked, r.tokens): r for r in distill.rows("tokens") if r.seed == 0}
    long, short = rows["labels", 2_400_000], rows["teacher", 1_200_000]
    assert (short.flops + short.teacher_flops) / long.flops == pytest.approx(1, abs=0.05)
    weak = {row.teacher: row for row in distill.rows("teacher")}
    assert weak["w16"].loss > text[300_000][0] > weak["w32"].loss
    kinds = ("tokens", "scarce", "warmth", "teacher", "self")
    assert set(distill.rows()) == {row for kind in kinds for row in distill.rows(kind)}
    numbers = [v for row in distill.rows() for v in dataclasses.asdict(row).values() if isinstance(v, float)]
    assert all(math.isfinite(v) for v in numbers)


def test_flops_follow_the_rules_of_the_course(teacher: tiny.GPT) -> None:
    student = distill.Student(recipe.text_config(32))
    forward, training = distill.reading_flops(student, 1000), distill.training_flops(student, 1000)
    assert training == pytest.approx(3 * forward, rel=0.02)
    blocks = teacher.count() - teacher.token.weight.numel()
    assert distill.reading_flops(teacher, 1000) > 0.9 * 2 * 1000 * blocks


def test_taste_counts_long_and_made_up_words() -> None:
    encode = tiny.tokenizer("austen").encode
    start = "x" * (feedback.PROMPT - 1) + " "
    ends = ("marriage and a qzxv", "of it", "qzxvqzxv and")
    rows = [encode(start + end.ljust(feedback.WRITTEN, ".")) for end in ends]
    long, made_up = feedback.letters(torch.stack(rows))
    assert (long * feedback.WRITTEN).tolist() == [8, 0, 0]
    assert (made_up * feedback.WRITTEN).tolist() == [4, 0, 8]
    assert feedback.taste(torch.stack(rows)).tolist() == pytest.approx([6 / 32, 0, -4 / 32])
    shown = feedback.marked(tiny.tokenizer("austen").decode(rows[0]))
    assert shown.split("|")[1].startswith("marriage and a ~qzxv~.")


def test_judge_prefers_what_she_likes_most_of_the_time(pairs: feedback.Pairs) -> None:
    difference = feedback.taste(pairs.chosen) - feedback.taste(pairs.rejected)
    named = (difference[difference != 0] > 0).float().mean()
    assert 0.75 < named < 0.97
    assert torch.equal(pairs.chosen[:, : feedback.PROMPT], pairs.rejected[:, : feedback.PROMPT])
    with pytest.raises(ValueError, match="two tensors"):
        feedback.Pairs(pairs.chosen, pairs.rejected[:, 1:])


def test_reward_model_learns_from_comparisons(judge: feedback.RewardModel, pairs: feedback.Pairs) -> None:
    scored = torch.cat((judge(pairs.chosen), judge(pairs.rejected)))
    assert abs(float(scored.mean())) < 1e-4 and float(scored.std()) == pytest.approx(1, abs=1e-3)
    flipped = feedback.RewardModel(judge.body, feedback.Pairs(pairs.rejected, pairs.chosen))
    assert judge.agreement(pairs) > 0.6 > 0.4 > flipped.agreement(pairs)


def test_drift_is_a_divergence(teacher: tiny.GPT) -> None:
    tokens = feedback.write(teacher, feedback.prompts(16, 2))
    assert feedback.drift(teacher, teacher, tokens).abs().max() < 1e-5
    other = tiny.GPT(teacher.config, seed=3)
    exact = feedback.drift(other, teacher, feedback.write(other, feedback.prompts(64, 2), seed=5))
    wrote = feedback.write(other, feedback.prompts(64, 2), seed=5)
    with torch.no_grad():
        sampled = feedback.log_probability(other, wrote) - feedback.log_probability(teacher, wrote)
    assert float(exact.mean()) == pytest.approx(float(sampled.mean()), rel=0.1) and float(exact.min()) > 0


def test_log_probabilities_are_those_of_the_model(teacher: tiny.GPT) -> None:
    tokens = feedback.write(teacher, feedback.prompts(2, 1))
    with torch.no_grad():
        logp = teacher(tokens[:, :-1]).log_softmax(-1)
        written = range(feedback.PROMPT, tokens.shape[1])
        by_hand = [sum(float(logp[row, i - 1, tokens[row, i]]) for i in written) for row in range(2)]
        assert feedback.log_probability(teacher, tokens).tolist() == pytest.approx(by_hand, rel=1e-4)


def test_tuning_raises_what_it_is_told_to(teacher: tiny.GPT, pairs: feedback.Pairs) -> None:
    def margin(model: tiny.GPT) -> float:
        with torch.no_grad():
            up, down = (feedback.log_probability(model, t[:64]) for t in (pairs.chosen, pairs.rejected))
        return float((up - down).mean())

    few = feedback.Pairs(pairs.chosen[:64], pairs.rejected[:64])
    tuned = feedback.tune_on_pairs(teacher, few, beta=0.1, steps=6, lr=1e-3)
    looks = [(step, margin(model)) for step, model in tuned]
    assert [step for step, _ in looks] == list(range(7)) and looks[-1][1] > looks[0][1] + 0.5
    assert margin(teacher) == looks[0][1]  # the reference itself has not moved

    space = int(tiny.tokenizer("austen").encode(" ")[0])

    def spaces(tokens: torch.Tensor) -> torch.Tensor:
        return (tokens[:, feedback.PROMPT :] == space).float().sum(1)

    *_, (_, model) = feedback.tune_on_reward(teacher, spaces, beta=0.0, steps=6)
    starts = feedback.prompts(128, 8)
    before, after = (float(spaces(feedback.write(m, starts)).mean()) for m in (teacher, model))
    assert after > before + 0.5


def test_best_of_takes_the_best_of_each_group() -> None:
    tokens = torch.arange(6)[:, None].expand(6, 3)
    assert feedback.best_of(tokens, torch.tensor([0.0, 2, 1, 5, 4, 3]), 3)[:, 0].tolist() == [1, 3]
    with pytest.raises(ValueError, match="groups of 4"):
        feedback.best_of(tokens, torch.zeros(6), 4)


def test_best_of_n_drift_matches_counting() -> None:
    """n draws of a uniform number: the best has density n u^(n-1); its divergence is known in closed form."""
    for n in (2, 5, 64):
        grid = [(i + 0.5) / 20_000 for i in range(20_000)]
        exact = sum(n * u ** (n - 1) * math.log(n * u ** (n - 1)) for u in grid) / len(grid)
        assert formulas.best_of_n_drift(n) == pytest.approx(exact, abs=2e-3)
    assert formulas.best_of_n_drift(1) == 0 and formulas.preference(0) == 0.5
    assert formulas.preference(2) + formulas.preference(-2) == pytest.approx(1)


def test_table_of_feedback_holds_what_the_lesson_says() -> None:
    best = feedback.points("best of n")
    assert [p.taste for p in best] == sorted(p.taste for p in best) and best[-1].taste > 2.5 * best[0].taste
    loose = [p for p in feedback.points("policy") if p.beta == 0][-1]
    tight = [p for p in feedback.points("policy") if p.beta == 0.3][-1]
    start = feedback.points("policy")[0]
    assert loose.reward > 3 and loose.variety < start.variety / 10 and loose.loss > 2 * start.loss
    assert tight.kl < 4 and tight.variety > 0.8 * start.variety
    assert tight.taste > start.taste + 5 * start.taste_error
    for beta in feedback.DPO_BETAS:
        row = [p.taste for p in feedback.points("preference") if p.beta == beta]
        assert max(row) > row[0] and row[-1] < max(row)


def test_bill_of_the_explorable() -> None:
    data = data_18.curves()
    v = {"students": 1, "reading": True, "stored": False, "training": True, "budget": 4e11}
    point = data["taught"][0]
    whole = point["flops"] + point["reading"] + data["teacher"]["flops"]
    assert lesson_18.taught_cost(point, v, data) == whole
    shared = {**v, "students": 1000, "stored": True}
    assert lesson_18.taught_cost(point, shared, data) == pytest.approx(
        point["flops"] + (point["reading"] + data["teacher"]["flops"]) / 1000
    )
    assert lesson_18.pays_compute({**shared, "budget": 2e11}, data)["tone"] == "good"
    assert lesson_18.pays_compute(v, data)["tone"] == "bad"
    assert lesson_18.pays_compute({**v, "training": False}, data)["verdict"].startswith("A draw")


def test_shipped_answers_are_the_teachers(teacher: tiny.GPT) -> None:
    fresh, shipped = distill.places(), data_18.places()
    assert shipped["characters"] == fresh["characters"] and len(shipped["places"]) == len(fresh["places"])
    for a, b in zip(shipped["places"], fresh["places"], strict=True):
        assert (a["prefix"], a["next"]) == (b["prefix"], b["next"])
        assert a["logits"] == pytest.approx(b["logits"], abs=0.02)
    assert shipped["teacher"]["flops"] == fresh["teacher"]["flops"]


def test_scores_are_of_catalog_models_and_comparable() -> None:
    for row in scores.rows():
        assert catalog.model(row.model).name == row.model and 0 < row.score < 100 and row.source
    keys = [(row.model, row.tuned, row.benchmark) for row in scores.rows()]
    assert len(keys) == len(set(keys))
    assert len(scores.compare("Llama 3 8B", "Llama 2 70B")) == 11
    with pytest.raises(ValueError, match="there are"):
        scores.of("GPT-5")
    with pytest.raises(ValueError, match="base or instruct"):
        scores.of("Llama 3 8B", "chat")
