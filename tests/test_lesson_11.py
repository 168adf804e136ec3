"""Lesson 11: copying from the prompt, adding by four measures, exams, onsets, and the explorables."""

from __future__ import annotations

import itertools

import pytest
import torch

from course_lib import formulas, quizzes
from course_lib.catalog.abilities import abilities
from course_lib.quizzes import q11_emergence
from course_lib.tiny import addition, exams, induction
from course_lib.tiny.facts import Source, run_facts
from course_lib.widgets.explore import lesson_11

GRADING, ECHO = lesson_11.grading(), lesson_11.echo()


# --- Induction ---------------------------------------------------------------------------------------------


def test_words_repeat_and_only_the_knowable_is_asked() -> None:
    """Inputs repeat with their period, targets are the next symbols, and the first pass is not scored."""
    inputs, targets = induction.Repeats(batch=64, seed=3, periods=(5, 5))(7)
    assert torch.equal(inputs[:, 5:], inputs[:, :-5])
    assert (targets[:, :5] == -1).all() and torch.equal(targets[:, 5:-1], inputs[:, 6:])
    assert all(len(set(row[:5].tolist())) == 5 for row in inputs)
    again, _ = induction.Repeats(batch=64, seed=3, periods=(5, 5))(7)
    assert torch.equal(inputs, again)


def test_faults_come_as_often_as_said() -> None:
    """A tenth of the symbols is drawn anew, and one in 32 of those by chance as before."""
    clean = induction.trials(8, 500)
    faulty = induction.with_faults(clean, 0.1, torch.Generator().manual_seed(0))
    assert float((clean != faulty).float().mean()) == pytest.approx(0.1 * 31 / 32, abs=0.01)
    assert torch.equal(induction.with_faults(clean, 0.0, torch.Generator()), clean)


def test_dictionaries_hold_their_answers() -> None:
    """The asked symbol stands in the prompt once a pass, always before its answer; new orders, new words."""
    prompt, answer = induction.dictionaries(3, 4, count=50)
    assert prompt.shape == (50, 25)
    for row, right in zip(prompt.tolist(), answer.tolist(), strict=True):
        places = [i for i, symbol in enumerate(row[:-1]) if symbol == row[-1]]
        assert len(places) == 3 and all(row[i + 1] == right for i in places)
    alone, _ = induction.dictionaries(0, 4, count=5)
    assert alone.shape == (5, 1)


@pytest.mark.parametrize(("shots", "pairs", "noise"), [(6, 3, 0), (1, 1, 0), (-1, 3, 0), (1, 3, 1.5)])
def test_impossible_dictionaries(shots: int, pairs: int, noise: float) -> None:
    with pytest.raises(ValueError, match=r"noise|pairs|shots|passes"):
        induction.dictionaries(shots, pairs, noise=noise)


def test_votes_by_hand() -> None:
    """The most frequent follower wins; equals share."""
    prompt = torch.tensor(
        [[1, 5, 2, 6, 1, 5, 1, 7, 1], [1, 5, 2, 6, 1, 7, 2, 8, 1], [2, 6, 3, 7, 2, 6, 3, 7, 1]]
    )
    chances = induction.votes(prompt, torch.tensor([5, 7, 9]))
    assert chances.tolist() == pytest.approx([1.0, 0.5, 1 / 32])


def test_the_shipped_models_do_what_the_lesson_says() -> None:
    """Equal sizes; two layers copy from one example, one layer does not; the voter gains from more."""
    two, one, voter = (induction.load(name) for name in ("two", "one", "voter"))
    assert two.count() == one.count() == voter.count()
    assert induction.check(two).accuracy > 0.99 > 0.5 > induction.check(one).accuracy
    assert induction.by_shots(two, most=2, count=256)[1:] == pytest.approx([1, 1], abs=0.02)
    assert max(induction.by_shots(one, most=3, count=256)) < 0.45
    faulty = induction.by_shots(voter, noise=0.3)
    best = induction.by_shots(None, noise=0.3)
    assert faulty[5] > faulty[2] + 0.05 and all(a <= b + 0.03 for a, b in zip(faulty, best, strict=True))


