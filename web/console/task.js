/** One task of the review queue: facts, pictures, reports, the decision, notes and history. */
import { el, redraw } from "../dom.js";
import { stampOf } from "../words.js";
import { badge, datedMoment, facts, moment, to } from "./parts.js";

const NOTE_LENGTH = 10_000;
const SOON_SECONDS = 120;

export function labelOf(name) {
  return name ? name[0].toUpperCase() + name.slice(1).replaceAll("_", " ") : "";
}

/** What a task is about, in a few words. */
export function subjectOf({ subjectType, userName, facts: known }) {
  const title = known.find(({ name }) => ["Title", "Name"].includes(name))?.value;
  if (title) return title;
  if (subjectType === "user" && userName) return userName;
  return userName ? `${labelOf(subjectType)} of ${userName}` : labelOf(subjectType);
}

/** Keep the remaining time of leases up to date while `root` is in the page. */
export function countdowns(root) {
  const timer = setInterval(() => {
    if (!root.isConnected) return clearInterval(timer);
    for (const node of root.querySelectorAll("time.left")) showLeft(node);
  }, 1000);
}

function left(until) {
  const node = el("time.left", { dateTime: until });
  showLeft(node);
  return node;
}

function showLeft(node) {
  const seconds = Math.max(0, Math.round((new Date(node.dateTime) - Date.now()) / 1000));
  node.textContent = seconds ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "over";
  node.classList.toggle("soon", seconds < SOON_SECONDS);
}

export class TaskPanel {
  #parts = ["head", "pictures", "reports", "decision", "notes", "history"].map((name) => el(`div.${name}`));
  #note = el("textarea", { rows: 2, maxLength: NOTE_LENGTH });
  #newNote = el("textarea", { rows: 2, maxLength: NOTE_LENGTH, required: true });
  #shown = false; // pictures

