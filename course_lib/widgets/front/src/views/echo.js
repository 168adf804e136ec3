// A prompt of a few symbols, read by two tiny models: whom a head looks at, and what each model expects next.
import { forward } from "../gpt/forward.js";
import { take } from "../gpt/packs.js";
import { softmax } from "../gpt/ops.js";
import { h, onResize } from "../lib/dom.js";
import { setAll, sized, svg } from "../lib/svg.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const PLACES = 12;
const ARC = 84; // px of room for the arcs
const FAINT = 0.03; // weights below this are not drawn
const NAMES = { two: "Two layers", one: "One layer" };
const LOOKS = { echo: ["two", 1, "echo"], notes: ["two", 0, "before"], one: ["one", 0, "echo"] }; // model, layer, which head

export function echo(stage, { data, set, values }) {
  const model = (name) => take({ [name]: data[name].pack }, name);
  const field = h("input", { type: "text", class: "cw-echo-field", maxLength: PLACES, autocomplete: "off", spellcheck: "false", "aria-label": "The symbols: letters A to Z and digits 2 to 7" });
  const step = (by) => () => set(`s${values().at - 1}`, (values()[`s${values().at - 1}`] + by + 32) % 32);
  const bar = h("div", { class: "cw-echo-bar" },
    h("label", { class: "cw-echo-type" }, "Symbols", field),
    h("span", { class: "cw-echo-step" }, "the one read last",
      h("button", { type: "button", class: "cw-button", onclick: step(-1), "aria-label": "The symbol before in the alphabet" }, "◀"),
      h("button", { type: "button", class: "cw-button", onclick: step(1), "aria-label": "The next symbol in the alphabet" }, "▶")));
  field.addEventListener("input", () => {
    const typed = [...field.value.toUpperCase()].filter((c) => LETTERS.includes(c));
    if (!typed.length) return;
    typed.forEach((c, i) => set(`s${i}`, LETTERS.indexOf(c)));
    set("n", typed.length);
    if (values().at > typed.length) set("at", typed.length);
  });
  const row = rowOf((at) => set("at", at));
  const guesses = ["two", "one"].map((name) => guessOf(`The ${name}-layer model expects`));
  stage.append(bar, row.el, h("div", { class: "cw-echo-guesses" }, guesses.map((g) => g.el)));
  return {
    update(out) {
      const written = out.letters.join("");
      if (document.activeElement !== field || field.value.toUpperCase() !== written) field.value = written;
      const read = out.ids.slice(0, out.at + 1);
      const traces = { two: forward(model("two"), read), one: forward(model("one"), read) };
      const [name, layer, kind] = LOOKS[out.look];
      const head = data[name].heads[kind][layer];
      const { weights } = traces[name].layers[layer].attention.heads[head];
      const share = (i, j) => weights.data[i * weights.cols + j];
      row.update(out, share, `${NAMES[name]}: layer ${layer + 1}, head ${head + 1}`);
      ["two", "one"].forEach((m, i) => guesses[i].update(chances(traces[m], out.at), out));
    },
  };
}

/** Probabilities of the next symbol after position `at`. */
function chances({ logits }, at) {
  return softmax(logits.data.subarray(at * logits.cols, (at + 1) * logits.cols));
}

