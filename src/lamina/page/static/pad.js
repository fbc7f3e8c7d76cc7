// A pad to draw on, by pointer or by keyboard: a grid of cells in which arrow keys move, space inks and backspace erases.
//
// pad({shape, habit, ondraw}) -> element. ondraw(image) has the image that the network sees; nothing is told of an empty pad.

import { h } from "./dom.js";
import { placed, within } from "./axes.js";
import { css } from "./colours.js";
import { keyed, quiet, ticked } from "./control.js";
import { picture } from "./heat.js";
import { imageOf, inked, stamp } from "./ink.js";

const FINE = 140; // cells of the field along the longer side
const STEPS = 16; // cells that the keyboard moves over, at most
const SHARP = 3; // pixels of the canvas a cell of the field
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export function pad({ shape, habit, ondraw }) {
  const [height, width] = shape;
  const unit = FINE / Math.max(height, width); // of a pixel that the network sees
  const [rows, columns] = [height, width].map((n) => Math.round(n * unit));
  const cell = FINE / Math.min(STEPS, Math.max(height, width));
  const dark = habit.background[0] < 128;
  let strokes = [];
  let field = inked(rows, columns, strokes);
  let pen = null;
  let cursor = [columns, rows].map((n) => Math.floor(n / cell / 2));

  const canvas = h("canvas", { width: SHARP * columns, height: SHARP * rows, ...keyed("drawing pad", "pad", "Drawing pad. Arrow keys move, space inks, shift with an arrow draws, backspace erases, escape clears.") });
  const seen = h("canvas", { role: "img", "aria-label": "Your drawing as the network sees it", "data-testid": "seen" });
  const said = h("p", { class: "unseen", role: "status" });
  const brush = h("input", { type: "range", min: 1, max: 20, step: 0.5, value: within(0.62 * unit, [5, 12]) });
  const tick = (text, checked) => {
    const input = h("input", { type: "checkbox", checked, change: () => told() });
    return [input, ticked(input, text)];
  };
  const [rubber, erasing] = tick("Erase", false);
  const [fits, fitting] = tick("Place it as the examples are", habit.plain);
  const [undoing, clearing] = [["Undo", -1], ["Clear", 0]].map(([text, last]) => quiet(text, () => keep(strokes.slice(0, last)), text.toLowerCase()));
  const hint = h("p", { class: "sketch-hint", "aria-hidden": "true" }, "Draw here");
  const side = h("div", { class: "sketch-side" }, h("div", { class: "plane-head" }, undoing, clearing), ticked("Brush", brush), erasing, fitting, h("figure", null, h("span", { class: "look crisp" }, seen), h("figcaption", { class: "note" }, `What the network sees: ${height} × ${width}`)));
  const context = canvas.getContext("2d");

  function keep(next) {
    strokes = next;
    field = inked(rows, columns, strokes);
    told();
  }

  function told() {
    const image = imageOf(field, habit, shape, fits.checked);
    picture(seen, image);
    undoing.disabled = clearing.disabled = !strokes.length;
    hint.hidden = strokes.length > 0;
    paint();
    if (strokes.length) ondraw(image);
  }

  function paint() {
    const [paper, ink] = [habit.background, habit.ink].map((c) => css([c[0], c[1] ?? c[0], c[2] ?? c[0]]));
    context.setTransform(SHARP, 0, 0, SHARP, 0, 0);
    context.fillStyle = paper;
    context.fillRect(0, 0, columns, rows);
    context.lineCap = context.lineJoin = "round";
    for (const { points, radius, erase } of strokes) {
      context.strokeStyle = erase ? paper : ink;
      context.lineWidth = 2 * radius;
      context.beginPath();
      points.forEach((point) => context.lineTo(...point));
      context.lineTo(...points.at(-1)); // a dot is a line to itself
      context.stroke();
    }
    if (!canvas.matches(":focus-visible")) return;
    context.strokeStyle = dark ? "#fff3" : "#0002";
    context.lineWidth = 0.3;
    for (let x = 0; x < columns; x += cell) for (let y = 0; y < rows; y += cell) context.strokeRect(x, y, cell, cell);
    context.strokeStyle = dark ? "#56b4e9" : "#0069b0";
    context.lineWidth = 1.2;
    context.strokeRect(cursor[0] * cell, cursor[1] * cell, cell, cell);
  }

  function drawTo(event) {
    const point = placed(canvas, event, [columns, rows]);
    stamp(field, pen.points.at(-1) ?? point, point, pen.radius, pen.erase);
    pen.points.push(point);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    pen = { points: [], radius: Number(brush.value), erase: rubber.checked };
    strokes.push(pen);
    drawTo(event);
    told();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen) return;
    const moves = event.getCoalescedEvents();
    for (const moved of moves.length ? moves : [event]) drawTo(moved);
    told();
  });
  canvas.addEventListener("lostpointercapture", () => (pen = null));
  canvas.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, shiftKey } = event;
    const middle = () => cursor.map((at) => (at + 0.5) * cell);
    const mark = (erase, points) => keep([...strokes, { points, radius: Math.max(Number(brush.value), cell * 0.55), erase }]);
    if ((ctrlKey || metaKey) && key === "z") keep(strokes.slice(0, -1));
    else if (key === "Escape") keep([]);
    else if (key === " " || key === "Enter") mark(rubber.checked, [middle()]);
    else if (key === "Backspace" || key === "Delete") mark(true, [middle()]);
    else if (ARROWS[key]) {
      const from = middle();
      cursor = cursor.map((at, axis) => within(at + ARROWS[key][axis], [0, Math.round([columns, rows][axis] / cell) - 1]));
      if (shiftKey) mark(rubber.checked, [from, middle()]);
      else paint();
    } else return;
    event.preventDefault();
    const [x, y] = middle().map(Math.floor);
    said.textContent = `Row ${cursor[1] + 1}, column ${cursor[0] + 1}: ${field.data[y * columns + x] > 0.5 ? "ink" : "empty"}`;
  });
  canvas.addEventListener("focus", paint);
  canvas.addEventListener("blur", paint);
  told();
  return h("div", { class: "sketch" }, h("div", { class: "sketch-frame" }, canvas, hint), side, said);
}
