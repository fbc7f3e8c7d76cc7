// A convolution at one place: the window slides over the input, its numbers times the kernel's, channel after channel, to the sum.

import { h } from "../../report/static/dom.js";
import { placeOver } from "./convolution.js";
import { cellOf, frameAt } from "./elastic.js";
import { functionFormula, functionPart } from "./formula_function.js";
import { lens } from "./lens.js";
import { player } from "./player.js";
import { put, reading, setSwing, swing } from "./reading.js";
import { scaleFor } from "./tile.js";

const CHIPS = 128; // input channels with a chip of their own

// unit: of elastic.js. told({place, channel, kept}) hears of every move; kept where it is one to remember (a click, a key).
export function windowFormula({ unit, place, channel, told, hasRows }) {
  let now = { place, channel };
  const termOf = () => unit.terms.find((term) => term.channel === now.channel) ?? unit.terms[0];
  const go = (next, kept = false) => {
    now = { ...now, ...next };
    show();
    told?.({ ...now, kept });
  };
  const settle = () => told?.({ ...now, kept: true });
  const input = lens({ map: termOf().map, label: "input", id: "window-input", className: "large", point: (cell) => cell && !steps.playing() && go({ place: placeOver(cell, unit.moves, unit.rows, unit.columns) }), pick: settle, move: (cell) => go({ place: placeOver(cell, unit.moves, unit.rows, unit.columns) }) });
  const output = lens({ map: unit.output, label: "output", id: "window-output", className: "large", point: (cell) => cell && !steps.playing() && go({ place: cell }), pick: settle, move: (cell) => go({ place: cell }, true) });
  const steps = player({ count: unit.rows * unit.columns, at: 0, what: "place", id: "play", told: (at) => go({ place: [Math.floor(at / unit.columns), at % unit.columns] }, !steps.playing()) });
  const grid = productGrid(termOf().kernel);
  const channelSum = reading(0, { id: "channel-sum", digits: 4 });
  const channelName = h("b");
  const chips = unit.terms.slice(0, CHIPS).map((term) => {
    const value = reading(0, { id: `channel-part-${term.channel}`, sign: true });
    const bar = swing(0, 1);
    return { term, value, bar, element: h("button", { type: "button", class: "chip", "data-testid": `channel-${term.channel}`, click: () => go({ channel: term.channel }, true) }, h("small", null, String(term.channel)), bar, value) };
  });
  const [bias, sum] = [reading(unit.bias, { id: "bias" }), reading(0, { id: "sum", digits: 4 })];
  const active = functionPart(unit.activation, 0);
  const curve = active ? functionFormula(active, { id: "activation" }) : null;
  const where = h("h4", { "data-testid": "window-place" });
  const element = h(
    "div",
    { class: "formula window-formula" },
    h("div", { class: "formula-head" }, where, steps.element),
    h("div", { class: "window-row" }, figure("input", input.element), h("div", { class: "window-products" }, grid.element, h("p", { class: "equation" }, channelName, " gives ", channelSum)), figure(unit.activation === "linear" ? "output" : `output, after ${unit.activation}`, output.element)),
    h("div", { class: "channels" }, h("p", { class: "formula-note" }, unit.terms.length > 1 ? `All ${unit.terms.length} input channels give their part; click one to see its products.` : "There is one input channel."), h("div", { class: "chips" }, chips.map((chip) => chip.element)), h("p", { class: "equation" }, "Σ of all parts, + bias ", bias, " = ", h("b", null, sum))),
    curve?.element,
  );

  function show() {
    const { parts, sum: total } = cellOf(unit, now.place);
    const term = termOf();
    const part = parts[unit.terms.indexOf(term)];
    where.textContent = hasRows ? `Row ${now.place[0]}, column ${now.place[1]}` : `Step ${now.place[0]}`;
    input.show({ map: term.map, label: `input channel ${term.channel}` });
    input.mark({ window: frameAt(now.place, unit.moves) });
    output.mark({ cell: now.place });
    if (!steps.playing()) steps.set(now.place[0] * unit.columns + now.place[1]);
    grid.show(part);
    channelName.textContent = `channel ${term.channel}`;
    put(channelSum, part.value, { digits: 4 });
    const most = Math.max(...parts.map((p) => Math.abs(p.value)), 1e-12);
    chips.forEach((chip, i) => {
      put(chip.value, parts[i].value, { sign: true });
      setSwing(chip.bar, parts[i].value, most);
      chip.element.setAttribute("aria-pressed", String(chip.term === term));
      chip.element.setAttribute("aria-label", `channel ${chip.term.channel} gives ${parts[i].value.toPrecision(3)}`);
    });
    put(sum, total, { digits: 4 });
    if (curve) curve.update(functionPart(unit.activation, total));
  }

  show();
  return { element, show: (next) => { now = { ...now, ...next }; show(); }, stop: steps.stop, now: () => now };
}

// Each cell under the kernel: input × weight = product.
function productGrid(kernel) {
  const cells = Array.from(kernel.data, (_, i) => {
    const [x, w, p] = ["input", "weight", "product"].map((name) => reading(0, { id: `${name}-${i}`, digits: 2 }));
    return { x, w, p, element: h("li", null, h("span", { class: "factors" }, x, " × ", w), p) };
  });
  const crowded = kernel.columns > 5;
  const wide = kernel.columns === 1 ? Math.min(kernel.rows, 9) : kernel.columns;
  const element = h("ol", { class: `window-grid products-grid ${crowded ? "crowded" : ""}`, style: { "--columns": wide } }, cells.map((cell) => cell.element));

  function show(part) {
    const most = Math.max(...part.cells.map((cell) => Math.abs(cell.product)), 1e-12);
    const scale = scaleFor([-most, most]);
    part.cells.forEach((cell, i) => {
      const { x, w, p, element: box } = cells[i];
      put(x, cell.value, { digits: 2 });
      put(w, cell.weight, { digits: 2 });
      put(p, cell.product, { digits: 2 });
      box.classList.toggle("padding", !cell.there);
      box.title = cell.there ? `row ${cell.row}, column ${cell.column}` : "padding: nothing there, so 0";
      box.style.setProperty("--fill", scale.css(cell.product));
      box.style.setProperty("--on", scale.ink(cell.product));
    });
  }

  return { element, show };
}

function figure(caption, ...inside) {
  return h("figure", null, h("figcaption", null, caption), inside);
}
