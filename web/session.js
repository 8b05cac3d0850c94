/** One signed-in user: connection, state, and all actions. */
import { Api, explain } from "./api.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { listen } from "./events.js";
import { Model } from "./model.js";
import { Outbox } from "./outbox.js";
import { recall, remember } from "./storage.js";

const PAGE = 50;
const RETRY_MS = 2000;
const NOTICES_MS = 1000;
const MORE_NOTICES = [
  "invitation_received", "task_commented", "mentioned", "team_left", "file_rejected", "deliverable_file_rejected",
];
const GONE = new Set(["NOT_A_MEMBER", "CONVERSATION_NOT_FOUND"]);

export class Session extends Model {
  status = "connecting"; // then "online" or "offline", finally "ended"
  conversations = new Map();
  hasMoreConversations = false;
  presence = new Map(); // user id -> "online", or the time at which they left
  invitations = []; // open ones, latest first
  notices = { unreadCount: 0, notifications: [] };
  #page = 1;
  #timers = new Map();
  #wanted = false;

  /** `say(text)` shows a short message to the user, `heard(message)` is called for each received message. */
  constructor(account, { say, heard }) {
    super();
    this.me = account.user;
    this.say = say;
    this.heard = heard;
    this.api = new Api(this.me.id);
    this.openId = recall(`open.${this.me.id}`);
    this.outbox = new Outbox(this.me.id, {
      send: ({ sentAt, problem, ...draft }) => this.connection.ask("message:send", draft),
      delivered: (entry, answer) => this.#delivered(entry, answer),
      changed: () => this.changed(),
      say,
    });
    this.connection = new Connection(this.api, {
      online: () => this.#becomes("online"),
      offline: () => this.#becomes("offline"),
      ended: () => this.#becomes("ended"),
    });
    listen(this);
  }

  close() {
    this.unwatch();
    this.connection.close();
    this.#timers.forEach(clearTimeout);
  }

  get open() {
    return this.conversations.get(this.openId);
  }

  /** The conversations, latest first. */
  get list() {
    return [...this.conversations.values()].sort((one, other) => other.lastAt.localeCompare(one.lastAt));
  }

  get unread() {
    return this.list.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Run an action of the user; shows an error and returns undefined if it fails. */
  async attempt(action) {
    try {
      return await action();
    } catch (error) {
      this.say(explain(error));
    }
  }

  async show(conversationId) {
    if (this.open && this.openId !== conversationId) {
      this.connection.tell("leave:conversation", { conversationId: this.openId });
      this.open.release();
    }
    this.openId = conversationId;
    remember(`open.${this.me.id}`, conversationId);
    this.changed();
    if (this.open) await this.#join(this.open);
  }

  async loadOlder(conversation) {
    const before = conversation.messages[0].id;
    const path = `/api/conversations/${conversation.id}/messages?before=${before}&limit=${PAGE}`;
    const { messages } = await this.api.call("GET", path);
    if (conversation.find(before)) conversation.prepend(messages);
    this.changed();
  }

  async loadMoreConversations() {
    await this.#loadConversations(this.#page + 1);
  }

  async loadNotices() {
    this.notices = await this.api.call("GET", "/api/notifications?limit=30");
    this.changed();
  }

  async readNotice(id) {
    await this.api.call("PUT", `/api/notifications/${id}/read`);
    await this.loadNotices();
  }

  async readAllNotices() {
    await this.api.call("PUT", "/api/notifications/read-all");
    await this.loadNotices();
  }

  async markRead(conversation) {
    const last = conversation.messages.at(-1);
    if (!conversation.unread || !last || !this.connection.online) return;
    conversation.unread = 0; // at once, so that it is sent only once
    this.changed();
    await this.connection.ask("conversation:read", { conversationId: conversation.id, messageId: last.id });
    if (this.notices.unreadCount) this.lookAtNotices();
  }

  lookAtNotices() {
    this.later("notices", NOTICES_MS, () => this.loadNotices());
  }

  /** Enable notification types beyond OnSwift's document: they are off by default, for clients that do not know them. */
  async #wantNotices() {
    if (this.#wanted) return;
    const preferences = MORE_NOTICES.map((type) => ({ type, inApp: true }));
    await this.api.call("PUT", "/api/notifications/preferences", { preferences });
    this.#wanted = true;
  }

  tellTyping(conversation, isTyping) {
    this.connection.tell("conversation:typing", { conversationId: conversation.id, isTyping });
  }

  async edit({ conversationId, id }, content) {
    const { message } = await this.connection.ask("message:edit", { conversationId, messageId: id, content });
    this.#conversation(conversationId).merge([message]);
    this.changed();
  }

  async delete({ conversationId, id }) {
    await this.connection.ask("message:delete", { conversationId, messageId: id });
  }

  async react({ conversationId, id }, emoji, added) {
    await this.connection.ask("message:react", { conversationId, messageId: id, emoji, added });
  }

  async startPair(participantId) {
    const { id } = await this.api.call("POST", "/api/conversations", { participantId });
    await this.#arrive(id);
    return { conversationId: id };
  }

  async startGroup(title, participantIds) {
    const answer = await this.connection.ask("conversation:create", { title, participantIds });
    await this.#arrive(answer.conversationId);
    return answer;
  }

  async addMembers(conversation, userIds) {
    const conversationId = conversation.id;
    return { conversationId, ...(await this.connection.ask("conversation:add", { conversationId, userIds })) };
  }

  async removeMember(conversation, userId) {
    await this.connection.ask("conversation:remove", { conversationId: conversation.id, userId });
  }

  /** Users invited to a group who have not answered. */
  async pendingOf(conversationId) {
    const path = `/api/conversations/${conversationId}/invitations?limit=100`;
    return (await this.api.call("GET", path)).invitations;
  }

  async loadInvitations() {
    this.invitations = (await this.api.call("GET", "/api/invitations?limit=100")).invitations;
    this.changed();
  }

  async accept({ id }) {
    const conversation = await this.#answer(id, "accept");
    await this.#arrive(conversation.id);
  }

  async decline({ id }) {
    await this.#answer(id, "decline");
  }

  /** Remove an invitation that is no longer open, and update its notification. */
  uninvite(id) {
    this.invitations = this.invitations.filter((one) => one.id !== id);
    this.lookAtNotices();
    this.changed();
  }

  /** Fetch a conversation and its members; it is removed if the user is no longer a member. */
  async refresh(conversationId) {
    try {
      const description = await this.api.call("GET", `/api/conversations/${conversationId}`);
      const known = this.conversations.get(conversationId);
      if (known) known.rename(description);
      else this.#conversation(conversationId).describe(description);
      this.changed();
    } catch (error) {
      if (!GONE.has(error.code)) throw error;
      this.drop(conversationId);
    }
  }

  drop(conversationId) {
    this.conversations.delete(conversationId);
    if (this.openId === conversationId) this.openId = null;
    this.changed();
  }

  /** Run `action` once, some time after the last call with this name; retry later if it fails. */
  later(name, ms, action) {
    const failed = (error) => (error.isRetryable ? this.later(name, RETRY_MS, action) : this.say(explain(error)));
    const timer = setTimeout(() => action().catch(failed), ms);
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, timer);
  }

