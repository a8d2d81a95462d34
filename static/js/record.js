// Ten seconds or more from the microphone, in whatever the browser records: WebM with Opus, or MP4.
import { clock, fill, words } from "./words.js";

const LEAST_SECONDS = 10;
const MOST_SECONDS = 600;
const KINDS = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"];

export function recorder(take) {
  const start = document.getElementById("record");
  const panel = document.getElementById("recorder");
  const time = document.getElementById("record-clock");
  const loudness = document.getElementById("record-level");
  const stop = document.getElementById("record-stop");
  const cancel = document.getElementById("record-cancel");
  const problem = document.getElementById("problem");
  let recording = null;

  const complain = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };

  async function begin() {
    complain("");
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
      complain(words.no_microphone);
      return;
    }
    start.disabled = true;
    try {
      // What makes speech clear makes music dull: no echo, noise or level control.
      const sound = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      recording = run(await navigator.mediaDevices.getUserMedia({ audio: sound }));
    } catch (error) {
      complain(error.name === "NotAllowedError" ? words.forbidden_microphone : words.no_microphone);
      start.disabled = false;
    }
  }

  function run(stream) {
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    const tape = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 160_000 });
    const context = new AudioContext();
    const meter = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    const parts = [];
    let keep = true;
    const began = performance.now();

    const tick = setInterval(() => {
      const seconds = (performance.now() - began) / 1000;
      meter.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      loudness.value = 100 * Math.sqrt(Math.min(1, peak));
      time.textContent = clock(seconds);
      const missing = Math.ceil(LEAST_SECONDS - seconds);
      stop.disabled = missing > 0;
      stop.textContent = missing > 0 ? fill(words.more_seconds, { seconds: missing }) : words.stop;
      if (seconds >= MOST_SECONDS) finish(true);
    }, 100);

    tape.addEventListener("dataavailable", ({ data }) => data.size && parts.push(data));
    tape.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      if (!keep) return;
      const kind = tape.mimeType.split(";")[0];
      const suffix = { "audio/mp4": "m4a", "audio/ogg": "ogg" }[kind] ?? "webm";
      const name = fill(words.recording, { time: new Date().toLocaleString(document.documentElement.lang) });
      take([new File(parts, `${name.replaceAll("/", "-")}.${suffix}`, { type: kind })]);
    });
    tape.start(1000);
    panel.hidden = false;
    cancel.focus();

    function finish(kept) {
      keep = kept;
      clearInterval(tick);
      tape.stop();
      panel.hidden = true;
      start.disabled = false;
      start.focus();
    }
    return finish;
  }

  start.addEventListener("click", begin);
  stop.addEventListener("click", () => recording?.(true));
  cancel.addEventListener("click", () => recording?.(false));
}
