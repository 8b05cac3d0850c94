/** Suggests people while a name is typed after an @, and finds those mentioned in a text. */
import { el } from "./dom.js";
import { avatar } from "./words.js";

const SHOWN = 6;
let lists = 0;

export class Mentions {
  #people = [];
  #chosen = 0;

  /** `text` is the textarea, `candidates()` gives the people who can be mentioned. */
  constructor(text, candidates) {
    this.text = text;
    this.candidates = candidates;
    this.node = el("ul.mentions", { role: "listbox", ariaLabel: "People", hidden: true });
    this.node.id = `mentions-${++lists}`;
    text.setAttribute("aria-controls", this.node.id);
    text.addEventListener("blur", () => this.#show([]));
  }

  /** The ids of people mentioned as "@name" in `content`. */
  among(content) {
    return this.candidates()
      .filter(({ name }) => content.includes(`@${name}`))
      .map(({ id }) => id);
  }

  /** Update the suggestions for the text before the cursor. */
  look() {
    const typed = this.#typed();
    const matches = ({ name }) => ` ${name.toLowerCase()}`.includes(` ${typed}`);
    this.#chosen = 0;
    this.#show(typed === undefined ? [] : this.candidates().filter(matches).slice(0, SHOWN));
  }

  /** Handle a key if the list is open; returns whether it was for the list. */
  takes(event) {
    if (!this.#people.length) return false;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) this.#choose(this.#chosen + step);
    else if (event.key === "Enter" || event.key === "Tab") this.#insert(this.#people[this.#chosen]);
    else if (event.key === "Escape") this.#show([]);
    else return false;
    event.preventDefault();
    return true;
  }

  #typed() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    return before.match(/(?:^|\s)@([^@\n]{0,40})$/)?.[1].toLowerCase();
  }

  #show(people) {
    this.#people = people;
    this.node.hidden = !people.length;
    this.node.replaceChildren(...people.map((person, index) => this.#option(person, index)));
    this.#choose(this.#chosen);
  }

  #option(person, index) {
    // mousedown, not click: the textarea must not lose the focus, which closes the list.
    const onmousedown = (event) => {
      event.preventDefault();
      this.#insert(person);
    };
    return el("li", { role: "option", id: `${this.node.id}-${index}`, onmousedown }, avatar(person), person.name);
  }

  #choose(index) {
    const count = this.#people.length;
    this.#chosen = count ? (index + count) % count : 0;
    [...this.node.children].forEach((option, place) => (option.ariaSelected = String(place === this.#chosen)));
    this.text.setAttribute("aria-activedescendant", count ? `${this.node.id}-${this.#chosen}` : "");
  }

  #insert({ name }) {
    const end = this.text.selectionStart;
    const start = this.text.value.lastIndexOf("@", end - 1);
    this.text.setRangeText(`@${name} `, start, end, "end");
    this.text.dispatchEvent(new Event("input"));
  }
}
