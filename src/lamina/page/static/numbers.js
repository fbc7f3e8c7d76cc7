// Numbers as people read them. A missing number is a dash.

const DASH = "–";

function missing(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

const formats = new Map(); // making one takes longer than using it a hundred times

function written(value, least, most) {
  const key = `${least} ${most}`;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en", { minimumFractionDigits: least, maximumFractionDigits: most }));
  return formats.get(key).format(value);
}

function minus(text) {
  return text.replace("-", "−");
}

export function count(value) {
  return missing(value) ? DASH : written(Number(value), 0, 3);
}

export function fixed(value, decimals) {
  return missing(value) ? DASH : minus(written(Number(value), decimals, decimals));
}

export function signed(value, decimals) {
  return missing(value) ? DASH : (value > 0 ? "+" : "") + fixed(value, decimals);
}

// About three digits: 0.00123, 12.3, 45,600, 1.2e−7.
export function short(value, digits = 3) {
  if (missing(value)) return DASH;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return minus(Number(value).toExponential(Math.max(0, digits - 2))).replace("e+", "e");
  return minus(written(Number(Number(value).toPrecision(digits)), 0, 10));
}

export function percent(share, decimals) {
  if (missing(share)) return DASH;
  const places = decimals ?? (share > 0 && share < 0.1 ? 1 : share > 0.99 && share < 1 ? 1 : 0);
  return `${fixed(100 * share, places)}\u00a0%`;
}

export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}
