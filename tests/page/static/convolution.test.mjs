// Convolution one channel at a time, against sums written out as their definition says.

import assert from "node:assert/strict";
import test from "node:test";

import { channelsSeen, convolved, kernelOf, mapOf, movesOf, placeOver, productsAt, summed, windowAt } from "../../../src/lamina/page/static/convolution.js";

const noise = (n, seed = 1) => Float32Array.from({ length: n }, (_, i) => Math.sin(12.9898 * (i + 1) * seed) * 2);

const MOVES = [
  { kernel: [3, 3], stride: [1, 1], padding: [[1, 1], [1, 1]] },
  { kernel: [3, 3], stride: [2, 2], padding: [[0, 1], [0, 1]] },
  { kernel: [2, 3], stride: [1, 2], dilation: [2, 1], padding: [[0, 0], [1, 1]] },
];

for (const settings of MOVES) {
  test(`the sum of what every input channel gives and the bias is the convolution: ${JSON.stringify(settings)}`, () => {
    const [rows, columns, ins, outs] = [7, 6, 3, 2];
    const x = { shape: [rows, columns, ins], data: noise(rows * columns * ins) };
    const w = { shape: [...settings.kernel, ins, outs], data: noise(settings.kernel[0] * settings.kernel[1] * ins * outs, 3) };
    const moves = movesOf(settings);
    const span = moves.kernel.map((k, i) => (k - 1) * moves.dilation[i] + 1);
    const size = [rows, columns].map((n, i) => Math.floor((n + settings.padding[i][0] + settings.padding[i][1] - span[i]) / moves.stride[i]) + 1);
    for (let unit = 0; unit < outs; unit += 1) {
      const parts = channelsSeen(ins, outs, unit).map(({ channel, place }) => convolved(mapOf(x, channel), kernelOf(w, place, unit), moves, ...size));
      const whole = summed(parts, 0.25);
      for (let r = 0; r < size[0]; r += 1) {
        for (let c = 0; c < size[1]; c += 1) {
          let sum = 0.25;
          for (let i = 0; i < moves.kernel[0]; i += 1)
            for (let j = 0; j < moves.kernel[1]; j += 1)
              for (let k = 0; k < ins; k += 1) {
                const y = r * moves.stride[0] - settings.padding[0][0] + i * moves.dilation[0];
                const z = c * moves.stride[1] - settings.padding[1][0] + j * moves.dilation[1];
                if (y >= 0 && z >= 0 && y < rows && z < columns) sum += x.data[(y * columns + z) * ins + k] * w.data[((i * moves.kernel[1] + j) * ins + k) * outs + unit];
              }
          assert.ok(Math.abs(whole.data[r * size[1] + c] - sum) < 1e-5);
          const shown = channelsSeen(ins, outs, unit).reduce((total, { channel, place }) => total + productsAt(mapOf(x, channel), kernelOf(w, place, unit), [r, c], moves).value, 0.25);
          assert.ok(Math.abs(shown - sum) < 1e-9 + 1e-6);
        }
      }
    }
  });
}

test("a series is a map of one column, its kernel too", () => {
  const x = { shape: [5, 2], data: Float32Array.from([0, 10, 1, 11, 2, 12, 3, 13, 4, 14]) };
  const w = { shape: [3, 2, 1], data: Float32Array.from([1, 0, 2, 0, 3, 0]) };
  const moves = movesOf({ kernel: [3], stride: [1], dilation: [1], padding: [[1, 1]] });
  assert.deepEqual([...convolved(mapOf(x, 0), kernelOf(w, 0, 0), moves, 5, 1).data], [3, 8, 14, 20, 11]);
  assert.deepEqual([...mapOf(x, 1).data], [10, 11, 12, 13, 14]);
});

test("groups: a unit sees the channels of its own group, at the places of its kernel", () => {
  assert.deepEqual(channelsSeen(4, 6, 4, 2), [{ channel: 2, place: 0 }, { channel: 3, place: 1 }]);
});

test("cells in padding are not there and count nothing", () => {
  const map = { rows: 2, columns: 2, data: Float32Array.from([1, 2, 3, 4]) };
  const moves = movesOf({ kernel: [3, 3], stride: [1, 1], padding: [[1, 1], [1, 1]] });
  const { cells } = windowAt(map, [0, 0], moves);
  assert.deepEqual(cells.filter((cell) => cell.there).map((cell) => cell.value), [1, 2, 3, 4]);
  assert.equal(productsAt(map, { rows: 3, columns: 3, data: new Float32Array(9).fill(2) }, [0, 0], moves).value, 20);
});

test("the place whose window has a cell in its middle", () => {
  const moves = movesOf({ kernel: [3, 3], stride: [1, 1], padding: [[1, 1], [1, 1]] });
  assert.deepEqual(placeOver([4, 0], moves, 8, 8), [4, 0]);
  const pool = movesOf({ window: [2, 2], stride: [2, 2], padding: [[0, 0], [0, 0]] });
  assert.deepEqual(placeOver([5, 7], pool, 3, 4), [2, 3]);
});
