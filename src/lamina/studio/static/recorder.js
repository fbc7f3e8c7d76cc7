// Sound from a microphone or a file as WAV bytes, with its waveform, and a player for it.
//
// recorder({onsound}) -> {element, open(file), close()}: onsound({bytes, seconds, name}).

import { h, svg } from "../../report/static/dom.js";
import { fixed } from "../../report/static/numbers.js";
import { encodeWav, joined, mono, peaks } from "./wav.js";

const LONGEST = 30; // seconds of a recording

export function recorder({ onsound, onerror }) {
  const button = h("button", { type: "button", class: "quiet record", "aria-pressed": "false", click: () => (running ? stop() : start()), "data-testid": "record" });
  const clock = h("span", { class: "record-clock", role: "timer" });
  const wave = h("div", { class: "wave" });
  const player = h("audio", { controls: true, hidden: true, "aria-label": "What was heard" });
  const element = h("div", { class: "recorder" }, h("div", { class: "record-row" }, button, clock), wave, player);
  let running = null;
  let address = null;
  label();

  function label() {
    button.setAttribute("aria-pressed", String(Boolean(running)));
    button.replaceChildren(h("span", { class: "dot-mark", "aria-hidden": "true" }), running ? "Stop" : "Record");
  }

  async function start() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, channelCount: 1 } });
      const context = new AudioContext();
      running = { stream, context, pieces: [], length: 0 };
      await context.audioWorklet.addModule(new URL("./recorder_tap.js", import.meta.url));
      const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
      tap.port.onmessage = ({ data }) => running && heard(data);
      context.createMediaStreamSource(stream).connect(tap);
      label();
    } catch (error) {
      ended();
      const refused = error.name === "NotAllowedError";
      onerror({ message: refused ? "The browser doesn’t let this page hear the microphone." : "No microphone was found.", expected: "", mend: refused ? "Allow the microphone for this page, or drop a sound file here." : "Plug one in, or drop a sound file here." });
    }
  }

  function heard(piece) {
    running.pieces.push(piece);
    running.length += piece.length;
    const seconds = running.length / running.context.sampleRate;
    clock.textContent = `${fixed(seconds, 1)} s`;
    if (running.pieces.length % 8 === 0) draw(joined(running.pieces.slice(-160)));
    if (seconds >= LONGEST) stop();
  }

  function stop() {
    const { pieces, context } = running;
    const rate = context.sampleRate;
    ended();
    if (pieces.length) taken(joined(pieces), rate, "recording");
  }

  function ended() {
    running?.stream.getTracks().forEach((track) => track.stop());
    running?.context.close();
    running = null;
    label();
  }

  function taken(samples, rate, name) {
    draw(samples);
    clock.textContent = `${fixed(samples.length / rate, 2)} s`;
    const bytes = encodeWav(samples, rate);
    if (address) URL.revokeObjectURL(address);
    player.src = address = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
    player.hidden = false;
    onsound({ bytes, seconds: samples.length / rate, name });
  }

  // Whatever the browser can play becomes WAV; a WAV file too, as it may have more channels or bits than are read.
  async function open(file) {
    const context = new AudioContext();
    try {
      const decoded = await context.decodeAudioData(await file.arrayBuffer());
      const channels = Array.from({ length: decoded.numberOfChannels }, (_, c) => decoded.getChannelData(c));
      taken(mono(channels), decoded.sampleRate, file.name || "sound");
    } catch {
      onerror({ message: `${file.name || "The file"} can’t be read as sound.`, expected: "WAV, MP3, Ogg or FLAC.", mend: "Save it as WAV and try again." });
    } finally {
      context.close();
    }
  }

  function draw(samples) {
    const most = peaks(samples, 120);
    const bars = most.map((v, i) => svg("line", { x1: 2 * i + 1, x2: 2 * i + 1, y1: 24 - Math.max(0.5, 23 * v), y2: 24 + Math.max(0.5, 23 * v) }));
    wave.replaceChildren(svg("svg", { viewBox: "0 0 240 48", preserveAspectRatio: "none", role: "img", "aria-label": "Waveform" }, bars));
  }

  return {
    element,
    open,
    close() {
      if (running) ended();
      if (address) URL.revokeObjectURL(address);
    },
  };
}
