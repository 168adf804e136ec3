// The chart view: draws what `compute` returned with Observable Plot, and offers the same numbers as a table.
import * as Plot from "@observablehq/plot";
import { h, onResize } from "../lib/dom.js";
import { follow, within } from "../lib/drag.js";
import { tidyLabels } from "../lib/labels.js";

const text = () => globalThis.courseModules.text;
const COLORS = ["var(--cw-1)", "var(--cw-2)", "var(--cw-3)", "var(--cw-4)", "var(--cw-5)", "var(--cw-6)", "var(--cw-7)"];

/** The color of a series: its number in the palette, or a named role. */
export function color(c, i = 0) {
  if (typeof c === "number") return COLORS[c % COLORS.length];
  const roles = { accent: "var(--cw-accent)", muted: "var(--cw-muted)", ink: "var(--cw-ink)", good: "var(--cw-good)", bad: "var(--cw-bad)" };
  return roles[c] ?? COLORS[i % COLORS.length];
}

const POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const power = (p) => (p < 0 ? "⁻" : "") + String(Math.abs(p)).split("").map((d) => POWERS[Number(d)]).join("");

/** Tick text: counts in K, M, B, T; powers of ten beyond; plain numbers otherwise. */
export function tick(axis, domain = [1, 1e9]) {
  const written = plainTick(axis, domain);
  return (x) => written(x).replace(/^-/, "−");
}

function plainTick(axis, domain) {
  const narrow = axis.log && Math.log10(domain[1] / domain[0]) < 2;
  if (narrow && axis.format !== "pct") return (x) => (axis.format === "si" ? text().si(x, 2) : String(Number(x.toPrecision(2))));
  if (axis.format === "pct") return (x) => `${Math.round(100 * x)} %`;
  if (axis.format === "year") return (x) => String(Math.round(x));
  if (axis.log && axis.format === "si") {
    return (x) => {
      const p = Math.round(Math.log10(x));
      return Math.abs(x / 10 ** p - 1) < 1e-9 ? (p < 3 || p >= 15 ? (p >= 0 && p < 3 ? String(10 ** p) : `10${power(p)}`) : text().si(x, 1)) : "";
    };
  }
  if (axis.log) {
    return (x) => {
      const p = Math.round(Math.log10(x));
      if (Math.abs(x / 10 ** p - 1) > 1e-9) return "";
      return p >= -2 && p <= 3 ? String(10 ** p).replace(/^0\./, "0.") : `10${power(p)}`;
    };
  }
  if (axis.format === "si") return (x) => text().si(x, 2);
  return (x) => (Number.isInteger(x) ? String(x) : String(Number(x.toPrecision(3))));
}

function decades(domain, width) {
  const [lo, hi] = [Math.ceil(Math.log10(domain[0]) - 1e-9), Math.floor(Math.log10(domain[1]) + 1e-9)];
  const every = Math.max(1, Math.ceil((hi - lo + 1) / Math.max(2, Math.floor(width / 62))));
  const out = [];
  for (let p = lo; p <= hi; p += every) out.push(10 ** p);
  return out;
}

