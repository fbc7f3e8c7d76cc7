// What the network answers: the class and every class's probability as bars that stay where they are, or a value and how it moved.
//
// probabilities({onpick}) -> {element, update(example, {before, picked})}: onpick(class) asks for the explanation of another class.

import { h } from "./dom.js";
import { percent, short } from "./numbers.js";

const MOST = 12; // classes with a bar of their own

// A share that is neither all nor nothing never reads as such.
export function share(value) {
  if (value > 0 && value < 0.0005) return "< 0.1\u00a0%";
  if (value < 1 && value > 0.9995) return "> 99.9\u00a0%";
  return percent(value, value >= 0.0995 && value <= 0.99 ? 0 : 1);
}

export function probabilities({ onpick }) {
  const head = h("p", { class: "answer-head", "data-testid": "answer", "aria-live": "polite" });
  const truth = h("p", { class: "answer-truth" });
  const list = h("ul", { class: "odds" });
  let bars = [];

  function update(example, { before, picked }) {
    const known = example.target !== null && example.target !== undefined;
    if (!example.probabilities) return value(example, before, known);
    head.replaceChildren(h("b", { "data-testid": "predicted" }, example.predicted), h("span", { "data-testid": "sure", "data-value": example.sure }, `${share(example.sure)} sure`));
    truth.replaceChildren(...(known ? [h("b", { class: example.right ? "fits" : "fails" }, example.right ? "✓ right" : "✗ wrong"), ` it is ${example.target}, ${example.part === "judged" ? "never seen in training" : "a training example"}`] : ["Yours: nobody has said what it is."]));
    const shown = likeliest(example.probabilities);
    if (bars.map((b) => b.at).join() !== shown.join()) build(example.classes, shown);
    for (const { at, row, meter, text } of bars) {
      const name = example.classes[at];
      meter.style.setProperty("--share", example.probabilities[at]);
      text.textContent = share(example.probabilities[at]);
      text.dataset.value = example.probabilities[at];
      row.classList.toggle("likeliest", name === example.predicted);
      row.setAttribute("aria-pressed", String(name === (picked ?? example.predicted)));
    }
  }

  function build(classes, shown) {
    bars = shown.map((at) => {
      const [meter, text] = [h("span", { class: "meter", "aria-hidden": "true" }), h("span")];
      return { at, meter, text, row: h("button", { type: "button", class: "odd", title: `Explain ${classes[at]}`, "data-testid": `share-${at}`, click: () => onpick(classes[at]) }, h("span", { class: "clipped" }, classes[at]), meter, text) };
    });
    list.replaceChildren(...bars.map(({ row }) => h("li", null, row)), shown.length < classes.length ? h("li", { class: "note" }, `and ${classes.length - shown.length} less likely classes`) : "");
  }

  function value({ value: said, target }, before, known) {
    head.replaceChildren(h("b", { "data-testid": "predicted", "data-value": said }, short(said, 5)), before === null || before === said ? "" : h("span", null, `${said > before ? "+" : ""}${short(said - before)} against the example as it was`));
    truth.textContent = known ? `It is ${short(target, 5)}: ${short(Math.abs(said - target))} off.` : "";
  }

  return { element: h("div", null, head, truth, list), update };
}

function likeliest(shares) {
  const all = [...shares.keys()];
  return all.length <= MOST ? all : all.sort((a, b) => shares[b] - shares[a]).slice(0, MOST);
}
