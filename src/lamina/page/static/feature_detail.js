// One unit, larger: what was made to excite it, and each example that does most or least, with how much, its window and ways onward.

import { h } from "./dom.js";
import { short } from "./numbers.js";
import { note, quiet } from "./control.js";
import { made, ranges, soon } from "./feature_card.js";
import { indexOf } from "./layer_ladder.js";
import { patch, whole } from "./patch.js";

const FEW = 6; // of what takes more room than a picture, at either end
const AXES = { height: "row", width: "column", time: "step" };

export function featureDetail(app, unit, { rung, kind, features, look, onclose }) {
  const body = h("div", { class: "detail-body" }, note("One moment …"));
  const href = (excited) => app.href({ view: "network", layer: rung.path, unit: indexOf(excited?.at, unit, rung.shape), example: excited?.id ?? null, show: null, method: null, epoch: null });
  fill().catch((error) => error.name !== "AbortError" && body.replaceChildren(h("p", { class: "absent" }, error.message)));

  async function fill() {
    const found = await features(unit);
    const group = (title, name) => h("div", { class: name }, h("h3", null, title), h("ul", { class: `detail-examples ${kind}` }, found[name].slice(0, kind === "image" ? Infinity : FEW).map(one)));
    const all = [group("Excite it most", "strongest"), group("Excite it least", "weakest")];
    const value = h("small", { "data-testid": "optimised-value", "data-value": found.optimised_value }, short(found.optimised_value));
    body.replaceChildren(
      h("div", { class: "detail-side" }, made(kind, found), h("p", { class: "detail-caption" }, "Made to excite it: ", value), h("a", { href: href(found.strongest[0]), "data-testid": "open-network" }, "See its arithmetic in Network →")),
      h("div", { class: "detail-main" }, kind === "table" ? h("div", null, h("h3", null, "What rows that excite it hold, beside all"), ranges(found, 8)) : "", all),
    );
  }

  function one(excited) {
    const promise = look(excited.id);
    const { window } = excited;
    const drawn = kind === "image" && window ? [soon(promise, (example) => patch(example, window), kind), soon(promise, (example) => whole(example, window), kind)] : soon(promise, (example) => whole(example, window), kind);
    const name = h("span");
    promise.then(({ target }) => (name.textContent = typeof target === "number" ? short(target) : (target ?? "")), () => {});
    const where = rung.axes.slice(0, -1).map((axis, i) => `${AXES[axis] ?? axis} ${excited.at?.[i] + 1}`).join(", ");
    return h("li", null, h("a", { href: href(excited) }, h("span", { class: "detail-seen" }, drawn), h("b", { "data-testid": "excitation", "data-value": excited.value }, short(excited.value)), " ", name, " ", h("small", null, where)));
  }

  const close = quiet("Close", onclose, "close-unit");
  return h("section", { class: "card detail", "aria-label": `Unit ${unit}`, "data-testid": "detail", tabindex: -1 }, h("div", { class: "features-head" }, h("h2", null, `Unit ${unit} `, h("small", null, `of ${rung.path}, one of ${rung.units}`)), close), body);
}
