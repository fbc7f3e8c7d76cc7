// A file of numbers as one series: a step a line with a column a channel, or one line of steps; also a case of a .ts file.

export class SeriesTextError extends Error {
  constructor(given, expected, mend) {
    super(given);
    Object.assign(this, { expected, mend });
  }
}

// [[channel, ...], ...], a row a step; a missing number is null.
export function parseSeries(text, channels = 1) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && !/^[#@%]/.test(line));
  if (!lines.length) throw new SeriesTextError("The file holds no numbers.", "a step a line, or one line of numbers", "Choose a text or csv file.");
  if (lines[0].includes(":") && /^\s*@/m.test(text)) return turned(lines[0].split(":").slice(0, channels).map(numbers));
  const rows = lines.map(numbers);
  const body = rows[0].every((v) => v === null) && rows.length > 1 ? rows.slice(1) : rows; // a first line of names
  const values = body.length <= Math.max(channels, 1) && body[0].length > channels ? turned(body) : body;
  return checked(values, channels);
}

function numbers(line) {
  return line.split(/[\s,;]+/).filter((word) => word !== "").map((word) => (Number.isFinite(Number(word)) ? Number(word) : null));
}

function turned(rows) {
  return rows[0].map((_, step) => rows.map((row) => row[step] ?? null));
}

function checked(values, channels) {
  if (!values.some((row) => row.some((v) => v !== null))) throw new SeriesTextError("The file holds no numbers.", "a step a line, or one line of numbers", "Choose a text or csv file.");
  const wide = values[0].length;
  if (wide < channels) throw new SeriesTextError(`The file has ${wide} column${wide === 1 ? "" : "s"} of numbers.`, `${channels} channels`, "Put one channel in each column.");
  const first = wide > channels && values.every((row, i) => i === 0 || row[0] > values[i - 1][0]) ? wide - channels : 0; // a column that only climbs is the time
  return values.map((row) => row.slice(first, first + channels));
}
