/** Formats times, names and message texts. */
import { el } from "./dom.js";

const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const STAMP = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const SECONDS_AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/;
const DAY_MS = 86_400_000;

export function timeOf(iso) {
  return TIME.format(new Date(iso));
}

export function fullTimeOf(iso) {
  return FULL.format(new Date(iso));
}

/** To the second, for lists. */
export function stampOf(iso) {
  return STAMP.format(new Date(iso));
}

export function dayOf(iso) {
  const days = daysUntilNow(iso);
  return days < 2 ? capitalized(AGO.format(-days, "day")) : DAY.format(new Date(iso));
}

/** The time of today, else the day: for lists. */
export function shortTimeOf(iso) {
  return daysUntilNow(iso) ? SHORT_DAY.format(new Date(iso)) : timeOf(iso);
}

export function agoOf(iso) {
  const minutes = Math.round((Date.now() - new Date(iso)) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return AGO.format(-minutes, "minute");
  return minutes < 24 * 60 ? AGO.format(-Math.round(minutes / 60), "hour") : dayOf(iso);
}

/** The same, in seconds within a minute, for a text that is kept up to date. */
export function secondsAgoOf(iso) {
  const seconds = Math.round((Date.now() - new Date(iso)) / 1000);
  return seconds < 60 ? SECONDS_AGO.format(-Math.max(seconds, 0), "second") : agoOf(iso);
}

export function namesOf(people) {
  const names = people.map(({ name }) => name.split(" ")[0]);
  return names.length < 3 ? names.join(" and ") : `${names[0]}, ${names[1]} and ${names.length - 2} more`;
}

export function countOf(count, word) {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
}

export function initialsOf(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0]?.toUpperCase() ?? "").join("");
}

/** A round picture of a person or a group; the colour follows from the id. */
export function avatar({ id, name }, presence) {
  const node = el("span.avatar", { ariaHidden: "true" }, initialsOf(name));
  node.style.setProperty("--hue", hueOf(id));
  if (presence === "online") node.append(el("span.dot"));
  return node;
}

/** Nodes for a text, with links and highlighted names of mentioned `people`. */
export function richText(text, people = []) {
  const names = people.map(({ name }) => escaped(`@${name}`)).sort((one, other) => other.length - one.length);
  const pattern = new RegExp([LINK.source, ...names].join("|"), "g");
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    nodes.push(text.slice(end, match.index), match[0].startsWith("@") ? mention(match[0]) : link(match[0]));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

function mention(name) {
  return el("span.mention", name);
}

function link(address) {
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function hueOf(id) {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
}

function daysUntilNow(iso) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(new Date()) - midnight(new Date(iso))) / DAY_MS);
}

function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}
