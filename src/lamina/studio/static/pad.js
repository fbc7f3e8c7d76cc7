// A pad to draw on, by pointer or by keyboard: a grid of cells in which arrow keys move, space inks and backspace erases.
//
// pad({shape, habit, ondraw}) -> {element, close()}. ondraw(image, {resting}) has the image that the network sees, or null
// when the pad is empty; resting: the pen is up.

import { h } from "../../report/static/dom.js";
import { onThemeChange } from "../../report/static/theme.js";
import { css } from "./colours.js";
import { picture } from "./heat.js";
import { imageOf, inked, stamp } from "./ink.js";

const FINE = 140; // cells of the field along the longer side
const CELLS = 16; // cells that the keyboard moves over, at most
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export function pad({ shape, habit, ondraw }) {
  const [height, width] = shape;
  const unit = FINE / Math.max(height, width);
  const [rows, columns] = [Math.round(height * unit), Math.round(width * unit)];
  const steps = Math.min(CELLS, Math.max(height, width));
  const cell = FINE / steps;
  let strokes = [];
  let field = inked(rows, columns, []);
  let pen = null;
  let cursor = [Math.floor(columns / cell / 2), Math.floor(rows / cell / 2)];
  let place = habit.plain;

  const canvas = h("canvas", { class: "sketch-canvas", width: 3 * columns, height: 3 * rows, tabindex: 0, role: "application", "aria-roledescription": "drawing pad", "aria-label": "Drawing pad. Arrow keys move, space inks, shift with an arrow draws, backspace erases, escape clears.", "data-testid": "pad", style: { "aspect-ratio": `${columns} / ${rows}` } });
  const seen = h("canvas", { role: "img", "aria-label": `Your drawing as the network sees it, ${height} by ${width} pixels` });
  const spoken = h("p", { class: "unseen", role: "status" });
  const brush = h("input", { type: "range", min: 1, max: 20, step: 0.5, value: Math.max(5, Math.min(12, 0.62 * unit)), "aria-label": "Brush size" });
  const rubber = h("input", { type: "checkbox" });
  const placing = h("input", { type: "checkbox", checked: place, change: () => ((place = placing.checked), told(true)) });
  const undoing = h("button", { type: "button", class: "quiet", disabled: true, click: undo, "data-testid": "undo" }, "Undo");
  const clearing = h("button", { type: "button", class: "quiet", disabled: true, click: clear, "data-testid": "clear" }, "Clear");
  const element = h(
    "div",
    { class: "sketch" },
    h("div", { class: "sketch-frame" }, canvas, h("p", { class: "sketch-hint", "aria-hidden": "true" }, "Draw here")),
    h(
      "div",
      { class: "sketch-side" },
      h("div", { class: "sketch-buttons" }, undoing, clearing),
      h("label", { class: "sketch-brush" }, "Brush", brush),
      h("label", { class: "tick" }, rubber, "Erase"),
      h("label", { class: "tick", title: "Moved and scaled to where the run’s examples have theirs" }, placing, "Place it as the examples are"),
      h("figure", { class: "sketch-seen" }, h("span", { class: "look crisp" }, seen), h("figcaption", null, `What the network sees: ${height} × ${width}`)),
    ),
    spoken,
  );

  const radius = () => Number(brush.value);
  const context = canvas.getContext("2d");

  function begin(point, erase) {
    pen = { points: [point], radius: radius(), erase };
    strokes.push(pen);
    stamp(field, point, point, pen.radius, erase);
  }

  function drawTo(point) {
    const before = pen.points.at(-1);
    if (Math.hypot(point[0] - before[0], point[1] - before[1]) < 0.4) return;
    pen.points.push(point);
    stamp(field, before, point, pen.radius, pen.erase);
  }

  function told(resting) {
    const image = imageOf(field, habit, shape, place);
    picture(seen, image);
    undoing.disabled = clearing.disabled = !strokes.length;
    element.classList.toggle("empty", !strokes.length);
    paint();
    ondraw(strokes.length ? image : null, { resting });
  }

  function paint() {
    const [background, ink] = [habit.background, habit.ink].map((c) => css(c.length < 3 ? [c[0], c[0], c[0]] : c));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.scale(3, 3);
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) line(context, stroke, stroke.erase ? background : ink);
    if (canvas.matches(":focus-visible")) grid(context);
  }

  function grid(context) {
    const [background] = habit.background;
    context.strokeStyle = background < 128 ? "rgba(255, 255, 255, 0.14)" : "rgba(0, 0, 0, 0.12)";
    context.lineWidth = 0.3;
    context.beginPath();
    for (let at = cell; at < columns; at += cell) context.moveTo(at, 0), context.lineTo(at, rows);
    for (let at = cell; at < rows; at += cell) context.moveTo(0, at), context.lineTo(columns, at);
    context.stroke();
    context.strokeStyle = background < 128 ? "#56b4e9" : "#0069b0";
    context.lineWidth = 1.2;
    context.strokeRect(cursor[0] * cell + 0.6, cursor[1] * cell + 0.6, cell - 1.2, cell - 1.2);
  }

  function undo() {
    strokes.pop();
    field = inked(rows, columns, strokes);
    told(true);
  }

  function clear() {
    strokes = [];
    field = inked(rows, columns, []);
    told(true);
  }

  function placeOf(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * columns, ((event.clientY - box.top) / box.height) * rows];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    event.preventDefault();
    canvas.focus({ focusVisible: false, preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    begin(placeOf(event), rubber.checked || event.buttons === 32);
    told(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen) return;
    for (const moved of event.getCoalescedEvents?.() ?? []) drawTo(placeOf(moved));
    drawTo(placeOf(event));
    told(false);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (!pen) return;
      pen = null;
      told(true);
    });
  }
  canvas.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") return event.preventDefault(), undo();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return clear();
    const middle = () => [(cursor[0] + 0.5) * cell, (cursor[1] + 0.5) * cell];
    const mark = (erase, from) => {
      strokes.push({ points: from ? [from, middle()] : [middle()], radius: Math.max(radius(), cell * 0.55), erase });
      field = inked(rows, columns, strokes);
      told(true);
    };
    const way = ARROWS[event.key];
    if (way) {
      const from = middle();
      cursor = [clamped(cursor[0] + way[0], Math.round(columns / cell)), clamped(cursor[1] + way[1], Math.round(rows / cell))];
      if (event.shiftKey) mark(rubber.checked, from);
      else paint();
    } else if (event.key === " " || event.key === "Enter") mark(rubber.checked);
    else if (event.key === "Backspace" || event.key === "Delete") mark(true);
    else return;
    event.preventDefault();
    const dark = field.data[Math.floor((cursor[1] + 0.5) * cell) * columns + Math.floor((cursor[0] + 0.5) * cell)] > 0.5;
    spoken.textContent = `Row ${cursor[1] + 1}, column ${cursor[0] + 1}: ${dark ? "ink" : "empty"}`;
  });
  canvas.addEventListener("focus", paint);
  canvas.addEventListener("blur", paint);
  onThemeChange(() => element.isConnected && paint());
  element.classList.add("empty");
  picture(seen, imageOf(field, habit, shape, place));
  paint();
  return { element, clear };
}

function line(context, { points, radius }, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2 * radius;
  context.beginPath();
  context.moveTo(...points[0]);
  for (const point of points.length > 1 ? points.slice(1) : points) context.lineTo(...point);
  context.stroke();
}

function clamped(value, n) {
  return Math.max(0, Math.min(n - 1, value));
}
