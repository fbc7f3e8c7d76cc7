// A plot of many lines over epochs, or what `across` says. Lines in focus and names are drawn at once; the others, which
// may be thousands, are one picture that is moved and stretched while a reader pans and zooms, and drawn anew after.
//
// linePlot(element, label) -> {update({lines, log, percent, marks, rule, floor, onpick, onlook}), look(span)}
// lines: [{x, y, colour: "--blue", alpha, width, id, name}]. Lines of width 2 or more are in focus: the axis holds all of
// them, but only the bulk of the rest. A named line in focus is labelled at its end. onlook hears which span is looked at.

import { h, svg } from "./dom.js";
import { linear, logarithmic } from "./scale.js";
import { short, percent } from "./numbers.js";
import { colour, onThemeChange } from "./theme.js";
import { compose, deposit } from "./density.js";
import { looking } from "./looking.js";
import { held, isWhole } from "./span.js";

const MARGIN = { top: 12, right: 14, bottom: 28 };
const QUICK = 5; // milliseconds that the picture of all lines may take to be drawn anew in each frame
const REST = 140; // milliseconds after which a reader has stopped moving

export function linePlot(element, label, height = 230) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const drawing = svg("svg", { role: "img", "aria-label": label });
  const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const frame = h("div", { class: "plot", style: { height: `${height}px` } }, canvas, drawing, tip);
  element.append(frame);
  const plot = { canvas, drawing, frame, height, width: 0, options: { lines: [] }, span: null, scales: null, crowd: null, seen: true, colours: new Map() };
  let asked = 0;
  let resting = 0;
  let pointer = null;

  function draw() {
    asked = 0;
    if (!plot.width || !plot.seen) return;
    const named = plot.options.lines.filter((line) => line.name && inFocus(line));
    plot.scales = makeScales(plot, plot.width - rightOf(plot.width, named));
    if (paint(plot)) rest();
    drawing.setAttribute("viewBox", `0 0 ${plot.width} ${height}`);
    drawing.replaceChildren(axes(plot.scales, plot.options), marks(plot.scales, plot.options), ends(plot.scales, named), svg("g", { class: "pointed" }));
    point();
  }

  function soon() {
    asked ||= requestAnimationFrame(draw);
  }

  // The picture of the crowd was stretched: once the reader rests, draw it anew.
  function rest() {
    clearTimeout(resting);
    resting = setTimeout(() => {
      plot.crowd = null;
      soon();
    }, REST);
  }

  function point() {
    const layer = drawing.querySelector(".pointed");
    if (!plot.scales || !layer) return;
    if (pointer?.from !== undefined) return layer.replaceChildren(band(pointer, height));
    const found = pointer && nearest(plot.options.lines, plot.scales, pointer.x, pointer.y);
    tip.hidden = !found;
    layer.replaceChildren(...(found ? pointed(found, plot.scales) : []));
    frame.classList.toggle("picks", Boolean(found && plot.options.onpick && found.line.id !== undefined));
    if (found) place(tip, found, plot.scales, plot.width, plot.options);
  }

  function look(span) {
    plot.span = span && plot.options.lines.length ? held(span, plot.whole, plot.least) : span;
    if (plot.span && plot.whole && isWhole(plot.span, plot.whole)) plot.span = null;
    reader.shown(plot.span, plot.whole);
    soon();
  }

  const reader = looking(frame, {
    scale: () => plot.scales,
    span: () => plot.span ?? plot.whole,
    across: () => plot.options.across ?? "epoch",
    look(span) {
      look(span);
      plot.options.onlook?.(plot.span);
    },
    point(at) {
      pointer = at;
      if (!asked) asked = requestAnimationFrame(() => ((asked = 0), point()));
    },
    pick(at) {
      const found = plot.scales && nearest(plot.options.lines, plot.scales, at.x, at.y);
      if (found && plot.options.onpick && found.line.id !== undefined) plot.options.onpick(found.line.id);
    },
  });
  new ResizeObserver(() => {
    if (frame.clientWidth === plot.width) return;
    plot.width = frame.clientWidth;
    plot.crowd = null;
    draw();
  }).observe(frame);
  new IntersectionObserver(([entry]) => {
    plot.seen = entry.isIntersecting;
    if (plot.seen) soon();
  }, { rootMargin: "200px" }).observe(frame);
  onThemeChange(() => {
    plot.colours.clear();
    plot.crowd = null;
    soon();
  }, frame);
  return {
    update(changed) {
      plot.options = { ...plot.options, ...changed };
      plot.options.lines = plot.options.lines.map((line) => ({ ...line, ...numbersOf(line) }));
      plot.columns = columns(plot.options.lines);
      plot.whole = whole(plot.options.lines);
      plot.least = leastOf(plot.options.lines, plot.whole);
      plot.crowd = null;
      if (plot.span) plot.span = held(plot.span, plot.whole, plot.least);
      draw();
    },
    look,
  };
}

