// Maps: numbers as colours, one pixel a number, on a canvas that the style sheet sizes. They follow the theme.

import { onThemeChange } from "./theme.js";
import { fitting } from "./colours.js";
import { range } from "./arrays.js";

const drawn = new WeakMap();
onThemeChange(() => {
  for (const canvas of document.querySelectorAll("canvas.map")) drawn.get(canvas)?.();
});

// Draw an array [height, width] on a canvas with a scale of colours.js (without one, the scale that fits its range).
export function heat(canvas, array, scale = fitting(range(array))) {
  canvas.classList.add("map");
  drawn.set(canvas, () => paint(canvas, array, scale));
  paint(canvas, array, scale);
  return canvas;
}

function paint(canvas, { shape: [height, width], data }, scale) {
  const image = sized(canvas, height, width);
  for (let i = 0; i < data.length; i += 1) {
    const colour = scale.of(data[i]);
    image.data[4 * i] = colour[0];
    image.data[4 * i + 1] = colour[1];
    image.data[4 * i + 2] = colour[2];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Draw a picture [height, width, 1, 3 or 4 channels] of 0..255 as it is.
export function picture(canvas, { shape: [height, width, channels = 1], data }) {
  canvas.classList.add("map");
  const image = sized(canvas, height, width);
  for (let i = 0; i < height * width; i += 1) {
    const from = i * channels;
    const grey = channels < 3;
    image.data[4 * i] = data[from];
    image.data[4 * i + 1] = data[grey ? from : from + 1];
    image.data[4 * i + 2] = data[grey ? from : from + 2];
    image.data[4 * i + 3] = channels === 4 ? data[from + 3] : 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function sized(canvas, height, width) {
  if (canvas.width !== width) canvas.width = Math.max(1, width);
  if (canvas.height !== height) canvas.height = Math.max(1, height);
  return canvas.getContext("2d").createImageData(Math.max(1, width), Math.max(1, height));
}

// Which number a pointer is over: [row, column], or null beside the map.
export function pointed(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  const column = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  return row >= 0 && column >= 0 && row < canvas.height && column < canvas.width ? [row, column] : null;
}
