// The forecast bench: two bars to drag into the unknown, a lock, and only then the truth and the scores.
import { h, onResize, uid } from "../lib/dom.js";
import { follow, within } from "../lib/drag.js";
import { load, save } from "../lib/store.js";
import { setAll, svg } from "../lib/svg.js";
import { color, draw } from "./chart.js";

const GRIP = 9; // half the height of a handle, in the chart's units

/** One bar in the chart: its interval with two ends, the forecast in the middle, and a wide invisible grip. */
function bar() {
  const part = (cls) => svg("line", { class: cls });
  const [span, top, bottom] = [part("cw-cast-span"), part("cw-cast-cap"), part("cw-cast-cap")];
  const mid = svg("rect", { class: "cw-cast-mid", rx: 3 });
  const name = svg("text", { class: "cw-cast-name", "text-anchor": "middle" });
  const grip = part("cw-cast-grip");
  const el = svg("g", { class: "cw-cast-bar" }, grip, span, top, bottom, mid, name);
  function place(handle, x, y, locked) {
    const at = x(handle.x);
    const [low, middle, high] = [y(handle.low), y(handle.mid), y(handle.high)];
    setAll(span, { x1: at, x2: at, y1: low, y2: high });
    setAll(grip, { x1: at, x2: at, y1: low + 12, y2: high - 12 });
    setAll(top, { x1: at - 8, x2: at + 8, y1: high, y2: high });
    setAll(bottom, { x1: at - 8, x2: at + 8, y1: low, y2: low });
    setAll(mid, { x: at - 11, y: middle - 5, width: 22, height: 10 });
    setAll(name, locked ? { x: at - 15, y: middle + 4, "text-anchor": "end" } : { x: at, y: Math.min(high, middle) - 10, "text-anchor": "middle" });
    name.textContent = locked ? "you" : handle.label;
  }
  return { el, place };
}

export function forecast(stage, { spec, set, values }) {
  const limits = Object.fromEntries(spec.controls.map((c) => [c.name, c]));
  const key = `forecast:${spec.id}`;
  const holder = h("div", { class: "cw-chart cw-cast-chart" });
  const act = h("button", { type: "button", class: "cw-button cw-primary", onclick: () => (values().locked ? again() : lock()) });
  const said = h("p", { class: "cw-cast-said" });
  const board = boardOf();
  stage.append(h("figure", { class: "cw-figure" }, holder), h("div", { class: "cw-cast-act" }, act, said), board.el);
  let last = null;
  let drawn = 0;
  let plot = null;
  const bars = {};

  const mine = () => Object.fromEntries(["near", "near_margin", "far", "far_margin"].map((n) => [n, values()[n]]));
  function lock() {
    const before = load(key);
    save(key, { ...mine(), first: before?.first ?? mine() });
    set("locked", true);
    act.focus();
  }
  function again() {
    save(key, { ...load(key), near: undefined });
    set("locked", false);
  }

  const width = () => Math.max(260, Math.min(880, Math.floor(holder.clientWidth || 640)));
  function render() {
    drawn = width();
    plot = draw(last, spec.chart, drawn);
    const picture = plot.tagName === "svg" ? plot : plot.querySelector("svg");
    setAll(picture, { role: "img", "aria-label": last.alt });
    const [x, y] = [plot.scale("x").apply, plot.scale("y").apply];
    for (const handle of last.handles) {
      bars[handle.name] ??= bar();
      bars[handle.name].place(handle, x, y, last.locked);
      picture.append(bars[handle.name].el);
    }
    picture.classList.toggle("cw-cast-open", last.locked);
    if (!last.locked) grab(picture, plot);
    holder.replaceChildren(plot);
  }

  /** A pointer takes the nearest bar: its middle moves it, its ends widen or narrow it. */
  function grab(picture, plot) {
    const [x, y] = [plot.scale("x"), plot.scale("y")];
    picture.addEventListener("pointerdown", (event) => {
      const at = within(picture);
      const [px, py] = at(event);
      const handle = [...last.handles].sort((a, b) => Math.abs(x.apply(a.x) - px) - Math.abs(x.apply(b.x) - px))[0];
      if (Math.abs(x.apply(handle.x) - px) > 34) return;
      event.preventDefault();
      const far = Math.abs(py - y.apply(handle.mid));
      const end = far > GRIP && Math.min(Math.abs(py - y.apply(handle.low)), Math.abs(py - y.apply(handle.high))) < far;
      const move = (e) => {
        const loss = y.invert(at(e)[1]);
        const name = end ? `${handle.name}_margin` : handle.name;
        const value = end ? Math.abs(loss - values()[handle.name]) : loss;
        set(name, Math.min(limits[name].max, Math.max(limits[name].min, Math.round(1000 * value) / 1000)));
      };
      follow(move);
    });
  }

  onResize(holder, () => last && drawn !== width() && render());
  let restored = false;
  /** A forecast that was locked on an earlier visit is shown again. */
  function restore() {
    restored = true;
    const kept = load(key);
    if (kept?.near === undefined || values().locked) return;
    for (const name of ["near", "near_margin", "far", "far_margin"]) set(name, kept[name]);
    set("locked", true);
  }

  return {
    update(out) {
      last = out;
      render();
      if (!restored) restore();
      act.textContent = out.locked ? "Forecast again" : "Lock my forecast and open the truth";
      act.classList.toggle("cw-primary", !out.locked);
      const first = load(key)?.first;
      said.textContent = out.locked
        ? "Black: the two runs. Hollow: the other held-out runs at that budget. Your first forecast stays on record; a second one knows the answer."
        : first ? `On record, your first: ${first.near} ± ${first.near_margin} and ${first.far} ± ${first.far_margin}.` : "Once it is locked, this forecast stays on record.";
      for (const input of stage.closest(".cw-explorable")?.querySelectorAll(".cw-controls input") ?? []) input.disabled = out.locked;
      board.update(out);
    },
  };
}

