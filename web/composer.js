/** The composer: new messages, replies, edits, mentions, and a draft that survives a reload. */
import { el, icon, iconButton } from "./dom.js";
import { Mentions } from "./mentions.js";
import { recall, remember } from "./storage.js";

const MAX_CHARACTERS = 10_000;
const TYPING_MS = 3000; // repeat while typing continues
const IDLE_MS = 5000;

export class Composer {
  #text = el("textarea", { rows: 1, placeholder: "Write a message", ariaLabel: "Message", dir: "auto" });
  #about = el("div.about", { hidden: true });
  #counter = el("span.counter", { role: "status" });
  #mentions = new Mentions(this.#text, () => this.#conversation?.others ?? []);
  #send = el("button.send", { type: "submit", ariaLabel: "Send", title: "Send" }, icon("send"));
  #conversation = null;
  #target = null; // { kind: "reply" | "edit", message }
  #toldAt = 0;
  #idle;

  constructor(session) {
    this.session = session;
    const field = el("div.field", this.#text, this.#counter);
    const row = el("div.row", field, this.#send);
    this.node = el("form.composer", this.#mentions.node, this.#about, row);
    this.node.addEventListener("submit", (event) => this.#submit(event));
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("blur", () => this.#tellTyping(false));
  }

  render() {
    if (this.session.open === this.#conversation) return;
    this.#conversation = this.session.open;
    this.#target = null;
    this.#fill(this.#conversation ? (recall(this.#draftKey) ?? "") : "");
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  reply(message) {
    this.#aim({ kind: "reply", message }, this.#text.value);
  }

  edit(message) {
    this.#aim({ kind: "edit", message }, message.content);
  }

  get #draftKey() {
    return `draft.${this.session.me.id}.${this.#conversation.id}`;
  }

  #aim(target, text) {
    this.#target = target;
    this.#fill(text);
    this.focus();
  }

  #cancel() {
    const wasEdit = this.#target?.kind === "edit";
    this.#target = null;
    this.#fill(wasEdit ? (recall(this.#draftKey) ?? "") : this.#text.value);
  }

  #fill(text) {
    this.#text.value = text;
    this.#drawTarget();
    this.#fit();
  }

  #drawTarget() {
    const { kind, message } = this.#target ?? {};
    const title = kind === "edit" ? "Edit message" : `Reply to ${message?.sender.name}`;
    this.#about.hidden = !kind;
    this.#about.replaceChildren(
      el("b", title),
      el("span", { dir: "auto" }, message?.content ?? ""),
      iconButton("close", "Cancel", () => this.#cancel()),
    );
  }

  #fit() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    const left = MAX_CHARACTERS - [...this.#text.value].length;
    this.#counter.textContent = left < 500 ? String(left) : "";
    this.#counter.classList.toggle("over", left < 0);
    this.#send.disabled = !this.#text.value.trim() || left < 0;
  }

  #changed() {
    this.#fit();
    this.#mentions.look();
    if (this.#target?.kind !== "edit") remember(this.#draftKey, this.#text.value);
    this.#tellTyping(Boolean(this.#text.value));
  }

  #tellTyping(isTyping) {
    clearTimeout(this.#idle);
    if (isTyping) this.#idle = setTimeout(() => this.#tellTyping(false), IDLE_MS);
    const isTold = isTyping ? Date.now() - this.#toldAt < TYPING_MS : this.#toldAt === 0;
    if (isTold || !this.#conversation) return;
    this.#toldAt = isTyping ? Date.now() : 0;
    this.session.tellTyping(this.#conversation, isTyping);
  }

  #pressed(event) {
    if (event.isComposing || this.#mentions.takes(event)) return;
    if (event.key === "Enter" && !event.shiftKey) this.#submit(event);
    else if (event.key === "Escape" && this.#target) this.#cancel();
    else if (event.key === "ArrowUp" && !this.#text.value) this.#editLast(event);
  }

  #editLast(event) {
    const isOwn = ({ sender, kind, deletedAt }) => sender.id === this.session.me.id && kind === "text" && !deletedAt;
    const last = this.#conversation.messages.findLast(isOwn);
    if (!last) return;
    event.preventDefault();
    this.edit(last);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#send.disabled || !this.#conversation) return;
    const content = this.#text.value.trim();
    const target = this.#target;
    this.#tellTyping(false);
    if (target?.kind === "edit") return this.#change(target.message, content);
    this.#target = null;
    this.#fill("");
    remember(this.#draftKey, null);
    const mentions = this.#mentions.among(content);
    this.session.outbox.add({ conversationId: this.#conversation.id, content, replyTo: target?.message.id, mentions });
  }

  async #change(message, content) {
    this.#cancel(); // at once: further typing belongs to a new message
    if (content === message.content) return;
    const isDone = await this.session.attempt(() => this.session.edit(message, content).then(() => true));
    if (!isDone && !this.#target && !this.#text.value) this.#aim({ kind: "edit", message }, content);
  }
}
