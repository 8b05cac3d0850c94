/** The bell: how many notifications are unread, and the list of them. */
import { dropdown, el, icon, redraw } from "./dom.js";
import { answers } from "./invitations.js";
import { agoOf } from "./words.js";

export class Bell {
  #button = el("button.icon-button.bell");
  #panel = el("div.panel.notices", { role: "dialog", ariaLabel: "Notifications" });

  /** `choose(conversationId)` is called when a notification about a message is clicked. */
  constructor(session, choose) {
    this.session = session;
    this.choose = choose;
    this.node = el("div.bell-box", this.#button, this.#panel);
    dropdown(this.#button, this.#panel);
  }

  render() {
    const { unreadCount, notifications } = this.session.notices;
    this.#button.ariaLabel = this.#button.title = unreadCount
      ? `Notifications, ${unreadCount} unread`
      : "Notifications";
    redraw(this.#button, unreadCount, () => [icon("bell"), unreadCount > 0 && el("span.badge", String(unreadCount))]);
    redraw(this.#panel, [notifications, this.session.invitations], () => [this.#head(unreadCount), this.#list(notifications)]);
  }

  #head(unreadCount) {
    const onclick = () => this.session.attempt(() => this.session.readAllNotices());
    const all = el("button.link", { onclick }, "Mark all as read");
    return el("header", el("h2", "Notifications"), unreadCount > 0 && all);
  }

  #list(notifications) {
    if (!notifications.length) return el("p.empty", "Nothing new.");
    return el("ul", ...notifications.map((notice) => this.#row(notice)));
  }

  #row(notice) {
    const button = el(
      "button.notice-row",
      { onclick: () => this.#follow(notice) },
      el("b", notice.title),
      el("time", { dateTime: notice.createdAt }, agoOf(notice.createdAt)),
      el("span", { dir: "auto" }, notice.message),
    );
    const invitation = this.#invitationOf(notice);
    return el(notice.isRead ? "li" : "li.unread", button, invitation && answers(this.session, invitation));
  }

  #invitationOf({ type, entityId }) {
    const isOpen = ({ conversationId }) => conversationId === entityId;
    return type === "invitation_received" && this.session.invitations.find(isOpen);
  }

  #follow(notice) {
    const isAbout = (conversation) =>
      conversation.id === notice.entityId ||
      conversation.preview?.id === notice.entityId || conversation.find(notice.entityId);
    const conversation = this.session.list.find(isAbout);
    this.#panel.hidePopover();
    if (!notice.isRead) this.session.attempt(() => this.session.readNotice(notice.id));
    if (conversation) this.choose(conversation.id);
  }
}
