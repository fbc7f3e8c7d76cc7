// What each kind of layer does and why it is there, in a few sentences.

import { h } from "../../report/static/dom.js";

const ARTICLES = {
  input: ["The input", "What the network is given: the pixels of a picture from 0 to 255, the columns of a row, the steps of a series. Everything that it says is worked out from these numbers and from its weights, and from nothing else."],
  image: ["Standardising", "Pixels are brought to a common measure: from each the mean of its colour channel over all training pictures is taken away, and what is left is divided by how much that channel varies. Training goes faster when all numbers are of about the same size. The two statistics are fixed once and never trained."],
  series: ["Standardising", "Each channel of the series is brought to mean 0 and deviation 1, by what the training series were like. A channel in volts and one in degrees then count the same."],
  sound: ["Spectrogram", "The recording is cut into short frames. For each, the strength of the tones in bands of pitch, spaced as the ear hears them, is written down as a logarithm. What was a line of samples becomes a picture with time on one axis and pitch on the other."],
  table: ["Columns as numbers", "A network works with numbers. A number stays one, brought to a common measure; a category with few values becomes one indicator for each; one with many gets a learned vector, so that values that behave alike can come to lie near each other."],
  conv: ["Convolution", "A small kernel of weights slides over its input. At each place the numbers under it are multiplied with the weights and added up; with a bias that makes one number of the result. Because the same kernel is used everywhere, an edge is found wherever it is, and there are few weights to learn. A unit has one kernel for each input channel: their results are added.", "Padding puts zeros around the input so that the borders get their turn; the stride says how far the kernel moves from place to place."],
  dense: ["Dense layer", "Each unit looks at all inputs: it multiplies every one with a weight of its own, adds them up with a bias, and sends the sum through an activation. The last dense layer has one unit for each class, and its sum, the logit, is the evidence for that class."],
  relu: ["ReLU", "The rectified linear unit lets numbers above zero through as they are and makes 0 of the rest. Without such a bend between them, many layers would be no more than one: sums of sums are sums. A unit that gives 0 is silent: what it looks for is not there."],
  activation: ["Activation", "A bend between two weighted sums. Without it many layers would be no more than one, since sums of sums are sums. ReLU cuts off at zero; sigmoid and tanh squeeze into a range; others are smooth relatives."],
  pool: ["Max pooling", "Of each window only the largest number stays. The picture gets smaller, which saves arithmetic, and it no longer matters where exactly in the window something was found. No weights are learned here."],
  avgpool: ["Mean pooling", "Of each window the mean stays. The picture gets smaller and smoother. No weights are learned here."],
  globalpool: ["Global pooling", "Each channel becomes one number: the mean, or the largest, of all its places. What was found counts, wherever it was."],
  flatten: ["Flatten", "All numbers of all channels in one long row, place by place. Nothing is worked out: a dense layer wants a list, so it gets one. Each number still belongs to one pixel of one channel."],
  answer: ["Softmax", "Logits are any numbers; probabilities are positive and add up to 1. Softmax raises e to each logit, which makes them positive and the large ones much larger, and divides by the sum of all. Only differences between logits matter: one more for all of them changes nothing."],
  batchnorm: ["Batch norm", "Each channel is brought to mean 0 and variance 1, then scaled and shifted by two learned numbers. While it trains, the mean and variance are those of the batch; afterwards running averages of them are used, the same for every example. Deep networks train faster with it."],
  layernorm: ["Layer norm", "The features of one example (at one step) are brought to mean 0 and variance 1, then scaled and shifted by learned numbers. It needs no other examples, so it does the same in training and after."],
  dropout: ["Dropout", "In training a random share of the numbers is set to zero, so that no unit can lean on one other alone. Once trained, everything is let through as it is: here you see it do nothing."],
  residual: ["Adding the shortcut", "What went into a block is added to what came out. The block only has to learn what should change, and the gradient has a short way back past it."],
  concatenate: ["Joining", "The channels of several branches, each of which saw the same input, are put side by side."],
  lstm: ["LSTM", "It reads step by step and carries two things along: a cell, which is its memory, and a hidden state, which others see. Gates, numbers from 0 to 1, say how much of the old memory is kept (forget), how much of the new is taken in (input), and how much is let out (output). Each gate is a weighted sum of what it reads and of its own last state."],
  gru: ["GRU", "It reads step by step and carries one state along. The update gate says how much of the past stays; the reset gate, how much of the past the new candidate sees."],
  rnn: ["RNN", "It reads step by step. Its state is an activation of what it reads and of its own last state. The past fades or grows with every step, which is why long memories are hard for it to learn."],
  last: ["Last step", "Of all steps, what stands at the last one is handed on: by then the layer has read everything."],
  mean: ["Mean over time", "The mean over all steps that are there: what is found counts, whenever it was."],
  max: ["Largest over time", "For each feature the largest over all steps: that it was there counts, whenever it was."],
  attention: ["Attention", "Every step asks a question of all others. Its query is compared with each step’s key by a product; softmax turns the scores into shares; and the step takes the mean of the values with these shares as weights. Several heads do so side by side, each with questions of its own."],
  transformer: ["Transformer", "Attention, then a small dense network at each step, each added to what it was given. The sums you see are those shortcuts."],
  positions: ["Positions", "Attention by itself knows nothing of order. A learned vector for each position is added, so that first and last can be told apart."],
  frames: ["Frames", "A picture is read as a sequence: one axis becomes time, what stands on the others becomes the features of a step."],
};
ARTICLES.sum = ARTICLES.residual;

export function hasArticle(kind) {
  return kind in ARTICLES;
}

// Which article explains an organ.
export function articleOf(organ) {
  if (organ.kind === "activation" && organ.settings?.function === "relu") return "relu";
  return hasArticle(organ.kind) ? organ.kind : "input";
}

export function article(kind, { close, others = [] } = {}) {
  const [title, ...text] = ARTICLES[kind] ?? ARTICLES.input;
  const links = others.filter(([other]) => other !== kind && hasArticle(other)).map(([other, open]) => h("button", { type: "button", class: "link", click: open }, ARTICLES[other][0]));
  return h("aside", { class: "article", "aria-label": `Explained: ${title}`, "data-testid": "article", tabindex: -1 }, h("div", { class: "formula-head" }, h("h3", null, title), h("button", { type: "button", class: "quiet", "data-testid": "article-close", click: close }, "Close")), text.map((paragraph) => h("p", null, paragraph)), links.length ? h("p", { class: "formula-note" }, "Also in this network: ", links.flatMap((link, i) => (i ? [" · ", link] : [link]))) : null);
}

export function infoButton(kind, open) {
  return h("button", { type: "button", class: "info", "aria-label": `What is ${ARTICLES[kind]?.[0] ?? kind}?`, title: `What is ${ARTICLES[kind]?.[0] ?? kind}?`, "data-testid": `info-${kind}`, click: () => open(kind) }, "i");
}
