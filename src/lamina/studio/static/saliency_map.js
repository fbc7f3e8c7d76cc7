// What decided, drawn over the example: blue spoke for the answer, orange against it. A row of a table gets a bar a column.
//
// saliencyMap() -> {element, update(example, saliency)}

import { h, svg } from "../../report/static/dom.js";
import { onThemeChange } from "../../report/static/theme.js";
import { short } from "../../report/static/numbers.js";
import { CHANNELS } from "../../report/static/sparkline.js";
import { linear } from "../../report/static/scale.js";
import { channel, extent, flipped, make, range, transposed } from "./arrays.js";
import { between, channels, diverging, gradient } from "./colours.js";
import { strongest } from "./decided.js";
import { pointed } from "./heat.js";

const MOST = 14; // columns of a table that have a bar
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function saliencyMap() {
  const canvas = h("canvas", { class: "map over", tabindex: 0, role: "application", "aria-roledescription": "map", "data-testid": "saliency" });
  const lines = h("div", { class: "over-lines" });
  const mark = h("span", { class: "over-mark", "aria-hidden": "true", hidden: true });
  const frame = h("div", { class: "over-frame" }, canvas, lines, mark);
  const bars = h("ul", { class: "movers", hidden: true });
  const legend = h("div", { class: "over-legend" });
  const pointing = h("p", { class: "over-said note", role: "status" });
  const element = h("div", { class: "saliency" }, frame, bars, legend, pointing);
  let shown = null;
  let cursor = null;

  function update(example, saliency) {
    shown = { example, saliency };
    const isTable = example.kind === "table";
    frame.hidden = isTable;
    bars.hidden = !isTable;
    if (isTable) columns(bars, saliency);
    else {
      frame.className = `over-frame ${example.kind}`;
      canvas.setAttribute("aria-label", `What decided, over ${example.name}. Arrow keys read its values.`);
      draw();
      const best = strongest(view().places.data, 1)[0];
      cursor = best ? place(best.at) : null;
      marked();
    }
    key();
  }

  // What is on the canvas: places and the example under them, as they are drawn.
  function view() {
    const { example, saliency } = shown;
    const places = saliency.places;
    if (example.kind === "sound") return { places: flipped(transposed(places)), under: flipped(transposed(example.look.spectrogram)) };
    if (example.kind === "series") return { places: make([1, places.shape[0]], places.data), under: null };
    return { places, under: grey(example.look.pixels) };
  }

  function draw() {
    if (!shown || shown.example.kind === "table") return;
    const { places, under } = view();
    overlay(canvas, places, under, shown.example.kind);
    lines.replaceChildren(...(shown.example.kind === "series" ? [drawnLines(shown.example)] : []));
  }

  function place(at) {
    const [, columns] = view().places.shape;
    return [Math.floor(at / columns), at % columns];
  }

  function marked(said = false) {
    mark.hidden = !cursor;
    if (!cursor) return;
    const { places } = view();
    const [rows, columns] = places.shape;
    for (const [name, value] of Object.entries({ "--x": cursor[1] / columns, "--y": cursor[0] / rows, "--w": 1 / columns, "--h": 1 / rows })) mark.style.setProperty(name, value);
    pointing.textContent = !said ? "Point at it, or use the arrow keys, to read its values." : `${named(shown.example, cursor, places.shape)}: ${plus(places.data[cursor[0] * columns + cursor[1]])}`;
  }

  function key() {
    const { example, saliency } = shown;
    const most = example.kind === "table" ? Math.max(0, ...Object.values(saliency.columns).map((v) => Math.abs(v ?? 0))) : extent(saliency.places);
    const unsigned = saliency.method === "gradcam";
    const bar = h("i", { "aria-hidden": "true" });
    bar.style.backgroundImage = gradient(diverging(1));
    const [low, high] = unsigned ? ["", `for it ${short(most)}`] : [`${short(-most)} against`, `for ${plus(most)}`];
    legend.classList.toggle("unsigned", unsigned);
    legend.replaceChildren(h("span", { class: "over-key" }, h("span", null, low), bar, h("span", null, high)), h("small", null, `A value is ${saliency.unit}.`));
  }

  canvas.addEventListener("pointermove", (event) => {
    if (!shown) return;
    const at = pointed(canvas, event);
    if (!at) return;
    cursor = at;
    marked(true);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way || !shown || !cursor) return;
    event.preventDefault();
    const [rows, columns] = view().places.shape;
    cursor = [clamped(cursor[0] + way[0], rows), clamped(cursor[1] + way[1], columns)];
    marked(true);
  });
  onThemeChange(() => {
    if (!element.isConnected || !shown) return;
    draw();
    key();
  });
  return { element, update };
}

