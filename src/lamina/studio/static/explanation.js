// Why this answer: the way of asking is chosen, the picture is drawn, and a sentence says what counted most.
//
// explanation(app, {methods, onmethod}) -> {element, put(example), close()}: only the newest example is explained.

import { h, choice } from "../../report/static/dom.js";
import { words } from "./decided.js";
import { latest } from "./latest.js";
import { failure } from "./message.js";
import { saliencyMap } from "./saliency_map.js";

export const METHODS = {
  gradient: ["Gradient", "How the answer would move if a number moved a little."],
  integrated: ["Integrated", "What each number added on the way from an empty example to this one. All of them sum to what the answer gained."],
  smoothgrad: ["SmoothGrad", "The gradient, averaged over noisy copies: less speckled."],
  gradcam: ["Grad-CAM", "Where the last convolution saw what speaks for the answer. Coarse, and never negative."],
  occlusion: ["Occlusion", "What the answer loses when a piece of the example is hidden."],
};
const PROPER = { image: "integrated", series: "integrated", sound: "integrated", table: "occlusion" };

export function methodsFor(kind, organs) {
  return Object.keys(METHODS).filter((name) => name !== "gradcam" || (kind !== "table" && organs.some((o) => o.kind === "conv")));
}

export function explanation(app, { kind, organs, onmethod }) {
  const methods = methodsFor(kind, organs);
  const map = saliencyMap();
  const said = h("p", { class: "why-said", "data-testid": "decided", "aria-live": "polite" });
  const about = h("p", { class: "note" });
  const trouble = h("div");
  const chooser = h("div", { class: "why-methods" });
  const element = h("div", { class: "why" }, chooser, about, said, map.element, trouble);
  const queue = latest(ask, told);
  let chosen = null;
  let asked = "";
  choose();

  function method() {
    return methods.includes(app.state.method) ? app.state.method : PROPER[kind];
  }

  function choose() {
    if (method() === chosen) return;
    chosen = method();
    about.textContent = kind === "table" && chosen === "occlusion" ? "What the answer loses when a column has its usual value." : METHODS[chosen][1];
    if (!chooser.firstChild) chooser.append(choice("How to ask", methods.map((name) => [name, METHODS[name][0]]), chosen, onmethod));
    for (const [i, button] of [...chooser.querySelectorAll("button")].entries()) {
      button.setAttribute("aria-pressed", String(methods[i] === chosen));
      button.dataset.testid = `method-${methods[i]}`;
    }
  }

  function ask(example, { signal }) {
    return app.api("saliency", { example: example.id, method: method(), target: example.probabilities ? app.state.target : null, member: app.state.member }, { signal });
  }

  function told({ question: example, answer: saliency, error }) {
    trouble.replaceChildren(...(error ? [failure(error)] : []));
    map.element.hidden = said.hidden = Boolean(error);
    if (error) return void (asked = "");
    map.update(example, saliency);
    said.textContent = sentence(example, saliency);
  }

  return {
    element,
    put(example) {
      choose();
      const next = [example.id, method(), app.state.target].join();
      if (next === asked) return;
      asked = next;
      queue.put(example);
    },
    close: queue.stop,
    times: queue.times,
  };
}

function sentence(example, saliency) {
  const answer = saliency.target === null ? "a higher value" : `“${example.classes[saliency.target]}”`;
  const columns = Object.entries(saliency.columns ?? {}).map(([name, value]) => [name, Number.isFinite(value) ? value : 0]);
  const values = example.kind === "table" ? { shape: [columns.length, 1], data: Float32Array.from(columns, ([, value]) => value) } : saliency.places;
  return words(example.kind, values, { answer, method: saliency.method, seconds: example.look.seconds ?? values.shape[0], columns: columns.map(([name]) => name), channels: 1 });
}
