// What the two views of the tiny GPT share: controls with labels, number formats, and the helpers of lib/dom.js.

import { announcer, h, onResize, perFrame, uid } from "../../lib/dom.js";

export { announcer, h, onResize, perFrame, uid };

export function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

/** A control with its visible label; `output` (optional) shows the value beside the label. */
export function field(label, control, output) {
  if (!control.id) control.id = uid("gpt");
  if (output) output.setAttribute("for", control.id);
  const text = h("label", { for: control.id }, label);
  return h("div", { class: "cw-gpt-field" }, h("span", { class: "cw-gpt-label" }, text, output), control);
}

/** Choose one of several, as native radio buttons: {el, set(value)}. */
export function radios(legend, options, current, onpick) {
  const name = uid("gpt");
  const inputs = options.map(([value]) => h("input", {
    type: "radio", name, id: uid("gpt"), value: String(value), checked: value === current, onchange: () => onpick(value),
  }));
  const items = options.map(([, label], n) => h("span", { class: "cw-segment" }, inputs[n], h("label", { for: inputs[n].id }, label)));
  const el = h("fieldset", { class: "cw-control cw-choice" }, h("legend", {}, legend), h("div", { class: "cw-segments" }, items));
  const set = (value) => inputs.forEach((input) => (input.checked = input.value === String(value)));
  return { el, set };
}

/** A button of the course's look; `main` for the one that matters most. */
export const button = (text, onclick, main = false) =>
  h("button", { type: "button", class: `cw-button${main ? " cw-primary" : ""}`, onclick }, text);

/** The card that every widget sits in: {root, body}. */
export function card(name, kicker, title, lead) {
  const id = uid("gpt");
  const body = h("div", { class: "cw-gpt-body" });
  const root = h("section", { class: `cw cw-gpt ${name}`, "aria-labelledby": id },
    h("div", { class: "cw-head" }, h("p", { class: "cw-kicker", "aria-hidden": "true" }, kicker),
      h("p", { class: "cw-title", id }, title), h("p", { class: "cw-lead" }, lead)), body);
  return { root, body };
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Numbers as read by people: a real minus, two decimals, grouped thousands. */
export function number(x, digits = 2) {
  if (x === -Infinity) return "−∞";
  const text = Math.abs(x) >= 1000 ? Math.abs(x).toFixed(0) : Math.abs(x).toFixed(digits);
  return (x < 0 && Number(text) !== 0 ? "−" : "") + text;
}
export const whole = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
export function percent(p) {
  if (p > 0 && p < 0.001) return "< 0.1 %";
  if (p < 1 && p > 0.999) return "> 99.9 %";
  return `${(100 * p).toFixed(1)} %`;
}
