// The lyrics follow the playhead: the current line and word are marked, and a line can be clicked to seek there.
// Without this script, and where there is no audio, they are a plain list.
const HANDS_OFF_MS = 4000; // how long the list does not scroll by itself after the reader scrolled it
const TOLERANCE_SECONDS = 0.06; // after a line was sought, the audio may be a little before it

/** What `player` returns, for an audio element without a playhead. */
export function controlsOf(audio) {
  if (!audio) return null;
  const followers = [];
  const move = (seconds) => followers.forEach((follower) => follower(seconds));
  audio.addEventListener("timeupdate", () => move(audio.currentTime));
  const seekTo = (seconds) => {
    audio.currentTime = seconds;
    move(seconds); // audio that has not been loaded yet sends no event
  };
  return { seekTo, onMove: (follower) => followers.push(follower) };
}

export function lyrics(box, controls) {
  for (const words of box?.querySelectorAll("i") ?? []) words.title = box.dataset.uncertain;
  const timed = [...(box?.querySelectorAll("[data-at]") ?? [])];
  if (!timed.length || !controls) return;
  const lines = timed.map((element) => ({ element, start: Number(element.dataset.at) }));
  lines.sort((one, other) => one.start - other.start);
  let current = null;
  let word = null;
  let scrolledAt = -Infinity;

  const scrollTo = ({ element }) => {
    if (performance.now() - scrolledAt < HANDS_OFF_MS) return;
    const place = element.getBoundingClientRect().top - box.getBoundingClientRect().top;
    box.scrollTop += place - (box.clientHeight - element.offsetHeight) / 2;
  };

  const show = (seconds) => {
    const line = last(lines, ({ start }) => start <= seconds + TOLERANCE_SECONDS) ?? null;
    if (line !== current) {
      current?.element.removeAttribute("aria-current");
      line?.element.setAttribute("aria-current", "true");
      current = line;
      if (line) scrollTo(line);
    }
    const sung = line && last(wordsOf(line), ({ start }) => start <= seconds)?.element;
    if (sung === word) return;
    word?.classList.remove("sung");
    sung?.classList.add("sung");
    word = sung;
  };

  // One of the lines is in the order of the Tab key; the arrow keys move between them.
  const focusable = (element) => {
    box.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    element.tabIndex = 0;
  };
  box.removeAttribute("tabindex");
  for (const element of timed) {
    element.setAttribute("role", "button");
    element.tabIndex = -1;
  }
  focusable(timed[0]);

  const seek = (target) => {
    const line = target.closest("[data-at]");
    if (!line) return;
    focusable(line);
    controls.seekTo(Number(line.dataset.at));
  };
  box.addEventListener("click", (event) => seek(event.target));
  box.addEventListener("keydown", (event) => {
    const index = timed.indexOf(event.target);
    const targets = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: timed.length - 1 };
    if (index < 0) return;
    if (event.key === "Enter" || event.key === " ") seek(event.target);
    else if (event.key in targets) {
      const target = timed[targets[event.key]];
      if (!target) return;
      scrolledAt = performance.now();
      focusable(target);
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: "nearest" });
    } else return;
    event.preventDefault();
  });
  for (const event of ["wheel", "touchmove"]) {
    box.addEventListener(event, () => (scrolledAt = performance.now()), { passive: true });
  }
  controls.onMove(show);
}

/** The last of the sorted items for which the condition holds. */
function last(items, condition) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (condition(items[middle])) low = middle + 1;
    else high = middle;
  }
  return items[low - 1];
}

/** The words of a line with their starts in seconds, each in an element of its own. They are made when the line is reached. */
function wordsOf(line) {
  line.words ??= split(line);
  return line.words;
}

function split({ element, start }) {
  if (!element.dataset.s) return [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("small, b")) texts.push(walker.currentNode);
  }
  const words = [];
  for (const text of texts) {
    const parts = text.textContent.split(" ").map((part) => {
      if (!part) return part;
      const word = document.createElement("span");
      word.textContent = part;
      words.push(word);
      return word;
    });
    text.replaceWith(...parts.flatMap((part, index) => (index ? [" ", part] : [part])));
  }
  // Tenths of a second from the start of the line to the first word, from each to the next, and to the end of the last.
  let tenths = 0;
  return element.dataset.s.split(" ").map((step, index) => {
    tenths += Number(step);
    return { start: start + tenths / 10, element: words[index] };
  });
}
