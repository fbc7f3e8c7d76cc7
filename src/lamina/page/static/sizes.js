// Sizes of a window that moves over an input: how many places it has, what padding adds, and why some sizes can't be.

export const LIMITS = { size: [1, 32], padding: [0, 6], kernel: [1, 12], stride: [1, 8] };

// How much "same", "valid" or a number adds before and after an axis; "same" keeps ceil(size / stride) places.
export function pads(size, kernel, stride, padding) {
  if (padding === "valid") return [0, 0];
  if (padding !== "same") return [Number(padding), Number(padding)];
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

// What comes of an input of `size` numbers along one axis: {places, before, after, padded, unused} or {refusal: {given, mend}}.
export function resulting({ size, padding, kernel, stride }) {
  const refusal = refused({ size, padding, kernel, stride });
  if (refusal) return { refusal };
  const [before, after] = pads(size, kernel, stride, padding);
  const padded = size + before + after;
  const places = Math.floor((padded - kernel) / stride) + 1;
  return { places, before, after, padded, unused: padded - kernel - (places - 1) * stride, refusal: null };
}

function refused({ size, padding, kernel, stride }) {
  for (const [name, value, least] of [["input", size, 1], ["kernel", kernel, 1], ["stride", stride, 1]]) {
    if (!Number.isInteger(value) || value < least) return { given: `The ${name} is ${value}.`, mend: `A whole number from ${least}.` };
  }
  if (padding !== "same" && padding !== "valid" && !(Number.isInteger(padding) && padding >= 0)) {
    return { given: `The padding is ${padding}.`, mend: "A whole number from 0, same or valid." };
  }
  const [before, after] = pads(size, kernel, stride, padding);
  const padded = size + before + after;
  if (padded < kernel) return { given: `A kernel of ${kernel} does not fit into ${padded}.`, mend: `Make the kernel ${padded} or less, or the padding larger.` };
  if (Number.isInteger(padding) && padding >= kernel) return { given: `With padding ${padding} a kernel of ${kernel} would see nothing but zeros.`, mend: `Make the padding ${kernel - 1} or less.` };
  return null;
}

export function start(place, { stride, before }) {
  return place * stride - before;
}

export function inWords({ size, kernel, stride }, { places, before, after }) {
  return `⌊(${size} + ${before} + ${after} − ${kernel}) / ${stride}⌋ + 1 = ${places}`;
}
