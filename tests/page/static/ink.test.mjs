import assert from "node:assert/strict";
import { test } from "node:test";
import { averaged, extent, field, habitOf, imageOf, inked, stamp } from "../../../src/lamina/page/static/ink.js";

const habit = { plain: true, background: [0], ink: [255], side: 0.8, middle: [0.5, 0.5] };
const sum = (data) => data.reduce((a, b) => a + b, 0);

test("a dot has the area of its circle", () => {
  const on = field(100, 100);
  stamp(on, [50, 50], [50, 50], 10);
  assert.ok(Math.abs(sum(on.data) / (Math.PI * 100) - 1) < 0.02);
});

test("a straight stroke has the area of a rectangle and a circle, and erasing it leaves nothing", () => {
  const on = field(60, 100);
  stamp(on, [20, 30], [70, 30], 5);
  assert.ok(Math.abs(sum(on.data) / (500 + Math.PI * 25) - 1) < 0.02);
  stamp(on, [20, 30], [70, 30], 7, true);
  assert.equal(sum(on.data), 0);
});

test("strokes drawn again give the same ink as strokes drawn as they came", () => {
  const strokes = [{ points: [[10, 10], [20, 30], [40, 12]], radius: 3 }, { points: [[15, 15]], radius: 4, erase: true }];
  const on = field(50, 50);
  stamp(on, [10, 10], [10, 10], 3);
  stamp(on, [10, 10], [20, 30], 3);
  stamp(on, [20, 30], [40, 12], 3);
  stamp(on, [15, 15], [15, 15], 4, true);
  assert.deepEqual(inked(50, 50, strokes).data, on.data);
});

test("averaging keeps the mean, also where pieces and cells do not match", () => {
  const on = field(7, 5);
  on.data.forEach((_, i) => (on.data[i] = ((i * 37) % 11) / 11));
  const whole = { top: 0, bottom: 7, left: 0, right: 5 };
  for (const [h, w] of [[7, 5], [3, 2], [14, 10], [1, 1]]) assert.ok(Math.abs(sum(averaged(on, whole, h, w)) / (h * w) - sum(on.data) / 35) < 1e-6);
  assert.deepEqual(averaged(on, whole, 7, 5), on.data);
});

test("beyond the edges there is no ink", () => {
  const on = field(4, 4);
  on.data.fill(1);
  assert.deepEqual([...averaged(on, { top: -4, bottom: 4, left: 0, right: 4 }, 2, 1)], [0, 1]);
});

test("a drawing anywhere, of any size, comes out where the examples have theirs", () => {
  const small = inked(112, 112, [{ points: [[10, 10], [10, 40], [30, 40]], radius: 2 }]);
  const moved = inked(112, 112, [{ points: [[70, 60], [70, 90], [90, 90]], radius: 2 }]);
  const [a, b] = [small, moved].map((on) => imageOf(on, habit, [28, 28, 1]));
  assert.deepEqual(a.data, b.data);
  const box = extent({ rows: 28, columns: 28, data: a.data.map((v) => v / 255) }, 0.2);
  assert.ok(Math.abs((box.bottom - box.top) / 28 - 0.8) < 0.08);
  assert.ok(Math.abs((box.top + box.bottom) / 2 - 14) <= 1 && Math.abs((box.left + box.right) / 2 - 14) <= 1);
});

test("left where it was drawn, it is only made smaller", () => {
  const on = field(8, 8);
  on.data.fill(1, 0, 16);
  assert.deepEqual([...imageOf(on, habit, [4, 4, 1], false).data.slice(0, 8)], [255, 255, 255, 255, 0, 0, 0, 0]);
});

test("nothing drawn is an image of background", () => {
  assert.equal(sum(imageOf(field(8, 8), habit, [4, 4, 1]).data), 0);
});

test("the habit of dark drawings on white paper: its colours, its size, its place", () => {
  const image = { shape: [20, 20, 1], data: new Float32Array(400).fill(250) };
  for (let row = 5; row < 15; row += 1) for (let column = 8; column < 12; column += 1) image.data[row * 20 + column] = 10;
  const found = habitOf([image, image]);
  assert.deepEqual(found, { plain: true, background: [250], ink: [0], side: 0.5, middle: [0.5, 0.5] });
  const drawn = imageOf(inked(40, 40, [{ points: [[5, 5], [5, 30]], radius: 4 }]), found, [20, 20, 1]);
  assert.equal(drawn.data[0], 250);
  assert.ok(Math.min(...drawn.data) < 60);
});

test("photographs have no habit: black on white, wherever it is drawn", () => {
  const image = { shape: [10, 10, 3], data: Float32Array.from({ length: 300 }, (_, i) => 60 + ((i * 53) % 140)) };
  const found = habitOf([image]);
  assert.equal(found.plain, false);
  assert.deepEqual([found.background, found.ink], [[255, 255, 255], [0, 0, 0]]);
});
