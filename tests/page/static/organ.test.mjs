// Organs in words, units and cells from the texts of a URL, and edges from weights.

import assert from "node:assert/strict";
import test from "node:test";

import { edgesInto } from "../../../src/lamina/page/static/edges.js";
import { chosenOf, formOf, indexOf, nameOf, placeInWords, sizeOf, unflattened } from "../../../src/lamina/page/static/organ.js";

const conv = { path: "1.conv", kind: "conv", output_shape: [4, 5, 3], axes: ["height", "width", "channel"], settings: {} };
const dense = { path: "3.dense", kind: "dense", output_shape: [2], axes: ["class"], settings: {} };

test("names and sizes", () => {
  assert.equal(nameOf(conv), "conv 3");
  assert.equal(nameOf({ path: "answer", settings: { function: "softmax" }, output_shape: [2] }, "classification"), "softmax");
  assert.equal(sizeOf([4, 5, 3]).replace(/\s/g, ""), "4×5×3");
  assert.equal(formOf(conv) + formOf(dense), "mapscells");
});

test("a unit and its cell come from the URL, or nothing does", () => {
  assert.deepEqual(chosenOf(conv, "2", "3,4"), { unit: 2, cell: [3, 4] });
  assert.deepEqual(chosenOf(conv, "3,4,2"), { unit: 2, cell: [3, 4] });
  assert.deepEqual(chosenOf(conv, "2"), { unit: 2, cell: null });
  assert.deepEqual(chosenOf(conv, "2", "9,9"), { unit: 2, cell: null });
  assert.deepEqual(chosenOf(conv, "7"), { unit: null, cell: null });
  assert.deepEqual(chosenOf(dense, "1"), { unit: 1, cell: [] });
  assert.deepEqual(chosenOf(dense, "<b>"), { unit: null, cell: null });
  assert.deepEqual(indexOf(conv, 2, [3, 4]), [3, 4, 2]);
});

test("a flattened number is at one pixel of one channel", () => {
  const shape = [4, 5, 3];
  let at = 0;
  for (let r = 0; r < 4; r += 1) for (let c = 0; c < 5; c += 1) for (let k = 0; k < 3; k += 1) assert.deepEqual(unflattened(shape, at++), [r, c, k]);
  assert.equal(placeInWords(conv.axes, [3, 4, 1]), "row 3, column 4, channel 1");
});

test("an edge weighs what a kernel does to a flat picture, or its weight", () => {
  const weight = { shape: [1, 2, 2, 3], data: Float32Array.from({ length: 12 }, (_, i) => i) };
  const edges = edgesInto(conv, [4, 5, 2], 1, { weight });
  assert.deepEqual(edges, [{ from: 0, weight: 1 + 7 }, { from: 1, weight: 4 + 10 }]);
  const column = { shape: [3, 2], data: Float32Array.from([1, -9, 2, 8, 3, 7]) };
  assert.deepEqual(edgesInto(dense, [3], 1, { weight: column }, 2), [{ from: 0, weight: -9 }, { from: 1, weight: 8 }]);
  assert.equal(edgesInto(conv, [4, 5, 2], 1, null), null);
  assert.deepEqual(edgesInto({ kind: "pool" }, [4, 5, 2], 1, null), [{ from: 1, weight: null }]);
});
