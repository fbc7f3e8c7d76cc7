// One unit, larger: what was made to excite it, and each example that does most or least, with how much, its window and ways onward.

import { h } from "../../report/static/dom.js";
import { short } from "../../report/static/numbers.js";
import { rowsInCommon } from "./feature_card.js";
import { optimised } from "./optimised.js";
import { patch, whole } from "./patch.js";

export function featureDetail(app, { unit, rung, source, kind, columns, names, onclose }) {
  const body = h("div", { class: "detail-body" }, h("p", { class: "note" }, "One moment …"));
  const close = h("button", { type: "button", class: "quiet", "data-testid": "close-unit", click: onclose }, "Close");
  const element = h("section", { class: "card detail", "aria-label": `Unit ${unit} of ${rung.path}`, "data-testid": "detail", tabindex: -1 }, h("div", { class: "detail-head" }, h("h2", null, `Unit ${unit} `, h("small", null, `of ${rung.path}, one of ${rung.units}`)), close), body);
  fill().catch((error) => error.name !== "AbortError" && body.replaceChildren(h("p", { class: "absent" }, error.message)));

  async function fill() {
    const found = await source.features(unit);
    const first = found.strongest[0];
    const link = h("a", { href: app.href({ view: "network", layer: rung.path, unit: index(first, unit, rung), example: first?.id ?? null, show: null, method: null, epoch: null }), "data-testid": "open-network" }, "See its arithmetic in Network →");
    const made = h("figure", { class: "detail-made" }, optimised(kind, found.optimised, { names, label: `Made to excite unit ${unit}` }), h("figcaption", null, "Made to excite it", h("small", { "data-value": found.optimised_value, "data-testid": "optimised-value" }, short(found.optimised_value, 3))));
    const examples = async (title, excited, name) => (excited.length ? h("div", { class: `detail-group ${name}` }, h("h3", null, title), h("ul", { class: `detail-examples ${kind}` }, await Promise.all(excited.map(one)))) : "");
    const shared = kind === "table" ? h("div", { class: "detail-common" }, h("h3", null, "What the rows that excite it most have in common"), await rowsInCommon(found.strongest, source, columns)) : "";
    body.replaceChildren(
      h("div", { class: "detail-side" }, made, h("p", { class: "feature-links" }, link)),
      h("div", { class: "detail-main" }, shared, await examples("Excite it most", found.strongest, "most"), await examples("Excite it least", found.weakest, "least")),
    );
  }

  async function one(excited) {
    const example = await source.look(excited.id);
    const title = `${example.name}: ${short(excited.value, 4)}`;
    const seen = kind === "table" ? h("span", { class: "detail-row" }, patch(example, null)) : [excited.window && kind === "image" ? patch(example, excited.window, { label: `What it sees of ${example.name}` }) : "", whole(example, excited.window, example.name)];
    const target = example.target === null || example.target === undefined ? "" : typeof example.target === "number" ? short(example.target, 4) : example.target;
    return h(
      "li",
      null,
      h("a", { class: "detail-example", href: app.href({ view: "network", layer: rung.path, unit: index(excited, unit, rung), example: excited.id, show: null, method: null, epoch: null }), title }, h("span", { class: "detail-seen" }, seen), h("span", { class: "detail-words" }, h("b", { "data-value": excited.value, "data-testid": "excitation" }, short(excited.value, 3)), h("span", null, target), excited.at && rung.axes.length > 1 ? h("small", null, placed(excited.at, rung.axes)) : "")),
    );
  }

  return element;
}

// The place in the layer's output where the example excites the unit, as Network names it.
export function index(excited, unit, rung) {
  const at = excited?.at ?? null;
  if (at && at.length === rung.shape.length) return at.join(",");
  if (at && at.length === rung.shape.length - 1) return [...at, unit].join(",");
  return [...rung.shape.slice(0, -1).map((n) => Math.floor(n / 2)), unit].join(",");
}

function placed(at, axes) {
  const words = { height: "row", width: "column", time: "step" };
  return axes.slice(0, -1).map((axis, i) => `${words[axis] ?? axis} ${at[i] + 1}`).join(", ");
}
