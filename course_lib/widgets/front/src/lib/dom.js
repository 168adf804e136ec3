// Small DOM helpers. Text is always set as text, never as HTML.
let counter = 0;

export const uid = (stem) => `cw-${stem}-${++counter}`;

/** h("p", {class: "x", onclick: f}, "text", child): an element with attributes, listeners and children. */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name in el && typeof value !== "string") el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

/** A number and its percent sign stay on one line. */
export const together = (text) => String(text).replace(/(\d) %/g, "$1\u00a0%");

const MARKUP = /`([^`]+)`|\*([^*\s][^*]*)\*|\^\{([^}]+)\}|_\{([^}]+)\}/g;

/** Text with `code`, *emphasis*, ^{superscript} and _{subscript} as nodes. */
export function prose(text) {
  const out = [];
  let last = 0;
  text = together(text);
  for (const m of text.matchAll(MARKUP)) {
    out.push(text.slice(last, m.index));
    const tag = m[1] !== undefined ? "code" : m[2] !== undefined ? "em" : m[3] !== undefined ? "sup" : "sub";
    out.push(h(tag, {}, m[1] ?? m[2] ?? m[3] ?? m[4]));
    last = m.index + m[0].length;
  }
  out.push(text.slice(last));
  return out.filter((x) => x !== "");
}

/** Calls f once per frame however often it is asked. */
export function perFrame(f) {
  let waiting = 0;
  return () => {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      f();
    });
  };
}

/** Calls f in the frame after an element has changed its size; f may change sizes itself without an endless round. */
export function onResize(el, f) {
  const observer = new ResizeObserver(perFrame(f));
  observer.observe(el);
  return observer;
}

/** Calls f when nothing has happened for `ms`. */
export function settled(f, ms) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), ms);
  };
}

/** A visually hidden live region: announces a sentence once things have come to rest. */
export function announcer() {
  const el = h("p", { class: "cw-hidden", "aria-live": "polite" });
  return { el, say: settled((text) => (el.textContent = text), 500) };
}
