// The frame of a small plot: ticks and names of both axes around a box of WIDTH by HEIGHT, and the scales within it.

import { svg } from "../../report/static/dom.js";
import { percent, short } from "../../report/static/numbers.js";
import { linear } from "../../report/static/scale.js";

export const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, FOOT] = [520, 340, 56, 10, 508, 296];

export function axes(across, up, { shares = false, words = null } = {}) {
  const x = linear(across.ends, [LEFT, RIGHT]);
  const y = linear(up.ends, [FOOT, TOP]);
  const text = (px, py, anchor, said) => svg("text", { x: px, y: py, "text-anchor": anchor }, said);
  const step = (RIGHT - LEFT) / (words?.length ?? 1);
  const under = words ? words.map((word, i) => text(LEFT + (i + 0.5) * step, FOOT + 17, "middle", word.slice(0, Math.max(3, Math.floor(step / 7))))) : x.ticks(6).map((v) => text(x(v), FOOT + 17, "middle", short(v)));
  const rows = y.ticks(5).map((v) => [svg("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(v), y2: y(v) }), text(LEFT - 7, y(v) + 4, "end", shares ? percent(v, 0) : short(v))]);
  const names = [text((LEFT + RIGHT) / 2, HEIGHT - 6, "middle", across.name), up.name ? svg("text", { transform: `translate(12 ${(FOOT + TOP) / 2}) rotate(-90)`, "text-anchor": "middle" }, up.name) : ""];
  return { x, y, step, frame: svg("g", { class: "axes" }, rows, under, svg("g", { class: "axis-names" }, names)) };
}

export function plot(label, ...parts) {
  return svg("svg", { class: "small-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, parts);
}

export function ends(values) {
  const there = values.filter(Number.isFinite);
  return [Math.min(...there), Math.max(...there)];
}

export function within(value, [low, high]) {
  return Math.min(high, Math.max(low, value));
}
