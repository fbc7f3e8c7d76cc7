// What decided, drawn over the example: blue spoke for the answer, orange against it. A row of a table gets a bar a column.
//
// saliencyMap() -> {element, update(example, saliency)}

import { h } from "./dom.js";
import { onThemeChange } from "./theme.js";
import { short } from "./numbers.js";
import { extent, flipped, make, range, strongest, transposed } from "./arrays.js";
import { within } from "./axes.js";
import { between, channels, diverging, gradient } from "./colours.js";
import { keyed } from "./control.js";
import { pointed } from "./heat.js";
import { lined } from "./patch.js";

const MOST = 14; // columns of a table that have a bar
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const plus = (value) => `${value > 0 ? "+" : ""}${short(value)}`;

export function saliencyMap() {
  const canvas = h("canvas", keyed("map", "saliency"));
  const lines = h("div", { class: "over-lines" });
  const mark = h("span", { class: "over-mark", "aria-hidden": "true" });
  const frame = h("div", { class: "over-frame" }, canvas, lines, mark);
  const bars = h("ul", { class: "movers" });
  const legend = h("div", { class: "over-legend" });
  const said = h("p", { class: "note", role: "status" });
  const element = h("div", null, frame, bars, legend, said);
  let shown = null;
  let cursor = [0, 0];

  function update(example, saliency) {
    shown = { example, saliency, ...layers(example, saliency) };
    const isTable = example.kind === "table";
    [frame.hidden, bars.hidden, said.textContent] = [isTable, !isTable, isTable ? "" : "Point at it, or use the arrow keys, to read its values."];
    frame.className = `over-frame ${example.kind}`;
    canvas.setAttribute("aria-label", `What decided, over ${example.name}. Arrow keys read its values.`);
    if (!isTable) {
      const [, columns] = shown.places.shape;
      const [at] = strongest(shown.places, 1);
      cursor = [Math.floor(at / columns), at % columns];
    }
    draw();
  }

  function draw() {
    if (!shown) return;
    const { example, saliency, places, under } = shown;
    if (example.kind === "table") columns(bars, saliency.columns);
    else {
      overlay(canvas, places, under);
      lines.replaceChildren(...(example.kind === "series" ? [lined(example.look.values, { label: example.name })] : []));
      marked();
    }
    key(example, saliency);
  }

  function marked() {
    const [rows, columns] = shown.places.shape;
    for (const [name, value] of Object.entries({ "--x": cursor[1] / columns, "--y": cursor[0] / rows, "--w": 1 / columns, "--h": 1 / rows })) mark.style.setProperty(name, value);
  }

  function read(place) {
    cursor = place;
    marked();
    said.textContent = `${named(shown.example, cursor, shown.places.shape)}: ${plus(shown.places.data[cursor[0] * shown.places.shape[1] + cursor[1]])}`;
  }

  function key({ kind }, { method, places, columns: found, unit }) {
    const most = kind === "table" ? Math.max(0, ...Object.values(found).map((v) => Math.abs(v ?? 0))) : extent(places);
    const bar = h("i", { "aria-hidden": "true" });
    bar.style.backgroundImage = gradient(diverging(1));
    const signless = method === "gradcam";
    legend.classList.toggle("signless", signless);
    legend.replaceChildren(h("span", { class: "over-key" }, signless ? "0" : `${short(-most)} against`, bar, `for ${plus(most)}`), h("small", null, `A value is ${unit}.`));
  }

  canvas.addEventListener("pointermove", (event) => {
    const place = shown && pointed(canvas, event);
    if (place) read(place);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way || !shown) return;
    event.preventDefault();
    read(cursor.map((at, axis) => within(at + way[axis], [0, shown.places.shape[axis] - 1])));
  });
  onThemeChange(() => element.isConnected && draw());
  return { element, update };
}

// The values as they are drawn, and the example under them.
function layers({ kind, look }, { places }) {
  const turned = (array) => flipped(transposed(array));
  if (kind === "sound") return { places: turned(places), under: turned(look.spectrogram) };
  if (kind === "series") return { places: make([1, places.shape[0]], places.data) };
  return kind === "image" ? { places, under: inkOf(look.pixels) } : {};
}

// How far each pixel is from the colour around the picture, so that what is drawn shows on any paper.
function inkOf({ shape: [rows, columns, depth = 1], data }) {
  const light = Float32Array.from({ length: rows * columns }, (_, i) => (depth < 3 ? data[i * depth] : 0.299 * data[i * depth] + 0.587 * data[i * depth + 1] + 0.114 * data[i * depth + 2]));
  const corners = [light[0], light[columns - 1], light[(rows - 1) * columns], light[rows * columns - 1]].sort((a, b) => a - b);
  return make([rows, columns], light.map((v) => Math.abs(v - (corners[1] + corners[2]) / 2)));
}

function overlay(canvas, places, under) {
  const [rows, columns] = places.shape;
  [canvas.width, canvas.height] = [columns, rows];
  const [paper, ink, blue, orange] = ["--sunk", "--ink", "--blue", "--orange"].map(channels);
  const most = extent(places) || 1;
  const [low, high] = under ? range(under) : [0, 1];
  const image = canvas.getContext("2d").createImageData(columns, rows);
  places.data.forEach((value, i) => {
    const base = under ? between([paper, ink], (0.48 * (under.data[i] - low)) / (high - low || 1)) : paper;
    image.data.set([...between([base, value < 0 ? orange : blue], (under ? 0.92 : 0.75) * (Math.abs(value) / most) ** 0.7), 255], 4 * i);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function named({ kind, look }, [row, column], [rows, columns]) {
  if (kind === "series") return `step ${column + 1}`;
  if (kind === "sound") return `band ${rows - row} of ${rows}, ${look.seconds ? `${short((look.seconds * (column + 0.5)) / columns)} s` : `frame ${column + 1}`}`;
  return `row ${row + 1}, column ${column + 1}`;
}

// Bars to both sides of a middle line, the longest as long as there is room.
function columns(list, found) {
  const size = ([, value]) => (Number.isFinite(value) ? Math.abs(value) : 0);
  const all = Object.entries(found);
  const most = Math.max(...all.map(size), 0);
  const rows = all.length > MOST ? all.sort((a, b) => size(b) - size(a)).slice(0, MOST) : all;
  const text = (value) => (value === null ? "no gradient" : Math.abs(value) < most / 100 ? "≈ 0" : plus(value));
  list.replaceChildren(...rows.map((row) => h("li", { class: `mover ${most && size(row) === most ? "most" : ""} ${row[1] < 0 ? "left" : ""}` }, h("span", { class: "clipped", title: row[0] }, row[0]), h("span", { class: "two-way", "aria-hidden": "true", style: { "--share": most ? size(row) / most : 0 } }), h("span", { "data-testid": `move-${row[0]}`, "data-value": row[1] }, text(row[1])))));
}
