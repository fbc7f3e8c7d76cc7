// The largest of several: which of them won.

import { h } from "./dom.js";
import { reading } from "./reading.js";
import { bounds } from "./specimen.js";
import { fill, scaleFor } from "./tile.js";
import { termsOf } from "./terms.js";

const MOST = 64;

export function choiceFormula(part, context) {
  const { id = "choice" } = context;
  const terms = termsOf(part);
  const scale = scaleFor(bounds(part.inputs.data));
  const won = part.won.length ? part.won.reduce((at, place, axis) => at * part.inputs.shape[axis] + place, 0) : -1;
  const shown = terms.length <= MOST ? terms : [...terms].sort((a, b) => b.input - a.input).slice(0, MOST);
  const cells = shown.map((term) => {
    const told = context.point ? { pointerenter: () => context.point({ path: part.of, index: term.index }), pointerleave: () => context.point(null) } : {};
    const cell = h("li", { class: `${term.at === won ? "won" : ""} ${term.there ? "" : "padding"}`, title: context.nameTerm(part.of, term.index), ...told }, term.there ? reading(term.input, { id: `${id}-${term.at}`, digits: 2 }) : "–");
    return term.there ? fill(cell, term.input, scale) : cell;
  });
  const wide = part.inputs.shape.length > 1 ? part.inputs.shape.at(-1) : Math.min(shown.length, 8);
  const name = won >= 0 ? context.nameTerm(part.of, terms[won].index) : "nothing";
  return { element: h("div", { class: "formula choice-of" }, h("ol", { class: "window-grid", style: { "--columns": wide } }, cells), h("p", { class: "equation" }, `the largest of ${terms.length}: ${name}, `, reading(part.value, { id: `${id}-value` }))) };
}
