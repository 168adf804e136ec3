// SVG elements, made like the HTML ones of dom.js.
const NS = "http://www.w3.org/2000/svg";

/** svg("line", {x1: 0, class: "x"}, child): an SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS(NS, tag);
  setAll(el, attributes);
  el.append(...children.flat());
  return el;
}

/** Set several attributes of an SVG element. */
export function setAll(el, attributes) {
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, String(value));
}

/** What a drawing of one pixel a unit says of its size. */
export const sized = (width, height) => ({ viewBox: `0 0 ${width} ${height}`, width, height });

/** A word in a drawing; y is its baseline. */
export const say = (x, y, words, cls, anchor = "middle") => svg("text", { x, y, class: cls, "text-anchor": anchor }, String(words));

/** A level line, such as one of a grid. */
export const levelLine = (x1, x2, y, cls) => svg("line", { x1, x2, y1: y, y2: y, class: cls });

/** An uprightLine line. */
export const uprightLine = (x, y1, y2, cls) => svg("line", { x1: x, x2: x, y1, y2, class: cls });
