// The planner: its controls in groups, and below them one page that can be printed alone.
import { control } from "../lib/controls.js";
import { h, onResize } from "../lib/dom.js";
import { levelLine, setAll, svg } from "../lib/svg.js";
import { color } from "./chart.js";

const GROUPS = [
  ["What you have", ["goal", "unit", "usd", "gpu_days", "flops", "loss", "experiments", "unique"]],
  ["The machines", ["gpu", "gpus", "utilization", "price"]],
  ["The demand", ["served", "batch"]],
  ["The model", ["kind", "worth", "law"]],
];
const FOLDED = ["written", "context", "roof"];
const WIDE = Math.log(8); // the strip of a sensitivity reaches from an eighth to eight times

/** Whether a control means anything for this ask. */
function matters(name, values) {
  if (["usd", "gpu_days", "flops"].includes(name)) return values.goal === "budget" && values.unit === name;
  if (name === "unit") return values.goal === "budget";
  if (name === "loss") return values.goal === "loss";
  return name !== "worth" || values.kind === "moe";
}

export function sheet(stage, { spec, set, values }) {
  const made = new Map(spec.controls.map((c) => [c.name, control(c, () => values()[c.name], (v) => set(c.name, v))]));
  const box = (names) => h("div", { class: "cw-controls" }, names.map((n) => made.get(n).el));
  const groups = GROUPS.map(([title, names]) => h("fieldset", { class: "cw-sheet-group" }, h("legend", {}, title), box(names)));
  groups[2].append(h("details", { class: "cw-sheet-more" }, h("summary", {}, "How it is served"), box(FOLDED)));
  const page = pageOf();
  const print = h("button", { type: "button", class: "cw-button", onclick: () => printAlone(page.el) }, "Print this page");
  stage.append(h("div", { class: "cw-sheet-groups" }, groups), page.el, h("p", { class: "cw-sheet-act" }, print));
  return {
    update(out, now) {
      for (const [name, c] of made) {
        c.update();
        c.el.hidden = !matters(name, now);
      }
      page.update(out);
    },
  };
}

/** A copy of the page at the end of the document; while the class is set, print media show nothing else. */
function printAlone(page) {
  const copy = h("div", { class: "cw cw-sheet-print", "aria-hidden": "true" }, page.cloneNode(true));
  const root = document.documentElement;
  document.body.append(copy);
  root.classList.add("cw-sheet-alone");
  const done = () => {
    copy.remove();
    root.classList.remove("cw-sheet-alone");
    window.removeEventListener("afterprint", done);
  };
  window.addEventListener("afterprint", done);
  window.print();
}

function pageOf() {
  const asked = h("p", { class: "cw-sheet-asked" });
  const said = h("p", { class: "cw-sheet-said" });
  const strip = svg("svg", { class: "cw-sheet-strip", role: "img" });
  const money = h("div", { class: "cw-sheet-money", role: "img" });
  const sections = h("div", { class: "cw-sheet-sections" });
  const rows = h("tbody");
  let last = null;
  onResize(strip, () => last?.sections.length && loss(strip, last.interval));
  const table = h("table", { class: "cw-sheet-changes" },
    h("caption", {}, "What would change the answer"),
    h("thead", {}, h("tr", {}, ["Input", "moved to", "N", "D", "loss"].map((t) => h("th", { scope: "col" }, t)), h("th", { scope: "col" }, "N ● and D ○, an eighth to eight times"))), rows);
  const scroll = h("div", { class: "cw-table-scroll", tabindex: "0", role: "group", "aria-label": "What would change the answer" }, table);
  const swap = h("p", { class: "cw-sheet-swap" });
  const el = h("div", { class: "cw-sheet-page" }, h("p", { class: "cw-sheet-head" }, "A training plan"), asked, said, strip, money, sections, scroll, swap);

  function update(out) {
    last = out;
    asked.textContent = out.asked;
    said.textContent = out.verdict;
    for (const part of [strip, money, sections, scroll]) part.toggleAttribute("hidden", !out.sections.length);
    swap.textContent = out.swap;
    if (out.sections.length) loss(strip, out.interval);
    money.setAttribute("aria-label", `Money: ${out.money.map((m) => `${m.label} ${Math.round(100 * m.share)} per cent`).join(", ")}.`);
    money.replaceChildren(h("div", { class: "cw-sheet-bar" }, out.money.map((m) => h("span", { style: `flex-grow:${m.share};background:${color(m.color)}` }))),
      ...out.money.map((m) => h("span", { class: "cw-sheet-part" }, h("i", { style: `background:${color(m.color)}` }), `${m.label} ${Math.round(100 * m.share)} %`)));
    sections.replaceChildren(...out.sections.map((s) => h("table", { class: "cw-sheet-section" }, h("caption", {}, s.title),
      h("tbody", {}, s.rows.map((r) => h("tr", {}, h("th", { scope: "row" }, r.label), h("td", {}, h("b", {}, r.value), r.note ? h("span", {}, r.note) : "")))))));
    rows.replaceChildren(...out.changes.flatMap((one, i) => one.moves.map((move, k) => h("tr", { class: k ? null : "cw-sheet-first" },
      k ? null : h("th", { scope: "rowgroup", rowSpan: one.moves.length }, one.label),
      h("td", {}, move.value), h("td", {}, move.n), h("td", {}, move.tokens), h("td", {}, move.loss), h("td", {}, mark(out.bars[i].moves[k]))))));
  }
  return { el, update };
}

