// Run: the verdict, the learning curves of the population, its members, what was noticed, and how to repeat it.

import { h } from "./dom.js";
import { plural } from "./numbers.js";
import { SECTIONS, hero, section, titleOf } from "./sections.js";

const SHOWN = ["curves", "memory", "network", "members", "notes", "repeat"];

export function render(root, app) {
  const specs = SHOWN.map((id) => SECTIONS.find((spec) => spec.id === id));
  const parts = new Map(); // by id: the section's element, and the values it shows
  const body = h("div", { class: "sections" });
  const rail = h("nav", { class: "rail", "aria-label": "Sections of the run" });
  root.append(h("div", { class: "page" }, rail, body));
  const follower = following(rail);
  show(app.values);
  app.onChange(({ values }) => inPlace(body, () => show(values)));

  // Only what has changed is drawn again, in its place; plots take new values as they are.
  function show(values) {
    put("verdict", [values.verdict, values.state, values.can], () => withWays(hero(values), values, app));
    for (const spec of specs) {
      const there = values[spec.id] && !(spec.hide?.(values) ?? false);
      if (there) put(spec.id, values[spec.id], () => section(spec, values));
      else drop(spec.id);
    }
    const titles = [["verdict", "Verdict"], ...specs.filter((spec) => parts.has(spec.id)).map((spec) => [spec.id, titleOf(spec, values)])];
    follower.update(titles, (id) => parts.get(id).element);
  }

  function put(id, values, make) {
    const text = JSON.stringify(values);
    const old = parts.get(id);
    if (old?.text === text) return;
    if (old?.element.widget?.update?.(values)) return void (old.text = text);
    const element = make();
    if (old) {
      const open = [...old.element.querySelectorAll("details")].map((details) => details.open);
      element.querySelectorAll("details").forEach((details, i) => (details.open = open[i] ?? false));
      old.element.replaceWith(element);
    } else {
      const before = ["verdict", ...SHOWN].slice(0, ["verdict", ...SHOWN].indexOf(id)).findLast((other) => parts.has(other));
      if (before) parts.get(before).element.after(element);
      else body.prepend(element);
    }
    parts.set(id, { element, text });
  }

  function drop(id) {
    parts.get(id)?.element.remove();
    parts.delete(id);
  }

  return { update() {}, close: follower.close };
}

const READ = "figure, h2, h3, p, .controls, .scroll, .card, dl"; // what a reader's eye may rest on

// Change what is shown without moving what is being read: the thing with the focus, or the first that is seen whole.
function inPlace(body, change) {
  const seen = [document.activeElement, ...body.querySelectorAll(READ)].filter((element) => body.contains(element));
  const tops = seen.map((element) => ({ element, top: element.getBoundingClientRect().top })).filter(({ top }) => top >= 54 && top < innerHeight);
  change();
  const anchor = tops.find(({ element }) => element.isConnected);
  if (anchor && scrollY > 0) scrollBy({ top: anchor.element.getBoundingClientRect().top - anchor.top, behavior: "instant" });
}

// From the verdict to where one can look further.
function withWays(element, values, app) {
  const wrong = values.mistakes?.wrong;
  const ways = [
    values.can?.inside && ["network", "See inside the network", "down to one multiplication"],
    !values.mistakes?.absent && ["mistakes", wrong ? `Look at its ${plural(wrong, "mistake")}` : "Where it is wrong", "and how sure it was"],
    values.can?.inside && ["try", "Try it", "on an example of your own"],
  ].filter(Boolean);
  if (ways.length) element.append(h("ul", { class: "onward" }, ways.map(([view, text, more]) => h("li", null, h("a", { href: app.href({ view }), "data-testid": `onward-${view}` }, h("b", null, text), h("small", null, more))))));
  return element;
}

// The rail marks the section that is being read, and goes to others without touching the address.
function following(rail) {
  let links = new Map();
  const observer = new IntersectionObserver(
    (entries) => {
      const seen = entries.filter((e) => e.isIntersecting).at(-1);
      if (seen) for (const [id, link] of links) link.toggleAttribute("aria-current", id === seen.target.id);
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  return {
    update(titles, element) {
      const link = ([id, title]) => {
        const go = (event) => {
          event.preventDefault();
          element(id).scrollIntoView();
        };
        return [id, h("a", { href: location.hash || "#", click: go }, title)];
      };
      if ([...links.keys()].join() !== titles.map(([id]) => id).join()) {
        links = new Map(titles.map(link));
        rail.replaceChildren(h("ol", null, [...links.values()].map((a) => h("li", null, a))));
      }
      observer.disconnect();
      for (const [id] of titles) observer.observe(element(id));
    },
    close: () => observer.disconnect(),
  };
}
