// One family of models under one ruler: the curve, and below it the answers of one model, right or wrong.
import { h, onResize } from "../lib/dom.js";
import { setAll, sized, svg } from "../lib/svg.js";
import { chart } from "./chart.js";

const LARGEST = 15; // px of a mark
const GAP = 3;

export function grading(stage, ctx) {
  const curve = chart(stage, ctx);
  const title = h("p", { class: "cw-grading-title" });
  const sheets = sheetsOf();
  const sums = sumsOf();
  const key = h("p", { class: "cw-grading-key", "aria-hidden": "true" },
    h("span", {}, h("span", { class: "cw-grading-swatch", "data-right": "true" }), "right"),
    h("span", {}, h("span", { class: "cw-grading-swatch", "data-right": "false" }, "×"), "wrong"));
  stage.append(title, sheets.el, sums.el, key);
  return {
    update(out) {
      curve.update(out);
      title.textContent = out.sheet_title;
      const written = out.family === "sums";
      sheets.el.hidden = written;
      sums.el.hidden = !written;
      key.hidden = written;
      if (written) sums.update(out.answers);
      else sheets.update(out.marks);
    },
  };
}

/** Sheets as rows of marks: filled squares are right, crosses are wrong; a perfect row is framed and ticked. */
function sheetsOf() {
  const right = svg("path", { class: "cw-grading-right" });
  const wrong = svg("path", { class: "cw-grading-wrong" });
  const frames = svg("path", { class: "cw-grading-frame" });
  const picture = svg("svg", { role: "img" }, frames, right, wrong);
  const el = h("div", { class: "cw-grading-sheets" }, picture);
  let last = [];
  function draw() {
    const width = Math.max(240, el.clientWidth || 640);
    const k = last[0]?.length ?? 1;
    const cell = Math.min(LARGEST, (width - 26) / k);
    const tall = cell + GAP + 1;
    const side = Math.max(2, cell - (cell > 7 ? 2 : 1));
    const [dots, crosses, boxes] = [[], [], []];
    last.forEach((row, i) => {
      const y = Math.round(3 + i * tall);
      row.forEach((mark, j) => {
        const x = 20 + j * cell;
        if (mark) dots.push(`M${x.toFixed(1)} ${y}h${side.toFixed(1)}v${side.toFixed(1)}h-${side.toFixed(1)}z`);
        else crosses.push(`M${x.toFixed(1)} ${y}l${side.toFixed(1)} ${side.toFixed(1)}m0 -${side.toFixed(1)}l-${side.toFixed(1)} ${side.toFixed(1)}`);
      });
      if (row.every((m) => m)) boxes.push(`M17.5 ${y - 2}h${(k * cell + 3).toFixed(1)}v${(side + 4).toFixed(1)}h-${(k * cell + 3).toFixed(1)}zM3 ${(y + side / 2).toFixed(1)}l3 4l6 -8`);
    });
    setAll(picture, sized(width, Math.ceil(last.length * tall + 3)));
    setAll(right, { d: dots.join("") });
    setAll(wrong, { d: crosses.join("") });
    setAll(frames, { d: boxes.join("") });
    const perfect = last.filter((row) => row.every((m) => m)).length;
    const hits = last.flat().filter(Boolean).length;
    setAll(picture, { "aria-label": `${last.length} answers of ${k} tokens: ${hits} of ${last.length * k} tokens right, ${perfect} answers without a mistake.` });
  }
  onResize(el, () => last.length && draw());
  return { el, update(marks) { last = marks; draw(); } };
}

/** Sums as the model wrote them; wrong digits are struck out, the right answer stands beside. */
function sumsOf() {
  const lines = [...Array(12).keys()].map(() => {
    const question = h("span");
    const digits = [...Array(5).keys()].map(() => h("span", { class: "cw-grading-digit" }));
    const verdict = h("span", { class: "cw-grading-verdict" });
    const el = h("li", {}, question, h("span", {}, digits), verdict);
    return { el, question, digits, verdict };
  });
  const el = h("ul", { class: "cw-grading-sums" }, lines.map((l) => l.el));
  function update(answers) {
    lines.forEach((line, i) => {
      line.el.hidden = !answers[i];
      if (!answers[i]) return;
      const [question, right, wrote] = answers[i];
      line.question.textContent = question.replace("+", " + ").replace("=", " = ");
      [...wrote].forEach((d, j) => {
        line.digits[j].textContent = d;
        line.digits[j].dataset.right = d === right[j];
      });
      line.verdict.textContent = wrote === right ? "✓" : `✗ ${right}`;
      line.el.dataset.right = wrote === right;
    });
  }
  return { el, update };
}
