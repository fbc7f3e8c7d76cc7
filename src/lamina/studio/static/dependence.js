// One column of a table moved while all else stays as in the data: the mean answer over its values, the row's own value marked.
//
// dependence(app, {columns, onpick}) -> {element, put(example), close()}

import { h, svg } from "../../report/static/dom.js";
import { short } from "../../report/static/numbers.js";
import { FOOT, LEFT, TOP, axes, ends, plot, within } from "./axes.js";
import { latest } from "./latest.js";
import { badge, markOf, pathOf } from "./marks.js";
import { failure } from "./message.js";

const MOST = 6; // classes that have a line
const SINGLE = 40; // rows that have one of their own

export function dependence(app, { columns, onpick }) {
  const usual = columns.find((c) => c.kind === "number") ?? columns[0];
  const chosen = () => (columns.find((c) => c.name === app.state.column) ?? usual).name;
  const select = h("select", { "aria-label": "Column", "data-testid": "curve-column", change: () => onpick(select.value) }, columns.map((c) => h("option", null, c.name)));
  const frame = h("div");
  const element = h("div", null, h("label", { class: "tick" }, "column ", select), frame);
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
    if (error) {
      asked = null;
      return frame.replaceChildren(failure(error));
    }
    found = answer;
    draw();
  }

  function draw() {
    if (!found) return;
    const curve = read(found, current.classes ?? [], app.state.target ?? current.predicted);
    const now = current.look.cells[found.column] ?? null;
    const said = now === null ? "missing" : typeof now === "number" ? short(now, 4) : now;
    const mean = `the mean answer if every judged row had this ${found.column}.`;
    const rows = `Thin: single rows${curve.shares ? `, for ${current.classes[curve.focus]}` : ""}.`;
    frame.replaceChildren(
      (curve.numeric ? lines : groups)(curve, now),
      h("ul", { class: "class-key", hidden: curve.lines.length < 2 }, curve.lines.map(({ name, at }) => h("li", null, badge(at), name))),
      h("p", { class: "note" }, curve.numeric ? `Thick: ${mean} ${rows} Dashed: this row, ${said}.` : `Bars: ${mean} Shaded: this row, ${said}.`),
    );
  }

  return { element, put, close: queue.stop };
}

function read({ column, kind, at, mean, curves }, classes, focus) {
  const [count, many] = mean.shape;
  const line = (data, row, c) => Array.from({ length: count }, (_, i) => data[(row * count + i) * many + c]);
  const spread = (c) => ends(line(mean.data, 0, c)).reduce((low, high) => high - low);
  const shown = [...Array(many).keys()].sort((a, b) => spread(b) - spread(a)).slice(0, MOST).sort((a, b) => a - b);
  const of = Math.max(0, classes.indexOf(focus));
  const rows = Array.from({ length: Math.min(curves.shape[0], SINGLE) }, (_, row) => line(curves.data, row, of));
  const found = shown.map((c) => ({ at: c, name: classes[c] ?? "value", values: line(mean.data, 0, c) }));
  const numeric = kind === "number" && at.every(Number.isFinite);
  const all = [...found.flatMap((l) => l.values), ...(numeric ? rows.flat() : [])];
  const shares = classes.length > 0;
  return { column, numeric, values: at, lines: found, rows, focus: of, shares, ends: shares ? [0, 1] : ends([...all, numeric ? all[0] : 0]) };
}

function described({ column, lines: shown }) {
  return `Over ${column}: ${shown.map(({ name, values }) => `${name} from ${ends(values).map((v) => short(v)).join(" to ")}`).join(", ")}`;
}

const tone = (at) => ({ "--tone": `var(${markOf(at).colour})` });

function lines(curve, now) {
  const { x, y, frame } = axes({ name: curve.column, ends: ends(curve.values) }, { ends: curve.ends }, curve);
  const line = (values) => svg("polyline", { points: values.map((v, i) => `${x(curve.values[i]).toFixed(1)},${y(v).toFixed(1)}`).join(" ") });
  const every = Math.max(1, Math.ceil(curve.values.length / 6));
  const marks = ({ at, values }) => values.map((v, i) => (i % every === every >> 1 ? svg("path", { d: pathOf(markOf(at).shape, 3.6), transform: `translate(${x(curve.values[i])} ${y(v)})` }) : ""));
  const own = Number.isFinite(now) && x(within(now, x.domain));
  return plot(described(curve), frame, svg("g", { class: "single", style: tone(curve.focus) }, curve.rows.map(line)), own ? svg("line", { class: "now-line", x1: own, x2: own, y1: TOP, y2: FOOT }) : "", curve.lines.map((l) => svg("g", { class: "curve-line", style: tone(l.at) }, line(l.values), marks(l))));
}

// Bars side by side for each category; that of the row stands on a band.
function groups(curve, now) {
  const { y, step, frame } = axes({ name: curve.column, ends: [0, 1] }, { ends: curve.ends }, { ...curve, words: curve.values.map((v) => String(v ?? "missing")) });
  const wide = Math.min(26, (0.8 * step) / curve.lines.length);
  const bar = (i) => ({ at, values }, k) => svg("rect", { style: tone(at), class: "curve-bar", x: LEFT + (i + 0.5) * step + (k - curve.lines.length / 2) * wide, width: wide - 2, y: Math.min(y(values[i]), y(0)), height: Math.abs(y(values[i]) - y(0)) });
  return plot(described(curve), frame, curve.values.map((v, i) => [v === now ? svg("rect", { class: "now-band", x: LEFT + i * step, width: step, y: TOP, height: FOOT - TOP }) : "", curve.lines.map(bar(i))]));
}