/** The symbols as buttons in a row, with arcs from the chosen one to those its head looks at. */
function rowOf(pick) {
  const heading = h("p", { class: "cw-echo-heading" });
  const says = h("p", { class: "cw-echo-says" });
  const arcs = svg("g");
  const picture = svg("svg", { class: "cw-echo-arcs", role: "img", preserveAspectRatio: "none" }, arcs);
  const chips = [...Array(PLACES).keys()].map((i) => {
    const letter = h("span", { class: "cw-echo-letter" });
    const note = h("span", { class: "cw-echo-share" });
    return { letter, note, el: h("button", { type: "button", class: "cw-echo-chip", onclick: () => pick(i + 1) }, letter, note) };
  });
  const line = h("div", { class: "cw-echo-row", role: "group", "aria-label": "Symbols; choose the last one that is read" }, chips.map((c) => c.el));
  const el = h("div", { class: "cw-echo-place" }, heading, picture, line, says);
  let last = null;
  function draw() {
    const [out, share] = last;
    const width = line.clientWidth || 600;
    const x = (i) => ((i + 0.5) * width) / PLACES;
    setAll(picture, sized(width, ARC));
    const paths = [];
    for (let j = 0; j < out.at; j++) {
      const w = share(out.at, j);
      if (w < FAINT) continue;
      const high = ARC - Math.min(ARC - 6, 14 + (x(out.at) - x(j)) * 0.34);
      paths.push(svg("path", { class: "cw-echo-arc", d: `M${x(out.at)} ${ARC}C${x(out.at)} ${high} ${x(j)} ${high} ${x(j)} ${ARC}`, "stroke-width": (1 + 8 * w).toFixed(1), "stroke-opacity": (0.35 + 0.65 * w).toFixed(2) }));
    }
    arcs.replaceChildren(...paths);
  }
  onResize(line, () => last && draw());
  function update(out, share, name) {
    last = [out, share];
    heading.textContent = name;
    let best = 0;
    chips.forEach((chip, i) => {
      const there = i < out.letters.length;
      chip.el.hidden = !there;
      if (!there) return;
      const w = i <= out.at ? share(out.at, i) : 0;
      if (i <= out.at && w > share(out.at, best)) best = i;
      chip.letter.textContent = out.letters[i];
      chip.note.textContent = i <= out.at && w >= FAINT ? `${Math.round(100 * w)}` : "";
      chip.el.style.setProperty("--share", `${Math.round(100 * w)}%`);
      chip.el.dataset.state = i === out.at ? "here" : i > out.at ? "later" : out.after.includes(i) ? "after" : out.seen.includes(i) ? "seen" : "past";
      chip.el.setAttribute("aria-pressed", String(i === out.at));
      const role = out.after.includes(i) && i <= out.at ? ", came after it" : out.seen.includes(i) ? ", the same symbol" : "";
      chip.el.setAttribute("aria-label", `${out.letters[i]}, symbol ${i + 1}${role}${w >= FAINT ? `, ${Math.round(100 * w)} percent of the attention` : ""}`);
    });
    const self = best === out.at ? "itself" : `symbol ${best + 1}, ${out.letters[best]}`;
    says.textContent = `Looks most at ${self}: ${Math.round(100 * share(out.at, best))} %. Numbers under the symbols are percent.`;
    setAll(picture, { "aria-label": `${name}. Symbol ${out.at + 1}, ${out.letters[out.at]}, looks most at ${self}, with ${Math.round(100 * share(out.at, best))} percent.` });
    draw();
  }
  return { el, update };
}

/** The three symbols that a model finds likeliest, as bars. */
function guessOf(name) {
  const rows = [0, 1, 2].map(() => {
    const letter = h("span", { class: "cw-echo-next" });
    const bar = h("span", { class: "cw-echo-bar-fill" });
    const text = h("span", { class: "cw-echo-percent" });
    return { letter, bar, text, el: h("li", {}, letter, h("span", { class: "cw-echo-track" }, bar), text) };
  });
  const el = h("div", {}, h("p", { class: "cw-echo-title" }, name), h("ol", { class: "cw-echo-list" }, rows.map((r) => r.el)));
  function update(p, out) {
    const order = [...p.keys()].sort((a, b) => p[b] - p[a]);
    rows.forEach((row, i) => {
      const letter = LETTERS[order[i]];
      row.letter.textContent = letter;
      row.bar.style.width = `${(100 * p[order[i]]).toFixed(1)}%`;
      row.text.textContent = `${(100 * p[order[i]]).toFixed(0)} %`;
      row.el.dataset.copy = out.after.some((j) => out.letters[j] === letter);
    });
  }
  return { el, update };
}
