// A row of a table to be changed: a slider over its histogram for a number, a choice for a category, both with the example's own value.
//
// rowEditor({columns, onchange, onfocus}) -> {element, show(cells, own), cells()}: a column is {name, kind, known: values, histogram,
// range: [low, high], whole: bool, open: may hold other values, missing: bool}.

import { h, svg } from "./dom.js";
import { short } from "./numbers.js";
import { quiet } from "./control.js";

const STEPS = 200;

export function rowEditor({ columns, onchange, onfocus }) {
  const fields = columns.map((column) => field(column, (value) => changed({ ...cells, [column.name]: value }), () => onfocus(column.name)));
  const resetting = quiet("Back to the example", () => (show(original, original), onchange(cells)), "reset");
  const element = h("div", null, h("ul", { class: "fields" }, fields.map((f) => f.element)), h("p", { class: "row-foot" }, resetting));
  let cells = {};
  let original = {};

  function changed(next) {
    cells = next;
    mark();
    onchange(cells);
  }

  function mark() {
    const differs = columns.map(({ name }) => (cells[name] ?? null) !== (original[name] ?? null));
    resetting.disabled = !differs.includes(true);
    fields.forEach((f, i) => f.element.classList.toggle("changed", differs[i]));
  }

  function show(row, own) {
    [cells, original] = [{ ...row }, own ?? row];
    fields.forEach((f, i) => f.show(cells[columns[i].name] ?? null, original[columns[i].name] ?? null));
    mark();
  }

  show({}, {});
  return { element, show, cells: () => cells };
}

function field(column, onchange, onfocus) {
  const { head, body, show } = (column.kind === "number" && column.range ? slider : choices)(column, onchange);
  return { show, element: h("li", { class: "field", focusin: onfocus, "data-testid": `field-${column.name}` }, h("span", { class: "field-head" }, h("label", { class: "clipped", for: `field-${column.name}` }, column.name), head), body) };
}

function slider({ name, range: [low, high], whole, histogram, missing }, onchange) {
  const number = h("input", { type: "number", step: "any", "aria-label": name, input: () => put(number.value === "" ? null : Number(number.value), number) });
  const range = h("input", { type: "range", id: `field-${name}`, min: low, max: high, step: whole ? 1 : nice((high - low) / STEPS), input: () => put(Number(range.value), range) });
  const none = missing ? h("button", { type: "button", class: "missing-button", "aria-label": `${name} is missing`, click: () => put(none.getAttribute("aria-pressed") === "true" ? (low + high) / 2 : null) }, "missing") : null;
  const tick = h("span", { class: "own-mark", "aria-hidden": "true" });

  function draw(value, from) {
    if (from !== number) number.value = value === null ? "" : Number(value.toPrecision(6));
    if (from !== range) range.value = value ?? (low + high) / 2;
    none?.setAttribute("aria-pressed", String(value === null));
    range.classList.toggle("without", value === null);
  }

  function put(value, from) {
    draw(value, from);
    onchange(value);
  }

  function show(value, own) {
    draw(value);
    tick.hidden = !(own !== null && own >= low && own <= high);
    tick.style.setProperty("--at", (own - low) / (high - low || 1));
  }

  return { head: [none, number], body: h("span", { class: "field-track" }, bars(histogram?.counts ?? []), tick, range), show };
}

function bars(counts) {
  const most = Math.max(...counts, 1);
  const step = 100 / counts.length;
  return svg("svg", { class: "field-bars", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" }, counts.map((n, i) => svg("rect", { x: i * step + 0.3, width: step - 0.6, y: 20 - (20 * n) / most, height: (20 * n) / most })));
}

// A choice among all values where they are known, a text with suggestions where there may be others.
function choices({ name, kind, known, open, missing }, onchange) {
  const change = () => onchange(input.value === "" ? null : kind === "number" ? Number(input.value) : input.value);
  const list = `list-${name}`;
  const option = (value) => h("option", { value }, value || "missing");
  const input = open ? h("input", { id: `field-${name}`, type: "text", list, change }) : h("select", { id: `field-${name}`, change });
  const note = h("small", { class: "clipped" });

  function show(value, own) {
    const text = value === null ? "" : String(value);
    if (!open) input.replaceChildren(...[...new Set([...known, ...(missing ? [""] : []), text].map(String))].map(option));
    input.value = text;
    note.textContent = own === null ? "" : `example: ${typeof own === "number" ? short(own) : own}`;
  }

  return { head: note, body: [input, open ? h("datalist", { id: list }, known.map(option)) : ""], show };
}

// 1, 2 or 5 times a power of ten, at most as large.
function nice(raw) {
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  return Number(([5, 2, 1].find((m) => m * power <= raw) * power).toPrecision(3));
}
