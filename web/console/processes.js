/** Apis and workers: which are running, their load, failing checks. */
import { el } from "../dom.js";
import { count } from "./charts.js";
import { troublesOf } from "./health.js";
import { badge, datedMoment, table, to } from "./parts.js";

const KINDS = { api: "API", worker: "Worker" };

const COLUMNS = [
  ["Process", ({ vitals }) => [el("b", KINDS[vitals.kind]), ` ${vitals.name}`], "wide"],
  ["State", stateOf, "wide"],
  ["Work", ({ vitals }) => workOf(vitals), "wide"],
  ["Started", ({ vitals }) => datedMoment(vitals.startedAt)],
  ["Version", ({ vitals }) => `${vitals.version}, process ${vitals.pid}`],
];

export function processesTable(processes) {
  return table("APIs and workers", COLUMNS, processes, "None has sent a heartbeat.");
}

function stateOf(one) {
  const troubles = troublesOf(one, one.vitals.missing);
  return el("span.states", troubles.length ? troubles : badge("Ready", "good"));
}

function workOf({ requestsPerSecond, jobsRunning, jobsWaiting, jobsDead }) {
  if (requestsPerSecond !== null) return `${count(requestsPerSecond)} requests/s`;
  const dead = jobsDead ? to("jobs", `${count(jobsDead)} dead`) : `${count(jobsDead ?? 0)} dead`;
  return [`${count(jobsRunning)} jobs running; of all workers ${count(jobsWaiting)} due, `, dead];
}
