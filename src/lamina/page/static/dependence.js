// One column of a table moved while all else stays as in the data: the mean answer over its values, the row's own value marked.
//
// dependence(app, {columns, onpick}) -> {element, put(example), close()}

import { h, svg } from "./dom.js";
import { short } from "./numbers.js";
import { FOOT, TOP, axes, ends, line, plot, within } from "./axes.js";
import { note, options, question, ticked } from "./control.js";
import { badge, markOf, pathOf } from "./marks.js";

const MOST = 6; // classes that have a line
const SINGLE = 40; // rows that have one of their own
const MARKS = 6; // on each line of numbers

export function dependence(app, { columns, onpick }) {
  const usual = columns.find((c) => c.kind === "number") ?? columns[0];
  const chosen = () => (columns.find((c) => c.name === app.state.column) ?? usual).name;
  const select = h("select", { "data-testid": "curve-column", change: () => onpick(select.value) }, options(columns.map((c) => c.name)));
  const frame = h("div");
  const asking = question(app, "dependence", (answer, column) => ((found = answer), (asked = answer && column), draw()));
  let found = null;
  let asked = null;
  let current = null;

  function put(example) {
    current = example;
    select.value = chosen();
    if (asked === chosen()) return draw();
    asked = chosen();
    asking.put({ column: asked }, asked);
  }

  function draw() {
    if (!found) return frame.replaceChildren();
    const classes = current.classes ?? [];
    const now = current.look.cells[found.column] ?? null;
    const focus = Math.max(0, classes.indexOf(app.state.target ?? current.predicted));
    const shown = lines(found, classes);
    const thin = found.kind === "number" ? ` Thin: single rows${classes.length ? `, for ${classes[focus]}` : ""}.` : "";
    const own = now === null ? "missing" : typeof now === "number" ? short(now, 4) : now;
    frame.replaceChildren(
      drawn(found, { shown, focus, now, shares: classes.length > 0 }),
      h("ul", { class: "class-key", hidden: shown.length < 2 }, shown.map(({ name, at }) => h("li", null, badge(at), name))),
      note(`Marked: the mean answer if every judged row had this ${found.column}.${thin} Dashed: this row, ${own}.`),
    );
  }

  return { element: h("div", null, ticked("column ", select), frame, asking.element), put, close: asking.close };
}

// Those classes whose mean answer moves most.
function lines({ mean: { shape: [count, many], data } }, classes) {
  const all = Array.from({ length: many }, (_, at) => ({ at, name: classes[at] ?? "value", values: Array.from({ length: count }, (_, i) => data[i * many + at]) }));
  const spread = ({ values }) => ends(values).reduce((low, high) => high - low);
  return all.sort((a, b) => spread(b) - spread(a)).slice(0, MOST).sort((a, b) => a.at - b.at);
}

function drawn({ column, kind, at: tried, mean, curves }, { shown, focus, now, shares }) {
  const [count, many] = mean.shape;
  const numeric = kind === "number" && tried.every(Number.isFinite);
  const single = numeric ? Array.from({ length: Math.min(SINGLE, curves.shape[0]) }, (_, row) => Array.from({ length: count }, (_, i) => curves.data[(row * count + i) * many + focus])) : [];
  const [low, high] = ends([...shown.map((l) => l.values), ...single].flat());
  const up = { ends: shares ? [0, 1] : [low - 0.08 * (high - low), high + 0.08 * (high - low)] };
  const { x, y, frame } = axes({ name: column, ends: numeric ? ends(tried) : [] }, up, { shares, words: numeric ? null : tried.map((v) => String(v ?? "missing")) });
  const place = (i) => x(numeric ? tried[i] : i);
  const every = numeric ? Math.ceil(count / MARKS) : 1;
  const curve = ({ at, values }) => svg("g", { class: "curve-line", style: { "--tone": `var(${markOf(at).colour})` } }, numeric ? line(values, place, y) : "", values.map((v, i) => (i % every === every >> 1 ? svg("path", { d: pathOf(markOf(at).shape, numeric ? 3.6 : 6), transform: `translate(${place(i)} ${y(v)})` }) : "")));
  const own = numeric ? (Number.isFinite(now) && now !== null ? x(within(now, x.domain)) : null) : tried.includes(now) ? place(tried.indexOf(now)) : null;
  const said = shown.map(({ name, values }) => `${name} from ${ends(values).map((v) => short(v)).join(" to ")}`).join(", ");
  return plot({ "aria-label": `Over ${column}: ${said}` }, frame, svg("g", { class: "single", style: { "--tone": `var(${markOf(focus).colour})` } }, single.map((values) => line(values, place, y))), own === null ? "" : svg("line", { class: "now-line", x1: own, x2: own, y1: TOP, y2: FOOT }), shown.map(curve));
}
