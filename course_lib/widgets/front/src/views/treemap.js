// Lesson 12: two models as nested areas; the part under the pointer or the keyboard is explained in both at once.
import { h, onResize } from "../lib/dom.js";
import { color } from "./chart.js";

const STEP = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export function treemap(stage) {
  const detail = h("p", { class: "cw-tm-detail" });
  const maps = [0, 1].map((i) => square(i, (key) => pick(key)));
  const rows = h("tbody");
  const heads = [h("th", { scope: "colgroup", colSpan: 2 }), h("th", { scope: "colgroup", colSpan: 2 })];
  const table = h("div", { class: "cw-table-scroll cw-tm-scroll", tabIndex: 0, role: "group", "aria-label": "Parameters by part, both models" },
    h("table", { class: "cw-table cw-tm-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Part"), heads)), rows));
  const legend = h("ul", { class: "cw-tm-legend" });
  stage.append(legend, h("div", { class: "cw-tm" }, maps.map((m) => m.el)), detail,
    h("details", { class: "cw-numbers" }, h("summary", {}, "Every part as a table"), table));
  let last = null;
  let key = "ffn/up";

  function pick(next) {
    key = next;
    for (const m of maps) m.mark(key);
    detail.replaceChildren(...explain(last, key));
    for (const row of rows.children) row.dataset.on = row.dataset.key === key;
  }
  return {
    update(out) {
      last = out;
      out.maps.forEach((m, i) => {
        maps[i].draw(m);
        heads[i].textContent = m.name;
      });
      legend.replaceChildren(...out.rows.filter((r) => r.group).map((r) => h("li", {}, swatch(r), `${r.label} `,
        h("span", {}, `${r.share_a_text || "none"} and ${r.share_b_text || "none"}`))));
      rows.replaceChildren(...out.rows.map((r) => line(r)));
      const there = out.maps.some((m) => m.rects.some((r) => r.key === key));
      pick(there ? key : out.maps[0].rects[0].key);
    },
  };
}

/** One model: a button for each part, one tab stop for all of them, arrow keys from part to part. */
function square(i, pick) {
  const name = h("p", { class: "cw-tm-name" });
  const box = h("div", { class: "cw-tm-box", role: "group" });
  const el = h("div", { class: "cw-tm-panel" }, name, box);
  let cells = [];
  let at = 0;
  const focus = (to) => {
    const seen = cells.map((c, j) => j).filter((j) => !cells[j].hidden);
    const here = Math.max(0, seen.indexOf(at));
    at = seen[(here + to + seen.length) % seen.length];
    cells[at].focus();
  };
  box.addEventListener("keydown", (event) => {
    const to = STEP[event.key];
    if (!to) return;
    event.preventDefault();
    focus(to);
  });
  function draw(m) {
    name.replaceChildren(h("strong", {}, m.name), ` ${globalThis.courseModules.text.commas(m.total)}`);
    box.setAttribute("aria-label", `Parts of ${m.name}; arrow keys move from part to part`);
    const had = box.contains(document.activeElement);
    cells = m.rects.map((r, j) => cell(m, r, () => {
      at = j;
      pick(r.key);
    }));
    at = Math.min(at, cells.length - 1);
    box.replaceChildren(...cells);
    fit();
    if (had) cells[at].focus();
  }
  // What would be thinner than a line is left to the table; labels go where they fit.
  function fit() {
    const size = box.clientWidth;
    for (const c of cells) {
      const [w, tall] = [c.info.w * size, c.info.h * size];
      c.hidden = Math.min(w, tall) < 1.5;
      const word = 11 + 7.2 * Math.max(...c.info.short.split(" ").map((x) => x.length));
      const lines = w > 11 + 7.2 * c.info.short.length ? 1 : 2;
      c.dataset.room = w < word || tall < 4 + 16 * lines ? "none" : w > 52 && tall > 20 + 16 * lines ? "two" : "one";
    }
    cells.forEach((c, j) => (c.tabIndex = j === at ? 0 : -1));
  }
  onResize(box, () => cells.length && fit());
  const mark = (key) => cells.forEach((c) => (c.dataset.on = c.info.key === key));
  return { el, draw, mark, side: i };
}

function cell(m, r, chosen) {
  const percent = (x) => `${100 * x}%`;
  const button = h("button", { type: "button", class: "cw-tm-cell", "aria-label": `${r.label}: ${r.count}, ${r.share_text} of ${m.name}`,
    onfocus: chosen, onpointerenter: chosen, onclick: chosen },
  h("span", { class: "cw-tm-short" }, r.short), h("span", { class: "cw-tm-share" }, r.share_text));
  button.info = r;
  Object.assign(button.style, { left: percent(r.x), top: percent(r.y), width: percent(r.w), height: percent(r.h) });
  button.style.setProperty("--part", color(r.color));
  return button;
}

const swatch = (r) => h("i", { class: "cw-tm-key", style: `background:${color(r.color)}` });

/** The chosen part in words: what it does, and its count in each model. */
function explain(out, key) {
  const found = out.maps.map((m) => m.rects.find((r) => r.key === key));
  const part = found[0] ?? found[1];
  const side = (m, r) => h("span", { class: "cw-tm-side" }, h("b", {}, m.name), r ? ` ${r.how} = ${r.count}, ${r.share_text}` : " has none");
  return [h("span", { class: "cw-tm-what" }, swatch(part), h("b", {}, part.label), `, ${part.says}`),
    ...out.maps.map((m, i) => side(m, found[i]))];
}

/** A row of the table: both counts and shares; groups stand out. */
function line(r) {
  const cells = ["a", "b"].flatMap((x) => [h("td", {}, r[x]), h("td", {}, r[`share_${x}_text`])]);
  const row = h("tr", { class: r.group ? "cw-tm-group" : "" }, h("th", { scope: "row" }, r.group ? swatch(r) : null, r.label), cells);
  row.dataset.key = r.key;
  return row;
}
