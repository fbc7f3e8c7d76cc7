// Try it: an example of the run, or one's own, drawn, dropped, recorded or edited; answer and explanation change as it does.

import { h } from "./dom.js";
import { fixed } from "./numbers.js";
import { counterfactual, rowsOf } from "./counterfactual.js";
import { marked, note } from "./control.js";
import { dependence } from "./dependence.js";
import { drop } from "./drop.js";
import { load } from "./examples.js";
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
const HABIT = 16; // examples from which is learned how they are drawn
const KINDS = {
  image: { title: "The picture", lead: "Take an example, draw one, or bring a picture of your own", ways: [["example", "Example"], ["draw", "Draw"], ["file", "File"]], drop: { label: "Drop a picture here, paste one, or", accept: "image/*", ending: ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tiff"], refused: "That is no picture." } },
  sound: { title: "The sound", lead: "Take an example, record one, or bring a sound of your own", ways: [["example", "Example"], ["record", "Record"], ["file", "File"]], drop: { label: "Drop a sound here, or", accept: "audio/*", ending: ["wav", "mp3", "flac", "ogg", "m4a"], refused: "That is no sound." } },
  series: { title: "The series", lead: "Take an example, pull at its line, or bring a series of your own", ways: [["example", "Example"], ["change", "Change"], ["file", "File"]], drop: { label: "Drop a text or csv file here, a step a line and a channel a column, or", accept: "text/*", ending: ["txt", "csv", "tsv", "ts"], refused: "That is no text file." } },
  table: { title: "The row", lead: "Take an example, move its numbers", ways: [] },
};
const own = (id) => String(id).startsWith("own-");

export async function render(root, app) {
  const { can, kind } = app.values;
  const { title, lead, ways, drop: dropped } = KINDS[kind] ?? KINDS.table;
  root.append(h("h1", null, "Try it"), h("p", { class: "lead" }, `${lead}, and watch what the network makes of it.`));
  if (!can.inside) return void root.append(nothing(can.why.inside));
  const { organs, classes, inputs } = await app.api("network", { member: app.state.member });
  const go = (changes, replace = true) => app.go(changes, { replace, stay: true });
  const offered = can.examples ? ways : ways.slice(1);
  const way = () => (offered.find(([name]) => name === app.state.way) ?? offered[0])?.[0];
  let current = null; // the example that is shown
  let kept = null; // the example of the run that it came from
  let built = null; // the way that is built, with what it does with an example, and how it ends
  let shown = true; // whether what was asked is seen already where it was made
  let resting = 0;
  let turn = 0; // what was brought or opened last counts, whatever is answered when
  let asked = 0;

  const queue = latest((body, options) => app.post("ask", body, options), told);
  const answer = probabilities({ onpick: (name) => go({ target: name === current.predicted ? null : name }) });
  const why = explanation(app, { kind, organs, onmethod: (method) => go({ method }) });
  const change = counterfactual(app, { classes, onopen: (body) => (way() === "draw" && go({ way: null }), put(body, false)), onask: (to) => go({ change: to }) });
  const picked = can.examples && picker(app, { onpick: (id) => go({ example: id, from: null, target: null, change: null, way: way() === "change" ? "change" : null }, false) });
  const numbers = inputs.columns.filter((c) => c.kind === "number");
  const tables = kind === "table" ? [dependence(app, { columns: inputs.columns, onpick: (column) => go({ column }) }), surface(app, { columns: numbers, onpick: (first, second) => go({ first, second }), onmove: (cells) => put({ cells: { ...built.cells(), ...cells } }, false) })] : [];
  const [said, trip, links, trouble, input] = [h("ul", { class: "said-list" }), h("p", { class: "note", "data-testid": "round-trip" }), h("p", { class: "answer-links" }), h("div"), h("div")];
  const chooser = ways.length ? marked("How to bring an example", offered, way(), (name) => go({ way: name }), "way") : { element: "", mark() {} };
  const card = (name, heading, ...parts) => h("section", { class: `card try-card ${name}`, "aria-labelledby": `try-${name}` }, h("h2", { id: `try-${name}` }, heading), parts);
  root.append(
    h(
      "div",
      { class: `try ${kind}` },
      h("div", { class: "try-left" }, card("yours", title, chooser.element, input, trouble), picked ? card("kept", "Examples of the run", picked.element) : ""),
      h("div", { class: "try-middle" }, card("says", "The answer", answer.element, said, links, trip), card("turn", "What would change it?", change.element)),
      h("div", { class: "try-right" }, card("because", "Why this answer", why.element)),
      tables.length ? h("div", { class: "try-more" }, card("one-column", "One column moved", tables[0].element), card("two-columns", "Two columns moved", tables[1].element)) : "",
    ),
  );

  // --- bringing an example: each way gives {show(example), close()} ---

  const frame = () => h("div", { class: `yours-look ${kind}`, "data-testid": "look" });

  function plain() {
    const box = frame();
    input.replaceChildren(box);
    return { show: (example) => box.replaceChildren(look(example)) };
  }

  function drawing() {
    input.replaceChildren(note("One moment …"));
    habit().then((found) => built?.name === "draw" && input.replaceChildren(pad({ shape: inputs.shape, habit: found, ondraw: ({ shape, data }) => put({ pixels: Array.from(data), shape }) })));
    return { show() {} };
  }

  // How the run's examples are drawn is read off some of them.
  async function habit() {
    const black = Array(inputs.shape[2]).fill(0);
    const usual = { plain: true, background: black, ink: black.map(() => 255), side: 0.75, middle: [0.5, 0.5] };
    const { items } = can.examples ? await load(app, { limit: HABIT }).catch(() => ({ items: [] })) : { items: [] };
    return items.length ? habitOf(items.map(({ look: { pixels } }) => ({ shape: inputs.shape, data: pixels.data }))) : usual;
  }

  function bringing() {
    const box = frame();
    const sound = kind === "sound" ? recorder({ onsound: (blob) => put(blob, false), onerror: failed }) : null;
    const take = async (file) => {
      if (sound) return sound.open(file);
      put(kind === "image" ? file : { values: parseSeries(await file.text(), inputs.shape.at(-1) ?? 1) }, false);
    };
    const place = way() === "file" ? drop({ ...dropped, onfile: (file) => take(file).catch(failed) }) : null;
    input.replaceChildren(h("div", { class: "bringing" }, place?.element ?? sound.button, sound?.element ?? "", box));
    return { show: (example) => box.replaceChildren(...(own(example.id) ? [look(example)] : [])), close: () => (place?.close(), sound?.close()) };
  }

  function changing() {
    const made = seriesEditor({ onchange: (values) => put({ values }) });
    input.replaceChildren(made.element);
    return { show: ({ look: { values, channels } }) => made.show(rowsOf(values), channels ?? []) };
  }

  function editing() {
    const seen = new Map((app.values.schema?.columns ?? []).map((c) => [c.name, c]));
    const made = rowEditor({ columns: inputs.columns.map((c) => described(c, seen.get(c.name))), onchange: (cells) => put({ cells }), onfocus: (column) => go({ column }) });
    input.replaceChildren(made.element);
    return { show: ({ look: { cells } }) => made.show(cells, kept?.look.cells), cells: made.cells };
  }

  function build() {
    built?.close?.();
    built = null;
    input.inert = !current && Boolean(app.state.example || can.examples); // nothing to change until it is there
    built = { ...{ example: plain, draw: drawing, file: bringing, record: bringing, change: changing, undefined: editing }[way()](), name: way() };
  }

  // --- asking ---

  function put(body, isShown = true) {
    shown = isShown;
    asked = turn += 1;
    queue.put(body);
  }

  function told({ answer: example, error }) {
    if (asked !== turn) return;
    if (error) return failed(error);
    show(example);
    if (!shown) built.show(example);
    const ms = median(queue.times);
    trip.textContent = `Answered in ${fixed(ms, 0)} ms, the median of ${queue.times.length}.`;
    Object.assign(trip.dataset, { value: ms, count: queue.times.length });
    clearTimeout(resting);
    resting = setTimeout(() => current === example && go({ example: example.id, from: kept?.id ?? null, change: null }), REST);
  }

  function failed(error) {
    if (error.name !== "AbortError") trouble.replaceChildren(failure(error));
  }

  async function open(id) {
    const mine = (turn += 1);
    const found = (one) => app.api(`examples/${encodeURIComponent(one)}`);
    try {
      const [example, from] = await Promise.all([found(id), own(id) && app.state.from ? found(app.state.from) : null]);
      if (mine !== turn) return;
      kept = from ?? (own(id) ? null : example);
      show(example);
      built.show(example);
    } catch (error) {
      failed(error);
    }
  }

  async function start() {
    build();
    if (app.state.example) return open(app.state.example);
    if (can.examples) {
      const { items } = await load(app, { limit: 8 });
      const whole = items.find((item) => !Object.values(item.look?.cells ?? {}).includes(null)) ?? items[0];
      return whole && !turn && open(whole.id);
    }
    if (kind === "table") put({ cells: Object.fromEntries(inputs.columns.map((c) => [c.name, c.range ? (c.range[0] + c.range[1]) / 2 : (c.categories[0] ?? null)])) }, false);
  }

  function show(example) {
    current = example;
    input.inert = false;
    trouble.replaceChildren();
    answer.update(example, { before: kept && kept.id !== example.id ? kept.value : null, picked: app.state.target });
    said.replaceChildren(...(example.said ?? []).map((text) => h("li", null, text)));
    links.replaceChildren(h("a", { href: app.href({ view: "network", example: example.id, target: null, way: null, method: null, from: null, column: null, first: null, second: null, change: null }), "data-testid": "open-network" }, "Open in Network →"));
    if (picked) picked.mark(own(example.id) ? kept?.id : example.id);
    for (const part of [why, change, ...tables]) part.put(example);
  }

  await start();
  return {
    update({ example }) {
      if (way() !== built.name) {
        build();
        chooser.mark(built.name);
        if (current) built.show(current);
      }
      if (example && example !== current?.id) open(example);
      else if (current) show(current);
    },
    close() {
      clearTimeout(resting);
      built?.close?.();
      for (const part of [picked, why, change, ...tables]) part?.close?.();
      queue.stop();
    },
  };
}

// A column as it is edited: what the network knows of it, and what the data's schema says.
function described({ name, kind, categories, range, missing }, { top = [], histogram = null, distinct = null } = {}) {
  const known = categories?.length ? categories : top.map((t) => t.value);
  const whole = kind === "number" && range?.every(Number.isInteger) && distinct !== null && distinct <= Math.min(60, range[1] - range[0] + 1);
  return { name, kind, known, histogram, range, whole, missing, open: !categories?.length && !(distinct <= known.length) };
}
