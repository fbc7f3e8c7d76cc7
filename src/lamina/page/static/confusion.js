// The confusion matrix with what each class reaches; of a regression predicted against actual values and the errors.

import { h, svg, absent, choice, scrolling, table } from "./dom.js";
import { count, percent, short, plural } from "./numbers.js";
import { linear } from "./scale.js";
import { histogram } from "./histogram.js";

// onpick(true class, predicted class, rows) is told which cell a reader chose; without it the cells are text.
export function render(element, values, { onpick } = {}) {
  if (values.absent) return absent(element, values.absent);
  if (values.kind === "regression") return regression(element, values);
  element.append(h("p", { class: "reading" }, summary(values)));
  let drawn = matrix(values, "counts", onpick);
  const show = choice("Numbers in the cells", [["counts", "rows"], ["shares", "share of the true class"]], "counts", (what) => {
    const next = matrix(values, what, onpick);
    drawn.replaceWith(next);
    drawn = next;
  });
  const left = h("div", { class: "matrix-side" }, h("div", { class: "controls" }, show), drawn);
  element.append(h("div", { class: "split" }, left, perClass(values)));
}

function summary(values) {
  const said = `${count(values.right)} of ${plural(values.rows, "row")} are right.`;
  const top = values.pairs[0];
  const worst = top ? ` The most frequent mistake: ${top.true} taken for ${top.predicted}, ${top.count === 1 ? "once" : top.count === 2 ? "twice" : `${count(top.count)} times`}.` : "";
  const few = values.left_out ? ` Shown are the ${values.classes.length} classes with the most mistakes; ${count(values.left_out)} more are in the table.` : "";
  return said + worst + few;
}

function matrix(values, what, onpick) {
  const { classes } = values;
  const dense = classes.length > 12 ? "dense" : classes.length < 5 ? "roomy" : "";
  const steep = classes.some((c) => c.length > (classes.length > 6 ? 4 : 11)) ? "steep" : "";
  const top = h("tr", null, h("td", { class: "corner" }, h("span", { "aria-hidden": "true" }, "true ↓  predicted →")), classes.map((c) => h("th", { scope: "col", title: c }, h("span", null, c))));
  const rows = classes.map((c, i) => h("tr", null, h("th", { scope: "row", title: c }, h("span", null, c)), classes.map((_, j) => cell(values, what, i, j, onpick))));
  const caption = h("caption", { class: "unseen" }, "Confusion matrix: a row is a true class, a column a predicted one");
  const drawn = h("table", { class: `matrix ${dense} ${steep} ${onpick ? "open" : ""}` }, caption, h("thead", null, top), h("tbody", null, rows));
  if (onpick) wander(drawn);
  return scrolling("Confusion matrix", drawn);
}

// One stop for the tab key; arrows go from cell to cell.
function wander(drawn) {
  const cells = [...drawn.querySelectorAll("td button")];
  cells.forEach((button, i) => (button.tabIndex = i ? -1 : 0));
  drawn.addEventListener("keydown", (event) => {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const at = event.target.closest("td");
    if (!way || !at) return;
    event.preventDefault();
    const rows = [...drawn.tBodies[0].rows];
    let [row, column] = [rows.indexOf(at.parentElement), at.cellIndex];
    for (let found = null; !found; ) {
      [row, column] = [row + way[0], column + way[1]];
      if (!rows[row]?.cells[column]) return;
      found = rows[row].cells[column].querySelector("button");
      if (!found) continue;
      cells.forEach((button) => (button.tabIndex = button === found ? 0 : -1));
      found.focus();
    }
  });
}

