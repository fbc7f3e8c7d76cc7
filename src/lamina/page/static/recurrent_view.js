// A recurrent layer over time: its gates as maps of units and steps, one unit as lines, and the arithmetic of one step.

import { h, svg } from "./dom.js";
import { linear } from "./scale.js";
import { CHANNELS } from "./sparkline.js";
import { asker } from "./arithmetic.js";
import { figure } from "./button.js";
import { mapOf } from "./convolution.js";
import { lens } from "./lens.js";
import { flightOf } from "./network_map.js";
import { indexOf } from "./organ.js";
import { player } from "./player.js";
import { put, reading } from "./reading.js";
import { bounds } from "./specimen.js";
import { scaleFor } from "./tile.js";
import { sequential } from "./colours.js";

const MEANING = { input: "how much is taken in", forget: "how much is kept", output: "how much is let out", candidate: "what would be taken in", cell: "what is kept", hidden: "what others see", reset: "how much of the past is seen", update: "how much of the past stays" };
const SHARES = ["input", "forget", "output", "reset", "update"]; // from 0 to 1

// seen.gates: [{path, direction, name: array [time, features], …}] of all layers.
export function recurrentView(seen) {
  const { organ, trace, unit } = seen;
  const own = (seen.gates ?? []).filter((gates) => gates.path === organ.path || gates.path.startsWith(`${organ.path}.`));
  const features = organ.settings.features ?? organ.output_shape[1];
  const back = unit !== null && unit >= features;
  const gates = own.find((found) => found.direction === (back ? "backward" : "forward")) ?? null;
  const signals = signalsOf(gates, trace.outputs.get(organ.path), back ? features : 0, features);
  const steps = signals[0].array.shape[0];
  let now = { step: Math.min(seen.cell?.[0] ?? steps - 1, steps - 1), row: unit === null ? null : unit - (back ? features : 0) };
  const maps = h("div", { class: "gate-maps" });
  const lines = now.row === null ? null : unitLines(signals, now.row, (step, kept) => go(step, kept));
  const numbers = h("div", { class: "numbers" });
  const ask = now.row === null ? null : asker(seen, numbers);
  const slider = h("input", { type: "range", min: 0, max: steps - 1, value: now.step, "aria-label": "Step", "data-testid": "step-slider", input: () => go(Number(slider.value), false), change: () => go(Number(slider.value), true) });
  const steps_ = player({ count: steps, at: now.step, every: 180, what: "step", told: (step) => go(step, !steps_.playing()) });
  const lenses = signals.map((signal) => gateMap(signal));

  function gateMap(signal) {
    const map = turned(signal.array);
    const scale = SHARES.includes(signal.name) ? sequential(0, 1) : undefined;
    const label = `${signal.name}: ${map.rows} units over ${map.columns} steps`;
    const one = lens({ map, scale, label, id: `gate-map-${signal.name}`, className: "wide", flight: signal.name === "hidden" ? flightOf(organ.path, unit ?? 0) : null, words: ([row, column]) => `unit ${row}, step ${column}`, pick, move: pick });
    const scaled = scale ?? scaleFor(bounds(map.data));
    maps.append(figure([h("b", null, signal.name), h("small", null, ` ${MEANING[signal.name]}, ${scaled.low.toPrecision(2)} to ${scaled.high.toPrecision(2)}`)], one.element));
    return one;
  }

  function pick([row, step]) {
    seen.go({ unit: String(row + (back ? features : 0)), cell: String(step) });
  }

  function go(step, kept) {
    now.step = step;
    mark();
    if (kept && unit !== null) seen.go({ cell: String(step) });
    if (ask && (kept || !steps_.playing())) ask(indexOf(organ, unit, [step]));
  }

  function mark() {
    slider.value = String(now.step);
    slider.setAttribute("aria-valuetext", `step ${now.step}`);
    if (!steps_.playing()) steps_.set(now.step);
    for (const one of lenses) one.mark({ cell: now.row === null ? null : [now.row, now.step], window: { from: [0, now.step], size: [features, 1] } });
    lines?.mark(now.step);
  }

  mark();
  if (ask) ask(indexOf(organ, unit, [now.step]));
  const head = h("div", { class: "formula-head" }, h("h3", null, now.row === null ? "All units, step by step" : `Unit ${unit}, step by step`), steps_.element);
  const note = h("p", { class: "formula-note" }, now.row === null ? "A row is a unit, a column a step. Click one to open it." : "The lines are what this unit’s gates do while it reads; below is the arithmetic of the step that is marked.");
  const element = h("div", { class: "unit-view recurrent" }, h("div", { class: "formula" }, head, note, slider, lines?.element, maps), numbers);
  const show = ({ cell }) => cell && cell[0] !== now.step && go(Math.min(cell[0], steps - 1), false);
  return { element, show, stop: steps_.stop };
}

// What there is to see: the gates in order, or of a plain recurrent layer its state.
function signalsOf(gates, output, offset, features) {
  if (!gates) {
    const data = new Float32Array(output.shape[0] * features);
    for (let i = 0; i < data.length; i += 1) data[i] = output.data[Math.floor(i / features) * output.shape[1] + offset + (i % features)];
    return [{ name: "hidden", array: { shape: [output.shape[0], features], data } }];
  }
  return Object.entries(gates).filter(([, value]) => value?.shape).map(([name, array]) => ({ name, array }));
}

function turned({ shape: [steps, units], data }) {
  const out = new Float32Array(data.length);
  for (let t = 0; t < steps; t += 1) for (let u = 0; u < units; u += 1) out[u * steps + t] = data[t * units + u];
  return { rows: units, columns: steps, data: out };
}

const [WIDTH, HEIGHT] = [720, 150];

function unitLines(signals, row, go) {
  const each = signals.map(({ name, array }) => ({ name, values: mapOf(array, row).data }));
  const [low, high] = bounds(each.flatMap(({ values }) => [...bounds(values)]), [-0.05, 1.05]);
  const steps = each[0].values.length;
  const x = linear([0, Math.max(1, steps - 1)], [4, WIDTH - 4]);
  const y = linear([low, high], [HEIGHT - 6, 6]);
  const cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT });
  const drawn = each.map(({ values }, i) => svg("polyline", { class: CHANNELS[i % CHANNELS.length], "stroke-dasharray": i < CHANNELS.length ? null : "4 3", points: Array.from(values, (v, t) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(" ") }));
  const picture = svg("svg", { class: "sparkline gate-lines", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `The gates of unit ${row} over ${steps} steps` }, svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: y(0), y2: y(0) }), drawn, cursor);
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    go(Math.max(0, Math.min(steps - 1, Math.round(x.invert(((event.clientX - box.left) / box.width) * WIDTH)))), true);
  });
  const readings = each.map(({ name }) => reading(0, { id: `gate-${name}` }));
  const key = h("ul", { class: "gate-key" }, each.map(({ name }, i) => h("li", { class: CHANNELS[i % CHANNELS.length] }, h("span", { class: "swatch", "aria-hidden": "true" }), name, " ", readings[i])));

  function mark(step) {
    cursor.setAttribute("x1", x(step));
    cursor.setAttribute("x2", x(step));
    each.forEach(({ values }, i) => put(readings[i], values[step]));
  }

  return { element: h("div", null, key, picture), mark };
}
