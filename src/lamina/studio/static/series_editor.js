// A series to be changed: drag its line (the neighbours follow), or stretch, move and disturb all of it.
//
// seriesEditor({onchange}) -> {element, show(values, names)}: values are rows of channels; onchange(values, {resting}).

import { h, svg, choice } from "../../report/static/dom.js";
import { fixed, short, signed } from "../../report/static/numbers.js";
import { CHANNELS } from "../../report/static/sparkline.js";
import { linear } from "../../report/static/scale.js";
import { changed, moments, pulled } from "./series_change.js";

const [WIDTH, HEIGHT, PAD] = [640, 220, 12];

export function seriesEditor({ onchange }) {
  let original = [];
  let base = []; // as dragged, before the sliders
  let names = [];
  let channel = 0;
  let step = 0;
  let held = null;
  const numbers = { scale: 1, shift: 0, noise: 0, seed: 1 };
  const drawing = svg("svg", { class: "series-lines", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", tabindex: 0, role: "application", "aria-roledescription": "series to drag", "aria-label": "The series. Left and right choose a step, up and down move it.", "data-testid": "series" });
  const spoken = h("p", { class: "series-said", role: "status" });
  const chosen = h("div", { class: "series-channels" });
  const sliders = [
    slider("scale", "Stretch", 0, 2, 0.02, (v) => `× ${fixed(v, 2)}`),
    slider("shift", "Move", -2, 2, 0.05, (v) => `${signed(v, 2)} deviations`),
    slider("noise", "Noise", 0, 1, 0.02, (v) => `${fixed(v, 2)} deviations`),
  ];
  const reach = h("input", { type: "range", min: 0, max: 100, value: 20 });
  const resetting = h("button", { type: "button", class: "quiet", disabled: true, click: reset, "data-testid": "reset" }, "Back to the example");
  const element = h("div", { class: "series-editor" }, chosen, drawing, spoken, h("div", { class: "series-sliders" }, sliders.map((s) => s.element), h("label", { class: "series-slider" }, h("span", null, "Reach of a drag"), reach, h("output", null))), h("p", { class: "row-foot" }, resetting));

  const now = () => changed(base, numbers);

  function slider(name, label, min, max, each, said) {
    const output = h("output", null, said(numbers[name]));
    const input = h("input", { type: "range", min, max, step: each, value: numbers[name], "data-testid": `series-${name}`, input: () => ((numbers[name] = Number(input.value)), set(), told(false)), change: () => told(true) });
    const set = () => ((input.value = numbers[name]), (output.textContent = said(numbers[name])));
    return { set, element: h("label", { class: "series-slider" }, h("span", null, label), input, output) };
  }

  function told(resting) {
    draw();
    resetting.disabled = false;
    onchange(now(), { resting });
  }

  function show(values, called = []) {
    original = base = values;
    names = called;
    channel = Math.min(channel, (values[0]?.length ?? 1) - 1);
    step = Math.min(step, values.length - 1);
    Object.assign(numbers, { scale: 1, shift: 0, noise: 0 });
    sliders.forEach((s) => s.set());
    resetting.disabled = true;
    const many = values[0]?.length ?? 1;
    const text = (c) => [c, names[c] ?? `channel ${c + 1}`];
    chosen.replaceChildren(...(many > 1 ? [choice("Channel to drag", Array.from({ length: Math.min(many, 8) }, (_, c) => text(c)), channel, (c) => ((channel = c), draw()))] : []));
    draw();
  }

  function reset() {
    show(original, names);
    onchange(now(), { resting: true });
  }

  function scales() {
    const all = [...original, ...now()].flat().filter((v) => v !== null);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    return { x: linear([0, Math.max(1, base.length - 1)], [PAD, WIDTH - PAD]), y: held?.y ?? linear([low - 0.1 * (high - low || 1), high + 0.1 * (high - low || 1)], [HEIGHT - PAD, PAD]) };
  }

  function draw() {
    if (!base.length) return;
    const { x, y } = scales();
    const line = (rows, c, kind) => svg("polyline", { class: `${kind} ${CHANNELS[c % CHANNELS.length]}`, points: rows.map((row, t) => (row[c] === null ? "" : `${x(t).toFixed(1)},${y(row[c]).toFixed(1)}`)).join(" ") });
    const shown = now();
    const value = shown[step]?.[channel];
    const ghost = resetting.disabled ? "" : original[0].map((_, c) => line(original, c, "ghost"));
    const grip = value === null || value === undefined ? "" : svg("circle", { class: "grip", cx: x(step), cy: y(value), r: 5 });
    drawing.replaceChildren(svg("line", { class: "grid", x1: x(step), x2: x(step), y1: 0, y2: HEIGHT }), ...[ghost].flat().filter(Boolean), ...shown[0].map((_, c) => line(shown, c, c === channel ? "now" : "now rest")), grip || svg("g"));
    spoken.textContent = `Step ${step + 1} of ${base.length}: ${short(value, 4)}`;
  }

  const width = () => (Number(reach.value) / 100) ** 2 * base.length * 0.5;
  const place = (event) => {
    const box = drawing.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
  };
  const stepAt = (px) => Math.max(0, Math.min(base.length - 1, Math.round(scales().x.invert(px))));

  function pull(by) {
    base = pulled(base, step, channel, by / (numbers.scale || 1), width());
  }

  drawing.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || !base.length) return;
    event.preventDefault();
    drawing.focus({ focusVisible: false, preventScroll: true });
    drawing.setPointerCapture(event.pointerId);
    const [px, py] = place(event);
    step = stepAt(px);
    held = { y: scales().y, from: py, before: base };
    draw();
  });
  drawing.addEventListener("pointermove", (event) => {
    const [px, py] = place(event);
    if (!held) return;
    base = held.before;
    pull(held.y.invert(py) - held.y.invert(held.from));
    told(false);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    drawing.addEventListener(name, () => {
      const dragged = held && base !== held.before;
      held = null;
      if (dragged) told(true);
    });
  }
  drawing.addEventListener("keydown", (event) => {
    const jump = event.shiftKey ? 10 : 1;
    const { deviation } = moments(original.map((row) => row[channel]));
    if (event.key === "ArrowLeft") step = Math.max(0, step - jump);
    else if (event.key === "ArrowRight") step = Math.min(base.length - 1, step + jump);
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      pull((event.key === "ArrowUp" ? 0.1 : -0.1) * jump * deviation);
      told(true);
    } else return;
    event.preventDefault();
    draw();
  });
  return { element, show };
}
