/** One user's window: their conversations on the left, the open one on the right. */
import { AccountMenu } from "./account.js";
import { Bell } from "./bell.js";
import { Chat } from "./chat.js";
import { el, icon, iconButton } from "./dom.js";
import { Session } from "./session.js";
import { Sidebar } from "./sidebar.js";
import { Wire } from "./wire.js";
import { avatar } from "./words.js";

const TOAST_MS = 6000;
const MINUTE_MS = 60_000;

export class Pane {
  #toast = el("p.toast", { role: "alert", hidden: true });
  #heard = el("p.visually-hidden", { ariaLive: "polite" });
  #toastTimer;

  /** `page` is what the pane needs of the page around it: isAttended(pane), seat(slot, account), leave(slot). */
  constructor(slot, account, page) {
    this.slot = slot;
    this.page = page;
    this.account = account;
    this.session = new Session(account, {
      say: (text) => this.#say(text),
      heard: ({ sender, content }) => (this.#heard.textContent = `${sender.name}: ${content}`),
    });
    const show = (id) => this.#show(id);
    this.bell = new Bell(this.session, show);
    this.sidebar = new Sidebar(this.session, show);
    this.chat = new Chat(
      this.session,
      () => page.isAttended(this),
      () => (this.node.dataset.view = "list"),
    );
    this.wire = new Wire(this.session.connection);
    this.node = this.#build();
    this.session.watch(() => this.#render());
    // "Seen 5 minutes ago" must be updated over time.
    this.clock = setInterval(() => this.session.changed(), MINUTE_MS);
  }

  close() {
    clearInterval(this.clock);
    this.session.close();
    this.node.remove();
  }

  get isInView() {
    return this.chat.node.checkVisibility();
  }

  focus() {
    const hasKeyboard = matchMedia("(hover: hover)").matches; // otherwise focus opens a keyboard that covers the messages
    if (hasKeyboard) this.chat.composer.focus();
  }

  #build() {
    const { user } = this.account;
    const window = el("a.icon-button", { href: `/?as=${this.slot}`, target: `greenroom-${this.slot}` }, icon("window"));
    window.ariaLabel = window.title = "Open in its own window";
    const head = el(
      "header.pane-head",
      avatar(user, "online"),
      el("div.who", el("b", user.name), el("small.role", user.userType)),
      iconButton("wire", "Socket events", () => this.wire.toggle()),
      window,
      this.bell.node,
      new AccountMenu(this).node,
    );
    const body = el("div.pane-body", this.sidebar.node, this.chat.node);
    const node = el("section.pane", { ariaLabel: user.name }, head, body, this.wire.node, this.#toast, this.#heard);
    node.dataset.slot = this.slot;
    node.dataset.view = this.session.openId ? "chat" : "list";
    return node;
  }

  #render() {
    if (this.session.status === "ended") return this.page.leave(this.slot, this.account);
    this.node.dataset.status = this.session.status;
    if (!this.session.openId) this.node.dataset.view = "list";
    this.bell.render();
    this.sidebar.render();
    this.chat.render();
    this.page.count();
  }

  #show(conversationId) {
    this.node.dataset.view = "chat";
    this.session.attempt(() => this.session.show(conversationId));
    this.#render(); // at once: the focus must not jump here after the user has moved on
    this.focus();
  }

  #say(text) {
    this.#toast.textContent = text;
    this.#toast.hidden = false;
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => (this.#toast.hidden = true), TOAST_MS);
  }
}
