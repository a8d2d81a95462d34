// With a mouse, a genre opens as soon as the pointer rests on it; tap, click and keys work without this.
const REST = 120;

export function genres() {
  const beside = matchMedia("(min-width: 46rem) and (hover: hover)");
  for (const chart of document.querySelectorAll("[data-genres]")) {
    for (const row of chart.querySelectorAll("details")) {
      if (!row.querySelector(".about")) {
        row.querySelector("summary").addEventListener("click", (event) => event.preventDefault());
        continue;
      }
      let rest;
      row.addEventListener("pointerenter", (event) => {
        if (event.pointerType === "mouse" && beside.matches) rest = setTimeout(() => (row.open = true), REST);
      });
      row.addEventListener("pointerleave", () => clearTimeout(rest));
      row.querySelector("summary").addEventListener("click", (event) => {
        // Beside the bars one description always stands; closing it would leave a hole.
        if (beside.matches && row.open) event.preventDefault();
      });
      row.querySelector("summary").addEventListener("focus", (event) => {
        if (beside.matches && event.target.matches(":focus-visible")) row.open = true;
      });
    }
  }
}
