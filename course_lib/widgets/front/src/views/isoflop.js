// The IsoFLOP study: bowls of loss against size, their bottoms against compute, and two handles that choose budgets.
import { h, onResize, uid } from "../lib/dom.js";
import { levelLine, say, setAll, sized, svg, uprightLine } from "../lib/svg.js";
import { tick } from "./chart.js";

const text = () => globalThis.courseModules.text;
const MARGIN = { left: 46, right: 14, top: 12, bottom: 40 };
const HEIGHT = 330;

// Budgets run from one hue of the palette to another; their names stand beside them as well.
const shade = (i, n) => `color-mix(in oklab, var(--cw-1) ${Math.round((100 * i) / Math.max(1, n - 1))}%, var(--cw-2))`;

const scale = (domain, range, log) => {
  const f = log ? Math.log : (x) => x;
  const [a, b] = domain.map(f);
  return (x) => range[0] + ((f(x) - a) / (b - a)) * (range[1] - range[0]);
};

const decades = ([lo, hi]) => {
  const out = [];
  for (let p = Math.ceil(Math.log10(lo)); p <= Math.log10(hi); p += 1) out.push(10 ** p);
  return out;
};

const steps = ([lo, hi]) => {
  const step = [0.05, 0.1, 0.2, 0.5, 1].find((s) => (hi - lo) / s <= 6) ?? 2;
  const out = [];
  for (let x = Math.ceil(lo / step) * step; x <= hi + 1e-9; x += step) out.push(Number(x.toFixed(2)));
  return out;
};

/** An empty chart of a width: scales, grid, axes and their labels. */
function frame(width, x, y) {
  const sx = scale(x.domain, [MARGIN.left, width - MARGIN.right], true);
  const sy = scale(y.domain, [HEIGHT - MARGIN.bottom, MARGIN.top], y.log);
  const el = svg("svg", { ...sized(width, HEIGHT), role: "img", class: "cw-iso-svg" });
  const id = uid("clip");
  const [w, tall] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  el.append(svg("clipPath", { id }, svg("rect", { x: MARGIN.left, y: MARGIN.top, width: w, height: tall })));
  const name = tick({ log: true, format: "si" });
  for (const t of decades(x.domain)) {
    el.append(uprightLine(sx(t), MARGIN.top, HEIGHT - MARGIN.bottom, "cw-iso-grid"));
    el.append(say(sx(t), HEIGHT - MARGIN.bottom + 16, x.name ? x.name(t) : name(t), "cw-iso-tick", "middle"));
  }
  for (const t of y.log ? decades(y.domain) : steps(y.domain)) {
    el.append(levelLine(MARGIN.left, width - MARGIN.right, sy(t), "cw-iso-grid"));
    el.append(say(MARGIN.left - 7, sy(t) + 4, y.log ? name(t) : String(t), "cw-iso-tick", "end"));
  }
  el.append(say(MARGIN.left + w / 2, HEIGHT - 4, x.label, "cw-iso-axis", "middle"));
  const body = svg("g", { "clip-path": `url(#${id})` });
  el.append(body);
  return { el, body, sx, sy };
}

const path = (points, sx, sy) => points.map(([x, y], i) => `${i ? "L" : "M"}${sx(x).toFixed(1)} ${sy(y).toFixed(1)}`).join("");
const diamond = (x, y, r) => `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`;
const power = (x) => `1e${Math.round(Math.log10(x))}`;

/** Left: every slice with its seeds, its parabola and its bottom. */
function bowls(out, width) {
  const { el, body, sx, sy } = frame(width, { domain: out.axes.n, label: out.n_label }, { domain: out.axes.loss });
  out.slices.forEach((s, i) => {
    const color = s.active ? shade(i, out.slices.length) : "var(--cw-muted)";
    const g = svg("g", { class: s.active ? "cw-iso-slice" : "cw-iso-slice cw-iso-off" });
    setAll(g, { style: `color:${color}` });
    for (const [n, loss] of s.seeds) g.append(svg("circle", { cx: sx(n), cy: sy(loss), r: 2, class: "cw-iso-seed" }));
    for (const [n, loss] of s.points) g.append(svg("circle", { cx: sx(n), cy: sy(loss), r: 3.6, class: "cw-iso-point" }));
    if (s.curve.length) g.append(svg("path", { d: path(s.curve, sx, sy), class: "cw-iso-curve" }));
    if (s.found) g.append(svg("path", { d: diamond(sx(s.n), sy(s.loss), 6.5), class: "cw-iso-bottom" }));
    body.append(g);
    if (s.points.length) {
      const [n, loss] = s.points[s.points.length - 1];
      const crowded = sx(n) > width - 42;
      const name = say(crowded ? width - 4 : sx(n) + 7, sy(loss) + (crowded ? -9 : 4), s.name, "cw-iso-name", crowded ? "end" : "start");
      setAll(name, { style: `fill:${color}` });
      el.append(name);
    }
  });
  setAll(el, { "aria-label": "Loss against size. " + out.slices.filter((s) => s.active).map((s) => s.says).join(". ") });
  return el;
}

