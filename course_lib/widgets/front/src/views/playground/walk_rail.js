// The data flow of the walk: a drawing of the residual stream with its branches, and the list of steps to jump to.

import { h, svg, uid } from "./dom.js";
import { OUTLINE } from "./walk_steps.js";

const PITCH = 27; // px between steps of the upright drawing
const STREAM = 11;
const BRANCH = 27;

const across = (step) => (step.branch === "stream" || step.joins ? STREAM : BRANCH);

/** A polyline through [along, across] points, upright or lying. */
function path(points, upright, attributes) {
  const d = points.map(([a, b], n) => `${n ? "L" : "M"}${upright ? `${b} ${a}` : `${a} ${b}`}`).join("");
  return svg("path", { d, fill: "none", ...attributes });
}

/** From the stream into each branch and back, as [along, across] lines. */
function branches(at) {
  const out = [];
  for (const name of ["attention", "mlp"]) {
    const members = OUTLINE.map((step, n) => [step, n]).filter(([step]) => step.branch === name);
    const first = members[0][1];
    const last = members[members.length - 1][1];
    out.push([[at(first) - 14, STREAM], [at(first), BRANCH], [at(last - 1), BRANCH], [at(last), STREAM]]);
  }
  return out;
}

/** The drawing; `light(n)` lights the way to step n of the outline. */
function diagram(upright, pitch) {
  const at = (n) => (n + 0.5) * pitch;
  const length = OUTLINE.length * pitch;
  const [w, t] = upright ? [38, length] : [length, 38];
  const base = { class: "cw-walk-wire" };
  const lit = path([], upright, { class: "cw-walk-lit" });
  const dots = OUTLINE.map((step, n) => {
    const [x, y] = upright ? [across(step), at(n)] : [at(n), across(step)];
    const dot = svg("circle", { cx: x, cy: y, r: step.joins ? 6 : 4.5, class: "cw-walk-dot" });
    const plus = step.joins ? svg("path", { class: "cw-walk-plus", d: `M${x - 3} ${y}h6M${x} ${y - 3}v6` }) : null;
    return [dot, plus];
  });
  const el = svg("svg", { viewBox: `0 0 ${w} ${t}`, width: w, height: t, "aria-hidden": "true", class: "cw-walk-flow" },
    path([[0, STREAM], [length, STREAM]], upright, base), ...branches(at).map((line) => path(line, upright, base)),
    lit, ...dots.flat().filter(Boolean));
  const light = (now) => {
    const way = OUTLINE.slice(0, now + 1).map((step, n) => [at(n), across(step)]);
    lit.setAttribute("d", path([[0, STREAM], ...way], upright, {}).getAttribute("d"));
    dots.forEach(([dot], n) => dot.setAttribute("data-state", n === now ? "now" : n < now ? "past" : "next"));
  };
  return { el, light };
}

/** Brackets beside the list: which steps are attention, which are the feed-forward part, and the number of the layer. */
function brackets() {
  return ["attention", "mlp"].map((name) => {
    const members = OUTLINE.map((step, n) => (step.branch === name ? n : -1)).filter((n) => n >= 0);
    const el = h("span", { class: "cw-walk-bracket", "aria-hidden": "true" });
    el.style.top = `${members[0] * PITCH + 3}px`;
    el.style.height = `${members.length * PITCH - 8}px`;
    return { el, name: name === "mlp" ? "feed-forward" : "attention" };
  });
}

const GROUPS = { embed: "In", layer: "Layer", output: "Out" };

/** The same steps as a native menu, for narrow screens. */
function menu(onpick) {
  const id = uid("walk");
  const groups = Object.entries(GROUPS).map(([key, label]) => h("optgroup", { label },
    OUTLINE.map((step, n) => [step, n]).filter(([step]) => step.group === key)
      .map(([step, n]) => h("option", { value: String(n) }, `${n + 1}. ${step.label}`))));
  const select = h("select", { id, class: "cw-select", onchange: () => onpick(Number(select.value)) }, groups);
  return { el: h("div", { class: "cw-walk-menu" }, h("label", { for: id }, "Go to step"), select), select };
}

/** {el, strip, show(n, l)}: list with upright drawing, and menu with lying drawing; `onpick(n)` jumps to a step. */
export function rail(onpick) {
  const tall = diagram(true, PITCH);
  const flat = diagram(false, 15);
  flat.el.setAttribute("width", "100%");
  const buttons = OUTLINE.map((step, n) => h("button", {
    type: "button", class: `cw-walk-step cw-walk-${step.group}`, onclick: () => onpick(n),
  }, step.label));
  const list = h("ol", {}, buttons.map((b) => h("li", {}, b)));
  const sides = brackets();
  const el = h("nav", { class: "cw-walk-rail", "aria-label": "Steps from letters to logits" }, tall.el, list, sides.map((s) => s.el));
  const jump = menu(onpick);
  const strip = h("div", { class: "cw-walk-strip" }, jump.el, flat.el);
  const show = (now, l) => {
    for (const side of sides) side.el.textContent = `${side.name} ${l + 1}`;
    tall.light(now);
    flat.light(now);
    jump.select.value = String(now);
    buttons.forEach((b, n) => (n === now ? b.setAttribute("aria-current", "step") : b.removeAttribute("aria-current")));
  };
  return { el, strip, show };
}
