// Looking closer at a plot: the wheel (once the plot has the focus, or with Ctrl), a drag, two fingers, keys and buttons.
//
// looking(frame, plot) -> {shown(span, whole)}. The plot gives scale() with x, left and right, span(), across(), and hears
// look(span | null), point({x, y, from} | null) and pick({x, y}). Seen whole, a drag chooses what to look at; closer, it moves.

import { h } from "./dom.js";
import { short } from "./numbers.js";
import { moved, pinched, zoomed } from "./span.js";

const STEP = 1.6; // a key's or a button's
const DRAG = 5; // pixels that a click may move

export function looking(frame, plot) {
  const pointers = new Map();
  const said = h("span", { class: "unseen", role: "status" });
  const button = (text, name, act) => h("button", { type: "button", "aria-label": name, title: name, click: act }, text);
  const back = button("↺", "All of it", () => plot.look(null));
  const tools = h("div", { class: "zoomer", role: "group", "aria-label": "Look closer" }, button("−", "Farther", () => by(1 / STEP)), button("+", "Closer", () => by(STEP)), back);
  let gesture = null;
  let closer = false;
  frame.setAttribute("tabindex", "0");
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Plot: plus and minus look closer or farther, arrows move, 0 shows all");
  frame.append(tools, said);
  back.disabled = true;

  function place(event) {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  function by(factor, x) {
    const scale = plot.scale();
    if (scale) plot.look(zoomed(plot.span(), factor, x === undefined ? (plot.span()[0] + plot.span()[1]) / 2 : scale.x.invert(x)));
  }

  function step(share) {
    const [from, to] = plot.span();
    plot.look(moved([from, to], share * (to - from)));
  }

  const share = (x) => (x - plot.scale().left) / (plot.scale().right - plot.scale().left);

  frame.addEventListener("wheel", (event) => {
    if (!plot.scale() || !(event.ctrlKey || event.metaKey || frame.contains(document.activeElement))) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return step(event.deltaX / 600);
    by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002) * (event.deltaMode ? 16 : 1)), place(event).x);
  }, { passive: false });

  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || tools.contains(event.target)) return;
    pointers.set(event.pointerId, place(event));
    const at = place(event);
    if (pointers.size === 1) gesture = { kind: "click", at, span: plot.span(), chooses: event.pointerType === "mouse" && (!closer || event.shiftKey) };
    else if (pointers.size === 2 && plot.scale()) gesture = { kind: "pinch", values: [...pointers.values()].map(({ x }) => plot.scale().x.invert(x)) };
  });

  frame.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (!pointers.has(event.pointerId)) return plot.point(tools.contains(event.target) ? null : at);
    pointers.set(event.pointerId, at);
    if (!gesture || !plot.scale()) return;
    if (gesture.kind === "click" && Math.abs(at.x - gesture.at.x) > DRAG) begin(event);
    if (gesture.kind === "choose") plot.point({ ...at, from: gesture.at.x });
    if (gesture.kind === "move") plot.look(moved(gesture.span, (share(gesture.at.x) - share(at.x)) * (gesture.span[1] - gesture.span[0])));
    if (gesture.kind === "pinch") {
      const [left, right] = [...pointers.values()].map(({ x }) => share(x));
      if (Math.abs(right - left) > 0.02) plot.look(pinched(gesture.values, [left, right]));
    }
  });

  function begin(event) {
    gesture.kind = gesture.chooses ? "choose" : closer ? "move" : "none";
    frame.setPointerCapture(event.pointerId);
    frame.classList.toggle("moves", gesture.kind === "move");
    plot.point(null);
  }

  function end(event) {
    if (!pointers.delete(event.pointerId)) return;
    const at = place(event);
    frame.classList.remove("moves");
    if (event.type === "pointerup" && gesture?.kind === "click") plot.pick(at);
    if (event.type === "pointerup" && gesture?.kind === "choose" && plot.scale()) plot.look([gesture.at.x, at.x].sort((a, b) => a - b).map((x) => plot.scale().x.invert(x)));
    if (gesture?.kind === "choose") plot.point(null);
    gesture = null;
  }
  frame.addEventListener("pointerup", end);
  frame.addEventListener("pointercancel", end);
  frame.addEventListener("pointerleave", () => pointers.size || plot.point(null));
  frame.addEventListener("dblclick", (event) => tools.contains(event.target) || plot.look(null));

  const keys = { "+": () => by(STEP), "=": () => by(STEP), "-": () => by(1 / STEP), 0: () => plot.look(null), ArrowLeft: () => closer && step(-0.15), ArrowRight: () => closer && step(0.15) };
  frame.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
    if (!act || act() === false) return;
    event.preventDefault();
  });

  return {
    // The span that is looked at now; null is all of it.
    shown(span) {
      closer = Boolean(span);
      frame.classList.toggle("closer", closer);
      back.disabled = !closer;
      said.textContent = closer ? `${plot.across()} ${short(span[0], 3)} to ${short(span[1], 3)}` : "";
    },
  };
}
