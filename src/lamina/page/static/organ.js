// An organ as a person meets it: its name, its size in words, and of what shape its units are.

const NAMES = {
  input: "input", image: "standardised", series: "standardised", table: "columns as numbers", sound: "spectrogram", conv: "conv", pool: "max-pool",
  avgpool: "mean-pool", globalpool: "global pool", dense: "dense", flatten: "flatten", dropout: "dropout", activation: "activation",
  batchnorm: "batch norm", layernorm: "layer norm", residual: "add", concatenate: "join", sum: "add", transformer: "add", attention: "attention",
  positions: "positions", lstm: "LSTM", gru: "GRU", rnn: "RNN", last: "last step", mean: "mean", max: "largest", frames: "frames", embedding: "embedding",
};
export const RECURRENT = ["lstm", "gru", "rnn"];
const PASSING = ["flatten", "dropout", "frames", "specaugment"];

export function nameOf(organ, task) {
  if (organ.path === "answer") return task === "regression" ? "answer" : organ.settings?.function === "softmax" ? "softmax" : "answer";
  if (organ.kind === "activation") return organ.settings?.function ?? "activation";
  if (organ.kind === "conv" || organ.kind === "dense") return `${NAMES[organ.kind]} ${organ.output_shape.at(-1)}`;
  return NAMES[organ.kind] ?? organ.kind;
}

export function sizeOf(shape) {
  return shape.join("\u202f×\u202f");
}

// How the output is drawn: "maps" [h, w, c], "lines" [time, feature] or "cells" [feature]; each unit one of the last axis.
export function formOf({ output_shape: shape }) {
  return { 3: "maps", 2: "lines" }[shape.length] ?? "cells";
}

export function unitsOf(organ) {
  return organ.output_shape.at(-1) ?? 1;
}

// It hands on what it was given, one number for one: drawn as a narrow strip.
export function isPassing(organ) {
  return PASSING.includes(organ.kind);
}

export function hasWindow(organ) {
  return (organ.kind === "conv" || organ.kind === "pool" || organ.kind === "avgpool") && organ.output_shape.length > 1;
}

export function unitWord(organ) {
  return { maps: "channel", lines: "feature", cells: organ.axes?.[0] === "class" ? "class" : organ.axes?.[0] === "column" ? "column" : "unit" }[formOf(organ)];
}

export function indexOf(organ, unit, cell) {
  return [...cell.slice(0, organ.output_shape.length - 1), unit];
}

// "3" or "0,3,4" (a whole index, its last the unit) and "0,3" to {unit, cell}, or null where there is no such unit.
export function chosenOf(organ, unitText, cellText) {
  if (unitText === undefined || unitText === null || unitText === "") return { unit: null, cell: null };
  const numbers = String(unitText).split(",").map(Number);
  const places = cellText ? String(cellText).split(",").map(Number) : numbers.slice(0, -1);
  const unit = numbers.at(-1);
  const around = organ.output_shape.slice(0, -1);
  const within = (value, size) => Number.isInteger(value) && value >= 0 && value < size;
  if (!within(unit, unitsOf(organ))) return { unit: null, cell: null };
  if (!around.length) return { unit, cell: [] };
  const good = places.length === around.length && places.every((place, i) => within(place, around[i]));
  return { unit, cell: good ? places : null };
}

// Where a number of a flattened output stands: its index in the output before it was flattened.
export function unflattened(shape, at) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(at % size);
    at = Math.floor(at / size);
  }
  return index;
}

export function placeInWords(axes, index) {
  const said = { height: "row", width: "column" };
  return index.map((value, i) => `${said[axes[i]] ?? axes[i] ?? "place"} ${value}`).join(", ");
}

const ONE_HOT = 10; // categories with so many codes or fewer are indicators, others learned vectors

// What the features that a table's columns become are called: numbers, their waves, indicators of codes, learned vectors.
export function slotNames(organ, names = []) {
  const { numbers = 0, cardinalities = [], periodic = 0 } = organ.settings ?? {};
  const column = (i) => names[i] ?? `column ${i}`;
  const all = Array.from({ length: numbers }, (_, i) => column(i));
  if (periodic && numbers) for (let i = 0; i < numbers; i += 1) for (let k = 1; k <= 3; k += 1) all.push(`${column(i)}, wave ${k}`);
  cardinalities.forEach((codes, i) => {
    if (codes > ONE_HOT) return;
    for (let code = 1; code < codes; code += 1) all.push(code === 1 ? `${column(numbers + i)} missing` : `${column(numbers + i)}, code ${code}`);
  });
  cardinalities.forEach((codes, i) => {
    if (codes <= ONE_HOT) return;
    for (let k = 0; k < Math.min(16, Math.floor((codes + 1) / 2)); k += 1) all.push(`${column(numbers + i)} [${k}]`);
  });
  return all;
}
