// A window at one place. It slides over the input: by the pointer, by keys, by itself.

import { h } from "./dom.js";
import { button, figure } from "./button.js";
import { placeOver } from "./convolution.js";
import { cellOf, frameAt, pooledAt } from "./elastic.js";
import { functionFormula, functionPart } from "./formula_function.js";
import { lens } from "./lens.js";
import { player } from "./player.js";
import { put, reading, setSwing, swing } from "./reading.js";
import { bounds } from "./specimen.js";
import { fill, scaleFor } from "./tile.js";

const CHIPS = 128; // input channels with a chip of their own

function sliding({ map, output, moves, place, hasRows, middle, said, moved, flights = [] }) {
  let now = place;
  const { rows, columns } = output;
  const over = (cell) => placeOver(cell, moves, rows, columns);
  const free = (cell) => cell && !steps.playing();
  const input = lens({ map, label: "input", id: "window-input", className: "large", flight: flights[0], point: (cell) => free(cell) && go(over(cell)), pick: () => moved(now, true), move: (cell) => go(over(cell)) });
  const result = lens({ map: output, label: "output", id: "window-output", className: "large", flight: flights[1], point: (cell) => free(cell) && go(cell), pick: () => moved(now, true), move: (cell) => go(cell, true) });
  const steps = player({ count: rows * columns, told: (at) => go([Math.floor(at / columns), at % columns], !steps.playing()) });
  const where = h("h3", { "data-testid": "window-place" });
  const element = h("div", { class: "formula window-formula" }, h("div", { class: "formula-head" }, where, steps.element), h("div", { class: "window-row" }, figure("input", input.element), h("div", { class: "window-products" }, middle), figure(said, result.element)));

  function go(next, kept = false) {
    put_(next);
    moved(now, kept);
  }

  function put_(next) {
    now = next;
    where.textContent = hasRows ? `Row ${now[0]}, column ${now[1]}` : `Step ${now[0]}`;
    input.mark({ window: frameAt(now, moves) });
    result.mark({ cell: now });
    if (!steps.playing()) steps.set(now[0] * columns + now[1]);
  }

  put_(place);
  return { element, input, put: put_, stop: steps.stop };
}

// A convolution: input × weight = product, the channel's sum, all channels' parts, the bias, the activation.
// unit: of elastic.js. told({place, channel, kept}) hears of every move; kept where it is one to remember (a click, a key).
export function windowFormula({ unit, place, channel, told, hasRows }) {
  let now = { place, channel };
  const termOf = () => unit.terms.find((term) => term.channel === now.channel) ?? unit.terms[0];
  const grid = productGrid(termOf().kernel);
  const [channelSum, bias, sum] = [reading(0, { id: "channel-sum" }), reading(unit.bias, { id: "bias" }), reading(0, { id: "sum" })];
  const channelName = h("b");
  const slide = sliding({ map: termOf().map, output: unit.output, moves: unit.moves, place, hasRows, said: unit.activation === "linear" ? "output" : `output, after ${unit.activation}`, middle: [grid.element, h("p", { class: "equation" }, channelName, " gives ", channelSum)], moved: (at, kept) => go({ place: at }, kept) });
  const chips = unit.terms.slice(0, CHIPS).map((term) => {
    const value = reading(0, { id: `channel-part-${term.channel}` });
    const bar = swing(0, 1);
    return { term, value, bar, element: button("chip", [h("small", null, String(term.channel)), bar, value], () => go({ channel: term.channel }, true), { "data-testid": `channel-${term.channel}` }) };
  });
  const active = functionPart(unit.activation, 0);
  const curve = active ? functionFormula(active, { id: "activation" }) : null;
  slide.element.append(h("div", { class: "channels" }, h("p", { class: "formula-note" }, unit.terms.length > 1 ? `All ${unit.terms.length} input channels give their part; click one to see its products.` : "There is one input channel."), h("div", { class: "chips" }, chips.map((chip) => chip.element)), h("p", { class: "equation" }, "Σ of all parts, + bias ", bias, " = ", h("b", null, sum))), curve?.element ?? "");

  function go(next, kept) {
    show(next);
    told({ ...now, kept });
  }

  function show(next) {
    now = { ...now, ...next };
    const { parts, sum: total } = cellOf(unit, now.place);
    const term = termOf();
    const part = parts[unit.terms.indexOf(term)];
    slide.put(now.place);
    slide.input.show({ map: term.map, label: `input channel ${term.channel}` });
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
    curve?.update(functionPart(unit.activation, total));
  }

  show({});
  return { element: slide.element, show, stop: slide.stop, now: () => now };
}

function productGrid(kernel) {
  const cells = Array.from(kernel.data, (_, i) => {
    const [x, w, p] = ["input", "weight", "product"].map((name) => reading(0, { id: `${name}-${i}` }));
    return { x, w, p, element: h("li", null, h("span", { class: "factors" }, x, " × ", w), p) };
  });
  const wide = kernel.columns === 1 ? Math.min(kernel.rows, 9) : kernel.columns;
  const element = h("ol", { class: `window-grid products-grid ${wide > 5 ? "crowded" : ""}`, style: { "--columns": wide } }, cells.map((cell) => cell.element));

  function show(part) {
    const most = Math.max(...part.cells.map((cell) => Math.abs(cell.product)), 1e-12);
    const scale = scaleFor([-most, most]);
    part.cells.forEach((cell, i) => {
      for (const [at, value] of [["x", cell.value], ["w", cell.weight], ["p", cell.product]]) put(cells[i][at], value, { digits: 2 });
      coloured(cells[i].element, cell, cell.product, scale);
    });
  }

  return { element, show };
}

function coloured(box, cell, value, scale) {
  box.classList.toggle("padding", !cell.there);
  box.title = cell.there ? `row ${cell.row}, column ${cell.column}` : "padding: nothing is there";
  fill(box, value, scale);
}

// A pool: one number of the window wins, or all are averaged.
export function poolFormula({ map, output, moves, kind, place, told, hasRows, flights }) {
  const scale = scaleFor(bounds(map.data));
  const cells = Array.from({ length: moves.kernel[0] * moves.kernel[1] }, (_, i) => {
    const value = reading(0, { id: `window-${i}` });
    return { value, element: h("li", null, value) };
  });
  const value = reading(0, { id: "pool-value" });
  const won = h("p", { class: "formula-note", "data-testid": "pool-won" });
  const grid = h("ol", { class: "window-grid", style: { "--columns": moves.kernel[1] === 1 ? moves.kernel[0] : moves.kernel[1] } }, cells.map((cell) => cell.element));
  const slide = sliding({ map, output, moves, place, hasRows, flights, said: "output", middle: [grid, h("p", { class: "equation" }, kind === "avgpool" ? "mean = " : "max = ", value), won], moved: (at, kept) => {
    show({ place: at });
    told({ place: at, kept });
  } });

  function show({ place: at }) {
    const found = pooledAt(map, at, moves, kind);
    const winner = found.cells[found.won];
    slide.put(at);
    slide.input.mark({ cell: winner ? [winner.row, winner.column] : null });
    found.cells.forEach((cell, i) => {
      put(cells[i].value, cell.value);
      cells[i].element.classList.toggle("won", i === found.won);
      coloured(cells[i].element, cell, cell.value, scale);
    });
    put(value, found.value, { digits: 4 });
    won.textContent = winner ? `${hasRows ? `Row ${winner.row}, column ${winner.column}` : `Step ${winner.row}`} won; the others are forgotten.` : "All of them count the same.";
    won.dataset.won = String(found.won);
  }

  show({ place });
  return { element: slide.element, show, stop: slide.stop };
}
