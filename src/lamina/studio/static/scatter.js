// Examples as marks on a plane, drawn on a canvas: thousands stay quick. A mark has its class's colour and shape.
//
// scatter({onpick, onhover}) -> {element, show(points), filter(class | null)}: points are [{x, y, number, id}]; `number` is the class's.

import { h } from "../../report/static/dom.js";
import { colour, onThemeChange } from "../../report/static/theme.js";
import { markOf, pathOf } from "./marks.js";
import { sequential } from "./colours.js";

const MARGIN = 18;
const MOVING = 450; // milliseconds from one epoch's place to the next
const NEAR = 18;

export function scatter({ onpick, onhover, label }) {
  const canvas = h("canvas", { tabindex: 0, role: "application", "aria-roledescription": "map of examples", "aria-label": label, "data-testid": "map" });
  const element = h("div", { class: "scatter" }, canvas);
  let points = [];
  let from = new Map();
  let began = 0;
  let pointed = null;
  let only = null;
  let frame = null;
  let limits = [0, 1];

  function show(next, { values = null } = {}) {
    from = new Map(points.map((p) => [p.id, place(p)]));
    points = next;
    limits = values ?? limits;
    began = from.size && !matchMedia("(prefers-reduced-motion: reduce)").matches ? performance.now() : 0;
    fit();
    pointed = pointed && points.find((p) => p.id === pointed.id);
    draw();
  }

  let box = { x: [0, 1], y: [0, 1] };

  // The shape of the cloud counts, so that both axes have one unit.
  function fit() {
    const ends = (values) => values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
    box = { x: ends(points.map((p) => p.x)), y: ends(points.map((p) => p.y)) };
  }

  function place(point) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const unit = Math.min((width - 2 * MARGIN) / (box.x[1] - box.x[0] || 1), (height - 2 * MARGIN) / (box.y[1] - box.y[0] || 1));
    const target = [width / 2 + (point.x - (box.x[0] + box.x[1]) / 2) * unit, height / 2 - (point.y - (box.y[0] + box.y[1]) / 2) * unit];
    const share = began ? Math.min(1, (performance.now() - began) / MOVING) : 1;
    const before = share < 1 ? from.get(point.id) : null;
    if (!before) return target;
    const eased = 1 - (1 - share) ** 3;
    return [before[0] + (target[0] - before[0]) * eased, before[1] + (target[1] - before[1]) * eased];
  }

  function draw() {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      paint();
      if (began && performance.now() - began < MOVING) draw();
      else began = 0;
    });
  }

  function paint() {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    const size = points.length > 600 ? 3.4 : 4.6;
    const kinds = new Map();
    const scale = sequential(...limits);
    const paper = colour(canvas, "--card");
    const drawn = (p, big = 1) => {
      const mark = markOf(p.number ?? 0);
      const name = `${mark.shape}${big}`;
      if (!kinds.has(name)) kinds.set(name, new Path2D(pathOf(mark.shape, size * big)));
      if (!kinds.has(mark.colour)) kinds.set(mark.colour, colour(canvas, mark.colour));
      const [x, y] = place(p);
      context.setTransform(ratio, 0, 0, ratio, x * ratio, y * ratio);
      context.fillStyle = p.value === undefined ? kinds.get(mark.colour) : scale.css(p.value);
      context.globalAlpha = only === null || p.number === only ? 0.82 : 0.1;
      context.fill(kinds.get(name));
      if (big === 1) context.strokeStyle = paper;
      else context.strokeStyle = colour(canvas, "--ink");
      context.lineWidth = big === 1 ? 0.7 : 2;
      if (context.globalAlpha > 0.5) context.stroke(kinds.get(name));
    };
    for (const point of points) if (point !== pointed) drawn(point);
    if (pointed) {
      context.globalAlpha = 1;
      drawn(pointed, 1.9);
    }
  }

  function near(event) {
    const bounds = canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - bounds.left, event.clientY - bounds.top];
    let best = null;
    let distance = NEAR;
    for (const point of points) {
      if (only !== null && point.number !== only) continue;
      const [x, y] = place(point);
      const away = Math.hypot(x - px, y - py);
      if (away < distance) [best, distance] = [point, away];
    }
    return best;
  }

  function point(at) {
    if (at === pointed) return;
    pointed = at;
    canvas.classList.toggle("picks", Boolean(at));
    onhover(at, at ? place(at) : null);
    draw();
  }

  // With arrow keys from mark to mark: the nearest in that direction.
  function step([dx, dy]) {
    const here = pointed ? place(pointed) : [canvas.clientWidth / 2, canvas.clientHeight / 2];
    let best = null;
    let least = Infinity;
    for (const other of points) {
      if (other === pointed || (only !== null && other.number !== only)) continue;
      const [x, y] = place(other);
      const [along, aside] = [(x - here[0]) * dx + (y - here[1]) * dy, Math.abs((x - here[0]) * dy) + Math.abs((y - here[1]) * dx)];
      if (along > 0.5 && along + 2 * aside < least) [best, least] = [other, along + 2 * aside];
    }
    if (best) point(best);
  }

  canvas.addEventListener("pointermove", (event) => point(near(event)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => {
    const found = near(event) ?? null;
    if (found) onpick(found);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) step(way);
    else if (event.key === "Enter" && pointed) onpick(pointed);
    else return;
    event.preventDefault();
  });
  onThemeChange(() => element.isConnected && draw());
  new ResizeObserver(draw).observe(element);
  return {
    element,
    show,
    filter(number) {
      only = number;
      draw();
    },
    place,
  };
}
