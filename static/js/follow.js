// An analysis as it proceeds: told by the server, or asked for where that does not work.
const ASK_AGAIN = 700;
const ASK_SELDOM = 2000;

/** `events` may be null: then the state is asked for now and then. Calls `tell(state)` until it is done or failed, `tell({state: "gone"})` when it was deleted, and
    `lost(true or false)` as the connection goes and comes. Returns a function that ends it. */
export function follow({ state, events }, tell, lost = () => {}) {
  let over = false;
  let timer;
  let source;
  const end = () => {
    over = true;
    clearTimeout(timer);
    source?.close();
  };
  const hear = (told) => {
    if (over) return;
    lost(false);
    if (["done", "failed", "gone"].includes(told.state)) end();
    tell(told);
  };
  const ask = async () => {
    try {
      const response = await fetch(state, { cache: "no-store", headers: { Accept: "application/json" } });
      if (response.status === 404) hear({ state: "gone" });
      else if (response.ok) hear(await response.json());
    } catch {
      lost(true);
    }
    if (!over) timer = setTimeout(ask, events ? ASK_AGAIN : ASK_SELDOM);
  };
  if (!events || !("EventSource" in window)) {
    ask();
    return end;
  }
  source = new EventSource(events);
  source.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("gone", () => hear({ state: "gone" }));
  source.addEventListener("error", () => {
    // The stream ended or never began: from now on we ask.
    source.close();
    if (!over && timer === undefined) ask();
  });
  return end;
}
