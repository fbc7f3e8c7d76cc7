// One column of a table moved while all else stays as in the data: the mean answer over its values, the row's own value marked.
//
// dependence(app, {columns, onpick}) -> {element, put(example), close()}

import { h, svg } from "../../report/static/dom.js";
import { percent, short } from "../../report/static/numbers.js";
import { linear } from "../../report/static/scale.js";
import { latest } from "./latest.js";
import { markOf, pathOf } from "./marks.js";
import { failure } from "./message.js";

const [WIDTH, HEIGHT, LEFT, FOOT, TOP, RIGHT] = [520, 300, 52, 40, 12, 14];
const MOST = 6; // classes that have a line
const SINGLE = 40; // rows that have one of their own

export function dependence(app, { columns, onpick }) {
  const names = columns.map((c) => c.name);
  const usual = columns.find((c) => c.kind === "number")?.name ?? names[0];
  const chosen = () => (names.includes(app.state.column) ? app.state.column : usual);
  const select = h("select", { "aria-label": "Column", "data-testid": "curve-column", change: () => onpick(select.value) }, names.map((n) => h("option", { value: n }, n)));
  const frame = h("div", { class: "curve-frame" });
  const said = h("p", { class: "note", role: "status" });
  const key = h("ul", { class: "class-key" });
  const trouble = h("div");
  const element = h("div", { class: "dependence" }, h("div", { class: "plane-head" }, h("label", null, "column ", select)), frame, key, said, trouble);
  const queue = latest(({ column }, { signal }) => app.api("dependence", { column, member: app.state.member }, { signal }), told);
  let found = null;
  let asked = null;
  let current = null;

  function put(example) {
    current = example;
    select.value = chosen();
    if (asked === chosen()) return draw();
    asked = chosen();
    queue.put({ column: asked });
  }

  function told({ answer, error }) {
    trouble.replaceChildren(...(error ? [failure(error)] : []));
    if (error) return void (asked = null);
    found = answer;
    draw();
  }

  function draw() {
    if (!found) return;
    const curve = read(found, current.classes ?? [], app.state.target ?? current.predicted);
    const now = current.look.cells[curve.column];
    frame.replaceChildren(curve.numeric ? lines(curve, now) : groups(curve, now));
    key.replaceChildren(...curve.lines.map(({ name, at }) => h("li", null, badge(at), name)));
    key.hidden = curve.lines.length < 2;
    const value = now === null || now === undefined ? "missing" : typeof now === "number" ? short(now, 4) : now;
    const single = curve.shares ? `, for ${classesOf(curve)}` : "";
    said.textContent = curve.numeric ? `Thick: the mean answer if every judged row had this ${curve.column}. Thin: single rows${single}. Dashed: this row, ${value}.` : `The mean answer if every judged row had this ${curve.column}. Shaded: this row, ${value}.`;
  }

  const classesOf = (curve) => (current.classes ?? [])[curve.focus] ?? "";

  return { element, put, close: queue.stop };
}

// The answer as lines over the values that were tried, and those of single rows for the class that is looked at.
function read(found, classes, focus) {
  const [count, many] = found.mean.shape;
  const line = (c) => Array.from({ length: count }, (_, i) => found.mean.data[i * many + c]);
  const spread = (c) => Math.max(...line(c)) - Math.min(...line(c));
  const shown = classes.length ? classes.map((_, c) => c).sort((a, b) => spread(b) - spread(a)).slice(0, MOST).sort((a, b) => a - b) : [0];
  const of = Math.max(0, classes.indexOf(focus));
  const rows = Array.from({ length: Math.min(found.curves.shape[0], SINGLE) }, (_, row) => Array.from({ length: count }, (_, i) => found.curves.data[(row * count + i) * many + of]));
  return { column: found.column, numeric: found.at.every((v) => typeof v === "number") && found.kind === "number", values: found.at, lines: shown.map((c) => ({ at: c, name: classes[c] ?? "value", values: line(c) })), rows, focus: of, shares: classes.length > 0 };
}

