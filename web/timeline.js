/** The messages of the open conversation, oldest first: scrolling, older history, the line "New". */
import { confirmation } from "./dialogs.js";
import { el, icon, placeBelow, reconcile } from "./dom.js";
import { keyOf, pendingMessage, updateMessage } from "./message.js";
import { dayOf } from "./words.js";

const EMOJI = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const NEAR = 48; // px from the bottom that still count as the bottom
const OLDER_AT = 300; // px from the top at which older messages are fetched
const PAUSE_MS = 2000;
const RUN_MS = 5 * 60_000;
const JUMP_PAGES = 20;

export class Timeline {
  #log = el("ol.log", { role: "log", ariaLive: "off", ariaLabel: "Messages", tabIndex: 0 });
  #jump = el("button.jump", { onclick: () => this.toBottom() });
  #picker = el("div.emoji-picker", { popover: "auto", role: "menu", ariaLabel: "Reaction" });
  #shown = null; // the displayed conversation
  #isAtBottom = true;
  #isLoading = false;
  #firstNew = null; // seq of the first message under the line "New"
  #hadUnread = false;
  #isOpening = false; // a conversation was chosen but not drawn yet

  /** `composer` takes replies and edits; `isAttended()` says whether the user looks at this pane. */
  constructor(session, composer, isAttended) {
    this.session = session;
    this.composer = composer;
    this.isAttended = isAttended;
    this.node = el("div.timeline", this.#log, this.#jump, this.#picker);
    this.#log.addEventListener("scroll", () => this.#scrolled());
    this.#log.addEventListener("keydown", (event) => this.#walk(event));
    new ResizeObserver(() => this.#isAtBottom && this.toBottom()).observe(this.#log);
  }

  render() {
    const conversation = this.session.open;
    const isOther = conversation !== this.#shown;
    this.#shown = conversation;
    if (!conversation) return;
    if (isOther) this.#reset();
    this.#draw(conversation);
    this.#settle(conversation);
  }

  toBottom() {
    this.#isAtBottom = true;
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #reset() {
    this.#isAtBottom = true;
    this.#hadUnread = false;
    this.#isOpening = true;
    this.#firstNew = null;
  }

  #draw(conversation) {
    this.#placeNewLine(conversation);
    const { scrollHeight, scrollTop, firstElementChild } = this.#log;
    reconcile(this.#log, this.#items(conversation), ITEM);
    const hasGrownUpwards = this.#log.firstElementChild !== firstElementChild;
    if (this.#isAtBottom) this.toBottom();
    else if (hasGrownUpwards) this.#log.scrollTop = scrollTop + this.#log.scrollHeight - scrollHeight;
  }

  /** Update everything that depends on the scroll position. */
  #settle(conversation) {
    this.#jump.hidden = this.#isAtBottom;
    this.#jump.replaceChildren(icon("down"), conversation.unread ? `${conversation.unread} new` : "Latest");
    this.#fetchOlderIfNear(conversation);
    if (!this.#isAtBottom) return;
    conversation.trim();
    if (this.isAttended()) this.session.attempt(() => this.session.markRead(conversation));
  }

  #items(conversation) {
    const { session } = this;
    const pending = session.outbox.of(conversation.id).map((entry) => pendingMessage(entry, session.me));
    const isStored = new Set(conversation.messages.map(keyOf));
    const messages = [...conversation.messages, ...pending.filter((message) => !isStored.has(keyOf(message)))];
    if (conversation.isLoaded && !messages.length) return [{ key: "empty", text: "No messages yet. Say hello!" }];
    return messages.flatMap((message, index) => this.#withLines(message, messages[index - 1]));
  }

  /** A message and the rows above it: the day, the line "New". */
  #withLines(message, previous) {
    const day = dayOf(message.sentAt);
    const isNewDay = !previous || dayOf(previous.sentAt) !== day;
    const isFirstNew = message.seq === this.#firstNew;
    const starts = isNewDay || isFirstNew || !continues(message, previous);
    const view = { ...this.#actions, session: this.session, conversation: this.#shown, starts };
    return [
      isNewDay && { key: `day before ${keyOf(message)}`, text: day },
      isFirstNew && { key: "new", text: "New" },
      { key: keyOf(message), message, view },
    ].filter(Boolean);
  }

  #placeNewLine({ unread, messages, isLoaded }) {
    const isSeen = this.isAttended() && this.#isAtBottom && !this.#isOpening;
    if (unread && !this.#hadUnread && !isSeen) this.#firstNew = (messages.at(-unread) ?? messages[0])?.seq ?? null;
    if (messages.at(-1)?.sender.id === this.session.me.id) this.#firstNew = null; // answering implies having seen it
    this.#hadUnread = unread > 0 && messages.length > 0;
    this.#isOpening &&= !isLoaded;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#isAtBottom = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#shown) this.#settle(this.#shown);
  }

  async #fetchOlderIfNear(conversation) {
    if (this.#isLoading || !conversation.hasOlder || this.#log.scrollTop > OLDER_AT) return;
    this.#isLoading = true;
    const isThere = await this.session.attempt(() => this.session.loadOlder(conversation).then(() => true));
    if (!isThere) await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    this.#isLoading = false;
  }

  #actions = {
    pickEmoji: (message, button) => this.#pickEmoji(message, button),
    react: (message, emoji, added) => this.session.attempt(() => this.session.react(message, emoji, added)),
    reply: (message) => this.composer.reply(message),
    edit: (message) => this.composer.edit(message),
    remove: (message) => this.#remove(message),
    jump: (messageId) => this.session.attempt(() => this.#jumpTo(messageId)),
    retry: ({ clientId }) => this.session.outbox.retry(clientId),
    discard: ({ clientId }) => this.session.outbox.drop(clientId),
  };

  #pickEmoji(message, button) {
    const pick = (emoji) => {
      this.#picker.hidePopover();
      this.#actions.react(message, emoji, true);
    };
    const choice = (emoji) => el("button", { role: "menuitem", onclick: () => pick(emoji) }, emoji);
    this.#picker.replaceChildren(...EMOJI.map(choice));
    this.#picker.showPopover();
    placeBelow(button, this.#picker);
    this.#picker.firstElementChild.focus();
  }

  async #remove(message) {
    const isSure = await confirmation(
      "Delete this message?",
      "It disappears for everyone in this conversation.",
      "Delete",
    );
    if (isSure) this.session.attempt(() => this.session.delete(message));
  }

  async #jumpTo(messageId) {
    const conversation = this.#shown;
    this.#isAtBottom = false;
    for (let page = 0; page < JUMP_PAGES && !conversation.find(messageId) && conversation.hasOlder; page++) {
      await this.session.loadOlder(conversation);
    }
    const message = conversation.find(messageId);
    if (!message || conversation !== this.#shown) return;
    this.#draw(conversation);
    const node = [...this.#log.children].find(({ dataset }) => dataset.key === keyOf(message));
    node.scrollIntoView({ block: "center" });
    node.focus();
  }

  /** Arrow keys move through the messages; Tab then reaches their buttons. */
  #walk(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const nodes = [...this.#log.querySelectorAll(".message")];
    const current = nodes.indexOf(document.activeElement.closest(".message"));
    nodes.at(current < 0 ? -1 : Math.min(nodes.length - 1, Math.max(0, current + step)))?.focus();
  }
}

const ITEM = {
  key: ({ key }) => key,
  create: ({ message }) => el("li", message ? { tabIndex: -1 } : {}),
  update: (node, { key, message, text, view }) => {
    if (message) return updateMessage(node, message, view);
    node.className = key === "new" ? "line new" : key === "empty" ? "empty" : "line";
    if (node.textContent !== text) node.textContent = text;
  },
};

function continues(message, previous) {
  const isSame = previous.sender.id === message.sender.id && previous.kind === message.kind;
  return isSame && new Date(message.sentAt) - new Date(previous.sentAt) < RUN_MS;
}
