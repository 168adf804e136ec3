// Tokens to experts: a sentence on top, a line for every choice, and below each expert its places and its queue.
import { h, onResize } from "../lib/dom.js";
import { levelLine, setAll, sized, svg } from "../lib/svg.js";

const TOP = 30; // px of the sentence
const FALL = 92; // px over which the lines fall
const HEAD = 38; // px of an expert's name and of its score for the followed character
const CELL = 17; // px of a place, downwards
const KEY = [["kept", "has a place"], ["free", "free place"], ["over", "dropped"], ["mine", "followed"]];

export function routes(stage, { set, values }) {
  const follows = h("p", { class: "cw-routes-follows" });
  const picture = svg("svg", { class: "cw-routes-picture", role: "img" });
  const hands = hand(set, values);
  stage.append(follows, picture, hands.el, h("p", { class: "cw-routes-key", "aria-hidden": "true" },
    KEY.map(([state, text]) => h("span", {}, h("span", { class: "cw-routes-swatch", "data-state": state }), text)),
    h("span", {}, h("span", { class: "cw-routes-swatch", "data-state": "score" }), "score for the followed one")));
  let last = null;

  function pick(event) {
    if (!last || (event.type === "pointermove" && event.buttons === 0)) return;
    const box = picture.getBoundingClientRect();
    if (event.type === "pointerdown" && event.clientY - box.top > TOP + 12) return;
    const n = last.tokens.length;
    const i = Math.min(n - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * n)));
    if (i !== last.watch) set("watch", i + 1);
  }
  picture.addEventListener("pointerdown", pick);
  picture.addEventListener("pointermove", pick);

  function draw(out) {
    const width = Math.max(300, stage.clientWidth || 640);
    const plan = geometry(out, width);
    setAll(picture, { ...sized(width, plan.height), "aria-label": out.alt });
    picture.replaceChildren(lines(out, plan), sentence(out, plan), ...out.experts.map((e, i) => expert(e, i, out, plan)));
  }
  onResize(stage, () => last && draw(last));

  return {
    update(out) {
      last = out;
      follows.textContent = out.follows;
      draw(out);
      hands.update(out);
    },
  };
}

/** Where everything stands, from the width of the page. */
function geometry(out, width) {
  const column = width / out.experts.length;
  const inner = column - (width < 480 ? 4 : 12);
  const across = Math.max(2, Math.floor(inner / 16));
  const rows = Math.ceil(out.room / across);
  const over = Math.max(...out.experts.map((e) => Math.ceil(Math.max(0, e.queue.length - out.room) / across)));
  const top = TOP + FALL + HEAD;
  const end = top + rows * CELL;
  return { width, column, inner, across, cell: inner / across, top, end, height: end + (over ? over * CELL + 9 : 4), step: width / out.tokens.length };
}

function sentence(out, plan) {
  const size = Math.min(18, plan.step * 1.02);
  return svg("g", { class: "cw-routes-sentence" }, out.tokens.map((t, i) => {
    const x = (i + 0.5) * plan.step;
    const letter = svg("text", { x, y: 19, "font-size": size, "text-anchor": "middle" }, t.text);
    const box = svg("rect", { x: i * plan.step + 0.5, y: 2, width: plan.step - 1, height: 24, rx: 3 });
    return svg("g", { "data-watched": i === out.watch, "data-lost": t.lost }, box, letter);
  }));
}

function lines(out, plan) {
  const from = TOP - 2;
  const to = TOP + FALL;
  const middle = (from + to) / 2;
  const drawn = out.routes.map((r) => {
    const x0 = (r.token + 0.5) * plan.step;
    const x1 = (r.expert + 0.5) * plan.column;
    const mine = r.token === out.watch;
    const path = svg("path", { d: `M${x0} ${from}C${x0} ${middle} ${x1} ${middle} ${x1} ${to}`, "stroke-width": (mine ? 1.4 : 0.5) + 2.4 * r.weight });
    setAll(path, { "data-mine": mine, "data-kept": r.kept });
    return [mine, path];
  });
  return svg("g", { class: "cw-routes-lines" }, drawn.sort((a, b) => a[0] - b[0]).map(([, path]) => path));
}

function expert(e, index, out, plan) {
  const left = index * plan.column + (plan.column - plan.inner) / 2;
  const name = svg("text", { x: left, y: TOP + FALL + 15, class: "cw-routes-name" }, e.name);
  const share = svg("text", { x: left + plan.inner, y: TOP + FALL + 15, "text-anchor": "end", class: "cw-routes-share", "font-size": plan.inner < 50 ? 9.5 : 11.5 }, plan.inner < 50 ? e.share.replace(" ", "") : e.share);
  const well = svg("rect", { x: left, y: TOP + FALL + 22, width: plan.inner, height: 6, rx: 3, class: "cw-routes-well" });
  const score = svg("rect", { x: left, y: TOP + FALL + 22, width: Math.max(1, plan.inner * e.score), height: 6, rx: 3, class: "cw-routes-score" });
  const cells = [];
  const total = Math.max(out.room, e.queue.length);
  for (let i = 0; i < total; i += 1) {
    const q = e.queue[i];
    const outside = i >= out.room;
    const k = outside ? i - out.room : i;
    const x = left + (k % plan.across) * plan.cell;
    const y = (outside ? plan.end + 7 : plan.top) + Math.floor(k / plan.across) * CELL;
    const state = !q ? "free" : outside ? "over" : "kept";
    const box = svg("rect", { x: x + 0.75, y: y + 0.75, width: plan.cell - 1.5, height: CELL - 1.5, rx: 2.5 });
    const letter = q ? [svg("text", { x: x + plan.cell / 2, y: y + 12.5, "text-anchor": "middle" }, q.text)] : [];
    cells.push(svg("g", { class: "cw-routes-cell", "data-state": state, "data-mine": Boolean(q && q.token === out.watch) }, box, letter));
  }
  const full = e.queue.length > out.room ? [levelLine(left, left + plan.inner, plan.end + 3, "cw-routes-full")] : [];
  return svg("g", { "data-mine": e.mine }, name, share, well, score, cells, full);
}

/** Below each expert what moved its score, and in the reader's own hands the buttons that move it. */
function hand(set, values) {
  const columns = [...Array(8).keys()].map((i) => {
    const push = (by) => () => set(`push${i}`, Math.max(-20, Math.min(20, values()[`push${i}`] + by)));
    const name = "ABCDEFGH"[i];
    const plus = h("button", { type: "button", class: "cw-routes-push", "aria-label": `Raise the bias of expert ${name}`, onclick: push(1) }, "+");
    const minus = h("button", { type: "button", class: "cw-routes-push", "aria-label": `Lower the bias of expert ${name}`, onclick: push(-1) }, "−");
    const says = h("span", { class: "cw-routes-moved" });
    return { el: h("div", { class: "cw-routes-hand" }, says, plus, minus), plus, minus, says };
  });
  const el = h("div", { class: "cw-routes-hands", role: "group", "aria-label": "What balancing added to the scores of experts A to H" }, columns.map((c) => c.el));
  function update(out) {
    out.experts.forEach((e, i) => {
      columns[i].says.textContent = e.moved;
      columns[i].plus.hidden = !out.hand;
      columns[i].minus.hidden = !out.hand;
    });
    el.hidden = out.experts.every((e) => e.moved === "") && !out.hand;
  }
  return { el, update };
}
