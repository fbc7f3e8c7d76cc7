// Taking turns: of many tasks a few run at once, those asked for last first, as they are what a reader looks at now.
//
// turns(2) -> {take(task, {signal}), clear()}: take gives a promise of what the task gives. One whose signal is aborted
// before its turn never starts.

export function turns(atOnce) {
  let waiting = [];
  let running = 0;

  function take(task, { signal } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const entry = { task, resolve, reject, signal };
      signal?.addEventListener("abort", () => leave(entry), { once: true });
      waiting.push(entry);
      next();
    });
  }

  function leave(entry) {
    if (!waiting.includes(entry)) return;
    waiting = waiting.filter((other) => other !== entry);
    entry.reject(entry.signal.reason);
  }

  function next() {
    while (running < atOnce && waiting.length) run(waiting.pop());
  }

  async function run({ task, resolve, reject }) {
    running += 1;
    await Promise.resolve().then(task).then(resolve, reject);
    running -= 1;
    next();
  }

  return { take, clear: () => (waiting = []), get running() { return running; } };
}
