import assert from "node:assert/strict";
import { test } from "node:test";
import { latest, median } from "../../../src/lamina/page/static/latest.js";

const soon = () => new Promise((resolve) => setImmediate(resolve));

function made() {
  const frames = [];
  const asked = [];
  const told = [];
  const ask = (question) => new Promise((resolve, reject) => asked.push({ question, resolve, reject }));
  let clock = 0;
  const one = latest(ask, (outcome) => told.push(outcome), { frame: (f) => frames.push(f), now: () => (clock += 5) });
  const tick = async () => {
    frames.splice(0).forEach((f) => f());
    await soon();
  };
  return { one, asked, told, tick };
}

test("of what is put in one frame only the last is asked", async () => {
  const { one, asked, tick } = made();
  ["a", "b", "c"].forEach((q) => one.put(q));
  await tick();
  assert.deepEqual(asked.map((a) => a.question), ["c"]);
});

test("one is in flight; when it is answered the last of those that waited goes, the others never", async () => {
  const { one, asked, told, tick } = made();
  one.put("a");
  await tick();
  ["b", "c", "d"].forEach((q) => one.put(q));
  await tick();
  assert.equal(asked.length, 1);
  asked[0].resolve("A");
  await soon();
  await tick();
  assert.deepEqual(asked.map((a) => a.question), ["a", "d"]);
  assert.deepEqual(told.map((t) => [t.question, t.answer, t.ms]), [["a", "A", 5]]);
  assert.deepEqual(one.times, [5]);
});

test("a failure is told and does not stop the next", async () => {
  const { one, asked, told, tick } = made();
  one.put("a");
  await tick();
  one.put("b");
  asked[0].reject(new Error("no"));
  await soon();
  await tick();
  assert.equal(told[0].error.message, "no");
  assert.equal(asked[1].question, "b");
});

test("stopped, an answer on its way is told to nobody, and a new question can be put", async () => {
  const { one, asked, told, tick } = made();
  one.put("a");
  await tick();
  one.stop();
  asked[0].resolve("A");
  await soon();
  assert.equal(told.length, 0);
  one.put("b");
  await tick();
  assert.equal(asked[1].question, "b");
});

test("the median of none, one, two and three", () => {
  assert.deepEqual([[], [4], [1, 3], [9, 1, 2]].map(median), [null, 4, 2, 2]);
});
