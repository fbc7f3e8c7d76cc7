// The examples that a run kept, to choose one from: of one class or all, mistakes only or all, as many at a time as one looks at.
//
// picker(app, {onpick}) -> {element, mark(id), close()}: onpick(id).

import { h } from "../../report/static/dom.js";
import { count, short } from "../../report/static/numbers.js";
import { look } from "./look.js";
import { failure } from "./message.js";
import { share } from "./probabilities.js";
import { turns } from "./turns.js";

const AT_ONCE = 24;

export function picker(app, { onpick }) {
  const aborter = new AbortController();
  const queue = turns(2);
  const classes = app.values.task?.classes ?? [];
  const asked = { target: "", wrong: false, offset: 0 };
  let chosen = null;
  const target = h("select", { "aria-label": "Class of the examples", "data-testid": "pick-class", change: () => again({ target: target.value }) }, h("option", { value: "" }, "all classes"), classes.map((c) => h("option", { value: c }, c)));
  const wrong = h("input", { type: "checkbox", "data-testid": "pick-wrong", change: () => again({ wrong: wrong.checked }) });
  const list = h("ul", { class: `picks ${app.values.kind}`, keydown: arrows });
  const where = h("span", { class: "note" });
  const before = h("button", { type: "button", class: "quiet", disabled: true, "aria-label": "Earlier examples", click: () => again({ offset: asked.offset - AT_ONCE }) }, "←");
  const after = h("button", { type: "button", class: "quiet", disabled: true, "aria-label": "Later examples", click: () => again({ offset: asked.offset + AT_ONCE }) }, "→");
  const filters = classes.length ? [target, h("label", { class: "tick" }, wrong, "mistakes only")] : [];
  const element = h("div", { class: "picker" }, h("div", { class: "picker-head" }, filters, h("span", { class: "picker-pages" }, where, before, after)), list);

  function again(changes) {
    Object.assign(asked, { offset: 0 }, changes);
    return load();
  }

  async function load() {
    let found;
    try {
      found = await app.api("examples", { ...asked, wrong: asked.wrong, sort: asked.wrong || !classes.length ? "loss" : "id", limit: AT_ONCE, looks: true }, { signal: aborter.signal });
    } catch (error) {
      if (error.name !== "AbortError") list.replaceChildren(h("li", null, failure(error, load)));
      return;
    }
    before.disabled = asked.offset === 0;
    after.disabled = asked.offset + AT_ONCE >= found.total;
    const last = Math.min(found.total, asked.offset + AT_ONCE);
    where.textContent = found.total ? `${count(asked.offset + 1)}–${count(last)} of ${count(found.total)}` : "";
    list.replaceChildren(...(found.items.length ? found.items.map((item) => pick(item, found.kind)) : [h("li", { class: "note" }, asked.wrong ? "No mistake among the kept examples." : "No example was kept.")]));
    marked();
  }

  function pick(item, kind) {
    const said = item.predicted === undefined ? "" : `, answered ${typeof item.predicted === "number" ? short(item.predicted, 4) : item.predicted}`;
    const label = `${item.name}${item.target === null || item.target === undefined ? "" : `: ${typeof item.target === "number" ? short(item.target, 4) : item.target}`}${said}`;
    const button = h("button", { type: "button", class: `pick ${item.right === false ? "wrong" : ""}`, "data-id": item.id, "data-testid": `pick-${item.id}`, "aria-label": label, title: `${label}${item.sure ? ` (${share(item.sure)})` : ""}`, tabindex: -1, click: () => onpick(item.id) });
    if (kind === "table") button.append(h("span", { class: "pick-name" }, item.name), h("span", { class: "pick-said" }, typeof item.predicted === "number" ? short(item.predicted, 4) : item.predicted));
    else seen(button, item, kind);
    return h("li", null, button);
  }

  async function seen(button, item, kind) {
    const shown = item.look ? { ...item, kind } : await queue.take(() => app.api(`examples/${item.id}`, {}, { signal: aborter.signal }), { signal: aborter.signal }).catch(() => null);
    if (shown) {
      const drawn = look(shown, { small: true });
      drawn.setAttribute("aria-hidden", "true");
      button.append(drawn);
    }
  }

  function marked() {
    const buttons = [...list.querySelectorAll(".pick")];
    const on = buttons.find((b) => b.dataset.id === chosen);
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button === on));
      button.tabIndex = button === (on ?? buttons[0]) ? 0 : -1;
    }
  }

  function arrows(event) {
    const buttons = [...list.querySelectorAll(".pick")];
    const here = buttons.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(buttons), ArrowUp: -across(buttons) }[event.key];
    if (here < 0 || !step || !buttons[here + step]) return;
    event.preventDefault();
    buttons[here + step].focus();
  }

  load();
  return { element, mark: (id) => ((chosen = id), marked()), close: () => aborter.abort() };
}

// How many stand in a row.
export function across(buttons) {
  const top = buttons[0]?.offsetTop;
  const next = buttons.findIndex((b) => b.offsetTop !== top);
  return next < 0 ? buttons.length : next;
}
