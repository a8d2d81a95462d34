// Records ten seconds or more from the microphone, in a format that the browser supports: WebM with Opus, or MP4.
import { clock, fill, texts } from "./texts.js";

const MIN_SECONDS = 10;
const MAX_SECONDS = 600;
const MIME_TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"];

export function recorder(upload) {
  const start = document.getElementById("record");
  const panel = document.getElementById("recorder");
  const time = document.getElementById("record-clock");
  const loudness = document.getElementById("record-level");
  const stop = document.getElementById("record-stop");
  const cancel = document.getElementById("record-cancel");
  const problem = document.getElementById("problem");
  let finish = null; // ends the recording; its argument says whether to keep it

  const showProblem = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };

  async function begin() {
    showProblem("");
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
      showProblem(texts.no_microphone);
      return;
    }
    start.disabled = true;
    try {
      // Echo cancellation, noise suppression and gain control are made for speech and distort music.
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      finish = run(await navigator.mediaDevices.getUserMedia({ audio }));
    } catch (error) {
      showProblem(error.name === "NotAllowedError" ? texts.forbidden_microphone : texts.no_microphone);
      start.disabled = false;
    }
  }

  function run(stream) {
    const requestedType = MIME_TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const mediaRecorder = new MediaRecorder(stream, { mimeType: requestedType, audioBitsPerSecond: 160_000 });
    const context = new AudioContext();
    const meter = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    const parts = [];
    let keep = true;
    const startedAt = performance.now();

    const tick = setInterval(() => {
      const seconds = (performance.now() - startedAt) / 1000;
      meter.getFloatTimeDomainData(samples);
      const peak = samples.reduce((max, sample) => Math.max(max, Math.abs(sample)), 0);
      loudness.value = 100 * Math.sqrt(Math.min(1, peak));
      time.textContent = clock(seconds);
      const missing = Math.ceil(MIN_SECONDS - seconds);
      stop.disabled = missing > 0;
      stop.textContent = missing > 0 ? fill(texts.more_seconds, { seconds: missing }) : texts.stop;
      if (seconds >= MAX_SECONDS) end(true);
    }, 100);

    mediaRecorder.addEventListener("dataavailable", ({ data }) => data.size && parts.push(data));
    mediaRecorder.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      if (!keep) return;
      const mimeType = mediaRecorder.mimeType.split(";")[0];
      const suffix = { "audio/mp4": "m4a", "audio/ogg": "ogg" }[mimeType] ?? "webm";
      const name = fill(texts.recording, { time: new Date().toLocaleString(document.documentElement.lang) });
      upload([new File(parts, `${name.replaceAll("/", "-")}.${suffix}`, { type: mimeType })]);
    });
    mediaRecorder.start(1000);
    panel.hidden = false;
    cancel.focus();

    function end(kept) {
      keep = kept;
      clearInterval(tick);
      mediaRecorder.stop();
      panel.hidden = true;
      start.disabled = false;
      start.focus();
    }
    return end;
  }

  start.addEventListener("click", begin);
  stop.addEventListener("click", () => finish?.(true));
  cancel.addEventListener("click", () => finish?.(false));
}
