"""The built book under the strict header that book/elsewhere.md gives hosts, and under hostile typing.

Every page is walked with the policy in force: no script of the page's own text runs, nothing is evaluated,
nothing comes from elsewhere. What a reader types, stores or puts into the address stays text.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import HTML, ROOT, Site, _QuietHandler, toc_pages
from playwright.sync_api import Browser, BrowserContext, Page

from course_lib import quizzes
from course_lib.widgets.explorable import REGISTRY

PAGES = [*toc_pages(), "search"]
EVIL = "<img src=x onerror=window.hacked=1>"
LISTEN = """window.breaches = [];
addEventListener("error", (e) => window.breaches.push(["error", e.message]));
document.addEventListener("securitypolicyviolation", (e) =>
  window.breaches.push([e.effectiveDirective, e.blockedURI, e.sourceFile, e.lineNumber]));"""
# As a reader does: one step of every slider, one attempt, one answer, every kind of typing.
USE = """(evil) => {
  const fire = (el, type) => el.dispatchEvent(new Event(type, { bubbles: true }));
  for (const box of document.querySelectorAll(".cw-explorable")) {
    const slider = box.querySelector("input[type=range]");
    if (slider) { slider.value = String(Number(slider.value) + 1); fire(slider, "input"); }
    box.querySelector(".cw-try button")?.click();
  }
  const kinds = ["text", "search", "number"].map((kind) => `input[type=${kind}]`);
  const fields = document.querySelectorAll([...kinds, "textarea"].join());
  for (const field of fields) {
    if (field.type !== "number") field.removeAttribute("maxlength");
    field.value = evil;
    fire(field, "input");
    fire(field, "change");
    if (!field.form) field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  }
  for (const card of document.querySelectorAll(".cw-card")) {
    card.querySelector("input[type=radio], input[type=checkbox]")?.click();
    [...card.querySelectorAll("button")].find((b) => b.textContent === "Check")?.click();
  }
  document.querySelectorAll("details").forEach((d) => { d.open = true; });
  return fields.length;
}"""
FOUND = """() => [window.hacked ?? 0,
  [...document.querySelectorAll('img[src="x"], [onerror]')].map((e) => e.outerHTML)]"""


def policy() -> str:
    """The header as the book tells it, so that what hosts copy is what is tested."""
    text = (ROOT / "book" / "elsewhere.md").read_text(encoding="utf-8")
    found = re.search(r"^Content-Security-Policy: (.+)$", text, re.M)
    assert found, "book/elsewhere.md no longer gives the header"
    return found[1]


@pytest.fixture(scope="module")
def guarded(site: Site) -> Iterator[str]:
    """Address of the built book, served with the header."""
    header = policy()

    class Handler(_QuietHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", header)
            super().end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh reader whose pages note what the policy blocks."""
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    made.add_init_script(LISTEN)
    yield made
    made.close()


def settle(page: Page) -> None:
    """Let two frames pass, so that whatever a page does upon an event is done."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_policy_is_strict() -> None:
    """Nothing by default, scripts from files of the book alone, no evaluation, no other host."""
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy().split(";")}
    assert rules["default-src"] == ["'none'"] and rules["script-src"] == ["'self'"]
    assert rules["connect-src"] == rules["font-src"] == ["'self'"] and rules["base-uri"] == ["'none'"]
    assert rules["style-src"] == ["'self'", "'unsafe-inline'"] and rules["img-src"] == ["'self'", "data:"]
    words = " ".join(word for given in rules.values() for word in given)
    assert not re.search(r"http|\*|eval|blob", words)


class _Scripts(HTMLParser):
    """Collects what a page would execute from its own text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Scripts without a file, other than data; handlers; addresses that are code."""
        values = dict(attrs)
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.inline.append(str(self.get_starttag_text()))
        if any(n.startswith("on") or str(v).lower().startswith("javascript:") for n, v in attrs):
            self.inline.append(str(self.get_starttag_text()))


def test_no_page_carries_code(site: Site) -> None:
    """Without a browser: no inline script, no handler, no javascript: address in any file."""
    found = {str(p.relative_to(HTML)): _Scripts(p).inline for p in HTML.rglob("*.html")}
    assert {name: code for name, code in found.items() if code} == {}


def test_every_page_lives_under_the_policy(context: BrowserContext, guarded: str) -> None:
    """All pages, used as a reader does, with hostile typing: nothing is blocked, nothing becomes HTML."""
    page, fields = context.new_page(), 0
    for name in PAGES:
        page.goto(f"{guarded}/{name}.html", wait_until="load")
        dead = page.locator(".course-widget:not([data-alive])").count()
        assert dead == 0, f"{name}: the scripts did not run"
        fields += page.evaluate(USE, EVIL)
        settle(page)
        assert page.evaluate("window.breaches") == [], name
        assert page.evaluate(FOUND) == [0, []], name
    assert fields > 200  # sliders' fields, quizzes, symbols, playground, searches: the walk saw them


def test_the_policy_bites(context: BrowserContext, guarded: str) -> None:
    """The listener hears a breach when there is one: the walk above would have failed."""
    page = context.new_page()
    page.goto(f"{guarded}/search.html")
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
    }""")
    settle(page)
    assert page.evaluate("window.breaches")[0][0] == "script-src-elem"
    assert page.evaluate("window.hacked") is None


