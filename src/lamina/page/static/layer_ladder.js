// The layers as a ladder from the input up: which of them have units worth a look. No DOM here.

const JOINING = new Set(["residual", "concatenate", "pool"]);
const READING = new Set(["input", "answer", "image", "series", "sound", "table"]);

// Layers that learn, join or choose; what only hands on or reshapes has no features of its own.
export function rungs(organs) {
  const found = organs.filter((o) => o.path && !READING.has(o.kind) && (o.parameters > 0 || JOINING.has(o.kind)) && o.output_shape.length);
  return found.map(({ path, kind, description, output_shape: shape, axes }) => ({ path, kind, description, shape, axes, units: shape.at(-1) }));
}

export function rungOf(found, path) {
  return found.find((r) => r.path === path) ?? found[0];
}

// The unit that a state names: the last number of "0,3,4", if the layer has so many.
export function unitOf(text, units) {
  const last = Number(String(text ?? "").split(",").at(-1));
  return text && Number.isInteger(last) && last >= 0 && last < units ? last : null;
}

// The place in a layer's output where an example excites a unit, as Network names it.
export function indexOf(at, unit, shape) {
  if (at?.length === shape.length) return at.join();
  return [...(at?.length === shape.length - 1 ? at : shape.slice(0, -1).map((n) => n >> 1)), unit].join();
}
