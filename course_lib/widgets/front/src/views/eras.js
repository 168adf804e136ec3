// The timeline: models over shaded eras; a click or the buttons open one, and its card tells what is known.
import { h, onResize } from "../lib/dom.js";
import { within } from "../lib/drag.js";
import { setAll, svg } from "../lib/svg.js";
import { draw } from "./chart.js";

const REACH = 26; // px within which a click finds a dot

export function eras(stage, { spec, set }) {
  const holder = h("div", { class: "cw-chart cw-eras-chart" });
  const go = (step) => set("model", String((last.index + step + last.count) % last.count));
  const back = h("button", { type: "button", class: "cw-button", onclick: () => go(-1) }, "◀ Earlier");
  const next = h("button", { type: "button", class: "cw-button", onclick: () => go(1) }, "Next ▶");
  const name = h("p", { class: "cw-eras-name" });
  const facts = h("dl", { class: "cw-eras-facts" });
  const note = h("p", { class: "cw-eras-note" });
  const key = h("p", { class: "cw-eras-key", "aria-hidden": "true" },
    [["dense", "dense"], ["moe", "mixture"], ["leak", "leak"], ["out", "outside the chosen era"]].map(([k, t]) => h("span", {}, h("span", { class: `cw-eras-swatch cw-eras-${k}` }), t)));
  stage.append(h("figure", { class: "cw-figure" }, holder), key,
    h("div", { class: "cw-eras-card" }, h("div", { class: "cw-eras-bar" }, back, next, name), facts, note));
  let last = null;
  let drawn = 0;
  const width = () => Math.max(260, Math.min(880, Math.floor(holder.clientWidth || 640)));

  function render() {
    drawn = width();
    const plot = draw(last, spec.chart, drawn);
    const picture = plot.tagName === "svg" ? plot : plot.querySelector("svg");
    setAll(picture, { role: "img", "aria-label": last.alt });
    const [x, y] = [plot.scale("x"), plot.scale("y")];
    const [bottom, top] = y.range;
    const bands = last.eras.map((e) => {
      const [from, to] = [x.apply(e.from), x.apply(e.to)];
      const short = drawn < 520;
      return svg("g", { class: `cw-eras-era${e.on ? " cw-eras-on" : ""}` },
        svg("rect", { x: from + 1, y: top, width: Math.max(0, to - from - 2), height: bottom - top }),
        svg("text", { x: (from + to) / 2, y: top + 15, "text-anchor": "middle" }, short ? e.title.split(":")[0] : `${e.title.split(":")[0]}, ${e.years}`));
    });
    picture.prepend(svg("g", {}, bands));
    picture.addEventListener("click", (event) => {
      const [px, py] = within(picture)(event);
      const far = (s) => Math.hypot(x.apply(s.x) - px, y.apply(s.y) - py);
      const near = [...last.spots].sort((a, b) => far(a) - far(b))[0];
      if (near && far(near) < REACH) set("model", String(near.index));
    });
    holder.replaceChildren(plot);
  }
  onResize(holder, () => last && drawn !== width() && render());

  return {
    update(out) {
      last = out;
      render();
      name.textContent = `${out.card.name} · ${out.card.org} · ${out.card.date}`;
      facts.replaceChildren(...out.card.rows.map((r) => h("div", {}, h("dt", {}, r.label), h("dd", {}, r.value))));
      note.textContent = out.card.note;
      note.hidden = !out.card.note;
    },
  };
}
