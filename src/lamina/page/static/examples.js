// Examples of a run: asked for with what they look like, and shown as cards that lead into the network.

import { h } from "./dom.js";
import { percent, short } from "./numbers.js";
import { look } from "./look.js";

const AT_ONCE = 4; // looks that are asked for at the same time, where the list has none

// {total, items, kind}; each item with its look.
export async function load(app, asked, { signal } = {}) {
  const found = await app.api("examples", { ...asked, looks: true }, { signal });
  const bare = found.items.filter((item) => !item.look);
  for (let i = 0; i < bare.length; i += AT_ONCE) {
    await Promise.all(bare.slice(i, i + AT_ONCE).map(async (item) => Object.assign(item, { look: (await app.api(`examples/${item.id}`, {}, { signal })).look })));
  }
  return { ...found, items: found.items.map((item) => ({ ...item, kind: item.kind ?? found.kind })) };
}

// A card: what it looks like (which leads inside the network), what was said and what it is, and where to go from here.
export function card(item, app) {
  const sentence = `${item.name}: ${inWords(item)}`;
  return h(
    "li",
    { class: `example ${item.kind} ${verdictOf(item)}`, "data-testid": "example", "data-id": item.id },
    h("a", { class: "open", href: app.href({ view: "network", example: item.id }), "aria-label": `See inside: ${sentence}` }, look(item, { small: true, label: item.name })),
    item.error !== undefined ? off(item) : said(item),
    h("p", { class: "file", title: item.name }, item.name),
    h("p", { class: "ways" }, way(app, "network", item, "See inside"), way(app, "try", item, "Try it")),
  );
}

// Empty cards as large as real ones, while those are on their way: nothing moves when they come.
export function ghosts(many, kind) {
  const line = () => h("p", null, "\u00a0");
  const box = kind === "table" ? h("span", { class: "look row small" }, Array.from({ length: 6 }, line)) : h("span", { class: `look ${kind}` });
  return Array.from({ length: many }, () => h("li", { class: `example ghost ${kind}`, "aria-hidden": "true" }, h("span", { class: "open" }, box.cloneNode(true)), h("div", { class: "words" }, line(), line()), h("p", { class: "file" }, "\u00a0"), h("p", { class: "ways" }, "\u00a0")));
}

function way(app, view, item, text) {
  return h("a", { href: app.href({ view, example: item.id }), "data-testid": `${view}-${item.id}`, "aria-label": `${text}: ${item.name}` }, text);
}

export function verdictOf(item) {
  return item.right === true ? "right" : item.right === false ? "wrong" : "";
}

export function inWords(item) {
  if (item.error !== undefined) return `said ${short(item.predicted, 4)}, is ${short(item.target, 4)}`;
  return item.right ? `${item.target}, ${percent(item.sure)} sure` : `said ${item.predicted}, ${percent(item.sure)} sure, is ${item.target}`;
}

function said(item) {
  const line = (role, name, rest, kind) => h("p", null, h("span", { class: "role" }, role), h("b", { class: kind, title: name }, name), rest);
  return h(
    "div",
    { class: "words" },
    line(item.right ? "is " : "said ", item.predicted, `, ${percent(item.sure)} sure`, item.right ? null : "said"),
    item.right ? null : line("is ", item.target, `, given ${percent(item.truth_probability)}`),
  );
}

function off(item) {
  const by = item.error === null ? "" : `, ${item.error > 0 ? "+" : ""}${short(item.error, 3)} off`;
  return h("div", { class: "words" }, h("p", null, h("span", { class: "role" }, "said "), h("b", null, short(item.predicted, 4)), by), h("p", null, h("span", { class: "role" }, "is "), h("b", null, short(item.target, 4))));
}
