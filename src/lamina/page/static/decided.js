// Which places of a saliency are the strongest, and how much of all they hold.

import { percent } from "./numbers.js";
import { strongest } from "./arrays.js";

const TEN = 10;

export function shareOf(data, places) {
  const sum = (values) => values.reduce((total, v) => total + Math.abs(v), 0);
  return sum(data) ? sum(places.map((at) => data[at])) / sum(data) : 0;
}

// " The ten strongest of 64 hold 44 % of all."; nothing where there are few.
export function held({ data }) {
  return data.length > 2 * TEN ? ` The ten strongest of ${data.length.toLocaleString("en")} hold ${percent(shareOf(data, strongest({ data }, TEN)))} of all.` : "";
}
