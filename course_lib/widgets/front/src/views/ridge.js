// The ridge: how well each floor fits, above; what the floors that fit equally well foretell, below.
import { h, onResize } from "../lib/dom.js";
import { follow, within } from "../lib/drag.js";
import { draw } from "./chart.js";

const PARTS = [
  { key: "fit", title: "How well it fits", share: 0.34 },
  { key: "fan", title: "What it foretells", share: 0.56 },
];

export function ridge(stage, { spec, set }) {
  const holders = PARTS.map(() => h("div", { class: "cw-chart cw-ridge-chart" }));
  const picture = h("div", { class: "cw-ridge" }, PARTS.map((part, i) => h("div", {}, h("p", { class: "cw-ridge-title" }, part.title), holders[i])));
  stage.append(picture);
  const floor = spec.controls.find((c) => c.name === "floor");
  let last = null;
  let drawn = 0;
  const width = () => Math.max(260, Math.min(880, Math.floor(holders[0].clientWidth || 640)));

  function render() {
    drawn = width();
    PARTS.forEach((part, i) => {
      const height = Math.round(Math.min(380, Math.max(part.key === "fit" ? 190 : 270, drawn * part.share)));
      const plot = draw(last[part.key], { ...spec.chart[part.key], height }, drawn);
      const image = plot.tagName === "svg" ? plot : plot.querySelector("svg");
      image.setAttribute("role", "img");
      image.setAttribute("aria-label", `${part.title}. ${last.alt}`);
      if (part.key === "fit") drag(image, plot);
      holders[i].replaceChildren(plot);
    });
  }

  /** Dragging across the upper chart moves the floor. */
  function drag(image, plot) {
    const x = plot.scale("x");
    const move = (at) => {
      const share = x.invert(at) / last.fit.x.domain[1];
      set("floor", Math.min(floor.max, Math.max(floor.min, Math.round(share / floor.step) * floor.step)));
    };
    image.style.cursor = "ew-resize";
    image.style.touchAction = "pan-y";
    image.addEventListener("pointerdown", (event) => {
      const at = within(image);
      move(at(event)[0]);
      follow((e) => move(at(e)[0]));
    });
  }

  onResize(holders[0], () => last && drawn !== width() && render());
  return { update(out) { last = out; render(); } };
}
