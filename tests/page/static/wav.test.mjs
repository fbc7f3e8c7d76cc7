import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeWav, joined, mono, rateOf } from "../../../src/lamina/page/static/wav.js";

const word = (bytes, from, to) => String.fromCharCode(...new Uint8Array(bytes).slice(from, to));

test("the header says one channel of 16 bits, and how many bytes follow", () => {
  const bytes = encodeWav(new Float32Array(5), 16000);
  const view = new DataView(bytes);
  assert.equal(bytes.byteLength, 44 + 10);
  assert.deepEqual([word(bytes, 0, 4), word(bytes, 8, 16), word(bytes, 36, 40)], ["RIFF", "WAVEfmt ", "data"]);
  assert.equal(view.getUint32(4, true), 44 + 10 - 8);
  assert.deepEqual([20, 22, 32, 34].map((at) => view.getUint16(at, true)), [1, 1, 2, 16]);
  assert.deepEqual([24, 28, 40].map((at) => view.getUint32(at, true)), [16000, 32000, 10]);
});

test("samples come back to half a part in 32768, 16 bits to the bit; what is too loud is cut off", () => {
  const samples = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i / 5));
  const view = new DataView(encodeWav(samples, 8000));
  samples.forEach((v, i) => assert.ok(Math.abs(view.getInt16(44 + 2 * i, true) / 32768 - v) <= 1 / 32768));
  const loud = new DataView(encodeWav([3, -3], 8000));
  assert.deepEqual([loud.getInt16(44, true), loud.getInt16(46, true)], [32767, -32768]);
  const whole = new DataView(encodeWav(Float32Array.from([-32768, -1, 0, 77, 32767], (v) => v / 32768), 8000));
  assert.deepEqual([0, 2, 4, 6, 8].map((at) => whole.getInt16(44 + at, true)), [-32768, -1, 0, 77, 32767]);
});

test("a WAV file says how many samples a second it has; no other file does", () => {
  assert.equal(rateOf(encodeWav([0, 0], 11025)), 11025);
  assert.equal(rateOf(new TextEncoder().encode("not a sound, but as long as the head of one: 44 bytes and more").buffer), undefined);
  assert.equal(rateOf(new ArrayBuffer(3)), undefined);
});

test("pieces are joined in order, channels averaged", () => {
  assert.deepEqual([...joined([Float32Array.of(1, 2), Float32Array.of(), Float32Array.of(3)])], [1, 2, 3]);
  assert.deepEqual([...mono([Float32Array.of(1, 0), Float32Array.of(0, 1)])], [0.5, 0.5]);
});
