/** Whether a process lives and can do its work, in badges. */
import { el } from "../dom.js";
import { badge, datedMoment } from "./parts.js";

const NEEDED = { database: "Postgres", redis: "The first Redis", queue: "The Redis of the jobs" };

/** What is wrong with a process, and why, or an empty list; `missing` is what keeps it from being ready. */
export function troublesOf({ late, silent, vitals: { beatAt } }, missing) {
  if (silent) return [badge("Silent", "bad", "It has died, hangs, or cannot reach the first Redis"), lastHeard(beatAt)];
  if (late) return [badge("Late", "warn", "Two heartbeats are missing: its figures are old"), lastHeard(beatAt)];
  const reasons = Object.entries(missing).map(reason);
  return reasons.length ? [badge("Not ready", "bad"), ...reasons] : [];
}

function lastHeard(iso) {
  return el("small", "last heard ", datedMoment(iso));
}

/** What a process says of itself is a sentence; of what it needs it knows the error only. */
function reason([check, problem]) {
  return el("small.reason", NEEDED[check] ? `${NEEDED[check]} does not answer (${problem})` : problem);
}
