// Light or dark as the reader chose last. Loaded before the page is painted, so that it never flashes.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const remembered = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be forbidden
    }
  };
  const chosen = remembered();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const current = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
    const name = () => {
      const next = current() === "dark" ? "light" : "dark";
      button.querySelector("span").textContent = button.dataset[next];
      button.title = button.dataset[next];
    };
    button.addEventListener("click", () => {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      try {
        localStorage.setItem("theme", root.dataset.theme);
      } catch {
        // then it holds for this page alone
      }
      name();
    });
    system.addEventListener("change", name);
    name();
  });
})();
