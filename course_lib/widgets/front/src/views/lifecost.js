// The cost of a life over model sizes of one loss: training and serving stacked, a wall on the left, a size to drag.
import { h, onResize, uid } from "../lib/dom.js";
import { follow, within } from "../lib/drag.js";
import { levelLine, say, setAll, sized, svg, uprightLine } from "../lib/svg.js";

const text = () => globalThis.courseModules.text;
const BOX = { left: 44, right: 14, top: 46, bottom: 44 };
const XS = [0.1, 0.2, 0.3, 0.5, 1, 2];
const YS = [0, 0.5, 1, 1.5];

const swatch = (name, words) => h("span", {}, h("span", { class: `cw-lc-swatch cw-lc-${name}` }), words);

/** One bar under the chart: a name, its size, training and serving drawn to scale, and the bill in words. */
function row() {
  const [name, size, train, serve, words] = ["name", "size", "train", "serve", "says"].map((k) => h("span", { class: `cw-lc-${k}` }));
  return { el: h("li", { class: "cw-lc-row" }, h("span", { class: "cw-lc-words" }, name, size, words), h("span", { class: "cw-lc-track" }, train, serve)), name, size, train, serve, words };
}

export function lifecost(stage, { spec, set }) {
  const control = spec.controls.find((c) => c.name === "mine");
  const parts = Object.fromEntries(["grid", "areas", "marks"].map((k) => [k, svg("g", { "aria-hidden": "true" })]));
  const hatch = uid("lc-hatch");
  const clip = uid("lc-clip");
  const line = svg("line", { class: "cw-lc-mineline" });
  const word = svg("text", { class: "cw-lc-mineword", "text-anchor": "middle" }, "your size");
  const handle = svg("g", { class: "cw-lc-handle", tabindex: "0", role: "slider", "aria-label": control.label, "aria-valuemin": control.min, "aria-valuemax": control.max },
    svg("circle", { r: 18, class: "cw-lc-touch" }), svg("circle", { r: 9, class: "cw-lc-knob" }));
  const picture = svg("svg", { class: "cw-lc", role: "group" }, parts.grid, parts.areas, parts.marks, line, word, handle);
  const rows = [0, 1, 2].map(row);
  const holder = h("div", {}, picture);
  stage.append(holder, h("p", { class: "cw-lc-key", "aria-hidden": "true" }, swatch("train", "training, paid once"), swatch("serve", "serving, paid for each token")),
    h("ol", { class: "cw-lc-rows" }, rows.map((r) => r.el)));
  let last = null;
  let drawn = 0;
  let x = null;

  const scales = (width, height) => {
    const [lo, hi] = last.span.map(Math.log);
    const [from, to] = [BOX.left, width - BOX.right];
    x = { at: (k) => from + ((to - from) * (Math.log(k) - lo)) / (hi - lo), back: (px) => Math.exp(lo + ((px - from) / (to - from)) * (hi - lo)) };
    return (v) => height - BOX.bottom - ((height - BOX.bottom - BOX.top) * Math.min(v, last.top * 1.2)) / last.top;
  };
  const area = (y, low, high) => `M${last.curve.map((c) => `${x.at(c.k).toFixed(1)} ${y(high(c)).toFixed(1)}`).join("L")}L${[...last.curve].reverse().map((c) => `${x.at(c.k).toFixed(1)} ${y(low(c)).toFixed(1)}`).join("L")}Z`;

  function draw() {
    drawn = holder.clientWidth;
    const width = Math.max(280, Math.min(880, drawn || 640));
    const height = Math.round(Math.min(380, Math.max(290, width * 0.5)));
    const y = scales(width, height);
    const [bottom, right] = [height - BOX.bottom, width - BOX.right];
    setAll(picture, { ...sized(width, height), "aria-label": last.alt });
    parts.grid.replaceChildren(
      ...YS.flatMap((t) => [levelLine(BOX.left, right, y(t), "cw-lc-grid"), say(BOX.left - 7, y(t) + 4, String(t), "cw-lc-tick", "end")]),
      ...XS.map((t) => say(x.at(t), bottom + 17, String(t), "cw-lc-tick")),
      say((BOX.left + right) / 2, height - 6, width < 480 ? "size, in Chinchilla sizes of this loss" : "model size, in Chinchilla sizes of the same loss", "cw-lc-tick"),
      say(4, 13, "lifetime cost (Chinchilla size = 1)", "cw-lc-tick", "start"));
    const wall = x.at(last.wall);
    parts.areas.replaceChildren(
      svg("clipPath", { id: clip }, svg("rect", { x: BOX.left, y: BOX.top, width: right - BOX.left, height: bottom - BOX.top })),
      svg("pattern", { id: hatch, width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, uprightLine(0, 0, 8, "cw-lc-hatch")),
      svg("g", { "clip-path": `url(#${clip})` },
        svg("path", { d: area(y, () => 0, (c) => c.train), class: "cw-lc-area cw-lc-train" }),
        svg("path", { d: area(y, (c) => c.train, (c) => c.total), class: "cw-lc-area cw-lc-serve" }),
        svg("path", { d: `M${last.curve.map((c) => `${x.at(c.k).toFixed(1)} ${y(c.total).toFixed(1)}`).join("L")}`, class: "cw-lc-line" })),
      svg("rect", { x: BOX.left, y: BOX.top, width: wall - BOX.left, height: bottom - BOX.top, fill: `url(#${hatch})` }),
      uprightLine(wall, BOX.top, bottom, "cw-lc-wall"),
      svg("text", { transform: `translate(${wall + (wall - BOX.left < 30 ? 15 : -9)},${(BOX.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle", class: "cw-lc-wallword" }, "no text suffices"));
    const [best, one] = [x.at(last.best.k), x.at(1)];
    const near = one - best < 118;
    const inside = last.curve.reduce((a, c) => (Math.abs(c.k - 1.7) < Math.abs(a.k - 1.7) ? c : a));
    const thick = (low, high) => Math.min(y(low), bottom) - Math.max(y(high), BOX.top) > 22;
    parts.marks.replaceChildren(...[
      uprightLine(best, y(last.best.y), bottom, "cw-lc-drop"),
      svg("circle", { cx: one, cy: y(1), r: 5.5, class: "cw-lc-one" }),
      svg("circle", { cx: best, cy: y(last.best.y), r: 7, class: "cw-lc-best" }),
      say(best, y(last.best.y) + (near ? 24 : -13), "cheapest life", "cw-lc-bestword"),
      near || width < 480 ? null : say(one, y(1) + 23, "trained cheapest", "cw-lc-word"),
      thick(0, inside.train) ? say(x.at(1.7), (bottom + Math.max(y(inside.train), BOX.top)) / 2 + 4, "training", "cw-lc-word") : null,
      thick(inside.train, inside.total) ? say(x.at(1.7), (y(inside.train) + Math.max(y(inside.total), BOX.top)) / 2 + 4, "serving", "cw-lc-word") : null,
    ].filter(Boolean));
    const mine = x.at(last.mine.k);
    setAll(line, { x1: mine, x2: mine, y1: BOX.top - 14, y2: bottom });
    setAll(word, { x: Math.min(Math.max(mine, 40), width - 36) + (mine > width - 130 ? -48 : 48), y: BOX.top - 14 });
    setAll(handle, { transform: `translate(${mine},${BOX.top - 18})`, "aria-valuenow": last.mine.k.toFixed(3), "aria-valuetext": `${last.bars[1].size} parameters, ${text().sig(last.mine.k, 2)} Chinchilla sizes` });
    const longest = Math.max(...last.bars.map((b) => b.train + b.serve));
    last.bars.forEach((b, i) => {
      const r = rows[i];
      r.name.textContent = b.name;
      r.size.textContent = b.size;
      r.words.textContent = b.says;
      r.train.style.width = `${(100 * b.train) / longest}%`;
      r.serve.style.width = `${(100 * b.serve) / longest}%`;
    });
  }

  const put = (k) => set("mine", Number(Math.min(control.max, Math.max(control.min, k)).toPrecision(4)));
  const move = (event) => put(x.back(within(picture)(event)[0]));
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (!step) return;
    event.preventDefault();
    put(last.mine.k * 1.02 ** step);
  });
  picture.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.focus();
    move(event);
    follow(move);
  });
  onResize(holder, () => last && drawn !== holder.clientWidth && draw());
  return { update(out) { last = out; draw(); } };
}
