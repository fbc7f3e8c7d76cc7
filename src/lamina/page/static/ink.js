// A drawing as numbers: a field of ink from 0 to 1, and from it the pixels that a network takes, placed as its examples are.
//
// A field is {rows, columns, data}; an image is {shape: [rows, columns, channels], data} with values from 0 to 255.

export function field(rows, columns) {
  return { rows, columns, data: new Float32Array(rows * columns) };
}

// A straight piece of a stroke with round ends; erasing takes ink away. Points are [x, y] in cells of the field.
export function stamp(on, from, to, radius, erase = false) {
  const [x0, x1] = [Math.min(from[0], to[0]) - radius - 1, Math.max(from[0], to[0]) + radius + 1];
  const [y0, y1] = [Math.min(from[1], to[1]) - radius - 1, Math.max(from[1], to[1]) + radius + 1];
  for (let row = Math.max(0, Math.floor(y0)); row < Math.min(on.rows, Math.ceil(y1)); row += 1) {
    for (let column = Math.max(0, Math.floor(x0)); column < Math.min(on.columns, Math.ceil(x1)); column += 1) {
      const cover = Math.max(0, Math.min(1, radius + 0.5 - distance([column + 0.5, row + 0.5], from, to)));
      const at = row * on.columns + column;
      on.data[at] = erase ? Math.min(on.data[at], 1 - cover) : Math.max(on.data[at], cover);
    }
  }
}

function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = dx || dy ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

// Strokes {points, radius, erase}, from the first to the last.
export function inked(rows, columns, strokes) {
  const on = field(rows, columns);
  for (const { points, radius, erase } of strokes) points.forEach((point, i) => stamp(on, points[Math.max(0, i - 1)], point, radius, erase));
  return on;
}

// Where ink is: {top, bottom, left, right}, the last row and column not included; null where nothing is drawn.
export function extent({ rows, columns, data }, least = 0.25) {
  const box = { top: rows, bottom: 0, left: columns, right: 0 };
  data.forEach((value, at) => {
    if (value < least) return;
    const [row, column] = [Math.floor(at / columns), at % columns];
    Object.assign(box, { top: Math.min(box.top, row), bottom: Math.max(box.bottom, row + 1), left: Math.min(box.left, column), right: Math.max(box.right, column + 1) });
  });
  return box.bottom ? box : null;
}

// The mean ink in each of height x width equal pieces of a rectangle of the field; there is none beyond its edges.
export function averaged(on, { top, bottom, left, right }, height, width) {
  const across = weights(left, right, width, on.columns);
  const down = weights(top, bottom, height, on.rows);
  return Float32Array.from({ length: height * width }, (_, at) => {
    let sum = 0;
    for (const [row, tall] of down[Math.floor(at / width)]) for (const [column, wide] of across[at % width]) sum += tall * wide * on.data[row * on.columns + column];
    return sum;
  });
}

// For each piece: the cells that it covers, with the share of it that each is.
function weights(from, to, pieces, cells) {
  const step = (to - from) / pieces;
  return Array.from({ length: pieces }, (_, k) => {
    const [low, high] = [from + k * step, from + (k + 1) * step];
    const found = [];
    for (let cell = Math.max(0, Math.floor(low)); cell < Math.min(cells, Math.ceil(high)); cell += 1) found.push([cell, (Math.min(high, cell + 1) - Math.max(low, cell)) / step]);
    return found;
  });
}

// How the examples are drawn: background and ink for each channel, the share of the image that the longer side of the
// drawing takes, and where its middle lies. Photographs, whose corners are of no one colour, are `plain: false`.
export function habitOf(images) {
  const channels = images[0].shape[2];
  const corners = images.flatMap(({ shape: [rows, columns], data }) => [0, columns - 1, (rows - 1) * columns, rows * columns - 1].map((at) => data.subarray(at * channels, (at + 1) * channels)));
  const plain = corners.filter((pixel) => pixel.some((v) => Math.abs(v - 128) < 96)).length < 0.35 * corners.length;
  const background = Array.from({ length: channels }, (_, c) => (plain ? median(corners.map((pixel) => pixel[c])) : 255));
  const boxes = images.map((image) => [image.shape, extent(strength(image, background))]).filter(([, box]) => box);
  const side = median(boxes.map(([[rows, columns], b]) => Math.max((b.bottom - b.top) / rows, (b.right - b.left) / columns))) || 0.8;
  const middle = [median(boxes.map(([[rows], b]) => (b.top + b.bottom) / 2 / rows)) || 0.5, median(boxes.map(([[, columns], b]) => (b.left + b.right) / 2 / columns)) || 0.5];
  return { plain, background, ink: background.map((v) => (v < 128 ? 255 : 0)), side, middle };
}

function strength({ shape: [rows, columns, channels], data }, background) {
  return { rows, columns, data: Float32Array.from({ length: rows * columns }, (_, at) => Math.max(...background.map((v, c) => Math.abs(data[at * channels + c] - v))) / 255) };
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

// The part of the field that becomes the image: all of it, or what puts the drawing where the examples have theirs.
export function framed(on, habit, [height, width], place) {
  const box = place ? extent(on) : null;
  if (!box) return { top: 0, bottom: on.rows, left: 0, right: on.columns };
  const pixels = Math.max((box.bottom - box.top) / (habit.side * height), (box.right - box.left) / (habit.side * width)); // cells a pixel
  const top = (box.top + box.bottom) / 2 - habit.middle[0] * height * pixels;
  const left = (box.left + box.right) / 2 - habit.middle[1] * width * pixels;
  return { top, bottom: top + height * pixels, left, right: left + width * pixels };
}

// The image that a network of this input shape sees of a drawing.
export function imageOf(on, habit, [height, width, channels], place = true) {
  const shares = averaged(on, framed(on, habit, [height, width], place), height, width);
  const data = Float32Array.from({ length: height * width * channels }, (_, i) => {
    const [background, ink] = [habit.background[i % channels], habit.ink[i % channels]];
    return Math.round(background + (ink - background) * shares[Math.floor(i / channels)]);
  });
  return { shape: [height, width, channels], data };
}
