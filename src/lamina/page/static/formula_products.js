// A weighted sum: inputs times weights, the largest products first or in their place, the running sum, the bias.

import { choice, h } from "./dom.js";
import { count } from "./numbers.js";
import { button, numeral, termsTable } from "./button.js";
import { lens } from "./lens.js";
import { reading, swing } from "./reading.js";
import { bounds } from "./specimen.js";
import { origin, ranked, termsOf } from "./terms.js";
import { scaleFor } from "./tile.js";

const FIRST = 12;
const MORE = 100;

// context: {byPath, nameTerm(of, index), point({path, index} | null), pick({path, index}), id}
export function productsFormula(part, context) {
  const { id = "products" } = context;
  const terms = termsOf(part).filter((term) => term.there);
  const from = (term) => (context.byPath.has(part.of) ? origin(context.byPath, part.of, term.index) : null);
  const source = terms.length ? from(terms[0]) : null;
  const shape = source ? context.byPath.get(source.path)?.output_shape : null;
  const pictured = Boolean(shape && shape.length === 3 && part.of !== source.path && terms.length === shape.reduce((a, b) => a * b, 1));
  const body = h("div", { class: "products-body" });
  const ways = pictured ? choice("Order of the products", [["sorted", "Largest first"], ["place", "In their place"]], "sorted", show) : null;
  const element = h("div", { class: "formula products" }, equation(part, terms.length, id), ways, body);

  function show(way) {
    body.replaceChildren(way === "place" ? inPlace(part, shape, context) : sorted(part, terms, from, context));
  }

  show("sorted");
  return { element };
}

function equation(part, n, id) {
  const sum = part.value - part.bias;
  return h("p", { class: "equation" }, h("span", { title: "the sum of all products" }, `Σ of ${count(n)} products `), reading(sum, { id: `${id}-sum` }), " + bias ", reading(part.bias, { id: `${id}-bias` }), " = ", h("b", null, reading(part.value, { id: `${id}-value`, digits: 4 })));
}

function sorted(part, terms, from, context) {
  const { id = "products" } = context;
  const order = ranked(terms, part.bias);
  const most = Math.abs(order[0]?.product ?? 0);
  const bodyRows = h("tbody");
  const more = button("quiet", "", () => add(MORE), { "data-testid": `${id}-more` });
  let shown = 0;

  function add(n) {
    bodyRows.append(...order.slice(shown, shown + n).map((term, i) => row(term, shown + i)));
    shown = Math.min(order.length, shown + n);
    more.hidden = shown >= order.length;
    more.textContent = `${shown} of ${count(order.length)}: show ${Math.min(MORE, order.length - shown)} more`;
  }

  function row(term, place) {
    const at = from(term);
    const open = at && context.pick ? () => context.pick(at) : null;
    const name = at ? context.nameTerm(at.path, at.index) : context.nameTerm(part.of, term.index);
    const told = at && context.point ? { pointerenter: () => context.point(at), pointerleave: () => context.point(null) } : {};
    return h(
      "tr",
      { "data-testid": `${id}-term-${place}`, "data-at": term.at, ...told },
      h("th", { scope: "row" }, open ? button("link", name, open, { focus: () => context.point?.(at), blur: () => context.point?.(null) }) : name),
      numeral(term.input, { id: `${id}-input-${term.at}` }),
      numeral(term.weight, { id: `${id}-weight-${term.at}` }, "× "),
      numeral(term.product, { id: `${id}-product-${term.at}` }, "= "),
      h("td", { class: "wide" }, swing(term.product, most)),
      h("td", { class: "number running" }, reading(term.running, { id: `${id}-running-${term.at}` })),
    );
  }

  add(FIRST);
  const start = h("tr", { class: "start" }, h("th", { scope: "row" }, "bias"), h("td"), h("td"), numeral(part.bias), h("td", { class: "wide" }, swing(part.bias, most)), h("td", { class: "number running" }, reading(part.bias)));
  bodyRows.prepend(start);
  return h("div", null, termsTable(["input", "value", "weight", "product", "", "running sum"], bodyRows), more);
}

// Each channel of the picture that was flattened: its pixels, their weights, the products.
function inPlace(part, [rows, columns, channels], context) {
  const { id = "products" } = context;
  const pick = (data, channel) => ({ rows, columns, data: Float32Array.from({ length: rows * columns }, (_, i) => data[i * channels + channel]) });
  const scales = ["inputs", "weights", "products"].map((name) => scaleFor(bounds(part[name].data)));
  const said = h("p", { class: "equation", "data-testid": `${id}-place` }, "Point at a pixel to see its product.");
  const groups = Array.from({ length: channels }, (_, channel) => channel).map((channel) => {
    const maps = ["inputs", "weights", "products"].map((name) => pick(part[name].data, channel));
    const total = maps[2].data.reduce((a, b) => a + b, 0);
    const lenses = maps.map((map, i) => lens({ map, scale: scales[i], label: `${["values", "weights", "products"][i]} of channel ${channel}`, className: "small", id: `${id}-place-${["input", "weight", "product"][i]}-${channel}`, point: (cell) => tell(cell), move: (cell) => tell(cell), pick: (cell) => cell && context.pick?.(placed(cell)) }));
    const placed = ([r, c]) => origin(context.byPath, part.of, [(r * columns + c) * channels + channel]);
    function tell(cell) {
      for (const one of lenses) one.mark({ cell });
      if (!cell) return context.point?.(null);
      const at = (cell[0] * columns + cell[1]) * channels + channel;
      const read = (name, what) => reading(part[name].data[at], { id: `${id}-place-${what}` });
      said.replaceChildren(`channel ${channel}, row ${cell[0]}, column ${cell[1]}: `, read("inputs", "value"), " × ", read("weights", "weight"), " = ", read("products", "product"));
      return context.point?.(placed(cell));
    }
    return h("li", null, h("small", null, `channel ${channel}`), h("span", { class: "triple" }, lenses[0].element, "×", lenses[1].element, "=", lenses[2].element), reading(total, { id: `${id}-place-total-${channel}`, sign: true }));
  });
  return h("div", { class: "in-place" }, said, h("ul", null, groups));
}
