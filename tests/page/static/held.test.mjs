import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, holder } from "../../../src/lamina/page/static/held.js";

test("an address has its words in the order of their names, as the file is written", () => {
  assert.equal(addressOf("trace", { member: 0, example: "3" }), "trace?example=3&member=0");
  assert.equal(addressOf("unit", { example: "3", layer: "1.conv", index: "0,3,4", member: 0 }), "unit?example=3&index=0,3,4&layer=1.conv&member=0");
  assert.equal(addressOf("weights", { layer: "", member: undefined }), "weights");
  assert.equal(addressOf("examples", { limit: 400 }), "examples");
  assert.equal(addressOf("examples/3"), "examples/3");
});

test("what is held is answered, its arrays decoded; what isn't says how to ask it", async () => {
  const ask = holder({ answers: { "trace?example=3&member=0": { output: { shape: [1], f32: "AACAPw==" } } }, command: "lamina studio digits" });
  const { output } = await ask("trace", { example: 3, member: 0 });
  assert.deepEqual([...output.data], [1]);
  await assert.rejects(ask("unit", { example: 3 }), { message: "The arithmetic of this unit is more than this file holds.", mend: "lamina studio digits" });
});
