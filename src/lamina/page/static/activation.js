// Activation functions: the value at a number, how one writes it, and the curve around it.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// Abramowitz and Stegun 7.1.26 would err by 1e-7; the series and the continued fraction don't.
function erf(x) {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 60; n += 1) sum += (term *= -(z * z) / n) / (2 * n + 1);
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n -= 1) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / ((z + fraction) * Math.sqrt(Math.PI)));
}

const SCALE = 1.0507009873554805;
const ALPHA = 1.6732632423543772;

const FUNCTIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  "leaky relu": (x) => (x >= 0 ? x : 0.01 * x),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  silu: (x) => x * sigmoid(x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  selu: (x) => SCALE * (x > 0 ? x : ALPHA * Math.expm1(x)),
  mish: (x) => x * Math.tanh(softplus(x)),
  softplus,
  tanh: Math.tanh,
  sigmoid,
};

const WRITTEN = {
  linear: (x) => x,
  relu: (x) => `max(0, ${x})`,
  "leaky relu": (x) => `max(${x}, 0.01 · ${x})`,
};

export const names = Object.keys(FUNCTIONS);

export function known(name) {
  return name in FUNCTIONS;
}

export function activate(name, x) {
  return FUNCTIONS[name](x);
}

export function written(name, text) {
  return (WRITTEN[name] ?? ((x) => `${name}(${x})`))(text);
}

export function curve(name, x) {
  const far = Number.isFinite(x) ? Math.max(4, 1.25 * Math.abs(x)) : 4;
  const xs = Float32Array.from({ length: 81 }, (_, i) => -far + (i * far) / 40);
  return { xs, ys: xs.map((value) => activate(name, value)) };
}
