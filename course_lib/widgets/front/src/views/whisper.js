// What a teacher says: one row for each likely next character, its probability plain and softened, and the text's own.
import { h } from "../lib/dom.js";

export function whisper(stage) {
  const prefix = h("p", { class: "cw-whisper-prefix" });
  const body = h("tbody");
  const table = h("table", { class: "cw-whisper" },
    h("caption", { class: "cw-hidden" }, "Probabilities of the next character"),
    h("thead", {}, h("tr", {}, ["next", "softened", "", "at temperature 1"].map((name, i) => h(i === 2 ? "td" : "th", { scope: i === 2 ? null : "col", class: i === 3 ? "cw-whisper-last" : null }, name)))), body);
  stage.append(h("div", {}, prefix, table, h("p", { class: "cw-leash-key" }, "bar: softened · upright mark: at temperature 1")));

  return {
    update(out) {
      const shown = out.prefix.replace(/\n/g, "↵");
      prefix.replaceChildren("…" + shown, h("strong", { class: "cw-whisper-truth" }, out.truth.length === 1 ? out.truth : `⟨${out.truth}⟩`));
      const most = Math.max(...out.rows.map((r) => Math.max(r.soft, r.plain)));
      body.replaceChildren(...out.rows.map((r) => {
        const soft = h("span", { class: "cw-whisper-soft" });
        const plain = h("span", { class: "cw-whisper-plain" });
        soft.style.width = `${(100 * r.soft) / most}%`;
        plain.style.left = `${(100 * r.plain) / most}%`;
        return h("tr", { class: r.label ? "cw-whisper-is" : "" },
          h("th", { scope: "row" }, r.name, r.label ? h("span", { class: "cw-whisper-tag" }, " in the text") : ""),
          h("td", {}, r.soft_text), h("td", { class: "cw-whisper-bars" }, h("span", { class: "cw-whisper-track" }, soft, plain)),
          h("td", { class: "cw-whisper-last" }, r.plain_text));
      }));
    },
  };
}
