// The state of the page: a few words and numbers as text, kept in the URL behind "#", so that a view can be shared. No DOM.

export const VIEWS = ["run", "network", "try", "features", "mistakes", "data"];
const FIRST = ["view", "run", "member", "example", "layer", "unit"]; // the order in which a URL names them

// "#view=network&run=digits&unit=0,3,4" as {view, run, unit}; an unknown view is the first.
export function parse(hash) {
  const state = {};
  for (const [name, value] of new URLSearchParams(hash.replace(/^#/, ""))) if (name && value !== "") state[name] = value;
  if (!VIEWS.includes(state.view)) state.view = VIEWS[0];
  return state;
}

export function format(state) {
  const names = Object.keys(state).filter((name) => state[name] !== undefined && state[name] !== null && state[name] !== "");
  const place = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  const written = names.map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(state[name]).replaceAll("%2C", ",").replaceAll("%20", "+")}`);
  return `#${written.join("&")}`;
}

// A new state; null takes a name away. Another run has other examples and layers, so only the view stays.
export function merged(state, changes) {
  const kept = changes.run !== undefined && changes.run !== state.run ? { view: state.view } : state;
  const next = { ...kept };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") delete next[name];
    else next[name] = Array.isArray(value) ? value.join(",") : String(value);
  }
  if (!VIEWS.includes(next.view)) next.view = VIEWS[0];
  return next;
}

// "0,3,4" as [0, 3, 4]; null where it is no list of whole numbers.
export function numbers(text) {
  const parts = String(text ?? "").split(",");
  return parts.every((part) => /^-?\d+$/.test(part)) ? parts.map(Number) : null;
}

export function same(one, other) {
  return format(one) === format(other);
}
