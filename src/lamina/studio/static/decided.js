// Which part of an example decided: the strongest places of a saliency, and in words.

import { short, percent, signed } from "../../report/static/numbers.js";

// The places of largest size, first the largest: {at: index in the data, value}.
export function strongest(data, n) {
  return [...data.keys()].sort((a, b) => Math.abs(data[b]) - Math.abs(data[a]) || a - b).slice(0, n).map((at) => ({ at, value: data[at] }));
}

export function shareOf(data, places) {
  const total = data.reduce((sum, v) => sum + Math.abs(v), 0);
  return total ? places.reduce((sum, { value }) => sum + Math.abs(value), 0) / total : 0;
}

// "The pixel in row 3, column 5 counted most (+0.31): it speaks for “3”. …"
export function words(kind, values, { answer, method, seconds, columns, channels = 1 } = {}) {
  const placed = { image: pixel, sound: moment(values, seconds), series: step(channels), table: (at) => `“${columns[at]}”` }[kind];
  const [first, ...rest] = strongest(values.data, 10);
  if (!first || first.value === 0) return "Nothing in the example moved this answer.";
  const side = UNSIGNED.has(method) ? "" : first.value > 0 ? `: it speaks for ${answer}` : `: it speaks against ${answer}`;
  const size = UNSIGNED.has(method) ? short(first.value) : signed(first.value, decimals(first.value));
  const share = shareOf(values.data, [first, ...rest]);
  const more = values.data.length > 20 ? ` The ten strongest of ${values.data.length.toLocaleString("en")} hold ${percent(share)} of all.` : "";
  return `${placed(first.at, values)} counted most (${size})${side}.${more}`;
}

const UNSIGNED = new Set(["gradcam"]);

function pixel(at, { shape }) {
  return `The pixel in row ${Math.floor(at / shape[1]) + 1}, column ${(at % shape[1]) + 1}`;
}

function moment({ shape }, seconds) {
  return (at) => `The tone band ${(at % shape[1]) + 1} of ${shape[1]} at ${short((seconds * (Math.floor(at / shape[1]) + 0.5)) / shape[0], 2)} s`;
}

function step(channels) {
  return (at) => (channels > 1 ? `Step ${Math.floor(at / channels) + 1} of channel ${(at % channels) + 1}` : `Step ${at + 1}`);
}

function decimals(value) {
  return Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
}
