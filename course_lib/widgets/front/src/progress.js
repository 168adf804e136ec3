// The progress page: what was answered in each lesson, what to repeat; export, import and clear.
import { h } from "./lib/dom.js";
import { all, clear, save } from "./lib/store.js";

const share = (good, of) => h("span", { class: "cw-meter", "aria-hidden": "true" }, h("span", { style: `width:${of ? (100 * good) / of : 0}%` }));

/** What is stored about one lesson: right, wrong (answered, not right), open, and the points of its guesses. */
function standing(lesson, stored) {
  const of = (q) => stored[`quiz:${lesson.id}:${q.id}`];
  const points = lesson.predictions.map((p) => stored[`guess:${lesson.id}:${p.id}`]?.score).filter((s) => typeof s === "number");
  return {
    right: lesson.questions.filter((q) => of(q)?.right),
    wrong: lesson.questions.filter((q) => of(q) && !of(q).right),
    open: lesson.questions.filter((q) => !of(q)),
    points: points.length ? Math.round((100 * points.reduce((a, b) => a + b, 0)) / points.length) : null,
  };
}

function questionLinks(lesson, questions) {
  return questions.flatMap((q, i) => [i ? ", " : "", h("a", { href: `${lesson.href}#${lesson.id}-${q.id}` }, `question ${lesson.questions.indexOf(q) + 1}`)]);
}

function row(lesson, at) {
  const { questions } = lesson;
  const begun = at.open.length < questions.length;
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: lesson.href }, lesson.title)),
    h("td", {}, share(at.right.length, questions.length), ` ${at.right.length} of ${questions.length}`),
    h("td", {}, at.points === null ? "not yet" : `${at.points} points`),
    h("td", {}, !begun ? "not started" : at.open.length ? h("span", {}, questionLinks(lesson, at.open)) : "nothing"));
}

/** The answers of an exported file that belong to this course's questions; an Error says what is wrong with it. */
function readExport(text, lessons) {
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON. Choose a file that this page has exported.");
  }
  const known = new Set(lessons.flatMap((l) => [...l.questions.map((q) => `quiz:${l.id}:${q.id}`), ...l.predictions.map((p) => `guess:${l.id}:${p.id}`)]));
  const fits = (key, v) => known.has(key) && v && typeof v === "object" && answered(v.answer) && (key.startsWith("guess:") || typeof v.right === "boolean");
  const kept = given && typeof given === "object" ? Object.entries(given).filter(([key, v]) => fits(key, v)) : [];
  if (!kept.length) throw new Error("There are no answers of this course in this file. Choose a file that this page has exported.");
  return kept;
}

const answered = (a) => typeof a === "string" || Number.isFinite(a) || (Array.isArray(a) && a.every(Number.isInteger));

function exportButton() {
  return h("button", { type: "button", class: "cw-button", onclick: () => {
    const blob = new Blob([JSON.stringify(all(), null, 2)], { type: "application/json" });
    const a = h("a", { href: URL.createObjectURL(blob), download: "scaling-course-progress.json" });
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  } }, "Export as JSON");
}

function importButton(lessons, say) {
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "Progress file to import", hidden: true });
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    try {
      const kept = readExport(await file.files[0].text(), lessons);
      for (const [key, value] of kept) save(key, value);
      say(`Imported ${kept.length} ${kept.length === 1 ? "answer" : "answers"}.`);
    } catch (error) {
      say(error.message);
    }
    file.value = "";
  });
  return [h("button", { type: "button", class: "cw-button", onclick: () => file.click() }, "Import"), file];
}

function clearButton(say) {
  const label = "Clear everything";
  const reset = () => {
    delete wipe.dataset.sure;
    wipe.textContent = label;
  };
  const wipe = h("button", { type: "button", class: "cw-quiet", onclick: () => {
    if (!wipe.dataset.sure) {
      wipe.dataset.sure = "yes";
      wipe.textContent = "Press again to clear everything";
      return;
    }
    clear();
    reset();
    say("Everything is cleared.");
  }, onblur: reset }, label);
  return wipe;
}

export function progress({ model, el }) {
  const lessons = model.get("lessons");
  const body = h("tbody");
  const total = h("p", { class: "cw-score", "aria-live": "polite" });
  const said = h("p", { class: "cw-note", role: "status" });
  const repeat = h("div", { class: "cw-repeat" });
  const say = (text) => (said.textContent = text);
  const draw = () => {
    const stored = all();
    const at = lessons.map((l) => standing(l, stored));
    body.replaceChildren(...lessons.map((l, i) => row(l, at[i])));
    const sum = (f) => at.reduce((n, a) => n + f(a), 0);
    total.textContent = `${sum((a) => a.right.length)} of ${lessons.reduce((n, l) => n + l.questions.length, 0)} questions right`;
    const wrong = lessons.map((l, i) => [l, at[i].wrong]).filter(([, w]) => w.length);
    const none = sum((a) => a.right.length) ? "Nothing: no answer of yours is wrong at present." : "Nothing yet. Answers that were wrong will be listed here.";
    repeat.replaceChildren(h("h2", { class: "cw-repeat-head" }, "What to repeat"),
      wrong.length ? h("ul", {}, wrong.map(([l, w]) => h("li", {}, h("a", { href: l.href }, l.title), ": ", questionLinks(l, w)))) : h("p", {}, none));
  };
  el.append(h("section", { class: "cw cw-progress", "aria-label": "Your progress" },
    total, repeat,
    h("div", { class: "cw-table-scroll", tabIndex: 0, role: "region", "aria-label": "Scores by lesson" },
      h("table", { class: "cw-table" },
        h("thead", {}, h("tr", {}, ["Lesson", "Quiz", "Guesses", "Still open"].map((t) => h("th", { scope: "col" }, t)))), body)),
    h("div", { class: "cw-actions" }, exportButton(), importButton(lessons, say), clearButton(say)), said));
  draw();
  window.addEventListener("course:saved", draw);
}
