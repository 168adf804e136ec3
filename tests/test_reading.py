"""The book as a reader uses it: explorables move and say what Python says, quizzes work from the keyboard."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import Site, lesson_paths
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib import notebooks
from course_lib.quizzes import marking
from course_lib.quizzes.quiz import lesson
from course_lib.widgets import pyjs
from course_lib.widgets.explorable import REGISTRY

LESSONS = [p.stem for p in lesson_paths()]
each_lesson = pytest.mark.parametrize("name", LESSONS)
for _name in pyjs.explore_modules():
    importlib.import_module(_name)
BY_ID = {w.spec["id"]: w for w in (make() for make in REGISTRY.values())}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page with storage of its own; anything it complains about fails the test."""
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("warning", "error") else None)
    yield page
    context.close()
    assert complaints == []


def shown(page: Page, id: str) -> dict[str, str]:
    """The readouts of an explorable as the page shows them, label -> value; no-break spaces as spaces."""
    script = """(id) => Object.fromEntries([...document.querySelectorAll(`#${id} .cw-readout`)].map((r) =>
        [r.querySelector("dt").textContent, r.querySelector(".cw-value").textContent]
            .map((text) => text.replaceAll("\\u00a0", " "))))"""
    return page.evaluate(script, id)


def told(result: dict[str, Any]) -> dict[str, str]:
    """The readouts that Python computes, in the same form (markup of sub- and superscripts aside)."""
    plain = str.maketrans("", "", "`*")
    out = {}
    for r in result["readouts"]:
        label = r["label"].translate(plain)
        for opening in ("^{", "_{"):
            label = label.replace(opening, "")
        out[label.replace("}", "")] = r["value"]
    return out


def agrees(page: Page, id: str, want: Callable[[], dict[str, str]]) -> None:
    """The page comes to say what Python says; a busy machine may take a while."""
    for _ in range(80):
        if shown(page, id) == want():
            return
        page.wait_for_timeout(60)
    assert shown(page, id) == want()


def in_page(page: Page) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('.cw-explorable')].map((e) => e.id)")


@each_lesson
def test_explorables_move_and_agree_with_python(page: Page, site: Site, name: str) -> None:
    """Arrow keys on sliders change the view; what it then says is what Python computes for those values."""
    page.goto(site.file(f"lessons/{name}"))
    ids = in_page(page)
    assert ids, "a lesson has an explorable"
    for id in ids:
        widget, root = BY_ID[id], page.locator(f"#{id}")
        values, moved = widget.spec["defaults"], False
        agrees(page, id, lambda widget=widget: told(widget.result))
        for control in [c for c in widget.spec["controls"] if c["type"] == "slider" and not c.get("hidden")][
            :3
        ]:
            label = root.get_by_label(control["label"], exact=True)
            key = "ArrowLeft" if values[control["name"]] >= control["max"] else "ArrowRight"
            before = label.input_value()
            label.focus()
            page.keyboard.press(key)
            expect(label).not_to_have_value(before)
            moved = True
        if not moved:  # a view with handles or steps of its own
            handle = root.locator("input[type=range]:visible")
            onward = root.get_by_role("button", name="Next")
            if handle.count():
                handle.first.press("ArrowRight")
            elif onward.count():
                onward.click()
            elif root.locator("select").count():
                root.locator("select").first.select_option(index=0)
            else:
                root.get_by_role("radio").nth(1).press(" ")
        page.wait_for_function("id => decodeURI(location.hash).startsWith(`#${id}?`)", arg=id)
        agrees(page, id, lambda widget=widget: told(widget._compute(in_address(page, widget), widget.data)))
        root.get_by_role("button", name="Reset").click()
        agrees(page, id, lambda widget=widget: told(widget.result))


def in_address(page: Page, widget: Any) -> dict[str, Any]:
    """The state that the address holds."""
    asked = dict(pair.split("=") for pair in page.evaluate("location.hash.split('?')[1]").split("&"))
    return {c["name"]: typed(c, asked[c["name"]]) for c in widget.spec["controls"]}


