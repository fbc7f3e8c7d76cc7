import assert from "node:assert/strict";
import { test } from "node:test";
import { argmax, at, channel, decode, encode, extent, flat, flipped, from, indexOf, make, offset, range, rows, strongest, sum, transposed } from "../../../src/lamina/page/static/arrays.js";

const counted = make([2, 3, 4], Float32Array.from({ length: 24 }, (_, i) => i)); // the number at [i, j, k] is 12 i + 4 j + k

test("an answer's arrays become typed arrays, all else stays", () => {
  const buffer = Buffer.from(new Float32Array([1.5, -2, 1e-3]).buffer).toString("base64");
  const whole = Buffer.from(new Int32Array([7, -1]).buffer).toString("base64");
  const made = decode({ steps: [{ path: "1.conv", output: { shape: [3], f32: buffer } }], rows: { shape: [1, 2], i32: whole }, none: null, words: ["a"], shape: [2] });
  assert.deepEqual([...made.steps[0].output.data], [1.5, -2, Math.fround(1e-3)]);
  assert.ok(made.rows.data instanceof Int32Array);
  assert.deepEqual([...made.rows.data], [7, -1]);
  assert.deepEqual(made.none, null);
  assert.deepEqual(made.words, ["a"]);
  assert.deepEqual(made.shape, [2]);
});

test("what is encoded comes back, also a part of a larger buffer and an array of no numbers", () => {
  const part = rows(counted, 1);
  assert.deepEqual(decode(encode(part)), make([3, 4], Float32Array.from({ length: 12 }, (_, i) => 12 + i)));
  assert.deepEqual(decode(encode(make([0, 2], new Float32Array(0)))).shape, [0, 2]);
  const many = make([20000], Float32Array.from({ length: 20000 }, Math.sin));
  assert.deepEqual(decode(encode(many)).data, many.data);
});

test("indices and places are each other's inverse, outside there is nothing", () => {
  for (let place = 0; place < 24; place += 1) assert.equal(offset(counted, ...indexOf(counted, place)), place);
  assert.equal(at(counted, 1, 2, 3), 23);
  assert.equal(at(counted, 2, 0, 0), undefined);
  assert.equal(at(counted, 0, -1, 0), undefined);
});

test("rows share their numbers, channels are copies", () => {
  assert.deepEqual(rows(counted, 1, 2).shape, [4]);
  assert.deepEqual([...rows(counted, 1, 2).data], [20, 21, 22, 23]);
  assert.equal(rows(counted, 0).data.buffer, counted.data.buffer);
  assert.deepEqual([...channel(counted, 1).data], [1, 5, 9, 13, 17, 21]);
  assert.deepEqual(channel(counted, 1).shape, [2, 3]);
});

test("maps are turned and flipped", () => {
  const map = from([[1, 2, 3], [4, 5, 6]]);
  assert.deepEqual(transposed(map), from([[1, 4], [2, 5], [3, 6]]));
  assert.deepEqual(flipped(map), from([[4, 5, 6], [1, 2, 3]]));
  assert.deepEqual(transposed(transposed(map)), map);
  assert.deepEqual(flat(make([3], new Float32Array(3))).shape, [1, 3]);
  assert.deepEqual(flat(counted).shape, [2, 12]);
});

test("ranges leave out what is no number", () => {
  const odd = make([4], Float32Array.of(NaN, -3, Infinity, 2));
  assert.deepEqual(range(odd), [-3, 2]);
  assert.equal(extent(odd), 3);
  assert.deepEqual(range(make([1], Float32Array.of(NaN))), [0, 0]);
  assert.equal(sum(from([1, 2, 3.5])), 6.5);
  assert.equal(argmax(from([1, 5, 2])), 1);
  assert.equal(argmax(make([0], new Float32Array(0))), -1);
  assert.deepEqual(strongest(from([1, -9, 4, -4]), 3), [1, 2, 3]);
});

test("numbers that don't fill a shape are refused", () => {
  assert.throws(() => make([2, 2], new Float32Array(3)), /3 numbers don't fill the shape 2 × 2/);
});
