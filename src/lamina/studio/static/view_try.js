// Try it: an example of the run, or one's own, drawn, dropped, recorded or edited; answer and explanation change as it does.

import { h, choice } from "../../report/static/dom.js";
import { fixed } from "../../report/static/numbers.js";
import { counterfactual } from "./counterfactual.js";
import { dependence } from "./dependence.js";
import { drop, pictureBytes } from "./drop.js";
import { explanation } from "./explanation.js";
import { habitOf } from "./ink.js";
import { latest, median } from "./latest.js";
import { look } from "./look.js";
import { failure, nothing } from "./message.js";
import { pad } from "./pad.js";
import { picker } from "./picker.js";
import { probabilities } from "./probabilities.js";
import { recorder } from "./recorder.js";
import { rowEditor } from "./row_editor.js";
import { seriesEditor } from "./series_editor.js";
import { parseSeries } from "./series_text.js";
import { surface } from "./surface.js";

export const sheet = "try.css";

const REST = 350; // milliseconds of rest after which the address names one's own example
const LEADS = {
  image: "Take an example, draw one, or bring a picture of your own, and watch what the network makes of it.",
  sound: "Take an example, record one, or bring a sound of your own, and watch what the network makes of it.",
  series: "Take an example, pull at its line, or bring a series of your own, and watch what the network makes of it.",
  table: "Take an example, move its numbers, and watch what the network makes of it.",
};
const WAYS = {
  image: [["example", "Example"], ["draw", "Draw"], ["file", "File"]],
  sound: [["example", "Example"], ["record", "Record"], ["file", "File"]],
  series: [["example", "Example"], ["change", "Change"], ["file", "File"]],
};

export async function render(root, app) {
  const { can, kind } = app.values;
  root.append(h("h1", { class: "view-title" }, "Try it"), h("p", { class: "lead" }, LEADS[kind] ?? ""));
  if (!can.inside) return void root.append(nothing(can.why.inside));
  const network = await app.api("network", { member: app.state.member });
  const view = new Trial(root, app, network);
  await view.start();
  return { update: (state) => view.update(state), close: () => view.close() };
}

class Trial {
  constructor(root, app, network) {
    Object.assign(this, { app, network, kind: app.values.kind, current: null, original: null, parts: [], resting: null });
    this.queue = latest((body, options) => app.post("ask", body, options), (outcome) => this.told(outcome));
    this.answer = probabilities({ onpick: (name) => this.go({ target: name === this.current?.predicted ? null : name }) });
    this.why = explanation(app, { kind: this.kind, organs: network.organs, onmethod: (method) => this.go({ method }) });
    this.change = counterfactual(app, { classes: network.classes, onopen: (body) => this.putIn(body), onask: (change) => this.go({ change }) });
    this.said = h("ul", { class: "said-list" });
    this.trip = h("span", { class: "note", "data-testid": "round-trip" });
    this.links = h("p", { class: "answer-links" });
    this.trouble = h("div", { class: "trouble" });
    this.input = h("div", { class: "yours-input" });
    this.ways = h("div", { class: "yours-ways" });
    const card = (name, title, ...children) => h("section", { class: `card try-card ${name}`, "aria-labelledby": `try-${name}` }, h("h2", { id: `try-${name}` }, title), children);
    this.picked = can(app, "examples") ? picker(app, { onpick: (id) => this.go({ example: id, from: null, target: null, change: null, way: this.way() === "change" ? "change" : null }, { replace: false }) }) : null;
    const chooser = this.picked ? card("kept", "Examples of the run", this.picked.element) : "";
    this.grid = h(
        "div",
        { class: `try ${this.kind}` },
        h("div", { class: "try-left" }, card("yours", { table: "The row", series: "The series", image: "The picture", sound: "The sound" }[this.kind], this.ways, this.input, this.trouble), chooser),
        h("div", { class: "try-middle" }, card("says", "The answer", this.answer.element, this.said, this.links, this.trip), card("turn", "What would change it?", this.change.element)),
        h("div", { class: "try-right" }, card("because", "Why this answer", this.why.element)),
    );
    root.append(this.grid);
    this.parts = [this.picked, this.why, this.change, this.queue].filter(Boolean);
    if (this.kind === "table") this.more(card);
  }

