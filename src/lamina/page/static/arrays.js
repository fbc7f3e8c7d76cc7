// Arrays as the server sends them: {shape, f32 | i32} in base64 becomes {shape, data}, a typed array in C order. No DOM.

const KINDS = { f32: Float32Array, i32: Int32Array };

// Every array in an answer decoded, everything else as it is.
export function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  const kind = Object.keys(KINDS).find((name) => typeof value[name] === "string" && Array.isArray(value.shape));
  if (kind) return make(value.shape, new KINDS[kind](bytes(value[kind]).buffer));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decode(inner)]));
}

// The other way, for what a page sends.
export function encode({ shape, data }) {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (let i = 0; i < raw.length; i += 8192) text += String.fromCharCode(...raw.subarray(i, i + 8192));
  return { shape, [data instanceof Int32Array ? "i32" : "f32"]: btoa(text) };
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

export function make(shape, data) {
  if (size(shape) !== data.length) throw new RangeError(`${data.length} numbers don't fill the shape ${shape.join(" × ")}`);
  return { shape: [...shape], data };
}

// Nested lists of numbers as an array.
export function from(nested) {
  const shape = [];
  for (let inner = nested; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  return make(shape, Float32Array.from(shape.length ? nested.flat(Infinity) : [nested]));
}

export function isArray(value) {
  return Boolean(value && Array.isArray(value.shape) && ArrayBuffer.isView(value.data));
}

export function size(shape) {
  return shape.reduce((product, n) => product * n, 1);
}

// Where the number at an index stands in the data; -1 outside of the array.
export function offset(array, ...index) {
  let at = 0;
  for (let i = 0; i < array.shape.length; i += 1) {
    if (!(index[i] >= 0 && index[i] < array.shape[i])) return -1;
    at = at * array.shape[i] + index[i];
  }
  return at;
}

// One number; undefined outside of the array.
export function at(array, ...index) {
  return array.data[offset(array, ...index)];
}

// The index of the number at a place in the data.
export function indexOf(array, place) {
  const index = [];
  for (const n of [...array.shape].reverse()) {
    index.unshift(place % n);
    place = Math.floor(place / n);
  }
  return index;
}

// The part of an array under leading indices, sharing its numbers: rows(images, 3) is the fourth image.
export function rows(array, ...index) {
  const shape = array.shape.slice(index.length);
  const step = size(shape);
  const place = index.reduce((sum, i, axis) => sum * array.shape[axis] + i, 0);
  return make(shape, array.data.subarray(place * step, (place + 1) * step));
}

// The numbers at one place of the last axis, copied: channel(output, 3) of [h, w, c] is the map [h, w] of unit 3.
export function channel(array, unit) {
  const many = array.shape[array.shape.length - 1];
  const data = new array.data.constructor(array.data.length / many);
  for (let i = 0; i < data.length; i += 1) data[i] = array.data[i * many + unit];
  return make(array.shape.slice(0, -1), data);
}

// As a map [height, width] that can be drawn: a list is one row, of more axes the last are joined.
export function flat(array) {
  const [first, ...rest] = array.shape.length > 1 ? array.shape : [1, ...array.shape];
  return make([first, size(rest)], array.data);
}

// Rows and columns exchanged.
export function transposed({ shape: [height, width], data }) {
  const turned = new data.constructor(data.length);
  for (let i = 0; i < data.length; i += 1) turned[(i % width) * height + Math.floor(i / width)] = data[i];
  return make([width, height], turned);
}

// The first row at the foot.
export function flipped({ shape: [height, width], data }) {
  const turned = new data.constructor(data.length);
  for (let row = 0; row < height; row += 1) turned.set(data.subarray(row * width, (row + 1) * width), (height - 1 - row) * width);
  return make([height, width], turned);
}

// [lowest, highest] of the finite numbers of some arrays; [0, 0] where there is none.
export function range(...arrays) {
  let [low, high] = [Infinity, -Infinity];
  for (const { data } of arrays) {
    for (const value of data) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? [0, 0] : [low, high];
}

// The largest distance from zero.
export function extent(...arrays) {
  const [low, high] = range(...arrays);
  return Math.max(-low, high, 0);
}

export function sum(array) {
  let total = 0;
  for (const value of array.data) total += value;
  return total;
}

// Where the largest number stands in the data; -1 where there is none.
export function argmax(array) {
  let best = -1;
  for (let i = 0; i < array.data.length; i += 1) if (best < 0 || array.data[i] > array.data[best]) best = i;
  return best;
}

// Places in the data, the number farthest from zero first.
export function strongest(array, most = Infinity) {
  const order = Array.from(array.data, (_, i) => i).sort((a, b) => Math.abs(array.data[b]) - Math.abs(array.data[a]) || a - b);
  return order.slice(0, most);
}