  #becomes(status) {
    this.status = status;
    this.presence.clear();
    this.changed();
    if (status !== "online") return;
    this.open?.hold(); // until its join is answered: live events may arrive before
    this.later("sync", 0, () => this.#sync());
  }

  async #sync() {
    if (!this.connection.online) return; // starts again when it is
    await this.connection.ask("join:user", { userId: this.me.id });
    await this.#loadConversations(1);
    if (this.openId && !this.open) await this.refresh(this.openId); // not in the loaded part of the list
    if (this.open) await this.#join(this.open);
    this.outbox.flush();
    await Promise.all([this.#wantNotices(), this.loadNotices(), this.loadInvitations()]);
  }

  async #answer(id, answer) {
    try {
      const conversation = await this.api.call("POST", `/api/invitations/${id}/${answer}`);
      this.uninvite(id);
      return conversation;
    } catch (error) {
      if (error.code === "INVITATION_NOT_FOUND") this.uninvite(id);
      throw error;
    }
  }

  async #loadConversations(page) {
    const answer = await this.api.call("GET", `/api/conversations?page=${page}&limit=100`);
    this.#page = page;
    this.hasMoreConversations = answer.pagination.hasNext;
    const listed = new Set(answer.conversations.map(({ id }) => id));
    const isWhole = page === 1 && !this.hasMoreConversations;
    if (isWhole) for (const id of this.conversations.keys()) if (!listed.has(id)) this.drop(id);
    for (const one of answer.conversations) this.#conversation(one.id).describe(one);
    this.changed();
  }

  #conversation(id) {
    if (!this.conversations.has(id)) this.conversations.set(id, new Conversation(id, this.me));
    return this.conversations.get(id);
  }

  async #arrive(conversationId) {
    if (!this.conversations.has(conversationId)) await this.refresh(conversationId);
    await this.show(conversationId);
  }

  async #join(conversation) {
    const part = conversation.isLoaded ? { since: conversation.version } : { limit: PAGE };
    conversation.hold();
    try {
      const answer = await this.connection.ask("join:conversation", { conversationId: conversation.id, ...part });
      for (const { id } of conversation.members) this.#meet(id, answer.online.includes(id));
      if (!conversation.catchUp(answer)) await this.#join(conversation);
    } finally {
      conversation.release();
      this.changed();
    }
  }

  #meet(userId, isOnline) {
    if (isOnline) this.presence.set(userId, "online");
    else if (this.presence.get(userId) === "online") this.presence.delete(userId);
  }

  #delivered({ conversationId, clientId, content, replyTo, mentions }, { id, seq, version, sentAt }) {
    const conversation = this.conversations.get(conversationId);
    const message = { id, conversationId, seq, version, sentAt, clientId, content, replyTo, mentions };
    conversation?.merge([{ ...message, sender: this.me, kind: "text", reactions: [] }]);
    conversation?.showLast({ ...message, sender: this.me });
  }
}
