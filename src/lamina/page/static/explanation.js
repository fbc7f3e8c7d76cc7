// Why this answer: the way of asking is chosen, the picture is drawn, and a sentence says what counted most.
//
// explanation(app, {kind, organs, onmethod}) -> {element, put(example), close()}: only the newest example is explained.

import { h } from "./dom.js";
import { marked, question } from "./control.js";
import { held } from "./decided.js";
import { saliencyMap } from "./saliency_map.js";

const METHODS = {
  gradient: ["Gradient", "How the answer would move if a number moved a little."],
  integrated: ["Integrated", "What each number added on the way from an empty example to this one. All of them sum to what the answer gained."],
  smoothgrad: ["SmoothGrad", "The gradient, averaged over noisy copies: less speckled."],
  gradcam: ["Grad-CAM", "Where the last convolution saw what speaks for the answer. Coarse, and never negative."],
  occlusion: ["Occlusion", "What the answer loses when a piece is hidden, or a column has its usual value."],
};

export function explanation(app, { kind, organs, onmethod }) {
  const names = Object.keys(METHODS).filter((name) => name !== "gradcam" || (kind !== "table" && organs.some((o) => o.kind === "conv")));
  const method = () => (names.includes(app.state.method) ? app.state.method : kind === "table" ? "occlusion" : "integrated");
  const chooser = marked("How to ask", names.map((name) => [name, METHODS[name][0]]), method(), onmethod, "method");
  const map = saliencyMap();
  const said = h("p", { class: "why-said", "data-testid": "decided", "aria-live": "polite" });
  const about = h("p", { class: "note" });
  const shown = h("div", null, said, map.element);
  const asking = question(app, "saliency", told);
  let asked = "";

  function put(example) {
    const next = [example.id, method(), app.state.target].join();
    if (next === asked) return;
    asked = next;
    about.textContent = METHODS[method()][1];
    chooser.mark(method());
    asking.put({ example: example.id, method: method(), target: example.probabilities && app.state.target }, example);
  }

  function told(saliency, example) {
    shown.hidden = !saliency;
    if (!saliency) return void (asked = "");
    map.update(example, saliency);
    said.textContent = saliency.words + (kind === "table" ? "" : held(saliency.places));
  }

  return { element: h("div", null, chooser.element, about, shown, asking.element), put, close: asking.close };
}
