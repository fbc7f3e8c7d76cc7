// Changing a series: stretched, moved, made noisy, or pulled at one step. Values are rows of channels; nothing is changed in place.

// scale stretches around each channel's mean, shift moves by so many standard deviations, noise adds as many.
export function changed(values, { scale = 1, shift = 0, noise = 0, seed = 1 }) {
  const spread = values[0].map((_, c) => moments(values.map((row) => row[c])));
  const random = normals(seed);
  return values.map((row) => row.map((v, c) => (v === null ? null : spread[c].mean + (v - spread[c].mean) * scale + spread[c].deviation * (shift + noise * random()))));
}

// One step of one channel moved by `by`, its neighbours with it the less the farther they are.
export function pulled(values, step, channel, by, reach) {
  return values.map((row, t) => row.map((v, c) => (c !== channel || v === null ? v : v + by * (reach > 0 ? Math.exp(-0.5 * ((t - step) / reach) ** 2) : t === step ? 1 : 0))));
}

export function moments(numbers) {
  const there = numbers.filter((v) => v !== null && Number.isFinite(v));
  const mean = there.reduce((a, b) => a + b, 0) / Math.max(1, there.length);
  const deviation = Math.sqrt(there.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, there.length)) || 1;
  return { mean, deviation };
}

// Normal numbers from a seed (Box and Muller over mulberry32): the same noise for the same seed, so that a slider is steady.
function normals(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
