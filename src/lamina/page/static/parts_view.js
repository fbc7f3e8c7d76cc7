// The arithmetic of one number, part after part, in the order in which it is worked out; what belongs to one gate or head together.

import { h } from "./dom.js";
import { choiceFormula } from "./formula_choice.js";
import { formulaFormula } from "./formula_formula.js";
import { functionFormula } from "./formula_function.js";
import { lookupFormula } from "./formula_lookup.js";
import { productsFormula } from "./formula_products.js";
import { sharesFormula } from "./formula_shares.js";
import { reading } from "./reading.js";
import { groupsOf } from "./terms.js";

const FEW = 4; // so many parts stand open, side by side
const FORMULAS = { Products: productsFormula, Choice: choiceFormula, Function: functionFormula, Formula: formulaFormula, Lookup: lookupFormula };
const WORDS = { Products: "weighted sum of", Choice: "the largest", Formula: "formula", Lookup: "a row of weights", Shares: "shares of a whole" };

export function partsView(unit, context) {
  const card = (part, open) => partCard(part, { ...context, id: `part-${unit.parts.indexOf(part)}` }, open);
  if (unit.parts.length <= FEW) return h("div", { class: "parts-list", "data-testid": "parts" }, unit.parts.map((part) => card(part, true)));
  const groups = groupsOf(unit.parts).map(({ name, parts }) => h("div", { class: "part-group" }, h("h3", null, name), parts.map((part) => card(part, part.type === "Function" || part.type === "Formula"))));
  return h("div", { class: "parts-list many", "data-testid": "parts" }, groups);
}

function partCard(part, context, open) {
  const body = h("div", { class: "part-body" });
  const fill = () => {
    if (body.firstChild || !details.open) return;
    body.append((part.type === "Shares" ? sharesFormula(part, { ...context.shares?.(part), id: context.id }) : FORMULAS[part.type](part, context)).element);
  };
  const said = part.type === "Function" ? `${part.function} of ${part.of}` : `${WORDS[part.type] ?? ""} ${part.type === "Products" ? (context.nameLayer?.(part.of) ?? part.of) : ""}`;
  const head = h("summary", null, h("b", null, part.name), h("small", null, said), h("span", { class: "part-value" }, reading(part.value, { id: `${context.id}-is`, digits: 4 })));
  const details = h("details", { class: "part-card", open, "data-part": part.name, toggle: fill }, head, body);
  fill();
  return details;
}
