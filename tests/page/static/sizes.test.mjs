// Sizes against hand arithmetic, and against counting: a window is moved until it falls off the end.

import assert from "node:assert/strict";
import test from "node:test";

import { inWords, pads, resulting, start } from "../../../src/lamina/page/static/sizes.js";

function counted(size, before, after, kernel, stride) {
  let places = 0;
  for (let at = -before; at + kernel <= size + after; at += stride) places += 1;
  return places;
}

test("a window has as many places as there are steps before it falls off the end", () => {
  for (let size = 1; size < 15; size += 1) {
    for (const kernel of [1, 2, 3, 5]) {
      for (const stride of [1, 2, 3]) {
        for (const padding of ["same", "valid", 0, 1, 2]) {
          const found = resulting({ size, padding, kernel, stride });
          const [before, after] = pads(size, kernel, stride, padding);
          if (found.refusal) assert.ok(size + before + after < kernel || padding >= kernel);
          else {
            assert.equal(found.places, counted(size, before, after, kernel, stride));
            assert.equal(found.unused, size + before + after - (found.places - 1) * stride - kernel);
          }
        }
      }
    }
  }
});

test("same keeps the size over the stride, rounded up, the odd zero after", () => {
  assert.deepEqual(pads(28, 3, 1, "same"), [1, 1]);
  assert.deepEqual(pads(8, 3, 2, "same"), [0, 1]);
  assert.equal(resulting({ size: 7, padding: "same", kernel: 2, stride: 2 }).places, 4);
});

test("impossible sizes are refused with what would do", () => {
  const { refusal } = resulting({ size: 4, padding: 0, kernel: 7, stride: 1 });
  assert.match(refusal.given, /kernel of 7 does not fit into 4/);
  const mended = Number(refusal.mend.match(/kernel (\d+)/)[1]);
  assert.equal(resulting({ size: 4, padding: 0, kernel: mended, stride: 1 }).places, 1);
  assert.match(resulting({ size: 5, padding: 3, kernel: 3, stride: 1 }).refusal.mend, /padding 2/);
  assert.match(resulting({ size: 5, padding: 0, kernel: 3, stride: 0 }).refusal.mend, /from 1/);
  assert.ok(resulting({ size: 5, padding: 0, kernel: 2.5, stride: 1 }).refusal);
});

test("in words, and where the window begins", () => {
  const sizes = { size: 28, padding: "same", kernel: 3, stride: 2 };
  assert.equal(inWords(sizes, resulting(sizes)), "⌊(28 + 0 + 1 − 3) / 2⌋ + 1 = 14");
  assert.equal(start(2, { stride: 2, before: 1 }), 3);
});