  // What only tables have: curves of one column, and the plane of two.
  more(card) {
    const columns = this.network.inputs.columns;
    this.curve = dependence(this.app, { columns, onpick: (column) => this.go({ column }) });
    this.plane = surface(this.app, { columns: columns.filter((c) => c.kind === "number"), onpick: (first, second) => this.go({ first, second }), onmove: (changes, how) => this.moveTo(changes, how) });
    this.grid.append(h("div", { class: "try-more" }, card("one-column", "One column moved", this.curve.element), card("two-columns", "Two columns moved", this.plane.element)));
    this.parts.push(this.curve, this.plane);
  }

  async start() {
    this.build();
    const { example } = this.app.state;
    if (example) await this.load(example);
    else if (this.picked) {
      const { items } = await this.app.api("examples", { limit: 8, looks: true });
      const full = items.find((item) => !Object.values(item.look?.cells ?? {}).includes(null));
      if (items.length) await this.load((full ?? items[0]).id);
    } else await this.blank();
  }

  way() {
    const ways = (WAYS[this.kind] ?? []).map(([name]) => name);
    const usual = this.picked ? "example" : ways[1];
    return ways.includes(this.app.state.way) ? this.app.state.way : usual;
  }

  // --- bringing an example ---

  build() {
    this.builtWay = this.way();
    this.offer();
    this.kept = null;
    this.dropper?.close();
    this.dropper = null;
    this.editor?.close?.();
    this.editor = null;
    if (this.kind === "table") this.rows();
    else this[{ example: "plain", draw: "drawing", file: "file", record: "recording", change: "changing" }[this.builtWay]]();
    if (this.current) this.place(this.current);
  }

  // The ways to bring an example; the buttons stay, as one of them may have the focus.
  offer() {
    if (!WAYS[this.kind]) return;
    const offered = this.picked ? WAYS[this.kind] : WAYS[this.kind].slice(1);
    if (!this.ways.firstChild) this.ways.append(choice("How to bring an example", offered, this.builtWay, (way) => this.go({ way })));
    for (const [i, button] of [...this.ways.querySelectorAll("button")].entries()) {
      button.setAttribute("aria-pressed", String(offered[i][0] === this.builtWay));
      button.dataset.testid = `way-${offered[i][0]}`;
    }
  }

  plain() {
    const frame = h("div", { class: `yours-look ${this.kind}`, "data-testid": "look" });
    this.input.replaceChildren(frame);
    this.kept = (example) => frame.replaceChildren(look(example));
  }

  async drawing() {
    this.input.replaceChildren(h("p", { class: "note" }, "One moment …"));
    const habit = await this.habit();
    if (this.builtWay !== "draw") return;
    const made = pad({ shape: this.network.inputs.shape, habit, ondraw: (image, how) => image && this.put(imageBody(image), how) });
    this.input.replaceChildren(made.element);
  }

  // How the run's examples are drawn is read off some of them.
  async habit() {
    const [height, width, channels] = this.network.inputs.shape;
    const black = Array(channels).fill(0);
    const plain = { plain: true, background: black, ink: black.map(() => 255), side: 0.75, middle: [0.5, 0.5] };
    if (!this.picked) return plain;
    try {
      const { items } = await this.app.api("examples", { limit: 16, looks: true });
      const looks = await Promise.all(items.slice(0, items[0]?.look ? 16 : 6).map((item) => item.look ?? this.app.api(`examples/${item.id}`).then((e) => e.look)));
      const images = looks.map(({ pixels }) => ({ shape: [height, width, channels], data: pixels.data }));
      return images.length ? habitOf(images) : plain;
    } catch {
      return plain;
    }
  }

