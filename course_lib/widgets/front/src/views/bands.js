// Locality-sensitive hashing: planted pairs above the S-curve if caught and below it if not; the bands of one pair.
import { h, onResize } from "../lib/dom.js";
import { within } from "../lib/drag.js";
import { say, setAll, sized, svg, uprightLine } from "../lib/svg.js";

const MARGIN = { left: 52, right: 14 };
const LANE = 46; // height of the lanes above and below the curve
const CURVE = 170;
const TOP = 22;
const HEIGHT = TOP + 2 * LANE + CURVE + 42;
const shift = (i) => ((i * 7) % 11) / 10 - 0.5; // spreads neighbors over the lane, the same every time

function mark(kind, x, y, cls) {
  if (kind === "copy") return svg("circle", { cx: x, cy: y, r: 3.8, class: cls });
  return svg("path", { d: `M${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}L${x - 5} ${y}Z`, class: cls });
}

export function bands(stage, ctx) {
  const holder = h("div", { class: "cw-bands-picture" });
  const legend = h("p", { class: "cw-bands-key", "aria-hidden": "true" },
    h("span", {}, sample("copy", false), "copy, caught"), h("span", {}, sample("copy", true), "copy, missed"),
    h("span", {}, sample("quote", false), "quotation, let go"), h("span", {}, sample("quote", true), "quotation, caught"));
  const says = h("p", { class: "cw-bands-says" });
  const grid = h("div", { class: "cw-bands-grid", role: "img" });
  stage.append(holder, legend, says, grid);
  let last = null;
  let places = [];

  function draw() {
    if (!last) return;
    const width = Math.max(280, Math.min(880, Math.floor(holder.clientWidth || 640)));
    const sx = (s) => MARGIN.left + s * (width - MARGIN.left - MARGIN.right);
    const base = TOP + LANE + CURVE;
    const sy = (p) => base - p * CURVE;
    const el = svg("svg", { ...sized(width, HEIGHT), role: "img", "aria-label": last.alt });
    el.append(svg("rect", { x: MARGIN.left, y: TOP, width: width - MARGIN.left - MARGIN.right, height: LANE, class: "cw-bands-lane" }));
    el.append(svg("rect", { x: MARGIN.left, y: base, width: width - MARGIN.left - MARGIN.right, height: LANE, class: "cw-bands-lane" }));
    el.append(say(MARGIN.left, TOP - 8, "caught", "cw-bands-label", "start"), say(width - MARGIN.right, base + LANE - 6, "not seen", "cw-bands-label", "end"));
    for (const t of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      el.append(uprightLine(sx(t), TOP + LANE, base, "cw-bands-line"));
      el.append(say(sx(t), base + LANE + 16, String(t), "cw-bands-tick"));
    }
    for (const p of [0, 0.5, 1]) el.append(say(MARGIN.left - 6, sy(p) + 4, `${100 * p} %`, "cw-bands-tick", "end"));
    el.append(say((MARGIN.left + width - MARGIN.right) / 2, HEIGHT - 6, "similarity of the two documents", "cw-bands-axis"));
    el.append(uprightLine(sx(last.knee), TOP + LANE, base, "cw-bands-knee"));
    if (last.keep > 0) el.append(svg("rect", { x: sx(0), y: TOP, width: sx(last.keep) - sx(0), height: LANE, class: "cw-bands-cut" }));
    el.append(svg("path", { d: last.curve.map(([s, p], i) => `${i ? "L" : "M"}${sx(s).toFixed(1)} ${sy(p).toFixed(1)}`).join(""), class: "cw-bands-curve" }));
    const left = sx(last.knee) > MARGIN.left + 190;
    const narrow = !left && width - MARGIN.right - sx(last.knee) < 170;
    el.append(say(sx(last.knee) + (left ? -14 : 16), sy(left ? 0.76 : 0.3), narrow ? "chance" : "chance of being caught", "cw-bands-name", left ? "end" : "start"));
    places = last.dots.map((d, i) => {
      const y = (d.caught ? TOP + LANE / 2 : base + LANE / 2) + shift(i) * (LANE - 14) + (d.caught ? 0 : -3);
      el.append(mark(d.kind, sx(d.s), y, `cw-bands-${d.kind}${d.wrong ? " cw-bands-wrong" : ""}`));
      return [sx(d.s), y];
    });
    const [x, y] = places[last.pair - 1];
    el.append(svg("circle", { cx: x, cy: y, r: 9, class: "cw-bands-ring" }));
    el.addEventListener("pointerdown", (event) => pick(event, el));
    holder.replaceChildren(el);
  }

  /** The pair nearest to a click or tap. */
  function pick(event, el) {
    const [px, py] = within(el)(event);
    let best = 0;
    places.forEach(([x, y], i) => {
      const [bx, by] = places[best];
      if ((x - px) ** 2 + (y - py) ** 2 < (bx - px) ** 2 + (by - py) ** 2) best = i;
    });
    ctx.set("pair", best + 1);
  }

  onResize(holder, () => last && draw());
  return {
    update(out) {
      last = out;
      draw();
      says.textContent = out.grid_says;
      grid.setAttribute("aria-label", out.grid_says);
      grid.replaceChildren(...out.grid.map((band) =>
        h("span", { class: "cw-bands-band", "data-full": String(band.full) }, band.cells.map((bit) => h("span", { class: "cw-bands-cell", "data-on": String(bit) })))));
    },
  };
}

function sample(kind, wrong) {
  const el = svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14" });
  el.append(mark(kind, 7, 7, `cw-bands-${kind}${wrong ? " cw-bands-wrong" : ""}`));
  setAll(el, { class: "cw-bands-sample" });
  return el;
}
