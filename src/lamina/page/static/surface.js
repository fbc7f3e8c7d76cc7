// The answer over two columns of a table, all else as in the example: a plane of colours, its own place marked, to be moved by hand.
//
// surface(app, {columns, onpick, onmove}) -> {element, put(example), close()}

import { h, svg } from "./dom.js";
import { onThemeChange } from "./theme.js";
import { short } from "./numbers.js";
import { range } from "./arrays.js";
import { HEIGHT, WIDTH, axes, ends, placed, plot, within } from "./axes.js";
import { between, channels, sequential } from "./colours.js";
import { keyed, note, options, question, ticked } from "./control.js";
import { markOf } from "./marks.js";
import { share } from "./probabilities.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function surface(app, { columns, onpick, onmove }) {
  const names = columns.map((c) => c.name);
  if (names.length < 2) return { element: note("A plane takes two columns of numbers."), put() {}, close() {} };
  const select = (label, way) => h("select", { "aria-label": label, "data-testid": `plane-${way}`, change: () => picked(way) }, options(names));
  const [across, up] = [select("Column from left to right", "first"), select("Column from bottom to top", "second")];
  const canvas = h("canvas", { class: "plane-map", "aria-hidden": "true" });
  const drawing = plot(keyed("plane", "plane"));
  const said = h("p", { class: "note", role: "status" });
  const frame = h("div", { class: "plane-frame" }, canvas, drawing);
  const asking = question(app, "surface", told);
  const element = h("div", null, h("div", { class: "plane-head" }, ticked("across ", across), ticked("up ", up)), frame, said, asking.element);
  let found = null;
  let scales = null;
  let current = null;
  let asked = "";

  function chosen() {
    const first = names.includes(app.state.first) ? app.state.first : names[0];
    return [first, names.includes(app.state.second) && app.state.second !== first ? app.state.second : names.find((n) => n !== first)];
  }

  // The same column can't stand on both sides: the other one takes its place.
  function picked(way) {
    const [first, second] = chosen();
    if (way === "first") onpick(across.value, across.value === second ? first : second);
    else onpick(up.value === first ? second : first, up.value);
  }

  // The plane depends on all other columns: where only these two have moved, it stays.
  function put(example) {
    current = example;
    const [first, second] = chosen();
    [across.value, up.value] = [first, second];
    const next = JSON.stringify([first, second, { ...example.look.cells, [first]: 0, [second]: 0 }]);
    if (next === asked) return marked();
    asked = next;
    asking.put({ example: example.id, first, second });
  }

  function told(answer) {
    frame.hidden = !answer;
    if (!answer) asked = "";
    found = answer ?? found;
    draw();
  }

  function draw() {
    if (!found) return;
    const classes = current.classes ?? [];
    paint(canvas, found.values, classes);
    scales = axes({ name: found.first, ends: ends(found.xs) }, { name: found.second, ends: ends(found.ys) });
    drawing.replaceChildren(scales.frame, svg("g", { class: "plane-names" }, regions(found, classes, scales)), svg("g", { class: "plane-mark" }));
    marked();
  }

  function marked() {
    if (!found) return;
    const { cells } = current.look;
    const own = [cells[found.first], cells[found.second]];
    const there = own.every((v) => v !== null && Number.isFinite(v));
    const ring = (name) => svg("circle", { class: name, cx: scales.x(own[0]), cy: scales.y(own[1]), r: 8 });
    drawing.lastChild.replaceChildren(...(there ? [ring("halo"), ring("ring")] : []));
    const answer = current.probabilities ? `${current.predicted}, ${share(current.sure)} sure` : short(current.value, 4);
    said.textContent = there ? `At ${found.first} ${short(own[0], 4)} and ${found.second} ${short(own[1], 4)}: ${answer}. Drag the ring, or use the arrow keys.` : "The row has no value in one of these columns.";
    drawing.setAttribute("aria-label", `The answer over ${found.first} and ${found.second}. ${said.textContent}`);
  }

  function to(a, b) {
    const value = (v, { domain }) => Number(within(v, domain).toPrecision(5));
    onmove({ [found.first]: value(a, scales.x), [found.second]: value(b, scales.y) });
  }

  function follow(event) {
    const [px, py] = placed(drawing, event, [WIDTH, HEIGHT]);
    to(scales.x.invert(px), scales.y.invert(py));
  }

  drawing.addEventListener("pointerdown", (event) => {
    if (!found || event.button > 0) return;
    drawing.setPointerCapture(event.pointerId);
    follow(event);
  });
  drawing.addEventListener("pointermove", (event) => drawing.hasPointerCapture(event.pointerId) && follow(event));
  drawing.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way || !found) return;
    event.preventDefault();
    const step = (name, { domain: [low, high] }, sign) => (current.look.cells[name] ?? (low + high) / 2) + sign * (event.shiftKey ? 0.1 : 0.02) * (high - low);
    to(step(found.first, scales.x, way[0]), step(found.second, scales.y, way[1]));
  });
  onThemeChange(() => element.isConnected && draw());
  return { element, put, close: asking.close };
}

// The colour of the likeliest class, the paler the less sure; of a value from the paper to blue.
function paint(canvas, values, classes) {
  const [rows, columns, many] = values.shape;
  [canvas.width, canvas.height] = [columns, rows];
  const image = canvas.getContext("2d").createImageData(columns, rows);
  const paper = channels("--card");
  const colours = classes.map((_, c) => channels(markOf(c).colour));
  const scale = sequential(...range(values));
  for (let at = 0; at < rows * columns; at += 1) {
    const place = (rows - 1 - Math.floor(at / columns)) * columns + (at % columns);
    const cell = values.data.subarray(place * many, (place + 1) * many);
    const most = Math.max(...cell);
    const colour = classes.length ? between([paper, colours[cell.indexOf(most)]], 0.12 + (0.68 * (most - 1 / many)) / (1 - 1 / many)) : scale.of(cell[0]);
    image.data.set([...colour, 255], 4 * at);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Each class is named amid the cells where it is the likeliest, so that no colour has to be known.
function regions({ values, xs, ys }, classes, { x, y }) {
  const [rows, columns, many] = values.shape;
  return classes.map((name, c) => {
    const own = [...Array(rows * columns).keys()].filter((at) => Math.max(...values.data.subarray(at * many, (at + 1) * many)) === values.data[at * many + c]);
    const mean = (of) => own.reduce((sum, at) => sum + of(at), 0) / own.length;
    return own.length < 0.02 * rows * columns ? "" : svg("text", { x: mean((at) => x(xs[at % columns])), y: mean((at) => y(ys[Math.floor(at / columns)])), "text-anchor": "middle", dy: "0.32em" }, name);
  });
}
