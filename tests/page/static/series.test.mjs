import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, moments, pulled } from "../../../src/lamina/page/static/series_change.js";
import { parseSeries } from "../../../src/lamina/page/static/series_text.js";

test("a step a line, one line of steps, and a line of names are all one series", () => {
  const series = [[1], [2.5], [-3]];
  assert.deepEqual(parseSeries("1\n2.5\n-3\n"), series);
  assert.deepEqual(parseSeries("1, 2.5, -3"), series);
  assert.deepEqual(parseSeries("value\r\n1\r\n2.5\r\n-3"), series);
  assert.deepEqual(parseSeries("1e0;2.5;-3.0"), series);
});

test("channels are columns; a column of time that climbs is left out", () => {
  assert.deepEqual(parseSeries("1,10\n2,20\n3,30", 2), [[1, 10], [2, 20], [3, 30]]);
  assert.deepEqual(parseSeries("t,x,y\n0,5,6\n1,4,7\n2,9,8", 2), [[5, 6], [4, 7], [9, 8]]);
  assert.deepEqual(parseSeries("0 5\n1 4\n2 9"), [[5], [4], [9]]);
});

test("a case of a .ts file: channels between colons, the label at its end", () => {
  assert.deepEqual(parseSeries("@problemName x\n@data\n1,2,3:4,5,6:yes\n", 2), [[1, 4], [2, 5], [3, 6]]);
});

test("what is missing is null; what holds no number says how to mend it", () => {
  assert.deepEqual(parseSeries("1\n?\n3"), [[1], [null], [3]]);
  assert.throws(() => parseSeries("hello\nworld"), (error) => error.message === "The file holds no numbers." && Boolean(error.mend));
  assert.throws(() => parseSeries("1\n2\n3", 3), /1 column of numbers/);
});

test("stretching keeps the mean and stretches the deviation; moving is in deviations", () => {
  const base = [[1, 10], [2, 10], [3, 40], [6, 40]];
  const made = changed(base, { scale: 2, shift: 0.5 });
  for (const c of [0, 1]) {
    const [before, after] = [base, made].map((rows) => moments(rows.map((row) => row[c])));
    assert.ok(Math.abs(after.mean - before.mean - 0.5 * before.deviation) < 1e-9);
    assert.ok(Math.abs(after.deviation - 2 * before.deviation) < 1e-9);
  }
  assert.deepEqual(changed(base, {}), base);
});

test("noise is the same for a seed and of the deviation asked for", () => {
  const base = Array.from({ length: 4000 }, (_, t) => [Math.sin(t / 9)]);
  const [once, again, other] = [3, 3, 4].map((seed) => changed(base, { noise: 0.5, seed }));
  assert.deepEqual(once, again);
  assert.notDeepEqual(once, other);
  const added = moments(once.map((row, t) => row[0] - base[t][0]));
  assert.ok(Math.abs(added.deviation / (0.5 * moments(base.map((r) => r[0])).deviation) - 1) < 0.05);
  assert.ok(Math.abs(added.mean) < 0.03);
});

test("a pulled step moves by all of it, its neighbours by a bell, other channels not", () => {
  const made = pulled([[0, 7], [0, 7], [0, 7], [0, 7]], 1, 0, 2, 1);
  assert.deepEqual(made.map((row) => row[1]), [7, 7, 7, 7]);
  assert.ok(Math.abs(made[1][0] - 2) < 1e-12 && Math.abs(made[0][0] - 2 * Math.exp(-0.5)) < 1e-12 && Math.abs(made[3][0] - 2 * Math.exp(-2)) < 1e-12);
  assert.deepEqual(pulled([[0], [0]], 0, 0, 1, 0), [[1], [0]]);
});
