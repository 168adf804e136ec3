// Models over parameters and training tokens, under a ladder of three parallel lines of D/N that the reader drags.
import { h, onResize, uid } from "../lib/dom.js";
import { follow, within } from "../lib/drag.js";
import { levelLine, say, setAll, sized, svg, uprightLine } from "../lib/svg.js";
import { tick } from "./chart.js";

const BOX = { left: 46, right: 16, top: 30, bottom: 44 };
const N = [8e8, 1e12];
const D = [1e11, 1e14];
const log = Math.log10;
const NEAR = { left: [-10, 4, "end"], right: [10, 4, "start"], above: [0, -11, "middle"], below: [0, 20, "middle"] };


function scale([lo, hi], from, to) {
  return {
    at: (v) => from + ((to - from) * (log(v) - log(lo))) / (log(hi) - log(lo)),
    back: (p) => 10 ** (log(lo) + ((p - from) / (to - from)) * (log(hi) - log(lo))),
  };
}

/** The part of a line D = ratio N inside the picture: its ends in N, or null. */
function visible(ratio) {
  const [a, b] = [Math.max(N[0], D[0] / ratio), Math.min(N[1], D[1] / ratio)];
  return a < b ? [a, b] : null;
}

const mark = (d, x, y) => (d.moe ? svg("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, transform: `rotate(45 ${x} ${y})` }) : svg("circle", { cx: x, cy: y, r: 5 }));

export function ladder(stage, { spec, set, values }) {
  const control = spec.controls.find((c) => c.name === "ratio");
  const parts = Object.fromEntries(["grid", "lines", "dots", "words"].map((k) => [k, svg("g", { "aria-hidden": "true" })]));
  const clip = uid("ladder-clip");
  const handle = svg("g", { class: "cw-ld-handle", tabindex: "0", role: "slider", "aria-label": `${control.label} (handle)`, "aria-valuemin": control.min, "aria-valuemax": control.max },
    svg("circle", { r: 18, class: "cw-ld-touch" }), svg("circle", { r: 9, class: "cw-ld-knob" }));
  const picture = svg("svg", { class: "cw-ld", role: "group" }, Object.values(parts), handle);
  const holder = h("div", {}, picture);
  const body = h("tbody");
  stage.append(holder, h("p", { class: "cw-ld-key", "aria-hidden": "true" }, "● dense   ◆ mixture of experts, parameters that a token uses"),
    h("details", { class: "cw-numbers" }, h("summary", {}, "The models as a table"),
      h("div", { class: "cw-table-scroll", tabIndex: 0, role: "region", "aria-label": "Models" },
        h("table", { class: "cw-table" }, h("thead", {}, h("tr", {}, ["Model", "Parameters", "Tokens", "Tokens per parameter"].map((t) => h("th", { scope: "col" }, t)))), body))));
  let last = null;
  let drawn = 0;
  let [x, y] = [null, null];

  const place = (event) => {
    const [px, py] = within(picture)(event);
    return y.back(py) / x.back(px);
  };
  const put = (ratio) => set("ratio", Number(Math.min(control.max, Math.max(control.min, ratio)).toPrecision(3)));
  const drag = (rung) => (event) => {
    event.preventDefault();
    handle.focus();
    const by = values().ratio / place(event); // the line follows the finger and does not jump to it
    const move = (e) => put(rung === null ? place(e) : place(e) * by);
    follow(move);
  };
  handle.addEventListener("pointerdown", drag(null));
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 8, PageDown: -8 }[event.key];
    if (!step) return;
    event.preventDefault();
    put(values().ratio * 1.05 ** step);
  });

  function grid(width, height, bottom, right) {
    const name = tick({ log: true, format: "si" });
    parts.grid.replaceChildren(
      ...[1e9, 1e10, 1e11, 1e12].flatMap((t) => [uprightLine(x.at(t), BOX.top, bottom, "cw-ld-grid"), say(x.at(t), bottom + 17, name(t), "cw-ld-tick")]),
      ...[1e11, 1e12, 1e13, 1e14].flatMap((t) => [levelLine(BOX.left, right, y.at(t), "cw-ld-grid"), say(BOX.left - 7, y.at(t) + 4, name(t), "cw-ld-tick", "end")]),
      say((BOX.left + right) / 2, height - 6, "parameters that a token uses", "cw-ld-tick"), say(4, 13, "training tokens", "cw-ld-tick", "start"));
  }

  function lines(bottom, right) {
    const drawnLines = last.lines.map((l, i) => ({ ...l, i, ends: visible(l.ratio) })).filter((l) => l.ends);
    parts.lines.replaceChildren(
      svg("clipPath", { id: clip }, svg("rect", { x: BOX.left, y: BOX.top, width: right - BOX.left, height: bottom - BOX.top })),
      ...drawnLines.flatMap((l) => {
        const at = { x1: x.at(l.ends[0]), y1: y.at(l.ends[0] * l.ratio), x2: x.at(l.ends[1]), y2: y.at(l.ends[1] * l.ratio) };
        const grip = svg("line", { ...at, class: "cw-ld-grip" });
        grip.addEventListener("pointerdown", drag(l.i));
        return [svg("line", { ...at, class: `cw-ld-line cw-ld-rung${l.i}`, "clip-path": `url(#${clip})` }), grip];
      }));
    const words = drawnLines.map((l) => {
      const [px, py] = [x.at(l.ends[1]), y.at(l.ends[1] * l.ratio)];
      const top = py < BOX.top + 6; // the line leaves through the top, else through the right side
      return top ? say(Math.min(px, right - 14), BOX.top - 7, l.text, "cw-ld-rungword") : say(right - 2, py - 8, l.text, "cw-ld-rungword", "end");
    });
    const low = drawnLines[0];
    if (low) {
      const middle = 10 ** (0.86 * log(low.ends[0]) + 0.14 * log(low.ends[1]));
      setAll(handle, { transform: `translate(${x.at(middle)},${y.at(middle * low.ratio)})`, "aria-valuenow": low.ratio.toPrecision(3), "aria-valuetext": `${low.text} tokens per parameter` });
    }
    return words;
  }

  function dots(width) {
    const words = [];
    parts.dots.replaceChildren(...last.dots.map((d) => {
      const [px, py] = [x.at(d.n), y.at(d.d)];
      const g = svg("g", { class: d.picked ? "cw-ld-dot cw-ld-picked" : "cw-ld-dot" }, svg("title", {}, d.name), svg("circle", { cx: px, cy: py, r: 12, class: "cw-ld-touch" }), mark(d, px, py));
      if (d.picked) g.append(svg("circle", { cx: px, cy: py, r: 9.5, class: "cw-ld-ring" }));
      g.addEventListener("click", () => set("model", d.key));
      const side = d.label || (d.picked ? "right" : "");
      if (side && (width >= 520 || d.picked)) {
        const [dx, dy, anchor] = NEAR[px > width - 110 && side === "right" ? "left" : side];
        words.push(say(px + dx * (d.picked ? 1.5 : 1), py + dy + (d.picked ? Math.sign(dy - 4) * 3 : 0), d.name, d.picked ? "cw-ld-pickedword" : "cw-ld-word", anchor));
      }
      return g;
    }));
    return words;
  }

  function draw() {
    drawn = holder.clientWidth;
    const width = Math.max(280, Math.min(880, drawn || 640));
    const height = Math.round(Math.min(440, Math.max(330, width * 0.6)));
    const [bottom, right] = [height - BOX.bottom, width - BOX.right];
    setAll(picture, { ...sized(width, height), "aria-label": last.alt });
    [x, y] = [scale(N, BOX.left, right), scale(D, bottom, BOX.top)];
    grid(width, height, bottom, right);
    parts.words.replaceChildren(...lines(bottom, right), ...dots(width));
    const text = globalThis.courseModules.text;
    body.replaceChildren(...last.dots.map((d) => h("tr", {}, h("th", { scope: "row" }, d.name), [text.si(d.n, 3), text.si(d.d, 3), text.sig(d.d / d.n, 3)].map((t) => h("td", {}, t)))));
  }
  onResize(holder, () => last && drawn !== holder.clientWidth && draw());
  return { update(out) { last = out; draw(); } };
}
