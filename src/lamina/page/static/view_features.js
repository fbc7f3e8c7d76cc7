// Features: the ladder, layer by layer: what excites each unit most and least, and the input made to excite it. And a map of the examples.

import { h } from "./dom.js";
import { count, plural } from "./numbers.js";
import { marked, note, quiet } from "./control.js";
import { exampleMap } from "./example_map.js";
import { featureCard } from "./feature_card.js";
import { featureDetail } from "./feature_detail.js";
import { rungOf, rungs, unitOf } from "./layer_ladder.js";
import { nothing } from "./message.js";
import { neighbour } from "./picker.js";
import { turns } from "./turns.js";

export const sheet = "try.css"; // one for both views, which share what they draw

const AT_ONCE = 96; // cards of a layer before more are asked for
const PAGE = 500; // examples that are asked for at once
const SHOWS = [["units", "Units"], ["map", "Map of examples"]];
const PIECES = { image: "a picture made to excite it, pieces of kept examples that do so most and, paler, least. Low layers look for edges, high ones for parts.", series: "a series made to excite it, stretches of kept examples that do so most and, paler, least.", sound: "a sound made to excite it, moments of kept examples that do so most and, paler, least.", table: "what columns hold in the kept rows that excite it most, as a part of what they hold in all." };

export async function render(root, app) {
  const { can, kind, task } = app.values;
  root.append(h("h1", { class: "view-title" }, "Features"), h("p", { class: "lead" }, "What every unit of the network has learnt to look for, from the input up."));
  if (!can.inside || !can.examples) return void root.append(nothing(can.why.inside ?? can.why.examples));
  const network = await app.api("network", { member: app.state.member });
  const ladder = rungs(network.organs);
  if (!ladder.length) return void root.append(nothing("This network has no layer that learns."));
  const looks = new Map();
  const go = (changes) => app.go(changes, { stay: true });
  const shown = () => (app.state.show === "map" ? "map" : "units");

  const list = h("ol", { class: "ladder" }, ladder.map((r) => h("li", null, h("button", { type: "button", class: "rung", "data-path": r.path, "data-testid": `rung-${r.path}`, click: () => go({ layer: r.path, unit: null }) }, h("b", null, r.kind), h("code", null, r.path), h("small", null, plural(r.units, "unit"))))));
  const pick = marked("What to show", SHOWS, shown(), (show) => go({ show: show === "map" ? show : null, unit: null }), "show");
  const title = h("div", { class: "features-title" });
  const [detail, body] = [h("div"), h("div")];
  root.append(h("div", { class: "features" }, h("nav", { class: "features-side", "aria-label": "Layers, the first at the foot" }, list), h("div", { class: "features-main" }, h("div", { class: "features-head" }, title, pick.element), detail, body)));
  // The last asked for goes first: of many cards that come into view at once, the one on top.
  const seen = new IntersectionObserver((entries) => entries.reverse().forEach((e) => e.isIntersecting && e.target.fill()), { rootMargin: "120px 0px" });
  let now = {}; // what is shown: its layer, its show, its unit, and what asks for it
  let items = null;

  // Each thing is asked for once, two at a time.
  function source(rung) {
    const queue = turns(2);
    const aborter = new AbortController();
    const { signal } = aborter;
    const units = new Map();
    const once = (map, key, path, params) => {
      if (!map.has(key)) map.set(key, queue.take(() => app.api(path, params, { signal }), { signal }).then((found) => found ?? Promise.reject(signal.reason)).catch((error) => (map.delete(key), Promise.reject(error))));
      return map.get(key);
    };
    return { rung, kind, features: (unit) => once(units, unit, "features", { layer: rung.path, unit, member: app.state.member }), look: (id) => once(looks, String(id), `examples/${id}`, {}), close: () => aborter.abort() };
  }

  function units(from, most) {
    const { rung } = from;
    const cards = Array.from({ length: Math.min(rung.units, most) }, (_, unit) => featureCard(unit, { ...from, onpick: (u) => go({ unit: String(u) === app.state.unit ? null : u }) }));
    const grid = h("div", { class: `feature-grid ${kind}`, role: "group", "aria-label": `Units of ${rung.path}`, keydown: (event) => arrows(event, cards) }, cards);
    for (const card of cards) seen.observe(card);
    const more = rung.units > most ? quiet(`${count(rung.units - most)} more units`, () => units(from, most + AT_ONCE)) : "";
    body.replaceChildren(h("p", { class: "note features-reading" }, `Each card is one unit: ${PIECES[kind]}`), grid, more);
  }

  function arrows(event, cards) {
    const next = neighbour(cards, event);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  async function mapped(from) {
    body.replaceChildren(note("One moment …"));
    items ??= await all();
    if (now.from !== from) return;
    now.map = exampleMap(app, { ...from, epochs: network.snapshots ?? [], classes: task?.classes ?? [], items });
    body.replaceChildren(now.map.element);
  }

  async function all() {
    const found = [];
    for (let page = { total: 1, items: [0] }; found.length < page.total && page.items.length; found.push(...page.items)) page = await app.api("examples", { offset: found.length, limit: PAGE });
    return found;
  }

  function open(rung, show) {
    close();
    now = { layer: rung.path, show, from: source(rung) };
    title.replaceChildren(h("h2", null, rung.path), note(rung.description));
    if (show === "map") mapped(now.from);
    else units(now.from, AT_ONCE);
  }

  function enlarge(unit, rung) {
    for (const card of body.querySelectorAll(".feature")) card.setAttribute("aria-pressed", String(Number(card.dataset.unit) === unit));
    if (unit === now.unit) return;
    now.unit = unit;
    detail.replaceChildren(...(unit === null ? [] : [featureDetail(app, unit, { ...now.from, rung, onclose: () => (go({ unit: null }), body.querySelector(`[data-unit="${unit}"]`)?.focus()) })]));
    detail.firstChild?.focus({ preventScroll: true });
    detail.firstChild?.scrollIntoView({ block: "nearest" });
  }

  function update() {
    const rung = rungOf(ladder, app.state.layer);
    const show = shown();
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.path === rung.path));
    pick.mark(show);
    if (rung.path !== now.layer || show !== now.show) open(rung, show);
    else now.map?.update();
    enlarge(show === "units" ? unitOf(app.state.unit, rung.units) : null, rung);
  }

  function close() {
    seen.disconnect();
    now.map?.close();
    now.from?.close();
    detail.replaceChildren();
  }

  update();
  return { update, close };
}
