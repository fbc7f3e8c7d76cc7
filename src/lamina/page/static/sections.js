// The sections of a run's page: which widget shows what, in which order, and what a reader is told about each. The
// report shows them one under the other, the studio spreads them over its views.

import { h } from "./dom.js";
import * as verdict from "./verdict.js";
import * as curves from "./curves.js";
import * as members from "./members.js";
import * as confusion from "./confusion.js";
import * as calibration from "./calibration.js";
import * as memory from "./memory.js";
import * as mistakes from "./mistakes.js";
import * as layers from "./layers.js";
import * as schema from "./schema.js";
import * as notes from "./notes.js";
import * as repeat from "./repeat.js";

const regression = (values) => values.task.kind === "regression";

// lead: one plain sentence; terms: the words of the field that the section uses.
export const SECTIONS = [
  {
    id: "curves",
    title: "Learning curves",
    widget: curves,
    lead: "Each epoch is one pass over the training rows. Both lines falling is learning; training loss that falls while validation loss rises is overfitting, which is why the weights of the best epoch are kept.",
    terms: {
      loss: "what training makes small: how far the answers are from the truth, sure mistakes counting most.",
      "training / validation": "rows the network learns from, and rows put aside to see how it does on new ones.",
      member: "one network with its own learning rate, seed and part of the data. The population is trained at once.",
    },
  },
  {
    id: "confusion",
    title: (v) => (regression(v) ? "Predictions" : "Confusion matrix"),
    widget: confusion,
    lead: (v) =>
      regression(v)
        ? "Every point is a judged row: the closer to the line, the better the prediction."
        : "A row is what an example is, a column what the network said: blue on the diagonal is right, orange beside it is wrong.",
    terms: (v) =>
      regression(v)
        ? {
            RMSE: "root mean squared error: large errors weigh more. It has the target’s unit.",
            MAE: "mean absolute error: how far off a prediction is on average.",
            "R²": "the share of the target’s variance that is explained: 1 is perfect, 0 no better than the mean.",
          }
        : {
            recall: "of all examples that are this class, the share that was found.",
            precision: "of all examples called this class, the share that is.",
            F1: "the harmonic mean of the two: high only where both are.",
          },
  },
  {
    id: "mistakes",
    title: (v) => (regression(v) ? "Largest errors" : "Worst mistakes"),
    widget: mistakes,
    lead: (v) =>
      regression(v)
        ? "The rows it missed by most: often unusual ones, or errors in the data."
        : "Wrong answers it was surest of: look here first for labels that are wrong and for what the network can’t see." +
          (v.mistakes.looks === "sounds" ? " A spectrogram runs from left to right, the low tones at its foot, bright where it is loud." : ""),
  },
  {
    id: "calibration",
    title: "Calibration",
    widget: calibration,
    hide: regression,
    lead: "When it says 80 %, is it right 80 % of the time? Dots below the line are overconfident, above it too modest; bars at the foot show how many rows there are.",
    terms: {
      confidence: "the probability given to the predicted class.",
      "expected calibration error": "the mean distance between confidence and share right, weighted by rows.",
    },
  },
  {
    id: "memory",
    title: "Memory",
    widget: memory,
    hide: (v) => Boolean(v.memory.absent),
    lead: "A recurrent layer reads step by step and keeps a state. It learns from a step only if the loss still depends on what it remembered there: where the curve sinks on its way back, the past can’t teach it; where it climbs, training is unstable.",
    terms: {
      gradient: "how much, and in which direction, the loss would change with the state at a step, by way of all later steps.",
      "vanishing / exploding": "a gradient that shrinks, or grows, by some factor with each step back.",
      gate: "a number from 0 (shut) to 1 (open) for each unit and step, by which the layer lets something through.",
      unit: "one number of the state. Those drawn are in order of how long they keep what they hold, longest on top.",
    },
  },
  {
    id: "network",
    title: "Network",
    widget: layers,
    lead: "Data flows from top to bottom. Each layer turns its input into the output shape shown; its parameters are the numbers that training found.",
    terms: {
      parameter: "a weight or bias: a number that training adjusts.",
      "multiply-add": "one multiplication and addition; their number says how much arithmetic an answer takes.",
    },
  },
  {
    id: "members",
    title: "Population",
    widget: members,
    lead: "All networks trained in this run. Validation loss chooses among them; no judged row had a say.",
  },
  {
    id: "schema",
    title: "Data",
    widget: schema,
    lead: "How each column was understood. What is unique in every row, constant or free text is left out; missing values are a state of their own.",
  },
  { id: "notes", title: "Notes", widget: notes, lead: "What was found in the data and handled without asking." },
  { id: "repeat", title: "Repeat it", widget: repeat, lead: "The same command on the same data with the same versions gives the same run." },
];

export function hero(values) {
  const element = h("section", { id: "verdict", class: "hero", "aria-label": "Verdict" });
  const state = values.state === "judged" ? "judged once, then sealed" : values.state;
  element.append(h("p", { class: "eyebrow" }, h("span", null, "Verdict"), state ? h("span", null, state) : ""));
  fill(element, verdict, values.verdict);
  return element;
}

export function titleOf(spec, values) {
  return typeof spec.title === "function" ? spec.title(values) : spec.title;
}

// A section with its heading, its widget and its words; options go to the widget. What the widget returns becomes its `widget`.
export function section(spec, values, options) {
  const said = (what) => (typeof what === "function" ? what(values) : what);
  const heading = `${spec.id}-title`;
  const element = h("section", { id: spec.id, "aria-labelledby": heading }, h("h2", { id: heading }, said(spec.title)), h("p", { class: "lead" }, said(spec.lead)));
  element.widget = fill(element, spec.widget, values[spec.id], options);
  const terms = said(spec.terms);
  if (terms && !values[spec.id].absent) element.append(words(terms));
  return element;
}

function words(terms) {
  const items = Object.entries(terms).map(([term, meaning]) => h("div", null, h("dt", null, h("dfn", null, term)), h("dd", null, meaning)));
  return h("details", { class: "terms" }, h("summary", null, "Words used here"), h("dl", null, items));
}

// One widget that fails must not take the page with it.
export function fill(element, widget, values, options) {
  try {
    return widget.render(element, values, options);
  } catch (error) {
    console.error(error);
    element.append(h("p", { class: "absent" }, "This part can’t be shown: its values are not as expected."));
  }
}
