// The layers as a ladder from the input up: which have units worth a look, one of them chosen.
//
// rungs(organs) -> [{path, kind, description, units, axes, depth}], the first layer first. No DOM here.

const PASSING = new Set(["input", "answer", "flatten", "dropout", "activation", "augmentation", "image", "series", "sound", "table", "positions", "sum"]);

// Layers that learn or join what others learned; what only hands on or reshapes has no features of its own.
export function rungs(organs) {
  const found = organs.filter((o) => o.path && o.path !== "answer" && !PASSING.has(o.kind) && (o.parameters > 0 || o.kind === "residual" || o.kind === "concatenate" || o.kind === "pool") && o.output_shape.length);
  return found.map((o) => ({ path: o.path, kind: o.kind, description: o.description, units: o.output_shape.at(-1), shape: o.output_shape, axes: o.axes }));
}

// What the rung shows first: the state's layer, or that below it, or the first.
export function rungOf(found, path) {
  return found.find((r) => r.path === path) ?? found[0];
}

// The unit that a state names: the last number of "0,3,4".
export function unitOf(text, units) {
  const last = Number(String(text ?? "").split(",").at(-1));
  return String(text ?? "") !== "" && Number.isInteger(last) && last >= 0 && last < units ? last : null;
}

// Over some rows of a table, what they have in common: the columns of numbers whose range there is narrowest beside the
// range of all, and the categories that most of them share. rows: [{column: value}], columns: [{name, kind, range}].
export function common(rows, columns, most = 3) {
  const found = columns.map((column) => shared(rows.map((row) => row[column.name]).filter((v) => v !== null && v !== undefined), column)).filter(Boolean);
  return found.sort((a, b) => a.width - b.width).slice(0, most);
}

function shared(values, { name, kind, range }) {
  if (values.length < 2) return null;
  if (kind === "number" && range && range[1] > range[0]) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return { name, low, high, from: (low - range[0]) / (range[1] - range[0]), to: (high - range[0]) / (range[1] - range[0]), width: (high - low) / (range[1] - range[0]) };
  }
  if (kind === "number") return null;
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [value, n] = [...counts].sort((a, b) => b[1] - a[1])[0];
  return { name, value: String(value), share: n / values.length, width: 1 - n / values.length + 0.001 };
}
