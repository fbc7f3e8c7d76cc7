// Examples as marks on a plane, drawn on a canvas: thousands stay quick. A mark has its class's colour and shape, or its value's colour.
//
// scatter({label, onpick, onhover}) -> {element, show(points, [low, high]), filter(class | null)}: points {x, y, id, number | value}.

import { h } from "./dom.js";
import { colour, onThemeChange } from "./theme.js";
import { ends } from "./axes.js";
import { sequential } from "./colours.js";
import { keyed } from "./control.js";
import { markOf, pathOf } from "./marks.js";

const MARGIN = 18;
const MOVING = 450; // milliseconds from one place to the next
const NEAR = 18; // pixels
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function scatter({ label, onpick, onhover }) {
  const canvas = h("canvas", keyed("map of examples", "map", label));
  const element = h("div", { class: "scatter" }, canvas);
  let points = [];
  let limits = [0, 1];
  let before = new Map();
  let began = -MOVING;
  let fit = () => [0, 0];
  let pointed = null;
  let only = null;
  let frame = 0;

  function show(next, ofValues) {
    before = new Map(points.map((p) => [p.id, place(p)]));
    began = before.size && !matchMedia("(prefers-reduced-motion: reduce)").matches ? performance.now() : -MOVING;
    [points, limits] = [next, ofValues];
    pointed = pointed && points.find((p) => p.id === pointed.id);
    sized();
  }

  // Both axes have one unit: the shape of the cloud counts.
  function sized() {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [[x0, x1], [y0, y1]] = [ends(points.map((p) => p.x)), ends(points.map((p) => p.y))];
    const unit = Math.min((width - 2 * MARGIN) / (x1 - x0 || 1), (height - 2 * MARGIN) / (y1 - y0 || 1));
    fit = ({ x, y }) => [width / 2 + (x - (x0 + x1) / 2) * unit, height / 2 - (y - (y0 + y1) / 2) * unit];
    draw();
  }

  function place(point) {
    const [to, from] = [fit(point), before.get(point.id)];
    const left = (1 - Math.min(1, (performance.now() - began) / MOVING)) ** 3;
    return from && left ? to.map((v, axis) => v + (from[axis] - v) * left) : to;
  }

  function draw() {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      paint();
      if (performance.now() - began < MOVING) draw();
    });
  }

  function paint() {
    const ratio = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    const context = canvas.getContext("2d");
    const scale = sequential(...limits);
    const known = new Map();
    const once = (name, make) => known.get(name) ?? known.set(name, make()).get(name);
    const drawn = (point, size, edge) => {
      const mark = markOf(point.number ?? 0);
      const path = once(mark.shape + size, () => new Path2D(pathOf(mark.shape, size)));
      const [x, y] = place(point);
      context.setTransform(ratio, 0, 0, ratio, x * ratio, y * ratio);
      context.globalAlpha = only === null || point.number === only ? 0.85 : 0.1;
      context.fillStyle = point.value === undefined ? once(mark.colour, () => colour(canvas, mark.colour)) : scale.css(point.value);
      context.fill(path);
      context.strokeStyle = once(edge, () => colour(canvas, edge));
      context.lineWidth = edge === "--ink" ? 2 : 0.7;
      context.stroke(path);
    };
    for (const point of points) drawn(point, points.length > 600 ? 3.4 : 4.6, "--card");
    if (pointed) drawn(pointed, 8.5, "--ink");
  }

  const shown = () => points.filter((p) => only === null || p.number === only);
  const least = (of, limit) => shown().reduce(([best, low], p) => (of(...place(p), p) < low ? [p, of(...place(p), p)] : [best, low]), [null, limit])[0];

  function near(event) {
    const box = canvas.getBoundingClientRect();
    return least((x, y) => Math.hypot(x - event.clientX + box.left, y - event.clientY + box.top), NEAR);
  }

  function point(at) {
    if (at === pointed) return;
    pointed = at;
    canvas.classList.toggle("picks", Boolean(at));
    onhover(at, at && place(at));
    draw();
  }

  // The nearest mark in a direction; what lies aside counts as farther.
  function step([dx, dy]) {
    const [hx, hy] = pointed ? place(pointed) : [canvas.clientWidth / 2, canvas.clientHeight / 2];
    const found = least((x, y, p) => {
      const along = (x - hx) * dx + (y - hy) * dy;
      return p === pointed || along < 0.5 ? Infinity : along + 2 * Math.abs((x - hx) * dy + (y - hy) * dx);
    }, Infinity);
    if (found) point(found);
  }

  canvas.addEventListener("pointermove", (event) => point(near(event)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => near(event) && onpick(near(event)));
  canvas.addEventListener("keydown", (event) => {
    if (ARROWS[event.key]) step(ARROWS[event.key]);
    else if (event.key === "Enter" && pointed) onpick(pointed);
    else return;
    event.preventDefault();
  });
  onThemeChange(() => element.isConnected && draw());
  new ResizeObserver(sized).observe(element);
  return { element, show, filter: (number) => ((only = number), draw()) };
}
