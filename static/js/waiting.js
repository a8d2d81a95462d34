// The waiting page follows its analysis and reloads when it has ended.
import { follow } from "./follow.js";
import { texts } from "./texts.js";

const root = document.getElementById("waiting");
const steps = [...root.querySelectorAll(".stages li")];
const bar = root.querySelector("progress");
const status = root.querySelector("[role=status]");
const problem = root.querySelector("[role=alert]");

follow(
  root.dataset,
  (analysis) => {
    if (["done", "failed", "gone"].includes(analysis.state)) {
      location.reload();
      return;
    }
    if (analysis.state === "running") root.querySelector("h1").textContent = texts.running;
    bar.value = analysis.progress;
    const current = steps.findIndex((step) => step.dataset.name === analysis.stage);
    steps.forEach((step, index) => {
      step.classList.toggle("done", index < current);
      if (index === current) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    if (current >= 0 && status.textContent !== steps[current].textContent) status.textContent = steps[current].textContent;
  },
  (isLost) => (problem.hidden = !isLost),
);
