/** The list of conversations: participants, last message, unread count. */
import { newConversation } from "./dialogs.js";
import { el, iconButton, reconcile, redraw } from "./dom.js";
import { invitationRow } from "./invitations.js";
import { avatar, namesOf, shortTimeOf } from "./words.js";

export class Sidebar {
  #invitations = el("ul.invitations", { ariaLabel: "Invitations" });
  #list = el("ul.conversations");
  #more = el("button.button.wide", { hidden: true, onclick: () => this.#showMore() }, "Show more");

  /** `choose(conversationId)` is called on a click. */
  constructor(session, choose) {
    this.session = session;
    this.choose = choose;
    const start = iconButton("compose", "New conversation", () => newConversation(session));
    const head = el("header", el("h2", "Conversations"), start);
    this.node = el("nav.sidebar", { ariaLabel: "Conversations" }, head, this.#invitations, this.#list, this.#more);
  }

  render() {
    this.#more.hidden = !this.session.hasMoreConversations;
    this.#invitations.hidden = !this.session.invitations.length;
    reconcile(this.#invitations, this.session.invitations, {
      key: ({ id }) => id,
      create: (invitation) => invitationRow(this.session, invitation),
      update: () => {},
    });
    reconcile(this.#list, this.session.list, {
      key: ({ id }) => id,
      create: ({ id }) => this.#row(id),
      update: ({ firstElementChild: button }, conversation) => this.#update(button, conversation),
    });
  }

  #row(id) {
    return el("li", el("button.conversation", { onclick: () => this.choose(id) }));
  }

  #update(button, conversation) {
    const { session } = this;
    const isOpen = conversation.id === session.openId;
    const { name, face, unread, lastAt } = conversation;
    const presence = session.presence.get(face.id);
    const words = previewOf(conversation, session.me);
    button.setAttribute("aria-current", String(isOpen));
    redraw(button, [name, presence, unread, words, shortTimeOf(lastAt)], () => [
      avatar(face, presence),
      el("span.title", el("b", name)), // alone: beside anything else, names are cut in two panes of 1280 pixels
      el(
        "span.preview",
        el("span", { dir: "auto" }, words),
        conversation.preview && el("time", { dateTime: lastAt }, shortTimeOf(lastAt)),
        unread > 0 && badge(unread),
      ),
    ]);
  }

  #showMore() {
    this.session.attempt(() => this.session.loadMoreConversations());
  }
}

function badge(unread) {
  return el("span.badge", { ariaLabel: `${unread} unread` }, unread > 99 ? "99+" : String(unread));
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
