/** Shared parts of the console's views: tables, badges, facts, links. */
import { el } from "../dom.js";
import { fullTimeOf, secondsAgoOf, stampOf } from "../words.js";

/** A table that becomes a list of cards on a narrow screen: `columns` are [heading, cell(row), ...classes]. */
export function table(caption, columns, rows, empty) {
  if (!rows.length) return el("section.block", el("h2", caption), el("p.empty", empty));
  const head = el("tr", { role: "row" }, columns.map(([heading]) => el("th", { scope: "col", role: "columnheader" }, heading)));
  const row = (one) => el("tr", { role: "row" }, columns.map((column) => cell(column, one)));
  const body = el("tbody", { role: "rowgroup" }, rows.map(row));
  const node = el("table", { role: "table" }, el("thead", { role: "rowgroup" }, head), body);
  node.setAttribute("aria-label", caption);
  return el("section.block", el("h2", caption), node);
}

function cell([heading, content, kind], row) {
  const node = el(kind ? `td.${kind}` : "td", { role: "cell" }, el("div", [content(row)].flat()));
  node.dataset.label = heading;
  return node;
}

/** `tone`: good, warn, bad, or none. */
export function badge(text, tone = "none", title = "") {
  return el(`span.state.${tone}`, { title }, text);
}

/** Pairs of term and value; empty ones are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value != null && value !== "");
  return el("dl.facts", shown.map(([term, value]) => el("div", el("dt", term), el("dd", value))));
}

export function to(path, text, title = "") {
  return el("a", { href: `#/${path}`, title }, text);
}

/** A relative time; `tick` keeps it up to date. */
export function moment(iso) {
  return iso ? el("time.ago", { dateTime: iso, title: fullTimeOf(iso) }, secondsAgoOf(iso)) : "never";
}

/** Relative and absolute time, for looking it up in logs. */
export function datedMoment(iso) {
  return [moment(iso), el("small.when", stampOf(iso))];
}

/** Update the times in `root`, but only those that have changed, to keep a text selection. */
export function tick(root) {
  for (const node of root.querySelectorAll("time.ago")) {
    const text = secondsAgoOf(node.dateTime);
    if (node.textContent !== text) node.textContent = text;
  }
}

/** An id that can be selected as a whole; shown short, the rest is in the title. */
export function shortId(id) {
  return el("code", { title: id }, `${id.slice(0, 4)}…${id.slice(-6)}`);
}

/** Known names of hubs by id: "web-1:8001". */
const names = new Map();

export function learnHubs(hubs) {
  const alike = (one) => hubs.filter(({ vitals }) => vitals.name === one.name).length > 1;
  for (const { vitals } of hubs) names.set(vitals.id, alike(vitals) ? `${vitals.name} (${vitals.pid})` : vitals.name);
}

export function hubName(id) {
  return names.get(id) ?? id.slice(0, 8);
}

/** A note about hubs that did not answer, or nothing. */
export function unheardNote(ids) {
  if (!ids.length) return null;
  return el("p.note", { role: "status" }, `No answer from ${ids.map(hubName).join(", ")}: what is there is not shown.`);
}
