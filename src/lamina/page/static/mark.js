// The mark of Lamina, beside its name.

import { svg } from "./dom.js";

// Three thin plates: laminae.
export function mark() {
  const plate = (y, o) => svg("path", { d: `M2 ${y} 11 ${y - 4.5} 20 ${y} 11 ${y + 4.5}Z`, opacity: o });
  return svg("svg", { viewBox: "0 0 22 22", width: 22, height: 22, "aria-hidden": "true" }, plate(15.5, 0.35), plate(11, 0.6), plate(6.5, 1));
}
