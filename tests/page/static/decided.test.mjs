import assert from "node:assert/strict";
import { test } from "node:test";
import { strongest } from "../../../src/lamina/page/static/arrays.js";
import { held, shareOf } from "../../../src/lamina/page/static/decided.js";
import { SHAPES, markOf, pathOf } from "../../../src/lamina/page/static/marks.js";

test("the strongest come first, whatever their sign", () => {
  const data = Float32Array.of(0.5, -2, 1);
  assert.deepEqual(strongest({ data }, 2), [1, 2]);
  assert.equal(shareOf(data, strongest({ data }, 2)), 3 / 3.5);
  assert.equal(shareOf(new Float32Array(3), [0]), 0);
});

test("the share of the ten strongest is said where there are many", () => {
  assert.equal(held({ data: new Float32Array(20) }), "");
  assert.match(held({ data: Float32Array.from({ length: 40 }, (_, i) => (i < 10 ? 3 : -1)) }), /^ The ten strongest of 40 hold 50\s% of all\.$/);
});

test("42 classes have 42 marks, and each shape has a path", () => {
  assert.equal(new Set(Array.from({ length: 42 }, (_, i) => JSON.stringify(markOf(i)))).size, 42);
  for (const shape of SHAPES) assert.match(pathOf(shape, 4), /^M[-\d.]+ [-\d.]+.*Z$/);
});
