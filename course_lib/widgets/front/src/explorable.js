// The frame of every explorable: controls, a view of its own, readouts, things to try, reset and a link to share.
import { control, sanitize } from "./lib/controls.js";
import { announcer, h, onResize, perFrame, prose, settled, together, uid } from "./lib/dom.js";
import { hashOf, readHash, writeHash } from "./lib/hash.js";
import { VIEWS } from "./views/index.js";

export function explorable({ model, el }) {
  const spec = model.get("spec");
  const data = model.get("data");
  const compute = globalThis.courseModules[spec.module][spec.compute];
  const start = { ...spec.defaults };
  let values = { ...start, ...model.get("values") };

  const titleId = uid("title");
  const stage = h("div", { class: "cw-stage" });
  const readouts = h("dl", { class: "cw-readouts" });
  const verdict = h("p", { class: "cw-verdict" });
  const live = announcer();
  // What is said below a drawing changes with every move: it keeps the most room it ever took, so nothing jumps.
  const said = h("div", { class: "cw-said" }, readouts, verdict);
  keepRoom(said);

  const set = (name, value) => {
    if (value === null || value === undefined) return;
    values = { ...values, [name]: value };
    model.set("values", values);
    model.save_changes();
    refresh();
  };
  const setAll = (next) => {
    for (const c of spec.controls) {
      const value = next[c.name] === undefined ? null : sanitize(c, next[c.name]);
      if (value !== null) values = { ...values, [c.name]: value };
    }
    model.set("values", values);
    model.save_changes();
    refresh();
  };

  const controls = spec.controls.filter((c) => !c.hidden).map((c) => control(c, () => values[c.name], (v) => set(c.name, v)));
  const root = h("section", { class: `cw cw-explorable cw-view-${spec.view}`, "aria-labelledby": titleId, id: model.isStatic ? spec.id : null },
    h("div", { class: "cw-head" },
      h("p", { class: "cw-kicker", "aria-hidden": "true" }, "Explore"),
      h("p", { class: "cw-title", id: titleId }, spec.title),
      spec.lead ? h("p", { class: "cw-lead" }, prose(spec.lead)) : null),
    h("div", { class: "cw-body" },
      controls.length ? h("div", { class: "cw-controls", role: "group", "aria-label": "Controls" }, controls.map((c) => c.el)) : null,
      h("div", { class: "cw-main" }, stage, said)),
    tryThese(spec, setAll),
    foot(spec, () => values, () => setAll(start), model.isStatic),
    live.el);
  el.append(root);

  const view = VIEWS[spec.view](stage, { spec, data, set, values: () => values });
  const share = settled(() => model.isStatic && writeHash(spec.id, values), 250);
  let opened = false;

  function draw() {
    for (const c of controls) c.update();
    let out;
    try {
      out = compute(values, data);
    } catch (error) {
      verdict.textContent = String(error.message ?? error).replace(/^ValueError:\s*/, "");
      verdict.dataset.tone = "bad";
      return;
    }
    view.update(out, values);
    drawReadouts(readouts, out.readouts ?? []);
    verdict.replaceChildren(...prose(out.verdict ?? ""));
    verdict.hidden = !out.verdict;
    verdict.dataset.tone = out.tone ?? "";
    if (opened) {
      live.say([...(out.readouts ?? []).map((r) => `${r.label}: ${r.value}`), out.verdict ?? ""].join(". "));
      share();
    }
    opened = true;
  }
  const refresh = perFrame(draw);

  const fromAddress = () => {
    const asked = model.isStatic && readHash(spec.id);
    if (asked) {
      setAll(asked);
      root.scrollIntoView({ block: "start" });
    }
  };
  model.on("change:values", () => {
    const next = model.get("values");
    if (next !== values) {
      values = { ...start, ...next };
      refresh();
    }
  });
  draw();
  fromAddress();
  window.addEventListener("hashchange", fromAddress);
  return () => window.removeEventListener("hashchange", fromAddress);
}

function keepRoom(el) {
  let width = 0;
  let most = 0;
  onResize(el, () => {
    if (el.clientWidth !== width) [width, most] = [el.clientWidth, 0];
    most = Math.max(most, [...el.children].reduce((sum, c) => Math.max(sum, c.offsetTop + c.offsetHeight), 0) - el.offsetTop);
    el.style.minHeight = `${most}px`;
  });
}

function drawReadouts(dl, list) {
  dl.hidden = !list.length;
  const same = dl.children.length === list.length;
  if (!same) dl.replaceChildren(...list.map(() => h("div", { class: "cw-readout" }, h("dt"), h("dd"))));
  list.forEach((r, i) => {
    const [dt, dd] = dl.children[i].children;
    if (dt.textContent !== r.label) dt.replaceChildren(...prose(r.label));
    if (dd.dataset.value !== `${r.value}|${r.note ?? ""}`) {
      dd.replaceChildren(h("span", { class: "cw-value" }, together(r.value)), r.note ? h("span", { class: "cw-note" }, together(r.note)) : "");
      dd.dataset.value = `${r.value}|${r.note ?? ""}`;
    }
    dl.children[i].dataset.tone = r.tone ?? "";
  });
}

function tryThese(spec, setAll) {
  if (!spec.tries?.length) return null;
  return h("div", { class: "cw-try" }, h("p", { class: "cw-try-head" }, "Try"),
    h("ol", {}, spec.tries.map((t) => {
      const shows = h("p", { class: "cw-shows", hidden: true }, prose(t.shows));
      const button = h("button", { type: "button", class: "cw-button", "aria-expanded": "false", onclick: () => {
        setAll(t.values);
        shows.hidden = false;
        button.setAttribute("aria-expanded", "true");
      } }, prose(t.label));
      return h("li", {}, button, shows);
    })));
}

function foot(spec, values, reset, isStatic) {
  const link = h("button", { type: "button", class: "cw-quiet", onclick: async () => {
    const url = location.href.split("#")[0] + hashOf(spec.id, values());
    try {
      await navigator.clipboard.writeText(url);
      link.textContent = "Link copied";
    } catch {
      location.hash = hashOf(spec.id, values());
      link.textContent = "Link is in the address bar";
    }
    setTimeout(() => (link.textContent = "Link to this view"), 2500);
  } }, "Link to this view");
  return h("div", { class: "cw-foot" },
    spec.source ? h("p", { class: "cw-source" }, prose(spec.source)) : h("span"),
    h("div", { class: "cw-actions" },
      h("button", { type: "button", class: "cw-quiet", onclick: reset }, "Reset"), isStatic ? link : null));
}