function inFocus(line) {
  return (line.width ?? 1) >= 2;
}

function rightOf(width, named) {
  return named.length ? 10 + Math.min(width * 0.28, 7.2 * Math.max(...named.map((l) => l.name.length))) : MARGIN.right;
}

// --- the numbers ---

const converted = new WeakMap(); // lists of numbers as typed arrays: focusing another member costs nothing then

function numbersOf(line) {
  const typed = (list, Kind) => {
    if (!converted.has(list)) converted.set(list, Kind.from(list, (v) => (v === null || v === undefined ? NaN : v)));
    return converted.get(list);
  };
  return { xs: typed(line.x, Float64Array), ys: typed(line.y, Float32Array) };
}

function whole(lines) {
  let [low, high] = [Infinity, -Infinity];
  for (const { xs, ys } of lines) {
    if (!ys.length || xs[0] === undefined) continue;
    low = Math.min(low, xs[0]);
    high = Math.max(high, xs[Math.min(ys.length, xs.length) - 1]);
  }
  return low <= high ? [low, Math.max(high, low + 1)] : [1, 2];
}

// The narrowest span: from one of the points that lie closest to the next.
function leastOf(lines, [low, high]) {
  let step = Infinity;
  for (const { xs } of lines) for (let i = 1; i < Math.min(xs.length, 3); i += 1) step = Math.min(step, xs[i] - xs[i - 1]);
  return Math.min(high - low, Number.isFinite(step) ? step : 1);
}

// For every x what the values are: the ends of those in focus, the middle 96 % of the others; in order of x.
function columns(lines) {
  const at = new Map();
  for (const { xs, ys, width = 1 } of lines) {
    for (let i = 0; i < ys.length; i += 1) {
      if (Number.isNaN(ys[i])) continue;
      if (!at.has(xs[i])) at.set(xs[i], { x: xs[i], focus: [], rest: [] });
      at.get(xs[i])[width >= 2 ? "focus" : "rest"].push(ys[i]);
    }
  }
  const sorted = [...at.values()].sort((a, b) => a.x - b.x);
  return sorted.map(({ x, focus, rest }) => {
    const order = Float32Array.from(rest).sort();
    const bulk = order.length ? order.subarray(Math.floor(0.02 * (order.length - 1)), Math.ceil(0.98 * (order.length - 1)) + 1) : order;
    return { x, values: [Math.min(...focus, bulk[0] ?? Infinity), Math.max(...focus, bulk[bulk.length - 1] ?? -Infinity)], least: positive(focus, bulk) };
  });
}

function positive(focus, bulk) {
  const first = bulk.find((v) => v > 0) ?? Infinity;
  return Math.min(first, ...focus.filter((v) => v > 0));
}

function makeScales({ options, span, whole: domain, columns: all, height }, right) {
  const shown = span ?? domain;
  const range = [height - MARGIN.bottom, MARGIN.top];
  const limits = bounds(all, options, shown);
  const y = options.log ? logarithmic(limits, range) : linear(limits, range);
  const left = 14 + 6.8 * Math.max(4, ...y.ticks(4).map((v) => tick(v, options).length));
  return { x: linear(shown, [left, right]), y, left, right, bottom: range[0] };
}

function bounds(all, options, [from, to]) {
  const first = all.findLastIndex((column) => column.x <= from);
  const last = all.findIndex((column) => column.x >= to);
  const within = all.slice(Math.max(0, first), last < 0 ? all.length : last + 1);
  let low = within.reduce((least, c) => Math.min(least, options.log ? c.least : c.values[0]), Infinity);
  let high = within.reduce((most, c) => Math.max(most, c.values[1]), -Infinity);
  if (!(low <= high)) return options.log ? [0.1, 1] : [0, 1];
  if (options.log) return [low / 1.15, high * 1.15 + (high === low ? low : 0)];
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.05;
  low = options.floor !== undefined && low - pad < options.floor ? options.floor : low - pad;
  return [low, Math.max(high + pad, options.atLeast ?? -Infinity)];
}

