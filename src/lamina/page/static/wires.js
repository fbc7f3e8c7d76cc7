// Wires: thin lines from layer to layer, and, to the unit that is looked at, lines as strong as its weights.

import { svg } from "./dom.js";
import { short } from "./numbers.js";
import { edgesInto } from "./edges.js";

const FAINT = 160; // lines between two layers while nothing is looked at
const MOST = 64; // lines to one unit
const BUNDLE = 12; // lines that pass layers by
const AROUND = 40; // pixels

export function wires({ content, specimen, places }) {
  const quiet = svg("g", { class: "quiet-wires" });
  const loud = svg("g", { class: "loud-wires" });
  const picture = svg("svg", { class: "wires", "aria-hidden": "true" }, quiet, loud);
  content.prepend(picture);
  let kept = null;
  let looked = 0;
  const observer = new ResizeObserver(() => draw()); // also when the layers become small
  observer.observe(content);

  const boxOf = (element) => {
    const origin = content.getBoundingClientRect();
    const box = element.getBoundingClientRect();
    return { left: box.left - origin.left, top: box.top - origin.top, width: box.width, height: box.height };
  };

  function boxOfUnit(path, unit) {
    const held = places.get(path);
    if (!held) return null;
    if (held.whole) return boxOf(held.whole);
    if (held.list) return held.list[unit] ? boxOf(held.list[unit]) : null;
    const box = boxOf(held.strip);
    const all = specimen.organ(path).output_shape.reduce((a, b) => a * b, 1);
    return downward() ? { ...box, left: box.left + (box.width * unit) / all, width: 0 } : { ...box, top: box.top + (box.height * unit) / all, height: 0 };
  }

  const downward = () => getComputedStyle(content).flexDirection === "column";

  const curve = (...numbers) => {
    const [x1, y1, ...rest] = numbers.map((v) => v.toFixed(1));
    return `M${x1} ${y1}C${rest.join(" ")}`;
  };

  // From the end of one box to the beginning of another; a line that passes layers by goes around them.
  function bend(from, to, passes) {
    if (downward()) {
      const [x1, y1, x2, y2] = [from.left + from.width / 2, from.top + from.height, to.left + to.width / 2, to.top];
      const half = (y1 + y2) / 2;
      return passes ? curve(x1, y1, -AROUND, y1 + AROUND, -AROUND, y2 - AROUND, x2, y2) : curve(x1, y1, x1, half, x2, half, x2, y2);
    }
    const [x1, y1, x2, y2] = [from.left + from.width, from.top + from.height / 2, to.left, to.top + to.height / 2];
    const half = (x1 + x2) / 2;
    return passes ? curve(x1, y1, x1 + AROUND, -AROUND, x2 - AROUND, -AROUND, x2, y2) : curve(x1, y1, half, y1, half, y2, x2, y2);
  }

  // Whether layers stand between a layer and one that takes from it.
  const passesBy = (organ, path) => Math.abs(specimen.organs.indexOf(organ) - specimen.organs.findIndex((other) => other.path === path)) > 1;

  function faint(organ, path) {
    const [source, here] = [places.get(path), places.get(organ.path)];
    const ends = (held, of) => (held.list ? held.list.map(boxOf) : held.whole ? [boxOf(held.whole)] : Array.from({ length: 24 }, (_, i) => boxOfUnit(of, ((i + 0.5) / 24) * specimen.organ(of).output_shape.reduce((a, b) => a * b, 1))));
    const [froms, tos] = [ends(source, path), ends(here, organ.path)];
    const one = froms.length === tos.length && !["conv", "dense", "lstm", "gru", "rnn", "attention"].includes(organ.kind);
    const pairs = one ? tos.map((to, i) => [froms[i], to]) : tos.flatMap((to) => froms.map((from) => [from, to]));
    const passes = passesBy(organ, path);
    const every = Math.max(1, Math.ceil(pairs.length / (passes ? BUNDLE : FAINT)));
    return pairs.filter((_, i) => i % every === 0).map(([from, to]) => bend(from, to, passes)).join("");
  }

  function draw() {
    if (!content.isConnected) return;
    picture.setAttribute("width", content.scrollWidth);
    picture.setAttribute("height", content.scrollHeight);
    const paths = specimen.organs.flatMap((organ) => organ.sources.map((source) => svg("path", { d: faint(organ, source) })));
    quiet.replaceChildren(...paths);
    if (kept) light(kept);
  }

  // The unit that is looked at; with {keep} also when nobody points anywhere any more.
  function live(at, { keep = false } = {}) {
    if (keep) kept = at;
    light(at ?? kept);
  }

  function light(at) {
    looked += 1;
    const turn = looked;
    if (!at) return loud.replaceChildren();
    const organ = specimen.organ(at.path);
    if (!organ?.sources.length) return loud.replaceChildren();
    const needs = ["conv", "dense", "lstm", "gru", "rnn"].includes(organ.kind);
    if (needs && !specimen.weightsNow(at.path)) {
      loud.replaceChildren();
      specimen.weights(at.path).then(() => turn === looked && content.isConnected && light(at), () => {});
      return null;
    }
    const drawn = organ.sources.flatMap((source) => strands(organ, source, at.unit));
    loud.replaceChildren(...drawn);
    return null;
  }

  // A feature of a table comes from the column whose name it begins with.
  function ofColumn(unit) {
    const [slot, names] = [specimen.slots?.[unit] ?? "", specimen.inputs?.names ?? []];
    const from = names.reduce((best, name, i) => (slot.startsWith(name) && name.length > (names[best]?.length ?? 0) ? i : best), -1);
    return from < 0 ? [] : [{ from, weight: null }];
  }

  function strands(organ, path, unit) {
    const source = specimen.organ(path);
    const to = boxOfUnit(organ.path, unit);
    const passes = passesBy(organ, path);
    const edges = organ.kind === "table" ? ofColumn(unit) : edgesInto(organ, source.output_shape, unit, specimen.weightsNow(organ.path), MOST) ?? [];
    const most = Math.max(...edges.map((edge) => Math.abs(edge.weight ?? 0)), 1e-12);
    return edges.flatMap(({ from, weight }) => {
      const begin = boxOfUnit(path, from);
      if (!begin || !to) return [];
      const strength = weight === null ? 0.5 : Math.abs(weight) / most;
      return svg("path", { d: bend(begin, to, passes), class: weight === null ? "plain" : weight < 0 ? "below" : "above", "data-testid": "edge", "data-from": from, "data-value": weight === null ? null : String(weight), style: { "stroke-width": `${(0.6 + 3.4 * strength).toFixed(2)}px`, "stroke-opacity": (0.25 + 0.75 * strength).toFixed(2) } }, svg("title", null, weight === null ? "" : `weight ${short(weight)}`));
    });
  }

  return { draw, live, stop: () => observer.disconnect() };
}
