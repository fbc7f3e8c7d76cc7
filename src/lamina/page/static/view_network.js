// The network of a run, opened: from the whole picture to a layer, to a unit, to the arithmetic of one number.

import { choice, h } from "./dom.js";
import { percent, short } from "./numbers.js";
import { article, articleOf, infoButton } from "./article.js";
import { button } from "./button.js";
import { exampleStrip, tenOf } from "./example_strip.js";
import { departures, land } from "./flight.js";
import { layerView } from "./layer_view.js";
import { look } from "./look.js";
import { failure, nothing } from "./message.js";
import { labelOf, networkMap } from "./network_map.js";
import { chosenOf, formOf, placeInWords, RECURRENT, slotNames, unitsOf, unitWord } from "./organ.js";
import { openSpecimen } from "./specimen.js";
import { stepView } from "./step_view.js";
import { unitView } from "./unit_view.js";
import { origin } from "./terms.js";

export const sheet = "network.css";

const RATE = 0.01;
const INPUT = "input"; // what the URL calls the layer whose path is ""
const pathOf = (text) => (text === INPUT ? "" : text);
const textOf = (path) => (path === "" ? INPUT : path);

export async function render(root, app) {
  if (app.values.can && !app.values.can.inside) {
    root.append(nothing(app.values.can.why?.inside ?? "This run has no network to look into yet."));
    return {};
  }
  const page = await opened(app, root);
  await page.update(app.state);
  return page;
}

