// The waiting page follows its analysis and becomes the result when that is there.
import { follow } from "./follow.js";
import { words } from "./words.js";

const place = document.getElementById("waiting");
const steps = [...place.querySelectorAll(".stages li")];
const bar = place.querySelector("progress");
const status = place.querySelector("[role=status]");
const problem = place.querySelector("[role=alert]");

follow(
  place.dataset,
  (told) => {
    if (["done", "failed", "gone"].includes(told.state)) {
      location.reload();
      return;
    }
    if (told.state === "running") place.querySelector("h1").textContent = words.listening;
    bar.value = told.progress;
    const at = steps.findIndex((step) => step.dataset.name === told.stage);
    steps.forEach((step, place) => {
      step.classList.toggle("past", place < at);
      if (place === at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    if (at >= 0 && status.textContent !== steps[at].textContent) status.textContent = steps[at].textContent;
  },
  (isLost) => (problem.hidden = !isLost),
);
