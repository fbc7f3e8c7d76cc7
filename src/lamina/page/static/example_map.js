// The examples as a layer has them, placed on a plane epoch by epoch: like lies beside like, and one watches it untangle.
//
// exampleMap(app, {rung, epochs, classes, items, look}) -> {element, update(), close()}; the last epoch stands for the network as shipped.

import { h, scrolling, table } from "./dom.js";
import { percent, short } from "./numbers.js";
import { ends } from "./axes.js";
import { marked, question, quiet } from "./control.js";
import { look as drawn } from "./look.js";
import { badge } from "./marks.js";
import { scatter } from "./scatter.js";

const STAY = 900; // milliseconds on each epoch while playing
const LISTED = 200;
const METHODS = [["pca", "PCA"], ["tsne", "t-SNE"]];
const said = (v) => (typeof v === "number" ? short(v, 4) : (v ?? "–"));

export function exampleMap(app, { rung, epochs, classes, items, look }) {
  const known = new Map(items.map((item) => [item.id, item]));
  const made = new Map(); // embeddings by method and epoch
  const go = (changes) => app.go(changes, { replace: true, stay: true });
  const to = (id) => ({ view: "try", example: id, layer: null, unit: null, show: null, method: null, epoch: null });
  const method = () => (app.state.method === "tsne" ? "tsne" : "pca");
  const place = () => (epochs.includes(Number(app.state.epoch)) ? epochs.indexOf(Number(app.state.epoch)) : epochs.length - 1);
  const show = (at) => go({ epoch: at === epochs.length - 1 ? null : epochs[at] });

  const tip = h("div", { class: "map-tip", hidden: true });
  const cloud = scatter({ label: `Examples placed by the output of ${rung.path}. Arrow keys go from one to the next, Enter opens it.`, onpick: ({ id }) => app.go(to(id)), onhover: hovered });
  cloud.element.append(tip);
  const slider = h("input", { type: "range", min: 0, max: epochs.length - 1, "aria-label": "Epoch", "data-testid": "epoch", input: () => (stop(), show(Number(slider.value))) });
  const play = quiet("Watch it untangle", () => (playing ? stop() : start()), "untangle");
  const clock = h("output");
  const methods = marked("How to place them", METHODS, method(), (value) => go({ method: value }), "method");
  const key = h("ul", { class: "class-key" }, classes.map((name, at) => h("li", null, h("button", { type: "button", class: "key-button", "aria-pressed": "false", title: `Only ${name}`, click: () => filter(at) }, badge(at), name))));
  const pointing = h("p", { class: "map-said note", role: "status" });
  const words = h("p", { class: "note" });
  const listing = h("details", { class: "more", toggle: listed }, h("summary", null, "The examples as a list"), h("div"));
  const asking = question(app, "embedding", told);
  const element = h("div", { "data-testid": "example-map" }, h("div", { class: "controls" }, methods.element, epochs.length > 1 ? h("span", { class: "map-time" }, play, slider, clock) : ""), words, cloud.element, key, pointing, asking.element, listing);
  let found = null;
  let playing = 0;
  let chosen = null;
  let wanted = null;

  function update() {
    methods.mark(method());
    const at = place();
    const epoch = at === epochs.length - 1 ? null : epochs[at];
    slider.value = at;
    clock.textContent = epoch === null ? "as shipped" : `epoch ${epoch}`;
    const name = `${method()} ${epoch}`;
    if (made.has(name)) draw(made.get(name));
    else asking.put({ layer: rung.path, method: method(), epoch }, name);
  }

  function told(answer, name) {
    if (!answer) return stop();
    made.set(name, answer);
    draw(answer);
  }

  function draw(embedding) {
    found = { ...embedding, ids: Array.from(embedding.ids.data, String) };
    const points = found.ids.map((id, i) => {
      const { target } = known.get(id) ?? {};
      return { id, x: embedding.points.data[2 * i], y: embedding.points.data[2 * i + 1], ...(classes.length ? { number: Math.max(0, classes.indexOf(target)) } : { value: target ?? 0 }) };
    });
    cloud.show(points, classes.length ? [0, 1] : ends(points.map((p) => p.value)));
    Object.assign(element.dataset, { points: points.length, epoch: embedding.epoch ?? "shipped", method: embedding.method });
    const share = embedding.explained ? `It holds ${percent(embedding.explained.data.reduce((a, b) => a + b, 0))} of their variance. ` : "";
    words.textContent = embedding.explained ? `The plane in which what ${rung.path} makes of the examples differs most. ${share}Both axes have one scale.` : "t-SNE keeps neighbours together; distances between clumps, and their sizes, mean little.";
    listed();
    if (playing) playing = setTimeout(() => (place() < epochs.length - 1 ? show(place() + 1) : stop()), STAY);
  }

  function start() {
    play.textContent = "Stop";
    playing = 1;
    if (place() > 0) show(0);
    else update();
  }

  function stop() {
    clearTimeout(playing);
    playing = 0;
    play.textContent = "Watch it untangle";
  }

  function filter(at) {
    chosen = chosen === at ? null : at;
    [...key.querySelectorAll("button")].forEach((b, i) => b.setAttribute("aria-pressed", String(i === chosen)));
    cloud.filter(chosen);
  }

  async function hovered(point, at) {
    wanted = point?.id;
    tip.hidden = !point;
    if (!point) return;
    const item = known.get(point.id);
    pointing.textContent = `${item?.name ?? point.id}: ${said(item?.target)}${item?.right === false ? `, taken for ${said(item.predicted)}` : ""}`;
    const put = (...parts) => {
      tip.replaceChildren(...parts, h("span", null, pointing.textContent));
      tip.style.left = `${Math.max(4, Math.min(cloud.element.clientWidth - tip.offsetWidth - 4, at[0] + 16))}px`;
      tip.style.top = `${Math.max(4, at[1] - tip.offsetHeight - 12)}px`;
    };
    put();
    const example = await look(point.id).catch(() => null);
    if (example && wanted === point.id) put(drawn(example, { small: true }));
  }

  function listed() {
    if (!listing.open || !found) return;
    const rows = found.ids.slice(0, LISTED).map((id, i) => {
      const item = known.get(id) ?? {};
      return [h("a", { href: app.href(to(id)) }, item.name ?? id), said(item.target), said(item.predicted), short(found.points.data[2 * i]), short(found.points.data[2 * i + 1])];
    });
    const box = scrolling("Examples on the map", table("Examples on the map", [{ title: "example" }, { title: "is" }, { title: "answered" }, { title: "across", numeric: true }, { title: "up", numeric: true }], rows));
    box.classList.add("tall");
    listing.lastChild.replaceChildren(box);
  }

  update();
  return { element, update, close: () => (stop(), asking.close()) };
}