async function opened(app, root) {
  const api = app.api;
  const examples = new Map();
  const bar = h("div", { class: "network-bar" });
  const strip = h("div", { class: "strip-place" });
  const map = h("div", { class: "map-place" });
  const crumbs = h("nav", { class: "crumbs", "aria-label": "Where you are" });
  const stage = h("div", { class: "stage" });
  const aside = h("div", { class: "aside" });
  root.append(strip, bar, map, crumbs, h("div", { class: "stage-row" }, stage, aside));
  let specimen = null;
  let picture = null;
  let shown = {}; // the state as it is drawn
  let view = null; // what stands on the stage
  let turn = 0;
  const items = await listed();
  let list = null;

  const exampleOf = (id) => {
    if (!examples.has(id)) examples.set(id, api(`examples/${encodeURIComponent(id)}`).catch((error) => (examples.delete(id), Promise.reject(error))));
    return examples.get(id);
  };

  async function listed() {
    if (app.values.can && !app.values.can.examples) return [];
    const { items: all } = await api("examples", { limit: 400 });
    return tenOf(all);
  }

  // --- the state ---

  const go = (changes, options = {}) => app.go(changes, { stay: true, ...options });
  const swap = (changes) => go(changes, { replace: true }); // no step of the way back
  const explain = (article) => swap({ article });
  const close = { cell: null, channel: null, rival: null };
  const open = (path, index) => {
    const at = origin(specimen.byPath, path, index);
    go({ layer: textOf(at.path), unit: at.index.at(-1), ...close, cell: at.index.length > 1 ? at.index.slice(0, -1).join(",") : null });
  };

  async function update(state) {
    const mine = (turn += 1);
    const id = state.example ?? items[0]?.id;
    if (id === undefined) return empty();
    try {
      if (!specimen || String(specimen.member) !== String(state.member ?? 0)) await enter(state.member ?? 0);
      const [trace, example] = await Promise.all([specimen.trace(id), exampleOf(id)]);
      const backward = state.flow === "back" ? await specimen.backward(id, rateOf(state)) : null;
      if (mine !== turn) return null;
      await draw({ state, id, trace, example, backward }, mine);
    } catch (error) {
      if (error.name === "AbortError" || mine !== turn) return null;
      if (error.expected === undefined) throw error;
      view?.stop();
      view = null;
      shown = {};
      stage.replaceChildren(failure(error, () => go({ example: null, layer: null, unit: null, member: null, flow: null, ...close })));
    }
    return null;
  }

  function empty() {
    strip.replaceChildren(nothing(app.values.can?.why?.examples ?? "The run kept no examples.", h("p", null, h("a", { href: app.href({ view: "try" }) }, "Bring your own"), " and come back here with it.")));
    return null;
  }

  async function enter(member) {
    specimen = await openSpecimen(api, Number(member));
    const slots = slotNames(specimen.organs.find((organ) => organ.kind === "table") ?? {}, specimen.inputs?.names);
    specimen.slots = slots;
    picture?.stop();
    picture = networkMap({ specimen, slots, pick: picked });
    map.replaceChildren(picture.element);
    shown = {};
  }

  function picked(path, unit) {
    const same = shown.layer === path && shown.unit === unit && unit !== null;
    if (!same) go({ layer: textOf(path), unit: unit === null ? null : unit, ...close });
  }

  // --- drawing ---

  async function draw(given, mine) {
    const { state, id, trace, example, backward } = given;
    const organ = state.layer === undefined ? null : specimen.organ(pathOf(state.layer));
    const { unit, cell } = organ ? chosenOf(organ, state.unit, state.cell) : { unit: null, cell: null };
    const next = { id, member: specimen.member, scale: scaleOf(state), flow: state.flow ?? "", rate: rateOf(state), detail: state.detail !== "0", layer: organ?.path, unit, cell, channel: state.channel === undefined ? null : Number(state.channel), rival: state.rival === undefined ? null : Number(state.rival), article: state.article ?? null };
    const changed = (...names) => names.some((name) => String(next[name]) !== String(shown[name]));
    const whole = changed("id", "member");
    // What the stage needs beside the trace is asked for before anything moves.
    const needs = organ ? await needed(organ, id) : {};
    if (mine !== turn) return;
    if (whole) drawStrip(next, example);
    if (whole || changed("scale", "flow")) picture.fill({ trace, example, scale: next.scale, gradients: backward ? new Map(backward.steps.map((step) => [step.path, step.gradient])) : null });
    if (whole || changed("scale", "flow", "detail", "member")) drawBar(next, example, trace);
    picture.element.classList.toggle("detailed", next.detail);
    if (whole || changed("layer", "unit", "scale", "flow", "rival") || (backward && changed("rate") && !shown.rateQuiet)) drawStage(next, { organ, trace, example, backward, needs });
    else if (changed("cell", "channel")) view?.show({ cell, channel: next.channel ?? undefined });
    drawCrumbs(next, organ);
    if (changed("article")) drawArticle(next);
    if (whole && !organ) soon(id);
    shown = next;
  }

  // The first click should not wait for the server to open the network.
  function soon(id) {
    const { path } = specimen.logits;
    specimen.unit(id, path, specimen.organ(path).output_shape.map(() => 0)).catch(() => {});
  }

  async function needed(organ, id) {
    const weights = organ.kind === "conv" || organ.kind === "attention" ? await specimen.weights(organ.path) : null;
    const gates = RECURRENT.includes(organ.kind) && organ.kind !== "rnn" ? await specimen.gates(id).catch(() => []) : [];
    return { weights, gates: Array.isArray(gates) ? gates : gates.gates ?? [] };
  }

  function drawStrip(next, example) {
    if (next.id !== shown.id || !list) {
      const known = items.some((item) => item.id === next.id);
      const all = known ? items : [{ ...example, part: example.part ?? "own" }, ...items];
      if (!list || !known || list.extra) {
        list = exampleStrip({ items: all, pick: (id) => go({ example: id }), own: app.live ? app.href({ view: "try" }) : null, loaded: exampleOf });
        list.extra = !known;
        strip.replaceChildren(list.element);
      }
    }
    list.choose(next.id);
  }

  function drawBar(next, example, trace) {
    const verdict = said(example, specimen, trace);
    const scales = choice("Colour scale", [["unit", "each unit"], ["layer", "each layer"], ["network", "whole network"]], next.scale, (scale) => swap({ scale: scale === "layer" ? null : scale }));
    const flows = choice("What is shown", [["", "forward"], ["back", "backward"]], next.flow, (flow) => go({ flow: flow || null }));
    const detail = button("quiet", "details", () => swap({ detail: next.detail ? "0" : null }), { "aria-pressed": String(next.detail), "data-testid": "detail" });
    const members = app.live && specimen.members > 1 ? h("label", { class: "pair" }, "network", h("select", { "data-testid": "member", change: (event) => go({ member: event.target.value === "0" ? null : event.target.value }) }, Array.from({ length: specimen.members }, (_, i) => h("option", { value: i, selected: i === next.member }, `${i + 1} of ${specimen.members}`)))) : null;
    bar.replaceChildren(verdict, h("span", { class: "bar-controls" }, app.live ? h("span", { class: "pair" }, "shown", flows) : "", h("span", { class: "pair" }, "colours by", scales), members, detail), h("p", { class: "network-legend note" }, legend(next)));
  }

  function legend({ scale, flow }) {
    if (flow) return "Gradients: where a number is blue, more of it would raise the loss; where orange, lower it. The way of the loss runs from right to left.";
    const which = { unit: "Each unit has a scale of its own: its strongest number is the strongest colour.", layer: "The units of a layer share a scale, so that they can be compared.", network: "All layers share one scale, so that strong and weak layers can be told apart." }[scale];
    return [h("span", { class: "legend-key", "aria-hidden": "true" }, h("i", { class: "below" }), "below 0", h("i", { class: "none" }), "0", h("i", { class: "above" }), "above 0"), ` ${which}`];
  }

  function drawStage(next, { organ, trace, example, backward, needs }) {
    const places = departures(picture.element);
    view?.stop();
    view = null;
    picture.choose({ layer: organ?.path, unit: next.unit, compact: Boolean(organ) });
    if (!organ) return stage.replaceChildren(intro());
    const seen = seenOf(next, { organ, trace, example, needs });
    const title = heading(next, organ);
    if (organ.path === "") view = { element: h("div", { class: "formula given" }, look(example)), show() {}, stop() {} };
    else view = next.unit === null ? layerView(seen) : unitView(seen);
    const step = backward && next.unit !== null && organ.path !== "" ? stepOf(seen, backward, next) : "";
    stage.replaceChildren(title, rivals(next, organ, trace), step, view.element);
    view.settled?.();
    land(stage, places);
    picture.scrollTo(organ.path);
    if (next.layer !== shown.layer || next.unit !== shown.unit) {
      app.say(`${title.querySelector("h2").textContent} opened`);
      const { top } = stage.getBoundingClientRect();
      if (shown.id !== undefined && (top > innerHeight * 0.72 || top < 60)) crumbs.scrollIntoView({ block: "start" });
    }
    return null;
  }

  function stepOf(seen, backward, next) {
    const predict = debounced((rate) => specimen.backward(next.id, rate).then((answer) => answer.loss_after));
    const told = (rate) => {
      shown.rateQuiet = true;
      swap({ rate: rate === RATE ? null : rate });
    };
    return stepView(seen, backward, { rate: next.rate, predict, told }).element;
  }

  function seenOf(next, { organ, trace, example, needs }) {
    return {
      specimen, trace, example, organ, ...needs, unit: next.unit, cell: next.cell, channel: next.channel, scale: next.scale, rival: next.rival, slots: specimen.slots,
      go: swap,
      open,
      openUnit: (unit) => go({ layer: textOf(organ.path), unit, ...close }),
      point: (at) => {
        if (!at) return picture.highlight(null);
        const from = specimen.byPath.has(at.path) ? origin(specimen.byPath, at.path, at.index) : null;
        return picture.highlight(from && { path: from.path, unit: from.index.at(-1) });
      },
      nameTerm: (path, index) => termName(specimen, path, index),
      nameOfInput: (i) => {
        const source = specimen.source(organ);
        const at = origin(specimen.byPath, source.path, [i]);
        return source.output_shape.length > 1 ? `input ${i}` : termName(specimen, at.path, at.index);
      },
      className: (unit) => labelOf(organ, unit, specimen, specimen.slots),
    };
  }

  function intro() {
    return h("div", { class: "stage-hint" }, h("p", null, "Data flows from left to right; every small picture is one unit with its real numbers for the example above. ", h("b", null, "Click a unit"), " to see what it is made of, down to the single multiplication; point at one to see where it takes from."), h("p", { class: "note" }, "Arrow keys move from unit to unit, Enter opens one, Escape goes back up."));
  }

  function heading(next, organ) {
    const name = specimen.nameOf(organ);
    const kind = articleOf(organ);
    const many = unitsOf(organ);
    const label = next.unit === null ? name : labelOf(organ, next.unit, specimen, specimen.slots);
    const title = next.unit !== null && organ.axes?.[0] === "class" ? `Class ${label}` : label[0].toUpperCase() + label.slice(1);
    const turnTo = (step) => go({ unit: (next.unit + step + many) % many, channel: null, rival: null });
    const aside_ = (text, by, said) => button("quiet icon", text, () => turnTo(by), { "aria-label": `${said} ${unitWord(organ)}` });
    const around = next.unit === null || many < 2 ? null : h("span", { class: "around" }, aside_("‹", -1, "previous"), aside_("›", 1, "next"));
    const activation = organ.settings?.activation === "relu" && next.unit !== null ? infoButton("relu", explain, { named: true }) : null;
    const links = app.live && next.unit !== null && organ.path !== "" && organ.path !== "answer" ? h("a", { class: "quiet", href: app.href({ view: "features", layer: organ.path, unit: String(next.unit) }) }, "What excites it?") : null;
    const back = app.live && next.unit !== null && next.flow === "" && organ.parameters > 0 ? button("quiet", "How would training change it?", () => go({ flow: "back" }), { "data-testid": "one-step" }) : null;
    return h("header", { class: "stage-head" }, h("h2", { "data-testid": "stage-title" }, title), h("span", { class: "stage-of" }, next.unit === null ? null : ["of ", h("code", null, organ.path || "the input"), ", "], organ.description), infoButton(kind, explain, { named: Boolean(activation) }), activation, around, back, links);
  }

  // Why this class and not the other? One click for the likeliest other.
  function rivals(next, organ, trace) {
    if (organ !== specimen.logits || next.unit === null || unitsOf(organ) < 2 || specimen.task === "regression") return "";
    const others = Array.from({ length: unitsOf(organ) }, (_, i) => i).filter((i) => i !== next.unit);
    const logits = trace.outputs.get(organ.path).data;
    const likeliest = others.reduce((a, b) => (logits[b] > logits[a] ? b : a));
    const select = h("select", { "data-testid": "rival", change: () => swap({ rival: select.value }) }, h("option", { value: "" }, "–"), others.map((i) => h("option", { value: i, selected: i === next.rival }, labelOf(organ, i, specimen))));
    const likely = next.rival === likeliest ? "" : button("quiet", `Why not ${labelOf(organ, likeliest, specimen)}?`, () => swap({ rival: likeliest }), { "data-testid": "rival-likeliest" });
    return h("div", { class: "pair rival" }, h("label", { class: "pair" }, `Why ${labelOf(organ, next.unit, specimen)} and not`, select, "?"), likely);
  }

  function drawCrumbs(next, organ) {
    const steps = [["network", "Network", { layer: null, unit: null, ...close }]];
    if (organ) steps.push(["layer", specimen.nameOf(organ), { unit: null, ...close }]);
    if (organ && next.unit !== null) steps.push(["unit", labelOf(organ, next.unit, specimen, specimen.slots), { ...close }]);
    if (organ && next.unit !== null && next.cell?.length) steps.push(["cell", placeInWords(organ.axes, next.cell), {}]);
    crumbs.hidden = steps.length < 2;
    crumbs.replaceChildren(h("ol", null, steps.map(([id, text, changes], i) => h("li", null, i === steps.length - 1 ? h("span", { "aria-current": "page" }, text) : button("link", text, () => go(changes), { "data-testid": `crumb-${id}` })))));
  }

  function drawArticle(next) {
    aside.replaceChildren();
    root.classList.toggle("with-article", Boolean(next.article));
    if (!next.article) return;
    const kinds = [...new Set(specimen.organs.map(articleOf))].map((kind) => [kind, () => explain(kind)]);
    const panel = article(next.article, { close: () => explain(null), others: kinds });
    aside.append(panel);
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  }

  // Escape goes up by one: from the cell to the unit, to the layer, to the network.
  function up(event) {
    if (event.key !== "Escape" || event.defaultPrevented || event.target.closest?.("input, select")) return;
    if (shown.article) return explain(null);
    if (shown.layer === undefined) return null;
    const from = { layer: shown.layer, unit: shown.unit };
    if (shown.cell?.length) return go({ ...close });
    if (shown.unit !== null && shown.unit !== undefined) go({ unit: null, ...close });
    else go({ layer: null, ...close });
    return picture.unitElement(from.layer, from.unit ?? 0)?.focus({ preventScroll: true });
  }

  document.addEventListener("keydown", up);

  return {
    update,
    close: () => {
      document.removeEventListener("keydown", up);
      view?.stop();
      picture?.stop();
    },
  };
}

