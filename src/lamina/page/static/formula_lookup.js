// A row of a table of weights: what a category, or a place, is turned into.

import { h } from "./dom.js";
import { reading } from "./reading.js";
import { bounds } from "./specimen.js";
import { fill, scaleFor } from "./tile.js";

export function lookupFormula(part, { id = "lookup" } = {}) {
  const values = part.values.data;
  const scale = scaleFor(bounds(values));
  const cells = Array.from(values, (value, i) => fill(h("li", { class: i === part.at ? "taken" : null }, reading(value, { id: `${id}-${i}`, digits: 2 })), value, scale));
  const what = part.row < 0 ? "no row: training has not seen it, so all are 0" : `row ${part.row} of ${part.table}`;
  return { element: h("div", { class: "formula lookup" }, h("p", null, h("b", null, part.label || part.name), ` → ${what}`), h("ol", { class: "row-of-weights" }, cells), h("p", { class: "equation" }, `number ${part.at} of it: `, reading(part.value, { id: `${id}-value` }))) };
}
