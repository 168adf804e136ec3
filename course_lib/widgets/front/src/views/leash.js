// How far feedback pulls a model: a chart of reward against drift, and beneath it what the model writes there.
import { h } from "../lib/dom.js";
import { chart } from "./chart.js";

export function leash(stage, ctx) {
  const plot = chart(stage, ctx);
  const where = h("p", { class: "cw-leash-where" });
  const lines = h("div");
  stage.append(h("div", { class: "cw-leash" }, where, lines,
    h("p", { class: "cw-leash-key" }, "gray: the prompt · ", h("span", { class: "cw-leash-made" }, "underlined"), ": no such word")));
  return {
    update(out) {
      plot.update(out);
      where.textContent = `It writes (${out.where}):`;
      lines.replaceChildren(...out.texts.map((t) => h("p", { class: "cw-leash-text" },
        h("span", { class: "cw-leash-prompt" }, t.prompt),
        t.pieces.map((piece, i) => (i % 2 ? h("span", { class: "cw-leash-made" }, piece) : piece)))));
    },
  };
}
