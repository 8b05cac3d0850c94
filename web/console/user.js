/** One user: status, sessions with their sockets, conversations; changing the status, ending a session. */
import { confirmation } from "../dialogs.js";
import { el } from "../dom.js";
import { whileBusy } from "../forms.js";
import { heardNote } from "./heard.js";
import { act, lookOnHubs } from "./ops.js";
import { badge, facts, hubName, moment, shortId, table, to } from "./parts.js";
import { statusButtons, statusOf } from "./status.js";

export function userView(id) {
  const node = el("div.page", { ariaBusy: "true" });
  const problem = el("p.problem", { role: "alert" });
  const draw = (page, again) => drawUser(node, page, problem, again);
  return { title: "User", node, seconds: 5, load: () => lookOnHubs(`users/${id}`), draw };
}

function drawUser(node, page, problem, again) {
  const { user, sockets, conversations, heardAll } = page;
  node.ariaBusy = "false";
  node.replaceChildren(
    ...[
      el("h1", user.name, " ", presence(sockets, heardAll)),
      facts([
        ["E-mail", user.email ?? ""],
        ["Role", `${user.role}, ${user.market}`],
        ["Status", page.standing && statusOf(page.standing)],
        ["Last seen", sockets.length ? "now" : moment(user.lastSeenAt)],
        ["Signed up", moment(user.createdAt)],
        ["Reports", to(`reports/?status=all&userId=${user.id}`, "About this user")],
        ["Deleted", user.deletedAt && moment(user.deletedAt)],
        ["Id", el("code", user.id)],
      ]),
      heardNote(page),
      problem,
      page.standing && statusButtons(page, problem, again),
      sessionsOf(page, problem, again),
      table("Conversations", CONVERSATION, conversations, "Not in any conversation."),
    ].filter(Boolean),
  );
}

function presence(sockets, heardAll) {
  if (sockets.length) return badge("Online", "good");
  return heardAll ? badge("Offline") : badge("Unknown", "warn");
}

function sessionsOf({ user, sessions, sockets }, problem, again) {
  const of = ({ id }) => sockets.filter(({ socket }) => socket.sessionId === id);
  const end = async (button, session) => {
    const text = `${user.name} is logged out there: ${of(session).length} connections are closed, and a new login is needed.`;
    if (!(await confirmation("End this session?", text, "End it"))) return;
    await whileBusy(button, problem, () => act(`sessions/${session.id}/end`));
    if (!problem.textContent) again();
  };
  const button = (session) => {
    const node = el("button.button", { onclick: () => end(node, session) }, "End session");
    return node;
  };
  const columns = [
    ["Device", ({ userAgent }) => userAgent || "unknown", "wide"],
    ["Since", ({ createdAt }) => moment(createdAt)],
    ["Connections", (session) => el("ul.sockets", of(session).map(socketLine)), "wide"],
    ["Action", button, "action"],
  ];
  return table("Sessions", columns, sessions, "Logged in nowhere.");
}

function socketLine({ hub, socket }) {
  const { transport, remote, since, behind, joined } = socket;
  const rooms = joined === 1 ? "1 conversation" : `${joined} conversations`;
  return el("li", `${hubName(hub)}, ${transport} from ${remote}, `, moment(since), `, ${rooms} `, behind && badge("Slow", "warn"));
}

const CONVERSATION = [
  ["Conversation", ({ id, title, kind }) => to(`conversations/${id}`, title ?? `A ${kind}`)],
  ["Newest message", ({ lastMessageAt }) => moment(lastMessageAt)],
  ["Messages", ({ lastSeq }) => String(lastSeq), "number"],
  ["Unread", ({ lastSeq, lastReadSeq }) => String(lastSeq - lastReadSeq), "number"],
  ["Id", ({ id }) => shortId(id)],
];
