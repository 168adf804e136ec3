// Lesson 12: channel pairs as dials with two hands, and below them the score against the distance.
import { h, onResize } from "../lib/dom.js";
import { setAll, svg } from "../lib/svg.js";
import { draw } from "./chart.js";

const R = 40; // of a dial, in its own units
const BOX = 104;
const C = BOX / 2;
// Angles count from the right, against the clock, as in mathematics.
const tip = (angle, r) => [C + r * Math.cos(angle), C - r * Math.sin(angle)];

export function dials(stage, { spec }) {
  const row = h("ol", { class: "cw-dials" });
  const legend = h("p", { class: "cw-dials-legend", "aria-hidden": "true" },
    h("span", { class: "cw-dials-q" }, "query"), h("span", { class: "cw-dials-k" }, "key"), h("span", { class: "cw-dials-arc" }, "angle between them"));
  const holder = h("div", { class: "cw-chart" });
  stage.append(legend, row, h("figure", { class: "cw-figure" }, holder));
  let last = null;
  let drawn = 0;
  let faces = [];
  const width = () => Math.max(260, Math.min(880, Math.floor(holder.clientWidth || 640)));

  function curve() {
    drawn = width();
    const plot = draw(last, spec.chart, drawn);
    const picture = plot.tagName === "svg" ? plot : plot.querySelector("svg");
    setAll(picture, { role: "img", "aria-label": last.alt });
    holder.replaceChildren(plot);
  }
  onResize(holder, () => last && drawn !== width() && curve());
  return {
    update(out) {
      last = out;
      if (faces.length !== out.dials.length) {
        faces = out.dials.map(() => face());
        row.replaceChildren(...faces.map((f) => f.el));
      }
      out.dials.forEach((d, i) => faces[i].update(d));
      curve();
    },
  };
}

/** One dial: rim, the arc between the hands, a solid hand for the query, a dashed one for the key. */
function face() {
  const arc = svg("path", { class: "cw-dial-arc" });
  const query = svg("line", { x1: C, y1: C, class: "cw-dial-q" });
  const key = svg("line", { x1: C, y1: C, class: "cw-dial-k" });
  const dots = [svg("circle", { r: 4.5, class: "cw-dial-q" }), svg("rect", { width: 8, height: 8, class: "cw-dial-k" })];
  const picture = svg("svg", { viewBox: `0 0 ${BOX} ${BOX}`, "aria-hidden": "true", focusable: "false" },
    [svg("circle", { cx: C, cy: C, r: R, class: "cw-dial-rim" }), arc, key, query, ...dots]);
  const [name, wave, agrees] = [h("b"), h("span"), h("span", { class: "cw-dial-cos" })];
  const el = h("li", {}, picture, h("span", { class: "cw-dial-words" }, name, wave, agrees));
  function update(d) {
    const [qx, qy] = tip(d.query, R);
    const [kx, ky] = tip(d.key, R);
    setAll(query, { x2: qx, y2: qy });
    setAll(key, { x2: kx, y2: ky });
    setAll(dots[0], { cx: qx, cy: qy });
    setAll(dots[1], { x: kx - 4, y: ky - 4 });
    arc.setAttribute("d", wedge(d.query, d.key));
    name.textContent = `pair ${d.pair}`;
    wave.textContent = `${d.wave_text} tokens a turn`;
    agrees.textContent = `adds ${d.cosine_text}`;
  }
  return { el, update };
}

/** The smaller sector between two hands. */
function wedge(a, b) {
  const way = ((b - a + 3 * Math.PI) % (2 * Math.PI)) - Math.PI; // from a to b, -pi to pi
  const r = R * 0.55;
  const [x1, y1] = tip(a, r);
  const [x2, y2] = tip(a + way, r);
  return `M${C} ${C}L${x1} ${y1}A${r} ${r} 0 0 ${way > 0 ? 0 : 1} ${x2} ${y2}Z`;
}
