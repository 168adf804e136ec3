// One budget over sizes and tries: a lane for each model, marks for tries, and the line of equal cost across them.
import { h, onResize } from "../lib/dom.js";
import { levelLine, say, sized, svg } from "../lib/svg.js";
import { chart } from "./chart.js";

const LANE = 62;
const MARGIN = { left: 16, right: 22, top: 8, bottom: 34 };

function lanes(out, width) {
  const tall = MARGIN.top + LANE * out.lanes.length + MARGIN.bottom;
  const el = svg("svg", { ...sized(width, tall), role: "img", class: "cw-purse-svg", "aria-label": out.alt });
  const last = Math.log2(out.stops[out.stops.length - 1]);
  const sx = (spot) => MARGIN.left + (spot / last) * (width - MARGIN.left - MARGIN.right);
  const every = width < 480 ? 2 : 1; // on a phone every other mark is named
  const points = [];
  out.lanes.forEach((lane, i) => {
    const y = MARGIN.top + LANE * i + 38;
    // The swatch is the model's line in the chart below; the third is dashed there as well.
    el.append(svg("line", { x1: 0, x2: 22, y1: y - 28, y2: y - 28, class: "cw-purse-swatch", style: `stroke: var(--cw-${i + 1})`, "stroke-dasharray": i === 2 ? "5 4" : "none" }));
    el.append(say(28, y - 24, lane.name, "cw-purse-name", "start"));
    el.append(levelLine(sx(0), sx(last), y, "cw-purse-rail"));
    lane.cells.forEach((cell, j) => {
      el.append(svg("circle", { cx: sx(j), cy: y, r: 4 + 9 * Math.sqrt(cell.value), class: "cw-purse-mark" }));
      if (j % every === 0) el.append(say(sx(j), y + 4, cell.text.replace(" ", ""), "cw-purse-value"));
    });
    if (lane.spot >= 0) points.push([sx(lane.spot), y, lane]);
  });
  if (points.length > 1) el.append(svg("path", { d: points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y}`).join(""), class: "cw-purse-iso" }));
  for (const [x, y, lane] of points) {
    el.append(svg("circle", { cx: x, cy: y, r: 15, class: lane.best ? "cw-purse-spot cw-purse-best" : "cw-purse-spot" }));
    const right = x > width - 170;
    el.append(say(right ? width - 2 : Math.max(x - 12, 76), y - 24, `${lane.best ? "★ " : ""}${lane.tries}: ${lane.success}`, lane.best ? "cw-purse-tag cw-purse-won" : "cw-purse-tag", right ? "end" : "start"));
  }
  const base = MARGIN.top + LANE * out.lanes.length + 12;
  out.stops.forEach((k, j) => j % every === 0 && el.append(say(sx(j), base, String(k), "cw-purse-tick")));
  el.append(say(width / 2, base + 18, "tries at one problem", "cw-purse-tick"));
  return el;
}

export function purse(stage, ctx) {
  const holder = h("div", { class: "cw-purse" });
  stage.append(holder);
  const plot = chart(stage, ctx);
  let last = null;
  let drawn = 0;
  const render = () => {
    drawn = holder.clientWidth || 640;
    holder.replaceChildren(lanes(last, drawn));
  };
  onResize(holder, () => last && drawn !== holder.clientWidth && render());
  return { update(out) { last = out; render(); plot.update(out); } };
}
