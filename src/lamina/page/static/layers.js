// The networks: each as its notation and a table of layers with bars for where the weights and the work are.

import { h, absent, bar, pairs, scrolling, table } from "./dom.js";
import { count, plural } from "./numbers.js";

export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  const [first, ...others] = values.networks;
  element.append(network(first));
  for (const other of others) {
    element.append(h("details", { class: "more" }, h("summary", null, h("code", null, other.notation), other.shipped ? " (shipped too)" : " (also trained)"), network(other)));
  }
  if (values.program.length) element.append(h("h3", null, "How it was trained"), pairs(values.program, "facts"));
}

function network(values) {
  const head = h(
    "p",
    { class: "notation" },
    h("code", null, values.notation),
    h("span", null, `${plural(values.parameters, "parameter")}, ${count(values.multiply_adds)} multiply-adds an example`),
  );
  const columns = [{ title: "layer" }, { title: "what it does" }, { title: "output", numeric: true }, { title: "parameters", numeric: true }, { title: "multiply-adds", numeric: true }];
  const rows = values.layers.map((layer) => [
    h("code", null, layer.path),
    h("span", { class: "phrase" }, layer.description || layer.kind),
    h("span", { class: "shape" }, layer.shape),
    amount(layer.parameters, layer.weight),
    amount(layer.multiply_adds, layer.work),
  ]);
  return h("div", { class: "network" }, head, scrolling("Layers", table("Layers of the network", columns, rows)));
}

function amount(value, share) {
  return value ? h("span", { class: "sure" }, bar(share, ""), h("span", null, count(value))) : h("span", { class: "nothing" }, "0");
}
