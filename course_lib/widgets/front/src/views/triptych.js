// Three laws side by side, one budget: loss against size, text and compute, the binding loss drawn through all three.
import { h, onResize } from "../lib/dom.js";
import { follow } from "../lib/drag.js";
import { levelLine, setAll, sized, svg, uprightLine } from "../lib/svg.js";
import { tick } from "./chart.js";

const BOX = { left: 34, right: 10, top: 16, bottom: 26, height: 206 };
const TICKS = [1, 1.5, 2, 3, 4, 5];
const log = Math.log10;

/** A log scale from a domain to pixels, and back; what lies outside stays at the edge. */
function scale([lo, hi], from, to) {
  const at = (x) => from + ((to - from) * (log(x) - log(lo))) / (log(hi) - log(lo));
  const inside = (x) => Math.min(hi, Math.max(lo, x));
  return { at: (x) => at(inside(x)), back: (p) => inside(10 ** (log(lo) + ((p - from) / (to - from)) * (log(hi) - log(lo)))) };
}

/** Powers of ten of a domain, every `step`-th. */
function decades([lo, hi], step) {
  const out = [];
  for (let p = Math.ceil(log(lo)); p <= log(hi) + 1e-9; p += step) out.push(10 ** p);
  return out;
}

function panel(onDrag) {
  const tag = h("span", { class: "cw-tri-tag" }, "bottleneck");
  const name = h("span", { class: "cw-tri-name" });
  const unit = h("span", { class: "cw-tri-unit" });
  const layers = Object.fromEntries(["grid", "range", "line", "guide", "marks", "words"].map((k) => [k, svg("g", {})]));
  const picture = svg("svg", { class: "cw-tri-chart", "aria-hidden": "true" }, Object.values(layers));
  const el = h("div", { class: "cw-tri-panel" }, h("p", { class: "cw-tri-head" }, name, tag), picture, unit);
  let back = null;
  const move = (event) => {
    const box = picture.getBoundingClientRect();
    onDrag(back(event.clientX - box.left));
  };
  picture.addEventListener("pointerdown", (event) => {
    move(event);
    follow(move);
  });
  return { el, name, unit, tag, layers, picture, on: (f) => (back = f) };
}

function drawAxes(p, spec, out, x, y, width) {
  const [bottom, right] = [BOX.height - BOX.bottom, width - BOX.right];
  const label = tick({ log: true, format: "si" }, spec.domain);
  const ticks = decades(spec.domain, spec.key === "budget" ? 3 : 2);
  p.layers.grid.replaceChildren(
    ...TICKS.filter((t) => t >= out.losses[0] && t <= out.losses[1]).flatMap((t) => [
      levelLine(BOX.left, right, y.at(t), "cw-tri-grid"),
      svg("text", { x: BOX.left - 6, y: y.at(t) + 4, "text-anchor": "end", class: "cw-tri-tick" }, String(t))]),
    ...ticks.flatMap((t) => [
      uprightLine(x.at(t), BOX.top, bottom, "cw-tri-grid"),
      svg("text", { x: x.at(t), y: bottom + 16, "text-anchor": x.at(t) > right - 12 ? "end" : "middle", class: "cw-tri-tick" }, label(t))]));
  const range = out.measured[spec.key];
  p.layers.range.replaceChildren(...(range ? [
    svg("rect", { x: x.at(range[0]), y: BOX.top, width: x.at(range[1]) - x.at(range[0]), height: bottom - BOX.top, class: "cw-tri-range" }),
    svg("text", { x: (x.at(range[0]) + x.at(range[1])) / 2, y: bottom - 7, "text-anchor": "middle", class: "cw-tri-tick" }, "trained")] : []));
}

