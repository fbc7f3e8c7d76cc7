// A histogram: {counts, edges} as bars.

import { svg } from "./dom.js";
import { count, short } from "./numbers.js";
import { linear } from "./scale.js";

export function histogram({ counts, edges }, { zero = false, height = 240, label = "Histogram" } = {}) {
  const [width, left, bottom] = [400, 52, 34];
  const most = Math.max(...counts, 1);
  const x = linear([edges[0], edges[edges.length - 1]], [left, width - 8]);
  const y = linear([0, most * 1.04], [height - bottom, 8]);
  const bars = counts.map((n, i) => {
    const [from, to] = [x(edges[i]), x(edges[i + 1])];
    return svg("rect", { x: from + 0.5, width: Math.max(0.5, to - from - 1), y: y(n), height: y(0) - y(n) }, svg("title", null, `${short(edges[i])} to ${short(edges[i + 1])}: ${count(n)}`));
  });
  const rows = y.ticks(4).map((v) => [
    svg("line", { class: "grid", x1: left, x2: width - 8, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 7, y: y(v), dy: "0.32em", "text-anchor": "end" }, short(v)),
  ]);
  const columns = x.ticks(5).map((v) => svg("text", { x: x(v), y: height - bottom + 18, "text-anchor": "middle" }, short(v)));
  const middle = zero && edges[0] < 0 && edges[edges.length - 1] > 0 ? svg("line", { class: "exact", x1: x(0), x2: x(0), y1: 8, y2: y(0) }) : "";
  return svg("svg", { class: "figure", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, svg("g", { class: "axes" }, rows, columns), svg("g", { class: "bars" }, bars), middle);
}

// The same without axes, as small as a word.
export function sparkbars(counts, label) {
  const [width, height] = [96, 26];
  const most = Math.max(...counts, 1);
  const step = width / counts.length;
  const bars = counts.map((n, i) => {
    const tall = n ? Math.max(1, (n / most) * (height - 1)) : 0;
    return svg("rect", { x: i * step, width: Math.max(0.5, step - 0.75), y: height - tall, height: tall });
  });
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, bars);
}
