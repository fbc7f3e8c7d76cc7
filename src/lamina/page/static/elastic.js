// A unit with a window, taken apart: what each input channel gives, their sum with the bias, and what the activation makes of it.

import { activate } from "./activation.js";
import { channelsSeen, convolved, kernelOf, mapOf, movesOf, productsAt, summed, windowAt } from "./convolution.js";
import { unitsOf } from "./organ.js";

// {moves, rows, columns, terms: [{channel, map, kernel, result}], bias, activation, sum, output}, all maps.
export function apart({ organ, source, input, output, weights, unit }) {
  const moves = movesOf(organ.settings);
  const shown = mapOf(output, unit);
  const { rows, columns } = shown;
  const channels = input.shape.at(-1);
  const terms = channelsSeen(channels, unitsOf(organ), unit, moves.groups).map(({ channel, place }) => {
    const map = mapOf(input, channel);
    const kernel = kernelOf(weights.weight, place, unit);
    return { channel, map, kernel, result: convolved(map, kernel, moves, rows, columns) };
  });
  const bias = weights.bias?.data[unit] ?? 0;
  return { organ, source, unit, moves, rows, columns, terms, bias, activation: organ.settings.activation ?? "linear", sum: summed(terms.map((term) => term.result), bias), output: shown };
}

export function cellOf(unit, place) {
  const parts = unit.terms.map((term) => productsAt(term.map, term.kernel, place, unit.moves));
  const sum = parts.reduce((total, part) => total + part.value, unit.bias);
  return { parts, sum, output: activate(unit.activation, sum) };
}

export function pooledAt(map, place, moves, kind) {
  const window = windowAt(map, place, moves);
  const there = window.cells.filter((cell) => cell.there);
  if (kind === "avgpool") return { ...window, won: -1, value: there.reduce((sum, cell) => sum + cell.value, 0) / there.length };
  let won = -1;
  window.cells.forEach((cell, i) => {
    if (cell.there && (won < 0 || cell.value > window.cells[won].value)) won = i;
  });
  return { ...window, won, value: won < 0 ? 0 : window.cells[won].value };
}

export function frameAt([row, column], moves) {
  const span = moves.kernel.map((size, axis) => (size - 1) * moves.dilation[axis] + 1);
  return { from: [row * moves.stride[0] - moves.before[0], column * moves.stride[1] - moves.before[1]], size: span };
}
