/** How the review queue does: what is open and how old, how long decisions took, who made how many. */
import { el } from "../dom.js";
import { look } from "./ops.js";
import { badge, moment, table, to } from "./parts.js";
import { labelOf } from "./task.js";

export function statisticsView() {
  const node = el("div.page", { ariaBusy: "true" });
  return { title: "Review statistics", node, seconds: 30, load: () => look("review/statistics"), draw: (state) => draw(node, state) };
}

function draw(node, { undecided, decided, days }) {
  node.ariaBusy = "false";
  node.replaceChildren(
    el("h1", "Review statistics"),
    el("p", to("queue", "Review queue")),
    table("Undecided", UNDECIDED, undecided, "Nothing is waiting for a decision."),
    table("Decided in the last 30 days", DECIDED, decided, "Nothing was decided."),
    table("By person and day", DAYS, days, "Nobody has decided anything."),
  );
}

const number = (name) => [(one) => String(one[name]), "number"];
const late = ({ late: count }) => (count ? badge(String(count), "warn") : "0");

const UNDECIDED = [
  ["Kind", ({ market, kind }) => [labelOf(kind), el("small.when", market)]],
  ["Open", ...number("open")],
  ["Put aside", ...number("parked")],
  ["Within an hour", ...number("withinHour")],
  ["A day", ...number("withinDay")],
  ["A week", ...number("withinWeek")],
  ["Older", ...number("older")],
  ["Late", late, "number"],
  ["Oldest", ({ oldestAt }) => moment(oldestAt)],
];
const DECIDED = [
  ["Kind", ({ market, kind }) => [labelOf(kind), el("small.when", market)]],
  ["Decided", ...number("decided")],
  ["Median time", ({ medianSeconds }) => durationOf(medianSeconds)],
  ["Too late", late, "number"],
];
const DAYS = [
  ["Day", ({ day }) => day],
  ["Who", ({ reviewer }) => reviewer],
  ["Decided", ...number("decided")],
];

function durationOf(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds < 36 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
