// Elements from plain values. Text only ever becomes text nodes: nothing here, or in any widget, parses markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

// h("p", {class: "lead", click: handler, style: {"--share": 0.5}}, "text", anotherElement, [more])
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

// A box in which something wide scrolls by itself, reachable by keyboard.
export function scrolling(label, ...children) {
  return h("div", { class: "scroll", role: "region", "aria-label": `${label}, table`, tabindex: 0 }, ...children);
}

// columns: [{title, numeric}], rows: [[cell, ...]] or {cells, class}; the first cell of a row names it.
export function table(caption, columns, rows) {
  const kind = (column) => (column.numeric ? "number" : null);
  const head = columns.map((c) => h("th", { scope: "col", class: kind(c) }, c.head ?? c.title));
  const cell = (value, i) => h(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : null, class: kind(columns[i]) }, value);
  const body = rows.map((row) => h("tr", { class: row.class }, (row.cells ?? row).map(cell)));
  return h("table", null, h("caption", { class: "unseen" }, caption), h("thead", null, h("tr", null, head)), h("tbody", null, body));
}

// A description list of {name, text}.
export function pairs(items, className) {
  return h("dl", { class: className }, items.filter((i) => i.text).map((i) => h("div", null, h("dt", null, i.name), h("dd", null, i.text))));
}

export function absent(element, why) {
  element.append(h("p", { class: "absent" }, why));
}

// A bar of a share from 0 to 1; what it says stands beside it as text.
export function bar(share, className) {
  return h("span", { class: `bar ${className ?? ""}`, "aria-hidden": "true", style: { "--share": share ?? 0 } });
}

// Buttons of which one is pressed.
export function choice(label, options, chosen, onchoose) {
  const buttons = options.map(([value, text]) =>
    h("button", { type: "button", "aria-pressed": String(value === chosen), click: () => choose(value) }, text),
  );
  function choose(value) {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(options[i][0] === value)));
    onchoose(value);
  }
  return h("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}
