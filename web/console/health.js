/** Badges for the health of a process. */
import { el } from "../dom.js";
import { badge, datedMoment } from "./parts.js";

const NEEDED = { database: "Postgres", redis: "The first Redis", queue: "The Redis of the jobs" };

/** The problems of a process with their reasons, or an empty list; `missing`: the failing readiness checks. */
export function troublesOf({ late, silent, vitals: { beatAt } }, missing) {
  if (silent) return [badge("Silent", "bad", "It has died, hangs, or cannot reach the first Redis"), lastHeard(beatAt)];
  if (late) return [badge("Late", "warn", "Two heartbeats are missing: its figures are old"), lastHeard(beatAt)];
  const reasons = Object.entries(missing).map(reason);
  return reasons.length ? [badge("Not ready", "bad"), ...reasons] : [];
}

function lastHeard(iso) {
  return el("small", "last heard ", datedMoment(iso));
}

/** A process describes itself in a sentence; for its dependencies only the error is known. */
function reason([check, problem]) {
  return el("small.reason", NEEDED[check] ? `${NEEDED[check]} does not answer (${problem})` : problem);
}
