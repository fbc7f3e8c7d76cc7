// What the network answers: the class and every class's probability as bars that stay where they are, or a value and what moved it.
//
// probabilities({onpick}) -> {element, update(example, {before})}: onpick(class) asks for the explanation of another class.

import { h } from "../../report/static/dom.js";
import { fixed, percent, short, signed } from "../../report/static/numbers.js";

const MOST = 12; // classes with a bar of their own

export function probabilities({ onpick }) {
  const head = h("p", { class: "answer-head", "data-testid": "answer", "aria-live": "polite" });
  const truth = h("p", { class: "answer-truth" });
  const list = h("ol", { class: "odds" });
  const element = h("div", { class: "answer" }, head, truth, list);
  let bars = [];

  function update(example, { before = null, picked = null } = {}) {
    if (example.probabilities) sure(example, picked);
    else value(example, before);
  }

  function sure(example, picked) {
    head.replaceChildren(h("b", { "data-testid": "predicted" }, example.predicted), h("span", { class: "how-sure", "data-testid": "sure", "data-value": example.sure }, `${share(example.sure)} sure`));
    const known = example.target !== null && example.target !== undefined;
    truth.replaceChildren(...(known ? [h("span", { class: example.right ? "fits" : "fails" }, example.right ? "✓ right" : "✗ wrong"), ` it is ${example.target}${example.part === "judged" ? ", never seen in training" : example.part === "training" ? ", a training example" : ""}`] : ["Yours: nobody has said what it is."]));
    const shown = shownClasses(example);
    if (bars.map((b) => b.at).join() !== shown.join()) build(example.classes, shown);
    for (const { at, row, meter, text } of bars) {
      const part = example.probabilities[at];
      meter.style.setProperty("--share", part);
      text.textContent = share(part);
      text.dataset.value = part;
      row.classList.toggle("likeliest", example.classes[at] === example.predicted);
      row.setAttribute("aria-pressed", String(example.classes[at] === (picked ?? example.predicted)));
    }
  }

  function build(classes, shown) {
    bars = shown.map((at) => {
      const meter = h("span", { class: "meter", "aria-hidden": "true" });
      const text = h("span", { class: "odd-share" });
      const row = h("button", { type: "button", class: "odd", title: `Explain ${classes[at]}`, click: () => onpick(classes[at]), "data-testid": `share-${at}` }, h("span", { class: "odd-name" }, classes[at]), meter, text);
      return { at, row, meter, text };
    });
    list.replaceChildren(...bars.map(({ row }) => h("li", null, row)));
    if (shown.length < classes.length) list.append(h("li", { class: "note" }, `and ${classes.length - shown.length} classes that are less likely`));
  }

  function value(example, before) {
    const said = example.value ?? example.predicted;
    const moved = before === null ? null : said - before;
    head.replaceChildren(h("b", { "data-testid": "predicted", "data-value": said }, short(said, 5)), moved ? h("span", { class: "how-sure" }, `${signed(moved, places(moved))} against the example as it was`) : "");
    const known = example.target !== null && example.target !== undefined;
    truth.textContent = known ? `It is ${short(example.target, 5)}: ${fixed(Math.abs(example.error ?? said - example.target), places(example.error ?? 1))} off.` : "";
    list.replaceChildren();
    bars = [];
  }

  return { element, update };
}

// A share that is neither all nor nothing never reads as such.
export function share(value) {
  if (value > 0 && value < 0.0005) return "< 0.1\u00a0%";
  if (value < 1 && value > 0.9995) return "> 99.9\u00a0%";
  return percent(value, value >= 0.0995 && value <= 0.99 ? 0 : 1);
}

function shownClasses({ probabilities: shares }) {
  const all = shares.map((_, at) => at);
  if (shares.length <= MOST) return all;
  return all.sort((a, b) => shares[b] - shares[a] || a - b).slice(0, MOST);
}

function places(value) {
  return value ? Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value))))) : 2;
}
