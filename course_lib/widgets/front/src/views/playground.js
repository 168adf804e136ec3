// The tiny GPT, alive: type, see the next-token distribution and every head's attention, let it write.

import { forward } from "../gpt/forward.js";
import { offer, take } from "../gpt/packs.js";
import { distribution, pick, uniform } from "../gpt/sample.js";
import { spoken } from "../gpt/tokenizer.js";
import { bars } from "./playground/bars.js";
import { chips } from "./playground/chips.js";
import { announcer, button, card, field, h, onResize, percent, perFrame, radios, uid, whole } from "./playground/dom.js";
import { enlarged, grid } from "./playground/heads.js";
import { isSorter, read, remarks, silence } from "./playground/reading.js";
import { sampling } from "./playground/sampling.js";
import { watchTheme } from "./playground/theme.js";

const PROMPTS = { sorter: "CBABBC", text: "It is a truth universally " };
const LABELS = { sorter: "Sorter", text: "Text" };
const TITLE = "A GPT small enough to watch";
const LEAD = "Both models were trained by this course and run here, in your page. Type, see what they expect next and where every head looks, and let them write.";
const RUN = 40; // characters of the long button
const BEAT = 45; // ms between characters while writing

/** One model's half of the widget: its text, what the model makes of it, and the parts that show it. */
class Play {
  constructor(model, gpt, setPrompt) {
    Object.assign(this, { model, gpt, setPrompt, timer: 0, point: null, chosenAt: null });
    this.text = model.get("prompts")?.[gpt.name] ?? PROMPTS[gpt.name] ?? gpt.vocabulary.slice(0, 4);
    this.written = Infinity;
    this.head = [0, 0];
    this.speech = announcer();
    this.chips = chips("Tokens the model reads", (i) => this.pointAt(i), (i) => this.choose(i));
    this.bars = bars((entry) => this.append(entry.char));
    const { n_layers, n_heads, vocab_size } = gpt.config;
    this.grid = grid(n_layers, n_heads, (l, n) => this.pickHead(l, n));
    this.one = enlarged((i) => this.pointAt(i));
    const start = Object.fromEntries(["temperature", "top_k", "seed"].map((k) => [k, model.get(k) ?? { temperature: 0.8, top_k: 0, seed: 1 }[k]]));
    this.sampling = sampling(vocab_size, start, (name, value) => {
      this.keep(name, value);
      this.drawNext();
    });
    this.refresh = perFrame(() => this.update());
    this.point_ = perFrame(() => this.drawPoint());
  }