def typed(control: dict[str, Any], raw: str) -> Any:
    """A control's value from its text in the address."""
    from urllib.parse import unquote_plus

    raw = unquote_plus(raw)
    if control["type"] == "slider":
        return int(float(raw)) if control.get("integer") else float(raw)
    if control["type"] == "toggle":
        return raw == "true"
    if control["type"] == "checks":
        return [o["value"] for o in control["options"] if str(o["value"]) in raw.split(",")]
    return next(o["value"] for o in control["options"] if str(o["value"]) == raw)


@each_lesson
def test_things_to_try_show_something(page: Page, site: Site, name: str) -> None:
    """Each suggestion sets the view that Python computes for it, and opens its sentence."""
    page.goto(site.file(f"lessons/{name}"))
    for id in in_page(page):
        widget, root = BY_ID[id], page.locator(f"#{id}")
        for i, attempt in enumerate(widget.spec["tries"]):
            root.locator(".cw-try li").nth(i).get_by_role("button").click()
            values = {**values_of(widget, i), **attempt["values"]}
            want = told(widget._compute(values, widget.data))
            agrees(page, id, lambda want=want: want)
            expect(root.locator(".cw-shows").nth(i)).to_be_visible()


def values_of(widget: Any, upto: int) -> dict[str, Any]:
    """The state after the suggestions before this one: each changes only what it names."""
    values = dict(widget.spec["defaults"])
    for attempt in widget.spec["tries"][:upto]:
        values |= attempt["values"]
    return values


def test_a_view_can_be_shared(page: Page, site: Site) -> None:
    """An address with a state opens that state; nonsense is ignored, out-of-range values are clamped."""
    page.goto(
        site.file("lessons/01_why_scale")
        + "#stairs?exponent=0.2&start="
        + quote("<img src=x onerror=alert(1)>")
    )
    agrees(page, "stairs", lambda: told(BY_ID["stairs"].at(exponent=0.2)))
    page.goto(site.file("lessons/01_why_scale") + "#stairs?exponent=99")
    page.reload()
    agrees(page, "stairs", lambda: told(BY_ID["stairs"].at(exponent=0.3)))


def test_a_number_can_be_typed(page: Page, site: Site) -> None:
    """The field beside a slider takes any form of number; what cannot be read is put back."""
    page.goto(site.file("lessons/01_why_scale"))
    field = page.locator("#floor").get_by_label("Parameters, typed")
    field.fill("175B")
    field.press("Enter")
    agrees(page, "floor", lambda: told(BY_ID["floor"].at(n=175e9)))
    expect(field).to_have_value("175B")
    field.fill("<b>many</b>")
    field.press("Enter")
    expect(field).to_have_value("175B")
    assert shown(page, "floor") == told(BY_ID["floor"].at(n=175e9))


def card_of(page: Page, q: Any) -> Locator:
    """The card of a question: its id is that of the lesson, a dash, and its own."""
    lesson = Path(page.url.partition("#")[0]).stem
    return page.locator(f"[id='{lesson}-{q.id}'].cw-card")


def answer_from_keyboard(page: Page, q: Any) -> None:
    """Answer one question of the quiz with keys alone: focus, type or choose, press Check."""
    content = card_of(page, q)
    if q.kind == "numeric":
        content.get_by_role("textbox").focus()
        page.keyboard.type(repr(q.key))
        page.keyboard.press("Enter")
        return
    if q.kind == "ordering":
        sort_by_keys(page, content, list(q.items))
    else:
        for i, option in enumerate(q.options):
            if option.right:
                content.locator(f"input[value='{i}']").focus()
                page.keyboard.press("Space")
    content.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")


def sort_by_keys(page: Page, content: Any, items: list[str]) -> None:
    """Bubble the items into order with their Move up buttons."""
    plain = [i.replace("`", "") for i in items]
    for target, item in enumerate(plain):
        for _ in range(len(items)):
            texts = content.locator(".cw-order-text").all_inner_texts()
            now = [t.strip().replace("\u00a0", " ") for t in texts]
            if now.index(item) == target:
                break
            content.locator(".cw-order li").nth(now.index(item)).get_by_role("button").first.focus()
            page.keyboard.press("Enter")


