// The examples as a layer has them, placed on a plane epoch by epoch: like lies beside like, and one watches it untangle.
//
// exampleMap(app, {rung, epochs, classes}) -> {element, update(), close()}

import { h, choice, scrolling, table } from "../../report/static/dom.js";
import { percent, short } from "../../report/static/numbers.js";
import { badge } from "./dependence.js";
import { latest } from "./latest.js";
import { look } from "./look.js";
import { failure } from "./message.js";
import { scatter } from "./scatter.js";

const STAY = 900; // milliseconds on each epoch while playing

export function exampleMap(app, { rung, epochs, classes, source, items }) {
  const classOf = new Map(items.map((item) => [item.id, item]));
  const tip = h("div", { class: "map-tip", hidden: true });
  const cloud = scatter({ label: `Examples placed by the output of ${rung.path}. Arrow keys go from one to the next, Enter opens it.`, onpick: (point) => open(point.id), onhover: hovered });
  cloud.element.append(tip);
  const said = h("p", { class: "map-said note", role: "status" });
  const slider = epochs.length > 1 ? h("input", { type: "range", min: 0, max: epochs.length - 1, step: 1, value: epochs.length - 1, "aria-label": "Epoch", "data-testid": "epoch", input: () => (stop(), show(Number(slider.value))) }) : null;
  const clock = h("output", { class: "map-epoch" });
  const play = slider ? h("button", { type: "button", class: "quiet", "data-testid": "untangle", click: () => (playing ? stop() : start()) }, "Watch it untangle") : "";
  const methods = choice("How to place them", [["pca", "PCA"], ["tsne", "t-SNE"]], method(), (value) => app.go({ method: value }, { replace: true, stay: true }));
  const key = h("ul", { class: "class-key map-key" }, classes.map((name, at) => h("li", null, h("button", { type: "button", class: "key-button", "aria-pressed": "false", title: `Only ${name}`, click: (event) => filter(at, event.currentTarget) }, badge(at), name))));
  const listing = h("details", { class: "more map-list", toggle: () => listing.open && listed() }, h("summary", null, "The examples as a list"), h("div"));
  const trouble = h("div");
  const words = h("p", { class: "note" });
  const element = h("div", { class: "example-map", "data-testid": "example-map" }, h("div", { class: "controls map-controls" }, methods, slider ? h("span", { class: "pair map-time" }, play, slider, clock) : ""), words, cloud.element, key, said, trouble, listing);
  const queue = latest(({ epoch }, { signal }) => app.api("embedding", { layer: rung.path, method: method(), epoch, member: app.state.member }, { signal }), told);
  const known = new Map();
  let playing = null;
  let chosen = null;
  let found = null;

  function method() {
    return app.state.method === "tsne" ? "tsne" : "pca";
  }

  // The epoch of the state, or none: the network as it is shipped.
  function place() {
    const at = epochs.indexOf(Number(app.state.epoch));
    return app.state.epoch === undefined || at < 0 ? epochs.length - 1 : at;
  }

  function show(at) {
    const epoch = epochs[at];
    app.go({ epoch: at === epochs.length - 1 ? null : epoch }, { replace: true, stay: true });
  }

  function update() {
    for (const [i, button] of [...methods.querySelectorAll("button")].entries()) button.setAttribute("aria-pressed", String(["pca", "tsne"][i] === method()));
    const at = place();
    const epoch = at === epochs.length - 1 || at < 0 ? null : epochs[at];
    if (slider) slider.value = at;
    clock.textContent = epochs.length ? (epoch === null ? "as shipped" : `epoch ${epoch}`) : "";
    const kept = known.get(`${method()} ${epoch}`);
    if (kept) drawn(kept);
    else queue.put({ epoch, name: `${method()} ${epoch}` });
  }

  function told({ question, answer, error }) {
    trouble.replaceChildren(...(error ? [failure(error, update)] : []));
    if (error) return stop();
    known.set(question.name, answer);
    drawn(answer);
  }

  function drawn(embedding) {
    found = embedding;
    const points = Array.from(embedding.ids.data ?? embedding.ids, (id, i) => {
      const item = classOf.get(String(id));
      const number = classes.length ? classes.indexOf(item?.target) : undefined;
      return { id: String(id), x: embedding.points.data[2 * i], y: embedding.points.data[2 * i + 1], number: number < 0 ? undefined : number, ...(classes.length ? {} : { value: item?.target ?? 0 }) };
    });
    const values = classes.length ? null : [Math.min(...points.map((p) => p.value)), Math.max(...points.map((p) => p.value))];
    cloud.show(points, { values });
    cloud.filter(chosen);
    element.dataset.points = points.length;
    element.dataset.epoch = embedding.epoch ?? "";
    const explained = Array.isArray(embedding.explained) ? embedding.explained.reduce((a, b) => a + b, 0) : embedding.explained?.data ? embedding.explained.data.reduce((a, b) => a + b, 0) : embedding.explained;
    words.textContent = method() === "pca" ? `The plane in which the ${rung.units > 1 ? "outputs" : "output"} of ${rung.path} differ most${explained ? `: it holds ${percent(explained)} of their variance` : ""}. Axes keep one scale; only distances mean something.` : "t-SNE keeps neighbours together; distances between clumps, and their sizes, mean little.";
    if (listing.open) listed();
    if (playing) playing = setTimeout(next, STAY);
  }

  function start() {
    play.textContent = "Stop";
    playing = -1;
    if (place() === epochs.length - 1) show(0);
    else next();
  }

  function next() {
    if (!playing || !element.isConnected) return;
    const at = place();
    if (at >= epochs.length - 1) return stop();
    show(at + 1);
  }

  function stop() {
    clearTimeout(playing);
    playing = null;
    if (play) play.textContent = "Watch it untangle";
  }

  function filter(at, button) {
    chosen = chosen === at ? null : at;
    for (const other of key.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button && chosen !== null));
    cloud.filter(chosen);
  }

  let wanted = null;

  async function hovered(point, at) {
    wanted = point?.id ?? null;
    tip.hidden = !point;
    if (!point) return;
    const item = classOf.get(point.id);
    const name = `${item?.name ?? point.id}${item ? `: ${typeof item.target === "number" ? short(item.target, 4) : item.target}${item.right === false ? `, taken for ${item.predicted}` : ""}` : ""}`;
    said.textContent = name;
    const words = h("span", null, name);
    tip.replaceChildren(words);
    where(at);
    const example = await source.look(point.id).catch(() => null);
    if (!example || wanted !== point.id) return;
    tip.replaceChildren(look(example, { small: true }), words);
    where(at);
  }

  function where([x, y]) {
    const [width, height] = [cloud.element.clientWidth, cloud.element.clientHeight];
    tip.style.left = `${Math.max(4, Math.min(width - tip.offsetWidth - 4, x + 16))}px`;
    tip.style.top = `${Math.max(4, Math.min(height - tip.offsetHeight - 4, y - tip.offsetHeight - 12))}px`;
  }

  const href = (id) => app.href({ view: "try", example: id, layer: null, unit: null, show: null, method: null, epoch: null });

  function open(id) {
    app.go({ view: "try", example: id, layer: null, unit: null, show: null, method: null, epoch: null });
  }

  function listed() {
    if (!found) return;
    const rows = Array.from(found.ids.data ?? found.ids).slice(0, 200).map((id, i) => {
      const item = classOf.get(String(id));
      const said = (v) => (v === undefined || v === null ? "–" : typeof v === "number" ? short(v, 4) : v);
      return [h("a", { href: href(String(id)) }, item?.name ?? String(id)), said(item?.target), said(item?.predicted), short(found.points.data[2 * i], 3), short(found.points.data[2 * i + 1], 3)];
    });
    const box = scrolling("Examples on the map", table("Examples on the map", [{ title: "example" }, { title: "is" }, { title: "answered" }, { title: "across", numeric: true }, { title: "up", numeric: true }], rows));
    box.classList.add("tall");
    listing.lastChild.replaceChildren(box);
  }

  update();
  return {
    element,
    update,
    close() {
      stop();
      queue.stop();
    },
  };
}
