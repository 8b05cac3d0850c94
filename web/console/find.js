/** Find a user, a conversation or a message; a single match is opened at once. */
import { el } from "../dom.js";
import { look } from "./ops.js";
import { badge, moment, table, to } from "./parts.js";

export function findView(_, query) {
  const asked = query.get("q") ?? "";
  const field = el("input", { type: "search", name: "q", value: asked, maxLength: 254, required: true, autocomplete: "off" });
  const form = el(
    "form.search",
    { role: "search" },
    el("label.field-row", "User, conversation or message", field),
    el("button.button.primary", { type: "submit" }, "Find"),
    el("p.muted", "An id, or words of a name or an e-mail address, or how they begin."),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = `#/find/?q=${encodeURIComponent(field.value.trim())}`;
  });
  const results = el("div", { ariaLive: "polite" });
  const node = el("div.page", el("h1", "Find"), form, results);
  const load = async () => (asked ? look(`search?q=${encodeURIComponent(asked)}`) : {});
  setTimeout(() => field.focus());
  return { title: "Find", node, load, draw: (found) => asked && draw(results, found) };
}

function draw(results, { users, conversation, message }) {
  const found = [
    ...users.map(({ id }) => `users/${id}`),
    ...(conversation ? [`conversations/${conversation.id}`] : []),
    ...(message ? [`messages/${message.id}`] : []),
  ];
  if (found.length === 1) return location.replace(`#/${found[0]}`);
  const columns = [
    ["Name", ({ id, name }) => to(`users/${id}`, name)],
    ["E-mail", ({ email }) => email ?? "", "wide"],
    ["Role", ({ market, role }) => `${role}, ${market}`],
    ["Last seen", ({ lastSeenAt, deletedAt }) => (deletedAt ? badge("Deleted", "bad") : moment(lastSeenAt))],
  ];
  return results.replaceChildren(table("Users", columns, users, "Nobody and nothing was found."));
}
