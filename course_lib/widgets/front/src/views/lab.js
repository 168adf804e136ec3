// The laboratory: a budget that shrinks, experiments as dots and rows, one bet, and only then the truth.
import { control } from "../lib/controls.js";
import { h, onResize } from "../lib/dom.js";
import { load, save } from "../lib/store.js";
import { setAll } from "../lib/svg.js";
import { draw } from "./chart.js";

export function lab(stage, { spec, set, values }) {
  const key = `lab:${spec.id}`;
  const of = Object.fromEntries(["seed", "n", "c", "bet_n", "bet_loss", "help"].map((name) =>
    [name, control(spec.controls.find((c) => c.name === name), () => values()[name], (v) => (name === "seed" ? fresh(v) : set(name, v)))]));
  const keep = () => save(key, values());
  let out = null;
  let drawn = 0;
  let made = 0;
  let restored = false;

  function run() {
    made += 1; // the next frame counts them anew
    set(`n${made}`, values().n);
    set(`c${made}`, values().c);
    set("used", made);
    keep();
  }
  function bet() {
    set("closed", true);
    keep();
  }
  function fresh(seed) {
    set("closed", false);
    set("used", 0);
    set("seed", seed);
    keep();
  }
  const again = () => fresh((values().seed % 999) + 1);

  const fill = h("span", { class: "cw-lab-fill" });
  const next = h("span", { class: "cw-lab-next" });
  const left = h("span", { class: "cw-lab-left" });
  const gauge = h("div", { class: "cw-lab-gauge", "aria-hidden": "true" }, fill, next);
  const go = h("button", { type: "button", class: "cw-button cw-primary", onclick: run }, "Run the experiment");
  const why = h("p", { class: "cw-lab-note" });
  const place = h("button", { type: "button", class: "cw-button", onclick: bet }, "Place the bet and open the truth");
  const beside = h("p", { class: "cw-lab-note" });
  const fitted = h("p", { class: "cw-lab-note" });
  const another = h("button", { type: "button", class: "cw-button", onclick: again }, "New game");
  const holder = h("div", { class: "cw-chart" });
  const runs = tableOf("Experiments", ["", "N", "D", "FLOPs", "loss"]);
  const board = tableOf("The scores", ["Bet", "points", "size", "wasted", "said", "came", "off by"]);
  const truth = h("p", { class: "cw-lab-truth" });
  const first = h("fieldset", { class: "cw-lab-part" }, h("legend", {}, "Experiment"), of.n.el, of.c.el, why, go);
  const second = h("fieldset", { class: "cw-lab-part" }, h("legend", {}, "Bet"), of.bet_n.el, of.bet_loss.el, beside, place);
  stage.append(h("div", { class: "cw-lab-top" }, of.seed.el, another), h("div", { class: "cw-lab-budget" }, gauge, left),
    h("div", { class: "cw-lab-parts" }, first, second), h("figure", { class: "cw-figure" }, holder), of.help.el, fitted, board.el, truth, runs.el);

  const width = () => Math.max(260, Math.min(880, Math.floor(holder.clientWidth || 640)));
  function render() {
    drawn = width();
    const plot = draw(out, spec.chart, drawn);
    const picture = plot.tagName === "svg" ? plot : plot.querySelector("svg");
    setAll(picture, { role: "img", "aria-label": out.alt });
    holder.replaceChildren(plot);
  }
  onResize(holder, () => out && drawn !== width() && render());

  /** A game that was left is taken up again, unless the address or the reader asks for another one. */
  function restore(now) {
    restored = true;
    const kept = load(key);
    const untouched = spec.controls.every((c) => now[c.name] === c.value);
    if (!kept || !untouched || !kept.used) return;
    for (const c of spec.controls) if (kept[c.name] !== undefined) set(c.name, kept[c.name]);
  }

  return {
    update(result, now) {
      out = result;
      made = out.used;
      render();
      if (!restored) restore(now);
      for (const c of Object.values(of)) c.update();
      fill.style.width = `${100 * Math.min(1, out.spent)}%`;
      next.style.left = `${100 * Math.min(1, out.spent)}%`;
      next.style.width = `${100 * Math.min(1 - Math.min(1, out.spent), out.next)}%`;
      next.hidden = out.closed || Boolean(out.refused);
      left.textContent = out.left_text;
      why.textContent = out.refused || out.next_text;
      go.disabled = Boolean(out.refused) || out.closed;
      beside.textContent = out.bet_text;
      place.disabled = out.closed;
      for (const part of [first, second]) part.hidden = out.closed;
      fitted.textContent = out.fit_text;
      fitted.hidden = !out.fit_text;
      runs.update(out.runs.map((r) => ({ cells: [r.place, r.n, r.d, r.c, r.loss] })));
      board.update(out.board.map((r) => ({ you: r.you, cells: [r.name, r.points, r.n, r.waste, r.said, r.loss, r.miss] })));
      truth.textContent = out.truth ?? "";
      truth.hidden = !out.truth;
    },
  };
}

/** A small table that hides while it is empty. */
function tableOf(title, heads) {
  const body = h("tbody");
  const el = h("div", { class: "cw-table-scroll", tabindex: "0", role: "group", "aria-label": title, hidden: true },
    h("table", { class: "cw-table cw-lab-table" }, h("caption", {}, title), h("thead", {}, h("tr", {}, heads.map((t) => (t ? h("th", { scope: "col" }, t) : h("td"))))), body));
  const update = (rows) => {
    el.hidden = !rows.length;
    body.replaceChildren(...rows.map((r) => h("tr", { "data-you": r.you ? "yes" : null }, r.cells.map((c, i) => (i ? h("td", {}, c) : h("th", { scope: "row" }, c))))));
  };
  return { el, update };
}
