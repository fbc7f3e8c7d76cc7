// One step of training seen at a unit: the loss of this example, the gradient there, and what each weight would become.

import { h } from "./dom.js";
import { button, figure, numeral, termsTable } from "./button.js";
import { lens } from "./lens.js";
import { formOf, RECURRENT, unflattened, unitsOf } from "./organ.js";
import { put, reading, swing } from "./reading.js";
import { unitMap } from "./specimen.js";

const FIRST = 10;
const RATES = [-5, 0]; // powers of ten

export function stepView(seen, backward, { rate, told, predict }) {
  const { organ, unit } = seen;
  const power = Math.log10(rate);
  const slider = h("input", { type: "range", min: RATES[0], max: RATES[1], step: 0.1, value: power, "aria-label": "Learning rate", "data-testid": "rate", input: moved, change: () => told(rateNow()) });
  const rateNow = () => Number((10 ** Number(slider.value)).toPrecision(3));
  const [rateSaid, lossAfter] = [reading(rate, { id: "rate-now" }), reading(backward.loss_after, { id: "loss-after", digits: 4 })];
  const gradient = backward.steps.find((step) => step.path === organ.path)?.gradient;
  const changes = weightsOf(backward, organ, unit, (at) => seen.nameOfInput(at));
  const most = Math.abs(changes[0]?.gradient ?? 0);
  let shown = changes.slice(0, FIRST).map((one, i) => line(one, i));
  const body = h("tbody", null, shown.map((row) => row.element));
  const more = button("quiet", `${FIRST} of ${changes.length}: show all`, all, { hidden: changes.length <= FIRST });

  function line(one, i) {
    const readings = { change: reading(0, { id: `change-${i}`, sign: true }), after: reading(0, { id: `after-${i}` }) };
    const element = h("tr", { "data-array": one.array, "data-at": one.at, "data-testid": `step-${i}` }, h("th", { scope: "row" }, one.name), numeral(one.value, { id: `before-${i}` }), numeral(one.gradient, { id: `gradient-${i}` }), h("td", { class: "wide" }, swing(-one.gradient, most)), h("td", { class: "number" }, readings.change), h("td", { class: "number" }, readings.after));
    return { one, readings, element };
  }

  function all() {
    shown = changes.slice(0, 400).map((one, i) => line(one, i));
    body.replaceChildren(...shown.map((row) => row.element));
    more.hidden = true;
    moved();
  }

  function moved() {
    const now = rateNow();
    put(rateSaid, now);
    for (const { one, readings } of shown) {
      put(readings.change, -now * one.gradient, { sign: true });
      put(readings.after, one.value - now * one.gradient);
    }
    predict?.(now).then((loss) => put(lossAfter, loss, { digits: 4 }), () => {});
  }

  const map = gradient ? unitMap(organ, gradient, unit) : null;
  const here = !map ? "" : formOf(organ) === "cells" ? h("p", { class: "equation" }, "gradient at this unit ", reading(map.data[0], { id: "unit-gradient", digits: 4 })) : figure("gradient at this unit", lens({ map, label: "gradient of the loss at this unit", className: "large", id: "gradient-map" }).element);
  const table = changes.length ? h("div", null, termsTable(["weight", "now", "gradient", "", "change", "after"], body), more) : h("p", { class: "formula-note" }, "This layer has no weights that training could change; the gradient passes through it to the layers before.");
  moved();
  return {
    element: h(
      "div",
      { class: "formula step-view", role: "group", "aria-label": "One step of training", "data-testid": "step-view" },
      h("h3", null, "One step of training on this example"),
      h("p", { class: "formula-note" }, "The gradient says how the loss changes with a number. A step moves every weight against its gradient: change = − rate × gradient."),
      h("div", { class: "step-facts" }, h("p", { class: "equation" }, "loss now ", reading(backward.loss, { id: "loss", digits: 4 }), " → after the step ", h("b", null, lossAfter)), h("label", { class: "pair" }, "learning rate", slider, rateSaid)),
      h("div", { class: "step-row" }, here, table),
    ),
  };
}

// The weights that belong to a unit, those that would change most first.
export function weightsOf(backward, organ, unit, nameOfInput) {
  const start = `${organ.path}.`;
  const mine = backward.weights.filter(({ path }) => path.startsWith(start) && !path.slice(start.length).includes("."));
  const all = mine.flatMap(({ path, value, gradient }) => {
    const name = path.slice(start.length);
    const wide = gradient.shape.at(-1);
    if (wide % unitsOf(organ)) return [];
    const out = [];
    for (let at = 0; at < gradient.data.length; at += 1) {
      if ((at % wide) % unitsOf(organ) !== unit) continue;
      out.push({ array: path, at, name: said(organ, name, unflattened(gradient.shape, at), nameOfInput), value: value.data[at], gradient: gradient.data[at] });
    }
    return out;
  });
  return all.sort((a, b) => Math.abs(b.gradient) - Math.abs(a.gradient));
}

function said(organ, name, index, nameOfInput) {
  if (index.length === 4) return `channel ${index[2]}: kernel row ${index[0]}, column ${index[1]}`;
  if (index.length === 3) return `channel ${index[1]}: kernel place ${index[0]}`;
  const to = RECURRENT.includes(organ.kind) ? `, gate ${Math.floor(index.at(-1) / organ.settings.features) + 1}` : "";
  if (index.length === 1) return `${name}${to}`;
  return name === "weight" ? `${nameOfInput(index[0])}${to}` : `${name} from ${index[0]}${to}`;
}
