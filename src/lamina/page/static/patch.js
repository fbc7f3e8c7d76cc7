// A piece of an example as a layer's unit sees it: the pixels of its window, its steps on the pale line, its moment of a sound.
//
// patch(example, window, label) -> an element; without a window all of the example.

import { h, svg } from "./dom.js";
import { linear } from "./scale.js";
import { channel, flipped, make, range, transposed } from "./arrays.js";
import { line } from "./axes.js";
import { loudness } from "./colours.js";
import { heat, picture } from "./heat.js";
import { look } from "./look.js";

export function patch(example, window, label = `What a unit sees of ${example.name ?? "it"}`) {
  const { look: seen, kind } = example;
  const canvas = () => h("canvas", { role: "img", "aria-label": label });
  const framed = (drawn) => h("span", { class: `patch ${kind}` }, drawn);
  if (kind === "image" && seen?.pixels) return framed(picture(canvas(), cropped(seen.pixels, window)));
  if (kind === "series" && seen?.values) return framed(lined(seen.values, { steps: window?.[0], label, under: window && seen.values }));
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

// A series as lines, over a pale one (all of it, or another); steps: only those, on a band.
export function lined({ shape: [count, many = 1], data }, { steps, label, under }) {
  const [from, to] = steps ?? [0, count];
  const x = linear([-0.5, count - 0.5], [0, 120]);
  const of = (all, c) => channel(make([count, many], all.subarray(0, count * many)), c);
  const drawn = Array.from({ length: Math.min(many, 4) }, (_, c) => {
    const [one, other] = [of(data, c), of(under?.data ?? data, c)];
    const y = linear(range(one, other), [40, 4]);
    return [under ? line(other.data, x, y, "pale") : "", line(one.data.map((v, t) => (t >= from && t < to ? v : NaN)), x, y, `tone${c}`)];
  });
  return svg("svg", { viewBox: "0 0 120 44", preserveAspectRatio: "none", role: "img", "aria-label": label }, steps ? svg("rect", { class: "band", x: x(from - 0.5), width: x(to) - x(from), y: 0, height: 44 }) : "", drawn);
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
