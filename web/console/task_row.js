/** One task in the list of the review queue. */
import { el } from "../dom.js";
import { badge, moment } from "./parts.js";
import { labelOf, subjectOf } from "./task.js";

const URGENT = 3; // from this priority on

/** Fill a list item; `toggle` chooses the task for deciding several at once, `open` shows it. */
export function fillRow(node, task, { isChosen, isCurrent, toggle, open }) {
  const box = el("input", { type: "checkbox", checked: isChosen, ariaLabel: `Choose ${labelOf(task.kind)}: ${subjectOf(task)}` });
  box.addEventListener("change", toggle);
  const button = el(
    "button.task",
    { onclick: open },
    el("span.what", el("b", subjectOf(task)), task.priority > 0 && badge(`Priority ${task.priority}`, task.priority < URGENT ? "warn" : "bad")),
    el("span.preview", previewOf(task)),
    el("small", labelOf(task.kind), task.reason && ` · ${task.reason}`, task.appealOf && " · appeal", " · ", moment(task.decidedAt ?? task.createdAt)),
    el("small", ...standingOf(task)),
  );
  if (isCurrent) button.setAttribute("aria-current", "true");
  node.replaceChildren(...[!task.decidedAt && box, button].filter(Boolean));
}

/** The first fact that is not the name of the subject. */
function previewOf({ facts }) {
  return facts.find(({ name }) => !["Title", "Name"].includes(name))?.value ?? "";
}

function standingOf({ heldBy, isMine, decidedAt, decidedBy, state, dueAt }) {
  if (decidedAt) return [`${labelOf(state)}, by ${decidedBy}`];
  const held = isMine ? badge("You hold it", "good") : heldBy && badge(`${heldBy} holds it`);
  const late = new Date(dueAt) < Date.now() && badge("Late", "warn");
  return [held, late].filter(Boolean);
}
