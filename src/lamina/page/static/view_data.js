// Data: how it was understood, what was noticed in it, and its examples, page by page.

import { h, scrolling, table } from "./dom.js";
import { count, percent, plural, short } from "./numbers.js";
import { SECTIONS, section } from "./sections.js";
import { card, ghosts, load, verdictOf } from "./examples.js";
import { text } from "./look.js";
import { failure, nothing } from "./message.js";

const PAGE = { image: 48, table: 50, series: 24, sound: 24 };

export function render(root, app) {
  if (app.dataset) return untrained(root, app.dataset);
  const spec = (id) => SECTIONS.find((s) => s.id === id);
  const { can } = app.values;
  const browser = can.examples ? browsing(app) : { element: h("section", { "aria-labelledby": "examples-title" }, h("h2", { id: "examples-title" }, "Examples"), nothing(can.why.examples)), show() {}, close() {} };
  root.append(section(spec("schema"), app.values), ...shares(app), section({ ...spec("notes"), title: "What was noticed" }, app.values), browser.element);
  browser.show(app.state);
  return { update: (state) => browser.show(state, true), close: browser.close };
}

// A data file that no network was trained on yet: what is in it, and how to train one.
function untrained(root, data) {
  const spec = (id) => SECTIONS.find((s) => s.id === id);
  const values = { task: data.task ?? {}, mistakes: {}, schema: data.schema, notes: { items: data.notes ?? [] }, repeat: { command: data.command, data: [], plan: [], versions: [] } };
  const repeat = { ...spec("repeat"), title: "Train on it", lead: data.mend || "This trains a population of networks on it and judges the winner honestly. Reload this page once it runs." };
  const classes = (data.classes ?? []).map((c) => ({ name: c.name, rows: c.count }));
  root.append(
    section({ ...spec("schema"), title: data.name, lead: `${plural(data.rows, "example")}. ${spec("schema").lead}` }, values),
    ...(classes.length ? [amounts(classes, `What ${data.target || "the answer"} can be, and how many examples there are of each.`)] : []),
    section({ ...spec("notes"), title: "What was noticed" }, values),
    section(repeat, values),
  );
}

// How many judged rows there are of each class.
function shares(app) {
  const classes = app.values.confusion.per_class ?? [];
  const total = classes.reduce((sum, c) => sum + c.rows, 0);
  return classes.length ? [amounts(classes, `What ${app.values.task.target || "the answer"} can be, and how many of the ${plural(total, "judged row")} are each. Where one is rare, the network sees little of it and its recall is uncertain.`)] : [];
}

function amounts(classes, lead) {
  const most = Math.max(...classes.map((c) => c.rows));
  const total = classes.reduce((sum, c) => sum + c.rows, 0);
  const lines = classes.map((c) => h("li", null, h("span", { class: "share-name", title: c.name }, c.name), h("span", { class: "share-bar", "aria-hidden": "true", style: { "--share": most ? c.rows / most : 0 } }), h("span", { class: "share-number" }, h("b", null, count(c.rows)), h("small", null, ` ${percent(c.rows / total, 1)}`))));
  const list = h("ol", { class: "shares", style: { "--name": `${Math.max(...classes.map((c) => c.name.length)) + 1}ch` } }, lines);
  return h("section", { id: "classes", "aria-labelledby": "classes-title" }, h("h2", { id: "classes-title" }, "Classes"), h("p", { class: "lead" }, lead), list);
}

