// A formula in its names, and again with its numbers.

import { h } from "./dom.js";
import { reading } from "./reading.js";

export function pieces(text, operands) {
  const names = Object.keys(operands).sort((a, b) => b.length - a.length).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (!names.length) return [{ text }];
  const found = new RegExp(`(?<![\\w.])(${names.join("|")})(?![\\w])`, "g");
  const out = [];
  let at = 0;
  for (const match of text.matchAll(found)) {
    if (match.index > at) out.push({ text: text.slice(at, match.index) });
    out.push({ text: match[0], operand: match[0] });
    at = match.index + match[0].length;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}

export function formulaFormula(part, { id = "formula", point } = {}) {
  const cut = pieces(part.text, part.operands);
  const hover = (operand) => (part.places?.[operand] && point ? { pointerenter: () => point(part.places[operand]), pointerleave: () => point(null) } : {});
  const names = cut.map((piece) => (piece.operand ? h("var", hover(piece.operand), piece.text) : sign(piece.text)));
  const numbers = cut.map((piece) => (piece.operand ? h("span", { class: "operand", title: piece.operand, ...hover(piece.operand) }, reading(part.operands[piece.operand], { id: `${id}-${piece.operand.replaceAll(" ", "-")}` })) : sign(piece.text)));
  return {
    element: h("div", { class: "formula expression" }, h("p", { class: "equation names" }, h("b", null, part.name), " = ", names), h("p", { class: "equation" }, "= ", numbers), h("p", { class: "equation result" }, "= ", reading(part.value, { id: `${id}-value`, digits: 5 }))),
  };
}

function sign(text) {
  return text.replaceAll("*", "×").replaceAll("-", "−");
}
