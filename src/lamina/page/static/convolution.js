// A convolution one input channel at a time, and what stands under its window at one place. A map is {rows, columns, data}; a series
// one of one column. Moves are those of a layer for rows and columns: {kernel, stride, dilation, before, groups}.

export function movesOf(settings) {
  const wide = (values, fill) => (values.length === 2 ? values : [values[0], fill]);
  const kernel = wide(settings.kernel ?? settings.window, 1);
  const padding = settings.padding.length === 2 ? settings.padding : [settings.padding[0], [0, 0]];
  return {
    kernel,
    stride: wide(settings.stride, 1),
    dilation: wide(settings.dilation ?? [1], 1),
    before: padding.map(([before]) => before),
    groups: settings.groups ?? 1,
  };
}

export function mapOf({ shape, data }, channel) {
  if (shape.length === 1) return { rows: shape[0], columns: 1, data };
  const channels = shape.at(-1);
  const [rows, columns] = shape.length === 3 ? shape : [shape[0], 1];
  const picked = new Float32Array(rows * columns);
  for (let i = 0; i < picked.length; i += 1) picked[i] = data[i * channels + channel];
  return { rows, columns, data: picked };
}

export function kernelOf({ shape, data }, from, to) {
  const [ins, outs] = shape.slice(-2);
  const [rows, columns] = shape.length === 4 ? shape : [shape[0], 1];
  const picked = new Float32Array(rows * columns);
  for (let i = 0; i < picked.length; i += 1) picked[i] = data[(i * ins + from) * outs + to];
  return { rows, columns, data: picked };
}

// Which channels of the input a unit sees, and where each stands in its kernel: all, unless there are groups.
export function channelsSeen(channels, units, unit, groups = 1) {
  const each = channels / groups;
  const first = Math.floor(unit / (units / groups)) * each;
  return Array.from({ length: each }, (_, i) => ({ channel: first + i, place: i }));
}

export function convolved(map, kernel, moves, rows, columns) {
  const result = new Float32Array(rows * columns);
  const [kr, kc] = [kernel.rows, kernel.columns];
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      let sum = 0;
      for (let i = 0; i < kr; i += 1) {
        const y = r * moves.stride[0] - moves.before[0] + i * moves.dilation[0];
        if (y < 0 || y >= map.rows) continue;
        for (let j = 0; j < kc; j += 1) {
          const x = c * moves.stride[1] - moves.before[1] + j * moves.dilation[1];
          if (x >= 0 && x < map.columns) sum += map.data[y * map.columns + x] * kernel.data[i * kc + j];
        }
      }
      result[r * columns + c] = sum;
    }
  }
  return { rows, columns, data: result };
}

// What stands under the window at a place of the output: the cells of the input, row by row; there: false in padding.
export function windowAt(map, [row, column], moves) {
  const [rows, columns] = moves.kernel;
  const cells = [];
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) {
      const y = row * moves.stride[0] - moves.before[0] + i * moves.dilation[0];
      const x = column * moves.stride[1] - moves.before[1] + j * moves.dilation[1];
      const there = y >= 0 && x >= 0 && y < map.rows && x < map.columns;
      cells.push({ row: y, column: x, there, value: there ? map.data[y * map.columns + x] : 0 });
    }
  }
  return { rows, columns, cells };
}

export function productsAt(map, kernel, place, moves) {
  const window = windowAt(map, place, moves);
  let running = 0;
  const cells = window.cells.map((cell, i) => {
    const weight = kernel.data[i];
    const product = cell.there ? cell.value * weight : 0;
    running += product;
    return { ...cell, weight, product, running };
  });
  return { ...window, cells, value: running };
}

export function summed(maps, bias) {
  const { rows, columns } = maps[0];
  const wide = new Float64Array(rows * columns).fill(bias);
  for (const map of maps) for (let i = 0; i < wide.length; i += 1) wide[i] += map.data[i];
  return { rows, columns, data: Float32Array.from(wide) };
}

// The first place in the output (row, column) whose window holds a cell of the input, nearest its middle.
export function placeOver([row, column], moves, rows, columns) {
  const along = (axis, cell, most) => {
    const middle = ((moves.kernel[axis] - 1) * moves.dilation[axis]) / 2;
    return Math.min(most - 1, Math.max(0, Math.round((cell + moves.before[axis] - middle) / moves.stride[axis])));
  };
  return [along(0, row, rows), along(1, column, columns)];
}
