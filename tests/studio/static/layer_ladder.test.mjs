import assert from "node:assert/strict";
import { test } from "node:test";
import { common, rungOf, rungs, unitOf } from "../../../src/lamina/studio/static/layer_ladder.js";

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

test("what rows have in common: the narrowest ranges and the shared categories first", () => {
  const rows = [{ a: 1, b: 0, c: "x" }, { a: 2, b: 10, c: "x" }, { a: 1.5, b: 5, c: "y" }];
  const columns = [{ name: "a", kind: "number", range: [0, 10] }, { name: "b", kind: "number", range: [0, 10] }, { name: "c", kind: "category" }];
  const found = common(rows, columns);
  assert.deepEqual(found.map((c) => c.name), ["a", "c", "b"]);
  assert.deepEqual([found[0].from, found[0].to, found[0].low, found[0].high], [0.1, 0.2, 1, 2]);
  assert.deepEqual([found[1].value, found[1].share], ["x", 2 / 3]);
});

test("missing values do not count; a column of one value there is left out", () => {
  assert.deepEqual(common([{ a: null }, { a: 3 }], [{ name: "a", kind: "number", range: [0, 4] }]), []);
});
