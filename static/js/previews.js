// Plays previews on the page, one at a time. Without this script the same links open the audio file.
export function previews() {
  const links = [...document.querySelectorAll("[data-preview]")];
  if (!links.length) return;
  const sound = new Audio();
  let current = null;

  const show = () => {
    for (const link of links) {
      const isPlaying = link === current && !sound.paused;
      link.classList.toggle("playing", isPlaying);
      link.setAttribute("aria-pressed", String(isPlaying));
    }
  };
  for (const link of links) {
    link.setAttribute("role", "button");
    const toggle = (event) => {
      event.preventDefault();
      if (link === current && !sound.paused) {
        sound.pause();
        return;
      }
      if (link !== current) {
        current = link;
        sound.src = link.href;
      }
      sound.play().catch(show);
    };
    link.addEventListener("click", toggle);
    link.addEventListener("keydown", (event) => event.key === " " && toggle(event));
  }
  for (const event of ["play", "pause", "ended", "error"]) sound.addEventListener(event, show);
  // Never two songs at once: a player that starts pauses the others.
  sound.addEventListener("play", () => document.querySelectorAll("audio").forEach((other) => other.pause()));
  document.addEventListener("play", (event) => event.target !== sound && sound.pause(), true);
  show();
}
