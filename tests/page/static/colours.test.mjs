import assert from "node:assert/strict";
import { test } from "node:test";
import { between, css, gradient, greys, loudness, luminance, scale } from "../../../src/lamina/page/static/colours.js";

const ORANGE = [209, 88, 10], PAPER = [243, 241, 236], BLUE = [0, 105, 176];
const signed = scale("diverging", -2, 2, () => [ORANGE, PAPER, BLUE]);

test("a diverging scale has its colours at its ends and its middle, and holds what is beyond", () => {
  assert.deepEqual(signed.of(-2), ORANGE);
  assert.deepEqual(signed.of(-100), ORANGE);
  assert.deepEqual(signed.of(2).map(Math.round), BLUE);
  assert.ok(signed.of(0).every((c, i) => Math.abs(c - PAPER[i]) < 2));
  assert.deepEqual(signed.of(NaN), [128, 128, 128]);
});

test("colours lie between their neighbours", () => {
  assert.deepEqual(between([[0, 0, 0], [100, 200, 50]], 0.5), [50, 100, 25]);
  assert.equal(css(greys().of(0.5).map((c) => Math.round(c / 10) * 10)), "rgb(130, 130, 130)");
});

test("loudness grows lighter all the way", () => {
  const ladder = Array.from({ length: 20 }, (_, i) => luminance(loudness().of(i / 19)));
  assert.ok(ladder.every((light, i) => i === 0 || light > ladder[i - 1]));
});

test("ink can be read on every colour (contrast at least 4.5)", () => {
  for (const drawn of [signed, greys(-2, 2), loudness(-2, 2), scale("dark", -2, 2, () => [[240, 154, 69], [32, 35, 41], [86, 180, 233]])]) {
    for (let value = -2; value <= 2; value += 0.05) {
      const [light, ink] = [luminance(drawn.of(value)), luminance(drawn.ink(value).match(/\d+/g).map(Number))];
      const contrast = (Math.max(light, ink) + 0.05) / (Math.min(light, ink) + 0.05);
      assert.ok(contrast >= 4.5, `${drawn.kind} at ${value}: ${contrast}`);
    }
  }
});

test("a legend goes from low to high", () => {
  assert.match(gradient(signed), /^linear-gradient\(90deg, rgb\(209, 88, 10\), .*rgb\(0, 105, 176\)\)$/);
});

test("luminance as WCAG has it", () => {
  assert.equal(luminance([255, 255, 255]).toFixed(4), "1.0000");
  assert.equal(luminance([0, 0, 0]), 0);
  assert.equal(luminance([118, 118, 118]).toFixed(3), "0.181"); // #767676, known for 4.54 on white
});