function limits(curve) {
  if (curve.shares) return [0, 1];
  const all = [...curve.lines.map((l) => l.values), ...curve.rows].flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return [low - 0.08 * (high - low || 1), high + 0.08 * (high - low || 1)];
}

function frameOf(curve, inner, under) {
  const y = linear(limits(curve), [HEIGHT - FOOT, TOP]);
  const rows = y.ticks(4).map((v) => [svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v) }), svg("text", { x: LEFT - 7, y: y(v), dy: "0.32em", "text-anchor": "end" }, curve.shares ? percent(v, 0) : short(v))]);
  const name = svg("text", { class: "axis-name", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, curve.column);
  return svg("svg", { class: "curve-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": described(curve) }, svg("g", { class: "axes" }, rows, under, name), inner(y));
}

function lines(curve, now) {
  const x = linear([curve.values[0], curve.values.at(-1)], [LEFT, WIDTH - RIGHT]);
  const under = x.ticks(6).map((v) => svg("text", { x: x(v), y: HEIGHT - FOOT + 16, "text-anchor": "middle" }, short(v)));
  return frameOf(curve, (y) => [
    svg("g", { class: "single", style: { "--tone": `var(${markOf(curve.focus).colour})` } }, curve.rows.map((values) => svg("polyline", { points: values.map((v, i) => `${x(curve.values[i]).toFixed(1)},${y(v).toFixed(1)}`).join(" ") }))),
    Number.isFinite(now) && now !== null ? svg("line", { class: "now-line", x1: x(within(now, x.domain)), x2: x(within(now, x.domain)), y1: TOP, y2: HEIGHT - FOOT }) : "",
    curve.lines.map(({ at, values }) => {
      const { colour, shape } = markOf(at);
      const places = values.map((v, i) => [x(curve.values[i]), y(v)]);
      const every = Math.max(1, Math.ceil(places.length / 6));
      return svg("g", { style: { "--tone": `var(${colour})` }, class: "curve-line" }, svg("polyline", { points: places.map((p) => p.map((v) => v.toFixed(1)).join()).join(" ") }), places.filter((_, i) => i % every === Math.floor(every / 2)).map(([px, py]) => svg("path", { d: pathOf(shape, 3.6), transform: `translate(${px.toFixed(1)} ${py.toFixed(1)})` })));
    }),
  ], under);
}

// Bars side by side for each category; that of the row stands on a band.
function groups(curve, now) {
  const step = (WIDTH - LEFT - RIGHT) / curve.values.length;
  const wide = Math.min(26, (0.8 * step) / curve.lines.length);
  const centre = (i) => LEFT + (i + 0.5) * step;
  const under = curve.values.map((v, i) => svg("text", { x: centre(i), y: HEIGHT - FOOT + 16, "text-anchor": "middle" }, String(v ?? "missing").slice(0, Math.max(4, Math.floor(step / 7)))));
  return frameOf(curve, (y) => curve.values.map((v, i) => [
    (v ?? null) === (now ?? null) ? svg("rect", { class: "now-band", x: centre(i) - step / 2, width: step, y: TOP, height: HEIGHT - FOOT - TOP }) : "",
    curve.lines.map(({ at, values }, k) => svg("rect", { class: "curve-bar", style: { "--tone": `var(${markOf(at).colour})` }, x: centre(i) + (k - curve.lines.length / 2) * wide + 1, width: wide - 2, y: Math.min(y(values[i]), y(Math.max(0, limits(curve)[0]))), height: Math.abs(y(values[i]) - y(Math.max(0, limits(curve)[0]))) })),
  ]), under);
}

function within(value, [low, high]) {
  return Math.min(high, Math.max(low, value));
}

function described(curve) {
  const said = curve.lines.map(({ name, values }) => `${name} from ${short(Math.min(...values))} to ${short(Math.max(...values))}`).join(", ");
  return `Over ${curve.column}: ${said}`;
}

export function badge(number, size = 4.2) {
  const { colour, shape } = markOf(number);
  return svg("svg", { class: "badge", viewBox: "-7 -7 14 14", width: 14, height: 14, "aria-hidden": "true", style: { color: `var(${colour})` } }, svg("path", { d: pathOf(shape, size), fill: "currentColor" }));
}
