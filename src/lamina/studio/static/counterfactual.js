// What would change the answer: the smallest change that was found, in words and as a picture, ready to be put in.
//
// counterfactual(app, {classes, onopen, onask}) -> {element, put(example), close()}: onopen(body) takes what can be asked.

import { h, svg } from "../../report/static/dom.js";
import { short } from "../../report/static/numbers.js";
import { linear } from "../../report/static/scale.js";
import { channel, extent, flipped, isArray, make, range, transposed } from "./arrays.js";
import { diverging, loudness } from "./colours.js";
import { heat, picture } from "./heat.js";
import { failure } from "./message.js";
import { share } from "./probabilities.js";

const ANY = "any";

export function counterfactual(app, { classes, onopen, onask }) {
  const target = h("select", { "aria-label": "Into which answer", "data-testid": "change-to", change: () => found && ask() });
  const button = h("button", { type: "button", class: "quiet", "data-testid": "change", click: () => ask() }, "Find the smallest change");
  const shown = h("div", { class: "change-found", "aria-live": "polite", "data-testid": "changed" });
  const element = h("div", { class: "change" }, h("div", { class: "change-head" }, classes.length > 2 ? h("label", null, "into ", target) : "", button), shown);
  let current = null;
  let found = null;
  let aborter = null;
  let wanted = app.state.change ?? null;

  function put(example) {
    if (current?.id === example.id) return;
    aborter?.abort();
    current = example;
    found = null;
    const before = target.value || wanted || ANY;
    target.replaceChildren(h("option", { value: ANY }, "any other answer"), ...classes.filter((c) => c !== example.predicted).map((c) => h("option", { value: c }, c)));
    target.value = [...target.options].some((o) => o.value === before) ? before : ANY;
    shown.replaceChildren();
    if (wanted) ask();
    wanted = null;
  }

  async function ask() {
    aborter?.abort();
    const mine = (aborter = new AbortController());
    const example = current;
    onask(target.value || ANY);
    shown.replaceChildren(h("p", { class: "note" }, "Searching …"));
    try {
      found = await app.api("counterfactual", { example: example.id, target: target.value === ANY ? null : target.value, member: app.state.member }, { signal: mine.signal });
      if (current === example && !mine.signal.aborted) shown.replaceChildren(...drawn(example, found));
    } catch (error) {
      if (error.name !== "AbortError") shown.replaceChildren(failure(error, ask));
    }
  }

  function drawn(example, change) {
    const words = h("p", { class: "change-words", "data-testid": "change-words" }, change.words);
    if (!change.found && !change.moves.length) return [words];
    const body = example.kind === "table" ? cells(example, change) : pictures(example, change);
    const opens = change.found ? bodyOf(example, change) : null;
    return [words, body, change.found ? answers(example, change) : "", opens ? h("p", { class: "row-foot" }, h("button", { type: "button", class: "quiet", "data-testid": "put-in", click: () => onopen(opens) }, "Put it in")) : ""].filter(Boolean);
  }

  function answers(example, { before, after, target: to }) {
    if (to === null) return h("p", { class: "change-answers note" }, `From ${short(before.data[0], 4)} to ${short(after.data[0], 4)}.`);
    const from = classes.indexOf(example.predicted);
    const line = (at) => h("li", null, h("b", null, classes[at]), ` ${share(before.data[at])} → `, h("b", { "data-value": after.data[at], "data-testid": `after-${at}` }, share(after.data[at])));
    return h("ul", { class: "change-answers" }, line(to), from >= 0 && from !== to ? line(from) : "");
  }

  return { element, put, close: () => aborter?.abort() };
}

