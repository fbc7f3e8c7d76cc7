// Runs in the audio thread: hands on what the microphone hears.

registerProcessor(
  "tap",
  class extends AudioWorkletProcessor {
    process([[channel]]) {
      if (channel) this.port.postMessage(channel.slice());
      return true;
    }
  },
);
