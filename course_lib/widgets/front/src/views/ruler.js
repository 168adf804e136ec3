// A ruler through measured points: two handles that the reader moves, a floor, and what both say far beyond.
import { h, onResize, uid } from "../lib/dom.js";
import { follow } from "../lib/drag.js";
import { levelLine, say, setAll, sized, svg, uprightLine } from "../lib/svg.js";
import { tick } from "./chart.js";

const BOX = { left: 46, right: 16, top: 26, bottom: 44 };
const TICKS = [0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5];
const log = Math.log10;

function scale([lo, hi], from, to) {
  const at = (x) => from + ((to - from) * (log(x) - log(lo))) / (log(hi) - log(lo));
  return { at, back: (p) => 10 ** (log(lo) + ((p - from) / (to - from)) * (log(hi) - log(lo))) };
}

/** Ticks that keep a distance of `gap` pixels from each other. */
function apart(ticks, at, gap) {
  const out = [];
  for (const t of ticks) if (!out.length || Math.abs(at(t) - at(out[out.length - 1])) >= gap) out.push(t);
  return out;
}

/** A handle on the chart: a slider for the keyboard, a knob for the pointer. */
function handle(spec, name, put) {
  const knob = svg("circle", { r: 9, class: "cw-ruler-knob" });
  const el = svg("g", { class: "cw-ruler-handle", tabindex: "0", role: "slider", "aria-label": spec.label, "aria-valuemin": spec.min, "aria-valuemax": spec.max },
    svg("circle", { r: 20, class: "cw-ruler-touch" }), knob);
  const fine = spec.step ?? 0.002;
  el.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!steps) return;
    event.preventDefault();
    put(name, null, steps * fine);
  });
  el.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    el.focus();
    const move = (e) => put(name, e.clientY, 0);
    follow(move);
  });
  return el;
}

export function ruler(stage, { spec, set, values }) {
  const parts = Object.fromEntries(["back", "grid", "lines", "dots", "words"].map((k) => [k, svg("g", { "aria-hidden": "true" })]));
  const names = ["left", "right"];
  const specs = names.map((n) => spec.controls.find((c) => c.name === n));
  const clip = uid("ruler-clip");
  let y = null;
  let last = null;
  let drawn = 0;
  const put = (name, clientY, step) => {
    const i = names.indexOf(name);
    const c = specs[i];
    const factor = clientY === null ? values()[name] + step : y.back(clientY - picture.getBoundingClientRect().top) / last.handles[i].base;
    set(name, Number(Math.min(c.max, Math.max(c.min, factor)).toFixed(4)));
  };
  const knobs = names.map((n, i) => handle(specs[i], n, put));
  const picture = svg("svg", { class: "cw-ruler", role: "group" }, Object.values(parts), knobs);
  const key = h("p", { class: "cw-tri-key", "aria-hidden": "true" },
    h("span", {}, h("span", { class: "cw-tri-dot" }), " runs of the study"), h("span", {}, h("span", { class: "cw-ruler-rule cw-ruler-mine" }), " your curve"),
    h("span", {}, h("span", { class: "cw-ruler-rule" }), " the straight line through your handles"));
  const holder = h("div", { class: "cw-ruler-holder" }, picture);
  stage.append(key, holder);

  const trace = (x, ys, cls) => svg("polyline", { points: last.grid.map((g, i) => `${x.at(g)},${y.at(Math.max(ys[i], last.y[0] * 0.5))}`).join(" "), class: cls });

  function axes(x, width, height) {
    const [bottom, right] = [height - BOX.bottom, width - BOX.right];
    const label = tick({ log: true, format: "si" }, [1, 1e9]);
    const powers = [];
    for (let p = Math.ceil(log(last.x[0])); p <= log(last.x[1]); p += 1) powers.push(10 ** p);
    const xs = apart(powers, x.at, 52);
    const ys = apart(TICKS.filter((t) => t >= last.y[0] && t <= last.y[1]), y.at, 24);
    const seen = last.points[last.points.length - 1].x;
    parts.back.replaceChildren(svg("rect", { x: BOX.left, y: BOX.top, width: x.at(seen) + 14 - BOX.left, height: bottom - BOX.top, class: "cw-tri-range" }));
    parts.grid.replaceChildren(
      ...ys.flatMap((t) => [levelLine(BOX.left, right, y.at(t), "cw-tri-grid"), say(BOX.left - 7, y.at(t) + 4, String(t), "cw-tri-tick", "end")]),
      ...xs.flatMap((t) => [uprightLine(x.at(t), BOX.top, bottom, "cw-tri-grid"), say(x.at(t), bottom + 17, label(t), "cw-tri-tick")]),
      say((BOX.left + right) / 2, height - 6, last.label, "cw-tri-tick"), say(4, 11, "nats per character", "cw-tri-tick", "start"));
    return { bottom, right };
  }

  function render() {
    drawn = holder.clientWidth;
    const width = Math.max(280, Math.min(880, drawn));
    const height = Math.round(Math.min(400, Math.max(320, width * 0.52)));
    setAll(picture, { ...sized(width, height), "aria-label": last.alt });
    const x = scale(last.x, BOX.left, width - BOX.right);
    y = scale(last.y, height - BOX.bottom, BOX.top);
    const { bottom, right } = axes(x, width, height);
    const end = last.grid.length - 1;
    parts.lines.replaceChildren(
      svg("clipPath", { id: clip }, svg("rect", { x: BOX.left, y: BOX.top, width: right - BOX.left, height: bottom - BOX.top })),
      svg("g", { "clip-path": `url(#${clip})` }, trace(x, last.straight, "cw-ruler-straight"), trace(x, last.mine, "cw-ruler-curve"),
        last.floor > last.y[0] ? [levelLine(BOX.left, right, y.at(last.floor), "cw-ruler-floor")] : []));
    parts.dots.replaceChildren(...last.points.map((p) => svg("circle", { cx: x.at(p.x), cy: y.at(p.y), r: 5, class: "cw-tri-on" }, svg("title", {}, p.text))),
      ...(last.held.open ? [svg("rect", { x: x.at(last.held.x) - 6, y: y.at(last.held.y) - 6, width: 12, height: 12, class: "cw-ruler-held" }, svg("title", {}, last.held.text))] : []));
    const words = [say(BOX.left + 7, bottom - 8, "what was seen", "cw-tri-tick", "start")];
    if (last.held.open) words.push(say(x.at(last.held.x) + 11, y.at(last.held.y) - 9, "kept apart", "cw-ruler-word", "start"));
    if (last.floor > last.y[0]) words.push(say(right - 4, y.at(last.floor) + 15, "your floor", "cw-ruler-word cw-ruler-floorword", "end"));
    if (last.floor > 0) words.push(say(right - 4, y.at(last.mine[end]) - 9, "with a floor", "cw-ruler-word cw-ruler-mineword", "end"));
    parts.words.replaceChildren(...words);
    last.handles.forEach((k, i) => setAll(knobs[i], { transform: `translate(${x.at(k.x)},${y.at(k.y)})`, "aria-valuenow": values()[names[i]].toFixed(3), "aria-valuetext": `${k.y.toFixed(3)} nats` }));
  }
  onResize(holder, () => last && drawn !== holder.clientWidth && render());
  return { update(out) { last = out; render(); } };
}
