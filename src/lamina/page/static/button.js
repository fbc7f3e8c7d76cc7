// Buttons, and tables of arithmetic: pieces that the views of the network share.

import { h } from "./dom.js";
import { reading } from "./reading.js";

export function button(name, inside, click, more) {
  return h("button", { type: "button", class: name, click, ...more }, inside);
}

export function figure(caption, ...inside) {
  return h("figure", null, h("figcaption", null, caption), inside);
}

export function numeral(value, options, before = "") {
  return h("td", { class: "number" }, before, value === null ? "" : reading(value, options));
}

export function termsTable(titles, ...inside) {
  return h("div", { class: "scroll plain-scroll" }, h("table", { class: "terms-table" }, h("thead", null, h("tr", null, titles.map((text) => (text ? h("th", { scope: "col" }, text) : h("td"))))), inside));
}
