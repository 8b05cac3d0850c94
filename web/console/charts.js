/** The four key values of a hub, as numbers with a line each. */
import { el } from "../dom.js";
import { Series } from "./sparkline.js";

const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
export const count = (value) => NUMBER.format(value);
const rate = (value) => `${NUMBER.format(value)}/s`;
export const milliseconds = (value) => `${NUMBER.format(value * 1000)} ms`;
const sum = (values) => values.reduce((total, value) => total + value, 0);
const worst = (values) => Math.max(0, ...values);

/** [label, in words, of one hub, of several] */
const VALUES = [
  ["Connections", count, ({ connections }) => connections, sum],
  ["Messages", rate, ({ messagesPerSecond }) => messagesPerSecond, sum],
  ["Deliveries", rate, ({ deliveriesPerSecond }) => deliveriesPerSecond, sum],
  ["Loop lag", milliseconds, ({ loopLagSeconds }) => loopLagSeconds, worst],
];

const FEWEST = 5; // values needed for a line

export class Charts {
  #series = VALUES.map(([label, words]) => new Series(label, words));
  #numbers = VALUES.map(() => el("b"));

  constructor() {
    const tile = ([label], place) =>
      el("div.tile", el("span", label), this.#numbers[place], el("small.collecting", "Collecting …"), this.#series[place].node);
    this.node = el("div.tiles.new", VALUES.map(tile));
  }

  /** Add the current values of one hub, or the sum of several. */
  add(vitals) {
    VALUES.forEach(([, words, read, fold], place) => {
      const value = fold(vitals.map(read));
      this.#series[place].add(value);
      this.#numbers[place].textContent = words(value);
    });
    this.node.classList.toggle("new", this.#series[0].length < FEWEST);
  }
}
