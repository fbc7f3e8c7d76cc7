// The arithmetic of one number, part after part, in the order in which it is worked out.

import { h } from "../../report/static/dom.js";
import { choiceFormula } from "./formula_choice.js";
import { formulaFormula } from "./formula_formula.js";
import { functionFormula } from "./formula_function.js";
import { lookupFormula } from "./formula_lookup.js";
import { productsFormula } from "./formula_products.js";
import { sharesFormula } from "./formula_shares.js";
import { reading } from "./reading.js";

const FEW = 4; // so many parts stand open
const FORMULAS = { Products: productsFormula, Choice: choiceFormula, Function: functionFormula, Formula: formulaFormula, Lookup: lookupFormula };
const WORDS = { Products: "a weighted sum", Choice: "the largest", Function: "an activation", Formula: "a formula", Lookup: "a row of weights", Shares: "shares of a whole" };

// context: as of the formulas, and shares: what sharesFormula wants.
export function partsView(unit, context) {
  const many = unit.parts.length > FEW;
  const cards = unit.parts.map((part, i) => card(part, i, { ...context, id: `part-${i}` }, many ? i === unit.parts.length - 1 : true));
  return h("div", { class: `parts-list ${many ? "many" : ""}`, "data-testid": "parts" }, cards);
}

function card(part, i, context, open) {
  const body = h("div", { class: "part-body" });
  const inner = () => (part.type === "Shares" ? sharesFormula(part, { ...context.shares?.(part), id: context.id }) : FORMULAS[part.type](part, context));
  let made = false;
  const fill = () => {
    if (made || !details.open) return;
    made = true;
    body.append(inner().element);
  };
  const head = h("summary", null, h("b", null, part.name), h("small", null, part.type === "Function" ? ` ${part.function} of ${part.of}` : part.type === "Products" ? ` ${WORDS.Products} of ${part.of ? context.nameLayer?.(part.of) ?? part.of : "the input"}` : ` ${WORDS[part.type] ?? ""}`), h("span", { class: "part-value" }, reading(part.value, { id: `part-${i}-is`, digits: 4 })));
  const details = h("details", { class: "part-card", open, "data-part": part.name, toggle: fill }, head, body);
  fill();
  return details;
}
