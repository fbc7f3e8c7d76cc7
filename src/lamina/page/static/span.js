// The part of an axis that is looked at: [from, to] within the whole [low, high]. No DOM.

// The nearest span that lies within the whole and is at least so wide.
export function held([from, to], [low, high], least = 0) {
  const width = Math.min(high - low, Math.max(to - from, least));
  const middle = (from + to) / 2;
  const start = Math.min(Math.max(middle - width / 2, low), high - width);
  return [start, start + width];
}

// Closer by a factor, so that a value stays where it is; a factor below 1 goes back.
export function zoomed([from, to], factor, about) {
  return [about - (about - from) / factor, about + (to - about) / factor];
}

export function moved([from, to], by) {
  return [from + by, to + by];
}

// The span for which two values lie under two fingers, places being shares of the width.
export function pinched([first, second], [left, right]) {
  const width = (second - first) / (right - left);
  return [first - left * width, first + (1 - left) * width];
}

export function isWhole([from, to], [low, high]) {
  return to - from >= (high - low) * 0.9999;
}
