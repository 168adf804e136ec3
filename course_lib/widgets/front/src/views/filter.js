// A filter over a pool of documents sorted by noise: what is kept, how noisy it is, how often it is read; losses below.
import { h } from "../lib/dom.js";
import { chart } from "./chart.js";

const SHOWN = 50; // columns, each for three documents of the pool

export function filter(stage, ctx) {
  const title = h("p", { class: "cw-epochs-title" });
  const columns = [...Array(SHOWN).keys()].map(() => {
    const noise = h("span", { class: "cw-filter-noise" });
    return { noise, el: h("span", { class: "cw-filter-document" }, noise) };
  });
  const strip = h("div", { class: "cw-filter", role: "img" }, columns.map((c) => c.el));
  const below = h("div");
  stage.append(title, strip, h("p", { class: "cw-filter-ends", "aria-hidden": "true" }, h("span", {}, "cleanest"), h("span", {}, "noisiest: 2 characters in 5 wrong")), below);
  const drawing = chart(below, ctx);
  columns.forEach((c, i) => (c.noise.style.height = `${(100 * (i + 0.5)) / SHOWN}%`));
  return {
    update(out, values) {
      title.textContent = out.strip;
      columns.forEach((c, i) => (c.el.dataset.kept = String((i + 0.5) / SHOWN <= out.share)));
      strip.setAttribute("aria-label", `Documents by noise. ${out.strip}.`);
      drawing.update(out, values);
    },
  };
}
