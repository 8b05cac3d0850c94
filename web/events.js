/** The handlers of server events, which update the session. */
const MEMBERS_MS = 300;

const IN_CONVERSATION = {
  "message:received": received,
  "message:edited": edited,
  "message:deleted": ({ conversation, event }) => {
    change(conversation, event, { content: "", deletedAt: new Date().toISOString(), reactions: [] });
  },
  "message:reacted": ({ conversation, event }) => change(conversation, event, { reactions: event.reactions }),
  "conversation:typing": ({ session, conversation, event }) => {
    if (event.userId !== session.me.id) conversation.setTyping(event.userId, event.isTyping, () => session.changed());
  },
  "conversation:read": ({ session, conversation, event }) => {
    conversation.hasRead(event.userId, event.lastReadSeq);
    const last = conversation.messages.at(-1);
    if (event.userId === session.me.id && last && event.lastReadSeq >= last.seq) conversation.unread = 0;
  },
  "conversation:updated": ({ conversation, event }) => {
    conversation.unread = event.unreadCount;
    const { lastMessageId: id, preview: content, sender, lastMessageAt: sentAt } = event;
    conversation.showLast({ id, content, sender, sentAt });
  },
};

/** Events that are not about one known conversation. */
const PERSONAL = {
  "conversation:created": (session, { conversationId }) => lookAgain(session, conversationId),
  "conversation:members": (session, { conversationId, userId, isMember }) => {
    if (userId === session.me.id && !isMember) removed(session, conversationId);
    else lookAgain(session, conversationId);
  },
  "invitation:received": (session, { invitation }) => {
    session.invitations = [invitation, ...session.invitations.filter(({ id }) => id !== invitation.id)];
  },
  "invitation:answered": (session, { invitationId, conversationId, userId, answer }) => {
    if (userId === session.me.id) session.uninvite(invitationId);
    else if (answer === "declined") declined(session, conversationId);
  },
  "notification:new": (session, { notification }) => {
    const { notifications, unreadCount } = session.notices;
    const known = notifications.find(({ id }) => id === notification.id);
    const others = notifications.filter((one) => one !== known);
    const isOneMore = !known || known.isRead;
    session.notices = { notifications: [notification, ...others], unreadCount: unreadCount + isOneMore };
  },
  "notification:changed": (session) => session.lookAtNotices(),
  "user:online": (session, { userId }) => session.presence.set(userId, "online"),
  "user:offline": (session, { userId, lastSeenAt }) => session.presence.set(userId, lastSeenAt),
  error: (session, { error }) => session.say(error.message),
};

/** Connect all handlers to the session's connection. */
export function listen(session) {
  for (const [name, handle] of Object.entries(IN_CONVERSATION)) {
    session.connection.on(name, (event) => {
      const id = event.conversationId;
      const conversation = session.conversations.get(id);
      if (conversation) conversation.live(() => handle({ session, conversation, event }));
      else lookAgain(session, id);
      session.changed();
    });
  }
  for (const [name, handle] of Object.entries(PERSONAL)) {
    session.connection.on(name, (event) => {
      handle(session, event);
      session.changed();
    });
  }
}

function received({ session, conversation, event: { message } }) {
  const isNew = !conversation.find(message.id);
  const isMine = message.sender.id === session.me.id;
  conversation.merge([message]);
  conversation.follow(message.version);
  conversation.showLast(message);
  conversation.hasRead(message.sender.id, message.seq);
  conversation.setTyping(message.sender.id, false, () => session.changed());
  if (message.kind === "system") lookAgain(session, conversation.id);
  if (isMine) {
    conversation.unread = 0; // sending implies reading
    session.outbox.drop(message.clientId);
  } else if (isNew) {
    conversation.unread += 1;
    session.heard(message);
  }
}

function edited({ conversation, event: { message } }) {
  if (conversation.find(message.id)) conversation.merge([message]);
  conversation.follow(message.version);
  conversation.showLast(message);
}

function change(conversation, { messageId, version }, fields) {
  conversation.patch(messageId, version, fields);
  conversation.follow(version);
  const message = conversation.find(messageId);
  if (message) conversation.showLast(message);
}

function lookAgain(session, conversationId) {
  session.later(`look ${conversationId}`, MEMBERS_MS, () => session.refresh(conversationId));
}

function declined(session, conversationId) {
  const name = session.conversations.get(conversationId)?.name;
  if (name) session.say(`An invitation to “${name}” was declined.`);
}

function removed(session, conversationId) {
  const conversation = session.conversations.get(conversationId);
  if (conversation) session.say(`You are no longer in “${conversation.name}”.`);
  session.drop(conversationId);
}
