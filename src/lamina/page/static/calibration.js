// Calibration: how often the network is right, where it says how sure it is.

import { h, svg, absent, scrolling, table } from "./dom.js";
import { count, percent } from "./numbers.js";
import { linear } from "./scale.js";

export function render(element, values) {
  if (values.absent) return absent(element, values.absent);
  element.append(h("p", { class: "reading" }, `${values.reading} Expected calibration error: ${percent(values.error, 1)}.`));
  const columns = [{ title: "confidence" }, ...["rows", "mean confidence", "right"].map((title) => ({ title, numeric: true }))];
  const rows = values.bins.map((b) => [`${percent(b.from)} to ${percent(b.to)}`, count(b.rows), percent(b.confidence, 1), percent(b.accuracy, 1)]);
  element.append(h("div", { class: "split even" }, h("figure", null, h("figcaption", null, "Share right at each confidence"), diagram(values)), scrolling("Calibration as numbers", table("Calibration", columns, rows))));
}

function diagram({ bins, rows }) {
  const [width, height, left, bottom, strip] = [420, 340, 52, 34, 46];
  const x = linear([0, 1], [left, width - 24]);
  const y = linear([0, 1], [height - bottom - strip, 10]);
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const grid = ticks.map((v) => [
    svg("line", { class: "grid", x1: left, x2: width - 24, y1: y(v), y2: y(v) }),
    svg("text", { x: left - 7, y: y(v), dy: "0.32em", "text-anchor": "end" }, percent(v, 0)),
    svg("text", { x: x(v), y: height - bottom + 18, "text-anchor": "middle" }, percent(v, 0)),
  ]);
  const amount = bins.map((b) => {
    const tall = Math.max(1, (b.rows / rows) * (strip - 10));
    return svg("rect", { class: "amount", x: x(b.from) + 1, width: x(b.to) - x(b.from) - 2, y: height - bottom - tall, height: tall }, svg("title", null, `${count(b.rows)} rows`));
  });
  const dots = bins.map((b) => [
    svg("line", { class: `whisker ${b.rows < 10 ? "few" : ""}`, x1: x(b.confidence), x2: x(b.confidence), y1: y(b.interval[0]), y2: y(b.interval[1]) }),
    svg("circle", { cx: x(b.confidence), cy: y(b.accuracy), r: 3.5 + 4 * Math.sqrt(b.rows / rows), class: b.rows < 10 ? "few" : null }, svg("title", null, `${percent(b.confidence, 1)} sure, ${percent(b.accuracy, 1)} right, ${count(b.rows)} rows`)),
  ]);
  return svg(
    "svg",
    { class: "figure calibration", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Reliability diagram; its numbers are in the table beside it" },
    svg("g", { class: "axes" }, grid),
    svg("line", { class: "exact", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
    svg("text", { class: "name", x: x(0.03), y: y(0.93) }, "↑ share right"),
    svg("text", { class: "name", x: x(0.995), y: y(0.03), "text-anchor": "end" }, "confidence →"),
    amount,
    dots,
  );
}