/** The scores as a table, best first. */
function boardOf() {
  const caption = h("caption", {}, "The scores, the best first");
  const body = h("tbody");
  const groups = h("tr", {});
  const scroll = h("div", { class: "cw-table-scroll", tabindex: "0", role: "group", "aria-label": "Scores of the forecasts" },
    h("table", { class: "cw-table cw-cast-board" }, caption, h("thead", {}, groups, heads()), body));
  const el = h("div", { hidden: true }, scroll, h("p", { class: "cw-cast-how", id: uid("how") },
    "Off by: forecast less truth. A tick: the interval held the run. Score: for both runs together, the width of the interval plus 40 times the distance by which it missed, in nats; small is good."));
  const cells = (part) => [
    h("td", { class: "cw-cast-first" }, part.said),
    h("td", {}, part.off),
    h("td", { "data-hit": part.hit ? "yes" : "no" }, `${part.hit ? "✓" : "✗"} ${part.range}`),
  ];
  function update(out) {
    el.hidden = !out.locked;
    if (!out.locked) return;
    groups.replaceChildren(h("td"), h("td"), ...out.heads.map((name) => h("th", { scope: "colgroup", colSpan: 3, class: "cw-cast-first" }, name)));
    body.replaceChildren(...out.board.map((row) => h("tr", { "data-you": row.name === "You" ? "yes" : null },
      h("th", { scope: "row" }, h("span", { class: "cw-cast-swatch", style: `background:${color(row.color)}` }), row.name),
      h("td", {}, row.score_text), cells(row.near), cells(row.far))));
  }
  return { el, update };
}

function heads() {
  const one = ["says", "off by", "interval"];
  return h("tr", {}, h("th", { scope: "col" }, "Forecast"), h("th", { scope: "col" }, "score"), [...one, ...one].map((name, i) => h("th", { scope: "col", class: i % 3 ? "" : "cw-cast-first" }, name)));
}
