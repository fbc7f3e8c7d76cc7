// A piece of an example as a layer's unit sees it: the pixels of its window, its steps on the pale line, its moment of a sound.
//
// patch(example, window, label) -> an element; without a window all of the example.

import { h, svg } from "../../report/static/dom.js";
import { linear } from "../../report/static/scale.js";
import { channel, flipped, make, range, transposed } from "./arrays.js";
import { loudness } from "./colours.js";
import { heat, picture } from "./heat.js";
import { look } from "./look.js";

export function patch(example, window, label = `What a unit sees of ${example.name ?? "it"}`) {
  const { look: seen, kind } = example;
  const canvas = () => h("canvas", { role: "img", "aria-label": label });
  const framed = (drawn) => h("span", { class: `patch ${kind}` }, drawn);
  if (kind === "image" && seen?.pixels) return framed(picture(canvas(), cropped(seen.pixels, window)));
  if (kind === "series" && seen?.values) return framed(line(seen.values, window?.[0], label));
  if (kind === "sound" && seen?.spectrogram) return framed(heat(canvas(), flipped(transposed(cropped(seen.spectrogram, window))), loudness(...range(seen.spectrogram))));
  return look(example, { small: true });
}

// The part of an array that lies within a window of its first axes.
export function cropped({ shape, data }, window) {
  const [rows, columns, ...rest] = shape;
  const [[r0, r1], [c0, c1]] = [window?.[0] ?? [0, rows], window?.[1] ?? [0, columns]];
  const many = rest[0] ?? 1;
  const wide = (c1 - c0) * many;
  return make([r1 - r0, c1 - c0, ...rest], Float32Array.from({ length: (r1 - r0) * wide }, (_, i) => data[((r0 + Math.floor(i / wide)) * columns + c0) * many + (i % wide)]));
}

function line(values, steps, label) {
  const [count, many] = [values.shape[0], values.shape[1] ?? 1];
  const [from, to] = steps ?? [0, count];
  const drawn = Array.from({ length: Math.min(many, 4) }, (_, c) => {
    const one = channel(make([count, many], values.data), c).data;
    const y = linear(range({ data: one }), [40, 4]);
    const points = (first, last) => Array.from(one.subarray(first, last), (v, t) => (Number.isFinite(v) ? `${(((first + t + 0.5) / count) * 120).toFixed(1)},${y(v).toFixed(1)}` : "")).join(" ");
    return [svg("polyline", { class: "pale", points: points(0, count) }), svg("polyline", { class: `tone${c}`, points: points(from, to) })];
  });
  const band = steps ? svg("rect", { class: "band", x: (from / count) * 120, width: ((to - from) / count) * 120, y: 0, height: 44 }) : "";
  return svg("svg", { viewBox: "0 0 120 44", preserveAspectRatio: "none", role: "img", "aria-label": label }, band, drawn);
}

// All of an example, with a frame around what the unit sees.
export function whole(example, window) {
  if (example.kind !== "image" || !window?.[1]) return patch(example, window, example.name);
  const box = h("span", { class: "patch-window", "aria-hidden": "true" });
  example.look.pixels.shape.slice(0, 2).forEach((n, axis) => {
    const [from, to] = window[axis].map((v) => v / n);
    box.style.setProperty(["--y", "--x"][axis], from);
    box.style.setProperty(["--h", "--w"][axis], to - from);
  });
  return h("span", { class: "patch-whole" }, look(example), box);
}
