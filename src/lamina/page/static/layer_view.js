// A layer opened: its facts, all its units large, and how its size comes about.

import { h } from "./dom.js";
import { count, short } from "./numbers.js";
import { attentionView } from "./attention_view.js";
import { button } from "./button.js";
import { flightOf, labelOf } from "./network_map.js";
import { formOf, hasWindow, isPassing, RECURRENT, sizeOf, unitsOf, unitWord } from "./organ.js";
import { reading } from "./reading.js";
import { recurrentView } from "./recurrent_view.js";
import { lens } from "./lens.js";
import { sizeWidget } from "./size_widget.js";
import { bounds, unitMap } from "./specimen.js";
import { scaleFor } from "./tile.js";

const MOST = 64;
const SAID = ["activation", "kernel", "window", "stride", "dilation", "groups", "rate", "heads", "epsilon", "momentum", "function", "by", "bidirectional", "causal"];

export function layerView(seen) {
  const { organ } = seen;
  const stops = [];
  const inner = [facts(organ)];
  if (hasWindow(organ)) {
    const { settings } = organ;
    const widget = sizeWidget({ size: organ.input_shape[0], padding: paddingOf(settings), kernel: (settings.kernel ?? settings.window)[0], stride: settings.stride[0] }, settings.kernel ? "kernel" : "window");
    stops.push(widget.stop);
    inner.push(units(seen), widget.element);
  } else if (RECURRENT.includes(organ.kind)) inner.push(whole(recurrentView(seen), stops));
  else if (organ.kind === "attention" && seen.weights) inner.push(whole(attentionView(seen), stops));
  else inner.push(units(seen));
  return { element: h("div", { class: "layer-view" }, inner), show: () => {}, stop: () => stops.forEach((stop) => stop()) };
}

function whole(view, stops) {
  stops.push(view.stop);
  return view.element;
}

function paddingOf({ padding }) {
  const [before, after] = padding[0];
  return before === after ? before : "same";
}

function facts(organ) {
  const said = SAID.flatMap((name) => {
    const value = organ.settings?.[name] ?? false;
    const plain = value === false || ((name === "dilation" || name === "groups") && [value].flat().every((v) => v === 1));
    return plain ? [] : [[name, Array.isArray(value) ? value.join(" × ") : value === true ? "yes" : String(value)]];
  });
  const all = [["in", sizeOf(organ.input_shape)], ["out", sizeOf(organ.output_shape)], ["parameters", count(organ.parameters)], ["multiply-adds", count(organ.multiply_adds)], ...said];
  return h("dl", { class: "layer-facts" }, all.map(([name, text]) => h("div", null, h("dt", null, name), h("dd", null, text))));
}

function units(seen) {
  const { organ, trace, specimen, scale } = seen;
  const output = trace.outputs.get(organ.path);
  if (isPassing(organ)) return h("p", { class: "formula-note" }, organ.kind === "flatten" ? `The ${sizeOf(organ.input_shape)} numbers stand in one row of ${count(organ.output_shape[0])}: place by place, and at each place channel by channel.` : "It hands on what it is given.");
  const limit = bounds(output.data);
  const n = Math.min(unitsOf(organ), MOST);
  const each = Array.from({ length: n }, (_, unit) => {
    const name = labelOf(organ, unit, specimen, seen.slots);
    if (formOf(organ) === "cells") return h("li", null, button("chip", [h("small", null, name), reading(output.data[unit])], () => seen.openUnit(unit), { "data-testid": `open-${unit}` }));
    const map = unitMap(organ, output, unit);
    const own = bounds(map.data);
    const one = lens({ map, scale: scale === "unit" ? undefined : scaleFor(limit), label: `${name}, from ${short(own[0])} to ${short(own[1])}`, flight: flightOf(organ.path, unit), id: `open-${unit}`, pick: () => seen.openUnit(unit) });
    return h("li", null, one.element, h("small", null, String(unit)));
  });
  const left = unitsOf(organ) - n;
  return h("div", null, h("p", { class: "formula-note" }, `${unitsOf(organ)} ${unitWord(organ)}s. Click one to see what it is made of.`), h("ol", { class: `layer-units ${formOf(organ)}` }, each), left > 0 ? h("p", { class: "formula-note" }, `and ${count(left)} more, which the picture above shows`) : null);
}
