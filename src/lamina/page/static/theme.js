// Light and dark: the system's, until a person chooses; and colours of the style sheet for what is drawn on a canvas.

import { h } from "./dom.js";

const listeners = new Map();

// The listener is forgotten once the element that it draws has left the page.
export function onThemeChange(listener, element) {
  listeners.set(listener, element);
}

function told() {
  for (const [listener, element] of listeners) {
    if (element && !element.isConnected) listeners.delete(listener);
    else listener();
  }
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  told();
}

// The colour that a custom property has on an element now.
export function colour(element, name) {
  element.style.color = `var(${name})`;
  return getComputedStyle(element).color;
}

export function toggle() {
  const text = () => (isDark() ? "Light" : "Dark");
  const button = h("button", { type: "button", class: "quiet", click: () => setTheme(isDark() ? "light" : "dark") });
  const label = () => button.replaceChildren(h("span", { class: "moon", "aria-hidden": "true" }), text(), h("span", { class: "unseen" }, " colours"));
  onThemeChange(label);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", told);
  label();
  return button;
}

// Paper is light and shows what is folded.
export function preparePrinting() {
  let before;
  let opened = [];
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
    setTheme("light");
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    setTheme(before);
  });
}
