// A unit opened: where its inputs come from, what each of them gives, and the arithmetic of one of its numbers.
//
// unitView(seen) -> {element, show({cell, channel}), stop}; seen: what view_network.js gathers of where one is.

import { h, svg } from "./dom.js";
import { known } from "./activation.js";
import { asker } from "./arithmetic.js";
import { attentionView } from "./attention_view.js";
import { button, figure } from "./button.js";
import { mapOf, movesOf } from "./convolution.js";
import { apart, cellOf } from "./elastic.js";
import { functionFormula, functionPart } from "./formula_function.js";
import { poolFormula, windowFormula } from "./formula_window.js";
import { lens } from "./lens.js";
import { flightOf } from "./network_map.js";
import { formOf, indexOf, RECURRENT } from "./organ.js";
import { put, reading } from "./reading.js";
import { recurrentView } from "./recurrent_view.js";
import { bounds } from "./specimen.js";
import { inWords } from "./terms.js";
import { scaleFor } from "./tile.js";

const FIRST = 8; // input channels that an elastic view begins with

export function unitView(seen) {
  const { organ } = seen;
  const flat = formOf(organ) === "cells";
  if (organ.kind === "conv" && !flat && known(organ.settings.activation)) return convolutionView(seen);
  if ((organ.kind === "pool" || organ.kind === "avgpool") && !flat) return poolView(seen);
  if (RECURRENT.includes(organ.kind)) return recurrentView(seen);
  if (organ.kind === "attention") return attentionView(seen);
  return flat ? numberView(seen) : throughView(seen);
}

// The place of a map that a person would look at first: where it is strongest.
function strongestPlace(map) {
  let best = 0;
  for (let i = 1; i < map.data.length; i += 1) if (Math.abs(map.data[i]) > Math.abs(map.data[best])) best = i;
  return [Math.floor(best / map.columns), best % map.columns];
}

// A cell of the URL has one number where there is one axis; a map has two.
const toPlace = (cell) => (cell ? [cell[0], cell[1] ?? 0] : null);
const toCell = (organ, place) => (formOf(organ) === "maps" ? place : [place[0]]);
const wordsOf = (text) => h("p", { class: "in-words", "data-testid": "in-words" }, text);

function convolutionView(seen) {
  const { organ, specimen, trace, unit, weights } = seen;
  const source = specimen.source(organ);
  const taken = apart({ organ, source, input: trace.outputs.get(source.path), output: trace.outputs.get(organ.path), weights, unit });
  const place = toPlace(seen.cell) ?? strongestPlace(taken.output);
  const sizes = cellOf(taken, place).parts.map((part) => Math.abs(part.value));
  const channel = taken.terms.some((term) => term.channel === seen.channel) ? seen.channel : taken.terms[sizes.indexOf(Math.max(...sizes))].channel;
  const formula = windowFormula({ unit: taken, place, channel, hasRows: formOf(organ) === "maps", told: moved });
  const picture = elasticPicture(taken, seen, (next) => {
    formula.show(next);
    moved({ ...formula.now(), kept: true });
  });
  const said = wordsOf("");

  function moved({ place: at, channel: from, kept }) {
    picture.mark(at, from);
    const { parts, sum, output } = cellOf(taken, at);
    const products = parts.map((part, i) => ({ at: i, product: part.value }));
    said.textContent = inWords({ products, output: { function: taken.activation, input: sum, value: output }, name: "The unit", nameTerm: (term) => `channel ${taken.terms[term.at].channel}` }).join(" ");
    if (kept) seen.go({ cell: toCell(organ, at).join(","), channel: String(from) });
  }

  moved({ place, channel });
  const show = ({ cell, channel: from }) => {
    formula.show({ place: toPlace(cell) ?? formula.now().place, channel: from ?? formula.now().channel });
    moved(formula.now());
  };
  const element = h("div", { class: "unit-view elastic-view" }, h("div", { class: "elastic-side" }, picture.element), h("div", { class: "formula-side" }, said, formula.element));
  return { element, show, settled: picture.wire, stop: () => (formula.stop(), picture.stop()) };
}