def test_the_heads_are_where_the_lesson_looks() -> None:
    """Layer 1 looks one back, layer 2 at what followed; rows of attention sum to one."""
    two = induction.load("two")
    scores = induction.head_scores(two)
    assert scores["echo"][1].max() > 0.9 and scores["before"][0].max() > 0.3
    assert scores["before"][1].max() < 0.1 and scores["echo"][0].max() < 0.2
    maps = induction.attention(two, "K7R2K")
    assert maps.shape == (2, 2, 5, 5) and torch.allclose(maps.sum(-1), torch.ones(2, 2, 5))
    with pytest.raises(ValueError, match="no token"):
        induction.attention(two, "K1")


def test_names_and_periods_are_checked() -> None:
    with pytest.raises(ValueError, match="name"):
        induction.load("three")
    for low, high in ((1, 5), (6, 5), (4, 32)):
        with pytest.raises(ValueError, match="words must be"):
            induction.Repeats(periods=(low, high))


# --- Addition ----------------------------------------------------------------------------------------------


def test_sums_are_written_as_read() -> None:
    """Text, order of digits, and what is asked."""
    text = addition.written(torch.tensor([[4821, 937], [9999, 9999]]))
    assert [addition.SIGNS.decode(row) for row in text] == ["4821+0937=05758", "9999+9999=19998"]
    inputs, targets = addition.Sums(batch=8, seed=1)(3)
    assert inputs.shape == targets.shape == (8, 14)
    assert (targets[:, :9] == -1).all() and torch.equal(targets[:, 9:-1], inputs[:, 10:])
    with pytest.raises(ValueError, match="0 to 9999"):
        addition.written(torch.tensor([[10_000, 1]]))


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("12345", "12345", 0), ("13555", "35551", 2)],
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert addition.edit_distance(a, b) == addition.edit_distance(b, a) == distance


def test_the_score_counts_what_was_written() -> None:
    """An untrained adder: exact and digits agree with its answers, the loss is near that of a guess."""
    model, _ = addition.train_adder(4, until=1)
    pairs = addition.fresh_pairs(64)
    said, right = addition.answers(model, pairs), addition.written(pairs)[:, addition.ASKED :]
    found = addition.score(model, pairs)
    assert found.digits == pytest.approx(float((said == right).float().mean()))
    assert found.exact == 0 and 0 < found.edit <= 1 and 2.2 < found.nll < 2.8


def test_the_shipped_adders_jump_by_every_measure() -> None:
    """All widths and seeds are there; every measure rises in a small factor; half the rate fails."""
    last = addition.final()
    assert {(r.width, r.seed) for r in last} == set(itertools.product(addition.WIDTHS, addition.SEEDS))
    grown = addition.means()
    sizes = [float(r.params) for r in grown]
    assert sizes == [addition.params(w) for w in addition.WIDTHS]
    assert all(
        formulas.rise_factor(sizes, [getattr(r, k) for r in grown]) < 5
        for k in ("nll", "digits", "edit", "exact")
    )
    assert (
        addition.rows(*addition.SLOW)[-1].nll > 1.3 > max(r.nll for r in addition.rows(12) if r.step == 2000)
    )
    for r in last:
        told = addition.shown(r.width, r.seed)
        assert len(told) == addition.SHOWN and all(int(q[:4]) + int(q[5:9]) == int(a) for q, a, _ in told)
    with pytest.raises(ValueError, match="no adder"):
        addition.shown(5)


def test_a_short_run_repeats_the_shipped_one() -> None:
    """The first look of the smallest adder comes out as it is in the table."""
    _, looks = addition.train_adder(4, until=100, every=100)
    assert looks[0].nll == pytest.approx(addition.rows(4, 0)[0].nll, abs=0.01)


# --- Exams and onsets --------------------------------------------------------------------------------------


def test_exams_are_powers_and_remakeable() -> None:
    """Counted shares agree with p^30 to the error of 20,000 draws; a small network comes out again."""
    for row in exams.rows():
        power = formulas.exact_match(row.accuracy, exams.QUESTIONS)
        assert row.passed == pytest.approx(power, abs=4 * (power * (1 - power) / exams.EXAMS) ** 0.5 + 1e-3)
        assert len(row.sheets) == exams.SHEETS * exams.LONGEST and set(row.sheets) <= {"0", "1"}
    source = Source()
    grade = exams.grade(run_facts(4, 16_384, source=source), source)
    assert grade.params == 212 and 0.3 < grade.accuracy < 0.9 and grade.surprise > source.noise
    with pytest.raises(ValueError, match="each of the 20,000"):
        exams.passed(torch.ones(3, dtype=torch.bool), source)