// --- the lines ---

// Draw all lines; true if the crowd was only stretched.
function paint(plot) {
  const { canvas, width, height, scales, options } = plot;
  const ratio = devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, across, down);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.save();
  context.beginPath();
  context.rect(scales.left, MARGIN.top - 3, scales.right - scales.left + 2, scales.bottom - MARGIN.top + 4);
  context.clip();
  const thin = options.lines.filter((line) => !inFocus(line));
  const stretched = thin.length ? crowd(plot, context, thin, ratio) : false;
  context.lineJoin = "round";
  for (const line of options.lines.filter(inFocus)) stroke(context, line, plot);
  context.restore();
  return stretched;
}

function shade(plot, name) {
  if (!plot.colours.has(name)) plot.colours.set(name, colour(plot.canvas, name));
  return plot.colours.get(name);
}

function stroke(context, line, plot) {
  const { x, y } = plot.scales;
  const path = new Path2D();
  let down = false;
  for (let i = 0; i < line.ys.length; i += 1) {
    const value = line.ys[i];
    if (Number.isNaN(value)) down = false;
    else if (down) path.lineTo(x(line.xs[i]), y(value));
    else path.moveTo(x(line.xs[i]), y(value)), (down = true);
  }
  context.strokeStyle = shade(plot, line.colour);
  context.globalAlpha = line.alpha ?? 1;
  context.lineWidth = line.width;
  context.stroke(path);
}

// The picture of all lines out of focus, with the scales it was drawn for: other scales move and stretch it.
function crowd(plot, context, lines, ratio) {
  const { scales, height, options } = plot;
  const anew = !plot.crowd || plot.crowd.took < QUICK || plot.crowd.log !== options.log;
  if (anew) plot.crowd = drawn(plot, lines, ratio);
  const { picture, box, lows } = plot.crowd;
  const [left, right] = box.map((value) => scales.x(value));
  const [top, foot] = lows.map((value) => scales.y(value));
  context.imageSmoothingEnabled = !anew;
  context.drawImage(picture, left, top, right - left, foot - top);
  return !anew && height > 0;
}

function drawn(plot, lines, ratio) {
  const begun = performance.now();
  const { scales, options, height } = plot;
  const [across, down] = [Math.max(1, Math.round((scales.right - scales.left + 2) * ratio)), Math.max(1, Math.round(height * ratio))];
  const axis = (value) => (options.log ? Math.log10(Math.max(value, 1e-300)) : value);
  const ax = (ratio * (scales.right - scales.left)) / (scales.x.domain[1] - scales.x.domain[0]);
  const [low, high] = scales.y.domain.map(axis);
  const ay = (ratio * (MARGIN.top - scales.bottom)) / (high - low);
  const way = { ax, bx: -ax * scales.x.domain[0], ay, by: ratio * scales.bottom - ay * low, thick: ratio };
  const fields = new Map();
  for (const line of lines) {
    const key = `${line.colour} ${line.alpha ?? 1}`;
    if (!fields.has(key)) fields.set(key, { field: new Float32Array(across * down), alpha: line.alpha ?? 1, colour: rgb(shade(plot, line.colour)) });
    deposit(fields.get(key).field, across, down, options.log ? { xs: line.xs, ys: logged(line.ys) } : line, way);
  }
  const picture = Object.assign(document.createElement("canvas"), { width: across, height: down });
  const context = picture.getContext("2d");
  const image = context.createImageData(across, down);
  compose(image.data, across, down, [...fields.values()]);
  context.putImageData(image, 0, 0);
  const box = [scales.x.invert(scales.left), scales.x.invert(scales.left + across / ratio)];
  return { picture, box, lows: [scales.y.invert(0), scales.y.invert(down / ratio)], log: options.log, took: performance.now() - begun };
}

const logarithms = new WeakMap();

function logged(ys) {
  if (!logarithms.has(ys)) logarithms.set(ys, ys.map((v) => (v > 0 ? Math.log10(v) : NaN)));
  return logarithms.get(ys);
}

function rgb(text) {
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}

// --- what stands around them ---

function tick(value, { percent: share, log }) {
  return share ? percent(value, value > 0 && value < 0.01 ? 1 : 0) : short(value, log ? 2 : 3);
}

