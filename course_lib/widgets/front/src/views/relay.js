// A chain of sums: what is right, what was written, where it slipped; and the votes of many writers on its end.
import { h, onResize } from "../lib/dom.js";
import { levelLine, setAll, svg } from "../lib/svg.js";

const ROW = 6; // votes side by side in a column of the tally

function tally(out, width) {
  const column = width / 10;
  const dot = Math.min(9, (column - 8) / ROW);
  const most = Math.max(...out.tally, ...out.expected);
  const tall = Math.max(5, Math.ceil(most / ROW)) * dot + 10;
  const el = svg("svg", { viewBox: `0 0 ${width} ${tall + 26}`, width, height: tall + 26, role: "img", class: "cw-relay-tally", "aria-label": out.tally_alt });
  out.tally.forEach((votes, digit) => {
    const left = column * digit + (column - ROW * dot) / 2;
    const right = digit === out.answer;
    for (let i = 0; i < votes; i += 1) {
      el.append(svg("circle", { cx: left + ((i % ROW) + 0.5) * dot, cy: tall - (Math.floor(i / ROW) + 0.5) * dot, r: dot * 0.42, class: right ? "cw-relay-vote cw-relay-right" : "cw-relay-vote" }));
    }
    const level = tall - (out.expected[digit] / ROW) * dot;
    el.append(levelLine(left - 2, left + ROW * dot + 2, level, "cw-relay-level"));
    const name = svg("text", { x: column * (digit + 0.5), y: tall + 18, "text-anchor": "middle", class: right ? "cw-relay-digit cw-relay-answer" : "cw-relay-digit" });
    name.textContent = right ? `${digit} ✓` : String(digit);
    el.append(name);
  });
  el.append(levelLine(0, width, tall + 1, "cw-relay-base"));
  return el;
}

export function relay(stage, { set, values }) {
  const cells = h("div", { class: "cw-relay-cells" });
  const first = h("div", { class: "cw-relay-start" });
  const votes = h("div", { class: "cw-relay-votes" });
  const buttons = Array.from({ length: 6 }, (_, i) => {
    const parts = { sum: h("span", { class: "cw-relay-sum" }), wrote: h("span", { class: "cw-relay-wrote" }), right: h("span", { class: "cw-relay-meant" }) };
    const el = h("button", { type: "button", class: "cw-relay-step", onclick: () => set("spoil", values().spoil === i + 1 ? 0 : i + 1) }, parts.sum, parts.wrote, parts.right);
    return { el, ...parts };
  });
  cells.append(first, ...buttons.map((b) => b.el));
  stage.append(
    h("p", { class: "cw-relay-title" }, "Your writer"), cells,
    h("p", { class: "cw-relay-title" }, "The vote on the last digit"), votes,
    h("p", { class: "cw-relay-note" }, "A dot is one writer, the bar across a column what its chance would give on average."));
  let last = null;
  let drawn = 0;
  const render = () => {
    drawn = votes.clientWidth || 600;
    votes.replaceChildren(tally(last, drawn));
  };
  onResize(votes, () => last && drawn !== votes.clientWidth && render());
  return {
    update(out) {
      last = out;
      first.textContent = String(out.start);
      out.steps.forEach((step, i) => {
        const b = buttons[i];
        b.sum.textContent = step.sum;
        b.wrote.textContent = step.wrong ? `${step.wrote} ✗` : String(step.wrote);
        b.right.textContent = step.wrong ? `right: ${step.right}` : "";
        b.el.dataset.wrong = String(step.wrong);
        b.el.dataset.slip = String(step.slip);
        setAll(b.el, { "aria-pressed": String(step.slip), "aria-label": `Step ${i + 1}, ${step.sum}: wrote ${step.wrote}, right is ${step.right}. ${step.slip ? "Take the slip back" : "Let the writer slip here"}` });
      });
      render();
    },
  };
}
