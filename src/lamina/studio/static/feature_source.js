// Where features and looks of examples come from: each is asked for once, at most two at a time, the last wanted first.

import { turns } from "./turns.js";

export function featureSource(app, layer, looks = new Map()) {
  const queue = turns(2);
  const aborter = new AbortController();
  const { signal } = aborter;
  const units = new Map();
  const once = (map, key, ask) => {
    if (!map.has(key)) map.set(key, queue.take(ask, { signal }).catch((error) => (map.delete(key), Promise.reject(error))));
    return map.get(key);
  };
  return {
    features: (unit) => once(units, unit, () => app.api("features", { layer, unit, member: app.state.member }, { signal })),
    look: (id) => once(looks, String(id), () => app.api(`examples/${id}`, {}, { signal })),
    close: () => aborter.abort(),
  };
}
