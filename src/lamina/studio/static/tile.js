// Tiles: maps painted on small canvases, one pixel a number, from 256 colours made once a scale. They follow the theme.

import { onThemeChange } from "../../report/static/theme.js";
import { diverging, sequential } from "./colours.js";

const painted = new WeakMap();
onThemeChange(() => {
  for (const canvas of document.querySelectorAll("canvas.tile")) {
    const last = painted.get(canvas);
    if (last) paint(canvas, last.map, last.scale());
  }
});

// A scale for numbers between two bounds: with zero in its middle where some are below it.
export function scaleFor([low, high]) {
  return low < 0 ? diverging(Math.max(-low, high)) : sequential(0, high > 0 ? high : 1);
}

const pixels = new Map();

function palette(scale) {
  const ends = [scale.css(scale.low), scale.css((scale.low + scale.high) / 2), scale.css(scale.high)].join();
  if (!pixels.has(ends)) {
    const colours = new Uint32Array(256);
    for (let i = 0; i < 256; i += 1) {
      const [r, g, b] = scale.of(scale.low + (i / 255) * (scale.high - scale.low)).map(Math.round);
      colours[i] = (255 << 24) | (b << 16) | (g << 8) | r;
    }
    if (pixels.size > 64) pixels.clear();
    pixels.set(ends, colours);
  }
  return pixels.get(ends);
}

// A map of one column is laid on its side, so that time runs to the right.
export function laid(map) {
  return map.columns === 1 && map.rows > 1 ? { rows: 1, columns: map.rows, data: map.data, turned: true } : map;
}

// Paint a map with a scale of colours.js; `again` makes the scale anew when the theme has changed.
export function paint(canvas, map, scale, again = () => scale) {
  canvas.classList.add("tile");
  painted.set(canvas, { map, scale: again });
  const { rows, columns, data } = laid(map);
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const out = new Uint32Array(image.data.buffer);
  const colours = palette(scale);
  const factor = 255 / (scale.high - scale.low || 1);
  for (let i = 0; i < out.length; i += 1) out[i] = colours[Math.max(0, Math.min(255, Math.round((data[i] - scale.low) * factor)))] ?? colours[0];
  context.putImageData(image, 0, 0);
}
