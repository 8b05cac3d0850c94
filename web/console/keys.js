/** The keys of the review queue. */
import { el } from "../dom.js";

const KEYS = [
  ["n", "Take the next task"],
  ["j k ↓ ↑", "Go down and up the list"],
  ["t", "Take the chosen task, or hold it for ten more minutes"],
  ["1 – 9", "Decide the task that you hold"],
  ["r", "Release it"],
  ["m", "Write the note of the decision"],
  ["b", "Show or blur the pictures"],
  ["x", "Choose for deciding several at once"],
  ["Esc", "Back to the list"],
  ["?", "Show these keys"],
];

export function showKeys() {
  const rows = KEYS.map(([keys, words]) => el("div", el("dt", keys.split(" ").map((key) => (key === "–" ? " – " : el("kbd", key)))), el("dd", words)));
  const close = el("button.button", { type: "submit" }, "Close");
  const form = el("form", { method: "dialog" }, el("header", el("h2", "Keys")), el("dl.keys", rows), el("div.buttons", close));
  const dialog = el("dialog", { ariaLabel: "Keys" }, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
