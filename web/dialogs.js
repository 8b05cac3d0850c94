/** Modal questions: are you sure, whom to talk to, who is in this group. */
import { acceptInvitations, inventPerson } from "./demo.js";
import { el, icon, iconButton } from "./dom.js";
import { whileBusy } from "./forms.js";
import { recallAll } from "./storage.js";
import { avatar, countOf } from "./words.js";

/** Ask whether to do `action`, with `fields` for what belongs to it; resolves with the answer. */
export function confirmation(title, text, action, ...fields) {
  return new Promise((resolve) => {
    const dialog = openDialog(title, el("p", text), ...fields, buttons(action, "danger"));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

/** Choose people to talk to: one for a direct conversation; several, or a title, make it a group. */
export function newConversation(session) {
  const choice = new PeopleChoice(session, [session.me.id]);
  const title = el("input", { maxLength: 100, placeholder: "Spring campaign" });
  const row = el("label.field-row", "Title, for a group", title);
  const start = ({ ids }) => {
    const isGroup = ids.length > 1 || title.value.trim();
    return isGroup ? session.startGroup(title.value.trim() || "New group", ids) : session.startPair(ids[0]);
  };
  choiceDialog("New conversation", "Start", choice, start, row);
}

/** Show who is in a group; add people, remove them, or leave. */
export function membersOf(session, conversation) {
  const isOwner = conversation.members.some(({ id, role }) => id === session.me.id && role === "owner");
  const remove = async ({ id, name }) => {
    dialog.close();
    const isMe = id === session.me.id;
    const question = isMe ? "Leave this group?" : `Remove ${name} from this group?`;
    const isSure = await confirmation(question, "Earlier messages stay.", isMe ? "Leave" : "Remove");
    if (isSure) session.attempt(() => session.removeMember(conversation, id));
  };
  const row = (member) => {
    const isMe = member.id === session.me.id;
    const label = isMe ? "Leave" : `Remove ${member.name}`;
    return el(
      "li",
      avatar(member, session.presence.get(member.id)),
      el("span.grow", member.name, role(member)),
      (isOwner || isMe) && iconButton("close", label, () => remove(member)),
    );
  };
  const add = () => {
    dialog.close();
    addMembers(session, conversation);
  };
  const list = el("ul.people", conversation.members.map(row));
  session.attempt(async () => list.append(...pendingRows(session, conversation, await session.pendingOf(conversation.id))));
  const dialog = openDialog(
    countOf(conversation.memberCount, "member"),
    list,
    el("button.button.wide", { onclick: add }, icon("plus"), "Add people"),
  );
}

/** Rows for invited users; the inviter and the owner of the group may withdraw an invitation. */
function pendingRows(session, conversation, pending) {
  const isOwner = conversation.members.some(({ id, role }) => id === session.me.id && role === "owner");
  return pending.map(({ user, invitedBy }) => {
    const takeBack = () =>
      session.attempt(() => session.removeMember(conversation, user.id).then(() => node.remove()));
    const node = el(
      "li",
      avatar(user),
      el("span.grow", user.name, el("small", `invited by ${invitedBy.name}`)),
      (isOwner || invitedBy.id === session.me.id) &&
        iconButton("close", `Take back the invitation of ${user.name}`, takeBack),
    );
    return node;
  });
}

/** Show who was invited, if anybody was. */
function tellInvited(people) {
  if (!people.length) return;
  const row = (person) => el("li", avatar(person), el("span.grow", person.name, el("small", "invited")));
  openDialog(
    "Invited",
    el("p", "You have nothing in common with them yet, so they are asked first. They are in when they accept."),
    el("ul.people", people.map(row)),
    el("div.buttons", el("button.button.primary", { type: "submit" }, "OK")),
  );
}

function addMembers(session, conversation) {
  const members = conversation.members.map(({ id }) => id);
  const choice = new PeopleChoice(session, members);
  choiceDialog("Add people", "Add", choice, ({ ids }) => session.addMembers(conversation, ids));
}

function role({ role: name, userType }) {
  return el("small", name === "owner" ? `${userType} · owner` : userType);
}

/** A list of the people known to this browser; others are found by their ID or invented. */
class PeopleChoice {
  #list = el("ul.people");
  #invented = new Map(); // accounts of people invented here, by id
  #id = el("input", { placeholder: "Paste somebody’s ID", ariaLabel: "ID of a person" });

  constructor(session, without) {
    this.session = session;
    this.without = new Set(without);
    this.status = el("p.problem", { role: "alert" });
    const row = el("div.field-row.two", this.#id, this.#inventButton("creator"), this.#inventButton("talent"));
    this.node = el("div", this.#list, row, this.status);
    knownPeople(session).forEach((person) => this.#offer(person));
  }

  get ids() {
    const checked = [...this.#list.querySelectorAll("input:checked")].map(({ value }) => value);
    return [...checked, this.#id.value.trim()].filter(Boolean);
  }

  /** Accept at once for people invented here; return the others whose answer is pending. */
  async waitFor({ conversationId, invited = [] }) {
    for (const id of invited) if (this.#invented.has(id)) await acceptInvitations(this.#invented.get(id));
    if (!invited.length) return [];
    const pending = await this.session.pendingOf(conversationId);
    return pending.map(({ user }) => user).filter(({ id }) => invited.includes(id));
  }

  #offer(person, checked = false) {
    if (this.without.has(person.id)) return;
    this.without.add(person.id);
    const box = el("input", { type: "checkbox", value: person.id, checked });
    const name = el("span.grow", person.name, el("small", person.userType ?? ""));
    this.#list.append(el("li", el("label", avatar(person), name, box)));
  }

  #inventButton(userType) {
    const invent = async () => {
      const account = await inventPerson(userType);
      this.#invented.set(account.user.id, account);
      this.#offer(account.user, true);
    };
    const button = el("button.button", icon("plus"), `New ${userType}`);
    button.addEventListener("click", () => whileBusy(button, this.status, invent));
    return button;
  }
}

function knownPeople(session) {
  const met = [...session.conversations.values()].flatMap(({ members }) => members);
  return [...met, ...recallAll("account.").map(({ user }) => user)];
}

function choiceDialog(title, action, choice, act, ...more) {
  const dialog = openDialog(title, choice.node, ...more, buttons(action, "primary"));
  dialog.firstElementChild.addEventListener("submit", (event) => {
    if (event.submitter.value !== "yes") return;
    event.preventDefault(); // stays open until it has succeeded
    choice.status.textContent = choice.ids.length ? "" : "Choose somebody first.";
    const start = async () => {
      const people = await choice.waitFor(await act(choice));
      dialog.close();
      tellInvited(people);
    };
    if (choice.ids.length) whileBusy(event.submitter, choice.status, start);
  });
}

function buttons(action, kind) {
  // Enter presses the first one; they are displayed in reverse order.
  return el(
    "div.buttons",
    el(`button.button.${kind}`, { type: "submit", value: "yes" }, action),
    el("button.button", { type: "submit", value: "no" }, "Cancel"),
  );
}

function openDialog(title, ...content) {
  const close = iconButton("close", "Close", () => dialog.close());
  const form = el("form", { method: "dialog" }, el("header", el("h2", title), close), ...content);
  const dialog = el("dialog", { ariaLabel: title }, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
