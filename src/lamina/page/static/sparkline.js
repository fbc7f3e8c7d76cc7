// Small lines without axes: the channels of a series, each in its own colour and scale.

import { svg } from "./dom.js";
import { linear } from "./scale.js";

export const CHANNELS = ["blue", "orange", "green", "purple", "yellow", "grey"];

export function sparkline(lines, ranges, label, height = 56) {
  const width = 240;
  const drawn = lines.map((values, i) => {
    const x = linear([0, Math.max(1, values.length - 1)], [2, width - 2]);
    const y = linear(ranges[i] ?? ends(values), [height - 4, 4]);
    const points = values.map((v, k) => (v === null ? null : `${x(k).toFixed(1)},${y(v).toFixed(1)}`)).filter(Boolean);
    return svg("polyline", { class: CHANNELS[i % CHANNELS.length], points: points.join(" ") });
  });
  return svg("svg", { class: "sparkline", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, drawn);
}

function ends(values) {
  const there = values.filter((v) => v !== null);
  return [Math.min(...there), Math.max(...there)];
}
