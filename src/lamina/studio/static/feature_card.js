// One unit of a layer on a card: the input made to excite it, the kept examples that excite it most, and least.
//
// featureCard(unit, {source, kind, columns, names, onpick}) -> element; it asks for its values when it scrolls into view.

import { h, svg } from "../../report/static/dom.js";
import { percent, short } from "../../report/static/numbers.js";
import { common } from "./layer_ladder.js";
import { optimised } from "./optimised.js";
import { patch } from "./patch.js";

const SHOWN = { image: [4, 2], series: [2, 1], sound: [3, 1], table: [6, 0] };

export function featureCard(unit, { source, kind, columns, names, onpick }) {
  const body = h("span", { class: "feature-body" }, h("span", { class: "feature-wait", "aria-hidden": "true" }));
  const head = h("span", { class: "feature-head" }, h("span", { class: "feature-name" }, `unit ${unit}`), h("span", { class: "feature-most" }));
  const element = h("button", { type: "button", class: `feature ${kind}`, "aria-label": `Unit ${unit}`, "data-unit": unit, "data-testid": `unit-${unit}`, click: () => onpick(unit) }, head, body);
  let asked = false;

  async function fill() {
    if (asked) return;
    asked = true;
    try {
      const found = await source.features(unit);
      head.lastChild.textContent = dead(found) ? "silent" : `up to ${short(found.strongest[0]?.value ?? 0, 3)}`;
      element.classList.toggle("dead", dead(found));
      const made = h("span", { class: "feature-made" }, optimised(kind, found.optimised, { names, label: `Made to excite unit ${unit}` }));
      const [most, least] = SHOWN[kind];
      if (kind === "table") return body.replaceChildren(await rowsInCommon(found.strongest, source, columns), made);
      const strongest = h("span", { class: "feature-row most" }, await patches(found.strongest.slice(0, most), source));
      const weakest = h("span", { class: "feature-row least" }, await patches(found.weakest.slice(0, least), source));
      body.replaceChildren(made, strongest, weakest);
    } catch (error) {
      asked = false;
      if (error?.name === "AbortError") return;
      body.replaceChildren(h("span", { class: "note" }, error.message));
    }
  }

  return { element, fill };
}

// Nothing among the kept examples moves it.
export function dead({ strongest, weakest }) {
  return strongest.length > 0 && strongest[0].value === 0 && (weakest[0]?.value ?? 0) === 0;
}

export async function patches(excited, source) {
  const looks = await Promise.all(excited.map(({ id }) => source.look(id)));
  return looks.map((example, i) => patch(example, excited[i].window, { label: `${example.name}: ${short(excited[i].value, 3)}` }));
}

export async function rowsInCommon(excited, source, columns) {
  const rows = await Promise.all(excited.map(({ id }) => source.look(id)));
  const found = common(rows.map((r) => r.look.cells), columns);
  return h("span", { class: "in-common" }, found.map((c) => h("span", { class: "in-common-row" }, h("span", { class: "in-common-name", title: c.name }, c.name), c.value === undefined ? [span(c), h("small", null, `${short(c.low, 3)} – ${short(c.high, 3)}`)] : h("small", { class: "in-common-value" }, `${c.value}, ${percent(c.share)}`))));
}

function span({ from, to }) {
  return svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "track", x: 0, y: 3, width: 100, height: 2 }), svg("rect", { class: "there", x: 100 * from, y: 1, width: Math.max(2, 100 * (to - from)), height: 6, rx: 1 }));
}
