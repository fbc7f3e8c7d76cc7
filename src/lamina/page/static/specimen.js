// What is looked at: one network of a run with one example in it. Answers are asked for once and kept.

import { mapOf } from "./convolution.js";
import { formOf, nameOf } from "./organ.js";

const KEPT = 24; // traces, gradients and gates that are remembered

export async function openSpecimen(api, member) {
  const network = await api("network", { member });
  const byPath = new Map(network.organs.map((organ) => [organ.path, organ]));
  const remembered = new Map();

  function once(key, ask) {
    if (remembered.has(key)) return remembered.get(key);
    const asked = ask().catch((error) => {
      remembered.delete(key); // what failed may be asked again
      throw error;
    });
    remembered.set(key, asked);
    const volatile = [...remembered.keys()].filter((k) => !k.startsWith("weights"));
    if (volatile.length > KEPT) remembered.delete(volatile[0]);
    return asked;
  }

  const loaded = new Map(); // weights that have come, for what draws without waiting

  const specimen = {
    ...network,
    task: network.task.kind,
    member,
    byPath,
    organ: (path) => byPath.get(path),
    source: (organ) => byPath.get(organ.sources[0]),
    nameOf: (organ) => nameOf(organ, network.task.kind),
    // The layer whose output is asked about the classes: the one before the answer.
    logits: byPath.get(byPath.get("answer")?.sources[0]),
    trace: (example) =>
      once(`trace ${example}`, async () => {
        const trace = await api("trace", { example, member });
        return { ...trace, outputs: new Map(trace.steps.map((step) => [step.path, step.output])) };
      }),
    weights: (path) =>
      once(`weights ${path}`, async () => {
        const { arrays } = await api("weights", { layer: path, member });
        loaded.set(path, arrays);
        return arrays;
      }),
    weightsNow: (path) => loaded.get(path) ?? null,
    unit: (example, path, index, signal) => api("unit", { example, layer: path, index: index.join(","), member }, { signal }),
    backward: (example, rate, signal) => once(`backward ${example} ${rate}`, () => api("backward", { example, rate, member }, { signal })),
    gates: (example) => once(`gates ${example}`, () => api("gates", { example, member })),
  };
  return specimen;
}

export function unitMap(organ, output, unit) {
  if (formOf(organ) === "cells") return { rows: 1, columns: 1, data: output.data.subarray(unit, unit + 1) };
  return mapOf(output, unit);
}

export function bounds(data, [low, high] = [Infinity, -Infinity]) {
  for (let i = 0; i < data.length; i += 1) {
    const value = data[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
