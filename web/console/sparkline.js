/** A small line of the last values, drawn as SVG: no library, no inline style. */
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 32;
const KEPT = 60; // two minutes, one value every two seconds

/** The last values of one metric; `format` formats one. */
export class Series {
  #values = [];

  constructor(label, format) {
    this.label = label;
    this.format = format;
    this.node = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", role: "img", preserveAspectRatio: "none" });
    this.area = make("path", { class: "area" });
    this.line = make("path", { class: "line", "vector-effect": "non-scaling-stroke" });
    this.node.append(this.area, this.line);
  }

  get length() {
    return this.#values.length;
  }

  get last() {
    return this.#values.at(-1) ?? 0;
  }

  add(value) {
    this.#values = [...this.#values, value].slice(-KEPT);
    const top = Math.max(...this.#values, 0) || 1;
    const step = WIDTH / (KEPT - 1);
    const start = WIDTH - (this.#values.length - 1) * step;
    const points = this.#values.map((one, place) => `${round(start + place * step)} ${round(HEIGHT - 1 - (one / top) * (HEIGHT - 4))}`);
    this.line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${round(start)} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
    this.node.setAttribute("aria-label", this.#words());
  }

  #words() {
    const [lowest, highest] = [Math.min(...this.#values), Math.max(...this.#values)].map(this.format);
    return `${this.label}: ${this.format(this.last)}; between ${lowest} and ${highest} in the last two minutes`;
  }
}

function make(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function round(number) {
  return Math.round(number * 10) / 10;
}
