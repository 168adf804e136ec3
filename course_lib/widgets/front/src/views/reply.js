// Lesson 15: one request from the first token to the last, the time of a busy machine, and a reply typed at true speed.
import { h } from "../lib/dom.js";

const SAMPLE = "The prompt was read in one sweep, every word of it at once. Now the words come singly, and for each of them the whole machine turns over all that it has learned: it fetches every number, uses it once for you, and puts it back. If others are waiting, the same number serves them too before it goes. That is why a crowd is cheap, and why you, who wait alone, are the most expensive guest of the house.";
const PIECES = SAMPLE.match(/ ?[A-Za-z]{1,6}|[^A-Za-z]/g); // about what tokens are

export function reply(stage) {
  const first = h("span", { class: "cw-reply-flag" });
  const last = h("span", { class: "cw-reply-flag cw-reply-last" });
  const reading = h("span", { class: "cw-reply-part cw-reply-reading" });
  const writing = h("span", { class: "cw-reply-part cw-reply-writing" });
  const line = h("div", { class: "cw-reply", role: "img" },
    h("p", { class: "cw-reply-title" }, "One request"),
    h("div", { class: "cw-reply-track" }, reading, writing),
    h("div", { class: "cw-reply-flags" }, first, last));
  const shares = [h("span", { class: "cw-reply-part cw-reply-reading" }), h("span", { class: "cw-reply-part cw-reply-all" })];
  const said = h("span", { class: "cw-reply-words" });
  const fill = h("span", { class: "cw-reply-part" });
  const full = h("span", { class: "cw-reply-words" });
  const busy = h("div", { class: "cw-reply", role: "img" },
    h("p", { class: "cw-reply-title" }, "A machine full of such requests spends its time on", said),
    h("div", { class: "cw-reply-track" }, shares),
    h("p", { class: "cw-reply-title" }, "and has filled", full),
    h("div", { class: "cw-reply-track cw-reply-memory" }, fill));
  const typed = h("p", { class: "cw-reply-typed", "aria-hidden": "true" });
  const status = h("span", { class: "cw-reply-status" });
  const button = h("button", { type: "button", class: "cw-button cw-reply-play", onclick: () => (frame ? stop() : play()) }, "Play at true speed");
  stage.append(line, h("div", { class: "cw-reply-box" }, h("div", { class: "cw-reply-bar" }, button, status), typed), busy);
  let out = null;
  let frame = 0;

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    button.textContent = "Play at true speed";
  }

  function play() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return show(PIECES.length, Infinity);
    button.textContent = "Stop";
    const began = performance.now();
    const tick = (now) => {
      const seconds = (now - began) / 1000;
      const count = seconds < out.first ? 0 : Math.min(PIECES.length, 1 + Math.floor((seconds - out.first) * out.rate));
      show(count, seconds);
      if (count >= PIECES.length) return stop();
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  }

  function show(count, seconds) {
    typed.textContent = PIECES.slice(0, count).join("");
    status.textContent = count === 0 ? `reading the prompt … ${Math.min(seconds, out.first).toFixed(1)} s` : `${count} tokens, first after ${out.first_text}, then ${out.rate_text} a second`;
  }

  return {
    update(next) {
      out = next;
      stop();
      show(PIECES.length, Infinity);
      const share = Math.max(0.004, Math.min(0.996, out.first / out.last));
      reading.style.width = `${100 * share}%`;
      writing.style.width = `${100 * (1 - share)}%`;
      first.textContent = `first token: ${out.first_text}`;
      last.textContent = `last token: ${out.last_text}`;
      line.setAttribute("aria-label", out.alt);
      out.shares.forEach((s, i) => { shares[i].style.width = `${100 * s.share}%`; });
      said.textContent = out.shares.map((s) => `${s.label} ${s.text}`).join(" · ");
      full.textContent = out.fill_text;
      fill.style.width = `${Math.min(100, 100 * out.fill)}%`;
      fill.classList.toggle("cw-reply-over", !out.fits);
      fill.classList.toggle("cw-reply-fill", out.fits);
      busy.setAttribute("aria-label", `Time of a busy machine: ${said.textContent}. Memory: ${out.fill_text}.`);
    },
  };
}