function axes({ x, y, left, right, bottom }, options) {
  const rows = y.ticks(4).map((v) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 8, y: y(v), dy: "0.32em", "text-anchor": "end" }, tick(v, options)),
  ]);
  const wide = Math.max(2, Math.floor((right - left) / 70));
  const name = `${options.across ?? "epoch"} ${short(Math.round(x.domain[1]), 6)}`;
  const under = x.ticks(wide).filter((v) => Number.isInteger(v) && x(v) < right - 12 - 7 * name.length);
  return svg(
    "g",
    { class: "axes" },
    rows,
    under.map((v) => svg("text", { x: x(v), y: bottom + 18, "text-anchor": "middle" }, short(v))),
    svg("text", { x: right, y: bottom + 18, "text-anchor": "end" }, name),
    svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
  );
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
    if (point.y === null || x(point.x) < left - 1 || x(point.x) > right + 1) continue;
    group.append(svg("circle", { cx: x(point.x), cy: y(point.y), r: 4.5, style: { stroke: `var(${point.colour})` } }));
  }
  return group;
}

// Names at the ends of the lines in focus, moved apart where they would overlap.
function ends({ x, y, right, bottom }, lines) {
  const last = (line) => line.ys.findLastIndex((v, i) => !Number.isNaN(v) && line.xs[i] <= x.domain[1]);
  const labels = lines.filter((line) => last(line) >= 0).map((line) => ({ line, at: y(line.ys[last(line)]) }));
  labels.sort((a, b) => a.at - b.at);
  labels.forEach((label, i) => (label.at = Math.max(label.at, MARGIN.top + 4, i ? labels[i - 1].at + 14 : 0)));
  for (let i = labels.length - 1; i >= 0; i -= 1) labels[i].at = Math.min(labels[i].at, i === labels.length - 1 ? bottom - 3 : labels[i + 1].at - 14);
  return svg("g", { class: "ends" }, labels.map(({ line, at }) => svg("text", { x: right + 6, y: at, dy: "0.32em", style: { fill: `var(${line.colour}-text, var(${line.colour}))` } }, line.name)));
}

// --- what is pointed at ---

function band({ from, x }, height) {
  return svg("rect", { class: "zoom", x: Math.min(from, x), width: Math.abs(x - from), y: MARGIN.top, height: height - MARGIN.top - MARGIN.bottom });
}

function nearest(lines, { x, y, left, right, bottom }, px, py) {
  if (px < left - 6 || px > right + 6 || py > bottom + 6) return null;
  const value = Math.min(Math.max(x.invert(px), x.domain[0]), x.domain[1]);
  let found = null;
  for (const line of lines) {
    const i = closest(line, value);
    if (i < 0 || Number.isNaN(line.ys[i])) continue;
    const distance = Math.abs(y(line.ys[i]) - py) - (inFocus(line) ? 5 : 0);
    if (distance < (found?.distance ?? 40)) found = { line, i, distance };
  }
  return found;
}

function closest({ xs, ys }, x) {
  let [low, high] = [0, ys.length - 1];
  if (high < 0 || x > xs[high] + 1) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

function pointed({ line, i }, { x, y, left, right, bottom }) {
  const points = [];
  line.ys.forEach((v, k) => {
    if (!Number.isNaN(v)) points.push(`${x(line.xs[k]).toFixed(1)},${y(v).toFixed(1)}`);
  });
  const style = { stroke: `var(${line.colour})` };
  const inside = svg("svg", { class: "inside", x: left, y: MARGIN.top - 3, width: Math.max(0, right - left + 2), height: bottom - MARGIN.top + 4, viewBox: `${left} ${MARGIN.top - 3} ${Math.max(0, right - left + 2)} ${bottom - MARGIN.top + 4}` }, svg("polyline", { points: points.join(" "), style }));
  return [inside, svg("circle", { cx: x(line.xs[i]), cy: y(line.ys[i]), r: 3.5, style })];
}

function place(tip, { line, i }, { x, y }, width, options) {
  const value = options.percent ? percent(line.ys[i], 1) : short(line.ys[i], 4);
  tip.replaceChildren(h("b", null, `${line.what ?? line.name ?? ""} ${value}`), h("span", null, `${options.across ?? "epoch"} ${line.xs[i]}`), line.of ? h("span", null, line.of) : "");
  const left = Math.min(Math.max(4, x(line.xs[i]) + 12), width - tip.offsetWidth - 4);
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(0, y(line.ys[i]) - tip.offsetHeight - 10)}px`;
}
