/** One message: text, quoted message, reactions, ticks, and actions. */
import { el, icon, iconButton, redraw } from "./dom.js";
import { avatar, fullTimeOf, namesOf, richText, timeOf } from "./words.js";

/** Turn an entry of the outbox into a message that is not stored yet. */
export function pendingMessage(entry, me) {
  const state = entry.problem ? "failed" : "pending";
  return { ...entry, sender: me, kind: "text", state, seq: Infinity, version: 0, reactions: [] };
}

/** A key that does not change when a pending message becomes a stored one. */
export function keyOf({ id, clientId, sender }) {
  return clientId ? `${sender.id} ${clientId}` : id;
}

/**
 * Bring `node` up to date. `view`: session, conversation, whether the message `starts` a run of its sender, and the
 * actions that its buttons call: pickEmoji, react, reply, edit, remove, jump, retry, discard.
 */
export function updateMessage(node, message, view) {
  const { session, conversation, starts } = view;
  const isMine = message.sender.id === session.me.id;
  const quoted = message.replyTo && conversation.find(message.replyTo);
  const tick = isMine && message.kind === "text" ? tickOf(message, conversation) : null;
  const side = message.kind === "system" ? "system" : isMine ? "mine" : "theirs";
  node.className = `message ${side} ${starts ? "starts" : ""}`;
  redraw(node, [message.version, message.problem, starts, tick, quoted?.version], () =>
    message.kind === "system" ? systemNotice(message) : bubble({ message, quoted, tick, isMine, ...view }),
  );
}

function systemNotice({ content, sentAt }) {
  return el("p.notice", { title: fullTimeOf(sentAt) }, content);
}

function bubble(parts) {
  const { message, isMine, starts } = parts;
  const isDeleted = Boolean(message.deletedAt);
  return [
    !isMine && starts && avatar(message.sender),
    el(
      "div.stack",
      author(parts),
      el(
        "div.bubble",
        !isDeleted && message.replyTo && quote(parts),
        isDeleted ? el("p.text.gone", "This message was deleted") : text(parts),
        meta(parts),
      ),
      message.reactions.length > 0 && reactions(parts),
      message.state === "failed" && failure(parts),
      !isDeleted && !message.state && toolbar(parts),
    ),
  ];
}

function author({ message, isMine, starts, conversation }) {
  const isShown = starts && !isMine && conversation.kind === "group";
  const name = isMine ? "You" : message.sender.name;
  return el(isShown ? "span.author" : "span.visually-hidden", name);
}

function text({ message, conversation }) {
  const mentioned = conversation.members.filter(({ id }) => message.mentions?.includes(id));
  return el("p.text", { dir: "auto" }, richText(message.content, mentioned));
}

function quote({ message, quoted, jump }) {
  const who = quoted ? quoted.sender.name : "An earlier message";
  const what = quoted ? quoted.content || "Deleted message" : "Show it";
  const onclick = () => jump(message.replyTo);
  return el("button.quote", { onclick }, el("b", who), el("span", { dir: "auto" }, what));
}

function meta({ message, tick }) {
  const time = el("time", { dateTime: message.sentAt, title: fullTimeOf(message.sentAt) }, timeOf(message.sentAt));
  return el("span.meta", message.isEdited && !message.deletedAt && "edited", time, tick && tickIcon(tick));
}

function tickOf(message, conversation) {
  if (message.state === "failed") return ["alert", "Not sent"];
  if (message.state) return ["clock", "Waiting to be sent"];
  const readers = conversation.readersOf(message.seq);
  if (readers.length && readers.length === conversation.others.length) return ["checks", "Read"];
  return ["check", readers.length ? `Sent, read by ${namesOf(readers)}` : "Sent"];
}

function tickIcon([name, label]) {
  return el(`span.tick.${name}`, { role: "img", ariaLabel: label, title: label }, icon(name));
}

function reactions({ message, session, conversation, react }) {
  const chip = ({ emoji, count, userIds }) => {
    const isMine = userIds.includes(session.me.id);
    const who = namesOf(conversation.members.filter(({ id }) => userIds.includes(id)));
    const onclick = () => react(message, emoji, !isMine);
    const label = `${emoji} ${who}`;
    const state = { ariaPressed: String(isMine), ariaLabel: label, title: label };
    return el("button.reaction", { onclick, ...state }, emoji, el("span", String(count)));
  };
  return el("div.reactions", message.reactions.map(chip));
}

function failure({ message, retry, discard }) {
  return el(
    "p.failure",
    { role: "alert" },
    message.problem,
    el("button.link", { onclick: () => retry(message) }, "Try again"),
    el("button.link", { onclick: () => discard(message) }, "Discard"),
  );
}

function toolbar({ message, isMine, pickEmoji, reply, edit, remove }) {
  return el(
    "div.toolbar",
    { role: "toolbar", ariaLabel: "Message" },
    iconButton("smile", "React", ({ currentTarget }) => pickEmoji(message, currentTarget)),
    iconButton("reply", "Reply", () => reply(message)),
    isMine && iconButton("pencil", "Edit", () => edit(message)),
    isMine && iconButton("trash", "Delete", () => remove(message)),
  );
}
