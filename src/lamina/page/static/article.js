// What each kind of layer does and why it is there, in a few sentences.

import { h } from "./dom.js";
import { button } from "./button.js";

const ARTICLES = {
  input: ["The input", "What the network is given. All that it says is worked out from these numbers and from its weights."],
  image: ["Standardising", "From each pixel the mean of its colour channel over all training pictures is taken away, and what is left is divided by how much that channel varies. Training goes faster when all numbers are of about the same size."],
  series: ["Standardising", "Each channel is brought to mean 0 and deviation 1, by what the training series were like: one in volts and one in degrees then count the same."],
  sound: ["Spectrogram", "The recording is cut into short frames; for each, the strength of bands of pitch is written down as a logarithm. A line of samples becomes a picture of time and pitch."],
  table: ["Columns as numbers", "A number stays one, brought to a common measure; a category with few values becomes one indicator for each; one with many gets a learned vector, so that values that behave alike can come to lie near each other."],
  conv: ["Convolution", "A small kernel of weights slides over its input. At each place the numbers under it are multiplied with the weights and added up; with a bias that makes one number of the result. The same kernel everywhere finds an edge wherever it is, with few weights to learn. A unit has one kernel for each input channel; their results are added.", "Padding puts zeros around the input so that the borders get their turn; the stride says how far the kernel moves from place to place."],
  dense: ["Dense layer", "Each unit multiplies every input with a weight of its own, adds them up with a bias, and sends the sum through an activation. The last one has a unit for each class, whose sum, the logit, is the evidence for it."],
  relu: ["ReLU", "It lets numbers above zero through as they are and makes 0 of the rest. Without such a bend many layers would be no more than one: sums of sums are sums. A unit that gives 0 is silent: what it looks for is not there."],
  activation: ["Activation", "A bend between two weighted sums, without which many layers would be no more than one. ReLU cuts off at zero; sigmoid and tanh squeeze into a range."],
  pool: ["Max pooling", "Of each window only the largest number stays. The picture gets smaller, and it no longer matters where exactly in the window something was found. Nothing is learned here."],
  avgpool: ["Mean pooling", "Of each window the mean stays: the picture gets smaller and smoother. Nothing is learned here."],
  globalpool: ["Global pooling", "Each channel becomes one number: the mean, or the largest, of all its places. What was found counts, wherever it was."],
  flatten: ["Flatten", "All numbers of all channels in one long row: a dense layer wants a list, so it gets one. Each number still belongs to one pixel of one channel."],
  answer: ["Softmax", "Softmax raises e to each logit, which makes them positive and the large ones much larger, and divides by the sum of all: shares that add up to 1. Only differences between logits matter."],
  batchnorm: ["Batch norm", "Each channel is brought to mean 0 and variance 1, then scaled and shifted by two learned numbers. In training the statistics are those of the batch; afterwards running averages of them are used, the same for every example."],
  layernorm: ["Layer norm", "The features of one example (at one step) are brought to mean 0 and variance 1, then scaled and shifted by learned numbers."],
  dropout: ["Dropout", "In training a random share of the numbers is set to zero, so that no unit can lean on one other alone. Here you see it do nothing: a trained network lets everything through."],
  residual: ["Adding the shortcut", "What went into a block is added to what came out. The block only has to learn what should change, and the gradient has a short way back past it."],
  concatenate: ["Joining", "The channels of several branches, each of which saw the same input, are put side by side."],
  lstm: ["LSTM", "It reads step by step and carries along a cell, its memory, and a hidden state, which others see. Gates from 0 to 1 say how much of the old memory is kept (forget), of the new taken in (input), and let out (output). Each is made of what it reads and of its own last state."],
  gru: ["GRU", "It reads step by step and carries one state along. The update gate says how much of the past stays; the reset gate, how much of the past the new candidate sees."],
  rnn: ["RNN", "It reads step by step; its state is made of what it reads and of its own last state. The past fades or grows with every step, so long memories are hard to learn."],
  last: ["Last step", "Of all steps, what stands at the last one is handed on: by then the layer has read everything."],
  mean: ["Mean over time", "The mean over all steps that are there: what is found counts, whenever it was."],
  max: ["Largest over time", "For each feature the largest over all steps: that it was there counts, whenever it was."],
  attention: ["Attention", "Every step compares its query with each step’s key by a product; softmax turns these scores into shares; and it takes the mean of the values, weighted by the shares. Several heads do so side by side."],
  transformer: ["Transformer", "Attention, then a small dense network at each step, each added to what it was given."],
  positions: ["Positions", "Attention knows nothing of order: a learned vector for each position is added."],
  frames: ["Frames", "A picture is read as a sequence: one axis becomes time, the others the features of a step."],
};
ARTICLES.sum = ARTICLES.residual;

export function hasArticle(kind) {
  return kind in ARTICLES;
}

export function articleOf(organ) {
  if (organ.kind === "activation" && organ.settings?.function === "relu") return "relu";
  return hasArticle(organ.kind) ? organ.kind : "input";
}

export function article(kind, { close, others = [] } = {}) {
  const [title, ...text] = ARTICLES[kind] ?? ARTICLES.input;
  const links = others.filter(([other]) => other !== kind && hasArticle(other)).map(([other, open]) => button("link", ARTICLES[other][0], open));
  return h("aside", { class: "article", "aria-label": `Explained: ${title}`, "data-testid": "article", tabindex: -1 }, h("div", { class: "formula-head" }, h("h3", null, title), button("quiet", "Close", close, { "data-testid": "article-close" })), text.map((paragraph) => h("p", null, paragraph)), links.length ? h("p", { class: "formula-note" }, "Also in this network: ", links.flatMap((link, i) => (i ? [" · ", link] : [link]))) : null);
}

// named: with the word itself, where two stand beside each other.
export function infoButton(kind, open, { named = false } = {}) {
  const title = `What is ${ARTICLES[kind]?.[0] ?? kind}?`;
  return button(`info ${named ? "named" : ""}`, named ? kind : "i", () => open(kind), { "aria-label": title, title, "data-testid": `info-${kind}` });
}