function elasticPicture(taken, seen, pick) {
  const { organ, source, unit, terms } = taken;
  const shared = (name) => (seen.scale === "unit" ? undefined : scaleFor(bounds(terms.flatMap((term) => bounds(term[name].data)))));
  const scales = { map: shared("map"), kernel: shared("kernel"), result: shared("result") };
  const clicks = (more) => ({ pick: (cell) => pick({ place: cell, ...more }), move: (cell) => pick({ place: cell, ...more }) });
  const list = h("ol", { class: "elastic-terms" });
  const wires = svg("svg", { class: "elastic-wires", "aria-hidden": "true" });
  const sum = lens({ map: taken.sum, label: "the sum of all and the bias", id: "elastic-sum", ...clicks() });
  const output = lens({ map: taken.output, label: `output of channel ${unit}`, id: "elastic-output", flight: flightOf(organ.path, unit), ...clicks() });
  const [sumNow, outputNow] = [reading(0, { id: "elastic-sum-value" }), reading(0, { id: "elastic-output-value" })];
  const ends = h("div", { class: "elastic-end" }, figure(["Σ + bias ", reading(taken.bias, { id: "elastic-bias" })], sum.element, sumNow), h("span", { class: "arrow", "aria-hidden": "true" }, taken.activation === "linear" ? "=" : `${taken.activation} →`), figure("output", output.element, outputNow));
  const more = button("show-all", "", () => fill(terms.length), { "data-testid": "all-terms" });
  const body = h("div", { class: "elastic" }, wires, list, ends);
  const element = h("div", null, h("p", { class: "formula-note" }, "Each input channel is convolved with its own kernel; the results are added. Click any cell."), body, more);
  let rows = [];
  let at = null;

  function fill(n) {
    rows = terms.slice(0, n).map((term) => {
      const { channel } = term;
      const input = lens({ map: term.map, scale: scales.map, label: `input channel ${channel}`, flight: flightOf(source.path, channel), className: "small" });
      const kernel = lens({ map: term.kernel, scale: scales.kernel, label: `kernel of channel ${channel}: ${Array.from(term.kernel.data, (v) => v.toPrecision(2)).join(" ")}`, id: `kernel-${channel}`, className: "kernel" });
      const result = lens({ map: term.result, scale: scales.result, label: `result of channel ${channel}`, id: `intermediate-${channel}`, className: "small", ...clicks({ channel }) });
      const value = reading(0, { id: `elastic-part-${channel}` });
      return { term, result, value, element: h("li", null, h("small", null, String(channel)), input.element, h("span", null, "∗"), kernel.element, h("span", null, "="), result.element, value) };
    });
    list.replaceChildren(...rows.map((row) => row.element));
    more.hidden = n >= terms.length;
    more.textContent = `${Math.min(n, terms.length)} of ${terms.length} channels: show all`;
    if (at) mark(...at);
  }

  function mark(place, channel) {
    at = [place, channel];
    const now = cellOf(taken, place);
    rows.forEach((row, i) => {
      row.part = now.parts[i].value;
      row.result.mark({ cell: place });
      put(row.value, row.part, { sign: true });
      row.element.classList.toggle("chosen", row.term.channel === channel);
    });
    sum.mark({ cell: place });
    output.mark({ cell: place });
    put(sumNow, now.sum);
    put(outputNow, now.output);
    wire();
  }

  function wire() {
    if (!body.isConnected || !at) return;
    const [from, to] = [body.getBoundingClientRect(), sum.element.getBoundingClientRect()];
    const most = Math.max(...rows.map((row) => Math.abs(row.part)), 1e-12);
    wires.setAttribute("width", body.clientWidth);
    wires.setAttribute("height", body.clientHeight);
    const [x2, y2] = [to.left - from.left - 2, to.top + to.height / 2 - from.top];
    wires.replaceChildren(
      ...rows.map(({ value, part }) => {
        const box = value.getBoundingClientRect();
        const [x1, y1] = [box.right - from.left + 2, box.top + box.height / 2 - from.top];
        const half = (x1 + x2) / 2;
        return svg("path", { d: x2 > x1 ? `M${x1} ${y1}C${half} ${y1} ${half} ${y2} ${x2} ${y2}` : "", class: part < 0 ? "below" : part ? "above" : "plain", style: { "stroke-width": `${0.75 + (3.25 * Math.abs(part)) / most}px` } });
      }),
    );
  }

  const observer = new ResizeObserver(wire);
  observer.observe(body);
  fill(FIRST);
  return { element, mark, wire, stop: () => observer.disconnect() };
}

