// Scales of an axis: from values to pixels and back, and the values worth a tick.

export function linear([low, high], [from, to]) {
  const span = high - low || 1;
  const scale = (value) => from + ((value - low) / span) * (to - from);
  scale.invert = (pixel) => low + ((pixel - from) / (to - from)) * span;
  scale.domain = [low, high];
  scale.ticks = (n) => linearTicks(low, high, n);
  return scale;
}

export function logarithmic([low, high], range) {
  const inner = linear([Math.log10(low), Math.log10(high)], range);
  const scale = (value) => inner(Math.log10(Math.max(value, 1e-300)));
  scale.invert = (pixel) => 10 ** inner.invert(pixel);
  scale.domain = [low, high];
  scale.ticks = (n) => logTicks(low, high, n);
  return scale;
}

// Multiples of 1, 2 or 5 times a power of ten.
export function linearTicks(low, high, n = 5) {
  const raw = (high - low) / Math.max(1, n);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function logTicks(low, high, n = 5) {
  const decades = Math.log10(high / low);
  const steps = decades > n ? [1] : decades > n / 2.5 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  const every = Math.max(1, Math.ceil(decades / (2 * n)));
  for (let power = every * Math.floor(Math.log10(low) / every); power <= Math.log10(high); power += every) {
    for (const step of steps) if (step * 10 ** power >= low && step * 10 ** power <= high) ticks.push(Number((step * 10 ** power).toPrecision(3)));
  }
  return ticks.length > 1 ? ticks : linearTicks(low, high, n);
}
