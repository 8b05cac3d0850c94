/** Invitations to groups, and the two answers to one. */
import { el } from "./dom.js";
import { avatar, countOf } from "./words.js";

/** A row for the list: to what, by whom, and the answers. */
export function invitationRow(session, invitation) {
  const { conversationId: id, title, invitedBy, memberCount } = invitation;
  return el(
    "li.invitation",
    avatar({ id, name: title }),
    el("b", { dir: "auto" }, title),
    el("span", { dir: "auto" }, `${invitedBy.name} invites you · ${countOf(memberCount, "member")}`),
    answers(session, invitation),
  );
}

/** The buttons that answer an invitation. */
export function answers(session, invitation) {
  const button = (label, kind, act) => {
    const node = el(`button.button${kind}`, { ariaLabel: `${label} the invitation to ${invitation.title}` }, label);
    node.addEventListener("click", async () => {
      node.disabled = true;
      await session.attempt(() => act(invitation));
      node.disabled = false;
    });
    return node;
  };
  return el(
    "div.answers",
    button("Accept", ".primary", (one) => session.accept(one)),
    button("Decline", "", (one) => session.decline(one)),
  );
}
