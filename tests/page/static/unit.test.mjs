// A unit taken apart, the terms of a sum, attention, and which examples are shown: against sums written out.

import assert from "node:assert/strict";
import test from "node:test";

import { attended } from "../../../src/lamina/page/static/attention.js";
import { apart, cellOf, frameAt, pooledAt } from "../../../src/lamina/page/static/elastic.js";
import { movesOf } from "../../../src/lamina/page/static/convolution.js";
import { difference, groupsOf, inWords, origin, ranked, termsOf } from "../../../src/lamina/page/static/terms.js";
import { slotNames } from "../../../src/lamina/page/static/organ.js";

const noise = (n, seed = 1) => Float32Array.from({ length: n }, (_, i) => Math.sin(7.77 * (i + 1) * seed) * 2);
const near = (a, b, by = 1e-5) => assert.ok(Math.abs(a - b) < by, `${a} is not ${b}`);

test("a convolutional unit: parts of all channels, bias, sum, activation", () => {
  const organ = { settings: { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [[1, 1], [1, 1]], activation: "relu" }, output_shape: [4, 4, 2] };
  const [input, weight] = [{ shape: [4, 4, 3], data: noise(48) }, { shape: [3, 3, 3, 2], data: noise(54, 2) }];
  const bias = { shape: [2], data: Float32Array.from([0.5, -1]) };
  const taken = apart({ organ, source: {}, input, output: { shape: [4, 4, 2], data: noise(32) }, weights: { weight, bias }, unit: 1 });
  let sum = -1;
  for (let i = 0; i < 3; i += 1) for (let j = 0; j < 3; j += 1) for (let k = 0; k < 3; k += 1) {
    const [y, x] = [0 + i - 1, 2 + j - 1];
    if (y >= 0 && x < 4) sum += input.data[(y * 4 + x) * 3 + k] * weight.data[((i * 3 + j) * 3 + k) * 2 + 1];
  }
  const at = cellOf(taken, [0, 2]);
  near(at.sum, sum);
  near(at.output, Math.max(0, sum));
  near(at.parts.reduce((total, part) => total + part.value, -1), sum);
  near(taken.sum.data[2], sum);
  assert.deepEqual(frameAt([0, 2], taken.moves), { from: [-1, 1], size: [3, 3] });
});

test("a pool: the first of the largest wins; a mean counts what is there", () => {
  const map = { rows: 2, columns: 4, data: Float32Array.from([1, 5, 2, 2, 5, 0, 2, 2]) };
  const moves = movesOf({ window: [2, 2], stride: [2, 2], padding: [[0, 0], [0, 0]] });
  assert.deepEqual([pooledAt(map, [0, 0], moves, "pool").won, pooledAt(map, [0, 0], moves, "pool").value], [1, 5]);
  assert.equal(pooledAt(map, [0, 1], moves, "avgpool").value, 2);
  const outside = movesOf({ window: [2, 2], stride: [2, 2], padding: [[1, 1], [1, 1]] });
  assert.equal(pooledAt(map, [0, 0], outside, "avgpool").value, 1);
});

test("terms know their place, through what only hands on", () => {
  const byPath = new Map([["2.pool", { path: "2.pool", kind: "pool", output_shape: [2, 2, 3], sources: ["1"] }], ["3.flatten", { path: "3.flatten", kind: "flatten", output_shape: [12], sources: ["2.pool"] }], ["4.dropout", { path: "4.dropout", kind: "dropout", output_shape: [12], sources: ["3.flatten"] }]]);
  assert.deepEqual(origin(byPath, "4.dropout", [7]), { path: "2.pool", index: [1, 0, 1] });
  const array = (data) => ({ shape: [2, 2], data });
  const part = { inputs: array([1, 2, 3, 4]), weights: array([1, 1, 1, 1]), products: array([1, 2, 3, 4]), there: array([0, 1, 1, 1]), start: [-1, 3, 5], step: [1, 2], axes: [0, 1], bias: 1 };
  const terms = termsOf(part);
  assert.deepEqual(terms.map((term) => term.index), [[-1, 3, 5], [-1, 5, 5], [0, 3, 5], [0, 5, 5]]);
  assert.deepEqual(terms.map((term) => term.there), [false, true, true, true]);
  assert.deepEqual(ranked(terms, part.bias).map((term) => term.running), [5, 8, 10, 11]);
});

test("why one and not the other is the difference of two sums", () => {
  const sum = (weights, bias) => ({ inputs: { shape: [2], data: [1, 2] }, weights: { shape: [2], data: weights }, products: { shape: [2], data: [weights[0], 2 * weights[1]] }, bias, value: weights[0] + 2 * weights[1] + bias });
  const found = difference(sum([3, 1], 0.5), sum([1, 2], 0.25));
  assert.deepEqual([found.value, found.bias, ...found.products.data], [0.25, 0.25, 2, -2]);
});

test("in words: silent, and what pulled it down", () => {
  const said = inWords({ products: [{ at: 0, product: -2 }, { at: 1, product: 0.5 }], output: { function: "relu", input: -1.5, value: 0 }, name: "The unit", nameTerm: (term) => `input ${term.at}` });
  assert.match(said.join(" "), /silent.*−1\.5.*input 0, −2/);
});

test("gates and heads keep their parts together, the last ones by themselves", () => {
  const names = ["input gate from x", "input gate from hidden", "input gate sum", "input gate", "cell", "tanh of cell", "hidden"];
  assert.deepEqual(groupsOf(names.map((name) => ({ name }))).map((group) => [group.name, group.parts.length]), [["input gate", 4], ["hidden", 3]]);
});

test("attention: shares of a softmax over the steps that are seen", () => {
  const [steps, features] = [3, 4];
  const [x, weight, bias] = [{ shape: [steps, features], data: noise(12) }, { shape: [4, 12], data: noise(48, 3) }, { shape: [12], data: noise(12, 5) }];
  const heads = attended(x, { weight, bias }, 2, { causal: true });
  const packed = (t, column) => x.data.subarray(t * 4, t * 4 + 4).reduce((sum, value, f) => sum + value * weight.data[f * 12 + column], bias.data[column]);
  const score = (head, q, k) => [0, 1].reduce((sum, i) => sum + packed(q, head * 2 + i) * packed(k, 4 + head * 2 + i), 0) / Math.SQRT2;
  for (let head = 0; head < 2; head += 1) {
    near(heads[head].scores.data[2 * 3 + 1], score(head, 2, 1), 1e-4);
    const powers = [0, 1].map((k) => Math.exp(score(head, 1, k)));
    near(heads[head].shares.data[1 * 3], powers[0] / (powers[0] + powers[1]));
    assert.equal(heads[head].shares.data[1 * 3 + 2], 0);
  }
});

test("what columns become: numbers, indicators, vectors", () => {
  const names = slotNames({ settings: { numbers: 1, cardinalities: [3, 40], periodic: 0 } }, ["age", "sex", "town"]);
  assert.deepEqual(names.slice(0, 4), ["age", "sex missing", "sex, code 2", "town [0]"]);
  assert.equal(names.length, 1 + 2 + 16);
});