/** Right: the bottoms, the line through them and the two published slopes. */
function bottoms(out, width) {
  const { el, body, sx, sy } = frame(width, { domain: out.axes.c, label: out.c_label, name: power }, { domain: out.axes.n, log: true });
  const [lo, hi] = [out.slices[out.first - 1], out.slices[out.last - 1]].map((s) => sx(s.flops));
  body.append(svg("rect", { x: lo - 8, y: MARGIN.top, width: Math.max(0, hi - lo) + 16, height: HEIGHT - MARGIN.top - MARGIN.bottom, class: "cw-iso-range" }));
  if (out.law) {
    for (const name of ["kaplan", "chinchilla", "fit"]) body.append(svg("path", { d: path(out.law[name], sx, sy), class: `cw-iso-line cw-iso-${name}` }));
    const words = { kaplan: "Kaplan 0.73", fit: `these runs ${text().fixed(out.law.exponent, 2)}`, chinchilla: "Chinchilla 0.50" };
    Object.entries(words).forEach(([name, said], k) => {
      const y = HEIGHT - MARGIN.bottom - 50 + 19 * k;
      const x = width - MARGIN.right - 148;
      el.append(svg("path", { d: `M${x} ${y - 4}h30`, class: `cw-iso-line cw-iso-${name}` }), say(x + 37, y, said, name === "fit" ? "cw-iso-ours" : "cw-iso-ref", "start"));
    });
  }
  out.slices.forEach((s, i) => {
    if (!s.found) return;
    const g = svg("g", { class: s.active ? "" : "cw-iso-off" });
    setAll(g, { style: `color:${s.active ? shade(i, out.slices.length) : "var(--cw-muted)"}` });
    g.append(svg("path", { d: diamond(sx(s.flops), sy(s.n), 7), class: "cw-iso-bottom" }));
    body.append(g);
  });
  setAll(el, { "aria-label": out.alt });
  return { el, sx };
}

/** A handle on the compute axis: dragged, or moved with the arrow keys; it rests on budgets. */
function handle(name, words, count, get, move) {
  const el = h("div", { class: "cw-iso-handle", role: "slider", tabIndex: 0, "aria-label": words, "aria-valuemin": "1", "aria-valuemax": String(count), "data-which": name });
  el.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const to = event.key === "Home" ? 1 : event.key === "End" ? count : by && get() + by;
    if (!to) return;
    event.preventDefault();
    move(to);
  });
  return el;
}

export function isoflop(stage, { data, set, values }) {
  const count = data.budgets.length;
  const left = h("div", { class: "cw-iso-chart" });
  const right = h("div", { class: "cw-iso-chart" });
  const fill = h("div", { class: "cw-iso-fill" });
  const move = {
    first: (to) => set("first", Math.max(1, Math.min(to, values().last - 1))),
    last: (to) => set("last", Math.min(count, Math.max(to, values().first + 1))),
  };
  const handles = {
    first: handle("first", "First budget", count, () => values().first, move.first),
    last: handle("last", "Last budget", count, () => values().last, move.last),
  };
  const track = h("div", { class: "cw-iso-track" }, h("div", { class: "cw-iso-rail" }), fill, handles.first, handles.last);
  const body = h("tbody");
  stage.append(
    h("div", { class: "cw-iso" },
      h("div", { class: "cw-iso-panel" }, h("p", { class: "cw-iso-title" }, "Loss (nats per character) against size"), left),
      h("div", { class: "cw-iso-panel" }, h("p", { class: "cw-iso-title" }, "Best size N* against compute"), right, track)),
    h("details", { class: "cw-numbers" }, h("summary", {}, "The bottoms as a table"),
      h("div", { class: "cw-table-scroll", tabIndex: 0, role: "region", "aria-label": "Bottoms" },
        h("table", { class: "cw-table" }, h("thead", {}, h("tr", {}, ["Budget", "C", "Sizes used", "N*", "Loss"].map((t) => h("th", { scope: "col" }, t)))), body))));
  let last = null;
  let drawn = 0;
  let sx = (x) => x;

  function render() {
    drawn = left.clientWidth || 360;
    left.replaceChildren(bowls(last, drawn));
    const plot = bottoms(last, drawn);
    right.replaceChildren(plot.el);
    sx = plot.sx;
    for (const name of ["first", "last"]) {
      const s = last.slices[last[name] - 1];
      handles[name].style.left = `${sx(s.flops)}px`;
      setAll(handles[name], { "aria-valuenow": last[name], "aria-valuetext": `${s.name} FLOPs` });
    }
    const [a, b] = ["first", "last"].map((name) => sx(last.slices[last[name] - 1].flops));
    fill.style.left = `${a}px`;
    fill.style.width = `${b - a}px`;
    body.replaceChildren(...last.slices.map((s) => h("tr", {}, h("th", { scope: "row" }, s.name + (s.active ? "" : " (left out)")),
      [text().sci(s.flops, 2), String(s.used), s.found ? text().si(s.n, 3) : "none", s.found ? text().fixed(s.loss, 3) : ""].map((t) => h("td", {}, t)))));
  }

  for (const [name, el] of Object.entries(handles)) {
    el.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      el.focus();
      el.setPointerCapture(event.pointerId);
    });
    el.addEventListener("pointermove", (event) => {
      if (!el.hasPointerCapture(event.pointerId)) return;
      const x = event.clientX - track.getBoundingClientRect().left;
      const away = last.slices.map((s) => Math.abs(sx(s.flops) - x));
      const to = away.indexOf(Math.min(...away)) + 1;
      if (to !== values()[name]) move[name](to);
    });
  }
  onResize(left, () => last && drawn !== left.clientWidth && render());
  return { update(out) { last = out; render(); } };
}