function scaleOf(axis, domain, size) {
  const scale = { type: axis.log ? "log" : "linear", domain, label: null, nice: false, clamp: false };
  if (axis.reverse) scale.reverse = true;
  if (axis.log && Math.log10(domain[1] / domain[0]) >= 2) scale.ticks = decades(domain, size);
  else if (axis.log) scale.ticks = [1, 1.5, 2, 3, 4, 5, 6, 8].flatMap((m) => [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((p) => m * 10 ** p)).filter((t) => t >= domain[0] && t <= domain[1]);
  return scale;
}

function extent(series, keys) {
  let lo = Infinity;
  let hi = -Infinity;
  for (const s of series) for (const k of keys) {
    const xs = s[k];
    if (!Array.isArray(xs)) continue;
    for (const x of xs) if (Number.isFinite(x)) { lo = Math.min(lo, x); hi = Math.max(hi, x); }
  }
  return lo < hi ? [lo, hi] : Number.isFinite(lo) ? [lo - 0.5, hi + 0.5] : [0, 1];
}

const rows = (s) => (s.x ?? []).map((x, i) => ({ x, y: s.y?.[i], y1: s.y1?.[i], y2: s.y2?.[i], text: s.text?.[i] })).filter((r) => r.y === undefined || Number.isFinite(r.y));

function marks(s, i, axes) {
  const stroke = color(s.color, i);
  const data = rows(s);
  const title = (d) => [d.text ?? s.label, `${axes.x.label}: ${tipText(axes.x, d.x)}`, `${axes.y.label}: ${tipText(axes.y, d.y)}`].filter(Boolean).join("\n");
  if (s.kind === "line") {
    const out = [Plot.line(data, { x: "x", y: "y", stroke, strokeWidth: s.width ?? 2.25, strokeDasharray: s.dash ? "5 4" : null, strokeOpacity: s.faint ? 0.45 : 1, clip: true })];
    if (s.label && !s.faint) out.push(endLabel(s, data, stroke, axes));
    return out;
  }
  if (s.kind === "dots") {
    return [
      Plot.dot(data, { x: "x", y: "y", r: s.size ?? 4.5, fill: s.hollow ? "var(--cw-surface)" : stroke, stroke: s.hollow ? stroke : "var(--cw-surface)", strokeWidth: s.hollow ? 2 : 1, title, tip: { fill: "var(--cw-surface)", stroke: "var(--cw-line)" } }),
      s.labels ? Plot.text(data, { className: "cw-chart-name", x: "x", y: "y", text: "text", dy: -10, fill: "var(--cw-ink)", stroke: "var(--cw-surface)", strokeWidth: 4, fontSize: 11 }) : null];
  }
  if (s.kind === "band") return [Plot.areaY(data, { x: "x", y1: "y1", y2: "y2", fill: stroke, fillOpacity: 0.18, clip: true })];
  if (s.kind === "bars") return [Plot.ruleX(data, { x: "x", y1: s.base ?? axes.y.domain?.[0] ?? 0, y2: "y", stroke, strokeWidth: s.width ?? 8 })];
  if (s.kind === "vline") return [Plot.ruleX(s.x, { stroke, strokeDasharray: "3 3", strokeWidth: 1.5 }), s.label ? Plot.text(s.x.slice(0, 1), { className: "cw-chart-fixed", x: (d) => d, frameAnchor: "top", text: () => s.label, dy: 4, dx: 6, textAnchor: "start", fill: stroke, stroke: "var(--cw-surface)", strokeWidth: 4, fontSize: 12 }) : null];
  if (s.kind === "hline") return [Plot.ruleY(s.y, { stroke, strokeDasharray: "3 3", strokeWidth: 1.5 }), s.label ? Plot.text(s.y.slice(0, 1), { className: "cw-chart-fixed", y: (d) => d, frameAnchor: s.anchor ?? "right", text: () => s.label, dy: -8, dx: -4, fill: stroke, stroke: "var(--cw-surface)", strokeWidth: 4, fontSize: 12 }) : null];
  if (s.kind === "text") return [Plot.text(data, { className: s.color === "ink" ? "cw-chart-name" : "cw-chart-fixed", x: "x", y: "y", text: "text", fill: stroke, stroke: "var(--cw-surface)", strokeWidth: 4, fontSize: 12, dy: s.dy ?? 0, dx: s.dx ?? 0, textAnchor: s.anchor ?? "middle" })];
  throw new Error(`unknown series kind: ${s.kind}`);
}

const tipText = (axis, x) => (axis.format === "year" ? String(Math.round(x)) : axis.format === "pct" ? text().pct(x) : axis.format === "si" ? text().si(x) : text().sig(x));

function endLabel(s, data, fill, axes) {
  const inside = data.filter((d) => (!axes.x.domain || (d.x >= axes.x.domain[0] && d.x <= axes.x.domain[1])) && (!axes.y.domain || (d.y >= axes.y.domain[0] && d.y <= axes.y.domain[1])));
  const at = s.label_at === "start" ? inside.slice(0, 1) : inside.slice(-1);
  return Plot.text(at, { className: "cw-chart-fixed", x: "x", y: "y", text: () => s.label, fill, stroke: "var(--cw-surface)", strokeWidth: 4, fontSize: 12.5, fontWeight: 600, textAnchor: s.label_at === "start" ? "start" : "end", dy: s.dy ?? -10, dx: s.label_at === "start" ? 4 : -4 });
}

// Grid lines stand where the tick labels stand, so that a log axis is not a thicket.
function grid(axis, domain, size) {
  const { ticks } = scaleOf(axis, domain, size);
  return { stroke: "var(--cw-line)", strokeOpacity: 1, ...(axis.ticks ? { ticks: axis.ticks } : ticks ? { ticks } : {}) };
}

// Of ticks that are named one by one, as many as have room for a year each.
const thinned = (ticks, width) => ticks.filter((_, i) => i % Math.ceil((42 * ticks.length) / width) === 0);

export function draw(out, spec, width) {
  const axes = { x: { ...spec.x, ...(out.x ?? {}) }, y: { ...spec.y, ...(out.y ?? {}) } };
  const height = spec.height ?? Math.round(Math.min(400, Math.max(260, width * 0.56)));
  const series = out.series ?? [];
  const xs = axes.x.domain ?? extent(series, ["x"]);
  const ys = axes.y.domain ?? extent(series, ["y", "y1", "y2"]);
  if (axes.x.ticks) axes.x.ticks = thinned(axes.x.ticks, width - 70);
  const drawn = series.flatMap((s, i) => marks(s, i, axes)).filter(Boolean);
  const plot = Plot.plot({
    width, height, marginLeft: 52, marginRight: 18, marginTop: 30, marginBottom: 44,
    style: { background: "none", color: "var(--cw-ink)", fontSize: "12px", fontFamily: "inherit", overflow: "visible" },
    x: scaleOf(axes.x, xs, width - 70), y: scaleOf(axes.y, ys, (height - 70) * 1.6),
    marks: [
      Plot.gridX(grid(axes.x, xs, width - 70)), Plot.gridY(grid(axes.y, ys, (height - 70) * 1.6)),
      Plot.axisX({ tickFormat: tick(axes.x, xs), tickSize: 0, label: axes.x.label, labelAnchor: "center", labelArrow: "none", labelOffset: 38, color: "var(--cw-muted)", ...(axes.x.ticks ? { ticks: axes.x.ticks } : {}) }),
      Plot.axisY({ tickFormat: tick(axes.y, ys), tickSize: 0, label: axes.y.label, labelAnchor: "top", labelArrow: "none", labelOffset: 46, color: "var(--cw-muted)", ...(axes.y.ticks ? { ticks: axes.y.ticks } : {}) }),
      ...drawn.filter((m) => !(m instanceof Plot.Text)), ...drawn.filter((m) => m instanceof Plot.Text), // words lie on top
    ],
  });
  // The chart is one image with one name; the library's own names for its marks ("line", "dot") are in the way.
  for (const g of plot.querySelectorAll("g[aria-label]")) g.removeAttribute("aria-label");
  tidyLabels(plot, width, height);
  return plot;
}

export function chart(stage, { spec, set, values }) {
  const holder = h("div", { class: "cw-chart" });
  const body = h("div", { class: "cw-table-scroll", tabIndex: 0, role: "region", "aria-label": "Numbers of the chart" });
  const table = h("details", { class: "cw-numbers" }, h("summary", {}, "The numbers as a table"), body);
  stage.append(h("figure", { class: "cw-figure" }, holder), table);
  let last = null;
  let drawn = 0; // width of the chart as it stands
  const width = () => Math.max(260, Math.min(880, Math.floor(holder.clientWidth || 640)));

  function render() {
    if (!last) return;
    drawn = width();
    const plot = draw(last, spec.chart, drawn);
    const svg = plot.tagName === "svg" ? plot : plot.querySelector("svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", last.alt ?? spec.alt);
    holder.replaceChildren(plot);
    if (spec.chart.drag) drag(plot, spec, set, values);
    if (table.open) fill();
  }
  const fill = () => body.replaceChildren(numbers(last, spec.chart));
  table.addEventListener("toggle", () => table.open && fill());
  onResize(holder, () => last && drawn !== width() && render());
  return { update(out) { last = out; render(); } };
}

/** Dragging in the chart moves the controls that the spec binds to its axes. */
function drag(plot, spec, set, values) {
  const [sx, sy] = [plot.scale("x"), plot.scale("y")];
  const move = (px, py) => {
    for (const [name, value] of [[spec.chart.drag.x, sx.invert(px)], [spec.chart.drag.y, sy.invert(py)]]) {
      const c = spec.controls.find((k) => k.name === name);
      if (c && Number.isFinite(value) && values()[name] !== value) set(name, Math.min(c.max, Math.max(c.min, c.integer ? Math.round(value) : Number(value.toPrecision(4)))));
    }
  };
  plot.style.cursor = "ew-resize";
  plot.style.touchAction = "pan-y";
  plot.addEventListener("pointerdown", (e) => {
    const at = within(plot.tagName === "svg" ? plot : plot.querySelector("svg"));
    move(...at(e));
    follow((event) => move(...at(event)));
  });
}

function numbers(out, spec) {
  const list = (out.series ?? []).filter((s) => s.kind !== "text" && Array.isArray(s.x) && (s.y || s.y1));
  const cell = (axis, x) => h("td", {}, x === undefined || x === null ? "" : typeof x === "number" ? tipText(axis, x) : String(x));
  return h("table", { class: "cw-table" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Series"), h("th", { scope: "col" }, spec.x.label), h("th", { scope: "col" }, spec.y.label))),
    h("tbody", {}, list.flatMap((s) => {
      const step = Math.max(1, Math.floor(s.x.length / 12)); // twelve rows say what a smooth line says
      return s.x.map((x, i) => [x, s.y ? s.y[i] : s.y1[i], s.text?.[i] ?? s.label ?? ""]).filter((_, i) => i % step === 0 || s.kind !== "line")
        .map(([x, y, name]) => h("tr", {}, h("th", { scope: "row" }, name), cell(spec.x, x), cell(spec.y, y)));
    })));
}
