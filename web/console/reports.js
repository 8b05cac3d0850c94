/** Reports by users: about whom, why, the reported text; and resolving them. */
import { confirmation } from "../dialogs.js";
import { el } from "../dom.js";
import { whileBusy } from "../forms.js";
import { act, look } from "./ops.js";
import { badge, datedMoment, table, to } from "./parts.js";

const PAGE = 20;
const NOTE_LENGTH = 1000;
const STATUSES = { open: "Open", resolved: "Resolved", all: "All" };
const EMPTY = { open: "No report is open.", resolved: "No report was resolved yet.", all: "Nobody has reported anything." };

export function reportsView(_, query) {
  const status = Object.hasOwn(STATUSES, query.get("status")) ? query.get("status") : "open";
  const user = query.get("userId");
  const place = (changes) => `reports/?${parameters({ status, userId: user, ...changes })}`;
  const statuses = Object.entries(STATUSES).map(([name, words]) => {
    const link = to(place({ status: name }), words);
    if (name === status) link.setAttribute("aria-current", "page");
    return link;
  });
  const problem = el("p.problem", { role: "alert" });
  const list = el("div", { ariaBusy: "true" });
  const pages = el("nav.bar", { ariaLabel: "Pages" });
  const about = user && el("p.muted", "About one user only. ", to(`users/${user}`, "Show the user"), " · ", to(place({ userId: null }), "All users"));
  const node = el("div.page", el("h1", "Reports"), el("nav.statuses", { ariaLabel: "Status" }, statuses), about, problem, list, pages);
  const before = query.get("before");
  const path = parameters({ status: status === "all" ? null : status, userId: user, before, limit: PAGE });
  const draw = ({ reports, total }, again) => {
    list.ariaBusy = "false";
    list.replaceChildren(table(`${STATUSES[status]} (${total})`, columns(status, problem, again), reports, before ? "There are no older ones." : EMPTY[status]));
    pages.replaceChildren(
      ...[
        before && to(place({}), "Newest"),
        reports.length === PAGE && to(place({ before: reports.at(-1).id }), "Older"),
      ].filter(Boolean),
    );
    pages.hidden = !pages.children.length;
  };
  return { title: "Reports", node, seconds: 10, load: () => look(`reports?${path}`), draw };
}

function parameters(values) {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value != null));
}

function columns(status, problem, again) {
  return [
    ["Reported user", ({ userId, userName, market }) => [to(`users/${userId}`, userName), el("small.when", market)]],
    ["Reason", ({ reason }) => badge(reason[0].toUpperCase() + reason.slice(1), "warn")],
    ["What was said", said, "wide"],
    ["Reporter", ({ text, reporterId, reporterName }) => [text && el("p.said", text), el("small", "by ", to(`users/${reporterId}`, reporterName))], "wide"],
    ["Reported", ({ createdAt }) => datedMoment(createdAt)],
    [status === "open" ? "Action" : "Resolved", (report) => outcome(report, problem, again), status === "open" ? "action" : "wide"],
  ];
}

/** The reported message at that time, and a link to it. */
function said({ evidence, conversationId, messageId }) {
  if (!messageId) return el("small", "The user, not a message");
  return [
    el("p.said", evidence || "(without a text)"),
    el("small", to(`messages/${messageId}`, "Message"), " · ", to(`conversations/${conversationId}`, "Conversation")),
  ];
}

function outcome(report, problem, again) {
  const { resolvedAt, resolvedBy, note } = report;
  if (resolvedAt) return [el("small", "by ", el("b", resolvedBy), " ", datedMoment(resolvedAt)), note && el("p.said", note)].filter(Boolean);
  const button = el("button.button", { onclick: () => resolve(button, report, problem, again) }, "Resolve");
  return button;
}

async function resolve(button, { id, userName }, problem, again) {
  const note = el("textarea", { rows: 3, maxLength: NOTE_LENGTH });
  const field = el("label.field-row", "What was done (for other operators)", note);
  const text = `${userName} and who has reported them are not notified. Sessions are ended on the page of the user.`;
  if (!(await confirmation("Resolve this report?", text, "Resolve", field))) return;
  await whileBusy(button, problem, () => act(`reports/${id}/resolve`, { note: note.value.trim() }));
  if (!problem.textContent) again();
}
