// Features: the ladder, layer by layer: what excites each unit most and least, and the input made to excite it. And a map of the examples.

import { h, choice } from "../../report/static/dom.js";
import { count, plural } from "../../report/static/numbers.js";
import { exampleMap } from "./example_map.js";
import { featureCard } from "./feature_card.js";
import { featureDetail } from "./feature_detail.js";
import { featureSource } from "./feature_source.js";
import { rungOf, rungs, unitOf } from "./layer_ladder.js";
import { nothing } from "./message.js";

export const sheet = "features.css";

const AT_ONCE = 96; // cards of a layer before more are asked for
const READINGS = {
  image: "Each card is one unit: above, a picture made to excite it; then the pieces of kept examples that do so most, and, paler, least. Low layers look for edges, high ones for parts.",
  series: "Each card is one unit: above, a series made to excite it; then the stretches of kept examples that do so most, and, paler, least.",
  sound: "Each card is one unit: above, a sound made to excite it; then the moments of kept examples that do so most, and, paler, least.",
  table: "Each card is one unit: what the kept rows that excite it most have in common, and which columns a row made to excite it pushes.",
};

export async function render(root, app) {
  const { can, kind, task } = app.values;
  root.append(h("h1", { class: "view-title" }, "Features"), h("p", { class: "lead" }, "What every unit of the network has learnt to look for, from the input up."));
  if (!can.inside) return void root.append(nothing(can.why.inside));
  if (!can.examples) return void root.append(nothing(can.why.examples));
  const network = await app.api("network", { member: app.state.member });
  const found = rungs(network.organs);
  if (!found.length) return void root.append(nothing("This network has no layer that learns."));
  const view = new Ladder(root, app, { network, rungs: found, kind, classes: task?.classes ?? [] });
  view.update();
  return { update: () => view.update(), close: () => view.close() };
}

