// Attention: a row is the step that asks, a column the step that is asked, the colour how much it takes from there.

import { choice, h } from "./dom.js";
import { percent } from "./numbers.js";
import { asker } from "./arithmetic.js";
import { attended } from "./attention.js";
import { figure } from "./button.js";
import { lens } from "./lens.js";
import { indexOf } from "./organ.js";
import { player } from "./player.js";
import { sequential } from "./colours.js";

const KEYS = 12;

export function attentionView(seen) {
  const { organ, specimen, trace, unit, weights } = seen;
  const x = trace.outputs.get(organ.sources[0]);
  const { heads: count, causal } = organ.settings;
  const heads = attended(x, weights, count, { causal, live: trace.steps.find((step) => step.path === organ.path)?.live });
  const steps = x.shape[0];
  let now = { head: 0, query: Math.min(seen.cell?.[0] ?? 0, steps - 1) };
  const numbers = h("div", { class: "numbers" });
  const ask = unit === null ? null : asker(seen, numbers);
  const scale = () => sequential(0, Math.max(...heads[now.head].shares.data));
  const map = lens({ map: heads[0].shares, scale: scale(), label: "shares: a row asks, a column is asked", id: "attention-map", className: "square", words: ([q, k]) => `step ${q} takes from step ${k}`, point: (cell) => cell && tell(cell), pick: ([q]) => go(q, true), move: ([q]) => go(q, true) });
  const said = h("p", { class: "formula-note", "aria-live": "polite" });
  const list = h("ol", { class: "keys" });
  const choose = choice("Head", Array.from({ length: count }, (_, i) => [String(i), `head ${i + 1}`]), "0", (head) => show({ head: Number(head) }));
  const steps_ = player({ count: steps, at: now.query, what: "query", told: (query) => go(query, !steps_.playing()) });

  function tell([q, k]) {
    said.textContent = `Step ${q} takes ${percent(heads[now.head].shares.data[q * steps + k])} from step ${k}.`;
  }

  function go(query, kept) {
    show({ query });
    if (kept) seen.go({ cell: String(query) });
    if (ask && kept) ask(indexOf(organ, unit, [query]));
  }

  function show(next) {
    now = { ...now, ...next };
    const { shares, scores } = heads[now.head];
    map.show({ map: shares, scale: scale() });
    map.mark({ window: { from: [now.query, 0], size: [1, steps] } });
    if (!steps_.playing()) steps_.set(now.query);
    const row = shares.data.subarray(now.query * steps, (now.query + 1) * steps);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, KEYS);
    list.replaceChildren(...order.map((k) => h("li", null, h("span", null, `step ${k}`), h("span", { class: "fill", style: { "--share": row[k] / (row[order[0]] || 1) } }), h("data", { class: "num", "data-value": String(row[k]), "data-testid": `key-${k}`, title: `score ${scores.data[now.query * steps + k].toPrecision(3)}` }, percent(row[k])))));
  }

  show({});
  if (ask) ask(indexOf(organ, unit, [now.query]));
  const element = h("div", { class: "unit-view attention" }, h("div", { class: "formula" }, h("div", { class: "formula-head" }, h("h3", null, "What each step takes from where"), choose, steps_.element), h("div", { class: "attention-row" }, figure("down: the step that asks; across: the step that is asked", map.element), h("div", null, h("h3", null, "This step takes most from"), list, said))), numbers);
  return { element, show: ({ cell }) => cell && cell[0] !== now.query && show({ query: cell[0] }), stop: steps_.stop };
}
