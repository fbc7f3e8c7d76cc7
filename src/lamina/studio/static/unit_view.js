// A unit opened: where its inputs come from, what each of them gives, and the arithmetic of one of its numbers.
//
// unitView(seen) -> {element, show({cell, channel}), stop}; seen: {specimen, trace, example, organ, unit, cell, channel, scale, app-like calls}.

import { h, svg } from "../../report/static/dom.js";
import { short, signed } from "../../report/static/numbers.js";
import { known } from "./activation.js";
import { asker } from "./arithmetic.js";
import { attentionView } from "./attention_view.js";
import { mapOf, movesOf } from "./convolution.js";
import { apart, cellOf } from "./elastic.js";
import { functionFormula, functionPart } from "./formula_function.js";
import { poolFormula } from "./formula_pool.js";
import { windowFormula } from "./formula_window.js";
import { lens } from "./lens.js";
import { flightOf } from "./network_map.js";
import { formOf, indexOf, RECURRENT } from "./organ.js";
import { reading } from "./reading.js";
import { recurrentView } from "./recurrent_view.js";
import { bounds } from "./specimen.js";
import { inWords } from "./terms.js";
import { scaleFor } from "./tile.js";

const FIRST = 8; // input channels that an elastic view begins with

export function unitView(seen) {
  const { organ } = seen;
  if (organ.kind === "conv" && formOf(organ) !== "cells" && seen.weights && known(organ.settings.activation)) return convolutionView(seen);
  if ((organ.kind === "pool" || organ.kind === "avgpool") && formOf(organ) !== "cells") return poolView(seen);
  if (RECURRENT.includes(organ.kind)) return recurrentView(seen);
  if (organ.kind === "attention" && seen.weights) return attentionView(seen);
  if (formOf(organ) !== "cells" && organ.sources.length) return throughView(seen);
  return numberView(seen);
}

// The place of a map that a person would look at first: where it is strongest.
export function strongestPlace(map) {
  let best = 0;
  for (let i = 1; i < map.data.length; i += 1) if (Math.abs(map.data[i]) > Math.abs(map.data[best])) best = i;
  return [Math.floor(best / map.columns), best % map.columns];
}

// A cell of the URL has one number where there is one axis; a map has two.
const toPlace = (cell) => (cell ? [cell[0], cell[1] ?? 0] : null);
const toCell = (organ, place) => (organ.output_shape.length === 3 ? place : [place[0]]);

// --- convolution: the elastic view -----------------------------------------------------------------------------------

function convolutionView(seen) {
  const { organ, specimen, trace, unit, weights } = seen;
  const source = specimen.source(organ);
  const taken = apart({ organ, source, input: trace.outputs.get(source.path), output: trace.outputs.get(organ.path), weights, unit });
  const place = toPlace(seen.cell) ?? strongestPlace(taken.output);
  const strong = [...cellOf(taken, place).parts.keys()].sort((a, b) => Math.abs(cellOf(taken, place).parts[b].value) - Math.abs(cellOf(taken, place).parts[a].value));
  const channel = taken.terms.some((term) => term.channel === seen.channel) ? seen.channel : taken.terms[strong[0]].channel;
  const formula = windowFormula({ unit: taken, place, channel, hasRows: formOf(organ) === "maps", told: moved });
  const picture = elasticPicture(taken, seen, (next) => {
    formula.show(next);
    moved({ ...formula.now(), kept: true });
  });
  const said = h("p", { class: "in-words", "data-testid": "in-words" });

  function moved({ place: at, channel: from, kept }) {
    picture.mark(at, from);
    speak(at);
    if (kept) seen.go({ cell: toCell(organ, at).join(","), channel: String(from) });
  }

  function speak(at) {
    const { parts, sum, output } = cellOf(taken, at);
    const products = parts.map((part, i) => ({ at: i, product: part.value }));
    const active = { function: taken.activation, input: sum, value: output };
    said.textContent = inWords({ products, output: active, name: "The unit", nameTerm: (term) => `channel ${taken.terms[term.at].channel}` }).join(" ");
  }

  picture.mark(place, channel);
  speak(place);
  const element = h("div", { class: "unit-view elastic-view" }, h("div", { class: "elastic-side" }, picture.element), h("div", { class: "formula-side" }, said, formula.element));
  const show = ({ cell, channel: from }) => {
    const at = toPlace(cell) ?? formula.now().place;
    formula.show({ place: at, channel: from ?? formula.now().channel });
    picture.mark(at, from ?? formula.now().channel);
    speak(at);
  };
  return { element, show, settled: picture.wire, stop: () => { formula.stop(); picture.stop(); } };
}

