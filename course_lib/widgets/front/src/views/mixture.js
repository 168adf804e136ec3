// A layer of experts as squares, lit by one token and by a batch; and three kinds of cost beside two dense models.
import { h } from "../lib/dom.js";

const STATES = ["used", "touched", "idle"];

/** An order in which to light the squares: spread over the layer, and always the same. */
function spread(n) {
  return [...Array(n).keys()].sort((a, b) => ((a + 1) * 0.61803398875) % 1 - ((b + 1) * 0.61803398875) % 1);
}

function side(n) {
  return n <= 16 ? 40 : n <= 64 ? 25 : n <= 160 ? 17 : 11;
}

function waffle() {
  const title = h("p", { class: "cw-mixture-title" });
  const squares = h("div", { class: "cw-mixture-squares", "aria-hidden": "true" });
  const shared = h("div", { class: "cw-mixture-squares cw-mixture-shared", "aria-hidden": "true" });
  const legend = STATES.map((state) => ({ state, text: h("span") }));
  const key = h("p", { class: "cw-mixture-key" }, legend.map((l) => h("span", {}, h("span", { class: "cw-mixture-square cw-mixture-swatch", "data-state": l.state }), l.text)));
  const fit = (box, n) => {
    while (box.children.length > n) box.lastChild.remove();
    while (box.children.length < n) box.append(h("span", { class: "cw-mixture-square" }));
  };
  function update(out) {
    title.textContent = `${out.layers}: ${out.experts} routed${out.shared ? `, ${out.shared} shared` : ""}`;
    fit(squares, out.experts);
    fit(shared, out.shared);
    squares.style.setProperty("--side", `${side(out.experts)}px`);
    shared.style.setProperty("--side", `${side(out.experts)}px`);
    spread(out.experts).forEach((expert, rank) => {
      squares.children[expert].dataset.state = rank < out.top_k ? "used" : rank < out.touched ? "touched" : "idle";
    });
    for (const el of shared.children) el.dataset.state = "used";
    shared.hidden = out.shared === 0;
    legend.forEach((l, i) => (l.text.textContent = out.legend[i]));
  }
  return { el: h("div", { class: "cw-mixture-layer" }, title, squares, shared, key), update };
}

function group() {
  const title = h("p", { class: "cw-mixture-title" });
  const rows = [0, 1, 2].map((i) => {
    const name = h("span", { class: "cw-mixture-name" });
    const bar = h("span", { class: "cw-mixture-bar", "data-own": String(i === 1) });
    const value = h("span", { class: "cw-mixture-value" });
    return { name, bar, value, el: h("li", {}, name, h("span", { class: "cw-mixture-track" }, bar), value) };
  });
  const el = h("div", { class: "cw-mixture-group" }, title, h("ul", { class: "cw-mixture-rows" }, rows.map((r) => r.el)));
  function update(data) {
    title.textContent = data.title;
    data.bars.forEach((b, i) => {
      rows[i].name.textContent = b.name;
      rows[i].bar.style.width = `${Math.max(0.4, 100 * b.share)}%`;
      rows[i].value.textContent = b.text;
    });
  }
  return { el, update };
}

export function mixture(stage) {
  const layer = waffle();
  const groups = [group(), group(), group()];
  const picture = h("div", { class: "cw-mixture" }, layer.el, groups.map((g) => g.el));
  const note = h("p", { class: "cw-mixture-note" });
  stage.append(picture, note);
  return {
    update(out) {
      layer.update(out);
      out.groups.forEach((g, i) => groups[i].update(g));
      note.textContent = `Parameters: ${out.models.map((m) => `${m.name.toLowerCase()} ${m.says}`).join("; ")}.`;
    },
  };
}
