// One token's bill: a ledger whose bars continue each other down to the total, and where 6N stops being honest.
import { h, onResize } from "../lib/dom.js";
import { within } from "../lib/drag.js";
import { color, draw } from "./chart.js";

const STEPS = ["forward", "gradient of the inputs", "gradient of the weights"];

/** One line of the ledger: label, amount, and a bar that starts where the line above ended. */
function line() {
  const name = h("span", { class: "cw-bill-name" });
  const amount = h("span", { class: "cw-bill-amount" });
  const says = h("span", { class: "cw-bill-says" });
  const blocks = STEPS.map((step, i) => h("span", { class: `cw-bill-block cw-bill-${i ? "back" : "forth"}`, title: step }));
  const mark = h("span", { class: "cw-bill-mark" });
  const el = h("li", { class: "cw-bill-line" }, h("div", { class: "cw-bill-words" }, name, says, amount),
    h("div", { class: "cw-bill-track", "aria-hidden": "true" }, blocks, mark));
  return { el, name, amount, says, blocks, mark };
}

function place(el, from, width, all) {
  el.style.left = `${(100 * from) / all}%`;
  el.style.width = `${(100 * width) / all}%`;
}

export function bill(stage, { spec, set }) {
  const list = h("ol", { class: "cw-bill" });
  const exact = line();
  const rule = line();
  const lines = [];
  const key = h("p", { class: "cw-bill-key", "aria-hidden": "true" },
    h("span", {}, h("span", { class: "cw-bill-swatch cw-bill-forth" }), " forward"),
    h("span", {}, h("span", { class: "cw-bill-swatch cw-bill-back" }), " backward: gradient of the inputs, gradient of the weights"),
    h("span", {}, h("span", { class: "cw-bill-dash" }), " 6N"));
  const holder = h("div", { class: "cw-chart cw-bill-chart" });
  stage.append(key, list, h("p", { class: "cw-bill-head" }, "Where the rule of thumb parts ways with the count"), h("figure", { class: "cw-figure" }, holder));
  let last = null;
  let before = null;
  let drawn = 0; // width of the strip as it stands
  const width = () => Math.max(260, Math.min(880, Math.floor(holder.clientWidth || 640)));

  function ledger(out) {
    while (lines.length < out.rows.length) lines.push(line());
    if (!list.children.length) list.append(...lines.map((l) => l.el), exact.el, rule.el);
    const all = Math.max(out.exact, out.six) * 1.01;
    let start = 0;
    out.rows.forEach((row, i) => {
      const l = lines[i];
      l.name.textContent = row.label;
      l.says.textContent = row.says;
      l.amount.textContent = `${row.text} · ${row.share}`;
      l.blocks.forEach((block, j) => {
        place(block, start + j * row.forward, row.forward, all);
        block.style.setProperty("--cw-fill-color", color(row.color));
      });
      start += 3 * row.forward;
      place(l.mark, out.six, 0, all);
    });
    total(exact, "Exact count", out.exact_text, out.exact, "var(--cw-ink)", all);
    total(rule, "Rule of thumb 6N", out.six_text, out.six, "var(--cw-muted)", all);
    place(exact.mark, out.six, 0, all);
    place(rule.mark, out.six, 0, all);
  }

  function total(l, label, text, value, paint, all) {
    l.el.classList.add("cw-bill-total");
    l.name.textContent = label;
    l.amount.textContent = `${text} FLOPs`;
    l.blocks.forEach((block, j) => {
      place(block, 0, j ? 0 : value, all);
      block.style.setProperty("--cw-fill-color", paint);
    });
  }

  function strip() {
    drawn = width();
    const plot = draw(last, spec.chart, drawn);
    const svg = plot.tagName === "svg" ? plot : plot.querySelector("svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Exact count over 6N against context, ${last.name}. ${last.alt}`);
    svg.addEventListener("click", (event) => {
      const x = plot.scale("x").invert(within(svg)(event)[0]);
      const c = spec.controls.find((k) => k.name === "context");
      if (Number.isFinite(x)) set("context", Math.min(c.max, Math.max(c.min, Math.round(x))));
    });
    holder.replaceChildren(plot);
  }

  onResize(holder, () => last && drawn !== width() && strip());

  return {
    update(out, values) {
      last = out;
      // Whoever moves the width or the depth means a model of their own.
      const moved = before && (before.width !== values.width || before.layers !== values.layers) && before.model === values.model;
      before = values;
      if (moved && values.model !== "own") return set("model", "own");
      ledger(out);
      strip();
    },
  };
}
