/** One conversation: its state, the hubs on which it is loaded, read positions. */
import { el } from "../dom.js";
import { heardNote } from "./heard.js";
import { lookOnHubs } from "./ops.js";
import { badge, facts, hubName, moment, shortId, table, to } from "./parts.js";

export function conversationView(id) {
  const node = el("div.page", { ariaBusy: "true" });
  return { title: "Conversation", node, seconds: 5, load: () => lookOnHubs(`conversations/${id}`), draw: (page) => draw(node, page) };
}

function draw(node, page) {
  const { conversation, members, messages, rooms } = page;
  const loaded = rooms.filter(({ room }) => room.awake);
  node.ariaBusy = "false";
  node.replaceChildren(
    ...[
      el("h1", conversation.title ?? `A ${conversation.kind}`),
      facts([
        ["Kind", `${conversation.kind}, ${conversation.market}`],
        ["Messages", String(conversation.lastSeq)],
        ["Version", String(conversation.version)],
        ["Members", String(conversation.memberCount)],
        ["Newest message", moment(conversation.lastMessageAt)],
        ["Id", el("code", conversation.id)],
      ]),
      heardNote(page),
      table("Hubs on which it is loaded", roomColumns(conversation.version), loaded, "On none: nobody has it open."),
      table("Newest messages", MESSAGE, messages, "Nothing was said yet."),
      table(membersTitle(conversation, members), memberColumns(conversation, rooms), members, "Nobody is in it."),
    ].filter(Boolean),
  );
}

function roomColumns(version) {
  return [
    ["Hub", ({ hub }) => hubName(hub)],
    ["Delivered up to", ({ room }) => standing(room, version)],
    ["Sockets in it", ({ room }) => String(room.sockets), "number"],
    ["Slow", ({ room }) => slowOnes(room), "number"],
    ["Last change delivered", ({ room: { passage } }) => (passage.writtenAt ? moment(passage.writtenAt) : "not known")],
  ];
}

export function slowOnes({ behind }) {
  return behind ? badge(String(behind), "warn") : "0";
}

/** How far a hub has delivered a conversation whose latest change, or whose message, has `version`. */
export function standing({ flushedVersion, held }, version) {
  const late = version - flushedVersion;
  if (late <= 0) return [`version ${flushedVersion} `, badge("Up to date", "good")];
  const waits = held ? `, ${held} held back until the log has filled a hole` : "";
  return [`version ${flushedVersion} `, badge(`${late} behind${waits}`, "bad")];
}

const MESSAGE = [
  ["Number", ({ id, seq }) => to(`messages/${id}`, `Message ${seq}`, "Who got it?")],
  ["From", ({ senderId, senderName }) => to(`users/${senderId}`, senderName)],
  ["Sent", ({ sentAt }) => moment(sentAt)],
  ["Note", ({ kind, editedAt, deletedAt }) => note(kind, editedAt, deletedAt)],
];

function note(kind, editedAt, deletedAt) {
  if (deletedAt) return badge("Deleted");
  if (editedAt) return badge("Edited");
  return kind === "system" ? badge("System") : "";
}

function membersTitle({ memberCount }, members) {
  return members.length < memberCount ? `Members: the ${members.length} who have read least` : "Members";
}

function memberColumns({ lastSeq }, rooms) {
  const on = ({ id }) => rooms.flatMap(({ hub, room }) => room.members.filter(({ userId }) => userId === id).map((one) => ({ hub, one })));
  return [
    ["Name", ({ id, name }) => to(`users/${id}`, name)],
    ["Has read", ({ lastReadSeq }) => `${lastReadSeq} of ${lastSeq}`, "number"],
    ["Connected to", (member) => on(member).map(({ hub, one }) => where(hub, one))],
    ["Last seen", (member) => (on(member).length ? "now" : moment(member.lastSeenAt))],
  ];
}

function where(hub, { joined, behind }) {
  const state = joined ? "listens" : "has not opened it";
  return el("div", `${hubName(hub)}, ${state} `, behind && badge("Slow", "warn"));
}
