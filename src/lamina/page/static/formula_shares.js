// Softmax: every number, its exponential, their sum, and each one's share. A row and its unit in the picture point at each other.

import { h } from "./dom.js";
import { percent, short } from "./numbers.js";
import { numeral, termsTable } from "./button.js";
import { put, reading } from "./reading.js";

const MOST = 20;

// A Shares part; names(i) says what number i is of, hover(i | null) is told where the pointer is, pick(i) of a click.
export function sharesFormula(part, { id = "shares", names = (i) => String(i), hover, pick } = {}) {
  const { inputs, exponentials, shares, total, at } = part;
  const by = part.function === "sigmoid" ? "σ" : "e";
  const power = (i) => (by === "e" ? [h("i", null, "e"), h("sup", null, short(inputs.data[i]), part.shift ? ` − ${short(part.shift)}` : "")] : `σ(${short(inputs.data[i])})`);
  const order = Array.from(inputs.data, (_, i) => i).sort((a, b) => shares.data[b] - shares.data[a]);
  const listed = inputs.data.length <= MOST ? order.sort((a, b) => a - b) : [...new Set([at, ...order.slice(0, MOST - 1)])];
  const rows = listed.map((i) =>
    h(
      "tr",
      { class: i === at ? "taken" : null, "data-row": i, "data-testid": `${id}-row-${i}`, tabindex: pick ? 0 : null, pointerenter: () => point(i), pointerleave: () => point(null), focus: () => point(i), blur: () => point(null), click: () => pick?.(i), keydown: (event) => event.key === "Enter" && pick?.(i) },
      h("th", { scope: "row" }, names(i)),
      numeral(inputs.data[i], { id: `${id}-logit-${i}` }),
      numeral(exponentials.data[i], { id: `${id}-exp-${i}` }, [power(i), " = "]),
      h("td", { class: "wide" }, h("span", { class: "fill", style: { "--share": shares.data[i] } })),
      h("td", { class: "number" }, h("data", { class: "num", "data-value": String(shares.data[i]), "data-testid": `${id}-share-${i}` }, percent(shares.data[i]))),
    ),
  );
  const left = inputs.data.length - listed.length;
  const foot = h("tfoot", null, h("tr", null, h("th", { scope: "row" }, left ? `sum, with ${left} more` : "sum"), h("td"), numeral(total, { id: `${id}-total` }), h("td"), numeral(null, {}, "100 %")));
  const quotient = h("p", { class: "equation big" });
  const readings = { top: reading(0, { id: `${id}-top` }), foot: reading(total, { id: `${id}-foot` }), value: reading(0, { id: `${id}-value`, digits: 4 }) };
  const who = h("b");
  quotient.append(who, " ", h("span", { class: "fraction" }, h("span", null, readings.top), h("span", null, readings.foot)), " = ", readings.value);

  function tell(i) {
    who.textContent = names(i);
    put(readings.top, exponentials.data[i]);
    put(readings.value, shares.data[i], { digits: 4 });
  }

  function point(i) {
    mark(i);
    hover?.(i);
  }

  function mark(i) {
    for (const row of rows) row.classList.toggle("pointed", Number(row.dataset.row) === i);
    tell(i ?? at);
  }

  tell(at);
  return { element: h("div", { class: "formula softmax" }, termsTable(["", "logit", "exponential", "share of the sum", ""], h("tbody", null, rows), foot), quotient), mark };
}
