// Learning curves of the whole population, one member in focus; its gradients, updates and silent units below.

import { h, absent, choice, scrolling, table } from "./dom.js";
import { short } from "./numbers.js";
import { linePlot } from "./lineplot.js";

const LAYERS = ["--blue", "--orange", "--green", "--purple", "--yellow", "--grey"];

// Returns {update(values)} for a run in training: true if the same plots could take the new values.
export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  if (!measured(values).length) return absent(element, "No member has a measured epoch yet.");
  const metrics = values.series.filter((s) => s.name !== "loss");
  const state = { values, members: measured(values), picked: null, metric: metrics[0], epochs: null, member: null };
  state.log = spansDecades(state.members[0]);

  const reading = h("p", { class: "reading" });
  const select = h("select", { change: () => pick(Number(select.value)) });
  const scale = choice("Scale of the loss", [[false, "linear"], [true, "logarithmic"]], state.log, (log) => {
    state.log = log;
    draw();
  });
  const measure = choice("Metric", metrics.map((m) => [m, m.title]), state.metric, (metric) => {
    state.metric = metric;
    draw();
  });
  const labelled = (text, control) => h("span", { class: "pair" }, h("span", { "aria-hidden": "true" }, text), control);
  const controls = h("div", { class: "controls" }, h("label", null, "In focus ", select), labelled("Loss axis", scale), metrics.length > 1 ? labelled("Metric", measure) : null);
  const keys = h("div");
  const grid = h("div", { class: "plots two" });
  const many = state.members.length;
  const loss = panel(grid, "Loss", `Loss over epochs of ${many} members, training and validation.`, 290);
  const metric = state.metric ? panel(grid, state.metric.title, `${state.metric.title} over epochs of ${many} members, training and validation.`, 290) : null;
  const small = h("div", { class: "plots four" });
  const log = h("details", { class: "more" }, h("summary", null, "These curves as numbers"), h("div"));
  const within = h("div", { class: "within" });
  element.append(reading, controls, keys, grid, within, log);
  within.append(h("h3", null, "Inside the member in focus"), small);
  const inside = insidePanels(small);
  const plots = [loss, metric, ...inside.map((panel) => panel.plot)].filter(Boolean);
  const together = (plot) => (span) => plots.forEach((other) => other !== plot && other.look(span));
  plots.forEach((plot) => plot.update({ onlook: together(plot) }));
  refresh();

  function pick(id) {
    state.picked = id;
    focus();
    draw();
  }

  function focus() {
    state.member = state.members.find((m) => m.id === state.picked) ?? state.members[0];
    select.value = String(state.member.id);
  }

  function refresh() {
    state.members = measured(state.values);
    state.epochs = new Map(state.values.groups.map((g) => [g.id, g.epochs]));
    select.replaceChildren(...state.members.map((m) => h("option", { value: m.id }, m.label + (m.winner ? " (shipped)" : ""))));
    const first = state.members[0];
    reading.hidden = !state.values.reading;
    reading.replaceChildren(h("b", null, `What the curve of the best ${first.winner ? "shipped " : ""}member shows. `), state.values.reading);
    keys.replaceChildren(legend(state.members));
    focus();
    draw();
  }

  function draw() {
    const { member, members, epochs } = state;
    const common = { onpick: pick, rule: member.best ? { x: member.best.epoch, text: `best epoch ${member.best.epoch}` } : null };
    loss.update({ ...common, lines: lines(members, member, epochs, "loss"), log: state.log, marks: best(member, "loss"), floor: 0 });
    if (metric) {
      const name = state.metric.name;
      grid.lastChild.firstChild.textContent = state.metric.title;
      metric.update({ ...common, lines: lines(members, member, epochs, name), marks: best(member, name), percent: state.metric.share });
    }
    const details = state.values.details[member.id];
    within.hidden = !details;
    if (details) inside.forEach((panel) => panel.update(details));
    log.lastChild.replaceChildren(numbers(member, epochs.get(member.group), state.values.series));
  }

  return {
    update(next) {
      const alike = !next.absent && measured(next).length && next.series.map((s) => s.name).join() === state.values.series.map((s) => s.name).join();
      if (!alike) return false;
      state.values = next;
      refresh();
      return true;
    },
  };
}

