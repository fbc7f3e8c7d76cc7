// The page of a run: all of its sections, the rail that names them, and what stands around.

import { h } from "./dom.js";
import { toggle, preparePrinting } from "./theme.js";
import { SECTIONS, hero, section, titleOf } from "./sections.js";
import { mark } from "./mark.js";
import { format } from "./state.js";
import * as inside from "./inside.js";

const INSIDE = {
  id: "inside",
  title: "See inside",
  widget: inside,
  hide: (v) => v.state !== "judged",
  lead: "One of the trained networks with an example in it: every small picture is a unit with its real numbers. Click one to see what it is made of, down to the single multiplication.",
};
const ALL = SECTIONS.flatMap((spec) => (spec.id === "network" ? [INSIDE, spec] : [spec]));

// Fill an element with the page of a run's views.
export function show(root, values) {
  const shown = ALL.filter((s) => !(s.hide?.(values) ?? false));
  const main = h("main", { id: "main", tabindex: -1 }, hero(values), shown.map((s) => section(s, values, s.id === "mistakes" ? { opens: opener(values.inside) } : undefined)), foot(values));
  root.replaceChildren(h("a", { class: "skip", href: "#main" }, "Skip to the verdict"), top(values), h("div", { class: "page" }, rail(shown, values), main));
  preparePrinting();
  follow(main);
}

// Where an example is opened in the network, by its name; null for one that the file doesn't hold.
function opener({ answers }) {
  const ids = new Map((answers?.examples.items ?? []).map(({ name, id }) => [name, id]));
  return (name) => (ids.has(name) ? format({ view: "network", example: ids.get(name) }) : null);
}

function top(values) {
  return h("header", { class: "top" }, h("span", { class: "brand" }, mark(), "Lamina"), h("span", { class: "run", title: values.name }, values.name), toggle());
}

function rail(sections, values) {
  const link = (id, title) => h("li", null, h("a", { href: `#${id}` }, title));
  return h("nav", { class: "rail", "aria-label": "Sections" }, h("ol", null, link("verdict", "Verdict"), sections.map((s) => link(s.id, titleOf(s, values)))));
}

// The rail marks the section that is being read.
function follow(main) {
  const links = new Map([...document.querySelectorAll(".rail a")].map((a) => [a.getAttribute("href").slice(1), a]));
  const observer = new IntersectionObserver(
    (entries) => {
      const seen = entries.filter((e) => e.isIntersecting).at(-1);
      if (!seen) return;
      for (const [id, a] of links) a.toggleAttribute("aria-current", id === seen.target.id);
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  for (const element of main.querySelectorAll("section")) observer.observe(element);
}

function foot(values) {
  return h("footer", null, `Run ${values.name}. This page holds all its values and loads nothing.`);
}
