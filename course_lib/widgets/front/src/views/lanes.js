// A pipeline over time: a lane for each stage, a tile for each piece of work, hatched where a stage waits.
import { h, onResize } from "../lib/dom.js";
import { setAll, sized, svg } from "../lib/svg.js";
import { calm } from "./playground/dom.js";

const NARROWEST = 4.2; // px for a forward step; below it the lanes scroll
const ROOM = 250; // px that all lanes share, as far as they can

const SECONDS = 9; // a whole run while playing

export function lanes(stage, ctx) {
  const player = play(ctx);
  const picture = svg("svg", { class: "cw-lanes", role: "img" });
  const hatch = svg("pattern", { id: "cw-lanes-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { width: 1.4, height: 6, class: "cw-lanes-line" }));
  const idle = svg("g", {});
  const tiles = svg("g", {});
  const cursor = svg("line", { class: "cw-lanes-cursor" });
  picture.append(svg("defs", {}, hatch), idle, tiles, cursor);
  const names = h("div", { class: "cw-lanes-names" });
  const kept = h("div", { class: "cw-lanes-kept" });
  const swatch = (name, text) => h("span", {}, h("span", { class: `cw-lanes-swatch cw-lanes-${name}` }), text);
  const shades = h("span", {}, "shade: chunk");
  const key = h("p", { class: "cw-lanes-key", "aria-hidden": "true" }, swatch("f", "forward"), swatch("b", "backward"), swatch("i", "idle"), h("span", {}, "number: micro-batch"), shades);
  const grid = h("div", { class: "cw-lanes-grid" }, names, h("div", { class: "cw-lanes-scroll", tabindex: "0", role: "group", "aria-label": "Schedule over time" }, picture), kept);
  stage.append(h("div", { class: "cw-lanes-bar" }, player.button, key), grid);
  let shown = null;
  onResize(picture.parentElement, () => shown && draw(shown));
  return {
    update(out) {
      shown = out;
      player.update(out.time);
      shades.hidden = out.chunks === 1;
      picture.setAttribute("aria-label", out.alt);
      draw(out);
      column(names, out.rows.map((r) => r.name.replace("stage ", "")), "stage");
      column(kept, out.rows.map((r) => r.held), "kept");
    },
  };

  function draw(out) {
    const lane = Math.max(30, Math.min(52, ROOM / out.rows.length));
    const height = out.rows.length * lane;
    const wide = Math.max(NARROWEST * out.end * out.chunks, picture.parentElement.clientWidth);
    grid.style.setProperty("--lane", `${lane}px`);
    setAll(picture, sized(wide, height));
    const x = (t) => (t / out.end) * wide;
    fill(idle, out.rows.length, () => svg("rect", { class: "cw-lanes-idle", x: 0 }));
    out.rows.forEach((_, s) => setAll(idle.children[s], { y: s * lane + 2, height: lane - 4, width: x(out.now) }));
    const all = out.rows.flatMap((r, s) => r.tiles.map((t) => [s, ...t])).filter((t) => t[1] < out.now - 1e-9);
    fill(tiles, all.length, () => svg("g", {}, svg("rect", { rx: 2 }), svg("text", { "text-anchor": "middle" })));
    all.forEach(([s, start, length, micro, chunk, back], i) => {
      const g = tiles.children[i];
      const width = Math.max(1, x(Math.min(start + length, out.now)) - x(start) - 1.2);
      g.setAttribute("transform", `translate(${x(start)} ${s * lane + 2})`);
      g.setAttribute("class", `cw-lanes-${back ? "b" : "f"}`);
      g.dataset.chunk = chunk;
      setAll(g.firstChild, { width, height: lane - 4 });
      setAll(g.lastChild, { x: width / 2, y: lane / 2 + 2 });
      const label = width > 11 ? String(micro) : "";
      if (g.lastChild.textContent !== label) g.lastChild.textContent = label;
    });
    setAll(cursor, { x1: x(out.now), x2: x(out.now), y1: 0, y2: height, visibility: out.time < 100 ? "visible" : "hidden" });
  }
}

function fill(group, count, make) {
  while (group.children.length > count) group.lastChild.remove();
  while (group.children.length < count) group.append(make());
}

function column(box, texts, title) {
  while (box.children.length > texts.length + 1) box.lastChild.remove();
  while (box.children.length < texts.length + 1) box.append(h("span"));
  [title, ...texts].forEach((text, i) => (box.children[i].textContent = text));
}

/** Let the time run from start to end; readers who asked for less motion see the end at once. */
function play(ctx) {
  let frame = 0;
  let last = 0;
  const button = h("button", { type: "button", class: "cw-button cw-primary", onclick: () => {
    if (frame) return stop();
    if (calm()) return ctx.set("time", 100);
    if (ctx.values().time >= 100) ctx.set("time", 0);
    last = performance.now();
    frame = requestAnimationFrame(tick);
    update(ctx.values().time);
  } }, "▶ Play");
  let at = 0;
  function tick(now) {
    at = ctx.values().time + ((now - last) / 1000) * (100 / SECONDS);
    last = now;
    if (!button.isConnected || at >= 100) {
      ctx.set("time", 100);
      return stop();
    }
    ctx.set("time", at);
    frame = requestAnimationFrame(tick);
  }
  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    update(ctx.values().time);
  }
  function update(time) {
    button.textContent = frame ? "❚❚ Pause" : time > 0 && time < 100 ? "▶ Go on" : "▶ Play";
  }
  return { button, update };
}
