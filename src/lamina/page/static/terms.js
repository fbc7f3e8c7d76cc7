// Terms of a weighted sum: where each input stands in the layer that it comes from, and which weighed most.

import { isPassing, unflattened } from "./organ.js";

// [{at, index, there, input, weight, product}] of Products in their own order; index is the place in the output of `of`.
export function termsOf(part) {
  const { shape } = part.inputs;
  return Array.from(part.inputs.data, (input, at) => ({
    at,
    index: indexOfTerm(part, unflattened(shape, at)),
    there: Boolean(part.there?.data?.[at] ?? 1),
    input,
    weight: part.weights?.data[at],
    product: part.products?.data[at] ?? 0,
  }));
}

function indexOfTerm(part, place) {
  const index = [...part.start];
  part.axes.forEach((axis, i) => (index[axis] = part.start[axis] + part.step[i] * place[i]));
  return index;
}

// Through layers that hand on what they are given, back to where a number was made: {path, index}.
export function origin(byPath, path, index) {
  const organ = byPath.get(path);
  if (!organ || !isPassing(organ) || organ.kind === "frames" || !organ.sources.length) return { path, index };
  const source = byPath.get(organ.sources[0]);
  const back = organ.kind === "flatten" ? unflattened(source.output_shape, index[0]) : index;
  return origin(byPath, source.path, back);
}

export function ranked(terms, bias) {
  let running = bias;
  return [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product) || a.at - b.at).map((term) => ({ ...term, running: (running += term.product) }));
}

// What speaks for one output and against another: the difference of their weighted sums of the same inputs.
export function difference(one, other) {
  const minus = (a, b) => ({ shape: a.shape, data: a.data.map((value, i) => value - b.data[i]) });
  return { ...one, weights: minus(one.weights, other.weights), products: minus(one.products, other.products), bias: one.bias - other.bias, value: one.value - other.value };
}

// What happened in one sentence or two: why a unit is silent, what weighed most.
export function inWords({ products, output, name, nameTerm }) {
  const terms = ranked(products.filter((term) => term.product !== 0), 0);
  const [up, down] = [terms.find((term) => term.product > 0), terms.find((term) => term.product < 0)];
  const said = [];
  if (output === undefined) return said;
  if (output.function === "relu" && output.value === 0) {
    said.push(`${name} is silent here: its sum is ${text(output.input)}, and ReLU makes 0 of everything below zero.`);
    if (down) said.push(`What pulled it down most: ${nameTerm(down)}, ${text(down.product)}.`);
  } else if (up || down) {
    const most = terms[0];
    said.push(`What weighed most: ${nameTerm(most)}, ${most.product > 0 ? "+" : ""}${text(most.product)}${most === up && down ? `; against it most: ${nameTerm(down)}, ${text(down.product)}` : most === down && up ? `; for it most: ${nameTerm(up)}, +${text(up.product)}` : ""}.`);
  }
  return said;
}

function text(value) {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

// Parts that belong together by their names: a gate with its sums, a head with its scores; what comes of all of them last.
export function groupsOf(parts) {
  const stem = (name) => name.replace(/ (from x|from hidden|sum|score|shares|adds)$/, "");
  const count = (name) => parts.filter((part) => stem(part.name) === name).length;
  const groups = new Map();
  for (const part of parts) {
    const name = count(stem(part.name)) > 1 ? stem(part.name) : parts.at(-1).name;
    groups.set(name, [...(groups.get(name) ?? []), part]);
  }
  return [...groups].map(([name, held]) => ({ name, parts: held }));
}
