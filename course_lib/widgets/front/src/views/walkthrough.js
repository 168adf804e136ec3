// The walk-through: the letter sorter from letters to logits, one matrix at a time, with Previous, Next and Play.

import { forward } from "../gpt/forward.js";
import { offer, take, whenOffered } from "../gpt/packs.js";
import { encode } from "../gpt/tokenizer.js";
import { announcer, button, card, field, h, onResize, radios, uid } from "./playground/dom.js";
import { watchTheme } from "./playground/theme.js";
import { rail } from "./playground/walk_rail.js";
import { stage } from "./playground/walk_stage.js";
import { OUTLINE, walk, walkable } from "./playground/walk_steps.js";

const DEFAULTS = { letters: "CBABBC", step: 0, head: 0 };
const TITLE = "From letters to logits";
const LEAD = "The letter sorter, one matrix at a time. Step with the buttons or the arrow keys; Space plays and pauses.";
const PACE = { slow: 5200, normal: 3000, fast: 1400 }; // ms a step while playing

/** The prompt followed by the model's own answer (the likeliest letter each time), as far as it can read. */
function complete(model, ids) {
  const tokens = [...ids];
  const V = model.config.vocab_size;
  const answer = [];
  for (;;) {
    const { logits } = forward(model, tokens);
    const last = Array.from(logits.data.subarray((tokens.length - 1) * V));
    answer.push(last.indexOf(Math.max(...last)));
    if (tokens.length === model.config.context) return { tokens, answer };
    tokens.push(answer[answer.length - 1]);
  }
}

/** Everything the widget knows and does; the parts of the page call `go`, `pickHead`, `read` and `play`. */
class Walk {
  constructor(model, gpt, root) {
    Object.assign(this, { model, gpt, root, timer: 0, pace: "normal" });
    this.count = (gpt.config.context + 1) / 2;
    this.steps = walk(gpt.config.n_layers);
    this.letters = model.get("letters") ?? DEFAULTS.letters;
    this.index = Math.min(this.steps.length - 1, Math.max(0, model.get("step") ?? DEFAULTS.step));
    this.head = Math.min(gpt.config.n_heads - 1, Math.max(0, model.get("head") ?? DEFAULTS.head));
    this.spoken = announcer();
    this.stage = stage(this.spoken.say);
    this.rail = rail((n) => this.go(this.find(OUTLINE[n].id), true));
  }

  /** The place of a step in the walk, in the layer that is on show. */
  find(id, layer = this.steps[this.index].l) {
    const inLayer = this.steps.findIndex(({ step, l }) => step.id === id && l === layer);
    return inLayer >= 0 ? inLayer : this.steps.findIndex(({ step }) => step.id === id);
  }

  keep(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  go(index, animate = false) {
    this.index = Math.min(this.steps.length - 1, Math.max(0, index));
    if (this.model.get("step") !== this.index) this.keep("step", this.index);
    this.draw(animate);
  }

  pickHead(head) {
    this.head = head;
    this.parts.heads.set(head);
    if (this.model.get("head") !== head) this.keep("head", head);
    this.draw(false);
  }

  /** Another layer: the same step there, or the layer's first step. */
  pickLayer(l) {
    const { step } = this.steps[this.index];
    this.go(this.find(step.group === "layer" ? step.id : "norm1", l), true);
  }

  read(text) {
    const pieces = encode(this.gpt, text.trim());
    const wrong = pieces.filter((p) => p.id === null).map((p) => `“${p.char}”`);
    const alphabet = [...this.gpt.vocabulary].join(", ");
    if (wrong.length) return `${[...new Set(wrong)].join(", ")}: not a letter of this model. It knows ${alphabet}.`;
    if (pieces.length !== this.count) return `${pieces.length} of ${this.count} letters.`;
    this.letters = pieces.map((p) => p.char).join("");
    const { tokens, answer } = complete(this.gpt, pieces.map((p) => p.id));
    this.trace = forward(this.gpt, tokens);
    this.glyphs = tokens.map((id) => this.gpt.vocabulary[id]);
    this.answer = answer.map((id) => this.gpt.vocabulary[id]);
    return "";
  }

  draw(animate) {
    const { step, l } = this.steps[this.index];
    const at = { c: this.gpt.config, model: this.gpt, trace: this.trace, l, h: this.head, glyphs: this.glyphs };
    this.rail.show(OUTLINE.findIndex((s) => s.id === step.id), l);
    const inLayer = step.group === "layer";
    const where = inLayer ? `layer ${l + 1} of ${this.gpt.config.n_layers}` : step.group === "embed" ? "on the way in" : "on the way out";
    this.parts.where.textContent = `Step ${this.index + 1} of ${this.steps.length}, ${where}`;
    this.parts.bar.value = this.index + 1;
    this.parts.layers.set(inLayer ? l : "none");
    this.parts.previous.disabled = this.index === 0;
    this.parts.next.disabled = this.index === this.steps.length - 1;
    this.stage.show(at, step, animate);
    this.spoken.say(`Step ${this.index + 1} of ${this.steps.length}: ${step.label}, ${where}.`);
  }

  /** Start or stop playing; at the end it starts over. */
  play(on) {
    clearInterval(this.timer);
    this.timer = 0;
    this.parts.play.textContent = on ? "❚❚ Pause" : "▶ Play";
    if (!on) return;
    if (this.index === this.steps.length - 1) this.go(0, true);
    this.timer = setInterval(() => {
      if (!this.root.isConnected || this.index === this.steps.length - 1) this.play(false);
      else this.go(this.index + 1, true);
    }, PACE[this.pace]);
  }
}

function letterField(walker, onread) {
  const message = h("span", { class: "cw-gpt-flag", id: uid("walk"), role: "status" });
  const input = h("input", {
    type: "text", value: walker.letters, maxlength: String(walker.count), size: String(walker.count), spellcheck: "false",
    autocomplete: "off", autocapitalize: "characters", class: "cw-gpt-letters", "aria-describedby": message.id,
  });
  const accept = () => {
    message.textContent = walker.read(input.value);
    if (!message.textContent) onread();
  };
  input.addEventListener("input", accept);
  const shuffle = button("New letters", () => {
    const V = walker.gpt.vocabulary;
    input.value = Array.from({ length: walker.count }, () => V[Math.floor(Math.random() * V.length)]).join("");
    accept();
  });
  const set = (text) => {
    input.value = text;
    accept();
  };
  return { el: h("div", { class: "cw-walk-letters" }, field(`${walker.count} letters to sort`, input), shuffle, message), set };
}

function controls(walker) {
  const { n_layers, n_heads } = walker.gpt.config;
  const numbered = (n) => Array.from({ length: n }, (_, i) => [i, String(i + 1)]);
  const id = uid("walk");
  const pace = h("select", { id, class: "cw-select", onchange: () => {
    walker.pace = pace.value;
    if (walker.timer) walker.play(true);
  } }, Object.keys(PACE).map((name) => h("option", { value: name, selected: name === "normal" }, name)));
  return {
    previous: button("◀ Previous", () => walker.go(walker.index - 1, false)),
    play: button("▶ Play", () => walker.play(!walker.timer), true),
    next: button("Next ▶", () => walker.go(walker.index + 1, true)),
    pace: h("span", { class: "cw-walk-pace" }, h("label", { for: id }, "Pace"), pace),
    where: h("span", { class: "cw-walk-where" }),
    bar: h("progress", { max: String(walker.steps.length), value: "1", "aria-label": "Progress of the walk" }),
    layers: radios("Layer", numbered(n_layers), 0, (l) => walker.pickLayer(l)),
    heads: radios("Head", numbered(n_heads), walker.head, (n) => walker.pickHead(n)),
  };
}

const TYPES = "input, select, textarea, button, summary, a";

/** Space plays and pauses, arrows step, wherever the focus is in the widget and the control there does not use the key. */
function keys(walker, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches(TYPES) || event.target.closest(".cw-walk-table")) return;
  const work = { " ": () => walker.play(!walker.timer), ArrowLeft: () => walker.go(walker.index - 1), ArrowRight: () => walker.go(walker.index + 1, true) }[event.key];
  if (!work) return;
  event.preventDefault();
  work();
}

