import assert from "node:assert/strict";
import { test } from "node:test";
import { cropped } from "../../../src/lamina/page/static/patch.js";

const array = { shape: [3, 4, 2], data: Float32Array.from({ length: 24 }, (_, i) => i) };

test("a window cuts the first two axes, all of what lies behind them stays", () => {
  const found = cropped(array, [[1, 3], [2, 4]]);
  assert.deepEqual(found.shape, [2, 2, 2]);
  assert.deepEqual([...found.data], [12, 13, 14, 15, 20, 21, 22, 23]);
});

test("a window of one axis keeps the other whole; without a window all stays", () => {
  assert.deepEqual([...cropped({ shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, [[1, 2]]).data], [4, 5, 6]);
  assert.deepEqual(cropped(array, null), array);
});