class Ladder {
  constructor(root, app, given) {
    Object.assign(this, { app, ...given, looks: new Map(), source: null, layer: null, map: null, items: null });
    this.list = h("ol", { class: "ladder", "aria-label": "Layers, the first at the foot" });
    this.shows = h("div", { class: "features-shows" });
    this.head = h("div", { class: "features-head" });
    this.detail = h("div", { class: "features-detail" });
    this.body = h("div", { class: "features-body" });
    root.append(h("div", { class: "features" }, h("nav", { class: "features-side", "aria-label": "Layers" }, this.list), h("div", { class: "features-main" }, this.head, this.detail, this.body)));
    this.seen = new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && e.target.fill?.()), { rootMargin: "120px 0px" });
    this.draw();
  }

  draw() {
    const rung = (r) => h("li", null, h("button", { type: "button", class: "rung", "data-path": r.path, "data-testid": `rung-${r.path}`, click: () => this.app.go({ layer: r.path, unit: null }, { stay: true }) }, h("span", { class: "rung-kind" }, r.kind), h("span", { class: "rung-path" }, r.path), h("span", { class: "rung-units" }, plural(r.units, "unit"))));
    this.list.replaceChildren(...this.rungs.map(rung));
    this.pick = choice("What to show", [["units", "Units"], ["map", "Map of examples"]], this.shown(), (show) => this.app.go({ show: show === "map" ? "map" : null, unit: null }, { stay: true }));
    this.title = h("div", { class: "features-title" });
    this.head.replaceChildren(this.title, this.pick);
    [...this.pick.querySelectorAll("button")].forEach((b, i) => (b.dataset.testid = ["show-units", "show-map"][i]));
  }

  shown() {
    return this.app.state.show === "map" ? "map" : "units";
  }

  update() {
    const rung = rungOf(this.rungs, this.app.state.layer);
    const unit = unitOf(this.app.state.unit, rung.units);
    const show = this.shown();
    for (const button of this.list.querySelectorAll(".rung")) button.setAttribute("aria-current", String(button.dataset.path === rung.path));
    [...this.pick.querySelectorAll("button")].forEach((b, i) => b.setAttribute("aria-pressed", String(["units", "map"][i] === show)));
    if (rung.path !== this.layer || show !== this.showing) this.open(rung, show);
    else this.map?.update();
    this.opened(rung, show === "units" ? unit : null);
  }

  open(rung, show) {
    this.closeParts();
    Object.assign(this, { layer: rung.path, showing: show, unit: undefined });
    this.source = featureSource(this.app, rung.path, this.looks);
    this.title.replaceChildren(h("h2", null, rung.path), h("p", { class: "note" }, rung.description));
    if (show === "map") this.mapped(rung);
    else this.units(rung, AT_ONCE);
  }

  units(rung, most) {
    const cards = Array.from({ length: Math.min(rung.units, most) }, (_, unit) => featureCard(unit, { source: this.source, kind: this.kind, columns: this.network.inputs.columns, names: this.network.inputs.names, onpick: (u) => this.app.go({ unit: String(u) === this.app.state.unit ? null : u }, { stay: true }) }));
    const grid = h("div", { class: `feature-grid ${this.kind}`, role: "group", "aria-label": `Units of ${rung.path}`, keydown: (event) => this.arrows(event, grid) }, cards.map((c) => c.element));
    cards.forEach((c) => {
      c.element.fill = c.fill;
      this.seen.observe(c.element);
    });
    const more = rung.units > most ? h("p", null, h("button", { type: "button", class: "quiet", click: () => this.units(rung, most + AT_ONCE) }, `${count(rung.units - most)} more units`)) : "";
    this.body.replaceChildren(h("p", { class: "note features-reading" }, READINGS[this.kind] ?? ""), grid, more);
  }

  async mapped(rung) {
    this.body.replaceChildren(h("p", { class: "note" }, "One moment …"));
    const path = rung.path;
    this.items ??= await this.all();
    if (this.layer !== path || this.showing !== "map") return;
    const epochs = this.app.values.can.snapshots ? await this.epochs() : [];
    if (this.layer !== path || this.showing !== "map") return;
    this.map = exampleMap(this.app, { rung, epochs, classes: this.classes, source: this.source, items: this.items });
    this.body.replaceChildren(this.map.element);
  }

  // All kept examples, a few hundred at a time.
  async all() {
    const items = [];
    for (let total = 1; items.length < total; ) {
      const page = await this.app.api("examples", { offset: items.length, limit: 500 });
      total = page.total;
      items.push(...page.items);
      if (!page.items.length) break;
    }
    return items;
  }

  async epochs() {
    return this.network.snapshots ?? [];
  }

  opened(rung, unit) {
    for (const card of this.body.querySelectorAll(".feature")) card.setAttribute("aria-pressed", String(Number(card.dataset.unit) === unit));
    if (unit === this.unit) return;
    this.unit = unit;
    if (unit === null) return void this.detail.replaceChildren();
    const detail = featureDetail(this.app, { unit, rung, source: this.source, kind: this.kind, columns: this.network.inputs.columns, names: this.network.inputs.names, onclose: () => this.closed(unit) });
    this.detail.replaceChildren(detail);
    detail.scrollIntoView({ block: "nearest" });
    detail.focus({ preventScroll: true });
  }

  closed(unit) {
    this.app.go({ unit: null }, { stay: true });
    this.body.querySelector(`[data-unit="${unit}"]`)?.focus();
  }

  arrows(event, grid) {
    const cards = [...grid.children];
    const here = cards.indexOf(event.target);
    const top = cards[0]?.offsetTop;
    const across = Math.max(1, cards.findIndex((c) => c.offsetTop !== top) < 0 ? cards.length : cards.findIndex((c) => c.offsetTop !== top));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    if (here < 0 || !step || !cards[here + step]) return;
    event.preventDefault();
    cards[here + step].focus();
  }

  closeParts() {
    this.seen.disconnect();
    this.map?.close();
    this.map = null;
    this.source?.close();
    this.detail.replaceChildren();
  }

  close() {
    this.closeParts();
  }
}
