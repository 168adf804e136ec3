// Lesson 3: a model as areas, one layer opened in squares of d × d, and a number line of published models.
import { control } from "../lib/controls.js";
import { h, onResize, uid } from "../lib/dom.js";
import { color } from "./chart.js";

const text = () => globalThis.courseModules.text;
const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children or text. */
function s(tag, attributes = {}, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, String(value));
  el.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return el;
}

const fill = (c) => ({ style: `fill:${color(c)}` });
const label = (x, y, words, more = {}) => s("text", { x, y, class: "cw-b-label", ...more }, words);

export function builder(stage, { spec, data, set, values }) {
  const rare = spec.controls.filter((c) => c.hidden).map((c) => control(c, () => values()[c.name], (v) => set(c.name, v)));
  const more = h("details", { class: "cw-b-more" }, h("summary", {}, "Feed-forward, experts, positions"),
    h("div", { class: "cw-controls" }, rare.map((c) => c.el)));
  const svg = s("svg", { role: "img", class: "cw-builder-art" });
  const rows = h("tbody");
  const parts = h("details", { class: "cw-numbers" }, h("summary", {}, "Every part as a table"),
    h("div", { class: "cw-table-scroll", tabIndex: 0, role: "region", "aria-label": "Parameters by part" },
      h("table", { class: "cw-table" }, h("thead", {}, h("tr", {}, ["Part", "Parameters", "Share"].map((t) => h("th", { scope: "col" }, t)))), rows)));
  const menu = loader(data.presets, set, values);
  const legend = h("ul", { class: "cw-b-legend" });
  stage.append(h("div", { class: "cw-b-top" }, menu.el, more), legend, svg, parts);

  let last = null;
  let seen = 0;
  const width = () => Math.max(280, Math.min(880, Math.floor(stage.clientWidth || 640)));
  onResize(stage, () => {
    if (last && seen !== width()) render();
  });

  function render() {
    seen = width();
    let y = 0;
    const children = [];
    for (const panel of [whole, layer, line]) {
      const drawn = panel(last, seen, data);
      children.push(s("g", { transform: `translate(0 ${y})` }, drawn.marks));
      y += drawn.height;
    }
    svg.setAttribute("viewBox", `0 0 ${seen} ${y}`);
    svg.setAttribute("width", seen);
    svg.setAttribute("height", y);
    svg.setAttribute("aria-label", last.alt);
    svg.replaceChildren(...children);
  }
  return {
    update(out, now) {
      last = out;
      menu.update(now);
      for (const c of rare) c.update();
      legend.replaceChildren(...out.groups.map((g) => h("li", {},
        h("span", { class: "cw-b-key", style: `background:${color(g.color)}` }), `${g.label} `, h("b", {}, text().pct(g.share, 1)))));
      rows.replaceChildren(...out.parts.map((p) => h("tr", {}, h("th", { scope: "row" }, p.key.replace("/", ", ").replace(/_/g, " ")),
        h("td", {}, text().commas(p.value)), h("td", {}, text().pct(p.value / out.total, 2)))));
      render();
    },
  };
}

/** A menu that sets every control to a published model's shape. */
function loader(presets, set, values) {
  const id = uid("model");
  const select = h("select", { id, class: "cw-select", onchange: () => {
    const chosen = presets[select.selectedIndex - 1];
    if (chosen) for (const [name, value] of Object.entries(chosen.values)) set(name, value);
  } }, h("option", {}, "Your own shape"), presets.map((p) => h("option", {}, p.name)));
  const el = h("div", { class: "cw-control cw-menu cw-b-load" }, h("label", { for: id }, "Start from a published model"), select);
  const same = (p, now) => Object.entries(p.values).every(([k, v]) => now[k] === v);
  return { el, update: (now = values()) => (select.selectedIndex = presets.findIndex((p) => same(p, now)) + 1) };
}

/** The whole model from input (left) to output (right): every area is its share of the parameters. */
function whole(out, w) {
  const top = 22;
  const tall = 112;
  const marks = [label(0, 14, "The whole model, input to output", { class: "cw-b-head" })];
  const bodies = out.layer.map((p) => ({ ...p, value: p.value * out.cfg.n_layers }));
  const body = bodies.reduce((a, p) => a + p.value, 0);
  const words = []; // on top of everything
  const find = (key) => out.groups.find((g) => g.key === key)?.value ?? 0;
  const all = find("embedding") + body + find("head");
  let x = 0;
  const column = (key, value, c, name) => {
    if (!value) return;
    const wide = (w * value) / all;
    marks.push(s("rect", { x, y: top, width: wide, height: tall, ...fill(c) }));
    if (wide > 62) words.push(label(x + wide / 2, top + tall / 2 + 4, name, { "text-anchor": "middle", class: "cw-b-in" }));
    x += wide;
  };
  column("embedding", find("embedding"), 4, "embeddings");
  let y = top;
  const wide = (w * body) / all;
  for (const p of bodies) {
    const high = (tall * p.value) / body;
    marks.push(s("rect", { x, y, width: wide, height: high, ...fill(p.color) }));
    const name = `${p.key === "ffn" ? "feed-forward" : p.key === "expert" ? "experts" : "attention"}, ${out.cfg.n_layers} layers`;
    if (wide > 7.4 * name.length && high > 16) words.push(label(x + wide / 2, y + high / 2 + 4, name, { "text-anchor": "middle", class: "cw-b-in", style: `stroke:${color(p.color)}` }));
    y += high;
  }
  const each = wide / out.cfg.n_layers;
  if (each > 3) for (let i = 0; i <= out.cfg.n_layers; i++) marks.push(s("line", { x1: x + i * each, x2: x + i * each, y1: top, y2: top + tall, class: "cw-b-cut" }));
  x += wide;
  column("head", find("head"), 3, "head");
  return { marks: [...marks, ...words], height: top + tall + 18 };
}

