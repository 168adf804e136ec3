// Native controls with visible labels: slider (linear or log) with a field to type in, choice, toggle, checks.
import { h, uid } from "./dom.js";

const text = () => globalThis.courseModules.text;
const parse = (s) => globalThis.courseModules.marking.parse_number(s);

/** A control's value as text, by the number format that its spec names. */
export function show(spec, value) {
  const f = text()[spec.format ?? "sig"];
  return (spec.digits === undefined ? f(value) : f(value, spec.digits)) + (spec.unit ? ` ${spec.unit}` : "");
}

const clamp = (x, lo, hi) => Math.min(hi, Math.max(lo, x));

/** The nearest value the control can take; null where the text or number makes no sense. */
export function sanitize(spec, raw) {
  if (spec.type === "slider") {
    const x = typeof raw === "number" ? raw : parse(String(raw));
    if (!Number.isFinite(x)) return null;
    const y = clamp(x, spec.min, spec.max);
    return spec.integer ? Math.round(y) : y;
  }
  if (spec.type === "toggle") return raw === true || raw === "true";
  if (spec.type === "checks") {
    const list = Array.isArray(raw) ? raw : String(raw).split(",");
    return spec.options.map((o) => o.value).filter((v) => list.map(String).includes(String(v)));
  }
  return spec.options.map((o) => o.value).find((v) => String(v) === String(raw)) ?? null;
}

// Positions of a slider are whole steps, so that arrow keys land on round values.
function positions(spec) {
  if (spec.stops) {
    const at = (x) => spec.stops.findLastIndex((s, i) => i === 0 || (x - spec.stops[i - 1]) * 2 >= s - spec.stops[i - 1]);
    return { n: spec.stops.length - 1, at, value: (p) => spec.stops[p] };
  }
  if (!spec.log) {
    const step = spec.step ?? (spec.max - spec.min) / 200;
    const n = Math.round((spec.max - spec.min) / step);
    return { n, at: (x) => (x - spec.min) / step, value: (p) => tidy(spec.min + p * step) };
  }
  const per = spec.per_decade ?? 20;
  const lo = Math.log10(spec.min);
  const n = Math.round((Math.log10(spec.max) - lo) * per);
  return { n, at: (x) => (Math.log10(x) - lo) * per, value: (p) => tidy(10 ** (lo + p / per)) };
}

const tidy = (x) => Number(x.toPrecision(12));

/** Letters of the longest value a slider shows: its field is that wide, and the label has the rest of the line. */
function longest(spec, pos) {
  const step = Math.max(1, Math.floor(pos.n / 24));
  const seen = [pos.n];
  for (let p = 0; p < pos.n; p += step) seen.push(p);
  return Math.max(6, ...seen.map((p) => show(spec, sanitize(spec, pos.value(p))).length));
}

function slider(spec, get, set) {
  const id = uid(spec.name);
  const pos = positions(spec);
  const range = h("input", { type: "range", id, min: "0", max: String(pos.n), step: "1", class: "cw-range" });
  const field = h("input", {
    type: "text", class: "cw-field", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
    "aria-label": `${spec.label}, typed`, style: `--letters:${longest(spec, pos)}`,
  });
  range.addEventListener("input", () => {
    const value = sanitize(spec, pos.value(Number(range.value)));
    const now = get();
    // Several positions may round to one whole number: a step must still lead to the next one.
    const way = spec.integer && value === now ? Math.sign(Number(range.value) - Math.round(pos.at(now))) : 0;
    set(clamp(value + way, spec.min, spec.max));
  });
  const typed = () => {
    const value = sanitize(spec, field.value);
    if (value === null) field.value = field.dataset.set; // what cannot be read is put back
    else set(value);
  };
  field.addEventListener("change", typed);
  field.addEventListener("keydown", (e) => e.key === "Enter" && typed());
  function update() {
    const value = get();
    range.value = String(Math.round(pos.at(value)));
    range.style.setProperty("--cw-fill", `${(100 * pos.at(value)) / pos.n}%`);
    const shown = show(spec, value);
    range.setAttribute("aria-valuetext", shown);
    if (document.activeElement !== field || field.dataset.set !== shown) field.value = shown;
    field.dataset.set = shown;
  }
  const el = h("div", { class: "cw-control cw-slider" }, h("label", { for: id }, spec.label), field, range);
  return { el, update };
}

function choice(spec, get, set) {
  if (spec.options.length > 5 || spec.menu) return menu(spec, get, set);
  const name = uid(spec.name);
  const inputs = spec.options.map((o) =>
    h("input", { type: "radio", name, id: `${name}-${o.value}`, value: String(o.value), onchange: () => set(o.value) }));
  const items = spec.options.map((o, i) => h("span", { class: "cw-segment" }, inputs[i], h("label", { for: inputs[i].id }, o.label)));
  const el = h("fieldset", { class: "cw-control cw-choice" }, h("legend", {}, spec.label), h("div", { class: "cw-segments" }, items));
  return { el, update: () => inputs.forEach((x, i) => (x.checked = spec.options[i].value === get())) };
}

function menu(spec, get, set) {
  const id = uid(spec.name);
  const select = h("select", { id, class: "cw-select", onchange: () => set(spec.options[select.selectedIndex].value) },
    spec.options.map((o) => h("option", { value: String(o.value) }, o.label)));
  const el = h("div", { class: "cw-control cw-menu" }, h("label", { for: id }, spec.label), select);
  return { el, update: () => (select.selectedIndex = spec.options.findIndex((o) => o.value === get())) };
}

function toggle(spec, get, set) {
  const id = uid(spec.name);
  const input = h("input", { type: "checkbox", id, onchange: () => set(input.checked) });
  const el = h("div", { class: "cw-control cw-toggle" }, input, h("label", { for: id }, spec.label));
  return { el, update: () => (input.checked = get()) };
}

function checks(spec, get, set) {
  const name = uid(spec.name);
  const inputs = spec.options.map((o, i) => h("input", { type: "checkbox", id: `${name}-${i}`, onchange: () =>
    set(spec.options.filter((_, j) => inputs[j].checked).map((p) => p.value)) }));
  const items = spec.options.map((o, i) => h("span", { class: "cw-check" }, inputs[i], h("label", { for: inputs[i].id }, o.label)));
  const el = h("fieldset", { class: "cw-control cw-checks" }, h("legend", {}, spec.label), items);
  return { el, update: () => inputs.forEach((x, i) => (x.checked = get().includes(spec.options[i].value))) };
}

const MAKERS = { slider, choice, toggle, checks };

/** A control for a spec: {el, update}. `get` reads the current value, `set` takes a new one. */
export const control = (spec, get, set) => MAKERS[spec.type](spec, get, set);
