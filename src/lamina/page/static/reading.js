// Readings: numbers as text for eyes, with their full precision beside them for whoever checks.

import { h } from "./dom.js";
import { short } from "./numbers.js";

// <data data-value="0.12345678" …>0.123</data>
export function reading(value, { id, digits = 3, sign = false, name } = {}) {
  const element = h("data", { class: "num", "data-testid": id ?? null, "aria-label": name ?? null });
  return put(element, value, { digits, sign });
}

export function put(element, value, { digits = 3, sign = false } = {}) {
  const text = (sign && value > 0 ? "+" : "") + short(value, digits);
  if (element.dataset.value === String(value) && element.textContent === text) return element;
  element.dataset.value = String(value);
  element.value = String(value);
  element.textContent = text;
  element.classList.toggle("below", value < 0);
  element.classList.toggle("zero", value === 0);
  return element;
}

export function swing(value, most) {
  const share = most > 0 ? Math.min(1, Math.abs(value) / most) : 0;
  return h("span", { class: `swing ${value < 0 ? "below" : "above"}`, "aria-hidden": "true", style: { "--share": share.toFixed(4) } });
}

export function setSwing(element, value, most) {
  element.className = `swing ${value < 0 ? "below" : "above"}`;
  element.style.setProperty("--share", (most > 0 ? Math.min(1, Math.abs(value) / most) : 0).toFixed(4));
}
