// A cluster laid out: the GPUs of one replica as a map, what the fullest of them holds, where a step goes, what is sent.
import { h } from "../lib/dom.js";
import { setAll, svg } from "../lib/svg.js";
import { color } from "./chart.js";

const CELL = 10; // of the map, in its own units
const GAP = 3; // between servers

export function cluster(stage, ctx) {
  const map = mapOf();
  const held = barOf("Held by the fullest GPU");
  const spent = barOf("Where a step goes");
  const links = linksOf();
  const find = h("button", { type: "button", class: "cw-button", onclick: () => search(ctx, said) }, "Find the best");
  const said = h("p", { class: "cw-cluster-said", "aria-live": "polite" });
  stage.append(map.el, h("div", { class: "cw-cluster-find" }, find, said), held.el, spent.el, links.el);
  return {
    update(out, now) {
      if (said.dataset.at !== JSON.stringify(now)) said.textContent = ""; // said of another layout
      map.update(out);
      held.title(`Held by the fullest GPU: ${out.total}`, out.card);
      held.update(out.held, Math.max(1, out.full), out.usable, out.fits);
      spent.title("Where a step goes", `${out.step} for a batch`);
      spent.update(out.spent, 1, 1, true);
      links.update(out.links);
      map.el.setAttribute("aria-label", out.alt);
    },
  };
}

/** Try every layout of as many GPUs as there are now, and set the controls to the fastest that fits. */
function search(ctx, said) {
  const v = ctx.values();
  const model = ctx.data.models[v.model];
  const gpus = v.tp * v.pp * v.dp;
  const best = globalThis.courseModules.parallelism.best(model.config, ctx.data.machines[v.gpu], gpus, v.batch, model.context);
  if (!best.layout) {
    said.textContent = best.why[0].toUpperCase() + best.why.slice(1) + ".";
    said.dataset.at = JSON.stringify(v);
    return;
  }
  const lay = best.layout;
  for (const name of ["tp", "pp", "dp", "ep"]) ctx.set(name, lay[name]);
  for (const name of ["zero", "micro", "chunks"]) ctx.set(name, String(lay[name]));
  ctx.set("recompute", lay.recompute);
  said.textContent = `The fastest of all layouts of ${gpus.toLocaleString("en-US")} GPUs, by this estimate.`;
  said.dataset.at = JSON.stringify(ctx.values());
}

/** One replica: a column for each stage, a row for each tensor rank, a frame around each server. */
function mapOf() {
  const note = h("p", { class: "cw-cluster-note" });
  const picture = svg("svg", { class: "cw-cluster-map", "aria-hidden": "true", preserveAspectRatio: "xMinYMid" });
  const el = h("div", { role: "img", class: "cw-cluster-top" }, note, picture);
  const frames = svg("g", { class: "cw-cluster-server" });
  const cells = svg("g", {});
  picture.append(frames, cells);
  function update(out) {
    note.textContent = out.map;
    const perFrame = Math.max(1, out.per_node / out.tp); // stages that share a server
    const x = (s) => s * CELL + Math.floor(s / perFrame) * GAP + GAP;
    const width = x(out.pp - 1) + CELL + GAP;
    const height = out.tp * CELL + 2 * GAP;
    setAll(picture, { viewBox: `0 0 ${width} ${height}` });
    picture.style.maxWidth = `${width * 3.4}px`;
    const servers = Math.ceil(out.pp / perFrame);
    fit(frames, servers, "rect");
    for (let i = 0; i < servers; i++) {
      const last = Math.min(out.pp, (i + 1) * perFrame) - 1;
      setAll(frames.children[i], { x: x(i * perFrame) - 1, y: GAP - 1, width: x(last) - x(i * perFrame) + CELL + 2, height: out.tp * CELL + 2, rx: 2 });
    }
    fit(cells, out.pp * out.tp, "rect");
    for (let s = 0; s < out.pp; s++) {
      for (let t = 0; t < out.tp; t++) {
        const shade = out.pp === 1 ? 70 : 30 + (60 * s) / (out.pp - 1);
        const cell = cells.children[s * out.tp + t];
        setAll(cell, { x: x(s) + 1, y: GAP + t * CELL + 1, width: CELL - 2, height: CELL - 2, rx: 1 });
        cell.style.fill = `color-mix(in srgb, var(--cw-1) ${Math.round(shade)}%, var(--cw-surface))`;
      }
    }
  }
  return { el, update };
}

function fit(group, count, tag) {
  while (group.children.length > count) group.lastChild.remove();
  while (group.children.length < count) group.append(svg(tag, {}));
}

/** A bar of parts with its key; `limit` marks a share of it. */
function barOf() {
  const title = h("span", { class: "cw-cluster-title" });
  const aside = h("span", { class: "cw-cluster-aside" });
  const fill = h("div", { class: "cw-cluster-fill" });
  const mark = h("span", { class: "cw-cluster-mark" });
  const bar = h("div", { class: "cw-cluster-bar", "aria-hidden": "true" }, fill, mark);
  const key = h("ul", { class: "cw-cluster-key" });
  const el = h("div", { class: "cw-cluster-block" }, h("p", { class: "cw-cluster-head" }, title, aside), bar, key);
  function update(parts, whole, limit, good) {
    bar.dataset.fits = String(good);
    mark.hidden = limit === 1;
    mark.style.left = `${(100 * limit) / whole}%`;
    while (fill.children.length > parts.length) fill.lastChild.remove(), key.lastChild.remove();
    while (fill.children.length < parts.length) {
      fill.append(h("span", {}));
      key.append(h("li", {}, h("span", { class: "cw-cluster-swatch", "aria-hidden": "true" }), h("span", {}), h("b", {})));
    }
    parts.forEach((p, i) => {
      const [swatch, name, value] = key.children[i].children;
      for (const box of [fill.children[i], swatch]) {
        box.style.setProperty("--cw-fill-color", color(p.color));
        box.dataset.part = p.key;
      }
      fill.children[i].style.width = `${(100 * p.share) / whole}%`;
      name.textContent = p.label;
      value.textContent = p.text;
    });
  }
  return { el, update, title: (text, note) => ((title.textContent = text), (aside.textContent = note)) };
}

/** What one GPU sends in a step, by kind. */
function linksOf() {
  const body = h("tbody");
  const table = h("table", { class: "cw-cluster-links" },
    h("caption", {}, "Sent by one GPU in a step"),
    h("thead", {}, h("tr", {}, ["parallel", "over", "link", "bytes", "time"].map((t) => h("th", { scope: "col" }, t)))), body);
  const el = h("div", { class: "cw-cluster-scroll", tabindex: "0", role: "group", "aria-label": "Traffic" }, table);
  function update(links) {
    body.replaceChildren(...links.map((l) => h("tr", {}, h("th", { scope: "row", title: l.says }, l.label),
      [l.size, l.over, l.bytes, l.seconds].map((t) => h("td", {}, t)))));
  }
  return { el, update };
}