def test_all_right_and_none() -> None:
    """Who knows everything passes always, who knows nothing never."""
    source = Source()
    known = torch.ones(source.keys, dtype=torch.bool)
    assert exams.passed(known, source, exams=50) == 1 and exams.passed(~known, source, exams=50) == 0


def test_onsets_span_four_decades() -> None:
    rows = abilities("onset")
    assert len(rows) == 22 and rows[-1].params / rows[0].params == pytest.approx(13_500)
    assert all(r.source and (r.score is not None) == (r.kind == "score") for r in abilities())
    with pytest.raises(ValueError, match="kind"):
        abilities("emergent")


# --- Formulas, explorables, quiz ---------------------------------------------------------------------------


def test_grading_by_answers_is_a_shift() -> None:
    """p^k at k^(1/alpha) times the size is p at the size: the same curve, moved."""
    for n, k, alpha in itertools.product((1e7, 1e9), (2, 30), (0.2, 0.5)):
        p = [
            2.718281828459045 ** -formulas.power_law(x, 4e6, alpha)
            for x in (n, n * formulas.length_shift(k, alpha))
        ]
        assert formulas.exact_match(p[1], k) == pytest.approx(p[0])


def test_rise_factor_by_hand() -> None:
    """Straight in log size, up or down; a flat score has no rise."""
    assert formulas.rise_factor([1.0, 10.0, 100.0], [0.0, 5.0, 10.0]) == pytest.approx(10**1.6)
    assert formulas.rise_factor([1.0, 10.0, 100.0, 1000.0], [3.0, 3.0, 1.0, 1.0]) == pytest.approx(10**0.8)
    for sizes, scores in (([1.0, 2.0], [1.0, 1.0]), ([1.0], [1.0]), ([1.0, 2.0], [1.0, 2.0, 3.0])):
        with pytest.raises(ValueError, match="a rise needs"):
            formulas.rise_factor(sizes, scores)


def test_grading_shows_the_tables() -> None:
    """Measured families come from the shipped results; sheets are as long as asked."""
    out = GRADING.at(family="facts", metric="partial", model=8, k=7)
    assert out["series"][0]["y"] == [r.accuracy for r in exams.rows()]
    assert [len(row) for row in out["marks"]] == [7] * lesson_11.SHEETS
    sums = GRADING.at(family="sums", metric="exact", model=8)
    assert (
        sums["series"][0]["y"] == pytest.approx([r.exact for r in addition.means()]) and sums["marks"] == []
    )
    assert GRADING.at(k=1)["verdict"].startswith("With one token")


def test_echo_tells_the_rule() -> None:
    """Earlier places, followers, and a contradiction are found; the page's models are the shipped ones."""
    out = ECHO.at(**lesson_11.placed("DGKPDTKPD"), at=9)
    assert out["seen"] == [0, 4] and out["after"] == [1, 5] and "contradicts" in out["verdict"]
    assert ECHO.at(at=1)["readouts"][3]["value"] == "no idea"
    from course_lib.tiny.pack import unpack

    packed = unpack(ECHO.data["two"]["pack"])
    assert induction.check(packed, count=64).accuracy > 0.99


def test_the_quiz_says_what_is_measured() -> None:
    """Round numbers of the questions are those of the table; exercise keys come from the library."""
    shares = [r.accuracy for r in exams.rows()]
    assert round(shares[0], 2) == q11_emergence.POOR and q11_emergence.GOOD in [round(s, 2) for s in shares]
    assert q11_emergence.LAW_EXPONENT == lesson_11.LAW_EXPONENT
    _, _, seen = induction.train_induction(1, token_shift=True, steps=200, every=200)
    assert quizzes.check("11.shift", seen[-1].accuracy).startswith("Right")
    assert quizzes.check("11.longer", 167).startswith("Right")
