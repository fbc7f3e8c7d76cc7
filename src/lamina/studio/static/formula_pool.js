// A pool at one place: the window slides over its channel, and one number wins, or all are averaged.

import { h } from "../../report/static/dom.js";
import { placeOver } from "./convolution.js";
import { frameAt, pooledAt } from "./elastic.js";
import { lens } from "./lens.js";
import { player } from "./player.js";
import { put, reading } from "./reading.js";
import { bounds } from "./specimen.js";
import { scaleFor } from "./tile.js";

export function poolFormula({ map, output, moves, kind, place, told, hasRows }) {
  let now = place;
  const { rows, columns } = output;
  const scale = scaleFor(bounds(map.data));
  const go = (next, kept = false) => {
    now = next;
    show();
    told?.({ place: now, kept });
  };
  const settle = () => told?.({ place: now, kept: true });
  const over = (cell) => placeOver(cell, moves, rows, columns);
  const input = lens({ map, label: "input", id: "window-input", className: "large", point: (cell) => cell && !steps.playing() && go(over(cell)), pick: settle, move: (cell) => go(over(cell)) });
  const result = lens({ map: output, label: "output", id: "window-output", className: "large", point: (cell) => cell && !steps.playing() && go(cell), pick: settle, move: (cell) => go(cell, true) });
  const steps = player({ count: rows * columns, told: (at) => go([Math.floor(at / columns), at % columns], !steps.playing()) });
  const [wide] = [moves.kernel[1] === 1 ? moves.kernel[0] : moves.kernel[1]];
  const cells = Array.from({ length: moves.kernel[0] * moves.kernel[1] }, (_, i) => {
    const value = reading(0, { id: `window-${i}` });
    return { value, element: h("li", null, value) };
  });
  const grid = h("ol", { class: "window-grid", style: { "--columns": wide } }, cells.map((cell) => cell.element));
  const value = reading(0, { id: "pool-value", digits: 4 });
  const said = h("p", { class: "formula-note", "data-testid": "pool-won" });
  const where = h("h4", { "data-testid": "window-place" });
  const element = h(
    "div",
    { class: "formula window-formula" },
    h("div", { class: "formula-head" }, where, steps.element),
    h("div", { class: "window-row" }, figure("input", input.element), h("div", { class: "window-products" }, grid, h("p", { class: "equation" }, kind === "avgpool" ? "mean = " : "max = ", value), said), figure("output", result.element)),
  );

  function show() {
    const at = pooledAt(map, now, moves, kind);
    where.textContent = hasRows ? `Row ${now[0]}, column ${now[1]}` : `Step ${now[0]}`;
    input.mark({ window: frameAt(now, moves), cell: at.won >= 0 ? [at.cells[at.won].row, at.cells[at.won].column] : null });
    result.mark({ cell: now });
    if (!steps.playing()) steps.set(now[0] * columns + now[1]);
    at.cells.forEach((cell, i) => {
      const box = cells[i].element;
      put(cells[i].value, cell.value);
      box.classList.toggle("won", i === at.won);
      box.classList.toggle("padding", !cell.there);
      box.style.setProperty("--fill", scale.css(cell.value));
      box.style.setProperty("--on", scale.ink(cell.value));
    });
    put(value, at.value, { digits: 4 });
    const winner = at.cells[at.won];
    said.textContent = winner ? (hasRows ? `Row ${winner.row}, column ${winner.column} won; the others are forgotten.` : `Step ${winner.row} won; the others are forgotten.`) : "All of them count the same.";
    said.dataset.won = String(at.won);
  }

  show();
  return { element, show: (next) => { now = next.place ?? now; show(); }, stop: steps.stop, now: () => ({ place: now }) };
}

function figure(caption, ...inside) {
  return h("figure", null, h("figcaption", null, caption), inside);
}