function poolView(seen) {
  const { organ, specimen, trace, unit } = seen;
  const source = specimen.source(organ);
  const output = mapOf(trace.outputs.get(organ.path), unit);
  const formula = poolFormula({ map: mapOf(trace.outputs.get(source.path), unit), output, moves: movesOf(organ.settings), kind: organ.kind, place: toPlace(seen.cell) ?? strongestPlace(output), hasRows: formOf(organ) === "maps", flights: [flightOf(source.path, unit), flightOf(organ.path, unit)], told: ({ place, kept }) => kept && seen.go({ cell: toCell(organ, place).join(",") }) });
  const said = organ.kind === "pool" ? "The largest number of each window stays; where in the window it was is forgotten." : "The mean of each window stays.";
  return { element: h("div", { class: "unit-view" }, wordsOf(said), formula.element), show: ({ cell }) => cell && formula.show({ place: toPlace(cell) }), stop: formula.stop };
}

function throughView(seen) {
  const { organ, specimen, trace, unit } = seen;
  const output = mapOf(trace.outputs.get(organ.path), unit);
  const sources = organ.sources.map(specimen.organ).filter((source) => source.output_shape.length === organ.output_shape.length && unit < source.output_shape.at(-1));
  const active = organ.kind === "activation" ? functionPart(organ.settings.function, 0) : null;
  const curve = active ? functionFormula(active, { id: "activation" }) : null;
  const pick = (cell) => {
    at(cell);
    seen.go({ cell: toCell(organ, cell).join(",") });
  };
  const large = (of, id) => lens({ map: mapOf(trace.outputs.get(of.path), unit), label: `${specimen.nameOf(of)}, ${unit}`, flight: flightOf(of.path, unit), className: "large", id, point: (cell) => cell && curve && at(cell), pick, move: pick });
  const [inputs, result] = [sources.map((source) => large(source, "through-input")), large(organ, "through-output")];
  const where = h("h3", { "data-testid": "window-place" });
  const numbers = h("div", { class: "numbers" }, curve ? h("div", { class: "formula" }, curve.element) : "");
  const ask = asker(seen, numbers);
  let place = null;

  // An activation follows the pointer; the rest is asked for where one clicks.
  function at(cell) {
    place = cell;
    for (const one of [...inputs, result]) one.mark({ cell });
    where.textContent = formOf(organ) === "maps" ? `Row ${cell[0]}, column ${cell[1]}` : `Step ${cell[0]}`;
    if (!curve) return ask(indexOf(organ, unit, toCell(organ, cell)));
    const map = mapOf(trace.outputs.get(sources[0].path), unit);
    return curve.update(functionPart(organ.settings.function, map.data[cell[0] * map.columns + cell[1]]));
  }

  at(toPlace(seen.cell) ?? strongestPlace(output));
  const maps = h("div", { class: "window-row" }, inputs.map((input, i) => figure(specimen.nameOf(sources[i]), input.element)), h("span", { class: "arrow" }, "→"), figure(specimen.nameOf(organ), result.element));
  const element = h("div", { class: "unit-view through" }, h("div", { class: "formula" }, where, maps), numbers);
  return { element, show: ({ cell }) => cell && String(toPlace(cell)) !== String(place) && at(toPlace(cell)), stop() {} };
}

function numberView(seen) {
  const numbers = h("div", { class: "unit-view numbers" });
  asker(seen, numbers)(indexOf(seen.organ, seen.unit, []));
  return { element: numbers, show() {}, stop() {} };
}
