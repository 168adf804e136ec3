// Readings of one text as columns of falling height, those that are read filled; the chart of losses below.
import { h } from "../lib/dom.js";
import { chart } from "./chart.js";

export function epochs(stage, ctx) {
  const title = h("p", { class: "cw-epochs-title" });
  const columns = [];
  const strip = h("div", { class: "cw-epochs", role: "img" });
  const below = h("div");
  stage.append(title, strip, h("p", { class: "cw-epochs-key", "aria-hidden": "true" },
    h("span", { class: "cw-epochs-swatch" }), "worth of a reading", h("span", { class: "cw-epochs-swatch cw-epochs-lost" }), "lost against a fresh one"), below);
  const drawing = chart(below, ctx);
  // The slider is the keyboard's way; a click or tap anywhere in a column's height is the quick one.
  strip.addEventListener("pointerdown", (event) => {
    const box = strip.getBoundingClientRect();
    const at = Math.ceil(((event.clientX - box.left) / box.width) * columns.length);
    if (columns.length) ctx.set("epochs", Math.min(columns.length, Math.max(1, at)));
  });
  return {
    update(out, values) {
      while (columns.length < out.columns.length) {
        const fill = h("span", { class: "cw-epochs-fill" });
        const el = h("span", { class: "cw-epochs-column" }, fill);
        columns.push({ el, fill });
        strip.append(el);
      }
      title.textContent = out.strip;
      out.columns.forEach((c, i) => {
        columns[i].fill.style.height = `${100 * c.worth}%`;
        columns[i].el.dataset.read = c.read;
      });
      strip.setAttribute("aria-label", `${out.strip}. ${out.alt}`);
      drawing.update(out, values);
    },
  };
}
