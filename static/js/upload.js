// Songs on their way: chosen, dropped or recorded, sent two at a time, each followed to its result in a row of its own.
import { follow } from "./follow.js";
import { recorder } from "./record.js";
import { fill, words } from "./words.js";

const AT_ONCE = 2;
const MOST_STREAMS = 3; // a browser has six connections for a server; beyond this, rows ask instead of listening
const SENDING_SHARE = 0.3; // of a row's bar; the rest is the analysis

const form = document.getElementById("upload");
const input = document.getElementById("file");
const list = document.getElementById("songs");
const spoken = document.getElementById("progress-words");
const most = Number(form.dataset.most);
const waiting = [];
const live = new Set(); // rows that are neither finished nor failed nor cancelled
let sending = 0;

function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

/** One song's row: its name, what is happening, a bar, and a button that stops it. */
class Row {
  constructor(file) {
    this.file = file;
    this.name = element("bdi", {}, file.name);
    const told = element("div", { class: "told" });
    const name = element("p", { class: "name", title: file.name });
    name.append(this.name);
    this.state = element("p", { class: "state" }, words.waiting);
    told.append(name, this.state);
    this.actions = element("div", { class: "actions" });
    this.stop = element("button", { type: "button", class: "quiet" }, words.cancel);
    this.stop.setAttribute("aria-label", `${words.cancel}: ${file.name}`);
    this.stop.addEventListener("click", () => this.cancel());
    this.actions.append(this.stop);
    this.bar = element("progress", { max: "1", value: "0", "aria-label": file.name });
    this.item = element("li", { class: "song" });
    this.item.append(told, this.actions, this.bar);
    this.abort = () => {};
    live.add(this);
  }

  say(text, share) {
    if (this.state.textContent !== text) {
      this.state.textContent = text;
      if (live.size === 1) spoken.textContent = text;
    }
    if (share !== undefined) this.bar.value = share;
  }

  fail(reason) {
    live.delete(this);
    this.bar.remove();
    this.item.classList.add("failed");
    this.state.textContent = reason;
    this.state.setAttribute("role", "alert");
    this.stop.textContent = words.dismiss;
    this.stop.setAttribute("aria-label", `${words.dismiss}: ${this.file.name}`);
    this.abort = () => {};
  }

  finish(url, genre) {
    live.delete(this);
    this.bar.remove();
    this.state.textContent = genre;
    this.stop.remove();
    this.actions.append(element("a", { class: "button", href: url, "aria-label": `${words.open}: ${this.file.name}` }, words.open));
    spoken.textContent = `${this.file.name}: ${genre}`;
  }

  cancel() {
    this.cancelled = true;
    this.abort();
    live.delete(this);
    this.item.remove();
  }
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    if (request.status === 413) return tooLarge();
    return [429, 502, 503, 504].includes(request.status) ? words.busy : words.broken;
  }
}

const tooLarge = () => fill(words.too_large, { megabytes: most / 1_000_000 });

function send(row) {
  const done = () => {
    sending -= 1;
    next();
  };
  const request = new XMLHttpRequest();
  request.open("POST", form.dataset.api);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-Token", form.elements.token.value);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const share = total ? loaded / total : 0;
    row.say(share < 1 ? fill(words.uploading, { percent: Math.floor(100 * share) }) : words.sent, SENDING_SHARE * share);
  });
  request.addEventListener("load", () => {
    done();
    if (request.status === 202) watch(row, JSON.parse(request.responseText));
    else row.fail(reason(request));
  });
  request.addEventListener("error", () => {
    done();
    row.fail(words.offline);
  });
  request.addEventListener("abort", done);
  row.abort = () => request.abort();
  const body = new FormData();
  body.append("file", row.file, row.file.name);
  request.send(body);
}

function watch(row, { id, url }) {
  const state = `${form.dataset.api}/${id}`;
  const end = follow(
    { state, events: live.size > MOST_STREAMS ? null : `${state}/events` },
    async (told) => {
      if (told.state === "failed") row.fail(told.error.message);
      else if (told.state === "gone") row.fail(words.gone);
      else if (told.state === "done") {
        if (row.alone) location.assign(url);
        row.finish(url, await answer(state));
      } else {
        const said = words.stages[told.stage] ?? (told.state === "queued" ? words.waiting : words.sent);
        row.say(said, SENDING_SHARE + (1 - SENDING_SHARE) * told.progress);
      }
    },
    (isLost) => isLost && row.say(words.offline),
  );
  row.abort = () => {
    end();
    fetch(state, { method: "DELETE" }).catch(() => {});
  };
}

async function answer(state) {
  try {
    const { genre } = (await (await fetch(state)).json()).report;
    if (!genre.confident) return words.unsure;
    const { label, probability } = genre.scores[0];
    return `${words.genres[label] ?? label} ${Math.round(100 * probability)} %`;
  } catch {
    return "";
  }
}

function next() {
  while (sending < AT_ONCE && waiting.length) {
    const row = waiting.shift();
    if (row.cancelled) continue;
    sending += 1;
    send(row);
  }
}

function take(files) {
  // Whoever hands in a single song is led on to its page; among several, nobody is torn away.
  const alone = files.length === 1 && live.size === 0;
  for (const row of live) row.alone = false;
  for (const file of files) {
    const row = new Row(file);
    row.alone = alone;
    list.append(row.item);
    if (file.size > most) row.fail(tooLarge());
    else waiting.push(row);
  }
  next();
}

document.getElementById("choose").addEventListener("click", () => input.click());
input.addEventListener("change", () => {
  take([...input.files]);
  input.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());

let over = 0; // how many elements deep the dragged files are
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (!holdsFiles(event)) return;
  over += 1;
  form.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!holdsFiles(event)) return;
  over = Math.max(0, over - 1);
  if (!over) form.classList.remove("over");
});
addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  over = 0;
  form.classList.remove("over");
  take([...event.dataTransfer.files]);
});

recorder(take);
