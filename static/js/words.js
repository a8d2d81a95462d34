// The words of this page in the reader's language, as the server wrote them into it.
const block = document.getElementById("words");
export const words = block ? JSON.parse(block.textContent) : {};

export const fill = (template, facts) => template.replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "");

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
