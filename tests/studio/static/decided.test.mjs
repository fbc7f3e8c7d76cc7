import assert from "node:assert/strict";
import { test } from "node:test";
import { shareOf, strongest, words } from "../../../src/lamina/studio/static/decided.js";
import { SHAPES, markOf, pathOf } from "../../../src/lamina/studio/static/marks.js";

test("the strongest come first, whatever their sign", () => {
  const data = Float32Array.of(0.5, -2, 1);
  assert.deepEqual(strongest(data, 2), [{ at: 1, value: -2 }, { at: 2, value: 1 }]);
  assert.equal(shareOf(data, strongest(data, 2)), 3 / 3.5);
});

test("a pixel, a step, a moment and a column in words", () => {
  const image = { shape: [2, 3], data: Float32Array.of(0, 0, 0, 0, 0.5, -0.25) };
  assert.match(words("image", image, { answer: "“3”" }), /^The pixel in row 2, column 2 counted most \(\+0\.500\): it speaks for “3”\./);
  assert.match(words("series", { shape: [3, 1], data: Float32Array.of(0, -4, 1) }, { answer: "“a”" }), /^Step 2 counted most \(−4\.00\): it speaks against “a”/);
  assert.match(words("series", { shape: [2, 2], data: Float32Array.of(0, 1, 0, 9) }, { answer: "“a”", channels: 2 }), /^Step 2 of channel 2/);
  assert.match(words("sound", { shape: [10, 4], data: new Float32Array(40).fill(0, 0).with(21, 3) }, { answer: "“a”", seconds: 1 }), /^The tone band 2 of 4 at 0\.55 s/);
  assert.match(words("table", { shape: [2, 1], data: Float32Array.of(1, -3) }, { answer: "“a”", columns: ["x", "y"] }), /^“y” counted most/);
  assert.match(words("image", { shape: [1, 2], data: new Float32Array(2) }, { answer: "“a”" }), /^Nothing in the example/);
  assert.doesNotMatch(words("image", image, { answer: "“3”", method: "gradcam" }), /speaks/);
});

test("42 classes have 42 marks, and each shape has a path", () => {
  assert.equal(new Set(Array.from({ length: 42 }, (_, i) => JSON.stringify(markOf(i)))).size, 42);
  for (const shape of SHAPES) assert.match(pathOf(shape, 4), /^M[-\d.]+ [-\d.]+.*Z$/);
});
