// The library pages' controls: previews, playing a whole playlist, and the progress of a folder scan.
import { controlsOf, lyrics } from "./lyrics.js";
import { previews } from "./previews.js";

const ASK_AGAIN_MS = 1000;

previews();
lyrics(document.getElementById("lyrics"), controlsOf(document.querySelector(".track-audio")));

const links = [...document.querySelectorAll("[data-preview]")];
const all = document.getElementById("play-all");
if (all && links.length) {
  const audio = new Audio();
  let current = -1;
  const mark = () => links.forEach((link, index) => link.closest("li")?.toggleAttribute("data-now", index === current));
  const next = () => {
    current += 1;
    mark();
    if (current >= links.length) return;
    audio.src = links[current].href;
    audio.play().catch(() => {});
  };
  all.addEventListener("click", () => {
    current = -1;
    next();
  });
  audio.addEventListener("ended", next);
  audio.addEventListener("error", next); // a file that is gone is skipped
  links.forEach((link) => link.addEventListener("click", () => audio.pause()));
}

const scan = document.getElementById("scan");
if (scan) {
  const byId = (id) => document.getElementById(id);
  let timer;
  const show = (status) => {
    if (!status) return;
    byId("scan-message").textContent = status.message;
    byId("scan-name").textContent = status.running ? status.name : "";
    byId("scan-start").hidden = status.running;
    byId("scan-stop").hidden = !status.running;
    const bar = byId("scan-share");
    bar.hidden = !status.running;
    if (status.share === null) bar.removeAttribute("value");
    else bar.value = status.share;
  };
  const ask = async () => {
    let status = { running: true };
    try {
      const response = await fetch(scan.dataset.state, { cache: "no-store" });
      if (response.ok) {
        status = await response.json();
        show(status);
      } else if (response.status < 500) return;
    } catch {
      // the server may be back in a moment
    }
    if (status?.running) timer = setTimeout(ask, ASK_AGAIN_MS);
  };
  const follow = () => {
    clearTimeout(timer);
    if (!("EventSource" in window)) return ask();
    const source = new EventSource(scan.dataset.events);
    let over = false;
    source.addEventListener("message", (event) => {
      const status = JSON.parse(event.data);
      show(status);
      over = !status.running;
      if (over) source.close();
    });
    source.addEventListener("error", () => {
      source.close();
      if (!over) ask();
    });
  };
  for (const form of scan.querySelectorAll("form")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
      // The server answers with a redirect on success; any other answer is a page to show.
      if (response.type === "opaqueredirect" || response.ok) follow();
      else form.submit();
    });
  }
  if ("running" in scan.dataset) follow();
}
