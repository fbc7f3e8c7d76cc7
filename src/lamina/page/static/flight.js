// Flights: what was small in one picture comes from there to its large place in another, so that one sees where it is from.

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function departures(root) {
  const places = new Map();
  if (calm()) return places;
  for (const element of root.querySelectorAll("[data-flight]")) {
    const box = element.getBoundingClientRect();
    if (box.width && !places.has(element.dataset.flight)) places.set(element.dataset.flight, box);
  }
  return places;
}

export function land(root, places, { duration = 420 } = {}) {
  if (!places.size) return;
  for (const element of root.querySelectorAll("[data-flight]")) {
    const from = places.get(element.dataset.flight);
    const to = element.getBoundingClientRect();
    if (!from || !to.width || to.top > innerHeight) continue;
    const move = `translate(${from.left - to.left}px, ${from.top - to.top}px) scale(${from.width / to.width}, ${from.height / to.height})`;
    element.animate([{ transform: move, transformOrigin: "0 0", zIndex: 3 }, { transform: "none", transformOrigin: "0 0", zIndex: 3 }], { duration, easing: "cubic-bezier(.2,.7,.2,1)" });
  }
}
