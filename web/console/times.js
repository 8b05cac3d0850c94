/** Times in milliseconds, relative to the first one. */
import { el } from "../dom.js";
import { fullTimeOf } from "../words.js";

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const EXACT = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const SECOND = 1000;

/** The day and the time. */
export function exactly(iso) {
  return timeElement(iso, `${DAY.format(new Date(iso))}, ${EXACT.format(new Date(iso))}`);
}

/** The time, and the difference to `start`, which may be negative because clocks differ. */
export function after(iso, start) {
  const late = new Date(iso) - new Date(start);
  return [timeElement(iso, EXACT.format(new Date(iso))), el("small", ` ${late < 0 ? "\u2212" : "+"}${lengthOf(Math.abs(late))}`)];
}

function lengthOf(milliseconds) {
  return milliseconds < 10 * SECOND ? `${milliseconds} ms` : `${Math.round(milliseconds / SECOND)} s`;
}

function timeElement(iso, text) {
  return el("time", { dateTime: iso, title: fullTimeOf(iso) }, text);
}
