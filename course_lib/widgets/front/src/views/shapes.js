// From ids to logits: every tensor as a stack of sheets with its shape, the block drawn once with its repeat count.
import { h } from "../lib/dom.js";
import { sized, svg } from "../lib/svg.js";

const BIT = 2.7; // pixels per doubling
const STEP = 2.4; // pixels between sheets
const [WIDE, HIGH] = [76, 56];
const side = (n) => 3 + BIT * Math.log2(n);

export function shapes(stage, ctx) {
  const groups = { in: group("On the way in"), block: group(""), out: group("On the way out") };
  stage.append(h("div", { class: "cw-flow" }, groups.in.el, groups.block.el, groups.out.el));
  groups.block.el.dataset.block = "true";
  let items = [];
  return {
    update(out) {
      if (!items.length) {
        items = out.tensors.map((t) => {
          const made = item();
          groups[t.group].list.append(made.el);
          return made;
        });
      }
      const n = out.layers;
      groups.block.title.replaceChildren("One block, ", h("strong", {}, `${n} times in a row`));
      out.tensors.forEach((t, i) => items[i].update(t, i === out.largest));
      stage.setAttribute("aria-label", out.alt);
    },
  };
}

function group(title) {
  const name = h("p", { class: "cw-flow-title" }, title);
  const list = h("ol", { class: "cw-flow-list" });
  return { el: h("div", { class: "cw-flow-group" }, name, list), title: name, list };
}

/** One tensor: picture, name, shape in letters and in numbers; opens to say what makes it. */
function item() {
  const picture = h("span", { class: "cw-flow-picture" });
  const name = h("span", { class: "cw-flow-name" });
  const symbols = h("code", { class: "cw-flow-symbols" });
  const shape = h("span", { class: "cw-flow-shape" });
  const count = h("span", { class: "cw-flow-count" });
  const says = h("p", { class: "cw-flow-says" });
  const el = h("li", {}, h("details", { class: "cw-flow-item" },
    h("summary", {}, picture, h("span", { class: "cw-flow-names" }, name, symbols), h("span", { class: "cw-flow-numbers" }, shape, count)), says));
  let drawn = "";
  function update(t, largest) {
    name.textContent = t.name;
    symbols.textContent = t.symbols;
    shape.textContent = t.shape;
    count.textContent = `${t.count_text} numbers${largest ? ", the most" : ""}`;
    says.textContent = `${t.says} ${t.bytes_text} in 16-bit.`;
    el.dataset.largest = largest;
    const key = `${t.rows} ${t.cols} ${t.sheets}`;
    if (key !== drawn) picture.replaceChildren(sheets(t));
    drawn = key;
  }
  return { el, update };
}

/** A stack of sheets, as high as log T and as wide as log of the last size; one sheet for each doubling of heads. */
function sheets(t) {
  const [w, tall] = [side(t.cols), side(t.rows)];
  const layers = 1 + Math.round(Math.log2(t.sheets));
  const shift = STEP * (layers - 1);
  const [left, top] = [(WIDE - w - shift) / 2, (HIGH - tall - shift) / 2];
  const out = [];
  for (let i = layers - 1; i >= 0; i--) {
    out.push(svg("rect", { x: left + i * STEP, y: top + shift - i * STEP, width: w, height: tall, rx: 1.5, class: "cw-flow-sheet" }));
  }
  return svg("svg", { ...sized(WIDE, HIGH), "aria-hidden": "true", focusable: "false" }, out);
}
