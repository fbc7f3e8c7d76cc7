// A plot of many lines over epochs, or what `across` says: lines on a canvas (thousands stay quick), axes, marks and what is pointed at in SVG.
//
// linePlot(element, label) -> {update({lines, log, percent, marks, rule, floor, onpick})}
// lines: [{x, y, colour: "--blue", alpha, width, id, name}]. Lines of width 2 or more are in focus: the axis holds all of
// them, but only the bulk of the rest. A named line in focus is labelled at its end. Drag zooms, a double click resets.

import { h, svg } from "./dom.js";
import { linear, logarithmic } from "./scale.js";
import { short, percent } from "./numbers.js";
import { colour, onThemeChange } from "./theme.js";

const MARGIN = { top: 12, right: 14, bottom: 28 };

export function linePlot(element, label, height = 230) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const drawing = svg("svg", { role: "img", "aria-label": label });
  const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const frame = h("div", { class: "plot", style: { height: `${height}px` } }, canvas, drawing, tip);
  element.append(frame);
  let options = { lines: [] };
  let zoom = null;
  let scales = null;
  let dragged = null;

  function draw() {
    const width = frame.clientWidth;
    if (!width) return;
    const named = options.lines.filter((line) => line.name && inFocus(line));
    const right = named.length ? 10 + Math.min(width * 0.28, 7.2 * Math.max(...named.map((l) => l.name.length))) : MARGIN.right;
    scales = makeScales(options, zoom, width - right, height);
    paint(canvas, scales, options.lines, width, height);
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.replaceChildren(axes(scales, options), marks(scales, options), ends(scales, named), svg("g", { class: "pointed" }));
  }

  function point(event) {
    if (!scales) return;
    const box = frame.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    if (dragged !== null) return select(dragged, px);
    const found = nearest(options.lines, scales, px, py);
    const layer = drawing.querySelector(".pointed");
    tip.hidden = !found;
    layer.replaceChildren(...(found ? pointed(found, scales) : []));
    frame.classList.toggle("picks", Boolean(found && options.onpick && found.line.id !== undefined));
    if (found) place(tip, found, scales, frame, options);
  }

  function select(from, to) {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    const layer = drawing.querySelector(".pointed");
    layer.replaceChildren(svg("rect", { class: "zoom", x: low, width: high - low, y: MARGIN.top, height: height - MARGIN.top - MARGIN.bottom }));
  }

  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerleave", () => {
    tip.hidden = true;
    drawing.querySelector(".pointed")?.replaceChildren();
  });
  frame.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) dragged = event.clientX - frame.getBoundingClientRect().left;
  });
  frame.addEventListener("pointerup", (event) => {
    const [from, to] = [dragged, event.clientX - frame.getBoundingClientRect().left];
    dragged = null;
    if (from !== null && Math.abs(to - from) > 12) {
      zoom = [scales.x.invert(Math.min(from, to)), scales.x.invert(Math.max(from, to))];
      return draw();
    }
    const found = nearest(options.lines, scales, to, event.clientY - frame.getBoundingClientRect().top);
    if (found && options.onpick && found.line.id !== undefined) options.onpick(found.line.id);
  });
  frame.addEventListener("dblclick", () => {
    zoom = null;
    draw();
  });
  new ResizeObserver(draw).observe(frame);
  onThemeChange(draw);
  return {
    update(changed) {
      options = { ...options, ...changed };
      draw();
    },
  };
}

function inFocus(line) {
  return (line.width ?? 1) >= 2;
}

function makeScales(options, zoom, right, height) {
  const xs = options.lines.flatMap((line) => [line.x[0], line.x[line.y.length - 1]]).filter((x) => x !== undefined);
  const domain = zoom ?? (xs.length ? [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1)] : [1, 2]);
  const range = [height - MARGIN.bottom, MARGIN.top];
  const limits = bounds(options, domain);
  const y = options.log ? logarithmic(limits, range) : linear(limits, range);
  const left = 14 + 6.8 * Math.max(4, ...y.ticks(4).map((v) => tick(v, options).length));
  return { x: linear(domain, [left, right]), y, left, right, bottom: range[0] };
}

// The values to show: all of the lines in focus, the middle 96 % of the others.
function bounds(options, [from, to]) {
  const usable = (v) => v !== null && v !== undefined && (!options.log || v > 0);
  const within = (line) => line.y.filter((v, i) => usable(v) && line.x[i] >= from && line.x[i] <= to);
  const focus = options.lines.filter(inFocus).flatMap(within);
  const rest = options.lines.filter((line) => !inFocus(line)).flatMap(within).sort((a, b) => a - b);
  const bulk = rest.length ? [rest[Math.floor(0.02 * (rest.length - 1))], rest[Math.ceil(0.98 * (rest.length - 1))]] : [];
  const all = [...focus, ...bulk];
  if (!all.length) return options.log ? [0.1, 1] : [0, 1];
  let low = all.reduce((a, b) => Math.min(a, b));
  let high = all.reduce((a, b) => Math.max(a, b));
  if (options.log) return [low / 1.15, high * 1.15 + (high === low ? low : 0)];
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.05;
  low = options.floor !== undefined && low - pad < options.floor ? options.floor : low - pad;
  return [low, Math.max(high + pad, options.atLeast ?? -Infinity)];
}

