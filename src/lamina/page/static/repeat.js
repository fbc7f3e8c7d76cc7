// All it takes to do it again.

import { h, pairs } from "./dom.js";

export function render(element, values) {
  if (values.command) element.append(command(values.command));
  const group = (title, items) => (items.some((i) => i.text) ? h("div", null, h("h3", null, title), pairs(items, "plain")) : "");
  const when = [{ name: "started", text: values.created }, { name: "seeds", text: values.seeds }, { name: "child of", text: values.parent }];
  element.append(h("div", { class: "columns" }, group("Data", values.data), group("Run", [...when, ...values.plan]), group("Versions and machine", values.versions)));
}

function command(text) {
  const said = h("span", { class: "unseen", role: "status" });
  const button = h("button", { type: "button", class: "quiet", click: () => copy(text, button, said) }, "Copy");
  return h("div", { class: "command" }, h("code", null, text), button, said);
}

async function copy(text, button, said) {
  const label = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Select it to copy");
  button.textContent = said.textContent = label;
  setTimeout(() => (button.textContent = "Copy"), 2000);
}
