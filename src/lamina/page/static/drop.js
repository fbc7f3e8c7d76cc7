// A place for a file: dropped anywhere on the page, chosen, or pasted.
//
// drop({label, accept, ending, refused, onfile}) -> {element, close()}: a file is taken by its kind (accept "image/*") or its name's ending.

import { h } from "./dom.js";
import { quiet } from "./control.js";

export function drop({ label, accept, ending, refused, onfile }) {
  const input = h("input", { type: "file", accept: `${accept},${ending.map((e) => `.${e}`)}`, class: "unseen", tabindex: -1, "aria-hidden": "true", "data-testid": "file", change: () => taken(input.files) });
  const said = h("p", { class: "drop-said", role: "status" });
  const element = h("div", { class: "drop" }, h("p", null, label), quiet("Choose a file", () => input.click()), input, said);
  const fits = (file) => file.type.startsWith(accept.replace("*", "")) || ending.includes(file.name.split(".").pop().toLowerCase());

  function taken(files) {
    const file = [...files].find(fits);
    said.textContent = file || !files.length ? "" : refused;
    if (file) onfile(file);
    input.value = "";
  }

  const aborter = new AbortController();
  const listen = (name, listener) => document.addEventListener(name, listener, { signal: aborter.signal });
  listen("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    element.classList.add("over");
  });
  listen("dragleave", () => element.classList.remove("over"));
  listen("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    taken(event.dataTransfer.files);
  });
  listen("paste", (event) => event.clipboardData?.files.length && taken(event.clipboardData.files));
  return { element, close: () => aborter.abort() };
}
