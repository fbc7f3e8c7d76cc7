// The verdict: the sentence, and the network among its baselines, each score with its interval on one scale.

import { h, svg, pairs } from "./dom.js";
import { fixed, signed } from "./numbers.js";
import { linear } from "./scale.js";

const STANDING = {
  ahead: "Ahead of the best simple model",
  level: "Level with the best simple model",
  behind: "Behind the best simple model",
};
const AGAINST = { ahead: "network better", level: "within noise", behind: "network worse" };

export function render(element, values) {
  element.append(h("h1", null, values.sentence.replaceAll(" %", "\u00a0%")));
  if (values.standing) element.append(h("p", { class: `standing ${values.standing}` }, STANDING[values.standing]));
  if (values.entries.length) element.append(h("div", { class: "card" }, heading(values), scores(values)));
  if (values.notes.length) element.append(h("ul", { class: "verdict-notes" }, values.notes.map((note) => h("li", null, note))));
  element.append(pairs(values.facts, "facts"));
}

function heading(values) {
  const better = values.greater_is_better ? "further right is better" : "further left is better";
  const method = values.interval_method ? ` (${values.interval_method})` : "";
  return h(
    "p",
    { class: "card-head" },
    h("strong", null, values.metric),
    h("span", null, ` with 95 % intervals${method}; ${better}. The band is the network’s interval.`),
  );
}

// Roles are named because a narrow screen lays the rows out as grids, which would take the table's meaning away.
function scores(values) {
  const x = linear(values.domain, [0, 100]);
  const head = ["Model", "Score on the scale", "Score", "Network better by"];
  return h(
    "table",
    { class: "scores", role: "table", "aria-label": `${values.metric} of the network and of simple models` },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head.map((t, i) => h("th", { role: "columnheader", scope: "col", class: `c${i}` }, t)))),
    h("tbody", { role: "rowgroup" }, values.entries.map((entry) => row(entry, values, x))),
    h("tfoot", { role: "rowgroup", "aria-hidden": "true" }, h("tr", { role: "row" }, h("td", null), h("td", { class: "c1" }, ruler(values, x)), h("td", null), h("td", null))),
  );
}

function row(entry, values, x) {
  const interval = entry.interval ? ` (${fixed(entry.interval[0], values.decimals)} to ${fixed(entry.interval[1], values.decimals)})` : "";
  const against = entry.difference_interval
    ? [h("span", { class: `against ${entry.standing}` }, AGAINST[entry.standing]), h("small", null, difference(entry, values.decimals))]
    : entry.network
      ? h("span", { class: "itself" }, "the network")
      : "–";
  return h(
    "tr",
    { role: "row", class: entry.network ? "network" : null },
    h("th", { role: "rowheader", scope: "row", class: "c0" }, name(entry), entry.settings ? h("small", null, entry.settings) : null),
    h("td", { role: "cell", class: "c1" }, dot(entry, values, x)),
    h("td", { role: "cell", class: "c2" }, h("b", null, fixed(entry.score, values.decimals)), h("small", null, interval)),
    h("td", { role: "cell", class: "c3" }, against),
  );
}

function name(entry) {
  return entry.network ? h("b", null, "the network") : h("span", null, entry.name);
}

function difference(entry, decimals) {
  const [low, high] = entry.difference_interval;
  return `${signed(entry.difference, decimals)} (${signed(low, decimals)} to ${signed(high, decimals)})`;
}

// Positions are percentages, so that the drawing follows its cell's width without being drawn again.
function dot(entry, values, x) {
  const network = values.entries.find((e) => e.network);
  const drawing = svg("svg", { "aria-hidden": "true", class: "dot" });
  if (network?.interval) drawing.append(band(network.interval, x));
  if (entry.off_scale) return drawing.append(...arrow(entry, values)), drawing;
  if (entry.score === null) return drawing;
  if (entry.interval) drawing.append(...whisker(entry.interval, x));
  drawing.append(svg("circle", { cx: `${clamp(x(entry.score))}%`, cy: "50%", r: entry.network ? 6.5 : 5 }));
  return drawing;
}

function clamp(percentage) {
  return Math.min(99.4, Math.max(0.6, percentage));
}

function band([low, high], x) {
  return svg("rect", { class: "band", x: `${x(low)}%`, width: `${Math.max(0, Math.min(100, x(high)) - x(low))}%`, y: 0, height: "100%" });
}

function whisker(interval, x) {
  const [low, high] = interval.map((v) => `${clamp(x(v))}%`);
  const cap = (at) => svg("line", { x1: at, x2: at, y1: "34%", y2: "66%" });
  return [svg("line", { x1: low, x2: high, y1: "50%", y2: "50%" }), cap(low), cap(high)];
}

function arrow(entry, values) {
  const left = entry.score < values.domain[0];
  const text = left ? `◂ ${fixed(entry.score, values.decimals)}, off the scale` : `${fixed(entry.score, values.decimals)}, off the scale ▸`;
  return [svg("text", { x: left ? "1%" : "99%", y: "50%", dy: "0.34em", "text-anchor": left ? "start" : "end" }, text)];
}

function ruler(values, x) {
  const ticks = x.ticks(4).filter((v) => x(v) > 3 && x(v) < 97.5);
  const decimals = Math.max(0, ...ticks.map((v) => (String(v).split(".")[1] ?? "").length));
  const drawn = ticks.map((v) => [
    svg("line", { x1: `${x(v)}%`, x2: `${x(v)}%`, y1: 0, y2: 5 }),
    svg("text", { x: `${x(v)}%`, y: 18, "text-anchor": "middle" }, fixed(v, decimals)),
  ]);
  return svg("svg", { class: "ruler" }, svg("line", { x1: 0, x2: "100%", y1: 0.5, y2: 0.5 }), drawn);
}