function plus(value) {
  return `${value > 0 ? "+" : ""}${short(value)}`;
}

function clamped(value, n) {
  return Math.max(0, Math.min(n - 1, value));
}

function named({ kind, look }, [row, column], [rows, columns]) {
  if (kind === "series") return `step ${column + 1}`;
  if (kind === "sound") return `band ${rows - row} of ${rows} at ${short(((look.seconds ?? columns) * (column + 0.5)) / columns, 3)} ${look.seconds ? "s" : "frames"}`;
  return `row ${row + 1}, column ${column + 1}`;
}

// How far each pixel is from the colour around the picture, so that what is drawn shows on any paper.
function grey({ shape: [rows, columns, depth = 1], data }) {
  const light = new Float32Array(rows * columns);
  for (let i = 0; i < light.length; i += 1) light[i] = depth < 3 ? data[i * depth] : 0.299 * data[i * depth] + 0.587 * data[i * depth + 1] + 0.114 * data[i * depth + 2];
  const corners = [light[0], light[columns - 1], light[(rows - 1) * columns], light[rows * columns - 1]].sort((a, b) => a - b);
  const paper = (corners[1] + corners[2]) / 2;
  return make([rows, columns], light.map((v) => Math.abs(v - paper)));
}

export function overlay(canvas, places, under, kind) {
  const [rows, columns] = places.shape;
  canvas.width = columns;
  canvas.height = rows;
  const [paper, ink, blue, orange] = ["--sunk", "--ink", "--blue", "--orange"].map(channels);
  const most = extent(places) || 1;
  const [low, high] = under ? range(under) : [0, 1];
  const image = canvas.getContext("2d").createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i += 1) {
    const base = under ? between([paper, ink], (0.48 * (under.data[i] - low)) / (high - low || 1)) : paper;
    const strength = Math.abs(places.data[i]) / most;
    const colour = between([base, places.data[i] < 0 ? orange : blue], (kind === "series" ? 0.75 : 0.92) * strength ** 0.7);
    image.data.set([...colour, 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function drawnLines({ look, name }) {
  const values = look.values.shape.length > 1 ? look.values : make([look.values.shape[0], 1], look.values.data);
  const [steps, many] = values.shape;
  const [width, height] = [600, 180];
  const drawn = Array.from({ length: Math.min(many, 6) }, (_, c) => {
    const one = channel(values, c);
    const y = linear(range(one), [height - 10, 10]);
    const points = Array.from(one.data, (v, t) => (Number.isFinite(v) ? `${(((t + 0.5) / steps) * width).toFixed(1)},${y(v).toFixed(1)}` : "")).join(" ");
    return svg("polyline", { class: many === 1 ? "ink" : CHANNELS[c], points });
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": name }, drawn);
}

// Bars to both sides of a middle line, the longest as long as there is room.
function columns(list, { columns: found }) {
  let rows = Object.entries(found ?? {}).map(([name, value]) => ({ name, value: Number.isFinite(value) ? value : null }));
  const size = (row) => Math.abs(row.value ?? 0);
  const most = Math.max(...rows.map(size), 0);
  if (rows.length > MOST) rows = rows.sort((a, b) => size(b) - size(a)).slice(0, MOST);
  list.replaceChildren(
    ...rows.map((row) =>
      h(
        "li",
        { class: `move ${most && size(row) === most ? "most" : ""} ${row.value < 0 ? "against" : "for"}` },
        h("span", { class: "move-name", title: row.name }, row.name),
        h("span", { class: "move-bar", "aria-hidden": "true", style: { "--share": most ? size(row) / most : 0 } }),
        h("span", { class: "move-value", "data-testid": `move-${row.name}`, "data-value": row.value }, row.value === null ? "no gradient" : plus(row.value)),
      ),
    ),
  );
}
