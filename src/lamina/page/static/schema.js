// The data as Lamina understood it: one row a column, with a small picture of its values.

import { h, absent, scrolling, table } from "./dom.js";
import { count, percent, plural } from "./numbers.js";
import { sparkbars } from "./histogram.js";

export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  const gaps = values.columns.filter((c) => c.missing).length;
  element.append(h("p", { class: "reading" }, `${plural(values.rows, "row")}, ${plural(values.columns.length + values.left_out, "column")}; ${gaps ? `${plural(gaps, "column")} with missing values` : "nothing is missing"}.`));
  const columns = [{ title: "column" }, { title: "kind" }, { title: "role" }, { title: "values" }, { title: "distinct", numeric: true }, { title: "missing", numeric: true }];
  if (values.columns.some((c) => c.note)) columns.push({ title: "note" });
  const rows = values.columns.map((c) => ({ class: c.role === "target" ? "best" : c.role && c.role !== "feature" ? "out" : null, cells: line(c, values.rows).slice(0, columns.length) }));
  const box = scrolling("Columns of the data", table("Columns of the data", columns, rows));
  box.classList.add("tall");
  element.append(box);
  if (values.left_out) element.append(h("p", { class: "note" }, `${plural(values.left_out, "more column")} not listed here.`));
}

function line(column, rows) {
  return [
    h("span", { class: "clip", title: column.name }, column.name),
    h("span", { class: "kind" }, column.kind),
    column.role === "target" ? h("span", { class: "tag" }, "target") : column.role,
    picture(column, rows),
    column.distinct || column.missing ? count(column.distinct) : "–",
    column.missing ? h("span", { class: "gap" }, `${count(column.missing)} (${percent(column.missing_share)})`) : h("span", { class: "nothing" }, "0"),
    h("span", { class: "remark" }, column.note),
  ];
}

function picture(column, rows) {
  if (column.histogram) return h("span", { class: "values" }, sparkbars(column.histogram.counts, `Histogram of ${column.name}`), column.range ? h("small", null, column.range) : "");
  if (column.top.length) return frequent(column.top, rows);
  return h("span", { class: "values" }, h("small", null, column.range));
}

function frequent(top, rows) {
  const total = Math.max(rows, top.reduce((sum, t) => sum + t.count, 0), 1);
  const parts = top.map((t, i) => h("span", { class: `part p${i}`, style: { "--share": t.count / total }, title: `${t.value}: ${count(t.count)}` }));
  const names = top.slice(0, 3).map((t) => t.value).join(", ") + (top.length > 3 ? ", …" : "");
  return h("span", { class: "values" }, h("span", { class: "parts", "aria-hidden": "true" }, parts), h("small", { title: top.map((t) => `${t.value}: ${t.count}`).join(", ") }, names));
}
