// A player: first, back, play or pause, on, through a number of places; it says where it is.

import { h } from "./dom.js";
import { button } from "./button.js";

const WORDS = { first: ["|◀", "To the first place"], back: ["◀", "One place back"], on: ["▶", "One place on"] };

// player({count, at, every, told, what}) -> {element, set(at), stop()}; told(at) is called for every move it makes.
export function player({ count, at = 0, every = 260, told, what = "place", id = "play" }) {
  let place = at;
  let timer = null;
  const playing = button("quiet play", "", () => (timer ? stop() : play()), { "data-testid": id });
  const said = h("span", { class: "where" });
  const step = (name, by) => button("quiet icon", WORDS[name][0], by, { "aria-label": WORDS[name][1], title: WORDS[name][1], "data-testid": `${id}-${name}` });
  const element = h("div", { class: "player", role: "group", "aria-label": `Move from ${what} to ${what}` }, step("first", () => go(0)), step("back", () => go(place - 1)), playing, step("on", () => go(place + 1)), said);

  function label() {
    playing.replaceChildren(timer ? "❚❚ Pause" : "▶ Play");
    playing.setAttribute("aria-pressed", String(Boolean(timer)));
    said.textContent = `${what} ${place + 1} of ${count}`;
  }

  function go(next, { keep = false } = {}) {
    if (!keep) stop();
    place = ((next % count) + count) % count;
    label();
    told(place);
  }

  function play() {
    timer = setInterval(() => (element.isConnected ? go(place + 1, { keep: true }) : stop()), every);
    label();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    label();
  }

  function set(next) {
    place = next;
    label();
  }

  label();
  return { element, set, stop, playing: () => Boolean(timer) };
}
