// Tap along to check the tempo: compares the median interval of the last taps with the measured tempo and its alternatives.
import { fill, texts } from "./texts.js";

const MAX_GAP_MS = 2500;
const TOLERANCE = 0.06;

export function tap(element) {
  const measured = Number(element.dataset.tap);
  const alternatives = JSON.parse(element.dataset.alternatives);
  const output = element.querySelector("output");
  let taps = [];

  const comparison = (bpm) => {
    const near = (other) => Math.abs(bpm / other - 1) < TOLERANCE;
    if (near(measured)) return texts.tap_same;
    return alternatives.some(near) ? texts.tap_other : texts.tap_apart;
  };
  element.querySelector("button").addEventListener("click", () => {
    const now = performance.now();
    if (taps.length && now - taps.at(-1) > MAX_GAP_MS) taps = [];
    taps = [...taps, now].slice(-12);
    if (taps.length < 4) {
      output.textContent = texts.keep_tapping;
      return;
    }
    const gaps = taps.slice(1).map((time, at) => time - taps[at]).sort((a, b) => a - b);
    const bpm = 60000 / gaps[Math.floor(gaps.length / 2)];
    output.textContent = fill(taps.length < 6 ? texts.tapped : comparison(bpm), { bpm: Math.round(bpm) });
  });
}
