// Scales from a number to a colour. Diverging ones go from orange (below zero) over the paper to blue (above), sequential
// ones from the paper to blue; both are read from the style sheet, so they follow the theme, and keep apart for colour-blind
// eyes. Scales are plain objects: {kind, low, high, of(value) -> [r, g, b], css(value) -> "rgb(…)", ink(value) -> "rgb(…)"}.

import { isDark } from "./theme.js";

// From quiet to loud, the same in both themes (as the report draws spectrograms).
const LOUDNESS = [[14, 14, 40], [74, 26, 110], [176, 48, 92], [238, 128, 48], [255, 238, 178]];
const GREYS = [[0, 0, 0], [255, 255, 255]];
const STEPS = 256;
const MISSING = [128, 128, 128];

// -limit is orange, zero the paper, +limit blue.
export function diverging(limit) {
  const most = limit > 0 && Number.isFinite(limit) ? limit : 1;
  return scale("diverging", -most, most, () => themed(["--orange", "--sunk", "--blue"]));
}

export function sequential(low, high) {
  return scale("sequential", low, high, () => themed(["--sunk", "--blue"]));
}

// Pictures as they are: dark to light.
export function greys(low = 0, high = 1) {
  return scale("greys", low, high, () => GREYS);
}

export function loudness(low = 0, high = 1) {
  return scale("loudness", low, high, () => LOUDNESS);
}

// Numbers that can be below zero get the diverging scale, others the sequential one.
export function fitting([low, high]) {
  return low < 0 ? diverging(Math.max(-low, high)) : sequential(0, high > 0 ? high : 1);
}

export function scale(kind, low, high, stops) {
  const span = high - low || 1;
  const of = (value) => {
    if (!Number.isFinite(value)) return MISSING;
    const share = Math.min(1, Math.max(0, (value - low) / span));
    return palette(stops())[Math.round(share * (STEPS - 1))];
  };
  return { kind, low, high, of, css: (value) => css(of(value)), ink: (value) => (luminance(of(value)) > 0.179 ? "rgb(0, 0, 0)" : "rgb(255, 255, 255)") };
}

export function css([red, green, blue]) {
  return `rgb(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)})`;
}

// The colours of a scale as a gradient, for its legend.
export function gradient(drawn, way = "90deg") {
  const at = [0, 0.25, 0.5, 0.75, 1].map((share) => drawn.css(drawn.low + share * (drawn.high - drawn.low)));
  return `linear-gradient(${way}, ${at.join(", ")})`;
}

// Relative luminance as WCAG defines it.
export function luminance(channels) {
  const [red, green, blue] = channels.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const palettes = new Map();

function palette(stops) {
  const key = stops.join(" ");
  if (!palettes.has(key)) palettes.set(key, Array.from({ length: STEPS }, (_, step) => between(stops, step / (STEPS - 1))));
  return palettes.get(key);
}

export function between(stops, share) {
  const place = Math.min(share * (stops.length - 1), stops.length - 1.000001);
  const first = Math.floor(place);
  return stops[first].map((value, i) => value + (stops[first + 1][i] - value) * (place - first));
}

const read = new Map(); // colours of the style sheet, by theme

function themed(names) {
  const key = `${isDark()} ${names.join(" ")}`;
  if (!read.has(key)) read.set(key, names.map(channels));
  return read.get(key);
}

// A custom property of the style sheet as [red, green, blue].
export function channels(name) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return found.slice(0, 3);
}