  keep(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  /** Take over a sampling value that Python has set. */
  follow(name) {
    const values = this.sampling.values();
    if (this.model.get(name) === values[name]) return;
    this.sampling.set({ ...values, [name]: this.model.get(name) });
    this.drawNext();
  }

  /** The last position, or the one the reader chose. */
  get at() {
    return Math.min(this.tokens.length - 1, this.chosenAt ?? Infinity);
  }

  tokenize() {
    this.reading = read(this.gpt, this.text);
    this.tokens = this.reading.tokens;
    this.chars = this.reading.chars;
    this.task = this.reading.task;
  }

  /** The forward pass, unless it was made for these very tokens already. */
  compute() {
    const same = this.trace && this.trace.tokens.join() === this.tokens.join();
    if (!same) this.trace = this.tokens.length ? forward(this.gpt, this.tokens) : null;
  }

  /** Everything again, after a change of the text. */
  update() {
    const from = performance.now();
    this.tokenize();
    this.chosenAt = null;
    this.parts.flag.replaceChildren(...remarks(this.gpt, this.reading).map(([tone, text]) => h("span", { "data-tone": tone }, `${text} `)));
    this.chips.set(this.reading.pieces, this.written, this.reading.origin);
    this.compute();
    this.drawNext();
    this.drawAttention();
    this.drawButtons();
    this.parts.el.dataset.ms = (performance.now() - from).toFixed(1);
  }

  logitsAt(i) {
    const V = this.gpt.config.vocab_size;
    return this.trace.logits.data.subarray(i * V, (i + 1) * V);
  }

  drawNext() {
    const i = this.trace ? this.at : 0;
    const last = i === this.tokens.length - 1;
    const heading = last ? "Next token" : `Next token after position ${i + 1} (${spoken(this.chars[i])})`;
    const quiet = silence(this.reading, i);
    if (quiet) this.bars.say(heading, quiet);
    else {
      const { temperature, top_k } = this.sampling.values();
      const own = distribution(this.logitsAt(i), 1, 0);
      const used = distribution(this.logitsAt(i), temperature, top_k);
      this.bars.draw(heading, this.gpt.vocabulary, own, used, last);
      const best = own.indexOf(Math.max(...own));
      this.speech.say(`${heading}: ${spoken(this.gpt.vocabulary[best])}, ${percent(own[best])}.`);
    }
  }

  drawAttention() {
    if (!this.trace) return;
    this.grid.draw(this.trace, this.chars, this.at, this.head);
    this.one.draw(this.trace, this.chars, this.at, this.head);
    this.drawChips(this.at);
  }

  drawChips(at, follow = true) {
    const { weights } = this.trace.layers[this.head[0]].attention.heads[this.head[1]];
    this.chips.show(at, weights.data.subarray(at * weights.cols, (at + 1) * weights.cols), follow);
  }

  pointAt(i) {
    if (i === this.point || !this.trace) return;
    this.point = i;
    this.point_();
  }

  drawPoint() {
    if (!this.trace) return;
    const at = this.point ?? this.at;
    if (at >= this.tokens.length) return;
    this.drawChips(at, false);
    this.grid.draw(this.trace, this.chars, at, this.head);
  }

  choose(i) {
    this.chosenAt = i;
    this.drawNext();
    this.drawAttention();
    const [l, n] = this.head;
    this.speech.say(`Position ${i + 1}, ${spoken(this.chars[i])}. ${this.grid.el.querySelectorAll("button")[l * this.gpt.config.n_heads + n].getAttribute("aria-label")}.`);
  }

  pickHead(l, n) {
    this.head = [l, n];
    this.drawAttention();
  }

  edit(text) {
    this.written = Infinity;
    this.setText(text);
  }

  setText(text) {
    this.text = text;
    const { input } = this.parts;
    if (input.value !== text) {
      input.value = text;
      input.scrollTop = input.scrollHeight;
    }
    this.setPrompt(this.gpt.name, text);
    this.refresh();
  }

  append(char) {
    this.written = Math.min(this.written, Array.from(this.text).length);
    this.setText(this.text + char);
  }

  /** Choose the next token with temperature, top-k and the seed; false where there is none to choose. */
  step() {
    this.tokenize();
    const i = this.tokens.length - 1;
    if (i < 0) return false;
    this.compute();
    if (silence(this.reading, i)) return false;
    const { temperature, top_k, seed } = this.sampling.values();
    const id = pick(distribution(this.logitsAt(i), temperature, top_k), uniform(seed, Array.from(this.text).length));
    this.append(this.gpt.vocabulary[id]);
    return true;
  }

  write(count) {
    this.stop();
    let left = count;
    this.timer = setInterval(() => {
      if (left-- <= 0 || !this.parts.el.isConnected || !this.step()) this.stop(true);
    }, BEAT);
    this.drawButtons();
  }

  stop(said) {
    clearInterval(this.timer);
    this.timer = 0;
    if (this.parts && this.trace) this.drawButtons();
    if (said) this.speech.say(`Written: ${Array.from(this.text).slice(this.written).join("")}`);
  }

  drawButtons() {
    const busy = this.timer !== 0;
    const end = !busy && Boolean(silence(this.reading, this.tokens.length - 1));
    this.parts.next.disabled = busy || end;
    this.parts.run.disabled = end;
    const long = this.task ? "Write the answer" : `Write ${RUN} characters`;
    this.parts.run.textContent = busy ? "Stop" : long;
    this.parts.back.disabled = busy || this.written === Infinity;
  }

  run() {
    if (this.timer) this.stop(true);
    else this.write(this.task ? this.task.letters : RUN);
  }

  /** Take back what the model wrote. */
  back() {
    this.edit(Array.from(this.text).slice(0, this.written).join(""));
  }

  mount() {
    const flag = h("p", { class: "cw-gpt-remarks", role: "status", id: uid("gpt") });
    const input = h("textarea", {
      rows: isSorter(this.gpt) ? "1" : "3", spellcheck: "false", autocapitalize: isSorter(this.gpt) ? "characters" : "off",
      autocomplete: "off", class: isSorter(this.gpt) ? "cw-gpt-letters" : "", "aria-describedby": flag.id,
    });
    if (isSorter(this.gpt)) input.maxLength = this.gpt.config.context + 1;
    input.value = this.text;
    input.addEventListener("input", () => this.edit(input.value));
    const next = button("Next token", () => this.step(), true);
    const run = button("Write", () => this.run());
    const back = button("Take back", () => this.back());
    const { n_layers, n_heads, vocab_size, context } = this.gpt.config;
    const facts = h("p", { class: "cw-gpt-facts" }, `${whole(this.gpt.parameters)} parameters, ${n_layers} layers of ${n_heads} heads, ${vocab_size} tokens in its alphabet, reads ${context} at a time.`);
    const title = isSorter(this.gpt) ? `Letters to sort (${[...this.gpt.vocabulary].join(", ")}), then the answer` : "Text to go on from";
    const writing = h("div", { class: "cw-gpt-column" }, this.bars.el, this.sampling.el, h("div", { class: "cw-gpt-buttons" }, next, run, back));
    const seeing = h("div", { class: "cw-gpt-column" }, h("p", { class: "cw-gpt-heading" }, "Attention of every head"), this.grid.el, this.one.el);
    const el = h("div", { class: "cw-play-model" }, facts, field(title, input), flag, this.chips.el, h("div", { class: "cw-play-body" }, writing, seeing), this.speech.el);
    this.parts = { el, flag, input, next, run, back };
    return el;
  }
}

/** The widget: a switch between the models of the page, and the chosen one below it. */
export function playground({ model, el }) {
  const packs = model.get("models") ?? {};
  offer(packs);
  const names = Object.keys(packs);
  const plays = new Map();
  const { root, body } = card("cw-play", "Play", TITLE, LEAD);
  const place = h("div", {});
  const size = onResize(place, () => plays.get(current)?.one.fit());
  let current = null;
  const setPrompt = (name, text) => {
    model.set("prompts", { ...model.get("prompts"), [name]: text });
    model.save_changes();
  };
  const show = (name) => {
    plays.get(current)?.stop();
    current = name;
    if (!plays.has(name)) {
      plays.set(name, new Play(model, take(packs, name), setPrompt));
      plays.get(name).mount();
    }
    place.replaceChildren(plays.get(name).parts.el);
    plays.get(name).update();
  };
  const choice = names.includes(model.get("choice")) ? model.get("choice") : names[0];
  const menu = radios("Model", names.map((n) => [n, LABELS[n] ?? n]), choice, (name) => {
    model.set("choice", name);
    model.save_changes();
    if (name !== current) show(name);
  });
  body.append(names.length > 1 ? menu.el : "", place);
  el.replaceChildren(root);
  show(choice);
  const unwatch = watchTheme(() => plays.get(current).drawAttention());
  model.on("change:choice", () => {
    if (model.get("choice") === current || !names.includes(model.get("choice"))) return;
    menu.set(model.get("choice"));
    show(model.get("choice"));
  });
  for (const name of ["temperature", "top_k", "seed"]) model.on(`change:${name}`, () => plays.get(current).follow(name));
  model.on("change:prompts", () => {
    const text = model.get("prompts")?.[current];
    if (text !== undefined && text !== plays.get(current).text) plays.get(current).edit(text);
  });
  return () => {
    plays.forEach((p) => p.stop());
    size.disconnect();
    unwatch();
  };
}