function assemble(walker, root, place) {
  walker.parts = controls(walker);
  const p = walker.parts;
  const answer = h("p", { class: "cw-walk-answer" });
  const onread = () => {
    const chips = (list, mark) => list.map((c) => h("span", { class: `cw-gpt-chip ${mark}` }, c));
    const to = h("span", { class: "cw-walk-sign", "aria-label": "becomes", role: "img" }, "→");
    answer.replaceChildren(...chips([...walker.letters], ""), to, ...chips(walker.answer, "cw-gpt-written"));
    if (walker.model.get("letters") !== walker.letters) walker.keep("letters", walker.letters);
    walker.draw(false);
  };
  const letters = letterField(walker, onread);
  const body = h("div", { class: "cw-walk-body" }, walker.rail.el, walker.stage.el);
  place.append(h("div", { class: "cw-walk-top" }, letters.el, answer),
    h("div", { class: "cw-walk-bar" }, h("div", { class: "cw-gpt-buttons" }, p.previous, p.play, p.next, p.pace)),
    h("div", { class: "cw-walk-bar" }, p.layers.el, p.heads.el, h("div", { class: "cw-walk-progress" }, p.where, p.bar)), walker.rail.strip, body, walker.spoken.el);
  root.addEventListener("keydown", (event) => keys(walker, event));
  if (walker.read(walker.letters)) walker.read(DEFAULTS.letters);
  onread();
  return letters;
}

function start(model, gpt, el) {
  const { root, body } = card("cw-walk", "Walk through", TITLE, LEAD);
  root.tabIndex = -1; // a click anywhere in the card puts the focus here, so that Space plays
  el.replaceChildren(root);
  const walker = new Walk(model, gpt, root);
  const letters = assemble(walker, root, body);
  const size = onResize(walker.stage.el, () => walker.stage.fit());
  const unwatch = watchTheme(() => walker.stage.redraw());
  model.on("change:step", () => model.get("step") !== walker.index && walker.go(model.get("step")));
  model.on("change:head", () => model.get("head") !== walker.head && walker.pickHead(model.get("head")));
  model.on("change:letters", () => model.get("letters") !== walker.letters && letters.set(model.get("letters")));
  return () => {
    walker.play(false);
    walker.stage.stop();
    size.disconnect();
    unwatch();
  };
}

/** The widget: its own pack if it carries one, else the page's sorter as soon as another widget offers it. */
export function walkthrough({ model, el }) {
  offer(model.get("models"));
  const name = model.get("choice") ?? "sorter";
  let stop = () => {};
  const begin = () => {
    const gpt = take(model.get("models"), name);
    if (!gpt) return whenOffered(name, begin);
    if (!walkable(gpt.config)) throw new Error(`the walk-through describes classic blocks; ${name} is none`);
    stop = start(model, gpt, el);
    return undefined;
  };
  begin();
  return () => stop();
}
