// What would change the answer: the smallest change that was found, in words and as a picture, ready to be put in.
//
// counterfactual(app, {classes, onopen, onask}) -> {element, put(example), close()}: onopen(body) takes what can be asked,
// onask(class or "any") hears what was looked for.

import { h } from "./dom.js";
import { short } from "./numbers.js";
import { make } from "./arrays.js";
import { note, options, quiet, ticked } from "./control.js";
import { heat } from "./heat.js";
import { failure } from "./message.js";
import { lined, patch } from "./patch.js";
import { share } from "./probabilities.js";

const ANY = "any";
const MOVES = 6;

export function counterfactual(app, { classes, onopen, onask }) {
  const target = h("select", { "aria-label": "Into which answer", "data-testid": "change-to" });
  const shown = h("div", { "aria-live": "polite", "data-testid": "changed" });
  const element = h("div", null, h("div", { class: "plane-head" }, classes.length > 2 ? ticked("into ", target) : "", quiet("Find the smallest change", ask, "change")), shown);
  let current = null;
  let aborter = new AbortController();
  let wanted = app.state.change;

  function put(example) {
    if (current?.id === example.id) return;
    aborter.abort();
    current = example;
    const before = wanted ?? target.value;
    target.replaceChildren(h("option", { value: ANY }, "any other answer"), ...options(classes.filter((c) => c !== example.predicted)));
    target.value = before;
    if (!target.value) target.value = ANY;
    shown.replaceChildren();
    if (wanted) ask();
    wanted = null;
  }

  async function ask() {
    if (!current) return;
    aborter.abort();
    aborter = new AbortController();
    const { signal } = aborter;
    onask(target.value);
    shown.replaceChildren(note("Searching …"));
    try {
      const change = await app.api("counterfactual", { example: current.id, target: target.value === ANY ? null : target.value, member: app.state.member }, { signal });
      if (!signal.aborted) shown.replaceChildren(...drawn(current, change));
    } catch (error) {
      if (!signal.aborted) shown.replaceChildren(failure(error, ask));
    }
  }

  function drawn(example, change) {
    const words = h("p", { class: "why-said", "data-testid": "change-words" }, change.words);
    if (!change.found && !change.moves.length) return [words];
    const body = change.found && bodyOf(example, change);
    return [words, (example.kind === "table" ? cells : pictures)(example, change), change.found && change.target !== null ? odds(example, change) : "", body ? h("p", { class: "row-foot" }, quiet("Put it in", () => onopen(body), "put-in")) : ""];
  }

  function odds(example, { before, after, target: to }) {
    const line = (at) => h("li", null, h("b", null, classes[at]), ` ${share(before.data[at])} → `, h("b", { "data-value": after.data[at], "data-testid": `after-${at}` }, share(after.data[at])));
    return h("ul", { class: "change-odds" }, [to, classes.indexOf(example.predicted)].map(line));
  }

  return { element, put, close: () => aborter.abort() };
}

// What a person could ask instead: a row, pixels, values. A spectrogram can't be asked: it is no sound any more.
function bodyOf({ kind, look }, { changes, changed }) {
  if (kind === "table") return { cells: { ...look.cells, ...Object.fromEntries(changes.map((c) => [c.column, c.after])) } };
  if (kind === "image") return { pixels: Array.from(changed.data, Math.round), shape: changed.shape };
  return kind === "series" ? { values: rowsOf(changed) } : null;
}

// An array of steps by channels as rows of numbers, null where there is none.
export function rowsOf({ shape: [steps, many = 1], data }) {
  return Array.from({ length: steps }, (_, t) => Array.from(data.subarray(t * many, (t + 1) * many), (v) => (Number.isFinite(v) ? v : null)));
}

function cells({ look }, { changes, moves }) {
  const cell = (value) => (value === null ? "missing" : typeof value === "number" ? short(value, 4) : value);
  const line = (column, from, to, rest) => h("li", null, h("span", { class: "clipped", title: column }, column), h("span", null, cell(from)), "→", h("b", { "data-testid": `change-${column}`, "data-value": to }, cell(to)), h("small", null, rest));
  if (changes.length) return h("ul", { class: "change-cells" }, changes.map((c) => line(c.column, c.before, c.after)));
  return h("ul", { class: "change-cells" }, moves.slice(0, MOVES).map((m) => line(m.column, look.cells[m.column] ?? null, m.to, `gives ${short(m.answer, 4)} (${m.difference > 0 ? "+" : ""}${short(m.difference)})`)));
}

// As it is, what changes, and changed; a series as one line over the other.
function pictures({ kind, look }, { changed }) {
  const seen = look[{ image: "pixels", series: "values", sound: "spectrogram" }[kind]];
  const shaped = make(seen.shape, changed.data.subarray(0, seen.data.length));
  const figure = (drawn, caption) => h("figure", null, drawn, h("figcaption", null, caption));
  if (kind === "series") return figure(h("span", { class: "patch series" }, lined(shaped, { under: seen, label: "The series as it is, pale, and changed" })), "pale: as it is");
  const after = patch({ kind, look: { pixels: shaped, spectrogram: shaped } }, null, "Changed");
  const less = kind === "image" ? h("span", { class: "patch image" }, heat(h("canvas", { role: "img", "aria-label": "What changes" }), difference(seen, shaped))) : null;
  return h("div", { class: "change-pictures" }, figure(patch({ kind, look }, null, "As it is"), "as it is"), less ? figure(less, "blue lighter, orange darker") : "", figure(after, "changed"));
}

function difference({ shape: [rows, columns, depth], data }, { data: changed }) {
  const less = new Float32Array(rows * columns);
  data.forEach((v, i) => (less[Math.floor(i / depth)] += (changed[i] - v) / depth));
  return make([rows, columns], less);
}