// What a person could ask instead: a row, pixels, values. A spectrogram can't be asked: it is no sound any more.
function bodyOf(example, change) {
  if (example.kind === "table") return { cells: { ...example.look.cells, ...Object.fromEntries(change.changes.map((c) => [c.column, c.after])) } };
  if (example.kind === "image" && isArray(change.changed)) return { pixels: Array.from(change.changed.data, (v) => Math.max(0, Math.min(255, Math.round(v)))), shape: change.changed.shape };
  if (example.kind !== "series" || !isArray(change.changed)) return null;
  const many = change.changed.shape[1] ?? 1;
  return { values: Array.from({ length: change.changed.shape[0] }, (_, t) => Array.from(change.changed.data.subarray(t * many, (t + 1) * many), (v) => (Number.isFinite(v) ? v : null))) };
}

function cell(value) {
  return value === null || value === undefined ? "missing" : typeof value === "number" ? short(value, 4) : value;
}

function cells(example, change) {
  if (change.changes.length) return h("ul", { class: "change-cells" }, change.changes.map((c) => h("li", null, h("span", { class: "change-column", title: c.column }, c.column), h("span", { class: "change-from" }, cell(c.before)), h("span", { "aria-label": "becomes" }, "→"), h("b", { "data-testid": `change-${c.column}`, "data-value": c.after }, cell(c.after)))));
  return h("ul", { class: "change-cells" }, change.moves.slice(0, 6).map((m) => h("li", null, h("span", { class: "change-column", title: m.column }, m.column), h("span", { class: "change-from" }, cell(example.look.cells[m.column])), h("span", { "aria-label": "becomes" }, "→"), h("b", null, cell(m.to)), h("small", null, `gives ${short(m.answer, 4)} (${m.difference > 0 ? "+" : ""}${short(m.difference, 3)})`))));
}

function pictures(example, change) {
  const canvas = (label) => h("canvas", { role: "img", "aria-label": label });
  const figure = (drawn, caption, kind) => h("figure", null, h("span", { class: `look ${kind} crisp` }, drawn), h("figcaption", null, caption));
  if (example.kind === "series") return lines(example.look.values, change);
  if (example.kind === "sound") {
    const turned = (a) => flipped(transposed(make(a.shape.slice(0, 2), a.data)));
    const ends = range(example.look.spectrogram);
    return h("div", { class: "change-pictures wide" }, figure(heat(canvas("before"), turned(example.look.spectrogram), loudness(...ends)), "as it is", "sound"), figure(heat(canvas("after"), turned(change.changed), loudness(...ends)), "changed", "sound"));
  }
  const { pixels } = example.look;
  const less = difference(pixels, change.changed);
  return h(
    "div",
    { class: "change-pictures" },
    figure(picture(canvas("The picture as it is"), pixels), "as it is", "image"),
    figure(heat(canvas("What changes: blue is made lighter, orange darker"), less, diverging(extent(less))), "the change", "image"),
    figure(picture(canvas("The picture, changed"), make(pixels.shape, change.changed.data)), "changed", "image"),
  );
}

function difference({ shape: [rows, columns, depth = 1], data }, { data: changed }) {
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < data.length; i += 1) out[Math.floor(i / depth)] += (changed[i] - data[i]) / depth;
  return make([rows, columns], out);
}

// The line as it is, pale, and as it would have to be.
function lines(values, change) {
  const [width, height] = [520, 150];
  const before = values.shape.length > 1 ? values : make([values.shape[0], 1], values.data);
  const [steps, many] = before.shape;
  const after = make([change.changed.data.length / many, many], change.changed.data);
  const drawn = Array.from({ length: Math.min(many, 4) }, (_, c) => {
    const [one, other] = [channel(before, c), channel(after, c)];
    const y = linear(range(one, other), [height - 8, 8]);
    const points = (data) => Array.from(data.subarray(0, steps), (v, t) => (Number.isFinite(v) ? `${(((t + 0.5) / steps) * width).toFixed(1)},${y(v).toFixed(1)}` : "")).join(" ");
    return [svg("polyline", { class: "pale", points: points(one.data) }), svg("polyline", { class: `made c${c}`, points: points(other.data) })];
  });
  return h("figure", { class: "change-lines" }, svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "The series as it is, pale, and changed" }, drawn), h("figcaption", null, "pale: as it is; orange: changed"));
}
