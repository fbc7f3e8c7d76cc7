import assert from "node:assert/strict";
import { test } from "node:test";
import { indexOf, rungOf, rungs, unitOf } from "../../../src/lamina/page/static/layer_ladder.js";

const organ = (path, kind, shape, parameters = 0) => ({ path, kind, description: kind, output_shape: shape, parameters, axes: ["feature"] });
const ORGANS = [organ("", "input", [8, 8, 1]), organ("0.image", "image", [8, 8, 1], 2), organ("1.conv", "conv", [8, 8, 4], 40), organ("2.pool", "pool", [4, 4, 4]), organ("3.flatten", "flatten", [64]), organ("4.dense", "dense", [10], 650), organ("answer", "answer", [10])];

test("rungs are the layers that learn, or that choose among what others learned", () => {
  assert.deepEqual(rungs(ORGANS).map((r) => [r.path, r.units]), [["1.conv", 4], ["2.pool", 4], ["4.dense", 10]]);
});

test("the state's layer is shown, else the first; its unit only if there is one", () => {
  const found = rungs(ORGANS);
  assert.equal(rungOf(found, "4.dense").path, "4.dense");
  assert.equal(rungOf(found, "3.flatten").path, "1.conv");
  assert.deepEqual([unitOf("3", 4), unitOf("0,1,2", 4), unitOf("4", 4), unitOf(undefined, 4), unitOf("", 4), unitOf("x", 4)], [3, 2, null, null, null, null]);
});

test("a place in the output is the example's, or the middle", () => {
  assert.equal(indexOf([1, 2, 3], 3, [8, 8, 4]), "1,2,3");
  assert.equal(indexOf([1, 2], 3, [8, 8, 4]), "1,2,3");
  assert.equal(indexOf(null, 3, [8, 8, 4]), "4,4,3");
  assert.equal(indexOf([7], 7, [10]), "7");
});