function elasticPicture(taken, seen, pick) {
  const { organ, source, unit, terms } = taken;
  const together = (maps) => scaleFor(bounds(maps.map((map) => bounds(map.data)).flat()));
  const alone = seen.scale === "unit";
  const scales = { inputs: together(terms.map((t) => t.map)), kernels: together(terms.map((t) => t.kernel)), results: together(terms.map((t) => t.result)) };
  const list = h("ol", { class: "elastic-terms" });
  const wires = svg("svg", { class: "elastic-wires", "aria-hidden": "true" });
  const sum = lens({ map: taken.sum, label: "the sum of all and the bias", id: "elastic-sum", pick: (cell) => pick({ place: cell }), move: (cell) => pick({ place: cell }) });
  const output = lens({ map: taken.output, label: `output of channel ${unit}`, id: "elastic-output", flight: flightOf(organ.path, unit), pick: (cell) => pick({ place: cell }), move: (cell) => pick({ place: cell }) });
  const sumNow = reading(0, { id: "elastic-sum-value" });
  const outputNow = reading(0, { id: "elastic-output-value" });
  const ends = h(
    "div",
    { class: "elastic-end" },
    h("figure", null, h("figcaption", null, "Σ + bias ", reading(taken.bias, { id: "elastic-bias" })), sum.element, sumNow),
    h("span", { class: "arrow", "aria-hidden": "true" }, taken.activation === "linear" ? "=" : `${taken.activation} →`),
    h("figure", null, h("figcaption", null, "output"), output.element, outputNow),
  );
  const more = h("button", { type: "button", class: "show-all", "data-testid": "all-terms", click: () => fill(terms.length) });
  const body = h("div", { class: "elastic" }, wires, list, ends);
  const element = h("div", null, h("p", { class: "formula-note" }, "Each input channel is convolved with its own kernel; the results are added. Click any cell."), body, more);
  let rows = [];
  let at = null;

  function fill(n) {
    rows = terms.slice(0, n).map((term) => {
      const input = lens({ map: term.map, scale: alone ? undefined : scales.inputs, label: `input channel ${term.channel}`, flight: flightOf(source.path, term.channel), className: "small" });
      const kernel = lens({ map: term.kernel, scale: alone ? undefined : scales.kernels, label: `kernel of channel ${term.channel}: ${kernelWords(term.kernel)}`, id: `kernel-${term.channel}`, className: "kernel" });
      const result = lens({ map: term.result, scale: alone ? undefined : scales.results, label: `result of channel ${term.channel}`, id: `intermediate-${term.channel}`, className: "small", pick: (cell) => pick({ place: cell, channel: term.channel }), move: (cell) => pick({ place: cell, channel: term.channel }) });
      const value = reading(0, { id: `elastic-part-${term.channel}`, sign: true });
      return { term, input, result, value, element: h("li", { "data-channel": term.channel }, h("small", null, String(term.channel)), input.element, h("span", { "aria-hidden": "true" }, "∗"), kernel.element, h("span", { "aria-hidden": "true" }, "="), result.element, value) };
    });
    list.replaceChildren(...rows.map((row) => row.element));
    more.hidden = n >= terms.length;
    more.textContent = `${Math.min(n, terms.length)} of ${terms.length} channels: show all`;
    if (at) mark(...at);
  }

  function mark(place, channel) {
    at = [place, channel];
    const now = cellOf(taken, place);
    for (const row of rows) {
      const part = now.parts[terms.indexOf(row.term)];
      row.result.mark({ cell: place });
      row.value.dataset.value = String(part.value);
      row.value.textContent = signed(part.value, 2);
      row.element.classList.toggle("chosen", row.term.channel === channel);
    }
    sum.mark({ cell: place });
    output.mark({ cell: place });
    for (const [element_, value] of [[sumNow, now.sum], [outputNow, now.output]]) {
      element_.dataset.value = String(value);
      element_.textContent = short(value);
    }
    wire();
  }

  // Every result flows into the sum, as strongly as its part at the cell.
  function wire() {
    if (!body.isConnected || !at) return;
    const origin_ = body.getBoundingClientRect();
    const to = sum.element.getBoundingClientRect();
    const now = cellOf(taken, at[0]);
    const most = Math.max(...now.parts.map((part) => Math.abs(part.value)), 1e-12);
    wires.setAttribute("width", body.clientWidth);
    wires.setAttribute("height", body.clientHeight);
    wires.replaceChildren(
      ...rows.map((row) => {
        const value = now.parts[terms.indexOf(row.term)].value;
        const from = row.value.getBoundingClientRect();
        const [x1, y1, x2, y2] = [from.right - origin_.left + 2, from.top + from.height / 2 - origin_.top, to.left - origin_.left - 2, to.top + to.height / 2 - origin_.top];
        const half = (x1 + x2) / 2;
        return svg("path", { d: x2 > x1 ? `M${x1} ${y1}C${half} ${y1} ${half} ${y2} ${x2} ${y2}` : "", class: value < 0 ? "below" : "above", style: { "stroke-width": `${(0.75 + (3.25 * Math.abs(value)) / most).toFixed(2)}px` } });
      }),
    );
  }

  const observer = new ResizeObserver(wire);
  observer.observe(body);
  fill(FIRST);
  return { element, mark, wire, stop: () => observer.disconnect() };
}

