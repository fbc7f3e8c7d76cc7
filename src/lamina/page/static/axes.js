// The frame of a small plot: ticks and names of both axes around a box of WIDTH by HEIGHT, and the scales within it.

import { svg } from "./dom.js";
import { percent, short } from "./numbers.js";
import { linear } from "./scale.js";

export const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, FOOT] = [520, 340, 56, 10, 508, 296];

// across and up are {name, ends}; words name equal pieces of the axis across instead of numbers.
export function axes(across, up, { shares = false, words = null } = {}) {
  const y = linear(up.ends, [FOOT, TOP]);
  const x = linear(words ? [-0.5, words.length - 0.5] : across.ends, [LEFT, RIGHT]);
  const text = (px, py, anchor, said) => svg("text", { x: px, y: py, "text-anchor": anchor }, said);
  const room = Math.max(3, Math.floor((RIGHT - LEFT) / (words?.length ?? 1) / 7));
  const under = words ? words.map((word, i) => text(x(i), FOOT + 17, "middle", word.slice(0, room))) : x.ticks(6).map((v) => text(x(v), FOOT + 17, "middle", short(v)));
  const rows = y.ticks(5).map((v) => [svg("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(v), y2: y(v) }), text(LEFT - 7, y(v) + 4, "end", shares ? percent(v, 0) : short(v))]);
  const names = [text((LEFT + RIGHT) / 2, HEIGHT - 6, "middle", across.name), svg("text", { transform: `translate(12 ${(FOOT + TOP) / 2}) rotate(-90)`, "text-anchor": "middle" }, up.name ?? "")];
  return { x, y, frame: svg("g", { class: "axes" }, rows, under, svg("g", { class: "axis-names" }, names)) };
}

export function plot(attributes, ...parts) {
  return svg("svg", { class: "small-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", ...attributes }, parts);
}

// The points of a line: x and y are scales, of the place in the list and of the value; what is missing is left out.
export function line(values, x, y, className) {
  return svg("polyline", { class: className, points: Array.from(values, (v, i) => (Number.isFinite(v) && v !== null ? `${x(i).toFixed(1)},${y(v).toFixed(1)}` : "")).join(" ") });
}

export function ends(values) {
  const there = values.filter(Number.isFinite);
  return [Math.min(...there), Math.max(...there)];
}

export function within(value, [low, high]) {
  return Math.min(high, Math.max(low, value));
}

// Where a pointer is over an element whose sides count as [width, height].
export function placed(element, event, [width, height]) {
  const box = element.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
}