@each_lesson
def test_quiz_is_answered_from_the_keyboard(page: Page, site: Site, name: str) -> None:
    """Every question, with keys alone; the score counts, survives a reload, and reaches the progress page."""
    content = lesson(name[:2])
    page.goto(site.http(f"lessons/{name}"))
    for q in content.questions:
        answer_from_keyboard(page, q)
        card = page.locator(f"[id='{content.id}-{q.id}']")
        assert card.get_attribute("data-mark") == "right", q.id
    total = len(content.questions)
    expect(page.locator(".cw-quiz .cw-score")).to_contain_text(f"{total} of {total} right")
    page.reload()
    expect(page.locator(".cw-quiz .cw-score")).to_contain_text(f"{total} of {total} right")
    page.goto(site.http("book/progress"))
    expect(page.locator(".cw-progress tr", has_text=content.title)).to_contain_text(f"{total} of {total}")


@each_lesson
def test_wrong_answers_are_explained(page: Page, site: Site, name: str) -> None:
    """A wrong option is answered with its own reason, and the quiz can be started over."""
    content = lesson(name[:2])
    page.goto(site.http(f"lessons/{name}"))
    q = next(q for q in content.questions if q.kind == "single")
    card = page.locator(f"[id='{content.id}-{q.id}']")
    wrong = next(i for i, o in enumerate(q.options) if not o.right)
    card.locator(f"input[value='{wrong}']").check()
    card.get_by_role("button", name="Check").click()
    expect(card.locator(".cw-option[data-mark='wrong'] .cw-why")).to_be_visible()
    assert card.get_attribute("data-mark") == "wrong"
    page.get_by_role("button", name="Start over").click()
    assert card.get_attribute("data-mark") == ""


def test_a_guess_is_scored_against_the_evidence(page: Page, site: Site) -> None:
    """Commit, read on, and find the guess opened and scored beside the evidence; it survives a reload."""
    q = lesson("01").predictions[0]
    page.goto(site.http("lessons/01_why_scale"))
    expect(page.locator(".cw-reveal")).to_contain_text("You have not committed")
    guess = page.locator(".cw-predict").get_by_role("textbox")
    guess.fill("no idea")
    page.locator(".cw-predict").get_by_role("button", name="Commit").click()
    expect(page.locator(".cw-predict")).to_contain_text("Type a number first")
    guess.fill("0.5")
    guess.press("Enter")
    points = round(100 * marking.score_guess(0.5, q.key))
    expect(page.locator(".cw-reveal")).to_contain_text(f"{points} of 100 points")
    expect(guess).to_be_disabled()
    page.reload()
    expect(page.locator(".cw-reveal")).to_contain_text(f"{points} of 100 points")


