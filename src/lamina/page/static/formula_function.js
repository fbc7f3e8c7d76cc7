// An activation at work: max(0, −0.31) = 0, and the point on the curve.

import { h } from "./dom.js";
import { activate, curve, known, written } from "./activation.js";
import { curvePicture } from "./curve.js";
import { put, reading } from "./reading.js";

export function functionFormula(part, { id = "function" } = {}) {
  const picture = curvePicture(part.function);
  const [input, output] = [reading(part.input, { id: `${id}-input` }), reading(part.value, { id: `${id}-output` })];
  const [before, after] = written(part.function, "\u0000").split("\u0000");
  const line = h("p", { class: "equation" }, before === "" && after === "" ? "" : h("span", { class: "function-name" }, before), input, after, " = ", output);
  const said = h("p", { class: "formula-note" });
  const element = h("div", { class: "formula function" }, line, picture.element, said);

  function update(next) {
    put(input, next.input);
    put(output, next.value);
    const { xs, ys } = next.xs ? { xs: next.xs.data ?? next.xs, ys: next.ys.data ?? next.ys } : curve(next.function, next.input);
    picture.show(next.input, next.value, { xs, ys });
    said.textContent = next.function === "relu" ? (next.input < 0 ? "Below zero: ReLU lets nothing through." : "Above zero: ReLU lets it through as it is.") : next.function === "linear" ? "Linear: the sum is the output." : "";
  }

  update(part);
  return { element, update };
}

// The Function of an activation at a number, worked out here; null for one that looks at several numbers.
export function functionPart(name, input) {
  if (!known(name)) return null;
  return { type: "Function", name: "output", function: name, of: "sum", input, value: activate(name, input), ...curve(name, input) };
}
