// What would change the answer: the smallest change that was found, in words and as a picture, ready to be put in.
//
// counterfactual(app, {classes, onopen, onask}) -> {element, put(example), close()}: onopen(body) takes what can be asked,
// onask(class or "any") hears what was looked for.

import { h, svg } from "../../report/static/dom.js";
import { short } from "../../report/static/numbers.js";
import { linear } from "../../report/static/scale.js";
import { channel, extent, flipped, make, range, transposed } from "./arrays.js";
import { diverging, loudness } from "./colours.js";
import { heat, picture } from "./heat.js";
import { failure } from "./message.js";
import { share } from "./probabilities.js";

const ANY = "any";
const MOVES = 6;

export function counterfactual(app, { classes, onopen, onask }) {
  const target = h("select", { "aria-label": "Into which answer", "data-testid": "change-to" });
  const shown = h("div", { "aria-live": "polite", "data-testid": "changed" });
  const element = h("div", null, h("div", { class: "plane-head" }, classes.length > 2 ? h("label", { class: "tick" }, "into ", target) : "", h("button", { type: "button", class: "quiet", "data-testid": "change", click: ask }, "Find the smallest change")), shown);
  let current = null;
  let aborter = new AbortController();
  let wanted = app.state.change;

  function put(example) {
    if (current?.id === example.id) return;
    aborter.abort();
    current = example;
    const before = wanted ?? target.value;
    target.replaceChildren(h("option", { value: ANY }, "any other answer"), ...classes.filter((c) => c !== example.predicted).map((c) => h("option", null, c)));
    target.value = before;
    if (!target.value) target.value = ANY;
    shown.replaceChildren();
    if (wanted) ask();
    wanted = null;
  }

  async function ask() {
    aborter.abort();
    aborter = new AbortController();
    const { signal } = aborter;
    onask(target.value);
    shown.replaceChildren(h("p", { class: "note" }, "Searching …"));
    try {
      const change = await app.api("counterfactual", { example: current.id, target: target.value === ANY ? null : target.value, member: app.state.member }, { signal });
      shown.replaceChildren(...drawn(current, change));
    } catch (error) {
      if (error.name !== "AbortError") shown.replaceChildren(failure(error, ask));
    }
  }

  function drawn(example, change) {
    const words = h("p", { class: "why-said", "data-testid": "change-words" }, change.words);
    if (!change.found && !change.moves.length) return [words];
    const body = change.found && bodyOf(example, change);
    return [words, (PICTURES[example.kind] ?? pictures)(example, change), change.found && change.target !== null ? odds(example, change) : "", body ? h("p", { class: "row-foot" }, h("button", { type: "button", class: "quiet", "data-testid": "put-in", click: () => onopen(body) }, "Put it in")) : ""];
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

const PICTURES = { table: cells, series: lines, sound: spectrograms };

function cells({ look }, { changes, moves }) {
  const cell = (value) => (value === null ? "missing" : typeof value === "number" ? short(value, 4) : value);
  const line = (column, from, to, rest) => h("li", null, h("span", { class: "clipped", title: column }, column), h("span", null, cell(from)), "→", h("b", { "data-testid": `change-${column}`, "data-value": to }, cell(to)), h("small", null, rest));
  if (changes.length) return h("ul", { class: "change-cells" }, changes.map((c) => line(c.column, c.before, c.after)));
  return h("ul", { class: "change-cells" }, moves.slice(0, MOVES).map((m) => line(m.column, look.cells[m.column] ?? null, m.to, `gives ${short(m.answer, 4)} (${m.difference > 0 ? "+" : ""}${short(m.difference)})`)));
}

function shownAs(kind, ...drawn) {
  return h("div", { class: "change-pictures" }, drawn.map(([caption, draw]) => h("figure", null, h("span", { class: `look ${kind} crisp` }, draw(h("canvas", { role: "img", "aria-label": caption }))), h("figcaption", null, caption))));
}

function pictures({ look: { pixels } }, { changed }) {
  const [rows, columns, depth] = pixels.shape;
  const less = make([rows, columns], new Float32Array(rows * columns));
  pixels.data.forEach((v, i) => (less.data[Math.floor(i / depth)] += (changed.data[i] - v) / depth));
  const scale = diverging(extent(less));
  return shownAs("image", ["as it is", (canvas) => picture(canvas, pixels)], ["blue lighter, orange darker", (canvas) => heat(canvas, less, scale)], ["changed", (canvas) => picture(canvas, make(pixels.shape, changed.data))]);
}

function spectrograms({ look: { spectrogram } }, { changed }) {
  const draw = (array) => (canvas) => heat(canvas, flipped(transposed(make(spectrogram.shape, array.data))), loudness(...range(spectrogram)));
  return shownAs("sound", ["as it is", draw(spectrogram)], ["changed", draw(changed)]);
}

// The line as it is, pale, and as it would have to be.
function lines({ look: { values } }, { changed }) {
  const [steps, many = 1] = values.shape;
  const drawn = Array.from({ length: Math.min(many, 4) }, (_, c) => {
    const pair = [values, changed].map(({ data }) => channel(make([steps, many], data.subarray(0, steps * many)), c));
    const y = linear(range(...pair), [142, 8]);
    return pair.map(({ data }, i) => svg("polyline", { class: i ? `tone${c}` : "pale", points: Array.from(data, (v, t) => (Number.isFinite(v) ? `${(((t + 0.5) / steps) * 520).toFixed(1)},${y(v).toFixed(1)}` : "")).join(" ") }));
  });
  return h("figure", { class: "change-lines" }, svg("svg", { viewBox: "0 0 520 150", preserveAspectRatio: "none", role: "img", "aria-label": "The series as it is, pale, and changed" }, drawn), h("figcaption", null, "pale: as it is; orange: changed"));
}
