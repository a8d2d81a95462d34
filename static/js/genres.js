// With a mouse, a genre opens when the pointer rests on it. Tap, click and keyboard work without this script.
const HOVER_MS = 120;

export function genres() {
  const sideBySide = matchMedia("(min-width: 46rem) and (hover: hover)");
  for (const chart of document.querySelectorAll("[data-genres]")) {
    for (const row of chart.querySelectorAll("details")) {
      if (!row.querySelector(".about")) {
        row.querySelector("summary").addEventListener("click", (event) => event.preventDefault());
        continue;
      }
      let timer;
      row.addEventListener("pointerenter", (event) => {
        if (event.pointerType === "mouse" && sideBySide.matches) timer = setTimeout(() => (row.open = true), HOVER_MS);
      });
      row.addEventListener("pointerleave", () => clearTimeout(timer));
      row.querySelector("summary").addEventListener("click", (event) => {
        // Beside the bars one description is always open; closing it would leave a gap.
        if (sideBySide.matches && row.open) event.preventDefault();
      });
      row.querySelector("summary").addEventListener("focus", (event) => {
        if (sideBySide.matches && event.target.matches(":focus-visible")) row.open = true;
      });
    }
  }
}
