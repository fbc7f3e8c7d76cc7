// Marks of classes that colour-blind eyes tell apart: a colour and a shape each; two classes never share both before the 42nd.

import { svg } from "./dom.js";

const COLOURS = ["--blue", "--orange", "--green", "--purple", "--yellow", "--grey"];
export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring", "wedge"];

export function markOf(number) {
  return { colour: COLOURS[number % COLOURS.length], shape: SHAPES[number % SHAPES.length] };
}

// The corners of a shape of size 1 around the middle; what is round has none.
const CORNERS = {
  square: "-.9 -.9 .9 -.9 .9 .9 -.9 .9",
  triangle: "0 -1.15 1.05 .8 -1.05 .8",
  diamond: "0 -1.3 1.15 0 0 1.3 -1.15 0",
  cross: "-1.1 -.35 -.35 -.35 -.35 -1.1 .35 -1.1 .35 -.35 1.1 -.35 1.1 .35 .35 .35 .35 1.1 -.35 1.1 -.35 .35 -1.1 .35",
  wedge: "0 1.15 1.05 -.8 -1.05 -.8",
};

// The way of a shape for an SVG path, or for a canvas by new Path2D of it.
export function pathOf(shape, size) {
  const sized = (v) => Number((v * size).toFixed(2));
  if (CORNERS[shape]) return `M${CORNERS[shape].split(" ").map((v) => sized(Number(v))).join(" ")}Z`;
  const circle = (r, sweep) => `M${-r} 0A${r} ${r} 0 1 ${sweep} ${r} 0A${r} ${r} 0 1 ${sweep} ${-r} 0Z`;
  return circle(sized(1), 0) + (shape === "ring" ? circle(sized(0.45), 1) : "");
}

export function badge(number) {
  const { colour, shape } = markOf(number);
  return svg("svg", { class: "badge", viewBox: "-7 -7 14 14", width: 14, height: 14, "aria-hidden": "true", style: { color: `var(${colour})` } }, svg("path", { d: pathOf(shape, 4.2), fill: "currentColor" }));
}
