"""Every explorable that answers to a press is dragged, by mouse and by finger, and says nothing wrong."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from course_lib.widgets import pyjs
from course_lib.widgets.base import STATIC
from course_lib.widgets.explorable import REGISTRY, Explorable

VIEWS = STATIC.parent / "front" / "src" / "views"


def can_be_dragged(widget: Explorable) -> bool:
    """Whether the source of its view hears presses; a chart does so where its spec binds controls to it."""
    view = widget.spec["view"]
    heard = '"pointerdown"' in (VIEWS / f"{view}.js").read_text(encoding="utf-8")
    return heard and (view != "chart" or "drag" in widget.spec["chart"])


for _name in pyjs.explore_modules():
    importlib.import_module(_name)
DRAGGED = [widget for widget in (make() for make in REGISTRY.values()) if can_be_dragged(widget)]

# Every element that listens is tried: nobody has to list them.
_LISTEN = """() => {
  const listen = EventTarget.prototype.addEventListener;
  window.pressable = new Set();
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (type === "pointerdown" && this instanceof Element) window.pressable.add(this);
    return listen.call(this, type, ...rest);
  };
}"""
# The others are hidden meanwhile: they would be laid out again at every move.
_PLACES = """(id) => new Promise((done) => {
  for (const el of document.querySelectorAll(".course-widget")) el.hidden = !el.querySelector(`#${id}`);
  const buttons = [...document.querySelectorAll(`#${id} button`)];
  buttons.find((button) => button.textContent === "Reset").click(); // another pointer may have been here
  document.querySelector(`#${id} .cw-main`).scrollIntoView({ block: "start" });
  requestAnimationFrame(() => requestAnimationFrame(() => done(
    [...window.pressable].filter((el) => el.isConnected && el.closest(`#${id}`))
      .map((el) => el.getBoundingClientRect()).filter((box) => box.width && box.height).flatMap((box) => {
        const places = box.width < 60 ? [[0.5, 0.5]] : [[0.5, 0.5], [0.25, 0.6], [0.8, 0.35]];
        return places.map(([x, y]) => [box.left + x * box.width, box.top + y * box.height]);
      }))));
})"""
_STATE = """(id) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const root = document.getElementById(id);
  const wrong = [...root.querySelectorAll("svg, svg *")].flatMap((el) => [...el.attributes]
    .filter((a) => /NaN|undefined|Infinity/.test(a.value))
    .map((a) => `<${el.tagName} ${a.name}="${a.value}">`));
  const values = [...root.querySelectorAll("input")].map((i) => `${i.checked} ${i.value}`);
  done([root.querySelector(".cw-main").innerHTML + values.join(), wrong]);
})))"""
PRESSED = {"epochs", "bands"}  # these answer to the press alone
Move = Callable[[str, float, float], None]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """All that can be dragged on one page, without a built book."""
    context = browser.new_context(viewport={"width": 900, "height": 1400}, has_touch=True)
    page = context.new_page()
    body = "".join(widget.static_html() for widget in DRAGGED)
    page.set_content(f"<!doctype html><html lang=en><title>drag</title><body>{body}")
    page.add_style_tag(path=STATIC / "course.css")
    page.evaluate(_LISTEN)
    page.add_script_tag(content=pyjs.bundle_js())
    page.add_script_tag(path=STATIC / "course.js")
    yield page
    context.close()


def mouse(page: Page) -> Move:
    """Moves the mouse, its button pressed between `down` and `up`."""

    def go(kind: str, x: float, y: float) -> None:
        page.mouse.move(x, y)
        {"down": page.mouse.down, "move": lambda: None, "up": page.mouse.up}[kind]()

    return go


def finger(page: Page) -> Move:
    """Moves a finger on the glass; a lifted one does not move."""
    session = page.context.new_cdp_session(page)

    def go(kind: str, x: float, y: float) -> None:
        name = {"down": "touchStart", "move": "touchMove", "up": "touchEnd"}[kind]
        points = [] if kind == "up" else [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})

    return go


def drag(page: Page, id: str, go: Move, x: float, y: float) -> tuple[list[str], list[str]]:
    """Press, move twice, lift: what is to be seen after each, and attributes that are no numbers."""
    seen, wrong = [], list[str]()
    for kind, dx, dy in (("", 0, 0), ("down", 0, 0), ("move", 60, -20), ("move", 130, -45)):
        if kind:
            go(kind, x + dx, y + dy)
        state, bad = page.evaluate(_STATE, id)
        seen.append(state)
        wrong += bad
    go("up", x + 130, y - 45)
    return seen, wrong


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_whatever_can_be_dragged(page: Page, pointer: str) -> None:
    """A drag is followed to its end, no attribute stops being a number, the console stays empty."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("warning", "error") else None)
    go = {"mouse": mouse, "touch": finger}[pointer](page)
    faults = list[str]()
    for widget in DRAGGED:
        id, view, followed = widget.spec["id"], widget.spec["view"], False
        for x, y in page.evaluate(_PLACES, id):
            (before, down, middle, end), wrong = drag(page, id, go, x, y)
            faults += [f"{id}: {w}" for w in wrong[:1]]
            followed = down != middle != end or (before != down and view in PRESSED)
            if followed:
                break
        if not followed:
            faults.append(f"{id} ({view}) does not follow the {pointer}")
        faults += [f"{id}: {c}" for c in complaints]
        complaints.clear()
    assert faults == [], "\n".join(faults)


def test_all_views_that_can_be_dragged_are() -> None:
    """No view that hears presses is left out, because no explorable uses it or its name is another."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in VIEWS.glob("*.js")}
    hearing = {name for name, source in sources.items() if '"pointerdown"' in source}
    assert hearing == {widget.spec["view"] for widget in DRAGGED}


def test_a_finger_drags_a_forecast_down(page: Page) -> None:
    """On a bar the page does not scroll instead; beside it, it may."""
    (id,) = (widget.spec["id"] for widget in DRAGGED if widget.spec["view"] == "forecast")
    page.evaluate(_PLACES, id)
    box = page.locator(f"#{id} .cw-cast-mid").first.bounding_box()
    assert box is not None
    x, y, go = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, finger(page)
    tops = [box["y"]]
    for dy in (0, 20, 40, 60):
        go("move" if dy else "down", x, y + dy)
        page.evaluate(_STATE, id)
        tops.append(page.locator(f"#{id} .cw-cast-mid").first.bounding_box()["y"])  # type: ignore[index]
    go("up", x, y + 60)
    assert tops[-1] - tops[0] > 35, tops
