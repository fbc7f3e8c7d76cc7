// The network opened within the report: the studio's own view, asked about the examples that the file holds.

import { absent, h } from "./dom.js";
import { holder } from "./held.js";
import { failure } from "./message.js";
import { format, merged, parse } from "./state.js";
import * as network from "./view_network.js";

const VIEW = "network";

export function render(element, inside) {
  if (inside.absent) return absent(element, inside.absent);
  const root = h("div", { class: "view view-network", "data-testid": "view-network" });
  const said = h("div", { class: "unseen", role: "status" });
  const more = h("p", { class: "reading" }, opens(inside), h("code", null, inside.command), " opens all of them, on all examples and on your own.");
  element.append(more, root, said);
  show(root, app(inside, said)).catch((error) => {
    console.error(error);
    root.replaceChildren(failure(Object.assign(new Error("The network can’t be opened here."), { mend: inside.command })));
  });
}

function opens({ whole, answers }) {
  if (whole) return "Every unit can be opened with these examples. ";
  const convolves = Object.keys(answers).some((at) => at.startsWith("weights?") && at.includes(".conv&"));
  return `${convolves ? "The channels of convolutions and the" : "The"} strongest units of each layer can be opened. `;
}

// An address that names a place in the network is gone to: a mistake's link, or that with which the page was opened.
async function show(root, given) {
  const page = await network.render(root, given);
  const come = () => root.closest("section").scrollIntoView({ block: "start" });
  given.listen((state) => page.update(state));
  addEventListener("popstate", () => {
    if (location.hash && !named(location.hash)) return; // another section's
    given.take(asked());
    page.update(given.state);
  });
  document.addEventListener("click", (event) => {
    const href = event.target.closest?.("a")?.getAttribute("href") ?? "";
    if (!named(href) || event.defaultPrevented) return;
    event.preventDefault();
    given.go({ example: null, layer: null, unit: null, cell: null, channel: null, rival: null, ...parse(href) });
    come();
  });
  if (named(location.hash)) come();
}

const named = (hash) => new URLSearchParams(hash.replace(/^#/, "")).get("view") === VIEW;
const asked = () => (named(location.hash) ? parse(location.hash) : { view: VIEW });

// What the view is given; its state lives behind "#", as in the studio.
function app(inside, said) {
  let state = asked();
  let heard = () => {};
  return {
    live: false,
    api: holder(inside),
    values: {},
    get state() {
      return { ...state };
    },
    take: (next) => (state = next),
    listen: (listener) => (heard = listener),
    go(changes, { replace = false } = {}) {
      state = merged(state, changes);
      history[replace ? "replaceState" : "pushState"](null, "", format(state));
      heard({ ...state });
    },
    href: (changes) => format(merged(state, changes)),
    say: (text) => (said.textContent = text),
  };
}
