// Small controls that the views Try it and Features share, and a question whose newest answer alone is shown.

import { h, choice } from "./dom.js";
import { latest } from "./latest.js";
import { failure } from "./message.js";

export const quiet = (text, click, testid, more) => h("button", { type: "button", class: "quiet", "data-testid": testid, click, ...more }, text);
export const ticked = (...parts) => h("label", { class: "tick" }, parts);
export const note = (...parts) => h("p", { class: "note" }, parts);
export const options = (names) => names.map((name) => h("option", null, name));

// What has keys of its own: a pad, a map, a plane.
export const keyed = (kind, testid, label = "") => ({ tabindex: 0, role: "application", "aria-roledescription": kind, "aria-label": label, "data-testid": testid });

// A choice that can be marked from outside: {element, mark(value)}. The test ids are the prefix and the value.
export function marked(label, offered, chosen, onchoose, prefix) {
  const element = choice(label, offered, chosen, onchoose);
  const buttons = [...element.children];
  buttons.forEach((button, i) => (button.dataset.testid = `${prefix}-${offered[i][0]}`));
  return { element, mark: (value) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(offered[i][0] === value))) };
}

// question(app, path, shown) -> {element, put(params, about), close()}: shown(answer, about); the element says what went wrong.
export function question(app, path, shown) {
  const element = h("div");
  const queue = latest(({ params }, { signal }) => app.api(path, { ...params, member: app.state.member }, { signal }), told);

  function told({ question: asked, answer, error }) {
    element.replaceChildren(...(error ? [failure(error, () => queue.put(asked))] : []));
    shown(error ? null : answer, asked.about);
  }

  return { element, put: (params, about) => queue.put({ params, about }), close: queue.stop };
}
