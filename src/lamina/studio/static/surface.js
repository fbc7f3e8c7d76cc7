// The answer over two columns of a table, all else as in the example: a plane of colours, its own place marked, to be moved by hand.
//
// surface(app, {columns, onpick, onmove}) -> {element, put(example), close()}

import { h, svg } from "../../report/static/dom.js";
import { onThemeChange } from "../../report/static/theme.js";
import { short } from "../../report/static/numbers.js";
import { linear } from "../../report/static/scale.js";
import { range } from "./arrays.js";
import { between, channels, sequential } from "./colours.js";
import { latest } from "./latest.js";
import { markOf } from "./marks.js";
import { failure } from "./message.js";
import { share } from "./probabilities.js";

const [WIDTH, HEIGHT, LEFT, FOOT, TOP, RIGHT] = [520, 380, 56, 44, 10, 12];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function surface(app, { columns, onpick, onmove }) {
  const names = columns.map((c) => c.name);
  if (names.length < 2) return { element: h("p", { class: "note" }, "A plane takes two columns of numbers."), put() {}, close() {} };
  const chosen = () => {
    const first = names.includes(app.state.first) ? app.state.first : names[0];
    const second = names.includes(app.state.second) && app.state.second !== first ? app.state.second : names.find((n) => n !== first);
    return [first, second];
  };
  const select = (label, which) => h("select", { "aria-label": label, "data-testid": `plane-${which}`, change: (event) => picked(which, event.target.value) }, names.map((n) => h("option", { value: n }, n)));
  const [across, up] = [select("Column from left to right", "first"), select("Column from bottom to top", "second")];
  const canvas = h("canvas", { class: "plane-map", "aria-hidden": "true" });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "application", "aria-roledescription": "plane", "data-testid": "plane" });
  const said = h("p", { class: "note", role: "status" });
  const frame = h("div", { class: "plane-frame" }, canvas, drawing);
  const trouble = h("div");
  const element = h("div", { class: "plane" }, h("div", { class: "plane-head" }, h("label", null, "across ", across), h("label", null, "up ", up)), frame, said, trouble);
  const queue = latest(ask, told);
  let found = null;
  let current = null;
  let asked = "";

  function picked(which, name) {
    const [first, second] = chosen();
    const next = which === "first" ? [name, name === second ? first : second] : [name === first ? second : first, name];
    onpick(...next);
  }

  function ask({ example, first, second }, { signal }) {
    return app.api("surface", { example: example.id, first, second, member: app.state.member }, { signal });
  }

  // The plane depends on all other columns: where only these two have moved, it stays.
  function put(example) {
    current = example;
    const [first, second] = chosen();
    [across.value, up.value] = [first, second];
    const others = JSON.stringify([first, second, Object.entries(example.look.cells).filter(([name]) => name !== first && name !== second)]);
    if (others === asked && found) return marked();
    asked = others;
    queue.put({ example, first, second });
  }

  function told({ answer, error }) {
    trouble.replaceChildren(...(error ? [failure(error)] : []));
    frame.hidden = Boolean(error);
    if (error) return void (asked = "");
    found = answer;
    draw();
  }

  function scales() {
    const ends = (values) => [values[0], values.at(-1)];
    return { x: linear(ends(found.xs), [LEFT, WIDTH - RIGHT]), y: linear(ends(found.ys), [HEIGHT - FOOT, TOP]) };
  }

  function draw() {
    if (!found) return;
    paint(canvas, found, current.classes ?? []);
    const { x, y } = scales();
    const ticks = [
      x.ticks(5).map((v) => svg("text", { x: x(v), y: HEIGHT - FOOT + 17, "text-anchor": "middle" }, short(v))),
      y.ticks(5).map((v) => svg("text", { x: LEFT - 7, y: y(v), dy: "0.32em", "text-anchor": "end" }, short(v))),
    ];
    const title = [svg("text", { class: "axis-name", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, found.first), svg("text", { class: "axis-name", transform: `translate(12 ${(HEIGHT - FOOT + TOP) / 2}) rotate(-90)`, "text-anchor": "middle" }, found.second)];
    const area = svg("rect", { class: "plane-area", x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - FOOT - TOP });
    drawing.replaceChildren(svg("g", { class: "axes" }, ticks, title), area, svg("g", { class: "plane-names" }, regions(found, current.classes ?? [], x, y)), svg("g", { class: "plane-mark" }));
    marked();
  }

  function marked() {
    const place = drawing.querySelector(".plane-mark");
    if (!found || !place) return;
    const { x, y } = scales();
    const { cells } = current.look;
    const [a, b] = [Number(cells[found.first]), Number(cells[found.second])];
    const there = cells[found.first] !== null && cells[found.second] !== null && Number.isFinite(a) && Number.isFinite(b);
    place.replaceChildren(...(there ? [svg("circle", { class: "halo", cx: x(a), cy: y(b), r: 8 }), svg("circle", { cx: x(a), cy: y(b), r: 8 })] : []));
    const answer = current.probabilities ? `${current.predicted}, ${share(current.sure)} sure` : short(current.value, 4);
    said.textContent = there ? `At ${found.first} ${short(a, 4)} and ${found.second} ${short(b, 4)}: ${answer}. Drag the ring, or use the arrow keys.` : "The ring is missing: the row has no value in one of these columns.";
    drawing.setAttribute("aria-label", `The answer over ${found.first} and ${found.second}. ${said.textContent}`);
  }

  let dragging = false;

  function moved(event, resting) {
    const box = drawing.getBoundingClientRect();
    const { x, y } = scales();
    const place = [x.invert(((event.clientX - box.left) / box.width) * WIDTH), y.invert(((event.clientY - box.top) / box.height) * HEIGHT)];
    to(place, resting);
  }

  function to([a, b], resting) {
    const { x, y } = scales();
    const within = (v, [low, high]) => Number(Math.min(high, Math.max(low, v)).toPrecision(5));
    onmove({ [found.first]: within(a, x.domain), [found.second]: within(b, y.domain) }, { resting });
  }

  drawing.addEventListener("pointerdown", (event) => {
    if (!found || event.button > 0) return;
    dragging = true;
    drawing.setPointerCapture(event.pointerId);
    moved(event, false);
  });
  drawing.addEventListener("pointermove", (event) => dragging && moved(event, false));
  for (const name of ["pointerup", "pointercancel"]) drawing.addEventListener(name, () => (dragging = false));
  drawing.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way || !found) return;
    event.preventDefault();
    const { x, y } = scales();
    const part = event.shiftKey ? 0.1 : 0.02;
    const { cells } = current.look;
    const start = (name, [low, high]) => (Number.isFinite(Number(cells[name])) && cells[name] !== null ? Number(cells[name]) : (low + high) / 2);
    to([start(found.first, x.domain) + way[0] * part * (x.domain[1] - x.domain[0]), start(found.second, y.domain) + way[1] * part * (y.domain[1] - y.domain[0])], true);
  });
  onThemeChange(() => element.isConnected && draw());
  return { element, put, close: queue.stop };
}

