// A place for a file: dropped, chosen, or pasted.
//
// drop({label, accept, accepts, onfile}) -> {element, close()}: accepts(file) says whether a dropped or pasted file is taken.

import { h } from "../../report/static/dom.js";

export function drop({ label, accept, accepts, onfile, refused }) {
  const input = h("input", { type: "file", accept, class: "unseen", tabindex: -1, "aria-hidden": "true", "data-testid": "file", change: () => taken(input.files) });
  const button = h("button", { type: "button", class: "quiet", click: () => input.click() }, "Choose a file");
  const said = h("p", { class: "drop-said", role: "status" });
  const element = h("div", { class: "drop" }, h("p", null, label), button, input, said);

  function taken(files) {
    const file = [...(files ?? [])].find(accepts);
    said.textContent = file ? "" : files?.length ? refused : "";
    if (file) onfile(file);
    input.value = "";
  }

  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    element.classList.add("over");
  };
  const out = () => element.classList.remove("over");
  const dropped = (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    out();
    taken(event.dataTransfer.files);
  };
  const pasted = (event) => {
    if (element.offsetParent && event.clipboardData?.files.length) taken(event.clipboardData.files);
  };
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", out);
  document.addEventListener("drop", dropped);
  document.addEventListener("paste", pasted);
  return {
    element,
    close() {
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", out);
      document.removeEventListener("drop", dropped);
      document.removeEventListener("paste", pasted);
    },
  };
}

// A picture as the server reads it: PNG and JPEG as they are, what else the browser can show as PNG, huge ones smaller.
export async function pictureBytes(file, most = 2048) {
  if (/^image\/(png|jpeg)$/.test(file.type) && file.size < 4e6) return file;
  const bitmap = await createImageBitmap(file).catch(() => {
    throw Object.assign(new Error(`${file.name || "The picture"} can’t be read as a picture.`), { expected: "A PNG, JPEG, WebP or GIF file.", mend: "Save it as PNG and try again." });
  });
  const share = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const canvas = h("canvas", { width: Math.max(1, Math.round(bitmap.width * share)), height: Math.max(1, Math.round(bitmap.height * share)) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
