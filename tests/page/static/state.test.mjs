import assert from "node:assert/strict";
import { test } from "node:test";
import { format, merged, numbers, parse, same } from "../../../src/lamina/page/static/state.js";
import { address } from "../../../src/lamina/page/static/api.js";

test("the address of a view says its state, and reads well", () => {
  const state = { unit: "0,3,4", run: "my run", layer: "1.conv", view: "network", colours: "layer" };
  assert.equal(format(state), "#view=network&run=my+run&layer=1.conv&unit=0,3,4&colours=layer");
  assert.deepEqual(parse(format(state)), state);
});

test("any text survives the address", () => {
  const state = { view: "mistakes", run: "a&b=c #1 +2", target: "<img src=x>", predicted: "„ü“ 100 %" };
  assert.deepEqual(parse(format(state)), state);
});

test("an address that says nothing, or nonsense, is the first view", () => {
  assert.deepEqual(parse(""), { view: "run" });
  assert.deepEqual(parse("#view=nowhere&run="), { view: "run" });
});

test("changes are merged, null takes away, another run keeps the view only", () => {
  const state = { view: "network", run: "digits", example: "3", layer: "1.conv" };
  assert.deepEqual(merged(state, { layer: null, unit: [0, 3] }), { view: "network", run: "digits", example: "3", unit: "0,3" });
  assert.deepEqual(merged(state, { run: "penguins" }), { view: "network", run: "penguins" });
  assert.deepEqual(merged(state, { run: "digits", member: 0 }), { ...state, member: "0" });
  assert.equal(merged(state, { view: "nowhere" }).view, "run");
  assert.deepEqual(state, { view: "network", run: "digits", example: "3", layer: "1.conv" });
});

test("states are the same whatever the order of their names", () => {
  assert.ok(same({ view: "run", run: "a", example: "1" }, { example: "1", run: "a", view: "run" }));
  assert.ok(!same({ view: "run" }, { view: "data" }));
});

test("lists of whole numbers", () => {
  assert.deepEqual(numbers("0,3,-4"), [0, 3, -4]);
  assert.equal(numbers("0,x"), null);
  assert.equal(numbers(undefined), null);
});

test("the address of a question", () => {
  assert.equal(address("a/b", "unit", { example: 3, index: [1, 2], member: 0, none: null, no: false, yes: true }), "/api/runs/a%2Fb/unit?example=3&index=1,2&member=0&yes=1");
  assert.equal(address("digits", ""), "/api/runs/digits");
  assert.equal(address("", "/api/runs"), "/api/runs");
});
