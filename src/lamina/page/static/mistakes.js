// The worst mistakes: as a wall of what they look like, beside right answers where there are, or as a table.

import { h, absent, bar, scrolling, table } from "./dom.js";
import { count, percent, plural, short } from "./numbers.js";
import { sparkline } from "./sparkline.js";

// opens(name): where a mistake is opened in the network, or null.
export function render(element, values, { opens = () => null } = {}) {
  if (values.absent) return absent(element, values.absent);
  if (!values.items.length) return absent(element, `There is none: all ${plural(values.rows, "row")} are right.`);
  if (values.kind === "classification") element.append(h("p", { class: "reading" }, extent(values)));
  if (values.looks) element.append(wall(values, opens));
  else element.append(values.kind === "regression" ? errors(values, opens) : list(values.items, opens));
}

function extent(values) {
  if (values.wrong === 1) return `The only wrong answer among ${plural(values.rows, "row")}.`;
  if (values.items.length < values.wrong) return `The ${values.items.length} surest of ${plural(values.wrong, "wrong answer")} among ${plural(values.rows, "row")}.`;
  return `All ${plural(values.wrong, "wrong answer")} among ${plural(values.rows, "row")}, surest first.`;
}

function wall(values, opens) {
  const show = values.looks === "pictures" ? (item) => [picture(item)] : (item) => strips(item, values);
  const words = values.kind === "regression" ? off : said;
  return h("ol", { class: `wall ${values.looks}` }, values.items.map((item) => h("li", null, show(item), words(item, opens))));
}

function named(item, opens) {
  const href = opens(item.name);
  return href ? h("a", { href, title: "See it inside the network", "data-testid": "open-mistake" }, item.name) : item.name;
}

function picture(item) {
  const image = safeImage(item.picture, item.true ? `${item.name}: ${item.true} taken for ${item.predicted}` : item.name);
  if (image) image.addEventListener("load", () => image.classList.toggle("pixels", image.naturalWidth < 64));
  return h("div", { class: "frame" }, image);
}

function safeImage(address, alt) {
  return address?.startsWith("data:image/png;base64,") ? h("img", { src: address, alt }) : "";
}

// A mistake over one right answer of each of the two classes that it lies between.
function strips(item, values) {
  const beside = [item.true, item.predicted].filter((c) => c !== undefined).map((c) => values.right[c] && strip(values.right[c], `a right ${c}`, values, values.right[c].name));
  return [strip(item, "this one", values, item.name), ...beside];
}

function strip(shown, caption, values, name) {
  const label = `${name}, ${caption}`;
  const drawn = shown.lines ? sparkline(shown.lines, values.ranges, label) : safeImage(shown.picture, label);
  return drawn ? h("figure", { class: `strip ${caption === "this one" ? "own" : ""}`, title: name }, drawn, h("figcaption", null, caption)) : "";
}

function said(item, opens) {
  return h(
    "div",
    { class: "words" },
    h("p", null, h("span", { class: "role" }, "said "), h("b", { class: "said", title: item.predicted }, item.predicted), `, ${percent(item.probability)} sure`),
    h("p", null, h("span", { class: "role" }, "is "), h("b", { title: item.true }, item.true), `, given ${percent(item.true_probability)}`),
    h("p", { class: "file", title: item.name }, named(item, opens)),
  );
}

function off(item, opens) {
  return h(
    "div",
    { class: "words" },
    h("p", null, h("span", { class: "role" }, "said "), h("b", { class: "said" }, short(item.predicted, 4)), `, ${item.error > 0 ? "+" : ""}${short(item.error, 3)} off`),
    h("p", null, h("span", { class: "role" }, "is "), h("b", null, short(item.actual, 4))),
    h("p", { class: "file", title: item.name }, named(item, opens)),
  );
}

function list(items, opens) {
  const columns = [{ title: "row" }, { title: "true class" }, { title: "predicted" }, { title: "how sure", numeric: true }, { title: "given to the true class", numeric: true }];
  const rows = items.map((item) => [named(item, opens), item.true, h("span", { class: "said" }, item.predicted), sure(item.probability, "wrong"), sure(item.true_probability, "")]);
  const box = scrolling("Worst mistakes", table("Worst mistakes, surest first", columns, rows));
  box.classList.add("tall");
  return box;
}

function sure(probability, name) {
  return h("span", { class: "sure" }, bar(probability, name), h("span", null, percent(probability)));
}

function errors(values, opens) {
  const most = Math.max(...values.items.map((i) => Math.abs(i.error ?? 0)));
  const columns = [{ title: "row" }, ...["actual", "predicted", "error"].map((title) => ({ title, numeric: true }))];
  const rows = values.items.map((i) => [
    named(i, opens),
    short(i.actual, 4),
    short(i.predicted, 4),
    h("span", { class: "sure" }, bar(most ? Math.abs(i.error ?? 0) / most : 0, i.error < 0 ? "low" : "wrong"), h("span", null, (i.error > 0 ? "+" : "") + short(i.error, 4))),
  ]);
  const box = scrolling("Largest errors", table(`The ${count(rows.length)} largest errors`, columns, rows));
  box.classList.add("tall");
  return box;
}