// The root makes rare mistakes visible beside a strong diagonal; right is blue, wrong orange. Where a colour is so deep that
// the other ink can be read better on it differs between the themes.
function cell(values, what, i, j, onpick) {
  const [n, share] = [values.counts[i][j], values.shares[i][j]];
  const depth = n ? 0.1 + 0.9 * Math.sqrt(share) : 0;
  const text = what === "counts" ? count(n) : share === 0 ? "0" : percent(share, share < 0.0995 ? 1 : 0).replace("\u00a0%", "");
  const title = `true ${values.classes[i]}, predicted ${values.classes[j]}: ${plural(n, "row")}, ${percent(share)} of the class`;
  const name = `${i === j ? "right" : "wrong"}${depth > 0.62 ? " deep" : ""}${i === j && depth > 0.88 ? " by-day" : ""}${depth > 0.63 ? " by-night" : ""}${n ? "" : " none"}`;
  const [truth, predicted] = [values.classes[i], values.classes[j]];
  const inside = onpick && n ? h("button", { type: "button", "aria-label": `${title}: show them`, "data-testid": `cell-${truth}-${predicted}`, click: () => onpick(truth, predicted, n) }, text) : text;
  return h("td", { class: name, title, style: { "--depth": depth.toFixed(3) } }, inside);
}

function perClass(values) {
  const columns = [{ title: "class" }, ...["rows", "recall", "precision", "F1"].map((title) => ({ title, numeric: true }))];
  const rows = values.per_class.map((c) => [h("span", { class: "clip", title: c.name }, c.name), count(c.rows), percent(c.recall, 1), percent(c.precision, 1), percent(c.f1, 1)]);
  const box = scrolling("Recall and precision by class", table("Recall and precision by class", columns, rows));
  box.classList.add("tall");
  return box;
}

function regression(element, values) {
  const bias = Math.abs(values.bias) < 0.05 * values.mae ? "The errors are balanced around zero." : `On average the predictions are ${short(Math.abs(values.bias))} too ${values.bias > 0 ? "high" : "low"}.`;
  element.append(h("p", { class: "reading" }, `Over ${plural(values.rows, "row")} the root mean squared error is ${short(values.rmse)}, the mean absolute error ${short(values.mae)}, R² ${short(values.r2)}. ${bias}`));
  const name = values.target || "the target";
  const thinned = values.points.length < values.rows ? ` ${count(values.points.length)} of ${count(values.rows)} rows are drawn.` : "";
  element.append(
    h(
      "div",
      { class: "split even" },
      h("figure", null, h("figcaption", null, `Predicted against actual ${name}`), scatter(values), h("p", { class: "note" }, `On the line a prediction is exact.${thinned}`)),
      h("figure", null, h("figcaption", null, "Errors: predicted minus actual"), histogram(values.residuals, { zero: true, height: 360, label: "Histogram of the errors" }), h("p", { class: "note" }, "Left of zero the prediction is too low, right of it too high.")),
    ),
  );
}

function scatter({ points }) {
  const all = points.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const pad = (high - low) * 0.03 || 1;
  const [size, left, bottom] = [400, 52, 34];
  const x = linear([low - pad, high + pad], [left, size - 8]);
  const y = linear([low - pad, high + pad], [size - bottom, 8]);
  const ticks = x.ticks(5);
  const grid = ticks.map((v) => [
    svg("line", { class: "grid", x1: left, x2: size - 8, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 7, y: y(v), dy: "0.32em", "text-anchor": "end" }, short(v)),
    svg("text", { x: x(v), y: size - bottom + 18, "text-anchor": "middle" }, short(v)),
  ]);
  const dots = points.map(([a, p]) => `M${x(a).toFixed(1)} ${y(p).toFixed(1)}h0`).join("");
  return svg(
    "svg",
    { class: "figure", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": `Scatter plot of predicted against actual values from ${short(low)} to ${short(high)}` },
    svg("g", { class: "axes" }, grid),
    svg("path", { class: "points", d: dots }),
    svg("line", { class: "exact", x1: x(low - pad), y1: y(low - pad), x2: x(high + pad), y2: y(high + pad) }),
    svg("text", { class: "name", x: size - 10, y: size - bottom - 6, "text-anchor": "end" }, "actual →"),
    svg("text", { class: "name", x: left + 6, y: 18 }, "↑ predicted"),
  );
}