/** One layer with each matrix drawn to scale; a grid line at every d shows the squares to count. */
function layer(out, w) {
  const { d_model: d, n_experts: experts } = out.cfg;
  const ones = out.matrices;
  const long = (m) => Math.max(m.rows, m.cols) === m.rows && m.cols === d ? m.rows : m.cols;
  const attention = ones.filter((m) => m.group === "attention");
  const gap = 10;
  const row1 = attention.reduce((a, m) => a + long(m), 0);
  const widest = Math.max(row1, ...ones.map(long));
  const unit = Math.min((w - gap * 3 - 2) / widest, (w > 460 ? 76 : 62) / d, (w - gap * 3 - 2) / (4 * d));
  const side = Math.max(6, d * unit);
  const marks = [label(0, 14, w > 460 ? `One layer: each matrix to scale, in squares of ${text().commas(d)} × ${text().commas(d)}` : "One layer, in squares of d × d", { class: "cw-b-head" })];
  let y = 40;
  let x = 0;
  const block = (m, x0, y0) => {
    const wide = long(m) * unit;
    marks.push(s("rect", { x: x0, y: y0, width: Math.max(1, wide), height: side, ...fill(m.group === "attention" ? 0 : 2) }));
    for (let i = 1; i * d < long(m) - 1e-9; i++) marks.push(s("line", { x1: x0 + i * d * unit, x2: x0 + i * d * unit, y1: y0, y2: y0 + side, class: "cw-b-cut" }));
    return wide;
  };
  for (const m of attention) {
    marks.push(label(x, y - 5, m.name));
    x += Math.max(block(m, x, y), 14) + gap;
  }
  const end = Math.min(x, w);
  const sum = (list) => list.reduce((a, m) => a + (m.rows * m.cols) / d ** 2, 0);
  if (w - end > 118) marks.push(label(end + 4, y + side / 2 + 4, `${text().sig(sum(attention), 3)} squares`));
  y += side + 26;
  for (const m of ones.filter((m) => m.group !== "attention")) {
    const wide = block(m, 0, y);
    const size = `${m.name}: ${text().sig((m.rows * m.cols) / d ** 2, 3)} squares${experts ? `, × ${experts} experts` : ""}`;
    marks.push(label(0, y - 5, size));
    // Further experts stand behind the first like cards.
    if (experts) for (let i = 1; i < Math.min(experts, 64); i++) {
      const at = wide + 4 + (i - 1) * Math.min(9, (w - wide - 6) / experts);
      marks.push(s("rect", { x: at, y, width: Math.max(1.2, Math.min(6, (w - wide - 6) / experts - 1.5)), height: side, ...fill(2), opacity: 0.75 }));
    }
    y += side + 22;
  }
  return { marks, height: y + 2 };
}

/** Published models on a logarithmic line, with the reader's own count. */
function line(out, w, data) {
  const [lo, hi] = [4, 12.3];
  const x = (n) => 8 + ((Math.min(hi, Math.max(lo, Math.log10(n))) - lo) / (hi - lo)) * (w - 16);
  const y = 62;
  const marks = [label(0, 14, "Among published models", { class: "cw-b-head" }), s("line", { x1: 4, x2: w - 4, y1: y, y2: y, class: "cw-b-axis" })];
  for (let p = 4; p <= 12; p++) {
    marks.push(s("line", { x1: x(10 ** p), x2: x(10 ** p), y1: y, y2: y + 6, class: "cw-b-axis" }));
    if (w > 460 || p % 2 === 0) marks.push(label(p === 4 ? 0 : x(10 ** p), y + 20, text().si(10 ** p, 1), { "text-anchor": p === 4 ? "start" : "middle", class: "cw-b-small" }));
  }
  for (const m of data.models) marks.push(s("circle", { cx: x(m.params), cy: y, r: 4, class: "cw-b-dot" }, s("title", {}, `${m.name}: ${text().commas(m.params)}`)));
  const here = x(out.total);
  marks.push(s("path", { d: `M${here} ${y - 5}l-6 -12h12z`, class: "cw-b-here" }));
  const own = here > w / 2 ? "end" : "start";
  marks.push(label(here + (own === "end" ? 6 : -6), y - 22, `yours: ${text().si(out.total, 3)}`, { "text-anchor": own, class: "cw-b-own" }));
  // The one below is named to its left, the one above to its right, as far as the edge allows.
  out.near.forEach((m, i) => {
    if (!m) return;
    const at = x(m.params);
    const words = /\d[BM]$/.test(m.name) ? m.name : `${m.name} ${text().si(m.params, 3)}`;
    const room = words.length * 6.3;
    const end = i === 0 ? at > room : at > w - room;
    const low = y + (i === 0 ? 40 : 56);
    marks.push(s("line", { x1: at, x2: at, y1: y + 5, y2: low, class: "cw-b-lead" }));
    marks.push(label(at + (end ? -5 : 5), low, words, { "text-anchor": end ? "end" : "start", class: "cw-b-small" }));
  });
  return { marks, height: y + 64 };
}
