// Lesson 6: a loss over two sizes as a landscape to turn, its map beside it, and the reader's model on both.
import { control } from "../lib/controls.js";
import { h, onResize } from "../lib/dom.js";
import { watchTheme } from "./playground/theme.js";
import { canvas, inks } from "./surface/ink.js";
import { area, map } from "./surface/map.js";
import { space } from "./surface/space.js";

const clamp = (x, lo, hi) => Math.min(hi, Math.max(lo, x));
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

export function surface(stage, { spec, data, set, values }) {
  const find = (name) => spec.controls.find((c) => c.name === name);
  const land = canvas("space");
  const flat = canvas("map");
  const angles = ["turn", "tilt"].map((name) => control(find(name), () => values()[name], (x) => set(name, x)));
  const worlds = Object.fromEntries(Object.entries(data.worlds).map(([key, w]) => [key, sizes(w, find, set, values)]));
  const left = h("div", { class: "cw-surf-panel" }, h("p", { class: "cw-surf-title" }, "The landscape"), land,
    h("div", { class: "cw-surf-angles" }, angles.map((c) => c.el)));
  const right = h("div", { class: "cw-surf-panel" }, h("p", { class: "cw-surf-title" }, "Its map"), flat,
    h("p", { class: "cw-surf-key", "aria-hidden": "true" }, key("budget", "your budget"), key("path", "best splits"), key("isoflop", "other budgets, in FLOPs")));
  stage.append(...Object.values(worlds).map((w) => w.el), h("div", { class: "cw-surf" }, left, right));
  turning(land, set, values);
  let last = null;
  let mapped = "";
  placing(flat, () => last, set, values);

  function render() {
    if (!last) return;
    const colors = inks(stage);
    const v = values();
    const [w, m] = [Math.floor(left.clientWidth), Math.floor(right.clientWidth)];
    if (w < 50) return;
    space(land, colors, last, v.turn, v.tilt, w, Math.round(clamp(w * 0.86, 270, 390)));
    // Turning leaves the map as it is.
    const now = [m, colors.key, v.law, v.height, v.n, v.d].join();
    if (now !== mapped) map(flat, colors, last, m, Math.round(clamp(m, 270, 350)));
    mapped = now;
  }
  onResize(stage, render);
  watchTheme(() => render());

  return {
    update(out, v) {
      last = out;
      for (const [name, w] of Object.entries(worlds)) w.show(name === out.world);
      for (const c of angles) c.update();
      // A model of one world has no place in the other: take that world's own to start with.
      const mine = out.marks[1];
      if (Math.min(mine.u, mine.v) < -1e-9 || Math.max(mine.u, mine.v) > 1 + 1e-9) {
        set("n", data.worlds[out.world].start.n);
        set("d", data.worlds[out.world].start.d);
      }
      land.setAttribute("aria-label", `${out.alt} Turned by ${v.turn}, tilted by ${v.tilt} degrees; arrow keys turn it.`);
      flat.setAttribute("aria-label", `Contour map of the same surface. ${out.marks[1].text} and ${out.marks[0].text} are marked; arrow keys move yours.`);
      render();
    },
  };
}

const key = (role, text) => h("span", {}, h("span", { class: `cw-surf-line cw-surf-line-${role}` }), text);

/** Sliders for budget, parameters and tokens of one world; the budget scales both and keeps their ratio. */
function sizes(world, find, set, values) {
  const limits = { n: [10 ** world.n_low, 10 ** world.n_high], d: [10 ** world.d_low, 10 ** world.d_high] };
  const one = (name, label) => control({ ...find(name), label, min: limits[name][0], max: limits[name][1] }, () => values()[name], (x) => set(name, x));
  const budget = { type: "slider", name: "budget", label: "Your budget 6ND", min: world.flops[0], max: world.flops[1], log: true, format: "sci", unit: "FLOPs" };
  const scaled = control(budget, () => clamp(6 * values().n * values().d, ...world.flops), (c) => {
    const factor = Math.sqrt(c / (6 * values().n * values().d));
    for (const name of ["n", "d"]) set(name, clamp(values()[name] * factor, ...limits[name]));
  });
  const all = [scaled, one("n", "Your parameters N"), one("d", `Your ${world.unit} D`)];
  const el = h("div", { class: "cw-controls cw-surf-sizes" }, all.map((c) => c.el));
  return { el, show(on) {
    el.hidden = !on;
    if (on) for (const c of all) c.update();
  } };
}

/** Drag sideways to turn, up and down to tilt; arrow keys do the same. */
function turning(el, set, values) {
  const by = (dx, dy) => {
    const v = values();
    set("turn", ((Math.round(v.turn + dx) + 540) % 360) - 180);
    if (dy) set("tilt", clamp(Math.round(v.tilt + dy), 8, 88));
  };
  let from = null;
  el.addEventListener("pointerdown", (e) => {
    from = [e.clientX, e.clientY];
    el.setPointerCapture(e.pointerId);
  });
  el.addEventListener("pointermove", (e) => {
    if (!from) return;
    const [dx, dy] = [e.clientX - from[0], e.clientY - from[1]];
    if (Math.abs(dx) + Math.abs(dy) < 2) return;
    from = [e.clientX, e.clientY];
    by(-dx * 0.6, e.pointerType === "touch" ? 0 : dy * 0.5);
  });
  for (const end of ["pointerup", "pointercancel"]) el.addEventListener(end, () => (from = null));
  el.addEventListener("keydown", (e) => {
    const step = KEYS[e.key];
    if (!step) return;
    e.preventDefault();
    by(6 * step[0], 4 * step[1]);
  });
}

/** Click, drag or arrow keys put the reader's model somewhere on the map. */
function placing(el, out, set, values) {
  const put = (u, v) => {
    const { x, y } = out().axes;
    set("n", Number((10 ** (x.low + clamp(u, 0, 1) * (x.high - x.low))).toPrecision(4)));
    set("d", Number((10 ** (y.low + clamp(v, 0, 1) * (y.high - y.low))).toPrecision(4)));
  };
  const from = (e) => {
    const r = el.getBoundingClientRect();
    const box = area(r.width, r.height);
    put(box.u(e.clientX - r.left), box.v(e.clientY - r.top));
  };
  let held = false;
  el.addEventListener("pointerdown", (e) => {
    held = true;
    el.setPointerCapture(e.pointerId);
    if (e.pointerType !== "touch") from(e); // a finger may be about to scroll
  });
  el.addEventListener("pointermove", (e) => held && from(e));
  el.addEventListener("click", from);
  for (const end of ["pointerup", "pointercancel"]) el.addEventListener(end, () => (held = false));
  el.addEventListener("keydown", (e) => {
    const step = KEYS[e.key];
    if (!step) return;
    e.preventDefault();
    const mine = out().marks[1];
    put(mine.u + 0.01 * step[0], mine.v + 0.01 * step[1]);
  });
}
