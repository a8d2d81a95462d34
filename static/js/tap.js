// Tap along to check the tempo: the median of the last taps, held against what was heard and its alternatives.
import { fill, words } from "./words.js";

const PAUSE = 2500;
const NEAR = 0.06;

export function tap(place) {
  const heard = Number(place.dataset.tap);
  const others = JSON.parse(place.dataset.others);
  const output = place.querySelector("output");
  let taps = [];

  const verdict = (bpm) => {
    const near = (other) => Math.abs(bpm / other - 1) < NEAR;
    if (near(heard)) return words.tap_same;
    return others.some(near) ? words.tap_other : words.tap_apart;
  };
  place.querySelector("button").addEventListener("click", () => {
    const now = performance.now();
    if (taps.length && now - taps.at(-1) > PAUSE) taps = [];
    taps = [...taps, now].slice(-12);
    if (taps.length < 4) {
      output.textContent = words.keep_tapping;
      return;
    }
    const gaps = taps.slice(1).map((time, at) => time - taps[at]).sort((a, b) => a - b);
    const bpm = 60000 / gaps[Math.floor(gaps.length / 2)];
    output.textContent = fill(taps.length < 6 ? words.tapped : verdict(bpm), { bpm: Math.round(bpm) });
  });
}
