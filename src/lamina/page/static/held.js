// Answers that the file itself holds, in the place of a server's: found by the address that is asked. No DOM.

import { decode } from "./arrays.js";

const EXAMPLES = "examples"; // all that are held come whole, whatever part of them is asked for

// A question as it is written among the answers: its words in the order of their names.
export function addressOf(path, params = {}) {
  const said = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const words = new URLSearchParams(said.map(([name, value]) => [name, String(value)]));
  words.sort();
  const query = words.toString().replaceAll("%2C", ",");
  return query && path !== EXAMPLES ? `${path}?${query}` : path;
}

// holder(inside) -> ask(path, params), which answers as the studio does, or says how to ask it.
export function holder({ answers, command }) {
  return async (path, params) => {
    const answer = answers[addressOf(path, params)];
    if (answer !== undefined) return decode(answer);
    const what = path === "unit" ? "The arithmetic of this unit" : "This";
    throw Object.assign(new Error(`${what} is more than this file holds.`), {
      expected: path === "unit" ? "One of the strongest units of its layer, or of a smaller layer." : "What the file holds.",
      mend: command,
    });
  };
}
