// Marks of classes that colour-blind eyes tell apart: a colour and a shape each; two classes never share both before the 42nd.

const COLOURS = ["--blue", "--orange", "--green", "--purple", "--yellow", "--grey"];
export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring", "wedge"];

export function markOf(number) {
  return { colour: COLOURS[number % COLOURS.length], shape: SHAPES[number % SHAPES.length] };
}

// The corners of a shape of size 1 around the middle; what is round has none.
const CORNERS = {
  square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  triangle: [[0, -1.15], [1.05, 0.8], [-1.05, 0.8]],
  diamond: [[0, -1.3], [1.15, 0], [0, 1.3], [-1.15, 0]],
  cross: [[-1.1, -0.35], [-0.35, -0.35], [-0.35, -1.1], [0.35, -1.1], [0.35, -0.35], [1.1, -0.35], [1.1, 0.35], [0.35, 0.35], [0.35, 1.1], [-0.35, 1.1], [-0.35, 0.35], [-1.1, 0.35]],
  wedge: [[0, 1.15], [1.05, -0.8], [-1.05, -0.8]],
};

// The way of a shape as an SVG path, or on a canvas by new Path2D of it.
export function pathOf(shape, size) {
  const corners = CORNERS[shape];
  if (corners) return `${corners.map(([x, y], i) => `${i ? "L" : "M"}${(x * size).toFixed(2)} ${(y * size).toFixed(2)}`).join("")}Z`;
  const circle = (r) => `M${-r} 0A${r} ${r} 0 1 0 ${r} 0A${r} ${r} 0 1 0 ${-r} 0Z`;
  return circle(Number(size.toFixed(2))) + (shape === "ring" ? `M${(-size * 0.45).toFixed(2)} 0A${(size * 0.45).toFixed(2)} ${(size * 0.45).toFixed(2)} 0 1 1 ${(size * 0.45).toFixed(2)} 0A${(size * 0.45).toFixed(2)} ${(size * 0.45).toFixed(2)} 0 1 1 ${(-size * 0.45).toFixed(2)} 0Z` : "");
}
