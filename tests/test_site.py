"""The built book, read by a real browser: quiet, self-contained, accessible, whole.

Every page is loaded once per width and checked in both themes on that load.
"""

from __future__ import annotations

import gzip
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import HTML, Site, toc_pages
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

PAGES = [*toc_pages(), "search"]
LESSONS = [page for page in PAGES if page.startswith("lessons/")]
LIMIT_BYTES = 600_000
NO_SCROLL = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# Drawings follow a new width in the frame after it.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Visit:
    """A page opened in a fresh context, with all that it logged and requested."""

    def __init__(self, browser: Browser, address: str, width: int) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("request", self._requested)
        self.page.goto(address, wait_until="load")
        self.page.wait_for_timeout(100)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *exception: object) -> None:
        self.context.close()


def set_theme(page: Page, theme: str) -> None:
    """Switch the theme as the button does, without its memory."""
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    page.wait_for_timeout(250)  # colors may fade, on a busy machine for longer
    page.wait_for_function("document.getAnimations().every((a) => a.playState !== 'running')")


def axe_faults(page: Page) -> list[str]:
    """What axe-core finds: rule, and the first elements."""
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {[node['html'][:160] for node in fault['nodes'][:3]]}" for fault in found]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_page_is_quiet_accessible_and_fits(browser: Browser, site: Site, page: str, width: int) -> None:
    """No console complaint, no other host, nothing for axe, no sideways scroll, in both themes."""
    with Visit(browser, site.http(page), width) as visit:
        for theme in ("light", "dark"):
            set_theme(visit.page, theme)
            assert axe_faults(visit.page) == [], f"{page}, {theme}, {width} px"
            assert visit.page.evaluate(NO_SCROLL), f"{page} scrolls sideways at {width} px"
        if width == 1280:
            for other in (768, 1600):
                visit.page.set_viewport_size({"width": other, "height": 900})
                visit.page.evaluate(DRAWN)
                assert visit.page.evaluate(NO_SCROLL), f"{page} scrolls sideways at {other} px"
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith((site.url, "data:", "blob:"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_page_opens_from_disk(browser: Browser, site: Site, page: str) -> None:
    """The same files opened without a server: nothing fails, nothing is fetched from elsewhere."""
    with Visit(browser, site.file(page), 1280) as visit:
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []
        assert visit.page.evaluate("document.fonts.check('1rem \"Course Serif\"')")


@pytest.mark.parametrize("page", LESSONS)
def test_lesson_is_light(browser: Browser, site: Site, page: str) -> None:
    """A first visit to a lesson transfers under 600 kB, compressed as any server would."""
    with Visit(browser, site.file(page), 1280) as visit:
        files = {unquote(urlparse(url).path) for url in visit.requests if url.startswith("file:")}
    sizes = {name: transfer_bytes(Path(name)) for name in files}
    assert sum(sizes.values()) < LIMIT_BYTES, sorted(sizes.items(), key=lambda item: -item[1])


def transfer_bytes(path: Path) -> int:
    """Bytes on the wire: fonts and pictures as they are, text compressed."""
    content = path.read_bytes()
    return len(content) if path.suffix in {".woff2", ".png"} else len(gzip.compress(content, 6))


class _Links(HTMLParser):
    """Collects ids, link targets and pictures of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.pictures: list[str | None] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names or points to."""
        values = dict(attrs)
        if values.get("id"):
            self.ids.add(str(values["id"]))
        for name in ("href", "src"):
            if values.get(name) and tag not in ("use",):
                self.targets.append(str(values[name]))
        if tag == "img":
            self.pictures.append(values.get("alt"))


def test_links_resolve(site: Site) -> None:
    """Every internal link and anchor of every page leads somewhere."""
    pages = {path: _Links(path) for path in site.root.rglob("*.html")}
    broken = []
    for path, found in pages.items():
        for target in found.targets:
            address, anchor = urldefrag(target)
            if urlparse(target).scheme:
                continue
            other = (path.parent / unquote(address)).resolve() if address else path
            if not other.exists():
                broken.append(f"{path.relative_to(HTML)} -> {target}")
            elif anchor and other in pages and unquote(anchor) not in pages[other].ids:
                broken.append(f"{path.relative_to(HTML)} -> {target} (no such anchor)")
    assert broken == []


def test_pictures_say_what_they_show(site: Site) -> None:
    """Every image has a text alternative that is a phrase, not a file name."""
    for path in site.root.rglob("*.html"):
        for alt in _Links(path).pictures:
            assert alt and " " in alt and "/" not in alt, f"{path.name}: alt {alt!r}; use style.show"


def test_theme_is_remembered(browser: Browser, site: Site) -> None:
    """The theme button switches, and the next page keeps the choice."""
    with Visit(browser, site.http(PAGES[0]), 1280) as visit:
        button = visit.page.get_by_role("button", name="Dark theme")
        button.click()
        assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert button.get_attribute("aria-pressed") == "true"
        visit.page.goto(site.http(PAGES[1]))
        assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_phone_menu_by_keyboard(browser: Browser, site: Site) -> None:
    """On a phone the contents open with Enter and close with Escape, focus coming back."""
    with Visit(browser, site.http(PAGES[1]), 390) as visit:
        menu, button = visit.page.locator("#book-nav"), visit.page.locator(".menu-button")
        assert not menu.is_visible()
        button.focus()
        visit.page.keyboard.press("Enter")
        assert menu.is_visible() and button.get_attribute("aria-expanded") == "true"
        assert axe_faults(visit.page) == []
        visit.page.keyboard.press("Escape")
        assert not menu.is_visible()
        assert visit.page.evaluate("document.activeElement.className").startswith("icon-button menu-button")


def test_search_works_from_disk(browser: Browser, site: Site) -> None:
    """Searching finds the glossary, with no server behind it."""
    with Visit(browser, site.file("search") + "?q=tokenizer", 1280) as visit:
        result = visit.page.locator("#search-results li a", has_text="Glossary")
        result.first.wait_for(timeout=10_000)
        assert visit.complaints == []


@pytest.mark.parametrize("page", LESSONS)
def test_notebook_can_be_downloaded(browser: Browser, site: Site, page: str) -> None:
    """Each lesson offers its notebook, and the file is there."""
    with Visit(browser, site.http(page), 1280) as visit:
        href = visit.page.locator("a.download").get_attribute("href")
        assert href and (site.root / f"{page}.html").parent.joinpath(href).resolve().suffix == ".ipynb"
        assert (site.root / f"{page}.html").parent.joinpath(href).resolve().exists()


def test_print_leaves_the_text(browser: Browser, site: Site) -> None:
    """On paper there is the text and no navigation."""
    with Visit(browser, site.http(PAGES[1]), 1280) as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.locator("h1").is_visible()
        assert not visit.page.locator(".bar").is_visible()
        assert not visit.page.locator("#book-nav").is_visible()
