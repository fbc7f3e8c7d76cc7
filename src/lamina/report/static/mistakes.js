// The worst mistakes: with pictures as a wall, without as a table; of a regression the largest errors.

import { h, absent, bar, scrolling, table } from "./dom.js";
import { count, percent, plural, short } from "./numbers.js";

export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  if (!values.items.length) return absent(element, `There is none: all ${plural(values.rows, "row")} are right.`);
  if (values.kind === "regression") return element.append(errors(values));
  const all = values.items.length < values.wrong ? `The ${values.items.length} surest of ${plural(values.wrong, "wrong answer")} among ${plural(values.rows, "row")}.` : `All ${plural(values.wrong, "wrong answer")} among ${plural(values.rows, "row")}, surest first.`;
  element.append(h("p", { class: "reading" }, values.wrong === 1 ? `The only wrong answer among ${plural(values.rows, "row")}.` : all));
  element.append(values.items.some((i) => i.picture) ? wall(values.items) : list(values.items));
}

function wall(items) {
  return h("ol", { class: "wall" }, items.map((item) => h("li", null, picture(item), words(item))));
}

function picture(item) {
  const safe = item.picture?.startsWith("data:image/png;base64,");
  const image = safe ? h("img", { src: item.picture, alt: `${item.name}: ${item.true} taken for ${item.predicted}` }) : "";
  if (image) image.addEventListener("load", () => image.classList.toggle("pixels", image.naturalWidth < 64));
  return h("div", { class: "frame" }, image);
}

function words(item) {
  return h(
    "div",
    { class: "words" },
    h("p", null, h("span", { class: "role" }, "said "), h("b", { class: "said", title: item.predicted }, item.predicted), `, ${percent(item.probability)} sure`),
    h("p", null, h("span", { class: "role" }, "is "), h("b", { title: item.true }, item.true), `, given ${percent(item.true_probability)}`),
    h("p", { class: "file", title: item.name }, item.name),
  );
}

function list(items) {
  const columns = [{ title: "row" }, { title: "true class" }, { title: "predicted" }, { title: "how sure", numeric: true }, { title: "given to the true class", numeric: true }];
  const rows = items.map((item) => [item.name, item.true, h("span", { class: "said" }, item.predicted), sure(item.probability, "wrong"), sure(item.true_probability, "")]);
  const box = scrolling("Worst mistakes", table("Worst mistakes, surest first", columns, rows));
  box.classList.add("tall");
  return box;
}

function sure(probability, name) {
  return h("span", { class: "sure" }, bar(probability, name), h("span", null, percent(probability)));
}

function errors(values) {
  const most = Math.max(...values.items.map((i) => Math.abs(i.error ?? 0)));
  const columns = [{ title: "row" }, ...["actual", "predicted", "error"].map((title) => ({ title, numeric: true }))];
  const rows = values.items.map((i) => [
    i.name,
    short(i.actual, 4),
    short(i.predicted, 4),
    h("span", { class: "sure" }, bar(most ? Math.abs(i.error ?? 0) / most : 0, i.error < 0 ? "low" : "wrong"), h("span", null, (i.error > 0 ? "+" : "") + short(i.error, 4))),
  ]);
  const box = scrolling("Largest errors", table(`The ${count(rows.length)} largest errors`, columns, rows));
  box.classList.add("tall");
  return box;
}