// The colour of the likeliest class, the paler the less sure; of a value from the paper to blue.
function paint(canvas, { values }, classes) {
  const [rows, columns, many] = values.shape;
  canvas.width = columns;
  canvas.height = rows;
  const image = canvas.getContext("2d").createImageData(columns, rows);
  const paper = channels("--card");
  const colours = classes.map((_, c) => channels(markOf(c).colour));
  const scale = classes.length ? null : sequential(...range(values));
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const cell = values.data.subarray(((rows - 1 - row) * columns + column) * many, ((rows - 1 - row) * columns + column + 1) * many);
      const best = cell.indexOf(Math.max(...cell));
      const sure = classes.length ? (cell[best] - 1 / many) / (1 - 1 / many) : 0;
      const colour = scale ? scale.of(cell[0]) : between([paper, colours[best]], 0.12 + 0.68 * sure);
      image.data.set([...colour, 255], 4 * (row * columns + column));
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Each class is named where it is most likely, so that no colour has to be known.
function regions({ values, xs, ys }, classes, x, y) {
  const [rows, columns, many] = values.shape;
  return classes.map((name, c) => {
    let [weight, sx, sy] = [0, 0, 0];
    for (let at = 0; at < rows * columns; at += 1) {
      const cell = values.data.subarray(at * many, (at + 1) * many);
      if (cell[c] < Math.max(...cell)) continue;
      weight += 1;
      sx += xs[at % columns];
      sy += ys[Math.floor(at / columns)];
    }
    return weight < 0.02 * rows * columns ? "" : svg("text", { x: x(sx / weight), y: y(sy / weight), "text-anchor": "middle", dy: "0.32em" }, name);
  });
}
