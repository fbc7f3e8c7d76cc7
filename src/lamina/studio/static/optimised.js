// The input that was made to excite a unit, as its kind looks: a picture, a line, a spectrogram, or the columns it pushes most.

import { h } from "../../report/static/dom.js";
import { signed } from "../../report/static/numbers.js";
import { flipped, make, range, transposed } from "./arrays.js";
import { greys, loudness } from "./colours.js";
import { heat, picture } from "./heat.js";
import { patch } from "./patch.js";

const MOST = 3;

export function optimised(kind, array, { names = [], label = "" } = {}) {
  const canvas = () => h("canvas", { role: "img", "aria-label": label });
  if (kind === "image") {
    const [low, high] = range(array);
    const depth = array.shape[2] ?? 1;
    const stretched = make(array.shape, array.data.map((v) => (255 * (v - low)) / (high - low || 1)));
    return h("span", { class: "patch image" }, depth === 1 ? heat(canvas(), make(array.shape.slice(0, 2), array.data), greys(low, high)) : picture(canvas(), stretched));
  }
  if (kind === "series") return patch({ kind, look: { values: array } }, null, { label });
  if (kind === "sound" && array.shape.length === 2) return h("span", { class: "patch sound" }, heat(canvas(), flipped(transposed(array)), loudness(...range(array))));
  if (kind === "sound") return patch({ kind: "series", look: { values: make([array.data.length, 1], array.data) } }, null, { label });
  const order = [...array.data.keys()].sort((a, b) => Math.abs(array.data[b]) - Math.abs(array.data[a])).slice(0, MOST);
  const most = Math.abs(array.data[order[0]]) || 1;
  return h("ul", { class: "pushes" }, order.map((i) => h("li", { class: array.data[i] < 0 ? "against" : "for" }, h("span", { class: "push-name", title: names[i] }, names[i] ?? `input ${i + 1}`), h("span", { class: "push-bar", "aria-hidden": "true", style: { "--share": Math.abs(array.data[i]) / most } }), h("span", null, signed(array.data[i], 1)))));
}
