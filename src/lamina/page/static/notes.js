// What Lamina handled by itself, and says so.

import { h, absent } from "./dom.js";

export function render(element, values) {
  if (!values.items.length) return absent(element, "Nothing had to be handled.");
  element.append(h("ul", { class: "notes" }, values.items.map((n) => h("li", { class: n.matters ? "matters" : null }, h("span", { class: "tag" }, n.kind.replaceAll("-", " ")), h("span", null, n.text)))));
}
