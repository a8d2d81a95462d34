// The player: sound, and one playhead through everything that runs in time. The pictures are there without it.
import { clock, fill, words } from "./words.js";

const STEP = 5;

export function player(deck) {
  const audio = deck.querySelector("audio");
  const seek = deck.querySelector("#seek");
  if (!audio || !seek) return;
  const button = deck.querySelector(".play");
  const names = { play: button.getAttribute("aria-label"), pause: button.dataset.pause };
  const duration = Number(deck.dataset.duration);
  const moments = JSON.parse(document.getElementById("moments").textContent);
  const heard = deck.querySelector("#heard-part");
  let wish = null; // where to go as soon as the browser knows the song

  const genreAt = (seconds) => {
    const moment = moments.find(([end]) => seconds < end) ?? moments.at(-1);
    return moment ? `${words.genres[moment[1]] ?? moment[1]} ${moment[2]} %` : "";
  };

  const show = () => {
    const now = Math.min(wish ?? audio.currentTime, duration);
    const share = duration ? now / duration : 0;
    for (const line of seek.querySelectorAll("line")) {
      line.setAttribute("x1", `${100 * share}%`);
      line.setAttribute("x2", `${100 * share}%`);
    }
    heard?.setAttribute("width", String(1000 * share));
    const time = fill(words.position, { now: clock(now), end: clock(duration) });
    seek.setAttribute("aria-valuenow", String(Math.round(now)));
    seek.setAttribute("aria-valuetext", [time, genreAt(now)].filter(Boolean).join(", "));
    deck.querySelector("#now").textContent = clock(now);
    deck.querySelector("#now-genre").textContent = genreAt(now) || "\u00a0";
  };

  const go = (seconds) => {
    const target = Math.min(Math.max(seconds, 0), Math.max(duration - 0.05, 0));
    if (audio.readyState > 0) {
      audio.currentTime = target;
      wish = null;
    } else {
      wish = target;
      audio.load();
    }
    show();
  };

  const frame = () => {
    show();
    if (!audio.paused) requestAnimationFrame(frame);
  };

  audio.addEventListener("loadedmetadata", () => {
    if (wish !== null) go(wish);
  });
  audio.addEventListener("play", () => {
    deck.classList.add("playing");
    button.setAttribute("aria-label", names.pause);
    frame();
  });
  audio.addEventListener("pause", () => {
    deck.classList.remove("playing");
    button.setAttribute("aria-label", names.play);
  });
  for (const event of ["seeked", "timeupdate", "ended"]) audio.addEventListener(event, show);
  audio.addEventListener("error", () => {
    deck.querySelector("#unplayable").hidden = false;
    button.disabled = true;
  });

  const toggle = () => (audio.paused ? audio.play().catch(() => {}) : audio.pause());
  button.addEventListener("click", toggle);

  const at = (event) => {
    const box = seek.getBoundingClientRect();
    return (duration * (event.clientX - box.left)) / box.width;
  };
  seek.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    seek.setPointerCapture(event.pointerId);
    go(at(event));
  });
  seek.addEventListener("pointermove", (event) => {
    if (seek.hasPointerCapture(event.pointerId)) go(at(event));
  });
  seek.addEventListener("keydown", (event) => {
    const now = wish ?? audio.currentTime;
    const targets = {
      ArrowRight: now + STEP, ArrowUp: now + STEP, ArrowLeft: now - STEP, ArrowDown: now - STEP,
      PageUp: now + 4 * STEP, PageDown: now - 4 * STEP, Home: 0, End: duration,
    };
    if (event.key in targets) go(targets[event.key]);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  });
  show();
}
