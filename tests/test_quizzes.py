"""Quizzes: numbers are read as typed, keys mark themselves right, and every wrong way is answered."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import quizzes
from course_lib.quizzes import marking, prose, questions
from course_lib.quizzes.quiz import lesson, lesson_modules, mark

NUMBERS = sorted(lesson_modules())
EVERY = [
    (n, q) for n in NUMBERS for q in (*lesson(n).predictions, *lesson(n).questions, *lesson(n).exercises)
]
each_question = pytest.mark.parametrize(("number", "question"), EVERY, ids=[f"{n}-{q.id}" for n, q in EVERY])


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1400", 1400), ("1,400", 1400), ("1.4e12", 1.4e12), ("1.4T", 1.4e12), ("1.4 trillion", 1.4e12),
        ("175B", 175e9),
        ("3.14×10^23", 3.14e23), ("3.14 x 10^23", 3.14e23), ("6·10²³", 6e23), ("10⁻³", 1e-3), ("35 %", 0.35),
        ("-2.5", -2.5), ("−2.5", -2.5), (".5", 0.5), ("80GB", 80e9), ("312 TFLOP/s", 312e12),
        ("7B parameters", 7e9),
        ("$4.6M", 4.6e6), ("2^10", 1024), ("12 m", 12e6), ("34 days", 34), ("1,234,567.5", 1234567.5),
    ],
)  # fmt: skip
def test_reads_numbers_as_people_type_them(typed: str, value: float) -> None:
    assert marking.parse_number(typed) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "typed", ["", "abc", "e5", "1.2.3", "12,34", "*10^3", "10^", "nan", "<b>1</b>", "--1"]
)
def test_refuses_what_is_no_number(typed: str) -> None:
    assert math.isnan(marking.parse_number(typed))


@given(st.floats(min_value=-1e30, max_value=1e30).filter(lambda x: x == 0 or abs(x) > 1e-30))
def test_reads_back_what_python_prints(x: float) -> None:
    assert marking.parse_number(repr(x)) == pytest.approx(x, rel=1e-12)


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_nan(text: str) -> None:
    assert isinstance(marking.parse_number(text), float)


@each_question
def test_the_key_is_right_and_the_rest_is_not(number: str, question: questions.Question) -> None:
    """The key marks itself right; every trap and every wrong option is answered with its own reason."""
    if question.kind == "numeric":
        assert mark(question, question.key)["right"]
        for trap in question.traps:
            told = mark(question, trap.value)
            assert not told["right"] and told["feedback"] == [trap.why]
        assert not mark(question, question.key * 3 + 1)["right"]
    elif question.kind == "ordering":
        order = list(range(len(question.items)))
        assert mark(question, order)["right"] and not mark(question, order[::-1])["right"]
    else:
        good = [i for i, o in enumerate(question.options) if o.right]
        assert mark(question, good[0] if question.kind == "single" else good)["right"]
        for i, option in enumerate(question.options):
            told = mark(question, i if question.kind == "single" else [i])
            assert told["option"] == [{"index": i, "right": option.right, "why": option.why}]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_lesson_asks_enough(number: str) -> None:
    """Six questions or more, two of them numeric, a guess, ids unique, prompts and reasons different."""
    content = lesson(number)
    assert len(content.questions) >= 6, f"{content.id}: a quiz asks six questions or more"
    assert content.predictions, f"{content.id}: a guess before the evidence is missing (predictions=)"
    numeric = sum(q.kind == "numeric" for q in content.questions)
    assert numeric >= 2, f"{content.id}: two questions or more want a number; {numeric} do"
    ids = [q.id for q in (*content.predictions, *content.questions, *content.exercises)]
    assert len(set(ids)) == len(ids), f"{content.id}: two questions share an id: {ids}"
    for q in content.questions:
        whys = [o.why for o in q.options]
        assert len(set(whys)) == len(whys), f"{q.id}: two options are answered with the same words"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_right_option_does_not_stand_out_by_length(number: str) -> None:
    """In at most half of the single choices is the right option the longest by far."""
    singles = [q for q in lesson(number).questions if q.kind == "single"]
    giveaways = 0
    for q in singles:
        right = max(len(o.text) for o in q.options if o.right)
        wrong = max(len(o.text) for o in q.options if not o.right)
        giveaways += right > 1.5 * wrong
    assert giveaways <= len(singles) / 2, (
        f"lesson {number}: in {giveaways} of {len(singles)} single choices the right option is half as long "
        "again as any other; shorten it or lengthen a wrong one")


def test_answers_in_a_live_notebook() -> None:
    """`answer` marks in Python, says why and keeps the answer in a trait."""
    quiz = quizzes.load("01")
    assert quiz.answer("thousand", "0.5916").startswith("Right.")
    assert quiz.answer(1, "0.516").startswith("Not yet.")
    assert quiz.answers["thousand"]["right"] is False
    assert quiz.answer("straight", "both axes logarithmic").startswith("Right.")
    with pytest.raises(ValueError, match="questions 1 to"):
        quiz.answer(99, 1)
    with pytest.raises(ValueError, match="has no question 'nope'"):
        quiz.answer("nope", 1)
    with pytest.raises(ValueError, match="expected options 0 to"):
        quiz.answer("straight", 17)
    with pytest.raises(ValueError, match="expected a number"):
        quiz.answer("thousand", [1])


def test_check_says_why() -> None:
    assert quizzes.check("01.ratio", 0.7047).startswith("Right.")
    assert "one factor of ten" in quizzes.check("01.ratio", 0.839)
    with pytest.raises(ValueError, match=r"such as '01\.ratio'"):
        quizzes.check("ratio", 1)
    with pytest.raises(ValueError, match="no quiz for lesson"):
        quizzes.check("77.ratio", 1)


def test_a_reply_reads_well_everywhere() -> None:
    """Marks become tags in a page and plain text in a terminal; a tag in a text stays text."""
    reply = quizzes.check("05.clash", 2.88e24)
    assert "10⁴" in str(reply) and "10⁴" in repr(reply)
    assert "10<sup>4</sup>" in reply._repr_html_() and "<strong>Right.</strong>" in reply._repr_html_()
    marked = "`x` is *not* w N^{1/3} or A_{i}, <b> & 10^{−2}"
    assert prose.as_text(marked) == "x is not w N^(1/3) or A_i, <b> & 10⁻²"
    assert prose.as_html(marked) == (
        "<code>x</code> is <em>not</em> w N<sup>1/3</sup> or A<sub>i</sub>, &lt;b&gt; &amp; 10<sup>−2</sup>"
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_no_raw_marks_reach_a_reader(number: str) -> None:
    """What a page without scripts shows of a lesson's quiz has no markup left in it."""
    shown = quizzes.load(number).fallback_html() + quizzes.predict(number).fallback_html()
    assert not re.search(r"[\^_]\{|`", shown)


def test_bad_questions_are_refused() -> None:
    """A question file that cannot be answered does not load."""
    with pytest.raises(ValueError, match="exactly one right option"):
        quizzes.single("q", "?", quizzes.right("a", "x"), quizzes.right("b", "y"))
    with pytest.raises(ValueError, match="says why"):
        quizzes.single("q", "?", quizzes.right("a", "x"), quizzes.wrong("b", " "))
    with pytest.raises(ValueError, match="within the tolerance"):
        quizzes.numeric("q", "?", 1.0, why="x", traps=[quizzes.trap(1.001, "y")])
    with pytest.raises(ValueError, match="must be finite"):
        quizzes.numeric("q", "?", math.inf, why="x")
    with pytest.raises(ValueError, match="three or more different"):
        quizzes.ordering("q", "?", ["a", "a", "b"], why="x")


def test_a_guess_is_scored_by_its_distance() -> None:
    assert marking.score_guess(0.84, 0.84) == 1
    assert marking.score_guess(0.084, 0.84) == pytest.approx(0)
    assert 0 < marking.score_guess(0.5, 0.84) < marking.score_guess(0.8, 0.84) < 1
    assert marking.score_guess(-1, 0.84) == 0