function kernelWords({ rows, columns, data }) {
  return Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * columns, (r + 1) * columns), (v) => short(v, 2)).join(" ")).join("; ");
}

// --- pools ---------------------------------------------------------------------------------------------------------------

function poolView(seen) {
  const { organ, specimen, trace, unit } = seen;
  const source = specimen.source(organ);
  const map = mapOf(trace.outputs.get(source.path), unit);
  const output = mapOf(trace.outputs.get(organ.path), unit);
  const place = toPlace(seen.cell) ?? strongestPlace(output);
  const formula = poolFormula({ map, output, moves: movesOf(organ.settings), kind: organ.kind, place, hasRows: formOf(organ) === "maps", told: ({ place: at, kept }) => kept && seen.go({ cell: toCell(organ, at).join(",") }) });
  const flights = formula.element.querySelectorAll(".lens");
  flights[0].dataset.flight = flightOf(source.path, unit);
  flights[1].dataset.flight = flightOf(organ.path, unit);
  const element = h("div", { class: "unit-view" }, h("p", { class: "in-words", "data-testid": "in-words" }, organ.kind === "pool" ? "The largest number of each window stays; so the picture becomes smaller, and what matters stays wherever it was in the window." : "The mean of each window stays."), formula.element);
  return { element, show: ({ cell }) => cell && formula.show({ place: toPlace(cell) }), stop: formula.stop };
}

// --- what is made of the same place: norms, activations, sums, input layers, recurrent layers, attention ----------------------

function throughView(seen) {
  const { organ, specimen, trace, unit } = seen;
  const output = mapOf(trace.outputs.get(organ.path), unit);
  let place = toPlace(seen.cell) ?? strongestPlace(output);
  const sources = organ.sources.map((path) => specimen.organ(path)).filter((source) => source.output_shape.length === organ.output_shape.length && unit < source.output_shape.at(-1));
  const pick = (cell) => {
    at(cell);
    seen.go({ cell: toCell(organ, cell).join(",") });
  };
  const inputs = sources.map((source) => lens({ map: mapOf(trace.outputs.get(source.path), unit), label: `${specimen.nameOf(source)}, channel ${unit}`, flight: flightOf(source.path, unit), className: "large", id: `through-input-${source.path || "input"}`, point: hover, pick, move: pick }));
  const result = lens({ map: output, label: `${specimen.nameOf(organ)}, channel ${unit}`, flight: flightOf(organ.path, unit), className: "large", id: "through-output", point: hover, pick, move: pick });
  const active = organ.kind === "activation" ? functionPart(organ.settings.function, 0) : null;
  const curve = active ? functionFormula(active, { id: "activation" }) : null;
  const where = h("h4", { "data-testid": "window-place" });
  const numbers = h("div", { class: "numbers" });
  const arrow = h("span", { class: "arrow", "aria-hidden": "true" }, organ.kind === "activation" ? `${organ.settings.function} →` : "→");
  const maps = h("div", { class: "window-row" }, inputs.map((input, i) => figure(specimen.nameOf(sources[i]), input.element)), arrow, figure(specimen.nameOf(organ), result.element));
  const element = h("div", { class: "unit-view through" }, h("div", { class: "formula window-formula" }, h("div", { class: "formula-head" }, where), maps), curve?.element, numbers);
  const ask = asker(seen, numbers);

  // An activation follows the pointer; the rest is asked for where one clicks.
  function hover(cell) {
    if (!cell || !curve) return;
    at(cell, { quick: true });
  }

  function at(cell, { quick = false } = {}) {
    place = cell;
    for (const one of [...inputs, result]) one.mark({ cell });
    where.textContent = organ.output_shape.length === 3 ? `Row ${cell[0]}, column ${cell[1]}` : `Step ${cell[0]}`;
    if (curve) curve.update(functionPart(organ.settings.function, trace.outputs.get(sources[0].path).data[flatIndex(sources[0], cell, unit)]));
    if (!quick && !curve) ask(indexOf(organ, unit, toCell(organ, cell)));
  }

  at(place);
  return { element, show: ({ cell }) => cell && String(cell) !== String(toCell(organ, place)) && at(toPlace(cell)), stop: () => {} };
}

function flatIndex(organ, [row, column], unit) {
  const shape = organ.output_shape;
  return shape.length === 3 ? (row * shape[1] + column) * shape[2] + unit : row * shape[1] + unit;
}

// --- single numbers: dense units, classes, the answer ------------------------------------------------------------------------

function numberView(seen) {
  const numbers = h("div", { class: "numbers" });
  const element = h("div", { class: "unit-view" }, numbers);
  asker(seen, numbers)(indexOf(seen.organ, seen.unit, []));
  return { element, show: () => {}, stop: () => {} };
}

function figure(caption, ...inside) {
  return h("figure", null, h("figcaption", null, caption), inside);
}

