"""Fact checks: rules of the verdicts, stability of the text, safety of the table, and the known verdicts."""

import html
import subprocess
import sys

import pytest

from course_lib import factcheck
from course_lib.claims import Claim, Finding, agree, by_cases, worst

WRONG: dict[int, set[str]] = {  # lesson -> claims that turn out wrong; a lesson not named here has none
    1: {"B007", "B008", "B029", "B030", "B031"},
    2: {"E010", "E011"},
    3: {"A002", "A003", "A004", "E013", "B022"},
    4: {"E035", "A012", "B068"},
    6: {"B046", "C024", "D007", "D008"},
    7: {"P7-10"},
    9: {"B047", "D015"},
    11: {"D018"},
    12: {"E023", "E024"},
    13: {"E001", "E002"},
    14: {"E006"},
    17: {"B001", "B002", "C027", "C031"},
}


@pytest.mark.parametrize(
    ("claimed", "actual", "digits", "verdict"),
    [
        (117e6, 116_534_784, 3, "confirmed"),
        (1.5e9, 1_557_611_200, 2, "rounded"),
        (345e6, 354_823_168, 3, "wrong"),
        (1000, 112, 1, "wrong"),
        (3.14e23, 3.1429e23, 3, "confirmed"),
        (990, 989, 3, "rounded"),
    ],
)
def test_agree(claimed: float, actual: float, digits: int, verdict: str) -> None:
    assert agree(claimed, actual, digits) == verdict


def test_worst_and_cases() -> None:
    assert worst("confirmed", "rounded") == "rounded"
    assert worst("caveat", "wrong", "confirmed") == "wrong"
    assert [by_cases(holds) for holds in ([True], [True, False], [False])] == ["confirmed", "caveat", "wrong"]
    with pytest.raises(ValueError, match="at least one"):
        by_cases([])


@pytest.mark.parametrize("lesson", factcheck.lessons())
def test_claims_are_complete(lesson: int) -> None:
    results = factcheck.for_lesson(lesson)
    assert results, f"lesson {lesson} checks no claim"
    assert len({result.id for result in results}) == len(results), f"lesson {lesson}: an id twice"
    wrong = {result.id for result in results if result.verdict == "wrong"}
    assert wrong == WRONG.get(lesson, set()), (
        f"wrong in lesson {lesson} are {sorted(wrong)} now: if that is right, write them into WRONG here, "
        "and how they would be repeated into KNOWN in test_wrong_claims.py")
    for result in results:
        assert result.verdict in factcheck.VERDICTS and result.source in factcheck.SOURCES
        assert result.value and result.why and result.statement.endswith(".")


def test_no_claim_belongs_to_two_lessons() -> None:
    ids = [result.id for lesson in factcheck.lessons() for result in factcheck.for_lesson(lesson)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("lesson", factcheck.lessons())
def test_report_is_the_same_every_time(lesson: int) -> None:
    text = factcheck.report(lesson)
    assert text == factcheck.report(lesson) == repr(factcheck.show(lesson))
    assert max(len(line) for line in text.splitlines()) <= 100


def test_verdicts_follow_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change a fact and the verdict changes: none is typed in."""
    from course_lib import formulas

    def verdict(lesson: int, claim: str) -> str:
        return next(r.verdict for r in factcheck.for_lesson(lesson) if r.id == claim)

    assert (verdict(1, "B028"), verdict(4, "E042")) == ("confirmed", "confirmed")
    monkeypatch.setattr(formulas, "KAPLAN_ALPHA_N", 0.095)
    monkeypatch.setattr(formulas, "training_flops", lambda params, tokens: 8 * params * tokens)
    assert (verdict(1, "B028"), verdict(4, "E042")) == ("wrong", "wrong")


def test_table_is_escaped_and_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    import course_lib.claims.lesson_01 as module

    evil = Claim(
        "X1", "text 0", "<script>alert(1)</script>.", lambda: Finding("wrong", "<b>", "a & b", "evidence")
    )
    monkeypatch.setattr(module, "CLAIMS", [evil])
    table = factcheck.show(1)._repr_html_()
    assert "<script>" not in table and html.escape("<script>alert(1)</script>") in table
    assert "<caption>" in table and table.count('scope="col"') == 4 and table.count('scope="row"') == 1


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="1, 2, 3, 4"):
        factcheck.for_lesson(99)
    with pytest.raises(ValueError, match="verdict"):
        Finding("perhaps", "", "")
    with pytest.raises(ValueError, match="source"):
        Claim("X", "text 9", "", lambda: Finding("wrong", "", ""))


def test_importing_stays_light() -> None:
    """Neither torch nor numpy comes in before a claim needs it."""
    code = (
        "import sys; from course_lib import accounting, catalog, factcheck, formulas, hardware; "
        "factcheck.report(1); print([m for m in ('torch', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
