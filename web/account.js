/** The menu behind a pane's user: identity, switching accounts, logging out. */
import { dropdown, el, icon, iconButton, redraw } from "./dom.js";
import { accountById, forgetUser, recallAll } from "./storage.js";
import { avatar } from "./words.js";

export class AccountMenu {
  #panel = el("div.panel.account", { role: "dialog", ariaLabel: "Account" });

  constructor(pane) {
    this.pane = pane;
    const button = iconButton("more", "Account");
    this.node = el("div", button, this.#panel);
    dropdown(button, this.#panel);
    this.#panel.addEventListener("beforetoggle", () => this.#draw(pane.account));
  }

  #draw({ user, demoPassword }) {
    const others = recallAll("account.")
      .map((account) => account.user)
      .filter(({ id }) => id !== user.id);
    redraw(this.#panel, others, () => [
      el(
        "dl",
        fact("E-mail", user.email),
        demoPassword && fact("Password", demoPassword),
        fact("ID, for others to find you", user.id),
      ),
      others.length > 0 && el("h3", "Sit here instead"),
      el("ul.people", ...others.map((other) => this.#switchTo(other))),
      this.#action("plus", "Log in as somebody else", () => this.pane.page.leave(this.pane.slot)),
      this.#action("exit", "Log out", () => this.#logOut()),
    ]);
  }

  #switchTo(user) {
    const onclick = () => this.pane.page.seat(this.pane.slot, accountById(user.id));
    const name = el("span.grow", user.name, el("small", user.userType));
    return el("li", el("button.row-button", { onclick }, avatar(user), name));
  }

  #action(iconName, text, act) {
    const onclick = () => {
      this.#panel.hidePopover();
      act();
    };
    return el("button.row-button", { onclick }, icon(iconName), text);
  }

  async #logOut() {
    const { session, page, slot } = this.pane;
    await session.attempt(() => session.api.call("POST", "/api/auth/logout"));
    forgetUser(session.me.id);
    page.leave(slot);
  }
}

function fact(label, value) {
  const field = el("input", { readOnly: true, value, ariaLabel: label, onfocus: () => field.select() });
  return [el("dt", label), el("dd", field)];
}
