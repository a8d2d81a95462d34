// Uploads songs that were chosen, dropped or recorded, two at a time, and follows each in a row of its own to its result.
import { follow } from "./follow.js";
import { recorder } from "./record.js";
import { fill, texts } from "./texts.js";

const PARALLEL_UPLOADS = 2;
const MAX_STREAMS = 3; // a browser opens six connections to a server; further rows poll
const UPLOAD_SHARE = 0.3; // of a row's progress bar; the rest is the analysis

const form = document.getElementById("upload");
const input = document.getElementById("file");
const list = document.getElementById("songs");
const status = document.getElementById("progress-text");
const maxBytes = Number(form.dataset.maxBytes);
const waiting = [];
const active = new Set(); // rows that are neither finished nor failed nor cancelled
let uploading = 0;

function element(tag, attributes = {}, text = "") {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.textContent = text;
  return created;
}

/** One song's row: its name, its state, a progress bar and a cancel button. */
class Row {
  constructor(file) {
    this.file = file;
    this.name = element("bdi", {}, file.name);
    const textBox = element("div", { class: "song-text" });
    const name = element("p", { class: "name", title: file.name });
    name.append(this.name);
    this.state = element("p", { class: "state" }, texts.waiting);
    textBox.append(name, this.state);
    this.actions = element("div", { class: "actions" });
    this.stop = element("button", { type: "button", class: "quiet" }, texts.cancel);
    this.stop.setAttribute("aria-label", `${texts.cancel}: ${file.name}`);
    this.stop.addEventListener("click", () => this.cancel());
    this.actions.append(this.stop);
    this.bar = element("progress", { max: "1", value: "0", "aria-label": file.name });
    this.item = element("li", { class: "song" });
    this.item.append(textBox, this.actions, this.bar);
    this.abort = () => {};
    active.add(this);
  }

  update(text, share) {
    if (this.state.textContent !== text) {
      this.state.textContent = text;
      if (active.size === 1) status.textContent = text;
    }
    if (share !== undefined) this.bar.value = share;
  }

  fail(message) {
    active.delete(this);
    this.bar.remove();
    this.item.classList.add("failed");
    this.state.textContent = message;
    this.state.setAttribute("role", "alert");
    this.stop.textContent = texts.dismiss;
    this.stop.setAttribute("aria-label", `${texts.dismiss}: ${this.file.name}`);
    this.abort = () => {};
  }

  finish(url, genre) {
    active.delete(this);
    this.bar.remove();
    this.state.textContent = genre;
    this.stop.remove();
    this.actions.append(element("a", { class: "button", href: url, "aria-label": `${texts.open}: ${this.file.name}` }, texts.open));
    status.textContent = `${this.file.name}: ${genre}`;
  }

  cancel() {
    this.cancelled = true;
    this.abort();
    active.delete(this);
    this.item.remove();
  }
}

function errorMessage(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    if (request.status === 413) return tooLarge();
    return [429, 502, 503, 504].includes(request.status) ? texts.busy : texts.broken;
  }
}

const tooLarge = () => fill(texts.too_large, { megabytes: maxBytes / 1_000_000 });

function send(row) {
  const done = () => {
    uploading -= 1;
    startNext();
  };
  const request = new XMLHttpRequest();
  request.open("POST", form.dataset.api);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-Token", form.elements.token.value);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const share = total ? loaded / total : 0;
    row.update(share < 1 ? fill(texts.uploading, { percent: Math.floor(100 * share) }) : texts.sent, UPLOAD_SHARE * share);
  });
  request.addEventListener("load", () => {
    done();
    if (request.status === 202) watch(row, JSON.parse(request.responseText));
    else row.fail(errorMessage(request));
  });
  request.addEventListener("error", () => {
    done();
    row.fail(texts.offline);
  });
  request.addEventListener("abort", done);
  row.abort = () => request.abort();
  const body = new FormData();
  body.append("file", row.file, row.file.name);
  request.send(body);
}

function watch(row, { id, url }) {
  const state = `${form.dataset.api}/${id}`;
  const stop = follow(
    { state, events: active.size > MAX_STREAMS ? null : `${state}/events` },
    async (analysis) => {
      if (analysis.state === "failed") row.fail(analysis.error.message);
      else if (analysis.state === "gone") row.fail(texts.gone);
      else if (analysis.state === "done") {
        if (row.alone) location.assign(url);
        row.finish(url, await genreText(state));
      } else {
        const text = texts.stages[analysis.stage] ?? (analysis.state === "queued" ? texts.waiting : texts.sent);
        row.update(text, UPLOAD_SHARE + (1 - UPLOAD_SHARE) * analysis.progress);
      }
    },
    (isLost) => isLost && row.update(texts.offline),
  );
  row.abort = () => {
    stop();
    fetch(state, { method: "DELETE" }).catch(() => {});
  };
}

async function genreText(state) {
  try {
    const { genre } = (await (await fetch(state)).json()).report;
    if (!genre.confident) return texts.unsure;
    const { label, probability } = genre.scores[0];
    return `${texts.genres[label] ?? label} ${Math.round(100 * probability)}%`;
  } catch {
    return "";
  }
}

function startNext() {
  while (uploading < PARALLEL_UPLOADS && waiting.length) {
    const row = waiting.shift();
    if (row.cancelled) continue;
    uploading += 1;
    send(row);
  }
}

function upload(files) {
  // A single upload leads on to its result page; with several, the page stays.
  const alone = files.length === 1 && active.size === 0;
  for (const row of active) row.alone = false;
  for (const file of files) {
    const row = new Row(file);
    row.alone = alone;
    list.append(row.item);
    if (file.size > maxBytes) row.fail(tooLarge());
    else waiting.push(row);
  }
  startNext();
}

document.getElementById("choose").addEventListener("click", () => input.click());
input.addEventListener("change", () => {
  upload([...input.files]);
  input.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());

let dragDepth = 0; // dragenter and dragleave fire for nested elements too
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (!holdsFiles(event)) return;
  dragDepth += 1;
  form.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!holdsFiles(event)) return;
  dragDepth = Math.max(0, dragDepth - 1);
  if (!dragDepth) form.classList.remove("over");
});
addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  dragDepth = 0;
  form.classList.remove("over");
  upload([...event.dataTransfer.files]);
});

recorder(upload);