function paint(canvas, { x, y, left, right, bottom }, lines, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.beginPath();
  context.rect(left, MARGIN.top - 3, right - left + 2, bottom - MARGIN.top + 4);
  context.clip();
  context.lineJoin = "round";
  const colours = new Map();
  for (const line of lines) {
    if (!colours.has(line.colour)) colours.set(line.colour, colour(canvas, line.colour));
    context.strokeStyle = colours.get(line.colour);
    context.globalAlpha = line.alpha ?? 1;
    context.lineWidth = line.width ?? 1;
    trace(context, line, x, y);
  }
}

function trace(context, line, x, y) {
  let down = false;
  context.beginPath();
  line.y.forEach((value, i) => {
    if (value === null) down = false;
    else if (down) context.lineTo(x(line.x[i]), y(value));
    else context.moveTo(x(line.x[i]), y(value)), (down = true);
  });
  context.stroke();
}

function tick(value, { percent: share, log }) {
  return share ? percent(value, value > 0 && value < 0.01 ? 1 : 0) : short(value, log ? 2 : 3);
}

function axes({ x, y, left, right, bottom }, options) {
  const rows = y.ticks(4).map((v) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 8, y: y(v), dy: "0.32em", "text-anchor": "end" }, tick(v, options)),
  ]);
  const wide = Math.max(2, Math.floor((right - left) / 70));
  const columns = x.ticks(wide).filter((v) => Number.isInteger(v) && x(v) < right - 78);
  const under = columns.map((v) => svg("text", { x: x(v), y: bottom + 18, "text-anchor": "middle" }, short(v)));
  const name = svg("text", { x: right, y: bottom + 18, "text-anchor": "end" }, `${options.across ?? "epoch"} ${short(Math.round(x.domain[1]), 6)}`);
  return svg("g", { class: "axes" }, rows, under, name, svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
}

function marks({ x, y, left, right, bottom }, { rule, marks: points = [] }) {
  const group = svg("g", { class: "marks" });
  if (rule && x(rule.x) >= left && x(rule.x) <= right) {
    const flip = x(rule.x) > left + 0.6 * (right - left);
    group.append(
      svg("line", { class: "rule", x1: x(rule.x), x2: x(rule.x), y1: MARGIN.top, y2: bottom }),
      svg("text", { x: x(rule.x) + (flip ? -6 : 6), y: MARGIN.top + 8, "text-anchor": flip ? "end" : "start" }, rule.text),
    );
  }
  for (const point of points) {
    if (point.y === null || x(point.x) < left || x(point.x) > right + 1) continue;
    group.append(svg("circle", { cx: x(point.x), cy: y(point.y), r: 4.5, style: { stroke: `var(${point.colour})` } }));
  }
  return group;
}

// Names at the ends of the lines in focus, moved apart where they would overlap.
function ends({ x, y, right, bottom }, lines) {
  const last = (line) => line.y.findLastIndex((v, i) => v !== null && line.x[i] <= x.domain[1]);
  const labels = lines.filter((line) => last(line) >= 0).map((line) => ({ line, at: y(line.y[last(line)]) }));
  labels.sort((a, b) => a.at - b.at);
  labels.forEach((label, i) => (label.at = Math.max(label.at, MARGIN.top + 4, i ? labels[i - 1].at + 14 : 0)));
  for (let i = labels.length - 1; i >= 0; i -= 1) labels[i].at = Math.min(labels[i].at, i === labels.length - 1 ? bottom - 3 : labels[i + 1].at - 14);
  return svg("g", { class: "ends" }, labels.map(({ line, at }) => svg("text", { x: right + 6, y: at, dy: "0.32em", style: { fill: `var(${line.colour}-text, var(${line.colour}))` } }, line.name)));
}

function nearest(lines, { x, y, left, right, bottom }, px, py) {
  if (px < left - 6 || px > right + 6 || py > bottom + 6) return null;
  let found = null;
  for (const line of lines) {
    const i = closest(line, x.invert(px));
    if (i < 0 || line.y[i] === null) continue;
    const distance = Math.abs(y(line.y[i]) - py) - (inFocus(line) ? 5 : 0);
    if (distance < (found?.distance ?? 40)) found = { line, i, distance };
  }
  return found;
}

function closest(line, x) {
  let [low, high] = [0, line.y.length - 1];
  if (high < 0 || x > line.x[high] + 1) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (line.x[middle] <= x) low = middle;
    else high = middle;
  }
  return Math.abs(line.x[low] - x) <= Math.abs(line.x[high] - x) ? low : high;
}

function pointed({ line, i }, { x, y }) {
  const points = line.y.map((v, k) => (v === null ? null : `${x(line.x[k]).toFixed(1)},${y(v).toFixed(1)}`)).filter(Boolean);
  const style = { stroke: `var(${line.colour})` };
  return [svg("polyline", { points: points.join(" "), style }), svg("circle", { cx: x(line.x[i]), cy: y(line.y[i]), r: 3.5, style })];
}

function place(tip, { line, i }, { x, y }, frame, options) {
  const value = options.percent ? percent(line.y[i], 1) : short(line.y[i], 4);
  tip.replaceChildren(h("b", null, `${line.what ?? line.name ?? ""} ${value}`), h("span", null, `${options.across ?? "epoch"} ${line.x[i]}`), line.of ? h("span", null, line.of) : "");
  const left = Math.min(Math.max(4, x(line.x[i]) + 12), frame.clientWidth - tip.offsetWidth - 4);
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(0, y(line.y[i]) - tip.offsetHeight - 10)}px`;
}
