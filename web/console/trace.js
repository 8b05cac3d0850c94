/** One message: which hubs have delivered it, and its state for each member. "Why did they not get it?" */
import { el } from "../dom.js";
import { heardNote } from "./heard.js";
import { lookOnHubs } from "./ops.js";
import { badge, facts, hubName, moment, table, to } from "./parts.js";
import { traceColumns } from "./delivery_trace.js";
import { exactly } from "./times.js";

/** [label, tone, sentence] */
const STATES = {
  read: ["Read", "good", "They have read it, or a later one."],
  delivered: ["Delivered", "good", "It was written to a connection of theirs that has the conversation open."],
  behind: ["Slow", "warn", "Their connection does not read at the moment. When it does, they get it from the log."],
  pending: ["On its way", "warn", "Their hub has not delivered it yet. If this lasts, the hub is late or deaf."],
  not_joined: ["Not open", "none", "They are connected and were notified of something new, but have not opened the conversation."],
  offline: ["Offline", "none", "They have no connection. They get it when they come back."],
  unknown: ["Unknown", "warn", "Not every hub answered: they may be on one that did not."],
};

export function traceView(id, query) {
  const node = el("div.page", { ariaBusy: "true" });
  const only = query.get("userId");
  const path = `messages/${id}/trace${only ? `?userId=${encodeURIComponent(only)}` : ""}`;
  return { title: "Message", node, seconds: 3, load: () => lookOnHubs(path), draw: (trace) => draw(node, trace, only) };
}

function draw(node, trace, only) {
  const { message, committedAt, conversation, hubs, members } = trace;
  const passed = hubs.filter(({ room }) => room.awake || room.passage.arrivedAt || room.passage.writtenAt);
  node.ariaBusy = "false";
  node.replaceChildren(
    ...[
      el("h1", `Message ${message.seq} of `, to(`conversations/${conversation.id}`, conversation.title ?? `a ${conversation.kind}`)),
      facts([
        ["From", to(`users/${message.senderId}`, message.senderName)],
        ["Committed", exactly(message.sentAt)],
        ["Last change committed", committedAt === message.sentAt ? null : exactly(committedAt)],
        ["Edited", message.editedAt && moment(message.editedAt)],
        ["Deleted", message.deletedAt && moment(message.deletedAt)],
        ["Version", `${message.version}; the conversation: ${conversation.version}`],
        ["Id", el("code", message.id)],
      ]),
      heardNote(trace),
      el("p.verdict", { role: "status" }, verdict(members)),
      table("What became of it", memberColumns(message, only), members, "Nobody of these is a member now."),
      table("Delivery trace", traceColumns(trace), passed, "It passed through no hub that knows of it."),
    ].filter(Boolean),
  );
}

function verdict(members) {
  const counted = Object.entries(STATES).map(([state, [short]]) => [short, members.filter((one) => one.state === state).length]);
  const parts = counted.filter(([, count]) => count).map(([short, count]) => `${count} ${short.toLowerCase()}`);
  return parts.length ? `${parts.join(", ")}.` : "";
}

function memberColumns(message, only) {
  return [
    ["Member", ({ member }) => to(`users/${member.id}`, member.name)],
    ["State", ({ state }) => badge(...STATES[state])],
    ["Why", ({ state, seenVersion }) => why(state, seenVersion, message), "wide"],
    ["Hubs", ({ hubs }) => hubs.map(hubName).join(", ") || "none"],
    ["Last seen", ({ member, hubs }) => (hubs.length ? "now" : moment(member.lastSeenAt))],
    ...(only ? [] : [["Show", ({ member }) => to(`messages/${message.id}?userId=${member.id}`, "Only them"), "action"]]),
  ];
}

function why(state, seenVersion, { version }) {
  const [, , sentence] = STATES[state];
  const place = ["behind", "pending"].includes(state) ? ` Delivered up to version ${seenVersion}; this is version ${version}.` : "";
  return `${sentence}${place}`;
}