  file() {
    const onerror = (error) => this.failed(error);
    const frame = h("div", { class: `yours-look ${this.kind}`, "data-testid": "look" });
    const shown = h("div", { class: "yours-file" });
    if (this.kind === "sound") this.editor = recorder({ onsound: ({ bytes }) => this.put(new Blob([bytes], { type: "audio/wav" }), { resting: true, shown: true }), onerror });
    const places = {
      image: { label: "Drop a picture here, paste one, or", accept: "image/*", accepts: (f) => f.type.startsWith("image/") || /\.(png|jpe?g|webp|gif|bmp)$/i.test(f.name), refused: "That is no picture." },
      sound: { label: "Drop a sound here, or", accept: "audio/*,.wav,.mp3,.flac,.ogg", accepts: (f) => f.type.startsWith("audio/") || /\.(wav|mp3|flac|ogg|m4a)$/i.test(f.name), refused: "That is no sound." },
      series: { label: "Drop a text or csv file here, a step a line and a column a channel, or", accept: ".txt,.csv,.tsv,.ts,text/*", accepts: (f) => f.size < 2e7, refused: "That file is too long for one series." },
    };
    const made = drop({ ...places[this.kind], onfile: (file) => this.take(file).catch(onerror) });
    this.dropper = made;
    shown.append(made.element, frame, this.editor ? h("div", { class: "file-player" }, this.editor.element.querySelector(".wave"), this.editor.element.querySelector("audio")) : "");
    this.input.replaceChildren(shown);
    this.kept = (example) => frame.replaceChildren(...(example.part === "own" ? [look(example)] : []));
  }

  async take(file) {
    if (this.kind === "image") return this.put(await pictureBytes(file), { resting: true, shown: true });
    if (this.kind === "sound") return this.editor.open(file);
    const channels = this.network.inputs.shape.at(-1) ?? 1;
    this.put({ values: parseSeries(await file.text(), channels) }, { resting: true, shown: true });
  }

  recording() {
    const frame = h("div", { class: "yours-look sound", "data-testid": "look" });
    this.editor = recorder({ onsound: ({ bytes }) => this.put(new Blob([bytes], { type: "audio/wav" }), { resting: true, shown: true }), onerror: (error) => this.failed(error) });
    this.input.replaceChildren(this.editor.element, frame);
    this.kept = (example) => frame.replaceChildren(...(example.part === "own" ? [look(example)] : []));
  }

  changing() {
    const made = seriesEditor({ onchange: (values, how) => this.put({ values }, how) });
    this.input.replaceChildren(made.element);
    this.kept = (example) => {
      const { shape, data } = example.look.values;
      const many = shape[1] ?? 1;
      made.show(Array.from({ length: shape[0] }, (_, t) => Array.from(data.subarray(t * many, (t + 1) * many), (v) => (Number.isFinite(v) ? v : null))), example.look.channels);
    };
  }

  rows() {
    const known = new Map((this.app.values.schema?.columns ?? []).map((c) => [c.name, c]));
    const columns = this.network.inputs.columns.map((column) => described(column, known.get(column.name)));
    const made = rowEditor({ columns, onchange: (cells) => this.put({ cells }), onfocus: (column) => this.go({ column }) });
    this.input.replaceChildren(made.element);
    this.editor = { show: made.show, cells: made.cells };
    this.kept = (example) => made.show(example.look.cells, this.original?.look.cells);
  }

  moveTo(changes, how) {
    const cells = { ...this.editor.cells(), ...changes };
    this.editor.show(cells, this.original?.look.cells);
    this.put({ cells }, how);
  }

  // --- asking ---

  // `shown`: what was sent is not what is seen yet, so the answer's look has to be put in its place.
  put(body, { resting = true, shown = false } = {}) {
    this.shown = shown;
    this.isResting = resting;
    this.queue.put(body);
  }

