// The examples to choose from: ten that were kept, mistakes marked, and one's own.

import { h } from "./dom.js";
import { percent, short } from "./numbers.js";
import { button } from "./button.js";
import { look } from "./look.js";

const MANY = 10;
const MISTAKES = 3;

// Ten of all: some of the surest mistakes, then each class in turn, judged examples before training ones.
export function tenOf(items, many = MANY) {
  const wrong = items.filter((item) => item.right === false).sort((a, b) => a.truth_probability - b.truth_probability || Number(a.id) - Number(b.id)).slice(0, MISTAKES);
  const rest = items.filter((item) => !wrong.includes(item) && item.right !== false);
  const byClass = new Map();
  for (const item of [...rest].sort((a, b) => Number(a.part === "training") - Number(b.part === "training") || Number(a.id) - Number(b.id))) {
    const key = typeof item.target === "string" ? item.target : "all";
    byClass.set(key, [...(byClass.get(key) ?? []), item]);
  }
  const found = [...wrong];
  const lists = [...byClass.keys()].sort().map((key) => byClass.get(key));
  for (let turn = 0; found.length < many && lists.some((list) => list.length > turn); turn += 1) for (const list of lists) if (list[turn] && found.length < many) found.push(list[turn]);
  return found;
}

// own: where one brings an example of one's own; null where nobody could answer to it.
export function exampleStrip({ items, pick, own, loaded }) {
  const buttons = items.map((item) => {
    const frame = h("span", { class: "thumb" });
    const wrong = item.right === false;
    const said = item.target === null || item.target === undefined ? `yours, it says ${say(item.predicted)}` : wrong ? `${say(item.target)}, it says ${say(item.predicted)}` : say(item.target);
    const words = h("span", { class: "example-words" }, item.part === "own" ? "yours" : wrong ? [h("b", null, say(item.target)), " → ", h("em", null, say(item.predicted))] : say(item.target ?? item.predicted));
    const found = button(`example ${wrong ? "mistake" : ""}`, [frame, words], () => pick(item.id), { "data-testid": `example-${item.id}`, "data-id": item.id, "aria-label": `Example ${item.name}: ${said}`, title: `${item.name}: ${said}${item.sure === undefined ? "" : `, ${percent(item.sure)} sure`}` });
    loaded(item.id).then((example) => {
      element.classList.toggle("rows", example.kind === "table");
      frame.replaceChildren(look(example, { small: true }));
    }, () => {});
    return found;
  });
  const bring = own === null ? "" : h("a", { class: "example bring", href: own, "data-testid": "own-example" }, h("span", { class: "thumb", "aria-hidden": "true" }, "+"), h("span", { class: "example-words" }, "your own"));
  const element = h("div", { class: "example-strip", role: "group", "aria-label": "Examples to choose from", keydown: (event) => arrows(event, buttons) }, buttons, bring);

  function choose(id) {
    for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.id === String(id)));
  }

  return { element, choose };
}

function arrows(event, buttons) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const at = buttons.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  buttons[(at + step + buttons.length) % buttons.length].focus();
}

function say(value) {
  return typeof value === "number" ? short(value) : String(value);
}
