// Memory: how the loss gradient fades or grows back in time, and what the gates do while one example is read.

import { h, absent, choice, scrolling, table } from "./dom.js";
import { count, plural, short } from "./numbers.js";
import { heatmap } from "./heatmap.js";
import { linePlot } from "./lineplot.js";
import { sparkline } from "./sparkline.js";

const COLOURS = ["--blue", "--orange", "--green", "--purple", "--yellow", "--grey"];
const MEANING = {
  input: "how much of the candidate is taken in",
  forget: "how much of the cell is kept",
  output: "how much of the cell is shown",
  candidate: "what would be taken in",
  cell: "what is kept",
  hidden: "what other layers get to see",
  reset: "how much of the past the candidate sees",
  update: "how much of the past stays",
};
const SIGNED = ["candidate", "cell", "hidden"];

export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  element.append(h("ul", { class: "reading plainly" }, values.layers.filter((l) => l.reading).map((l) => h("li", null, l.reading))));
  back(element, values);
  if (values.gates.length) gates(element, values);
}

// --- the gradient ---

function back(element, values) {
  const figure = h("figure", null, h("figcaption", null, "Norm of the loss gradient at the state, by how many steps back"));
  element.append(h("div", { class: "plots" }, figure));
  const plot = linePlot(figure, "The norm of the loss gradient at each step back in time, by layer; its numbers are in the table below.", 300);
  figure.append(h("p", { class: "note" }, `Mean over ${plural(values.examples, "judged example")}; 8 of 10 lie between the thin lines. Level is remembered, sinking is forgotten.`));
  plot.update({ lines: values.layers.flatMap((layer, i) => curves(layer, values.layers.length, COLOURS[i % COLOURS.length], i)), log: true, across: "steps back" });
  element.append(h("details", { class: "more" }, h("summary", null, "These curves as numbers"), numbers(values.layers)));
}

function curves(layer, many, colour, place) {
  return layer.curves.flatMap((curve, i) => {
    const own = many === 1 && i ? COLOURS[1] : colour;
    const faint = (y) => ({ x: layer.steps, y, colour: own, width: 1, alpha: 0.35 });
    const name = layer.curves.length > 1 ? `${layer.label}, ${curve.name.split(" ")[0]}` : layer.label;
    const mean = { x: layer.steps, y: curve.mean, colour: own, width: 2.25 - (many > 1 && i ? 0.25 : 0), name, what: curve.name, of: layer.label, id: place };
    return [faint(curve.low), faint(curve.high), mean];
  });
}

function numbers(layers) {
  const last = Math.max(...layers.map((l) => l.steps.at(-1)));
  const steps = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].filter((s) => s < last).concat(last);
  const columns = [{ title: "layer" }, { title: "state" }, ...steps.map((s) => ({ title: s ? `${count(s)} back` : "last step", numeric: true }))];
  const rows = layers.flatMap((l) => l.curves.map((c) => [h("code", null, l.label), c.name, ...steps.map((s) => short(nearest(l.steps, c.mean, s), 2))]));
  return scrolling("The gradient back in time", table("The gradient back in time", columns, rows));
}

// The value at a step, or at the one nearest to it that is kept.
function nearest(steps, values, step) {
  if (step > steps.at(-1)) return null;
  const at = steps.findIndex((s) => s >= step);
  return values[at > 0 && step - steps[at - 1] < steps[at] - step ? at - 1 : at];
}

// --- the gates ---

function gates(element, values) {
  const { example } = values;
  const whose = example.name ? ` while it reads ${example.name}${example.true ? ` (${example.true})` : ""}` : "";
  element.append(h("h3", null, `The gates${whose}`));
  const said = h("p", { class: "reading" });
  const grid = h("div", { class: "gates" });
  const pick = (layer) => {
    said.textContent = layer.reading;
    grid.replaceChildren(read(example), ...layer.pictures.map((picture) => gate(picture, layer)));
  };
  if (values.gates.length > 1) element.append(h("div", { class: "controls" }, h("span", { class: "pair" }, h("span", { "aria-hidden": "true" }, "Layer"), choice("Layer", values.gates.map((g) => [g, g.label]), values.gates[0], pick))));
  element.append(said, grid);
  pick(values.gates[0]);
}

function read(example) {
  const figure = h("figure", null, h("figcaption", null, "what it reads", h("small", null, ` ${plural(example.steps, "step")}`)));
  if (example.lines.length) figure.append(h("div", { class: "heat" }, sparkline(example.lines, [], "The example that is read", 96)));
  else if (example.picture) heatmap(figure, flipped(example.picture), { label: "The example that is read", diverging: false, pointed: (row, column) => `feature ${example.picture.rows - 1 - row}, ${when(column, example.picture.columns, example.steps)}` });
  return figure;
}

// The first feature (of a sound the lowest band) at the foot.
function flipped(picture) {
  const text = atob(picture.bytes);
  const rows = Array.from({ length: picture.rows }, (_, row) => text.slice(row * picture.columns, (row + 1) * picture.columns));
  return { ...picture, bytes: btoa(rows.reverse().join("")) };
}

function gate(picture, layer) {
  const signed = SIGNED.includes(picture.name);
  const ends = h("span", { class: `gamut ${signed ? "signed" : ""}`, "aria-hidden": "true" }, short(picture.low, 2), h("i"), short(picture.high, 2));
  const figure = h("figure", null, h("figcaption", null, picture.name, h("small", null, ` ${MEANING[picture.name] ?? ""}`), ends));
  const label = `${picture.name} of ${layer.label}: ${picture.rows} units over ${layer.steps} steps, from ${short(picture.low, 2)} to ${short(picture.high, 2)}`;
  heatmap(figure, picture, { label, diverging: signed, pointed: (row, column) => `unit ${layer.units[row]}, ${when(column, picture.columns, layer.steps)}` });
  return figure;
}

function when(column, columns, steps) {
  const [from, to] = [Math.round((column / columns) * steps) + 1, Math.round(((column + 1) / columns) * steps)];
  return to > from ? `steps ${count(from)} to ${count(to)}` : `step ${count(from)}`;
}
