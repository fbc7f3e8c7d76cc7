// A picture of values over time: a row a unit, a column a step or the mean of some, colours from the style sheet.
//
// heatmap(element, picture, {label, diverging, pointed}): {rows, columns, low, high, bytes in base64}. Diverging colours
// go from orange below zero to blue above it, others from the paper to blue.

import { h } from "./dom.js";
import { short } from "./numbers.js";
import { colour, onThemeChange } from "./theme.js";

export function heatmap(element, picture, { label, diverging, pointed }) {
  const canvas = h("canvas", { role: "img", "aria-label": label, width: picture.columns, height: picture.rows });
  const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const frame = h("div", { class: "heat" }, canvas, tip);
  const bytes = Uint8Array.from(atob(picture.bytes), (c) => c.charCodeAt(0));
  element.append(frame);

  function draw() {
    if (!frame.isConnected) return;
    const stops = (diverging ? ["--orange", "--sunk", "--blue"] : ["--sunk", "--blue"]).map((name) => channels(colour(canvas, name)));
    const palette = Array.from({ length: 256 }, (_, byte) => between(stops, byte / 255));
    const context = canvas.getContext("2d");
    const image = context.createImageData(picture.columns, picture.rows);
    bytes.forEach((byte, at) => image.data.set([...palette[byte], 255], 4 * at));
    context.putImageData(image, 0, 0);
  }

  frame.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * picture.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * picture.rows);
    tip.hidden = column < 0 || row < 0 || column >= picture.columns || row >= picture.rows;
    if (tip.hidden) return;
    const value = picture.low + (bytes[row * picture.columns + column] / 255) * (picture.high - picture.low);
    tip.replaceChildren(h("b", null, short(value, 2)), h("span", null, pointed(row, column)));
    tip.style.left = `${Math.min(Math.max(2, event.clientX - box.left + 12), frame.clientWidth - tip.offsetWidth - 2)}px`;
    tip.style.top = `${Math.max(0, event.clientY - box.top - tip.offsetHeight - 10)}px`;
  });
  frame.addEventListener("pointerleave", () => (tip.hidden = true));
  onThemeChange(draw, frame);
  new ResizeObserver(draw).observe(frame); // colours are known once it stands on the page
}

function channels(text) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = text;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function between(stops, share) {
  const at = Math.min(share * (stops.length - 1), stops.length - 1.000001);
  const [low, high, part] = [stops[Math.floor(at)], stops[Math.floor(at) + 1], at - Math.floor(at)];
  return low.map((v, i) => v + (high[i] - v) * part);
}
