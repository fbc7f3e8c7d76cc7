// The population as a table that can be sorted.

import { h, svg, absent, scrolling } from "./dom.js";
import { count, short } from "./numbers.js";
import { logarithmic } from "./scale.js";

const TEXT = new Set(["state"]);
const FIRST = 100; // rows that are there before one asks for the others
const WHOLE = new Set(["id", "seed", "part", "network", "epochs", "best_epoch"]);

export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  const sentences = [values.description, values.shipped].filter(Boolean).join(" ");
  if (sentences) element.append(h("p", { class: "reading" }, sentences));
  const order = { key: "validation_loss", up: true };
  const largest = Math.max(...values.rows.map((r) => r.validation_loss ?? 0));
  const body = h("tbody");
  const heads = values.columns.map((column) => head(column, () => sort(column.key)));
  const box = scrolling("All members", h("table", { class: "members" }, h("caption", { class: "unseen" }, "Members of the population"), h("thead", null, h("tr", null, heads)), body));
  box.classList.add("tall");
  const rates = byRate(values.rows);
  if (rates) element.append(rates);
  const rest = h("button", { type: "button", class: "quiet more-button", click: () => ((order.all = true), sort(null)) }, `Show all ${count(values.rows.length)} members`);
  element.append(box, rest);
  sort(null);

  function sort(key) {
    if (key) Object.assign(order, { key, up: key === order.key ? !order.up : true });
    heads.forEach((th, i) => {
      const on = values.columns[i].key === order.key;
      if (on) th.setAttribute("aria-sort", order.up ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    });
    const rows = [...values.rows].sort((a, b) => compare(a[order.key], b[order.key], order.up));
    const shown = order.all ? rows : rows.slice(0, FIRST);
    box.classList.toggle("long", shown.length > 30);
    rest.hidden = shown.length === rows.length;
    body.replaceChildren(...shown.map((row) => line(row, values.columns, largest)));
  }
}

function head(column, onclick) {
  return h("th", { scope: "col", class: TEXT.has(column.key) ? null : "number" }, h("button", { type: "button", class: "sort", click: onclick }, column.title));
}

// What is missing comes last in both directions.
function compare(a, b, up) {
  if (a === null || b === null || a === undefined || b === undefined) return (a ?? null) === null ? ((b ?? null) === null ? 0 : 1) : -1;
  return (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1);
}

function line(row, columns, largest) {
  const cell = ({ key }) => {
    const value = row[key];
    if (key === "id") return h("th", { scope: "row", class: "number" }, row.winner ? h("span", { class: "tag" }, "shipped") : null, String(value));
    if (key === "state") return h("td", null, h("span", { class: `state ${value === "diverged" ? "bad" : ""}` }, value));
    if (key === "validation_loss") {
      return h("td", { class: "number loss" }, h("span", { class: "bar", "aria-hidden": "true", style: { "--share": largest ? (value ?? 0) / largest : 0 } }), short(value, 4));
    }
    return h("td", { class: "number" }, WHOLE.has(key) ? count(value) : short(value));
  };
  return h("tr", { class: row.winner ? "best" : null }, columns.map(cell));
}

// Validation loss against learning rate, where there are several: too small learns too little, too large not at all.
function byRate(rows) {
  const points = rows.filter((r) => r.learning_rate > 0 && r.validation_loss > 0);
  const rates = [...new Set(points.map((p) => p.learning_rate))].sort((a, b) => a - b);
  if (rates.length < 2) return null;
  const losses = points.map((p) => p.validation_loss);
  const [width, height, left, bottom] = [420, 190, 52, 30];
  const x = logarithmic([rates[0] / 1.6, rates.at(-1) * 1.6], [left, width - 12]);
  const y = logarithmic([Math.min(...losses) / 1.1, Math.max(...losses) * 1.1], [height - bottom, 10]);
  const across = y.ticks(3).map((v) => [
    svg("line", { class: "grid", x1: left, x2: width - 12, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 7, y: y(v), dy: "0.32em", "text-anchor": "end" }, short(v)),
  ]);
  const roomy = rates.filter((r, i) => i === 0 || x(r) - x(rates[i - 1]) > 34);
  const names = roomy.map((r) => svg("text", { x: x(r), y: height - bottom + 18, "text-anchor": "middle" }, short(r)));
  const ordered = [...points].sort((a, b) => a.winner - b.winner);
  const dots = ordered.map((p) =>
    svg("circle", { class: p.winner ? "won" : null, cx: x(p.learning_rate), cy: y(p.validation_loss), r: p.winner ? 5 : 4 }, svg("title", null, `member ${p.id}: ${short(p.validation_loss, 4)}`)),
  );
  const label = `Best validation loss of ${points.length} members at ${rates.length} learning rates; the table below has the numbers`;
  return h(
    "figure",
    { class: "rates" },
    h("figcaption", null, "Best validation loss by learning rate"),
    svg("svg", { class: "figure", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, svg("g", { class: "axes" }, across, names), dots),
    h("p", { class: "note" }, "Each dot is a member; filled ones are shipped."),
  );
}
