// Follows an analysis by server-sent events, or by polling where those do not work.
const POLL_MS = 700;
const SLOW_POLL_MS = 2000;

/** Polls slowly if `events` is null. Calls `onState(analysis)` until the analysis is done or failed, `onState({state: "gone"})` when it was
    deleted, and `onLost(true or false)` when the connection is lost or comes back. Returns a function that stops following. */
export function follow({ state, events }, onState, onLost = () => {}) {
  let stopped = false;
  let timer;
  let source;
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  };
  const report = (analysis) => {
    if (stopped) return;
    onLost(false);
    if (["done", "failed", "gone"].includes(analysis.state)) stop();
    onState(analysis);
  };
  const poll = async () => {
    try {
      const response = await fetch(state, { cache: "no-store", headers: { Accept: "application/json" } });
      if (response.status === 404) report({ state: "gone" });
      else if (response.ok) report(await response.json());
    } catch {
      onLost(true);
    }
    if (!stopped) timer = setTimeout(poll, events ? POLL_MS : SLOW_POLL_MS);
  };
  if (!events || !("EventSource" in window)) {
    poll();
    return stop;
  }
  source = new EventSource(events);
  source.addEventListener("message", (event) => report(JSON.parse(event.data)));
  source.addEventListener("gone", () => report({ state: "gone" }));
  source.addEventListener("error", () => {
    // The stream ended or never began: poll from now on.
    source.close();
    if (!stopped && timer === undefined) poll();
  });
  return stop;
}