/** Two dots on a strip: by what factor N and D move, on a log scale. */
function mark(move) {
  const at = (log) => 60 + 56 * Math.max(-1, Math.min(1, log / WIDE));
  return svg("svg", { viewBox: "0 0 120 14", class: "cw-sheet-mark", "aria-hidden": "true" },
    svg("line", { x1: 4, x2: 116, y1: 7, y2: 7 }), svg("line", { x1: 60, x2: 60, y1: 1, y2: 13 }),
    svg("circle", { cx: at(move.n), cy: 7, r: 4, class: "cw-sheet-n" }), svg("circle", { cx: at(move.d), cy: 7, r: 3.4, class: "cw-sheet-d" }));
}

/** The predicted loss: the interval as a bar, each set of constants as a tick with its name. */
function loss(strip, interval) {
  const wide = Math.max(280, Math.min(700, strip.clientWidth || 640));
  const low = wide < 520; // the names then stand below each other
  setAll(strip, { viewBox: `0 0 ${wide} ${low ? 104 : 82}` });
  const pad = 0.25 * (interval.high - interval.low);
  const x = (l) => 10 + ((wide - 20) * (l - interval.low + pad)) / (interval.high - interval.low + 2 * pad);
  const sets = [...interval.sets].sort((a, b) => a.loss - b.loss);
  const words = (at, y, t, more = {}) => svg("text", { x: at, y, "text-anchor": "middle", ...more }, t);
  const anchor = (s, i) => (low ? (x(s.loss) > wide / 2 ? "end" : "start") : ["end", "middle", "start"][i]);
  strip.replaceChildren(
    levelLine(10, wide - 10, 40, "cw-sheet-axis"),
    svg("rect", { x: x(interval.low), y: 32, width: x(interval.high) - x(interval.low), height: 16, rx: 3, class: "cw-sheet-range" }),
    words(x(interval.low), 28, interval.low.toFixed(2)), words(x(interval.high), 28, interval.high.toFixed(2)),
    ...sets.flatMap((s, i) => [
      svg("line", { x1: x(s.loss), x2: x(s.loss), y1: 28, y2: 52, class: s.on ? "cw-sheet-tick cw-sheet-on" : "cw-sheet-tick" }),
      words(x(s.loss), low ? 66 + 15 * i : i === 1 ? 79 : 64, `${s.name}: ${s.loss.toFixed(3)}`, { "text-anchor": anchor(s, i), class: s.on ? "cw-sheet-on" : "" }),
    ]), words(0, 11, "Predicted loss, nats per token", { "text-anchor": "start", class: "cw-sheet-title" }));
  setAll(strip, { "aria-label": `Predicted loss ${interval.loss.toFixed(3)}, interval ${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}: ${sets.map((s) => `${s.name} ${s.loss.toFixed(3)}`).join(", ")}.` });
}