function measured(values) {
  return values.members.filter((m) => Object.values(m.curves).some((c) => c.training.length || c.validation.length));
}

// A logarithmic axis tells more where a loss falls by more than a factor of 30.
function spansDecades(member) {
  const seen = Object.values(member.curves.loss ?? {}).flat().filter((v) => v !== null && v > 0);
  return seen.length > 0 && Math.max(...seen) / Math.min(...seen) > 30;
}

function panel(grid, title, label, height) {
  const element = h("figure", null, h("figcaption", null, title));
  grid.append(element);
  const plot = linePlot(element, label, height);
  return plot;
}

function lines(members, chosen, epochs, what) {
  const alpha = Math.max(0.07, Math.min(0.5, 5 / members.length));
  const line = (m, part, colour, focus) => ({
    x: epochs.get(m.group),
    y: m.curves[what]?.[part] ?? [],
    colour,
    id: m.id,
    what: part,
    of: m.label,
    ...(focus ? { width: 2.25, name: part } : { width: 1, alpha }),
  });
  const both = (m, focus) => [line(m, "training", "--blue", focus), line(m, "validation", "--orange", focus)];
  return [...members.filter((m) => m !== chosen).flatMap((m) => both(m, false)), ...both(chosen, true)].filter((l) => l.y.length);
}

function best(member, what) {
  const value = member.best?.[what];
  return value === null || value === undefined ? [] : [{ x: member.best.epoch, y: value, colour: "--orange" }];
}

function legend(members) {
  const item = (name, text) => h("li", { class: name }, text);
  const rest = members.length > 1 ? item("rest", `thin: the ${members.length - 1} other members; click one to focus it`) : null;
  return h("ul", { class: "legend" }, item("training", "training"), item("validation", "validation"), item("best", "best epoch: the weights that are kept"), rest);
}

function insidePanels(grid) {
  const one = (title, note, key, colour, options) => {
    const plot = panel(grid, title, `${title} over epochs.`, 170);
    grid.lastChild.append(h("p", { class: "note" }, note));
    return { plot, update: (d) => plot.update({ ...options, lines: [{ x: d.epochs, y: d[key], colour, width: 2, what: title }] }) };
  };
  const many = (title, note, key, options) => {
    const plot = panel(grid, title, `${title} over epochs, by layer.`, 170);
    grid.lastChild.append(h("p", { class: "note" }, note));
    return { plot, update: (d) => plot.update({ ...options, lines: byLayer(d, key) }) };
  };
  return [
    one("Learning rate", "How large the steps are; the schedule changes it.", "learning_rate", "--ink", { floor: 0 }),
    one("Gradient norm", "How steep the loss is. Spikes are unstable steps.", "gradient_norm", "--ink", { floor: 0 }),
    many("Update / weight ratio", "How much one step changes a layer; about 0.001 is healthy.", "update_ratio", { log: true }),
    many("Dead units", "Share of units that answer 0 to every example.", "dead", { percent: true, floor: 0, atLeast: 0.1 }),
  ];
}

function byLayer(details, key) {
  return Object.entries(details[key]).map(([path, y], i) => ({ x: details.epochs, y, colour: LAYERS[i % LAYERS.length], width: 2, name: path, what: path }));
}

function numbers(member, epochs, series) {
  const all = series.flatMap(({ name, title }) => ["training", "validation"].map((part) => ({ title: `${part} ${title}`, values: member.curves[name][part] })));
  const length = Math.max(...all.map((c) => c.values.length));
  const step = Math.max(1, Math.ceil(length / 12));
  const shown = epochs.slice(0, length).map((_, i) => i).filter((i) => i % step === 0 || i === length - 1 || epochs[i] === member.best?.epoch);
  const columns = [{ title: "epoch" }, ...all].map(({ title }) => ({ title, numeric: true }));
  const rows = shown.map((i) => ({ class: epochs[i] === member.best?.epoch ? "best" : null, cells: [epochs[i], ...all.map((c) => short(c.values[i], 4))] }));
  return scrolling("Learning curves as numbers", table(`Learning curves of ${member.label}`, columns, rows));
}
