// The audio player and its playhead, which crosses all lanes. The lanes are visible without this script.
import { clock, fill, texts } from "./texts.js";

const STEP_SECONDS = 5;

/** Returns the controls that others follow the playhead by, or nothing where there is no audio. */
export function player(root) {
  const audio = root.querySelector("audio");
  const seek = root.querySelector("#seek");
  if (!audio || !seek) return;
  const button = root.querySelector(".play");
  const labels = { play: button.getAttribute("aria-label"), pause: button.dataset.pause };
  const duration = Number(root.dataset.duration);
  const leading = JSON.parse(document.getElementById("leading-genres").textContent);
  const played = root.querySelector("#played-part");
  const followers = [];
  let pending = null; // seconds to seek to as soon as the audio's metadata is loaded

  const genreAt = (seconds) => {
    const [, label, percent] = leading.find(([end]) => seconds < end) ?? leading.at(-1) ?? [];
    return label ? `${texts.genres[label] ?? label} ${percent}%` : "";
  };

  const show = () => {
    const now = Math.min(pending ?? audio.currentTime, duration);
    const share = duration ? now / duration : 0;
    for (const line of seek.querySelectorAll("line")) {
      line.setAttribute("x1", `${100 * share}%`);
      line.setAttribute("x2", `${100 * share}%`);
    }
    played?.setAttribute("width", String(1000 * share));
    const time = fill(texts.position, { now: clock(now), end: clock(duration) });
    seek.setAttribute("aria-valuenow", String(Math.round(now)));
    seek.setAttribute("aria-valuetext", [time, genreAt(now)].filter(Boolean).join(", "));
    root.querySelector("#now").textContent = clock(now);
    root.querySelector("#now-genre").textContent = genreAt(now) || "\u00a0";
    for (const follower of followers) follower(now);
  };

  const seekTo = (seconds) => {
    const target = Math.min(Math.max(seconds, 0), Math.max(duration - 0.05, 0));
    if (audio.readyState > 0) {
      audio.currentTime = target;
      pending = null;
    } else {
      pending = target;
      audio.load();
    }
    show();
  };

  const frame = () => {
    show();
    if (!audio.paused) requestAnimationFrame(frame);
  };

  audio.addEventListener("loadedmetadata", () => {
    if (pending !== null) seekTo(pending);
  });
  audio.addEventListener("play", () => {
    root.classList.add("playing");
    button.setAttribute("aria-label", labels.pause);
    frame();
  });
  audio.addEventListener("pause", () => {
    root.classList.remove("playing");
    button.setAttribute("aria-label", labels.play);
  });
  for (const event of ["seeked", "timeupdate", "ended"]) audio.addEventListener(event, show);
  audio.addEventListener("error", () => {
    root.querySelector("#unplayable").hidden = false;
    button.disabled = true;
  });

  const toggle = () => (audio.paused ? audio.play().catch(() => {}) : audio.pause());
  button.addEventListener("click", toggle);

  const secondsAt = (event) => {
    const box = seek.getBoundingClientRect();
    return (duration * (event.clientX - box.left)) / box.width;
  };
  seek.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    seek.setPointerCapture(event.pointerId);
    seekTo(secondsAt(event));
  });
  seek.addEventListener("pointermove", (event) => {
    if (seek.hasPointerCapture(event.pointerId)) seekTo(secondsAt(event));
  });
  seek.addEventListener("keydown", (event) => {
    const now = pending ?? audio.currentTime;
    const targets = {
      ArrowRight: now + STEP_SECONDS, ArrowUp: now + STEP_SECONDS, ArrowLeft: now - STEP_SECONDS, ArrowDown: now - STEP_SECONDS,
      PageUp: now + 4 * STEP_SECONDS, PageDown: now - 4 * STEP_SECONDS, Home: 0, End: duration,
    };
    if (event.key in targets) seekTo(targets[event.key]);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  });
  show();
  return { seekTo, onMove: (follower) => followers.push(follower) };
}
