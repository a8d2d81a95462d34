// The result page's controls: player, lyrics, genres, previews, tapping along, copying the link, chart as PNG.
import { genres } from "./genres.js";
import { player } from "./player.js";
import { previews } from "./previews.js";
import { lyrics } from "./lyrics.js";
import { tap } from "./tap.js";

genres();
previews();
const root = document.getElementById("player");
lyrics(document.getElementById("lyrics"), root && player(root));
document.querySelectorAll("[data-tap]").forEach(tap);

const copy = document.getElementById("copy");
copy?.addEventListener("click", async () => {
  const link = document.getElementById("link");
  link.select();
  try {
    await navigator.clipboard.writeText(link.value);
  } catch {
    document.execCommand("copy"); // the clipboard API needs https, this does not
  }
  copy.textContent = copy.dataset.done;
});

const png = document.getElementById("png");
png?.addEventListener("click", async () => {
  const picture = new Image();
  picture.src = png.dataset.chart;
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * picture.naturalWidth;
  canvas.height = 2 * picture.naturalHeight;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const data = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = `${document.title.replace(/ – Sori$/, "")}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
