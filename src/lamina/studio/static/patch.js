// A piece of an example as a layer's unit sees it: the pixels of its window, the steps, the bands of tones; the rest of a line is pale.
//
// patch(example, window) -> an element; without a window all of the example.

import { h, svg } from "../../report/static/dom.js";
import { linear } from "../../report/static/scale.js";
import { channel, flipped, make, range, transposed } from "./arrays.js";
import { loudness } from "./colours.js";
import { heat, picture } from "./heat.js";
import { look } from "./look.js";

export function patch(example, window, { label = "" } = {}) {
  const { look: seen, kind } = example;
  if (kind === "image" && seen?.pixels) return framed("image", picture(h("canvas", { role: "img", "aria-label": label }), cropped(seen.pixels, window)));
  if (kind === "series" && seen?.values) return framed("series", line(seen.values, window?.[0], label));
  if (kind === "sound" && seen?.spectrogram) return framed("sound", heat(h("canvas", { role: "img", "aria-label": label }), flipped(transposed(strip(seen.spectrogram, window?.[0]))), loudness(...range(seen.spectrogram))));
  return look(example, { small: true });
}

function framed(kind, drawn) {
  return h("span", { class: `patch ${kind}` }, drawn);
}

// Windows may reach into the padding: what is not there is grey.
export function cropped({ shape, data }, window) {
  const [rows, columns, depth = 1] = shape;
  if (!window?.[1]) return make([rows, columns, depth], data);
  const [[r0, r1], [c0, c1]] = window;
  const out = new Float32Array((r1 - r0) * (c1 - c0) * depth).fill(128);
  for (let row = Math.max(0, r0); row < Math.min(rows, r1); row += 1) {
    for (let column = Math.max(0, c0); column < Math.min(columns, c1); column += 1) {
      for (let c = 0; c < depth; c += 1) out[((row - r0) * (c1 - c0) + column - c0) * depth + c] = data[(row * columns + column) * depth + c];
    }
  }
  return make([r1 - r0, c1 - c0, depth], out);
}

function strip(spectrogram, steps) {
  if (!steps) return spectrogram;
  const [frames, bands] = spectrogram.shape;
  const [from, to] = [Math.max(0, steps[0]), Math.min(frames, steps[1])];
  return make([to - from, bands], spectrogram.data.slice(from * bands, to * bands));
}

function line(values, steps, label) {
  const series = values.shape.length > 1 ? values : make([values.shape[0], 1], values.data);
  const [count, many] = series.shape;
  const [width, height] = [120, 44];
  const drawn = Array.from({ length: Math.min(many, 4) }, (_, c) => {
    const one = channel(series, c).data;
    const y = linear(range({ data: one }), [height - 4, 4]);
    const points = (from, to) => Array.from(one.subarray(from, to), (v, t) => (Number.isFinite(v) ? `${(((from + t + 0.5) / count) * width).toFixed(1)},${y(v).toFixed(1)}` : "")).join(" ");
    const [from, to] = steps ? [Math.max(0, steps[0]), Math.min(count, steps[1])] : [0, count];
    return [steps ? svg("polyline", { class: "pale", points: points(0, count) }) : "", svg("polyline", { class: `seen c${c}`, points: points(from, to) })];
  });
  const band = steps ? svg("rect", { class: "seen-window", x: (Math.max(0, steps[0]) / count) * width, width: ((Math.min(count, steps[1]) - Math.max(0, steps[0])) / count) * width, y: 0, height }) : "";
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, band, drawn);
}

// All of an example with the window drawn around what the unit sees.
export function whole(example, window, label) {
  const drawn = look(example, { label });
  if (example.kind !== "image" || !window?.[1]) return window && example.kind !== "image" ? patch(example, example.kind === "sound" ? null : window, { label }) : drawn;
  const [rows, columns] = example.look.pixels.shape;
  const [[r0, r1], [c0, c1]] = window;
  const within = (v, n) => Math.max(0, Math.min(n, v));
  const box = h("span", { class: "patch-window", "aria-hidden": "true" });
  const places = { "--x": within(c0, columns) / columns, "--y": within(r0, rows) / rows, "--w": (within(c1, columns) - within(c0, columns)) / columns, "--h": (within(r1, rows) - within(r0, rows)) / rows };
  for (const [name, value] of Object.entries(places)) box.style.setProperty(name, value);
  return h("span", { class: "patch-whole" }, drawn, box);
}
