// A crowd of problems: a tile each, filled by the chance of being solved, above the curves over samples.
import { h } from "../lib/dom.js";
import { setAll, svg } from "../lib/svg.js";
import { chart } from "./chart.js";

const [ACROSS, DOWN, SIDE, GAP] = [25, 8, 20, 4];

const swatch = (name, words) => h("span", { class: "cw-crowd-entry" }, h("span", { class: `cw-crowd-swatch cw-crowd-${name}` }), words);

export function crowd(stage, ctx) {
  const pitch = SIDE + GAP;
  const el = svg("svg", { viewBox: `0 0 ${ACROSS * pitch - GAP} ${DOWN * pitch - GAP}`, role: "img", class: "cw-crowd" });
  const tiles = Array.from({ length: ACROSS * DOWN }, (_, i) => {
    const [x, y] = [(i % ACROSS) * pitch, Math.floor(i / ACROSS) * pitch];
    const cover = svg("rect", { x, width: SIDE, class: "cw-crowd-cover" });
    const judged = svg("rect", { x, width: SIDE, class: "cw-crowd-judged" });
    el.append(cover, judged, svg("rect", { x: x + 0.5, y: y + 0.5, width: SIDE - 1, height: SIDE - 1, class: "cw-crowd-frame" }));
    return { y, cover, judged };
  });
  stage.append(
    h("p", { class: "cw-crowd-key" }, swatch("judged", "handed in right"), swatch("cover", "right, but not handed in"), swatch("none", "no right sample")), el);
  const plot = chart(stage, ctx);
  const fill = (rect, y, share) => setAll(rect, { y: (y + SIDE * (1 - share)).toFixed(2), height: (SIDE * share).toFixed(2) });
  return {
    update(out) {
      let i = 0;
      for (const group of out.tiles) {
        for (let k = 0; k < group.count && i < tiles.length; k += 1, i += 1) {
          fill(tiles[i].cover, tiles[i].y, group.cover);
          fill(tiles[i].judged, tiles[i].y, group.judged);
        }
      }
      setAll(el, { "aria-label": out.tiles_alt });
      plot.update(out);
    },
  };
}
