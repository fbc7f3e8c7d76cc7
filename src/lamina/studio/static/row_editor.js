// A row of a table to be changed: a slider over its histogram for a number, a choice for a category, both with the example's own value.
//
// rowEditor({columns, onchange, onfocus}) -> {element, show(cells, own), cells()}: columns are those of the report's schema view.

import { h, svg } from "../../report/static/dom.js";
import { short } from "../../report/static/numbers.js";

const STEPS = 200;

export function rowEditor({ columns, onchange, onfocus }) {
  const fields = columns.map((column) => field(column, (value) => changed(column, value), () => onfocus(column.name)));
  const resetting = h("button", { type: "button", class: "quiet", disabled: true, click: reset, "data-testid": "reset" }, "Back to the example");
  const element = h("div", { class: "row-editor" }, h("ul", { class: "fields" }, fields.map((f) => f.element)), h("p", { class: "row-foot" }, resetting));
  let cells = {};
  let original = {};

  function changed(column, value) {
    cells = { ...cells, [column.name]: value };
    mark();
    onchange(cells);
  }

  function mark() {
    const differs = (name) => cells[name] !== original[name];
    resetting.disabled = !columns.some((c) => differs(c.name));
    fields.forEach((f, i) => f.element.classList.toggle("changed", differs(columns[i].name)));
  }

  function show(row, own = null) {
    cells = { ...row };
    original = own ?? { ...row };
    fields.forEach((f, i) => f.show(cells[columns[i].name] ?? null, original[columns[i].name] ?? null));
    mark();
  }

  function reset() {
    show(original);
    onchange(cells);
  }

  return { element, show, cells: () => cells };
}

function field(column, onchange, onfocus) {
  const made = column.histogram && column.kind === "number" ? slider(column, onchange) : column.top.length ? options(column, onchange) : text(column, onchange);
  const element = h("li", { class: "field", focusin: onfocus, "data-testid": `field-${column.name}` }, made.parts);
  return { element, show: made.show };
}

function slider(column, onchange) {
  const edges = column.histogram.edges;
  const [low, high] = [Number(edges[0]), Number(edges[edges.length - 1])];
  const whole = edges.every((e) => Number.isFinite(e)) && column.distinct <= 60 && Number.isInteger(low) && Number.isInteger(high) && high - low <= 400;
  const step = whole ? 1 : niceStep((high - low) / STEPS);
  const id = `field-${Math.random().toString(36).slice(2)}`;
  const number = h("input", { type: "number", step: "any", class: "field-number", "aria-label": column.name, input: () => put(number.value === "" ? null : Number(number.value), number) });
  const range = h("input", { type: "range", id, min: low, max: high, step, input: () => put(Number(range.value), range) });
  const none = column.missing ? h("button", { type: "button", class: "missing-button", "aria-pressed": "false", title: `${column.missing} rows of the data have none`, click: () => put(none.getAttribute("aria-pressed") === "true" ? (low + high) / 2 : null, none) }, "missing") : "";
  const tick = h("span", { class: "own-mark", "aria-hidden": "true", hidden: true });
  const parts = [h("span", { class: "field-head" }, h("label", { for: id }, column.name), none, number), h("span", { class: "field-track" }, bars(column.histogram.counts), tick, range)];

  function put(value, from) {
    draw(value, from);
    onchange(value === null || Number.isNaN(value) ? null : value);
  }

  function draw(value, from) {
    if (from !== number) number.value = value === null ? "" : Number(Number(value).toPrecision(6));
    if (from !== range) range.value = value ?? (low + high) / 2;
    if (none) none.setAttribute("aria-pressed", String(value === null));
    range.classList.toggle("without", value === null);
  }

  function show(value, own) {
    draw(value === null ? null : Number(value), null);
    tick.hidden = own === null || !(own >= low && own <= high);
    tick.style.setProperty("--at", (own - low) / (high - low || 1));
  }

  return { parts, show };
}

function bars(counts) {
  const most = Math.max(...counts, 1);
  const step = 100 / counts.length;
  const drawn = counts.map((n, i) => svg("rect", { x: i * step + 0.3, width: Math.max(0.3, step - 0.6), y: 20 - (20 * n) / most, height: (20 * n) / most }));
  return svg("svg", { class: "field-bars", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn);
}

// A choice among all values where the schema lists all of them, a text with suggestions where it doesn't.
function options(column, onchange) {
  const id = `field-${Math.random().toString(36).slice(2)}`;
  const known = column.top.map((t) => t.value);
  const all = known.length >= (column.distinct ?? Infinity);
  const input = all ? h("select", { id, change: () => onchange(input.value === "" ? null : typed(input.value)) }) : h("input", { id, type: "text", list: `${id}-list`, change: () => onchange(input.value === "" ? null : typed(input.value)) });
  const note = h("small", { class: "field-own" });
  const typed = (value) => (column.kind === "number" ? Number(value) : value);
  const fill = (value) => {
    const values = value === null || known.includes(String(value)) ? known : [...known, String(value)];
    if (all) input.replaceChildren(...values.map((v) => h("option", { value: v }, v)), ...(column.missing || value === null ? [h("option", { value: "" }, "missing")] : []));
    input.value = value === null ? "" : String(value);
  };
  const list = all ? "" : h("datalist", { id: `${id}-list` }, known.map((v) => h("option", { value: v })));
  const show = (value, own) => {
    fill(value);
    note.textContent = own === null ? "" : `example: ${own}`;
  };
  return { parts: [h("span", { class: "field-head" }, h("label", { for: id }, column.name), note), input, list], show };
}

function text(column, onchange) {
  const id = `field-${Math.random().toString(36).slice(2)}`;
  const input = h("input", { id, type: "text", change: () => onchange(input.value === "" ? null : column.kind === "number" ? Number(input.value) : input.value) });
  const note = h("small", { class: "field-own" });
  const show = (value, own) => {
    input.value = value === null ? "" : typeof value === "number" ? short(value, 6) : value;
    note.textContent = column.range;
    note.title = own === null ? "" : `example: ${own}`;
  };
  return { parts: [h("span", { class: "field-head" }, h("label", { for: id }, column.name), note), input], show };
}

// 1, 2 or 5 times a power of ten, at most as large.
function niceStep(raw) {
  if (!(raw > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  return Number(([5, 2, 1].find((m) => m * power <= raw) * power).toPrecision(3));
}
