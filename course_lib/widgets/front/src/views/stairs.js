// A staircase over powers of ten: what a fixed ratio takes off at each step, beside a fixed amount.
import { h } from "../lib/dom.js";

export function stairs(stage) {
  const grid = h("div", { class: "cw-stairs", role: "img" });
  const key = h("p", { class: "cw-stairs-key", "aria-hidden": "true" },
    h("span", {}, h("span", { class: "cw-stairs-swatch" }), "fixed ratio (a power law)"),
    h("span", {}, h("span", { class: "cw-stairs-swatch cw-stairs-line" }), "fixed amount"));
  stage.append(key, h("div", { class: "cw-stairs-scroll", tabIndex: 0, role: "group", "aria-label": "Staircase of the loss" }, grid));
  let columns = [];
  return {
    update(out) {
      if (columns.length !== out.steps.length) {
        columns = out.steps.map(() => ({ bar: h("span", { class: "cw-stairs-bar" }), value: h("span", { class: "cw-stairs-value" }), drop: h("span", { class: "cw-stairs-drop" }), mark: h("span", { class: "cw-stairs-mark" }), size: h("span", { class: "cw-stairs-size" }) }));
        grid.replaceChildren(...columns.map((c) => h("div", { class: "cw-stairs-col" }, h("div", { class: "cw-stairs-well" }, c.bar, c.mark, c.value), c.drop, c.size)));
      }
      grid.setAttribute("aria-label", `${out.alt} Loss at each step: ${out.steps.map((s) => `${s.size} ${s.ratio_text}`).join(", ")}.`);
      out.steps.forEach((s, i) => {
        const c = columns[i];
        c.bar.style.height = `${(100 * s.ratio) / out.top}%`;
        c.value.style.bottom = `${(100 * s.ratio) / out.top}%`;
        c.value.textContent = s.ratio_text;
        c.mark.style.bottom = `${Math.max(0, (100 * s.amount) / out.top)}%`;
        c.mark.dataset.below = s.amount < 0 && s.ratio > 0.16 * out.top ? "yes" : ""; // no room above a low step
        c.drop.textContent = i ? `−${out.steps[i - 1].drop_text}` : "nats";
        c.size.textContent = s.size;
      });
    },
  };
}
