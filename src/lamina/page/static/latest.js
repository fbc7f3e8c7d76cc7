// Only the newest question counts: one is in flight, at most one a frame is asked, and what comes meanwhile replaces what waits.
//
// latest(ask, told) -> {put(question), times, stop()}. ask(question, {signal}) gives a promise; told({question, answer, error, ms}).
// `times` are the milliseconds that the last answers took, newest last.

const REMEMBERED = 200;

export function latest(ask, told, { frame = (f) => requestAnimationFrame(f), now = () => performance.now() } = {}) {
  const times = [];
  let waiting = null;
  let busy = false;
  let drawn = false;
  let aborter = new AbortController();

  function put(question) {
    waiting = { question };
    if (busy || drawn) return;
    drawn = true;
    frame(() => {
      drawn = false;
      next();
    });
  }

  async function next() {
    if (busy || !waiting) return;
    const { question } = waiting;
    const { signal } = aborter;
    waiting = null;
    busy = true;
    const began = now();
    const outcome = await Promise.resolve(ask(question, { signal })).then((answer) => ({ answer }), (error) => ({ error }));
    if (signal.aborted) return;
    busy = false;
    const ms = now() - began;
    if (!outcome.error) times.push(ms);
    if (times.length > REMEMBERED) times.shift();
    told({ question, ...outcome, ms });
    if (waiting) put(waiting.question);
  }

  function stop() {
    aborter.abort();
    aborter = new AbortController();
    waiting = null;
    busy = false;
  }

  return { put, stop, times };
}

export function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const half = ordered.length >> 1;
  if (!ordered.length) return null;
  return ordered.length % 2 ? ordered[half] : (ordered[half - 1] + ordered[half]) / 2;
}
