// Sound from a microphone or a file as WAV bytes, and a player for it.
//
// recorder({onsound, onerror}) -> {button, element, open(file), close()}: onsound(blob).

import { h } from "./dom.js";
import { fixed } from "./numbers.js";
import { encodeWav, joined, mono, rateOf } from "./wav.js";

const LONGEST = 30; // seconds

export function recorder({ onsound, onerror }) {
  const button = h("button", { type: "button", class: "quiet record", "data-testid": "record", click: () => (running ? stop() : start().catch(refused)) });
  const clock = h("span", { role: "timer" });
  const player = h("audio", { controls: true, hidden: true, "aria-label": "What was heard" });
  const element = h("div", { class: "recorder" }, clock, player);
  let running = null;

  const label = () => button.replaceChildren(h("span", { class: running ? "record-stop" : "record-dot", "aria-hidden": "true" }), running ? "Stop" : "Record");
  label();

  async function start() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
    const context = new AudioContext();
    running = { stream, context, pieces: [] };
    await context.audioWorklet.addModule(new URL("./recorder_tap.js", import.meta.url));
    const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => running && heard(data);
    context.createMediaStreamSource(stream).connect(tap);
    label();
  }

  function refused({ name }) {
    ended();
    const shut = name === "NotAllowedError";
    onerror({ message: shut ? "The browser doesn’t let this page hear the microphone." : "No microphone was found.", mend: shut ? "Allow the microphone for this page, or bring a file." : "Plug one in, or bring a file." });
  }

  function heard(piece) {
    const { pieces, context } = running;
    const seconds = (pieces.push(piece) * piece.length) / context.sampleRate;
    clock.textContent = `${fixed(seconds, 1)} s`;
    if (seconds >= LONGEST) stop();
  }

  function stop() {
    const { pieces, context } = running;
    ended();
    if (pieces.length) taken(joined(pieces), context.sampleRate);
  }

  function ended() {
    running?.stream.getTracks().forEach((track) => track.stop());
    running?.context.close();
    running = null;
    label();
  }

  function taken(samples, rate) {
    clock.textContent = `${fixed(samples.length / rate, 2)} s`;
    const blob = new Blob([encodeWav(samples, rate)], { type: "audio/wav" });
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(blob);
    player.hidden = false;
    onsound(blob);
  }

  // Whatever the browser can play becomes WAV; a WAV file too, as it may have more channels or bits than are read.
  async function open(file) {
    const bytes = await file.arrayBuffer();
    let context = null;
    try {
      context = new AudioContext({ sampleRate: rateOf(bytes) });
      const sound = await context.decodeAudioData(bytes);
      taken(mono(Array.from({ length: sound.numberOfChannels }, (_, c) => sound.getChannelData(c))), sound.sampleRate);
    } catch {
      onerror({ message: `${file.name} can’t be read as sound.`, expected: "WAV, MP3, Ogg or FLAC.", mend: "Save it as WAV and try again." });
    } finally {
      context?.close();
    }
  }

  return { button, element, open, close: () => (ended(), URL.revokeObjectURL(player.src)) };
}
