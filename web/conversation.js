/** One conversation of one user: its members, and the loaded part of its log. */
const TYPING_MS = 6000;
const KEPT = 400;

export class Conversation {
  members = [];
  positions = new Map(); // user id -> seq up to which they have read
  unread = 0;
  isLoaded = false;
  version = 0; // of the last merged change: where to catch up from
  #messages = new Map(); // by id
  #sorted = null;
  #held = null;
  #typing = new Map(); // user id -> timer

  constructor(id, me) {
    this.id = id;
    this.me = me;
  }

  /** Update from the list of conversations. */
  describe({ kind, title, members, memberCount, lastMessage, lastMessageAt, createdAt, unreadCount }) {
    Object.assign(this, { kind, title, members, memberCount, createdAt, unread: unreadCount });
    this.lastAt = lastMessageAt ?? createdAt;
    this.preview = lastMessage && { ...lastMessage, isDeleted: !lastMessage.content };
  }

  /** Update members and title. */
  rename({ title, members, memberCount }) {
    Object.assign(this, { title, members, memberCount });
  }

  /** Apply the answer of a join. Returns false if too much has changed: then nothing stays loaded. */
  catchUp({ version, unreadCount, positions, messages, complete }) {
    const missedTooMuch = this.isLoaded && !complete;
    if (missedTooMuch || !this.isLoaded) this.forget();
    if (missedTooMuch) return false;
    this.isLoaded = true;
    this.version = version;
    this.unread = unreadCount;
    this.positions = new Map(positions.map(({ userId, lastReadSeq }) => [userId, lastReadSeq]));
    this.merge(messages);
    return true;
  }

  /** Hold back live events from now on: they may arrive before the answer of the join that they depend on. */
  hold() {
    this.#held ??= [];
  }

  release() {
    const held = this.#held ?? [];
    this.#held = null;
    held.forEach((change) => change());
  }

  /** Apply a live event, now or when events are no longer held back. */
  live(change) {
    if (this.#held) this.#held.push(change);
    else change();
  }

  forget() {
    this.isLoaded = false;
    this.version = 0;
    this.#messages.clear();
    this.#sorted = null;
  }

  /** The loaded messages in order. */
  get messages() {
    this.#sorted ??= [...this.#messages.values()].sort((one, other) => one.seq - other.seq);
    return this.#sorted;
  }

  get hasOlder() {
    return this.isLoaded && this.#firstSeq > 1;
  }

  get #firstSeq() {
    return this.messages[0]?.seq ?? 1;
  }

  find(messageId) {
    return this.#messages.get(messageId);
  }

  /** Merge messages; of two states of one message the higher version wins. */
  merge(messages) {
    // A change of a message before the loaded part would leave a gap: it is loaded with its page of history.
    const first = this.#messages.size ? this.#firstSeq : 0;
    for (const message of messages) if (message.seq >= first) this.#put(message);
  }

  prepend(older) {
    older.forEach((message) => this.#put(message));
  }

  /** Change fields of one loaded message, as of `version`. */
  patch(messageId, version, fields) {
    const known = this.find(messageId);
    if (known) this.#put({ ...known, ...fields, version });
  }

  /** Record that live events up to `version` are merged. Answers to own calls do not count: others' events may be missing. */
  follow(version) {
    this.version = Math.max(this.version, version);
  }

  /** Unload messages that are scrolled far away; they can be loaded again. */
  trim() {
    if (this.messages.length <= KEPT * 1.5) return;
    for (const { id } of this.messages.slice(0, -KEPT)) this.#messages.delete(id);
    this.#sorted = null;
  }

  /** Show a message in the list of conversations, unless a newer one is shown. */
  showLast({ id, content, sender, sentAt, deletedAt }) {
    if (this.preview && sentAt < this.preview.sentAt) return;
    this.preview = { id, content, senderId: sender.id, sentAt, isDeleted: Boolean(deletedAt) };
    this.lastAt = sentAt;
  }

  hasRead(userId, seq) {
    this.positions.set(userId, Math.max(seq, this.positions.get(userId) ?? 0));
  }

  /** Which others have read up to `seq`. */
  readersOf(seq) {
    return this.others.filter(({ id }) => (this.positions.get(id) ?? 0) >= seq);
  }

  /** Record that a user is typing; it expires by itself, because the event that ends it may be lost. */
  setTyping(userId, isTyping, changed) {
    clearTimeout(this.#typing.get(userId));
    this.#typing.delete(userId);
    const stop = () => this.setTyping(userId, false, changed);
    if (isTyping) this.#typing.set(userId, setTimeout(stop, TYPING_MS));
    changed();
  }

  get typists() {
    return this.members.filter(({ id }) => this.#typing.has(id));
  }

  get others() {
    return this.members.filter(({ id }) => id !== this.me.id);
  }

  get name() {
    return this.title || this.others.map(({ name }) => name).join(", ") || "Just you";
  }

  /** The picture in the list: the other person, or the group. */
  get face() {
    return this.kind === "pair" && this.others.length ? this.others[0] : { id: this.id, name: this.name };
  }

  #put(message) {
    if ((this.#messages.get(message.id)?.version ?? -1) > message.version) return;
    this.#messages.set(message.id, message);
    this.#sorted = null;
  }
}
