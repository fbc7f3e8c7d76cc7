// A series to be changed: drag its line (the neighbours follow), or stretch, move and disturb all of it.
//
// seriesEditor({onchange}) -> {element, show(values, names)}: values are rows of channels.

import { h, svg, choice } from "./dom.js";
import { fixed, short } from "./numbers.js";
import { CHANNELS } from "./sparkline.js";
import { linear } from "./scale.js";
import { ends, line, placed, within } from "./axes.js";
import { keyed, quiet } from "./control.js";
import { changed, moments, pulled } from "./series_change.js";

const [WIDTH, HEIGHT, PAD] = [640, 220, 12];
const PLAIN = { scale: 1, shift: 0, noise: 0 };

export function seriesEditor({ onchange }) {
  let original = [[0]];
  let base = original; // as dragged, before the sliders
  let [channel, step, held] = [0, 0, null];
  let numbers = { ...PLAIN };
  const drawing = svg("svg", { class: "series-lines", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", ...keyed("series to drag", "series", "The series. Left and right choose a step, up and down move it.") });
  const said = h("p", { class: "note", role: "status" });
  const chosen = h("div", { class: "series-channels" });
  const sliders = [slider("scale", "Stretch", 0, 2, "×"), slider("shift", "Move", -2, 2, "σ"), slider("noise", "Noise", 0, 1, "σ")];
  const reach = h("input", { type: "range", min: 0, max: 100, value: 20 });
  const resetting = quiet("Back to the example", () => (show(original), onchange(original)), "reset");
  const element = h("div", null, chosen, drawing, said, h("div", { class: "series-sliders" }, sliders.map((s) => s.element), h("label", null, h("span", null, "Reach of a drag"), reach)), h("p", { class: "row-foot" }, resetting));

  const now = () => changed(base, numbers);

  function slider(name, label, min, max, unit) {
    const output = h("output");
    const input = h("input", { type: "range", min, max, step: 0.02, "data-testid": `series-${name}`, input: () => ((numbers[name] = Number(input.value)), set(), told()) });
    const set = () => ((input.value = numbers[name]), (output.textContent = `${fixed(numbers[name], 2)} ${unit}`));
    return { set, element: h("label", null, h("span", null, label), input, output) };
  }

  function told() {
    resetting.disabled = false;
    draw();
    onchange(now());
  }

  function show(values, names = null) {
    original = base = values;
    numbers = { ...PLAIN };
    const many = values[0].length;
    channel = within(channel, [0, many - 1]);
    step = within(step, [0, values.length - 1]);
    sliders.forEach((s) => s.set());
    resetting.disabled = true;
    if (names) chosen.replaceChildren(many > 1 ? choice("Channel to drag", Array.from({ length: Math.min(many, 8) }, (_, c) => [c, names[c] ?? `channel ${c + 1}`]), channel, (c) => ((channel = c), draw())) : "");
    draw();
  }

  function scales() {
    const [low, high] = ends([...original, ...now()].flat());
    const room = 0.1 * (high - low || 1);
    return { x: linear([0, Math.max(1, base.length - 1)], [PAD, WIDTH - PAD]), y: held?.y ?? linear([low - room, high + room], [HEIGHT - PAD, PAD]) };
  }

  function draw() {
    const { x, y } = scales();
    const shown = now();
    const all = (rows, kind) => rows[0].map((_, c) => line(rows.map((row) => row[c]), x, y, `${kind} ${c === channel ? "" : "rest"} ${CHANNELS[c % CHANNELS.length]}`));
    const value = shown[step][channel];
    drawing.replaceChildren(svg("line", { class: "grid", x1: x(step), x2: x(step), y1: 0, y2: HEIGHT }), ...(resetting.disabled ? [] : all(original, "ghost")), ...all(shown, "now"), svg("path", { class: "grip", d: value === null ? "" : `M${x(step)} ${y(value)}h.01` }));
    said.textContent = `Step ${step + 1} of ${base.length}: ${short(value, 4)}`;
  }

  function pull(from, by) {
    base = pulled(from, step, channel, by / (numbers.scale || 1), (Number(reach.value) / 100) ** 2 * base.length * 0.5);
    told();
  }

  const at = (event) => placed(drawing, event, [WIDTH, HEIGHT]);
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    drawing.setPointerCapture(event.pointerId);
    const [px, from] = at(event);
    step = within(Math.round(scales().x.invert(px)), [0, base.length - 1]);
    held = { y: scales().y, from, before: base };
    draw();
  });
  drawing.addEventListener("pointermove", (event) => held && pull(held.before, held.y.invert(at(event)[1]) - held.y.invert(held.from)));
  drawing.addEventListener("lostpointercapture", () => ((held = null), draw()));
  drawing.addEventListener("keydown", (event) => {
    const jump = event.shiftKey ? 10 : 1;
    const [along, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key] ?? [];
    if (along === undefined) return;
    event.preventDefault();
    step = within(step + along * jump, [0, base.length - 1]);
    if (up) pull(base, up * jump * moments(original.map((row) => row[channel])).deviation);
    else draw();
  });
  return { element, show };
}