def first_explorable(page: Page) -> str:
    """Id of the first explorable of the page."""
    name = page.locator(".cw-explorable").first.get_attribute("id")
    assert name
    return name


def test_typed_text_stays_text(context: BrowserContext, site: Site) -> None:
    """Without the policy's help: playground, symbols, quiz, search, stored answers."""
    page = context.new_page()
    for name in ("lessons/02_one_architecture", "lessons/11_emergence", "lessons/13_memory"):
        page.goto(site.http(name), wait_until="load")
        page.evaluate(USE, EVIL)
        for field in page.locator(".cw-play textarea, .cw-echo-field").all():
            field.fill(EVIL)
        settle(page)
        assert page.evaluate(FOUND) == [0, []], name
    page.goto(site.http("search") + "?q=" + quote(f"{EVIL} memory"))
    done = re.compile("finished|did not match|found", re.I)
    page.locator("#search-results").get_by_text(done).first.wait_for()
    assert page.locator(".search-form input").input_value() in ("", f"{EVIL} memory")
    assert page.evaluate(FOUND) == [0, []]


@pytest.mark.parametrize("lesson", ["11_emergence", "13_memory"])
def test_a_hostile_link_is_harmless(context: BrowserContext, site: Site, lesson: str) -> None:
    """A shared address with markup, broken escapes or nonsense for values: the page stands as it is."""
    page = context.new_page()
    page.goto(site.http(f"lessons/{lesson}"), wait_until="load")
    name = first_explorable(page)
    module = f"lesson_{lesson[:2]}"
    importlib.import_module(f"course_lib.widgets.explore.{module}")
    widgets = [make() for key, make in list(REGISTRY.items()) if key.startswith(f"{module}.")]
    widget = next(w for w in widgets if w.spec["id"] == name)
    hostile = "&".join(f"{c}={quote(EVIL)}" for c in [*widget.values, "__proto__", "constructor"])
    for fragment in (f"{name}?{hostile}", f"{name}?n=%", "%E0%A4%A", f"{name}?{EVIL}", EVIL):
        page.goto("about:blank")
        page.goto(f"{site.http(f'lessons/{lesson}')}#{fragment}", wait_until="load")
        settle(page)
        assert page.evaluate("window.breaches") == [], fragment
        assert page.evaluate(FOUND) == [0, []], fragment
        assert len(page.locator(f"[id='{name}']").inner_text()) > 100, fragment


def test_stored_answers_stay_text(context: BrowserContext, site: Site) -> None:
    """Another page of the same host may have written into the store: it is shown as text or left alone."""
    page = context.new_page()
    page.goto(site.http("book/progress"), wait_until="load")
    keys = [f"course:quiz:{n}:{q['id']}" for n in ("02", "13") for q in quizzes.load(n).questions]
    page.evaluate("""([keys, evil]) => keys.forEach((key) =>
      localStorage.setItem(key, JSON.stringify({ answer: evil, right: evil, score: evil })))""", [keys, EVIL])
    for name in ("book/progress", "lessons/13_memory"):
        page.goto(site.http(name), wait_until="load")
        settle(page)
        assert page.evaluate(FOUND) == [0, []]


def test_states_cannot_leave_their_element(site: Site) -> None:
    """The JSON that widgets carry holds no character that could end its script element."""
    for path in HTML.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for state in re.findall(r'<script type="application/json">(.*?)</script>', text, re.S):
            assert "<" not in state, path.name
            json.loads(state)