  /** `actions`: take, release, decide(decision), note(text), back. */
  constructor(actions) {
    this.actions = actions;
    this.hint = el("p.empty", "Choose a task, or take the next one.");
    this.body = el("div.task-body", { hidden: true }, this.#parts);
    this.node = el("section.block.one", { ariaLabel: "Task" }, this.hint, this.body);
  }

  get noteText() {
    return this.#note.value.trim();
  }

  focusNote() {
    this.#note.isConnected && this.#note.focus();
  }

  togglePictures() {
    this.#shown = !this.#shown;
    this.node.classList.toggle("clear", this.#shown);
  }

  /** Show the details of a task; null: there are none. Only what has changed is drawn, so that typed texts stay. */
  draw(details, reports, id) {
    if (this.id !== id) this.#begin(id);
    this.body.hidden = !details;
    this.hint.hidden = Boolean(details);
    this.hint.textContent = id && !details ? "There is no such task, or it is not for you." : "Choose a task, or take the next one.";
    if (!details) return;
    const { task, pictures, notes, history } = details;
    const [head, images, reported, decision, noted, past] = this.#parts;
    redraw(head, task, () => this.#head(task));
    redraw(images, pictures, () => this.#pictures(pictures));
    redraw(reported, reports, () => reportsOf(reports));
    redraw(decision, [task.decisions, task.isMine, task.heldBy, task.isExcluded, task.decidedAt], () => this.#decision(task));
    redraw(noted, [notes, task.id], () => this.#notes(notes));
    redraw(past, history, () => historyOf(history));
  }

  #begin(id) {
    this.id = id;
    this.#note.value = this.#newNote.value = "";
    this.#shown = false;
    this.node.classList.remove("clear");
    for (const part of this.#parts) delete part.dataset.stamp;
  }

  #head(task) {
    const { heldBy, heldUntil, isMine, decidedAt, decidedBy, state } = task;
    const late = !decidedAt && new Date(task.dueAt) < Date.now();
    const held = heldBy && [isMine ? "You" : heldBy, " hold", isMine ? "" : "s", " it for ", left(heldUntil)];
    return [
      el("button.link.back", { onclick: this.actions.back }, "‹ All tasks"),
      el("h2", subjectOf(task), " ", badge(labelOf(task.kind)), task.appealOf && badge("Appeal", "warn"), state !== "open" && badge(labelOf(state), decidedAt ? "good" : "warn")),
      held && el("p.held", { className: isMine ? "held mine" : "held" }, held),
      facts([
        ["Reason", task.reason],
        ["About", task.userId && to(`users/${task.userId}`, task.userName)],
        ["Priority", task.priority ? `${task.priority} of 9` : null],
        ["Asked", moment(task.createdAt)],
        ["Due", el("span", late && badge("Late", "warn"), " ", el("time", { dateTime: task.dueAt }, stampOf(task.dueAt)))],
        ["Marketplace", task.market],
        ["Decided", decidedAt && el("span", `by ${decidedBy} `, datedMoment(decidedAt))],
        ["Appeal of", task.appealOf && to(`queue/${task.appealOf}?state=decided`, "The first decision")],
        ["Subject", el("code", task.subjectId)],
      ]),
      task.note && el("blockquote.said", task.note),
      el("dl.told", task.facts.map(({ name, value }) => el("div", el("dt", name), el("dd.said", value || "(nothing)")))),
    ];
  }

  #pictures(pictures) {
    if (!pictures.length) return null;
    const one = ({ fileName, url, thumbnailUrl }) => {
      const node = el("button.picture", { title: "Show or blur", onclick: () => node.classList.toggle("clear") });
      node.append(el("img", { src: thumbnailUrl ?? url, alt: fileName, loading: "lazy" }));
      return el("figure", node, el("figcaption", el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, fileName)));
    };
    const hint = el("p.muted", "Blurred until you want to see them: click", el("span.by-key", ", or press ", el("kbd", "b")), ".");
    return [hint, el("div.gallery", pictures.map(one))];
  }

  #decision({ decisions, isMine, heldBy, isExcluded, decidedAt }) {
    if (decidedAt) return null;
    if (isExcluded) return el("p.note", "It is about your own decision: somebody else must decide.");
    if (heldBy && !isMine) return el("p.muted", `${heldBy} is deciding this.`);
    const button = (name, place) =>
      el("button.button", { onclick: () => this.actions.decide(name) }, labelOf(name), isMine && [" ", el("kbd", String(place + 1))].map((one) => one));
    const take = el("button.button", { onclick: this.actions.take }, isMine ? "Ten more minutes " : "Take it ", el("kbd", "t"));
    const release = isMine && el("button.button", { onclick: this.actions.release }, "Release ", el("kbd", "r"));
    return [
      el("label.field-row", el("span", "Note of the decision ", el("kbd", "m")), this.#note),
      el("div.bar.decisions", decisions.map(button), el("span.spring"), take, release),
    ];
  }

  #notes(notes) {
    const add = (event) => {
      event.preventDefault();
      const text = this.#newNote.value.trim();
      if (!text) return;
      this.#newNote.value = "";
      this.actions.note(text);
    };
    const row = ({ author, text, createdAt }) => el("li", el("b", author), " ", moment(createdAt), el("p.said", text));
    const form = el("form.note-form", this.#newNote, el("button.button", { type: "submit" }, "Add note"));
    this.#newNote.ariaLabel = "New note";
    form.addEventListener("submit", add);
    return [el("h3", "Notes"), notes.length ? el("ul.notes-list", notes.map(row)) : null, form];
  }
}

function reportsOf(reports) {
  if (!reports.length) return null;
  const row = ({ reporterId, reporterName, reason, text, createdAt, resolvedAt }) =>
    el("li", badge(labelOf(reason), "warn"), " by ", to(`users/${reporterId}`, reporterName), " ", moment(createdAt), resolvedAt && [" ", badge("Resolved", "good")], text && el("p.said", text));
  return [el("h3", reports.length === 1 ? "One report" : `${reports.length} reports`), el("ul.notes-list", reports.map(row))];
}

function historyOf(history) {
  if (!history.length) return null;
  const row = ({ id, kind, state, decidedAt, decidedBy, note, appealOf }) =>
    el(
      "li",
      to(`queue/${id}?state=${decidedAt ? "decided" : "open"}`, `${labelOf(kind)}${appealOf ? ", appeal" : ""}`),
      " ",
      badge(labelOf(state), decidedAt ? "good" : "warn"),
      decidedAt && [" by ", el("b", decidedBy), " ", moment(decidedAt)],
      note && el("p.said", note),
    );
  return [el("h3", "Earlier about the same"), el("ul.notes-list", history.map(row))];
}
