// The picture of the whole network: a column a layer, a small map a unit, edges to the unit that is looked at.

import { h } from "./dom.js";
import { percent, short } from "./numbers.js";
import { button } from "./button.js";
import { look } from "./look.js";
import { formOf, isPassing, sizeOf, unitWord, unitsOf } from "./organ.js";
import { bounds, unitMap } from "./specimen.js";
import { gradient, greys } from "./colours.js";
import { onThemeChange } from "./theme.js";
import { paint, scaleFor } from "./tile.js";
import { wires } from "./wires.js";

const FIRST = { maps: 24, lines: 24, cells: 40, names: 12 };
const ROWS = { maps: 8, lines: 20, cells: 20, names: 24 };

// networkMap({specimen, pick(path, unit), slots}) -> {element, fill, choose, highlight, unitElement, scrollTo, stop}
export function networkMap({ specimen, pick, slots }) {
  const columns = h("div", { class: "organs" });
  const element = h("div", { class: "network-map", "data-testid": "map", role: "group", "aria-label": "The network, layer by layer" }, columns);
  const units = new Map(); // path -> [element by unit]
  const opened = new Set(); // layers shown whole
  const lines = wires({ content: columns, specimen, places: units });
  let shown = null;
  let chosen = {};

  for (const organ of specimen.organs) columns.append(column(organ));

  const columnOf = (path) => columns.querySelector(`[data-path="${CSS.escape(path)}"]`);

  function column(organ) {
    const kind = drawnAs(organ, specimen);
    const [name, size, id] = [specimen.nameOf(organ), sizeOf(organ.output_shape), organ.path || "input"];
    const head = button("organ-head", [h("b", null, name), h("small", { class: "dims", "data-testid": `dims-${id}` }, size)], () => pick(organ.path, null), { "data-testid": `layer-${id}`, title: organ.description });
    return h("div", { class: `organ ${kind}`, "data-path": organ.path, role: "group", "aria-label": `${name}, ${size}` }, head, unitsIn(organ, kind), h("span", { class: "organ-scale", "aria-hidden": "true" }));
  }

  function unitsIn(organ, kind) {
    if (kind === "passing" || kind === "picture") {
      const passes = kind === "passing";
      const one = button(`unit ${passes ? "streak" : kind}`, passes ? h("canvas") : "", () => pick(organ.path, passes ? null : 0), { tabindex: -1, "data-flight": flightOf(organ.path, 0), "aria-label": passes ? `${specimen.nameOf(organ)}: ${sizeOf(organ.output_shape)} numbers, handed on` : "The example, as it is given" });
      units.set(organ.path, passes ? { strip: one } : { whole: one });
      return h("div", { class: "units" }, one);
    }
    const total = unitsOf(organ);
    const most = opened.has(organ.path) ? total : Math.min(total, FIRST[kind]);
    const list = Array.from({ length: most }, (_, unit) => unitButton(organ, kind, unit));
    units.set(organ.path, { list });
    const rows = Math.min(ROWS[kind], Math.ceil(most / Math.ceil(most / ROWS[kind])));
    const block = h("div", { class: "units", role: "group", "aria-label": `${total} ${unitWord(organ)}s`, style: { "--rows": rows, "--few": Math.min(rows, Math.max(1, Math.ceil(rows / 2))) } }, list);
    return [block, most < total || opened.has(organ.path) ? more(organ, total, most) : null];
  }

  function more(organ, total, most) {
    const all = most < total;
    return button("show-all", all ? `${most} of ${total}: show all` : "show fewer", () => toggle(organ, all), { "data-testid": `all-${organ.path}` });
  }

  function toggle(organ, all) {
    if (all) opened.add(organ.path);
    else opened.delete(organ.path);
    columnOf(organ.path).replaceWith(column(organ));
    if (shown) fill(shown);
    choose(chosen);
    columnOf(organ.path).querySelector(".show-all")?.focus();
  }

  function unitButton(organ, kind, unit) {
    const inside = kind === "names" ? ["unit-name", "unit-bar", "unit-value"].map((name) => h("span", { class: name }, name === "unit-name" ? labelOf(organ, unit, specimen, slots) : "")) : kind === "cells" ? "" : h("canvas");
    return button("unit", inside, () => pick(organ.path, unit), { tabindex: -1, "data-unit": unit, "data-testid": `unit-${organ.path || "input"}-${unit}`, "data-flight": flightOf(organ.path, unit) });
  }

  // --- what is in it ---

  function fill(next) {
    shown = next;
    const { trace, gradients } = next;
    const outputs = gradients ?? trace.outputs;
    const limits = new Map([...outputs].map(([path, output]) => [path, bounds(output.data)]));
    const inner = [...limits].filter(([path]) => path !== "" && path !== "answer").map(([, limit]) => limit);
    const whole = inner.reduce(([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)], [Infinity, -Infinity]);
    for (const organ of specimen.organs) {
      const output = outputs.get(organ.path);
      if (!output) continue;
      const limit = next.scale === "network" && organ.path !== "" ? whole : limits.get(organ.path);
      const raw = organ.path === "" && specimen.kind === "image" && !gradients;
      fillOrgan(organ, output, (own) => (raw ? greys(0, 255) : scaleFor(next.scale === "unit" ? own : limit)), limit);
    }
    lines.draw();
  }

  function fillOrgan(organ, output, scaleOf, limit) {
    const held = units.get(organ.path);
    const [low, high] = limit;
    columnOf(organ.path).querySelector(".organ-scale").replaceChildren(h("i", { style: { background: gradient(scaleFor(limit)) } }), h("span", null, short(low < 0 ? -Math.max(-low, high) : 0, 2)), h("span", null, short(Math.max(-low, high), 2)));
    if (held.whole) return held.whole.replaceChildren(shown.gradients ? gradientPicture(organ, output) : look(shown.example, { small: true }));
    if (held.strip) return fillStrip(held.strip.firstChild, organ, output, scaleOf(limit));
    const kind = drawnAs(organ, specimen);
    held.list.forEach((box, unit) => {
      const map = unitMap(organ, output, unit);
      const own = kind === "maps" || kind === "lines" ? bounds(map.data) : bounds(output.data);
      const scale = scaleOf(own);
      const value = map.data[0];
      const name = labelOf(organ, unit, specimen, slots);
      if (kind === "names") fillName(box, organ, unit, value, limit);
      else if (kind === "cells") {
        box.style.setProperty("--fill", scale.css(value));
        box.dataset.value = String(value);
      } else paint(box.firstChild, map, scale);
      const said = map.data.length > 1 ? `from ${short(own[0])} to ${short(own[1])}` : short(value);
      box.setAttribute("aria-label", `${name} of ${specimen.nameOf(organ)}: ${said}`);
      box.title = `${name}: ${said}`;
    });
    return null;
  }

  function gradientPicture(organ, output) {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const map = unitMap(organ, output, 0);
    paint(canvas, map, scaleFor(bounds(map.data)));
    return canvas;
  }

  function fillName(box, organ, unit, value, [low, high]) {
    const [, bar, text] = box.children;
    const answer = organ.path === "answer" && specimen.task !== "regression" && !shown.gradients;
    bar.style.setProperty("--share", answer ? value : Math.abs(value) / (Math.max(-low, high) || 1));
    bar.classList.toggle("below", value < 0);
    const id = `${answer ? "probability" : "value"}-${organ.path || "input"}-${unit}`;
    text.replaceChildren(h("data", { class: "num", "data-testid": id, "data-value": String(value) }, answer ? percent(value) : short(value)));
    const target = shown.example.classes?.indexOf(shown.example.target);
    box.classList.toggle("truth", organ.path === "answer" && target === unit);
  }

  function fillStrip(canvas, organ, output, scale) {
    const columnsOf = specimen.source(organ)?.output_shape.at(-1) ?? 1;
    const wide = Math.min(columnsOf, output.data.length);
    paint(canvas, { rows: output.data.length / wide, columns: wide, data: output.data }, scale);
  }

  // --- where one is ---

  // A cell's colour stands in its style, so that it has to be told of the theme.
  const recoloured = () => element.isConnected && shown && fill(shown);
  onThemeChange(recoloured);

  function choose(next) {
    chosen = next;
    const { layer, unit, compact } = next;
    element.classList.toggle("compact", Boolean(compact));
    for (const section of columns.children) section.classList.toggle("chosen", section.dataset.path === layer);
    columns.querySelector(".unit[aria-current]")?.removeAttribute("aria-current");
    const at = layer === undefined ? null : unitElement(layer, unit);
    if (unit !== null && unit !== undefined) at?.setAttribute("aria-current", "true");
    reachable(at ?? columns.querySelector(".unit"));
    lines.live(layer !== undefined && unit !== null && unit !== undefined ? { path: layer, unit } : null, { keep: true });
  }

  // One unit at a time is a stop of the Tab key.
  function reachable(unit) {
    for (const other of columns.querySelectorAll('.unit[tabindex="0"]')) other.tabIndex = -1;
    if (unit) unit.tabIndex = 0;
  }

  function unitElement(path, unit) {
    const held = units.get(path);
    if (!held) return null;
    return held.whole ?? held.strip ?? held.list[unit ?? 0] ?? null;
  }

  // Now, and again when the layers have become as small as they will.
  function scrollTo(path) {
    middle(path);
    Promise.allSettled(columns.getAnimations({ subtree: true }).map(({ finished }) => finished)).then(() => chosen.layer === path && middle(path));
  }

  function middle(path) {
    const section = columnOf(path);
    if (!section) return;
    const left = section.offsetLeft - (element.clientWidth - section.offsetWidth) / 2;
    if (element.scrollWidth > element.clientWidth) element.scrollLeft = left;
    if (element.scrollHeight > element.clientHeight) element.scrollTop = section.offsetTop - 60;
  }

  function highlight(at) {
    columns.querySelector(".pointed")?.classList.remove("pointed");
    if (at) unitElement(at.path, at.unit)?.classList.add("pointed");
  }

  function whichUnit(target) {
    const found = target.closest?.(".unit[data-unit]");
    return found && { path: found.closest(".organ").dataset.path, unit: Number(found.dataset.unit) };
  }

  const looked = (event) => lines.live(whichUnit(event.target));
  columns.addEventListener("pointerover", looked);
  columns.addEventListener("focusin", looked);
  columns.addEventListener("pointerleave", () => lines.live(null));
  columns.addEventListener("keydown", (event) => {
    const next = neighbour(event, units, specimen);
    if (!next) return;
    event.preventDefault();
    reachable(next);
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  return { element, fill, choose, highlight, unitElement, scrollTo, stop: lines.stop };
}

function neighbour(event, units, specimen) {
  const unit = event.target.closest(".unit");
  const way = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  if (!unit || !way) return null;
  const paths = specimen.organs.map((organ) => organ.path);
  const { path } = unit.closest(".organ").dataset;
  const listed = ({ list, whole, strip }) => list ?? [whole ?? strip];
  const here = listed(units.get(path));
  if (way[1]) return here[here.indexOf(unit) + way[1]] ?? null;
  const there = units.get(paths[paths.indexOf(path) + way[0]]);
  if (!there) return null;
  const list = listed(there);
  return list[Math.min(list.length - 1, Math.round((here.indexOf(unit) / here.length) * list.length))];
}

// "maps", "lines" and "cells" by shape; what has names gets them; the picture of an image stays whole.
export function drawnAs(organ, specimen) {
  if (organ.path === "" && specimen.kind === "image") return "picture";
  if (isPassing(organ)) return "passing";
  if (organ.path === "answer" || organ.axes?.[0] === "class" || organ.axes?.[0] === "column" || organ.axes?.[0] === "value" || organ.kind === "table") return "names";
  if (organ.path === "" && formOf(organ) === "cells" && organ.output_shape[0] > 400) return "passing";
  return formOf(organ);
}

export function labelOf(organ, unit, specimen, slots) {
  if (organ.axes?.[0] === "class") return specimen.classes?.[unit] ?? (specimen.task === "regression" ? "output" : `class ${unit}`);
  if (organ.axes?.[0] === "value") return "value";
  if (organ.path === "" && organ.axes?.[0] === "column") return specimen.inputs?.names?.[unit] ?? `column ${unit}`;
  if (organ.kind === "table" && slots?.[unit]) return slots[unit];
  return `${unitWord(organ)} ${unit}`;
}

export function flightOf(path, unit) {
  return `${path}:${unit}`;
}
