// What an example looks like, by its kind: a picture, lines, a spectrogram, or a row of a table.

import { h } from "./dom.js";
import { sparkline } from "./sparkline.js";
import { channel, flipped, make, range, transposed } from "./arrays.js";
import { diverging, loudness } from "./colours.js";
import { heat, picture } from "./heat.js";

const LINES = 6; // channels of a series that are drawn as lines; more become a map
const CELLS = 5; // columns of a row that a small look names

// look({kind, name, look}, {small}) -> an element. Of a table a small look has the first few columns only.
export function look(example, { small = false, label } = {}) {
  const name = label ?? `${example.name ?? "example"}`;
  const drawn = DRAWN[example.kind]?.(example.look ?? {}, { small, name });
  return drawn ?? h("p", { class: "look none" }, "Nothing to see is kept of it.");
}

const DRAWN = {
  image: ({ pixels }, { name }) => pixels && framed("image", picture(canvas(name), pixels), pixels.shape[0] < 64 && pixels.shape[1] < 64),
  series: ({ values }, { name }) => values && framed("series", values.shape.length > 1 && values.shape[1] > LINES ? map(values, name) : lines(values, name), true),
  sound: ({ spectrogram }, { name }) => spectrogram && framed("sound", heat(canvas(name), flipped(transposed(spectrogram)), loudness(...range(spectrogram))), false),
  table: ({ cells }, { small }) => cells && row(Object.entries(cells), small),
};

function canvas(name) {
  return h("canvas", { role: "img", "aria-label": name });
}

function framed(kind, drawn, crisp) {
  return h("span", { class: `look ${kind} ${crisp ? "crisp" : ""}` }, drawn);
}

function lines(values, name) {
  const series = values.shape.length > 1 ? values : make([values.shape[0], 1], values.data);
  const each = Array.from({ length: series.shape[1] }, (_, i) => Array.from(channel(series, i).data, (v) => (Number.isFinite(v) ? v : null)));
  return sparkline(each, [], name);
}

// A row a channel, the first at the foot.
function map(values, name) {
  const turned = flipped(transposed(values));
  const [low, high] = range(turned);
  return heat(canvas(name), turned, diverging(Math.max(-low, high)));
}

function row(cells, small) {
  const shown = small ? cells.slice(0, CELLS) : cells;
  const more = cells.length - shown.length;
  return h(
    "dl",
    { class: `look row ${small ? "small" : ""}` },
    shown.map(([name, value]) => h("div", null, h("dt", { title: name }, name), h("dd", { title: text(value) }, text(value)))),
    more ? h("div", { class: "more-cells" }, h("dt", null, `and ${more} more`), h("dd")) : null,
  );
}

// A cell as it stands in the table: no thousands apart, for a year is no quantity.
export function text(value) {
  if (value === null || value === undefined || value === "") return "missing";
  return typeof value === "number" ? String(Number(value.toPrecision(6))).replace("-", "−") : String(value);
}
