// Self-attention as a layer does it: of each head, how much every step takes from every other.

// x [time, features], weight [features, 3 features] (query, key, value), bias: [{scores, shares}] of each head, maps [query, key].
export function attended(x, { weight, bias }, heads, { causal = false, live = null } = {}) {
  const [steps, features] = x.shape;
  const size = features / heads;
  const packed = products(x, weight, bias);
  const at = (step, kind, feature) => packed[step * 3 * features + kind * features + feature];
  return Array.from({ length: heads }, (_, head) => {
    const scores = new Float32Array(steps * steps);
    const shares = new Float32Array(steps * steps);
    for (let q = 0; q < steps; q += 1) {
      const seen = (k) => (!causal || k <= q) && (!live || live.data[k]);
      let most = -Infinity;
      for (let k = 0; k < steps; k += 1) {
        let sum = 0;
        for (let i = 0; i < size; i += 1) sum += at(q, 0, head * size + i) * at(k, 1, head * size + i);
        scores[q * steps + k] = sum / Math.sqrt(size);
        if (seen(k)) most = Math.max(most, scores[q * steps + k]);
      }
      let total = 0;
      for (let k = 0; k < steps; k += 1) total += shares[q * steps + k] = seen(k) ? Math.exp(scores[q * steps + k] - most) : 0;
      for (let k = 0; k < steps && total > 0; k += 1) shares[q * steps + k] /= total;
    }
    return { scores: { rows: steps, columns: steps, data: scores }, shares: { rows: steps, columns: steps, data: shares } };
  });
}

function products({ shape: [steps, features], data }, weight, bias) {
  const wide = weight.shape[1];
  const out = new Float64Array(steps * wide);
  for (let t = 0; t < steps; t += 1) {
    if (bias) out.set(bias.data, t * wide);
    for (let f = 0; f < features; f += 1) {
      const value = data[t * features + f];
      if (value === 0) continue;
      for (let o = 0; o < wide; o += 1) out[t * wide + o] += value * weight.data[f * wide + o];
    }
  }
  return out;
}
