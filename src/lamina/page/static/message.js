// What the page says to a person: that something went wrong, that there is nothing, that it is busy.

import { h } from "./dom.js";

// An error: what was given, what was expected, how to mend it.
export function failure(error, again) {
  const mend = error.mend ? h("p", { class: "mend" }, h("span", { class: "role" }, "To mend it: "), /^lamina /.test(error.mend) ? h("code", null, error.mend) : error.mend) : null;
  return h(
    "div",
    { class: "failure", role: "alert", "data-testid": "failure" },
    h("p", { class: "given" }, error.message || String(error)),
    error.expected ? h("p", null, h("span", { class: "role" }, "Expected: "), error.expected) : null,
    mend,
    again ? h("p", null, h("button", { type: "button", class: "quiet", click: again }, "Try again")) : null,
  );
}

// Nothing to show, and why.
export function nothing(why, ...more) {
  return h("div", { class: "absent" }, h("p", null, why), more);
}

// Shown only where waiting takes longer than a glance.
export function busy(text = "One moment …") {
  return h("p", { class: "busy", role: "status" }, text);
}
