// A function's curve with the point on it: from the sum along the foot, up to the curve, across to the output.

import { svg } from "./dom.js";
import { linear } from "./scale.js";

const [WIDTH, HEIGHT, PAD] = [210, 132, 14];

export function curvePicture(name) {
  const line = svg("path", { class: "curve" });
  const axes = svg("path", { class: "axes" });
  const way = svg("path", { class: "way" });
  const point = svg("circle", { class: "point", r: 4.5 });
  const element = svg("svg", { class: "curve-picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" }, axes, line, way, point);

  function show(x, y, { xs, ys }) {
    const [low, high] = [Math.min(...ys, 0), Math.max(...ys, 0)];
    const left = linear([xs[0], xs.at(-1)], [PAD, WIDTH - PAD]);
    const up = linear([low, high === low ? low + 1 : high], [HEIGHT - PAD, PAD]);
    line.setAttribute("d", Array.from(xs, (value, i) => `${i ? "L" : "M"}${left(value).toFixed(1)} ${up(ys[i]).toFixed(1)}`).join(""));
    axes.setAttribute("d", `M${PAD} ${up(0)}H${WIDTH - PAD}M${left(0)} ${PAD}V${HEIGHT - PAD}`);
    way.setAttribute("d", `M${left(x)} ${up(0)}V${up(y)}H${left(0)}`);
    point.setAttribute("cx", left(x));
    point.setAttribute("cy", up(y));
    point.dataset.x = String(x);
    point.dataset.y = String(y);
    element.setAttribute("aria-label", `The curve of ${name}: at ${x.toPrecision(4)} it is ${y.toPrecision(4)}`);
  }

  return { element, show };
}
