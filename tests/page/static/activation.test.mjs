// Activations against values of SciPy (as text here) and against what their definitions say.

import assert from "node:assert/strict";
import test from "node:test";

import { activate, curve, names, written } from "../../../src/lamina/page/static/activation.js";

const SCIPY = {
  gelu: [[-3, -0.004049694095], [-0.5, -0.154268769363], [1.2, 1.061916395734], [4, 3.999873315035]],
  selu: [[-1, -1.1113307378], [2, 2.1014019748]],
  mish: [[-1, -0.3034014614], [1.5, 1.4033782664]],
  softplus: [[-30, 9.357622969e-14], [0, 0.6931471806], [40, 40]],
};

for (const [name, pairs] of Object.entries(SCIPY)) {
  test(name, () => {
    for (const [x, y] of pairs) assert.ok(Math.abs(activate(name, x) - y) < 1e-9, `${name}(${x}) is ${activate(name, x)}`);
  });
}

test("a curve holds its point and follows the function", () => {
  for (const name of names) {
    const { xs, ys } = curve(name, 7);
    assert.ok(xs.at(-1) >= 7 && xs[0] <= -4 && xs.length === 81);
    xs.forEach((x, i) => assert.ok(Math.abs(ys[i] - activate(name, x)) < 1e-5));
  }
});

test("how one writes it", () => {
  assert.equal(written("relu", "−0.4"), "max(0, −0.4)");
  assert.equal(written("tanh", "1"), "tanh(1)");
});