  // A change that was found becomes the example, and what is seen of it.
  putIn(body) {
    if (this.kind === "image" && this.builtWay === "draw") this.go({ way: "example" });
    this.put(body, { shown: true });
  }

  told({ answer, error }) {
    if (error) return this.failed(error);
    this.show(answer);
    if (this.shown) this.place(answer);
    const ms = median(this.queue.times);
    this.trip.textContent = `Answered in ${fixed(ms, ms < 10 ? 1 : 0)} ms (the median of ${this.queue.times.length}).`;
    this.trip.dataset.value = ms;
    this.trip.dataset.count = this.queue.times.length;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.current === answer && this.go({ example: answer.id, from: this.original && !own(this.original.id) ? this.original.id : null, change: null }), REST);
  }

  failed(error) {
    if (error.name === "AbortError") return;
    this.trouble.replaceChildren(failure(error));
  }

  async load(id) {
    try {
      const [example, from] = await Promise.all([this.app.api(`examples/${encodeURIComponent(id)}`), own(id) && this.app.state.from ? this.app.api(`examples/${encodeURIComponent(this.app.state.from)}`) : null]);
      this.original = from ?? example;
      this.show(example);
      this.place(example);
    } catch (error) {
      this.failed(error);
      if (own(id) && this.picked) this.picked.mark(null);
    }
  }

  async blank() {
    if (this.kind !== "table") return;
    const cells = Object.fromEntries(this.network.inputs.columns.map((c) => [c.name, c.range ? (c.range[0] + c.range[1]) / 2 : (c.categories[0] ?? null)]));
    this.put({ cells }, { shown: true });
  }

  place(example) {
    this.kept?.(example);
  }

  // --- showing ---

  show(example) {
    this.current = example;
    this.trouble.replaceChildren();
    const { target } = this.app.state;
    this.answer.update(example, { before: this.original && this.original.id !== example.id ? this.original.value : null, picked: target });
    this.said.replaceChildren(...(example.said ?? []).map((text) => h("li", null, text)));
    this.picked?.mark(own(example.id) ? (this.original?.id ?? null) : example.id);
    const link = (view, text) => h("a", { href: this.app.href({ view, example: example.id, target: null, way: null, method: null, from: null, column: null, first: null, second: null, change: null }), "data-testid": `open-${view}` }, text);
    this.links.replaceChildren(link("network", "Open in Network →"));
    this.follow();
  }

  // What depends on the example: its explanation, and for tables the curves.
  follow() {
    this.why.put(this.current);
    this.change.put(this.current);
    this.curve?.put(this.current);
    this.plane?.put(this.current);
  }

  go(changes, options = { replace: true, stay: true }) {
    this.app.go(changes, { replace: true, stay: true, ...options });
  }

  update(state) {
    if (this.way() !== this.builtWay) this.build();
    if (state.example && state.example !== this.current?.id) return this.load(state.example);
    if (this.current) this.show(this.current);
  }

  close() {
    clearTimeout(this.resting);
    this.dropper?.close();
    this.editor?.close?.();
    for (const part of this.parts) (part.close ?? part.stop)?.();
  }
}

function can(app, what) {
  return Boolean(app.values.can[what]);
}

function own(id) {
  return String(id).startsWith("own-");
}

function imageBody({ shape, data }) {
  return { pixels: Array.from(data), shape };
}

// A column as it is edited: what the network knows of it, and the histogram of the data's schema.
function described(column, known) {
  const top = column.categories?.length ? column.categories.map((value) => ({ value })) : (known?.top ?? []);
  const edges = column.range ?? [];
  const histogram = known?.histogram ?? (edges.length ? { counts: [1], edges } : null);
  return { name: column.name, kind: column.kind, top, histogram, distinct: column.categories?.length || (known?.distinct ?? Infinity), missing: known?.missing ?? (column.missing ? 1 : 0), range: known?.range ?? "" };
}
