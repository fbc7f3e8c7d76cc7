import assert from "node:assert/strict";
import { test } from "node:test";
import { turns } from "../../../src/lamina/page/static/turns.js";

const soon = () => new Promise((resolve) => setImmediate(resolve));

test("no more than two run at once, the last asked goes first", async () => {
  const queue = turns(2);
  const order = [];
  const finish = [];
  const task = (name) => () => new Promise((resolve) => (order.push(name), finish.push(() => resolve(name))));
  const results = ["a", "b", "c", "d"].map((name) => queue.take(task(name)));
  await soon();
  assert.deepEqual(order, ["a", "b"]);
  finish[0]();
  await soon();
  assert.deepEqual(order, ["a", "b", "d"]);
  finish[1]();
  finish[2]();
  await soon();
  finish[3]();
  assert.deepEqual(await Promise.all(results), ["a", "b", "c", "d"]);
});

test("what is given up before its turn never starts; a failure frees its place", async () => {
  const queue = turns(1);
  const started = [];
  const aborter = new AbortController();
  const first = queue.take(async () => {
    started.push("first");
    throw new Error("no");
  });
  const second = queue.take(async () => started.push("second"), { signal: aborter.signal });
  const third = queue.take(async () => started.push("third"));
  aborter.abort();
  await assert.rejects(first, /no/);
  await assert.rejects(second);
  await third;
  assert.deepEqual(started, ["first", "third"]);
});