function drawMarks(p, spec, out, x, y, width) {
  const path = spec.x.map((v, i) => [v, spec.y[i]]).filter(([, l]) => l >= out.losses[0] && l <= out.losses[1]);
  p.layers.line.replaceChildren(svg("polyline", { points: path.map(([v, l]) => `${x.at(v)},${y.at(l)}`).join(" "), class: "cw-tri-line" }));
  const binding = y.at(out.both);
  p.layers.guide.replaceChildren(levelLine(BOX.left, width - BOX.right, binding, "cw-tri-guide"));
  const dots = spec.marks.map((m) => svg("circle", { cx: x.at(m.x), cy: y.at(m.y), r: m.active ? 6.5 : 4.5, class: m.active ? "cw-tri-on" : "cw-tri-off" }));
  const chosen = spec.marks.find((m) => m.active);
  const words = [];
  const word = (mx, my, text, tone) => {
    const room = 16 + 6.6 * text.length;
    const left = tone ? mx - room > 22 : mx + room > width - BOX.right; // notes stand left of their mark, below the line
    words.push(svg("text", { x: mx + (left ? -11 : 11), y: Math.max(BOX.top + 4, my), "text-anchor": left ? "end" : "start", class: `cw-tri-word${tone}` }, text));
  };
  if (chosen) word(x.at(chosen.x), y.at(chosen.y) - 9, chosen.text, "");
  if (spec.key === "budget") {
    const [cx, cy] = [x.at(chosen.x), binding];
    dots.push(svg("path", { d: `M${cx},${cy - 7}l7,7l-7,7l-7,-7z`, class: out.clash ? "cw-tri-bound cw-tri-clash" : "cw-tri-bound" }));
    const apart = Math.abs(cy - y.at(chosen.y)) > 24;
    word(cx, apart ? cy + 4 : Math.max(cy, y.at(chosen.y)) + 20, `${out.both_label} ${out.both.toFixed(2)}`, out.clash ? " cw-tri-bad" : " cw-tri-soft");
  }
  p.layers.marks.replaceChildren(...dots);
  p.layers.words.replaceChildren(...words);
}

export function triptych(stage, { set, values }) {
  const limits = (name) => (x) => {
    const budget = values().budget;
    if (name === "budget") return set("budget", Number(x.toPrecision(3)));
    set("size", Number(Math.min(1e14, Math.max(1e6, name === "size" ? x : budget / 6 / x)).toPrecision(3)));
    set("split", "own");
  };
  const panels = ["size", "text", "budget"].map((name) => panel(limits(name)));
  const picture = h("div", { class: "cw-tri", role: "img" }, panels.map((p) => p.el));
  const key = h("p", { class: "cw-tri-key", "aria-hidden": "true" },
    h("span", {}, h("span", { class: "cw-tri-dot" }), " chosen split"), h("span", {}, h("span", { class: "cw-tri-dot cw-tri-hollow" }), " the other split"),
    h("span", {}, h("span", { class: "cw-tri-diamond" }), " what the split allows, drawn through all three"));
  stage.append(key, picture);
  let last = null;
  let before = null;
  let drawn = 0;

  function render() {
    drawn = panels[0].el.clientWidth;
    picture.setAttribute("aria-label", last.alt);
    last.panels.forEach((spec, i) => {
      const p = panels[i];
      const width = Math.max(160, Math.floor(p.picture.parentNode.clientWidth - 2 * 9));
      setAll(p.picture, sized(width, BOX.height));
      const x = scale(spec.domain, BOX.left, width - BOX.right);
      const y = scale(last.losses, BOX.height - BOX.bottom, BOX.top);
      p.on(x.back);
      p.name.textContent = spec.name;
      p.unit.textContent = spec.unit;
      p.el.dataset.short = spec.key === last.short ? "yes" : "";
      drawAxes(p, spec, last, x, y, width);
      drawMarks(p, spec, last, x, y, width);
    });
  }
  onResize(picture, () => last && drawn !== panels[0].el.clientWidth && render());

  return {
    update(out, now) {
      last = out;
      // Whoever moves the size means a split of their own.
      const moved = before && before.size !== now.size && before.split === now.split && now.split !== "own" && before.budget === now.budget;
      before = now;
      if (moved) return set("split", "own");
      render();
    },
  };
}
