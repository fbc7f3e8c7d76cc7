// A recording as the bytes of a WAV file: one channel, 16 bits, as every reader of sound takes it.

const HEADER = 44;

// samples: numbers from -1 to 1; louder ones are cut off there.
export function encodeWav(samples, rate) {
  const bytes = new ArrayBuffer(HEADER + 2 * samples.length);
  const view = new DataView(bytes);
  const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, bytes.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of what follows about the format
  view.setUint16(20, 1, true); // whole numbers, not compressed
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample of all channels
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  for (let i = 0; i < samples.length; i += 1) view.setInt16(HEADER + 2 * i, Math.max(-32768, Math.min(32767, Math.round(32768 * samples[i]))), true);
  return bytes;
}

// How many samples a second a WAV file has, or undefined for another file: whoever decodes it so changes none of them.
export function rateOf(bytes) {
  const view = new DataView(bytes);
  const wave = bytes.byteLength >= HEADER && view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57415645; // "RIFF", "WAVE"
  return wave ? view.getUint32(24, true) : undefined;
}

// Pieces of a recording, one after the other.
export function joined(pieces) {
  const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

// The mean of several channels of equal length.
export function mono(channels) {
  if (channels.length === 1) return channels[0];
  return Float32Array.from(channels[0], (_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}
