/** The form that asks for an operator's token. */
import { el } from "../dom.js";

export function loginView(problem, enter) {
  const token = el("input", { type: "password", autocomplete: "current-password", required: true, ariaLabel: "Operator token" });
  const form = el(
    "form.form",
    el("h1", "For operators"),
    el("p.muted", "The secret of one of the names in GREENROOM_OPERATOR_TOKENS. It is kept until this tab is closed."),
    el("label.field-row", "Token", token),
    el("p.problem", { role: "alert" }, problem),
    el("button.button.primary.wide", { type: "submit" }, "Enter"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enter(token.value.trim());
  });
  return el("section.card.login", form);
}
