/** The developer drawer: events of this user's socket, newest on top. */
import { el, iconButton } from "./dom.js";

const SHOWN = 200;
const ARROWS = { in: "↓", out: "↑", answer: "↩" };

export class Wire {
  #list = el("ol");

  constructor(connection) {
    const head = el("header", el("h3", "Socket events, newest first"), iconButton("close", "Close", () => this.toggle()));
    this.node = el("aside.drawer", { ariaLabel: "Socket events", hidden: true }, head, this.#list);
    connection.watch((direction, event, payload) => this.#note(direction, event, payload));
  }

  toggle() {
    this.node.hidden = !this.node.hidden;
  }

  #note(direction, event, payload) {
    const text = JSON.stringify(payload) ?? "";
    const place = Object(payload?.message ?? payload);
    const numbers = ["seq", "version"].filter((name) => name in place).map((name) => `${name} ${place[name]}`);
    const row = el(
      `li.${direction}`,
      { title: text.slice(0, 2000) },
      el("span", ARROWS[direction]),
      el("code", event),
      el("span.numbers", numbers.join(" · ")),
      el("span", `${text.length} B`),
    );
    this.#list.prepend(row);
    this.#list.children[SHOWN]?.remove();
  }
}
