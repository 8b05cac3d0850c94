/** Suspending, banning and approving a user, and taking it back. */
import { confirmation } from "../dialogs.js";
import { el } from "../dom.js";
import { whileBusy } from "../forms.js";
import { act } from "./ops.js";
import { badge } from "./parts.js";
import { stampOf } from "../words.js";

const REASON_LENGTH = 255;
const TONES = { active: "good", pending: "warn", suspended: "bad", banned: "bad" };
const WORDS = { active: "Active", pending: "Waits for approval", suspended: "Suspended", banned: "Banned" };
const ACTIONS = { active: "Make active", suspended: "Suspend", banned: "Ban" };

export function statusOf({ status, statusUntil }) {
  return el("span", badge(WORDS[status], TONES[status]), statusUntil && ` until ${stampOf(statusUntil)}`);
}

/** A button for each status that the account may get. */
export function statusButtons({ user, standing, nextStatuses }, problem, again) {
  const button = (status) => {
    const words = status === standing.status ? "Change suspension" : ACTIONS[status];
    const node = el("button.button", { onclick: () => change(node, status) }, words);
    return node;
  };
  const change = async (node, status) => {
    const reason = el("input", { maxLength: REASON_LENGTH, required: true });
    const until = el("input", { type: "datetime-local" });
    const fields = [el("label.field-row", "Reason (for the audit log)", reason)];
    if (status === "suspended") fields.push(el("label.field-row", "Until (empty: until it is taken back)", until));
    const text = status === "active" ? `${user.name} can log in again.` : `${user.name} is logged out everywhere at once, and cannot log in.`;
    if (!(await confirmation(`${node.textContent}?`, text, ACTIONS[status], ...fields))) return;
    const end = until.value ? new Date(until.value).toISOString() : null;
    await whileBusy(node, problem, () => act(`users/${user.id}/status`, { status, reason: reason.value.trim(), until: end }));
    if (!problem.textContent) again();
  };
  return el("div.bar", nextStatuses.map(button));
}
