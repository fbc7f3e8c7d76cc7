// The examples that a run kept, to choose one from: of one class or all, mistakes only or all, as many at a time as one looks at.
//
// picker(app, {onpick}) -> {element, mark(id), close()}: onpick(id).

import { h } from "./dom.js";
import { count, short } from "./numbers.js";
import { options, quiet, ticked } from "./control.js";
import { inWords, load } from "./examples.js";
import { look } from "./look.js";
import { failure } from "./message.js";

const AT_ONCE = 24;

export function picker(app, { onpick }) {
  const aborter = new AbortController();
  const classes = app.values.task?.classes ?? [];
  let asked = { offset: 0 };
  let chosen = null;
  const target = h("select", { "aria-label": "Class of the examples", "data-testid": "pick-class", change: () => again({ target: target.value }) }, h("option", { value: "" }, "all classes"), options(classes));
  const wrong = h("input", { type: "checkbox", "data-testid": "pick-wrong", change: () => again({ wrong: wrong.checked }) });
  const list = h("ul", { class: `picks ${app.values.kind}`, keydown: arrows });
  const where = h("span", { class: "note" });
  const [before, after] = [["←", "Earlier examples", -1], ["→", "Later examples", 1]].map(([text, label, way]) => quiet(text, () => again({ offset: asked.offset + way * AT_ONCE }), null, { disabled: true, "aria-label": label }));
  const element = h("div", null, h("div", { class: "picker-head" }, classes.length ? [target, ticked(wrong, "mistakes only")] : "", h("span", { class: "picker-pages" }, where, before, after)), list);

  function again(changes) {
    asked = { ...asked, offset: 0, ...changes };
    show().catch((error) => error.name !== "AbortError" && list.replaceChildren(h("li", null, failure(error, () => again({})))));
  }

  async function show() {
    const { total, items } = await load(app, { ...asked, sort: asked.wrong || !classes.length ? "loss" : "id", limit: AT_ONCE }, { signal: aborter.signal });
    before.disabled = asked.offset === 0;
    after.disabled = asked.offset + AT_ONCE >= total;
    where.textContent = `${count(Math.min(total, asked.offset + 1))}–${count(Math.min(total, asked.offset + AT_ONCE))} of ${count(total)}`;
    list.replaceChildren(...items.map(pick));
    mark(chosen);
  }

  function pick(item) {
    const words = `${item.name}: ${inWords(item)}`;
    const said = typeof item.predicted === "number" ? short(item.predicted, 4) : item.predicted;
    const seen = item.kind === "table" ? [h("small", null, item.name), h("b", null, said)] : h("span", { "aria-hidden": "true" }, look(item, { small: true }));
    return h("li", null, h("button", { type: "button", class: `pick ${item.right === false ? "mistaken" : ""}`, "data-id": item.id, "data-testid": `pick-${item.id}`, "aria-label": words, title: words, click: () => onpick(item.id) }, seen));
  }

  const buttons = () => [...list.querySelectorAll("button")];

  function mark(id) {
    chosen = id;
    const on = buttons().find((b) => b.dataset.id === id) ?? buttons()[0];
    for (const button of buttons()) {
      button.setAttribute("aria-pressed", String(button.dataset.id === id));
      button.tabIndex = button === on ? 0 : -1;
    }
  }

  function arrows(event) {
    const next = neighbour(buttons(), event);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  again({});
  return { element, mark, close: () => aborter.abort() };
}

// The button that an arrow key leads to in a grid of them.
export function neighbour(all, { key, target }) {
  const turn = all.findIndex((b) => b.offsetTop !== all[0].offsetTop);
  const across = turn < 0 ? all.length : turn;
  return all[all.indexOf(target) + { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[key]];
}
