// Numbers as people read them. A missing number is a dash.

const DASH = "–";

function missing(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

function minus(text) {
  return text.replace("-", "−");
}

export function count(value) {
  return missing(value) ? DASH : Number(value).toLocaleString("en");
}

export function fixed(value, decimals) {
  return missing(value) ? DASH : minus(Number(value).toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
}

export function signed(value, decimals) {
  return missing(value) ? DASH : (value > 0 ? "+" : "") + fixed(value, decimals);
}

// About three digits: 0.00123, 12.3, 45,600, 1.2e−7.
export function short(value, digits = 3) {
  if (missing(value)) return DASH;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return minus(Number(value).toExponential(Math.max(0, digits - 2))).replace("e+", "e");
  return minus(Number(Number(value).toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 10 }));
}

export function percent(share, decimals) {
  if (missing(share)) return DASH;
  const places = decimals ?? (share > 0 && share < 0.1 ? 1 : share > 0.99 && share < 1 ? 1 : 0);
  return `${fixed(100 * share, places)}\u00a0%`;
}

export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}
