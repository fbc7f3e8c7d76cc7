import assert from "node:assert/strict";
import { test } from "node:test";
import { compose, deposit } from "../../../src/lamina/page/static/density.js";
import { held, isWhole, moved, pinched, zoomed } from "../../../src/lamina/page/static/span.js";

const WAY = { ax: 1, bx: 0, ay: 1, by: 0, thick: 1 };
const total = (field) => field.reduce((a, b) => a + b, 0);

test("a flat line lies on its row, in part on the next", () => {
  const field = new Float32Array(4 * 5);
  deposit(field, 4, 5, { xs: [0, 4], ys: [2.75, 2.75] }, WAY);
  for (let column = 0; column < 4; column += 1) assert.deepEqual([...field.subarray(5 * column, 5 * column + 5)], [0, 0, 0.75, 0.25, 0]);
});

test("as much ink as the line is long, however steep", () => {
  for (const [x, y] of [[30, 0], [30, 10], [20, 20], [12, 36]]) {
    const field = new Float32Array(40 * 60);
    deposit(field, 40, 60, { xs: [2, 2 + x], ys: [10, 10 + y] }, WAY);
    assert.ok(Math.abs(total(field) - Math.hypot(x, y)) < 0.12 * Math.hypot(x, y), `${x}, ${y}: ${total(field)}`);
  }
});

test("lines are broken where a number is missing and cut at the edges", () => {
  const field = new Float32Array(10 * 10);
  deposit(field, 10, 10, { xs: [-50, 5, 6, 7, 99], ys: [5.5, 5.5, NaN, 5.5, 5.5] }, WAY);
  const covered = Array.from({ length: 10 }, (_, column) => Math.round(field[10 * column + 5]));
  assert.deepEqual(covered, [1, 1, 1, 1, 1, 0, 0, 1, 1, 1]);
  const outside = new Float32Array(4);
  deposit(outside, 2, 2, { xs: [0, 2], ys: [-9, -9] }, WAY);
  deposit(outside, 2, 2, { xs: [5, 9], ys: [1, 1] }, WAY);
  assert.equal(total(outside), 0);
});

test("the more lines cross, the stronger the colour; as if each had been drawn translucent", () => {
  const pixels = new Uint8ClampedArray(4 * 3);
  compose(pixels, 3, 1, [{ field: Float32Array.of(0, 1, 3), alpha: 0.3, colour: [0, 100, 200] }]);
  assert.equal(pixels[3], 0);
  assert.deepEqual([...pixels.subarray(4, 7)], [0, 100, 200]);
  assert.ok(Math.abs(pixels[7] - 255 * 0.3) <= 1);
  assert.ok(Math.abs(pixels[11] - 255 * (1 - 0.7 ** 3)) <= 1);
});

test("two colours meet in the middle", () => {
  const pixels = new Uint8ClampedArray(4);
  compose(pixels, 1, 1, [{ field: Float32Array.of(2), alpha: 0.5, colour: [0, 0, 200] }, { field: Float32Array.of(2), alpha: 0.5, colour: [200, 0, 0] }]);
  assert.deepEqual([...pixels.subarray(0, 3)], [100, 0, 100]);
  assert.ok(Math.abs(pixels[3] - 255 * (1 - 0.5 ** 4)) <= 1);
});

test("what is looked at stays within the whole and wide enough", () => {
  assert.deepEqual(held([-5, 5], [0, 100]), [0, 10]);
  assert.deepEqual(held([95, 105], [0, 100]), [90, 100]);
  assert.deepEqual(held([50, 51], [0, 100], 4), [48.5, 52.5]);
  assert.deepEqual(held([-50, 500], [0, 100]), [0, 100]);
  assert.ok(isWhole([0, 100], [0, 100]));
  assert.ok(!isWhole([0, 90], [0, 100]));
});

test("zooming keeps the value under the pointer, two fingers keep both of theirs", () => {
  const [from, to] = zoomed([0, 100], 2, 30);
  assert.deepEqual([from, to], [15, 65]);
  assert.equal((30 - from) / (to - from), 0.3);
  const [left, right] = pinched([20, 60], [0.25, 0.5]);
  assert.equal(left + 0.25 * (right - left), 20);
  assert.equal(left + 0.5 * (right - left), 60);
  assert.deepEqual(moved([1, 2], 3), [4, 5]);
});
