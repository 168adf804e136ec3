// The static host: gives each widget in a built page a model over the JSON that the page carries.
import { render } from "./render.js";

function modelOf(state) {
  const listeners = new Map();
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      for (const f of listeners.get(`change:${name}`) ?? []) f();
    },
    on: (event, f) => listeners.set(event, [...(listeners.get(event) ?? []), f]),
    off: (event, f) => listeners.set(event, (listeners.get(event) ?? []).filter((g) => g !== f)),
    save_changes() {},
    isStatic: true,
  };
}

export function host() {
  for (const el of document.querySelectorAll(".course-widget")) {
    const json = el.querySelector('script[type="application/json"]');
    if (!json || el.dataset.alive) continue;
    el.dataset.alive = "true";
    const kept = [...el.childNodes];
    try {
      const state = JSON.parse(json.textContent);
      el.replaceChildren();
      render({ model: modelOf(state), el });
    } catch (error) { // a damaged page: this widget stays what readers without scripts see, the others live
      el.replaceChildren(...kept);
      console.error(`The ${el.dataset.kind} widget of this page is damaged:`, error);
    }
  }
  arrive();
}

/** A link to a place inside a widget: the browser went there before the place had its size. */
function arrive() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target?.closest(".course-widget")) return;
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  requestAnimationFrame(() => target.scrollIntoView({ block: "start" }));
}