function scaleOf({ scale }) {
  return scale === "unit" || scale === "network" ? scale : "layer";
}

function rateOf({ rate }) {
  const value = Number(rate);
  return value > 0 && value <= 1 ? value : RATE;
}

// What the run says of the example, what it is, and what this one of its networks says.
function said(example, specimen, trace) {
  const known = example.target !== null && example.target !== undefined;
  const say = (value) => (typeof value === "number" ? short(value) : String(value));
  const sure = example.sure === undefined ? "" : `, ${percent(example.sure)} sure`;
  const truth = !known ? "nobody has said what it is" : example.right === undefined ? `it is ${say(example.target)}` : example.right ? "which is right" : `but it is ${say(example.target)}`;
  const shares = trace.probabilities && Array.from(trace.probabilities.data ?? trace.probabilities);
  const best = shares && shares.indexOf(Math.max(...shares));
  const alone = specimen.members > 1 && shares ? ` This one of its ${specimen.members} networks: ${specimen.classes[best]}, ${percent(shares[best])}.` : "";
  return h("p", { class: `network-said ${example.right === false ? "wrong" : ""}`, "data-testid": "network-said" }, "It says ", h("b", null, say(example.predicted)), `${sure}; ${truth}.`, h("small", null, alone));
}

function termName(specimen, path, index) {
  const organ = specimen.organ(path);
  if (!organ) return `${path} ${index.join(", ")}`.trim();
  const label = labelOf(organ, index.at(-1), specimen, specimen.slots);
  if (index.length === 1) return label;
  if (index.length === 3) return `${label}, row ${index[0]}, column ${index[1]}`;
  return `${label}, ${placeInWords(organ.axes, index.slice(0, -1))}`;
}

// The last question only, when it has rested for a moment.
function debounced(ask, wait = 120) {
  let timer = null;
  return (value) =>
    new Promise((resolve, reject) => {
      clearTimeout(timer);
      timer = setTimeout(() => ask(value).then(resolve, reject), wait);
    });
}
