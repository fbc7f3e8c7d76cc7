// Thousands of thin lines as one picture: how much line lies on each pixel, then a colour that is the stronger the more
// lines cross there, as if each had been drawn translucent. Much quicker than drawing each. No DOM.

// Add a line to a field [columns x rows] (a column's rows together): x is ax * xs + bx in pixels, y is ay * ys + by.
// Where ys is NaN the line is broken; a point between two breaks is not drawn.
export function deposit(field, columns, rows, line, { ax, bx, ay, by, thick }) {
  const { xs, ys } = line;
  for (let i = 1; i < ys.length; i += 1) {
    const [x0, x1] = [ax * xs[i - 1] + bx, ax * xs[i] + bx];
    if (x1 <= 0 || x0 >= columns || !(x1 > x0)) continue;
    const [y0, y1] = [ay * ys[i - 1] + by, ay * ys[i] + by];
    if (!(y0 === y0 && y1 === y1)) continue;
    const slope = (y1 - y0) / (x1 - x0);
    const area = thick * Math.sqrt(1 + slope * slope);
    const end = Math.min(x1, columns);
    for (let from = Math.max(x0, 0); from < end; ) {
      const column = Math.floor(from);
      const to = Math.min(column + 1, end);
      const here = y0 + (from - x0) * slope;
      const there = y0 + (to - x0) * slope;
      const top = (here < there ? here : there) - thick / 2;
      const foot = (here < there ? there : here) + thick / 2;
      span(field, column * rows, rows, top, foot, Math.min(1, (area * (to - from)) / (foot - top)));
      from = to;
    }
  }
}

// Spread an amount over the rows from top to foot, in part over those at the ends.
function span(field, start, rows, top, foot, amount) {
  if (foot <= 0 || top >= rows) return;
  const first = top > 0 ? top : 0;
  const last = foot < rows ? foot : rows;
  const [from, to] = [Math.floor(first), Math.floor(last)];
  if (from === to) return void (field[start + from] += amount * (last - first));
  field[start + from] += amount * (from + 1 - first);
  for (let row = from + 1; row < to; row += 1) field[start + row] += amount;
  if (to < rows) field[start + to] += amount * (last - to);
}

// Fields as pixels (RGBA, rows together). layers: [{field, alpha, colour: [red, green, blue]}]; none is above the others.
export function compose(pixels, columns, rows, layers) {
  const fading = layers.map(({ alpha }) => Math.log(1 - Math.min(alpha, 0.995)));
  const colours = layers.map(({ colour }) => colour);
  const fields = layers.map(({ field }) => field);
  for (let column = 0; column < columns; column += 1) {
    for (let row = 0; row < rows; row += 1) {
      let through = 1;
      let weight = 0;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let i = 0; i < fields.length; i += 1) {
        const amount = fields[i][column * rows + row];
        if (amount === 0) continue;
        const clear = Math.exp(fading[i] * amount);
        const cover = 1 - clear;
        through *= clear;
        weight += cover;
        red += cover * colours[i][0];
        green += cover * colours[i][1];
        blue += cover * colours[i][2];
      }
      if (weight === 0) continue; // pixels are clear to begin with
      const at = 4 * (row * columns + column);
      pixels[at] = red / weight;
      pixels[at + 1] = green / weight;
      pixels[at + 2] = blue / weight;
      pixels[at + 3] = 255 * (1 - through);
    }
  }
}
