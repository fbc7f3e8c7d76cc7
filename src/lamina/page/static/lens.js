// A lens: one map, large enough to point at its cells. A window and a marked cell lie on it; arrow keys move the mark.
//
// lens({map, scale, label, id, cell, pick, point, cells}) -> {element, canvas, show({map, scale, label}), mark({cell, window})}
// pick(cell) is told of a click or Enter, point(cell | null) of the pointer, move(cell) of the arrow keys; a cell is [row, column].

import { h } from "./dom.js";
import { short } from "./numbers.js";
import { laid, paint, scaleFor } from "./tile.js";
import { bounds } from "./specimen.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function lens({ map, scale, label, id, flight, className = "", pick, point, move, words = cellWords }) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const mark = h("span", { class: "mark", hidden: true });
  const frame = h("span", { class: "window", hidden: true });
  const active = Boolean(pick || move);
  const element = h(active ? "button" : "span", { type: active ? "button" : null, class: `lens ${className}`, "data-testid": id, "data-flight": flight, role: active ? null : "img" }, canvas, frame, mark);
  let now = { map, scale, label, cell: null };

  function describe() {
    const at = now.cell ? `; at ${words(now.cell)}: ${short(valueAt(now.map, now.cell))}` : "";
    element.setAttribute("aria-label", `${now.label}${at}`);
    element.title = active && now.cell ? `${words(now.cell)}: ${short(valueAt(now.map, now.cell))}` : now.label;
  }

  function show(next) {
    now = { ...now, ...next };
    const { rows, columns } = laid(now.map);
    element.style.setProperty("--ratio", `${columns} / ${rows}`);
    element.classList.toggle("streak", rows === 1 && columns > 4);
    paint(canvas, now.map, now.scale ?? scaleFor(bounds(now.map.data)));
    describe();
  }

  // A box of cells as shares of the map; it may reach beyond it, into padding.
  function lay(box, from, [height, width]) {
    const { rows, columns, turned } = laid(now.map);
    const [[row, column], [tall, wide]] = turned ? [[from[1], from[0]], [width, height]] : [from, [height, width]];
    const share = (value, all) => `${(100 * value) / all}%`;
    const places = { left: share(column, columns), top: share(row, rows), width: share(wide, columns), height: share(tall, rows) };
    for (const [name, value] of Object.entries(places)) box.style.setProperty(name, value);
  }

  function put({ cell, window }) {
    if (cell !== undefined) {
      now.cell = cell;
      mark.hidden = !cell;
      if (cell) lay(mark, cell, [1, 1]);
      describe();
    }
    if (window !== undefined) {
      frame.hidden = !window;
      if (window) lay(frame, window.from, window.size);
    }
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const { rows, columns, turned } = laid(now.map);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    if (row < 0 || column < 0 || row >= rows || column >= columns) return null;
    return turned ? [column, row] : [row, column];
  }

  function stepped(event) {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { turned } = laid(now.map);
    const [down, right] = turned ? [step[1] || step[0], 0] : step;
    const [row, column] = now.cell ?? [0, 0];
    const next = [clamp(row + down, now.map.rows), clamp(column + right, now.map.columns)];
    put({ cell: next });
    move(next);
  }

  if (point) {
    element.addEventListener("pointermove", (event) => point(under(event)));
    element.addEventListener("pointerleave", () => point(null));
  }
  if (pick) element.addEventListener("click", (event) => pick(event.detail === 0 ? now.cell ?? [0, 0] : under(event) ?? now.cell ?? [0, 0]));
  if (move) element.addEventListener("keydown", stepped);
  show(now);
  return { element, canvas, show, mark: put, cell: () => now.cell };
}

export function valueAt(map, [row, column]) {
  return map.data[row * map.columns + column];
}

function cellWords([row, column]) {
  return `row ${row}, column ${column}`;
}

function clamp(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}
