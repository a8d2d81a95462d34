// Applies the theme that was chosen last. Loaded before the first paint, so that the page never flashes.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const storedTheme = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be blocked
    }
  };
  const chosen = storedTheme();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const current = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
    const label = () => {
      const next = current() === "dark" ? "light" : "dark";
      button.querySelector("span").textContent = button.dataset[next];
      button.title = button.dataset[next];
    };
    button.addEventListener("click", () => {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      try {
        localStorage.setItem("theme", root.dataset.theme);
      } catch {
        // the theme then lasts for this page only
      }
      label();
    });
    system.addEventListener("change", label);
    label();
  });
})();
