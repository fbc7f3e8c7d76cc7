// Edges of the picture: from which units of the layer before a unit takes, and how strongly its weights say so.

import { channelsSeen } from "./convolution.js";

const POOLING = ["pool", "avgpool", "globalpool", "batchnorm", "layernorm", "activation", "dropout", "image", "series", "positions", "residual", "sum", "transformer", "last", "mean", "max", "answer"];

// [{from, weight}] for unit `to` of an organ: the sum of the kernel for a convolution, its size where that is 0; null
// where weights are needed and not there yet. At most `most`, the strongest.
export function edgesInto(organ, sourceShape, to, arrays, most = 64) {
  const ins = sourceShape.at(-1);
  if (organ.kind === "conv") return arrays?.weight ? strongest(ofKernel(arrays.weight, ins, organ, to), most) : null;
  if (organ.kind === "dense") return arrays?.weight ? strongest(ofColumn(arrays.weight, to), most) : null;
  if (organ.kind === "flatten") return [{ from: to % ins, weight: null }];
  if (POOLING.includes(organ.kind)) return to < ins ? [{ from: to, weight: null }] : [];
  if (["lstm", "gru", "rnn"].includes(organ.kind)) return arrays?.weight ? strongest(ofColumn(arrays.weight, to), most) : null;
  return Array.from({ length: Math.min(ins, most) }, (_, from) => ({ from, weight: null }));
}

// What a kernel does to a flat picture is its sum: the edge's weight.
function ofKernel(weight, ins, organ, to) {
  const outs = weight.shape.at(-1);
  const inEach = weight.shape.at(-2);
  const area = weight.data.length / outs / inEach;
  return channelsSeen(ins, outs, to, organ.settings?.groups ?? 1).map(({ channel, place }) => {
    let sum = 0;
    for (let i = 0; i < area; i += 1) sum += weight.data[(i * inEach + place) * outs + to];
    return { from: channel, weight: sum };
  });
}

function ofColumn({ shape, data }, to) {
  const [ins, outs] = shape;
  return Array.from({ length: ins }, (_, from) => ({ from, weight: data[from * outs + to] }));
}

export function strongest(edges, most) {
  if (edges.length <= most) return edges;
  return [...edges].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, most);
}
