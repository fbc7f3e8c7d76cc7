// Tiles: maps painted on small canvases, one pixel a number, from 256 colours made once a scale. They follow the theme.

import { onThemeChange } from "./theme.js";
import { fitting } from "./colours.js";

export const scaleFor = fitting;

const painted = new WeakMap();
onThemeChange(() => {
  for (const canvas of document.querySelectorAll("canvas.tile")) if (painted.has(canvas)) paint(canvas, ...painted.get(canvas));
});

const palettes = new Map(); // by the colours at a scale's ends and middle

function palette({ low, high, of, css }) {
  const key = [low, (low + high) / 2, high].map(css).join();
  if (!palettes.has(key)) {
    const colour = (_, i) => of(low + (i / 255) * (high - low)).reduceRight((word, channel) => (word << 8) | Math.round(channel), 255);
    palettes.set(key, Uint32Array.from({ length: 256 }, colour));
  }
  return palettes.get(key);
}

export function laid(map) {
  return map.columns === 1 && map.rows > 1 ? { rows: 1, columns: map.rows, data: map.data, turned: true } : map;
}

export function paint(canvas, map, scale) {
  canvas.classList.add("tile");
  painted.set(canvas, [map, scale]);
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

const fills = new WeakMap();

// A box in the colour of a value, in either theme.
export function fill(box, value, scale) {
  if (!fills.has(box)) onThemeChange(() => fills.get(box)(), box);
  const drawn = () => {
    box.style.setProperty("--fill", scale.css(value));
    box.style.setProperty("--on", scale.ink(value));
  };
  fills.set(box, drawn);
  drawn();
  return box;
}
