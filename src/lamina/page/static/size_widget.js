// How a window's sizes make the size of what comes out: input, padding, kernel and stride to try, with the window moving.

import { h, svg } from "./dom.js";
import { figure } from "./button.js";
import { player } from "./player.js";
import { inWords, LIMITS, resulting, start } from "./sizes.js";

const NAMES = { size: "input size", padding: "padding", kernel: "kernel size", stride: "stride" };
const CELL = 10;

export function sizeWidget(given, what = "kernel") {
  let now = { ...given, size: Math.min(given.size, LIMITS.size[1]) };
  let moving = null;
  const picture = h("div", { class: "size-pictures" });
  const said = h("p", { class: "equation", "data-testid": "size-words" });
  const refused = h("p", { class: "refused", role: "alert", "data-testid": "size-refusal" });
  const result = h("output", { "data-testid": "size-result" });
  const fields = Object.keys(NAMES).map((name) => field(name));
  const element = h(
    "div",
    { class: "formula size-widget", role: "group", "aria-label": "How the size comes about", "data-testid": "size-widget" },
    h("h3", null, "How the size comes about"),
    h("div", { class: "size-row" }, h("div", { class: "size-fields" }, fields.map((one) => one.element), h("p", { class: "size-result" }, "size of the result: ", result), said, refused), picture),
    given.size > LIMITS.size[1] ? h("p", { class: "formula-note" }, `Drawn for an input of ${LIMITS.size[1]}; this layer’s is ${given.size}.`) : null,
  );

  function field(name) {
    const [low, high] = LIMITS[name];
    const number = h("input", { type: "number", min: low, max: high, value: now[name], placeholder: "same", "data-testid": `size-${name}`, "aria-label": name === "kernel" ? `${what} size` : NAMES[name], input: () => set(name, number.value === "" ? (name === "padding" ? "same" : NaN) : Number(number.value)) });
    return { name, number, element: h("label", { class: "size-field" }, h("span", null, name === "kernel" ? `${what} size` : NAMES[name]), number) };
  }

  function set(name, value) {
    now = { ...now, [name]: value };
    const one = fields.find((field_) => field_.name === name);
    if (Number(one.number.value) !== value) one.number.value = String(value);
    draw();
  }

  function draw() {
    moving?.stop();
    const found = resulting(now);
    const { refusal } = found;
    for (const one of fields) one.number.setAttribute("aria-invalid", String(Boolean(refusal)));
    refused.textContent = refusal ? `${refusal.given} ${refusal.mend}` : "";
    refused.hidden = !refusal;
    said.textContent = refusal ? "" : inWords(now, found) + (found.unused ? `; ${found.unused} left over at the end` : "");
    result.value = refusal ? "–" : `${found.places} × ${found.places}`;
    result.dataset.value = refusal ? "" : String(found.places);
    if (refusal) return picture.replaceChildren();
    return animate(found);
  }

  function animate(found) {
    const { places, padded, before } = found;
    const from = grid(padded, (i) => i < before || i >= padded - found.after, "what goes in, with its padding");
    const to = grid(places, () => false, "what comes out");
    const window = svg("rect", { class: "window-box", width: now.kernel * CELL, height: now.kernel * CELL });
    const mark = svg("rect", { class: "mark-box", width: CELL, height: CELL });
    from.append(window);
    to.append(mark);
    const put = (at) => {
      const [row, column] = [Math.floor(at / places), at % places];
      window.setAttribute("x", (start(column, { stride: now.stride, before }) + before) * CELL);
      window.setAttribute("y", (start(row, { stride: now.stride, before }) + before) * CELL);
      mark.setAttribute("x", column * CELL);
      mark.setAttribute("y", row * CELL);
    };
    moving = player({ count: places * places, every: 220, id: "size-play", told: put });
    put(0);
    picture.replaceChildren(figure(`in: ${now.size}${padded > now.size ? ` + ${padded - now.size} of padding` : ""}`, from), h("span", { class: "arrow" }, "→"), figure(`out: ${places}`, to), moving.element);
  }

  draw();
  return { element, stop: () => moving?.stop() };
}

function grid(n, isPadding, label) {
  const side = n * CELL;
  const lines = Array.from({ length: n + 1 }, (_, i) => `M0 ${i * CELL}H${side}M${i * CELL} 0V${side}`).join("");
  const pads = Array.from({ length: n }, (_, i) => (isPadding(i) ? [svg("rect", { class: "pad", x: i * CELL, y: 0, width: CELL, height: side }), svg("rect", { class: "pad", x: 0, y: i * CELL, width: side, height: CELL })] : null)).filter(Boolean);
  return svg("svg", { class: "size-grid", viewBox: `-1 -1 ${side + 2} ${side + 2}`, role: "img", "aria-label": `${label}: ${n} by ${n}`, style: { "--side": `${Math.min(300, Math.max(70, n * 13))}px` } }, pads, svg("path", { d: lines }));
}
