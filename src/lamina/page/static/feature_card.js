// One unit of a layer on a card: the input made to excite it, the kept examples that excite it most, and least.
//
// featureCard(unit, {kind, features, look, onpick}) -> a button with fill(), which asks for what it shows: features(unit)
// and look(id) give promises.

import { h } from "./dom.js";
import { percent, short } from "./numbers.js";
import { make, range } from "./arrays.js";
import { within } from "./axes.js";
import { patch } from "./patch.js";

const SHOWN = { image: [4, 4], series: [2, 1], sound: [3, 1] };
const RANGES = 4;

export function featureCard(unit, { kind, features, look, onpick }) {
  const body = h("span", { class: "feature-body" }, h("span", { class: "feature-wait" }));
  const most = h("small");
  const card = h("button", { type: "button", class: `feature ${kind}`, "aria-label": `Unit ${unit}`, "data-unit": unit, "data-testid": `unit-${unit}`, click: () => onpick(unit) }, h("span", { class: "feature-head" }, h("b", null, `unit ${unit}`), most), body);
  let asked = false;

  card.fill = async () => {
    if (asked) return;
    asked = true;
    try {
      const found = await features(unit);
      const silent = found.strongest[0]?.value === 0 && found.weakest[0]?.value === 0;
      most.textContent = silent ? "silent" : `up to ${short(found.strongest[0]?.value)}`;
      card.classList.toggle("silent", silent);
      const row = (name, excited) => h("span", { class: `feature-row ${name}` }, excited.map(({ id, window, value }) => soon(look(id), (example) => patch(example, window, short(value)), kind)));
      if (kind === "table") return body.replaceChildren(ranges(found, RANGES));
      const [many, few] = SHOWN[kind];
      body.replaceChildren(made(kind, found), row("most", found.strongest.slice(0, many)), row("least", found.weakest.slice(0, few)));
    } catch (error) {
      asked = false;
      if (error.name !== "AbortError") body.replaceChildren(h("small", null, error.message));
    }
  };
  return card;
}

// A place for what a promise will give.
export function soon(promise, drawn, kind) {
  const place = h("span", { class: `patch ${kind}` });
  promise.then((found) => place.replaceWith(drawn(found)), () => {});
  return place;
}

// The input that was made to excite a unit, as its kind looks, its numbers stretched to what can be seen.
export function made(kind, { optimised, optimised_window: window, unit, cells }) {
  if (kind === "table") return h("ul", { class: "made-cells" }, Object.entries(cells).map(([name, value]) => h("li", null, h("span", { class: "clipped", title: name }, name), h("b", null, value === null ? "missing" : typeof value === "number" ? short(value, 4) : value))));
  const [low, high] = range(optimised);
  const pixels = make(optimised.shape, optimised.data.map((v) => (255 * (v - low)) / (high - low || 1)));
  return h("span", { class: "feature-made" }, patch({ kind, look: { pixels, values: optimised, spectrogram: optimised } }, window, `Made to excite unit ${unit}`));
}

// What columns hold where the unit is excited, beside what they hold in all.
export function ranges({ ranges: found }, most) {
  return h("span", { class: "ranges" }, found.slice(0, most).map((r) => h("span", { class: "range" }, h("span", { class: "clipped", title: r.column }, r.column), r.low === null ? wordOf(r) : [span(r), h("small", null, `${short(r.low, 4)} – ${short(r.high, 4)}`)])));
}

function span({ low, high, all_low: from, all_high: to }) {
  const share = (v) => within((v - from) / (to - from || 1), [0, 1]);
  return h("span", { class: "span-track", "aria-hidden": "true", style: { "--from": share(low), "--to": Math.max(share(high), share(low) + 0.03) } });
}

function wordOf({ words }) {
  const [word, [here]] = Object.entries(words).sort(([, a], [, b]) => b[0] - b[1] - a[0] + a[1])[0] ?? ["", [0]];
  return h("small", { class: "range-word" }, `${word}, ${percent(here)}`);
}