// The examples that the run kept: filters, a page of them, and the way to the next.
function browsing(app) {
  const classes = app.values.task.classes ?? [];
  const body = h("div", { class: `browser ${app.values.kind}` }, app.values.kind === "table" ? null : h("ol", { class: "examples" }, ghosts(PAGE[app.values.kind] ?? 24, app.values.kind)));
  const said = h("p", { class: "reading", role: "status", "data-testid": "examples-said" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages of examples" });
  const controls = filters(app, classes);
  const element = h(
    "section",
    { id: "examples", "aria-labelledby": "examples-title" },
    h("h2", { id: "examples-title", tabindex: -1 }, "Examples"),
    h("p", { class: "lead" }, "What the network learned from and what it was judged on, each with its answer. A click opens the network with the example in it."),
    controls.element,
    said,
    body,
    pages,
  );
  let asked = null;
  let control = null;

  async function show(state, moved) {
    const kind = app.values.kind || "table";
    const limit = PAGE[kind] ?? 24;
    const page = Math.max(0, Number(state.page) || 0);
    const next = { part: state.part, target: state.target, wrong: state.answer === "wrong", right: state.answer === "right", sort: state.sort, offset: page * limit, limit };
    if (JSON.stringify(next) === JSON.stringify(asked)) return;
    const turned = asked && asked.offset !== next.offset;
    controls.show(state);
    control?.abort();
    const mine = (control = new AbortController());
    asked = next;
    body.setAttribute("aria-busy", "true");
    try {
      const found = await load(app, next, { signal: mine.signal });
      if (mine.signal.aborted) return;
      body.replaceChildren(found.items.length ? drawn(found, app) : nothing(found.absent || "No example fits these filters."));
      said.textContent = found.items.length ? `${count(next.offset + 1)} to ${count(next.offset + found.items.length)} of ${plural(found.total, "example")}` : "";
      pages.replaceChildren(...turning(app, page, Math.ceil(found.total / limit)));
      if (moved && turned) element.querySelector("h2").focus({ preventScroll: true });
      if (moved && turned) element.scrollIntoView({ block: "start" });
    } catch (error) {
      if (error.name === "AbortError") return;
      asked = null;
      body.replaceChildren(failure(error, () => show(state)));
    }
    body.removeAttribute("aria-busy");
  }

  return { element, show, close: () => control?.abort() };
}

function filters(app, classes) {
  const set = (name) => (event) => app.go({ [name]: event.target.value || null, page: null }, { stay: true, replace: true });
  const choose = (name, label, options) => {
    const select = h("select", { "data-testid": `filter-${name}`, change: set(name) }, options.map(([value, text]) => h("option", { value }, text)));
    return { name, select, element: h("label", null, `${label} `, select) };
  };
  const all = [
    choose("part", "Part", [["", "all"], ["training", "training"], ["judged", "judged"]]),
    classes.length ? choose("target", "Class", [["", "all"], ...classes.map((c) => [c, c])]) : null,
    classes.length ? choose("answer", "Answer", [["", "all"], ["right", "right"], ["wrong", "wrong"]]) : null,
    choose("sort", "Order", [["", "as in the data"], ["loss", "worst first"]]),
  ].filter(Boolean);
  return {
    element: h("div", { class: "controls" }, all.map((f) => f.element)),
    show(state) {
      for (const { name, select } of all) select.value = state[name] ?? "";
    },
  };
}

function turning(app, page, pages) {
  if (pages < 2) return [];
  const to = (n, text, there) => h("button", { type: "button", class: "quiet", disabled: !there, "data-testid": text.toLowerCase(), click: () => app.go({ page: n || null }, { stay: true }) }, text);
  return [to(page - 1, "Previous", page > 0), h("span", null, `Page ${count(page + 1)} of ${count(pages)}`), to(page + 1, "Next", page + 1 < pages)];
}

function drawn(found, app) {
  return found.kind === "table" ? rows(found.items, app) : h("ol", { class: `examples ${found.kind}` }, found.items.map((item) => card(item, app)));
}

// Rows of a table stay rows.
function rows(items, app) {
  const names = Object.keys(items[0].look?.cells ?? {});
  const numeric = (name) => items.some((item) => typeof item.look?.cells?.[name] === "number");
  const regression = items[0].error !== undefined;
  const answer = regression ? [{ title: "is", numeric: true }, { title: "said", numeric: true }, { title: "off by", numeric: true }] : [{ title: "is" }, { title: "said" }, { title: "how sure", numeric: true }];
  const columns = [{ title: "row" }, { title: "part" }, ...answer, ...names.map((title) => ({ title, numeric: numeric(title) }))];
  const said = (item) => (regression ? [short(item.target, 4), short(item.predicted, 4), short(item.error, 3)] : [item.target, h("span", { class: item.right ? null : "said" }, item.predicted), percent(item.sure)]);
  const cells = (item) => [
    h("a", { href: app.href({ view: "network", example: item.id }), "data-testid": "example", "data-id": item.id, class: verdictOf(item) }, item.name),
    item.part,
    ...said(item),
    ...names.map((name) => value(item.look?.cells?.[name])),
  ];
  const box = scrolling("Examples", table("Examples", columns, items.map((item) => ({ cells: cells(item) }))));
  box.classList.add("tall");
  return box;
}

function value(cell) {
  const said = text(cell);
  return typeof cell === "number" ? said : h("span", { class: said === "missing" ? "nothing" : "clip", title: said }, said);
}
