// The arithmetic of one number, asked for and shown, with a sentence that says what weighed most.

import { h } from "./dom.js";
import { failure } from "./message.js";
import { indexOf } from "./organ.js";
import { partsView } from "./parts_view.js";
import { difference, inWords, origin, termsOf } from "./terms.js";

// Ask for a unit's arithmetic and show it; only the last question counts.
export function asker(seen, place) {
  let controller = null;
  return async (index) => {
    controller?.abort();
    controller = new AbortController();
    const { signal } = controller;
    try {
      const rival = seen.rival === null ? null : seen.specimen.unit(seen.example.id, seen.organ.path, indexOf(seen.organ, seen.rival, []), signal);
      const [unit, other] = await Promise.all([seen.specimen.unit(seen.example.id, seen.organ.path, index, signal), rival]);
      if (!signal.aborted) place.replaceChildren(...arithmetic(unit, other, seen));
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) place.replaceChildren(failure(error, null));
    }
  };
}

function arithmetic(unit, rival, seen) {
  const context = contextOf(seen);
  const sums = unit.parts.filter((part) => part.type === "Products");
  const last = unit.parts.at(-1);
  const said = sums.length === 1 ? inWords({ products: termsOf(sums[0]), output: last.type === "Function" ? last : { function: "linear", input: last.value, value: last.value }, name: "This unit", nameTerm: (term) => { const at = seen.specimen.byPath.has(sums[0].of) ? origin(seen.specimen.byPath, sums[0].of, term.index) : { path: sums[0].of, index: term.index }; return context.nameTerm(at.path, at.index); } }) : [];
  const versus = rival ? [h("h3", null, `${seen.className(seen.unit)} rather than ${seen.className(seen.rival)}`), partsView({ parts: [{ ...difference(sums[0], rival.parts[0]), name: "evidence" }] }, context)] : [];
  return [said.length ? h("p", { class: "in-words", "data-testid": "in-words" }, said.join(" ")) : "", ...versus, partsView(unit, context)];
}

// What the formulas are told: how numbers are called, what a click on one opens, what the pointer is on.
function contextOf(seen) {
  const { specimen } = seen;
  return {
    byPath: specimen.byPath,
    nameLayer: (path) => (specimen.organ(path) ? specimen.nameOf(specimen.organ(path)) : path),
    nameTerm: seen.nameTerm,
    point: (at) => seen.point(at ? { path: at.path ?? at.of, index: at.index } : null),
    pick: ({ path, index }) => seen.open(path, index),
    shares: (part) => {
      const source = specimen.organ(part.of);
      if (!source) return { names: (i) => `step ${i}` };
      return { names: (i) => seen.nameTerm(part.of, [i]), hover: (i) => seen.point(i === null ? null : { path: part.of, index: [i] }), pick: (i) => seen.open(part.of, [i]) };
    },
  };
}
