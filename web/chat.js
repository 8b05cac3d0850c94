/** The open conversation: participants, connection state, messages, composer. */
import { Composer } from "./composer.js";
import { membersOf, newConversation } from "./dialogs.js";
import { el, icon, iconButton, redraw } from "./dom.js";
import { Timeline } from "./timeline.js";
import { agoOf, avatar, countOf, namesOf } from "./words.js";

export class Chat {
  #head = el("header.chat-head");
  #status = el("p.status", { role: "status" });
  #typing = el("p.typing", { role: "status" });
  #nothing = el("div.nothing");
  #advice = el("p");
  #start;

  /** `isAttended()` says whether the user looks at this pane; `back()` leads to the list on a narrow one. */
  constructor(session, isAttended, back) {
    this.session = session;
    this.back = back;
    this.composer = new Composer(session);
    this.timeline = new Timeline(session, this.composer, isAttended);
    const { composer, timeline } = this;
    this.talk = el("div.talk", this.#head, timeline.node, this.#typing, composer.node);
    this.node = el("div.chat", this.#status, this.talk, this.#nothing);
    this.#start = el("button.button.primary", { onclick: () => newConversation(session) }, "New conversation");
    this.#nothing.append(icon("bubbles"), this.#advice, this.#start);
  }

  render() {
    const { open: conversation, status } = this.session;
    const isWaiting = status === "offline";
    this.#status.textContent = isWaiting ? "Reconnecting… What you write now is sent when you are back." : "";
    this.talk.hidden = !conversation;
    this.#nothing.hidden = Boolean(this.session.openId);
    this.#start.hidden = this.session.list.length > 0;
    this.#advice.textContent = this.#start.hidden ? "Choose a conversation." : "No conversations yet.";
    this.composer.render();
    this.timeline.render();
    if (!conversation) return;
    this.#drawHead(conversation);
    const { typists } = conversation;
    redraw(
      this.#typing,
      typists.map(({ id }) => id),
      () => typists.length > 0 && typingDots(typists),
    );
  }

  #drawHead(conversation) {
    const { presence, status } = this.session;
    const { id, name, face, kind } = conversation;
    const isGroup = kind === "group";
    const words = isGroup ? groupPresence(conversation, presence) : presenceOf(presence.get(face.id), status);
    redraw(this.#head, [id, name, words], () => [
      iconButton("back", "Back to the conversations", this.back),
      avatar(face, presence.get(face.id)),
      el("div.who", el("b", name), el("small.presence", words)),
      isGroup && iconButton("people", "Members", () => membersOf(this.session, conversation)),
    ]);
  }
}

function presenceOf(presence, status) {
  if (!presence) return status === "online" ? "Offline" : "Connecting…";
  return presence === "online" ? "Online" : `Last seen ${agoOf(presence)}`;
}

function groupPresence({ members, memberCount }, presence) {
  const online = members.filter(({ id }) => presence.get(id) === "online").length;
  return `${countOf(memberCount, "member")}, ${online} online`;
}

function typingDots(people) {
  const verb = people.length === 1 ? "is" : "are";
  return [el("span.dots", el("i"), el("i"), el("i")), `${namesOf(people)} ${verb} typing`];
}
