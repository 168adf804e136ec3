// Labels of a chart: kept inside its frame, and apart from each other.

const FOOT = 42; // px below the frame, for the axis
const moved = (el) => (el.getAttribute("transform")?.match(/translate\(([-\d.]+)[ ,]+([-\d.]+)/) ?? [0, 0, 0]).slice(1).map(Number);

/**
 * Labels of class `cw-chart-fixed` stay, up or down a line if need be; of class `cw-chart-name` only those that touch none before them, the
 * latest drawn first. All are moved inside the width. Sizes are estimated: measuring would lay out the page.
 */
export function tidyLabels(plot, width, height) {
  const kept = [];
  const free = (box) => !kept.some((k) => box[0] < k[2] && k[0] < box[2] && box[1] < k[3] && k[1] < box[3]);
  const groups = (name) => [...plot.querySelectorAll(`g.${name}`)];
  for (const g of [...groups("cw-chart-fixed"), ...groups("cw-chart-name").reverse()]) {
    const size = Number(g.getAttribute("font-size") ?? 12);
    const anchor = g.getAttribute("text-anchor") ?? "middle";
    const [gx, gy] = moved(g);
    for (const label of [...g.querySelectorAll("text")].reverse()) {
      const [x, y] = moved(label);
      const wide = 0.58 * size * label.textContent.length;
      const left = gx + x - (anchor === "end" ? wide : anchor === "start" ? 0 : wide / 2);
      const shift = Math.max(2 - left, Math.min(0, width - 2 - left - wide));
      const at = (drop) => [left + shift, gy + y + drop - size / 2, left + shift + wide, gy + y + drop + size / 2];
      const name = g.classList.contains("cw-chart-name");
      const low = Math.min(0, height - FOOT - size / 2 - gy - y); // not among the numbers of the axis
      const drop = name ? 0 : [0, 1, -1, 2, -2].map((k) => low + k * (size + 2)).find((d) => free(at(d)) && at(d)[3] <= height - FOOT) ?? low;
      if (name && !free(at(0))) label.remove();
      else kept.push(at(drop));
      if (shift || drop) label.setAttribute("transform", `translate(${x + shift},${y + drop})`);
    }
  }
}
