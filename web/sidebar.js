/** The list of conversations: who, the last words, what is unread. */
import { newConversation } from "./dialogs.js";
import { el, iconButton, reconcile, redraw } from "./dom.js";
import { avatar, namesOf, shortTimeOf } from "./words.js";

export class Sidebar {
  #list = el("ul", { className: "conversations" });
  #more = el("button", { type: "button", className: "button wide", hidden: true, onclick: () => this.#showMore() }, "Show more");

  /** `choose(conversationId)` is called on a click. */
  constructor(session, choose) {
    this.session = session;
    this.choose = choose;
    const start = iconButton("compose", "New conversation", () => newConversation(session));
    const head = el("header", {}, el("h2", {}, "Conversations"), start);
    this.node = el("nav", { className: "sidebar", ariaLabel: "Conversations" }, head, this.#list, this.#more);
  }

  render() {
    this.#more.hidden = !this.session.hasMoreConversations;
    reconcile(this.#list, this.session.list, {
      key: ({ id }) => id,
      create: ({ id }) => this.#row(id),
      update: ({ firstElementChild: button }, conversation) => this.#update(button, conversation),
    });
  }

  #row(id) {
    return el("li", {}, el("button", { type: "button", className: "conversation", onclick: () => this.choose(id) }));
  }

  #update(button, conversation) {
    const { session } = this;
    const isOpen = conversation.id === session.openId;
    const title = conversation.titleFor(session.me);
    const other = conversation.otherThan(session.me);
    const presence = other && session.presence.get(other.id);
    const { unread, lastAt } = conversation;
    const words = previewOf(conversation, session.me);
    button.setAttribute("aria-current", String(isOpen));
    redraw(button, [title, presence, unread, words, shortTimeOf(lastAt)], () => [
      avatar(other ?? { id: conversation.id, name: title }, presence),
      el("span", { className: "title" }, el("b", {}, title), el("time", { dateTime: lastAt }, shortTimeOf(lastAt))),
      el("span", { className: "preview" }, el("span", { dir: "auto" }, words), unread > 0 && badge(unread)),
    ]);
  }

  #showMore() {
    this.session.attempt(() => this.session.loadMoreConversations());
  }
}

function badge(unread) {
  return el("span", { className: "badge", ariaLabel: `${unread} unread` }, unread > 99 ? "99+" : String(unread));
}

function previewOf({ preview, members, kind, typists }, me) {
  if (typists.length) return `${namesOf(typists)} typing…`;
  if (!preview) return "No messages yet";
  const sender = members.find(({ id }) => id === preview.senderId);
  const isNamed = preview.senderId === me.id || kind === "group";
  const who = preview.senderId === me.id ? "You" : sender?.name.split(" ")[0];
  const what = preview.isDeleted ? "Message deleted" : preview.content;
  return isNamed && who ? `${who}: ${what}` : what;
}