def test_progress_can_be_exported_and_cleared(page: Page, site: Site) -> None:
    """The progress page hands the stored answers over as a file and forgets them when asked twice."""
    page.goto(site.http("lessons/01_why_scale"))
    answer_from_keyboard(page, lesson("01").questions[0])
    page.goto(site.http("book/progress"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    assert '"right": true' in Path(download.value.path()).read_text()
    page.get_by_role("button", name="Clear everything").click()
    page.get_by_role("button", name="Press again").click()
    expect(page.locator(".cw-progress .cw-score")).to_contain_text("0 of")
    page.reload()
    expect(page.locator(".cw-progress .cw-score")).to_contain_text("0 of")


def answer_wrong_by_keys(page: Page, q: Any) -> None:
    """Choose a wrong option of a single choice and check it, with keys alone."""
    card = card_of(page, q)
    wrong = next(i for i, o in enumerate(q.options) if not o.right)
    card.locator(f"input[value='{wrong}']").focus()
    page.keyboard.press("Space")
    card.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")


def press(page: Page, name: str) -> None:
    """Focus a button and press Enter."""
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


def test_progress_says_what_to_repeat(page: Page, site: Site, tmp_path: Path) -> None:
    """With keys alone: one lesson right, one wrong; the wrong one is named and linked to its question.

    The export holds both answers, clearing asks twice and empties, the import brings them back.
    """
    right, wrong = lesson("01"), lesson("02")
    first, missed = right.questions[0], next(q for q in wrong.questions if q.kind == "single")
    page.goto(site.http("lessons/01_why_scale"))
    answer_from_keyboard(page, first)
    page.goto(site.http("lessons/02_one_architecture"))
    answer_wrong_by_keys(page, missed)
    page.goto(site.http("book/progress"))
    repeat, score = page.locator(".cw-repeat"), page.locator(".cw-progress .cw-score")
    expect(repeat.locator("li")).to_have_count(1)
    expect(repeat).to_contain_text(wrong.title)
    expect(score).to_contain_text("1 of ")
    with page.expect_download() as download:
        press(page, "Export as JSON")
    held = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert held[f"quiz:{right.id}:{first.id}"]["right"] is True
    assert held[f"quiz:{wrong.id}:{missed.id}"]["right"] is False
    press(page, "Clear everything")
    expect(score).to_contain_text("1 of ")
    press(page, "Press again")
    expect(score).to_contain_text("0 of ")
    expect(repeat.locator("li")).to_have_count(0)
    assert page.evaluate("Object.keys(localStorage).filter((k) => k.startsWith('course:'))") == []
    files = [("bad.json", "{", "is not JSON"), ("other.json", '{"a": 1}', "no answers of this"),
             ("mine.json", json.dumps(held), "Imported 2 answers")]  # fmt: skip
    for name, text, told in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
        page.locator(".cw-progress input[type=file]").set_input_files(tmp_path / name)
        expect(page.get_by_role("status")).to_contain_text(told)
    expect(score).to_contain_text("1 of ")
    repeat.locator("li a").nth(1).focus()
    page.keyboard.press("Enter")
    card = page.locator(f"[id='{wrong.id}-{missed.id}']")
    expect(card).to_be_in_viewport()
    assert card.get_attribute("data-mark") == "wrong"


@pytest.mark.parametrize(
    ("query", "found"),
    [("KV cache", "KV cache"), ("D_inf", "D_inf"), ("alpha", "alpha, beta"), ("ZeRO", "ZeRO"),
     ("SwiGLU", "gated feed-forward"), ("chinchilla_loss", "chinchilla_loss"),
     ("loss as a landscape", "The loss as a landscape")],
)  # fmt: skip
def test_search_finds_terms_and_symbols(page: Page, site: Site, query: str, found: str) -> None:
    """Typed as text, from disk; the result leads to a place that is there."""
    page.goto(site.file("search"))
    field = page.locator(".search-form input")
    field.focus()
    page.keyboard.type(query)
    page.keyboard.press("Enter")
    hit = page.locator("#term-results a", has_text=re.compile(f"^{re.escape(found)}$")).first
    hit.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#"))
    expect(page.locator(f"[id='{page.url.split('#')[1]}']")).to_be_in_viewport()


def test_links_lead_to_the_very_explorable(page: Page, site: Site) -> None:
    """From the list of explorables to one in the middle of a long page, which then comes alive there."""
    page.goto(site.http("book/explorables"))
    page.locator("a[href$='#number-bits']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#number-bits.cw-explorable")).to_be_in_viewport()
    assert page.evaluate("document.querySelectorAll('#number-bits').length") == 1


def test_the_summary_prints_on_two_pages(page: Page, site: Site) -> None:
    """A4, as Chromium prints it."""
    page.goto(site.http("book/summary"))
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(format="A4"))
    assert 1 <= len(pages) <= 2


@each_lesson
def test_readers_without_scripts_still_read(browser: Browser, site: Site, name: str) -> None:
    """With scripts off, every widget leaves its fallback in the page."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.file(f"lessons/{name}"))
    widgets = page.locator(".course-widget").count()
    assert widgets == page.locator(".course-fallback").count() > 0
    assert all(box.strip() for box in page.locator(".course-fallback").all_inner_texts())
    context.close()


def test_lessons_show_every_explorable() -> None:
    """What the library offers for a lesson stands in that lesson."""
    for name in LESSONS:
        source = "\n".join(
            "".join(c["source"]) for c in notebooks.read(Path("lessons") / f"{name}.ipynb")["cells"]
        )
        for key in REGISTRY:
            if key.startswith(f"lesson_{name[:2]}."):
                assert f".{key.split('.')[1]}(" in source, f"no cell of lessons/{name}.ipynb shows {key}"
