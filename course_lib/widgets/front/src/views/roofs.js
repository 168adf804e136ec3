// Lesson 15: a roof on logarithmic axes with a dot that walks along it, and below it what the step's time is made of.
import { h, onResize } from "../lib/dom.js";
import { follow, within } from "../lib/drag.js";
import { setAll, sized, svg } from "../lib/svg.js";

const X = [0.1, 1e5]; // FLOPs per byte
const Y = [3e9, 3e16]; // FLOP/s
const MARGIN = { left: 62, right: 16, top: 24, bottom: 44 };
const RATES = [[1e10, "10 G"], [1e12, "1 T"], [1e14, "100 T"], [1e16, "10 P"]];

export function roofs(stage, { set }) {
  const holder = h("div", { class: "cw-chart" });
  const rows = [row("memory"), row("work")];
  const bars = h("div", { class: "cw-roofs-bars", role: "img" }, h("p", { class: "cw-roofs-title" }, "What the step’s time is made of"), rows.map((r) => r.el));
  stage.append(h("figure", { class: "cw-figure" }, holder), bars);
  let last = null;
  let drawn = 0;
  const width = () => Math.max(270, Math.min(880, Math.floor(holder.clientWidth || 640)));

  function render() {
    drawn = width();
    const picture = draw(last, drawn);
    drag(picture.el, picture.x);
    holder.replaceChildren(picture.el);
  }

  /** Dragging sideways chooses the size whose intensity is nearest. */
  function drag(el, x) {
    const move = (at) => {
      const far = (p) => Math.abs(x(p.x) - at);
      const best = last.trail.reduce((a, b) => (far(b) < far(a) ? b : a));
      set(last.what === "prefill" ? "context" : "batch", best.size);
    };
    el.addEventListener("pointerdown", (event) => {
      const at = within(el);
      move(at(event)[0]);
      follow((e) => move(at(e)[0]));
    });
  }

  onResize(holder, () => last && drawn !== width() && render());
  return {
    update(out) {
      last = out;
      render();
      const [weights, cache, work] = out.times;
      rows[0].update("move the bytes", [weights, cache].filter((t) => t.seconds > 0), out.longest, out.bound === "memory");
      rows[1].update("do the arithmetic", [work], out.longest, out.bound === "compute");
      bars.setAttribute("aria-label", `${weights.label}: ${weights.text}; ${cache.label}: ${cache.text}; arithmetic: ${work.text}. Both go on at once, so the longer row is the step.`);
    },
  };
}

/** A row of the bars: a name, its parts end to end, and a mark if it decides. */
function row(kind) {
  const name = h("span", { class: "cw-roofs-name" });
  const tag = h("span", { class: "cw-roofs-tag" }, "decides");
  const track = h("span", { class: "cw-roofs-track" });
  const words = h("span", { class: "cw-roofs-words" });
  const el = h("div", { class: `cw-roofs-row cw-roofs-${kind}` }, h("span", { class: "cw-roofs-head" }, name, tag, words), track);
  function update(label, parts, longest, decides) {
    name.textContent = label;
    tag.hidden = !decides;
    words.textContent = parts.map((p) => `${p.label}: ${p.text}`).join(" · ");
    track.replaceChildren(...parts.map((p) => h("span", { class: `cw-roofs-part cw-roofs-part-${p.key}`, style: `width: ${(100 * p.seconds) / longest}%` })));
  }
  return { el, update };
}

/** The picture: axes, the two regions, the roof, small dots along the way, marks, the dot. */
function draw(out, width) {
  const height = Math.round(Math.max(270, Math.min(370, width * 0.52)));
  const [x0, x1, y0, y1] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom, MARGIN.top];
  const scale = (from, to, a, b) => (value) => a + ((b - a) * Math.log(Math.min(Math.max(value, from), to) / from)) / Math.log(to / from);
  const x = scale(X[0], X[1], x0, x1);
  const y = scale(Y[0], Y[1], y0, y1);
  const el = svg("svg", { ...sized(width, height), class: "cw-roofs", role: "img", "aria-label": out.alt });
  const text = (at, top, words, attributes = {}) => svg("text", { x: at, y: top, ...attributes }, words);
  const line = (a, b, c, d, name) => svg("line", { x1: a, y1: b, x2: c, y2: d, class: name });
  const start = Math.max(X[0], Y[0] / out.bandwidth);
  const foot = [x(start), y(start * out.bandwidth)];
  const top = [x(out.ridge), y(out.peak)];
  el.append(
    svg("path", { class: "cw-roofs-slow", d: `M${foot}L${top}V${y0}H${foot[0]}Z` }),
    svg("path", { class: "cw-roofs-fast", d: `M${top}H${x1}V${y0}H${top[0]}Z` }));
  for (const [rate, words] of RATES) el.append(line(x0, y(rate), x1, y(rate), "cw-roofs-grid"), text(x0 - 8, y(rate) + 4, words, { "text-anchor": "end", class: "cw-roofs-tick" }));
  for (let p = -1; p <= 5; p += 1) el.append(text(x(10 ** p), y0 + 18, p < 3 ? String(10 ** p) : `${10 ** (p - 3)}K`, { "text-anchor": "middle", class: "cw-roofs-tick" }));
  el.append(
    text(x0 - 52, y1 - 9, "FLOP/s, at most", { class: "cw-roofs-axis" }),
    text(x1, y0 + 37, "FLOPs for each byte moved", { "text-anchor": "end", class: "cw-roofs-axis" }),
    line(top[0], top[1], top[0], y0, "cw-roofs-ridge"),
    text(top[0] + 5, y0 - 7, `ridge: ${out.ridge_text}`, { class: "cw-roofs-axis" }),
    svg("path", { class: "cw-roofs-roof", d: `M${foot}L${top}H${x1}` }),
    text(x1, top[1] - 9, out.peak_text, { "text-anchor": "end", class: "cw-roofs-label" }));
  const angle = (Math.atan2(top[1] - foot[1], top[0] - foot[0]) * 180) / Math.PI;
  const along = width < 480 ? 0.62 : 0.66;
  const [mx, my] = [foot[0] + (top[0] - foot[0]) * along, foot[1] + (top[1] - foot[1]) * along];
  el.append(text(mx, my - 9, out.slope_text, { "text-anchor": "middle", class: "cw-roofs-label", transform: `rotate(${angle} ${mx} ${my})` }));
  for (const p of out.trail) el.append(svg("circle", { cx: x(p.x), cy: y(p.y), r: 2.6, class: "cw-roofs-step" }));
  for (const [i, m] of out.marks.entries()) {
    const [a, b] = [x(m.x), y(m.y)];
    el.append(svg("path", { d: `M${a - 5} ${b}L${a} ${b - 5}L${a + 5} ${b}L${a} ${b + 5}Z`, class: "cw-roofs-mark" }),
      i === 0 ? text(a + 7, b + 15, m.label, { class: "cw-roofs-axis" }) : text(a - 8, b - 8, m.label, { "text-anchor": "end", class: "cw-roofs-axis" }));
  }
  const [dx, dy] = [x(out.here.x), y(out.here.y)];
  const dot = svg("circle", { cx: dx, cy: dy, r: 8, class: "cw-roofs-dot" });
  const wide = out.here.label.length * 7.3;
  const left = Math.min(dx + 12, x1 - wide);
  el.append(line(dx, dy, dx, y0, "cw-roofs-drop"), dot, text(left, dy + 24, out.here.label, { class: "cw-roofs-here" }));
  setAll(dot, { "data-bound": out.bound });
  return { el, x };
}
