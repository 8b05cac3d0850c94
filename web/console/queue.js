/** The review queue: tasks by priority, one of them in detail. Everything works by keyboard; `?` shows the keys. */
import { explain } from "../api.js";
import { confirmation } from "../dialogs.js";
import { el, reconcile } from "../dom.js";
import { showKeys } from "./keys.js";
import { act, look } from "./ops.js";
import { to } from "./parts.js";
import { countdowns, labelOf, TaskPanel } from "./task.js";
import { fillRow } from "./task_row.js";

const PAGE = 50;
const NOTE_LENGTH = 10_000;
const STATES = { open: "Open", mine: "Mine", parked: "Put aside", decided: "Decided" };
const EMPTY = {
  open: "Nothing is waiting for a decision.",
  mine: "You hold no task. Take the next one.",
  parked: "Nothing was put aside.",
  decided: "Nothing was decided yet.",
};
export function queueView(id, query) {
  return new Queue(id, query);
}

class Queue {
  title = "Review queue";
  seconds = 5;
  #chosen = new Map(); // tasks for deciding several at once, by id
  #busy = false;
  #again = () => {};
  #tasks = [];
  #task = null;

  constructor(id, query) {
    this.id = id || null;
    this.state = Object.hasOwn(STATES, query.get("state")) ? query.get("state") : "open";
    this.queue = query.get("queue") ?? "";
    this.pageNumber = Number(query.get("page")) || 1;
    this.problem = el("p.problem", { role: "alert" });
    this.said = el("p.muted.said-line", { role: "status" });
    this.list = el("ul.tasks", { ariaLabel: "Tasks" });
    this.empty = el("p.empty", { hidden: true });
    this.pages = el("nav.bar", { ariaLabel: "Pages" });
    this.bulk = el("div.bar.bulk", { hidden: true });
    this.filter = el("select", { ariaLabel: "Kind", hidden: true });
    this.filter.addEventListener("change", () => (location.hash = `#/${this.#place({ queue: this.filter.value, page: null })}`));
    this.panel = new TaskPanel({
      take: () => this.#take(),
      release: () => this.#release(),
      decide: (decision) => this.#decide(decision),
      note: (text) => this.#note(text),
      back: () => this.#choose(null),
    });
    const next = el("button.button.primary", { onclick: () => this.#next() }, "Take next ", el("kbd", "n"));
    const keys = el("button.button", { onclick: showKeys }, "Keys ", el("kbd", "?"));
    this.node = el(
      "div.page.queue",
      el("h1", "Review queue"),
      el("div.bar", this.#states(), this.filter, el("span.spring"), to("statistics", "Statistics"), keys, next),
      this.problem,
      this.said,
      el("div.desk", el("section.block.list", this.bulk, this.list, this.empty, this.pages), this.panel.node),
    );
    this.node.ariaBusy = "true";
    const press = (event) => (this.node.isConnected ? this.#press(event) : removeEventListener("keydown", press));
    setTimeout(() => addEventListener("keydown", press));
    countdowns(this.node);
  }

  async load() {
    const id = this.id;
    const mine = this.state === "mine";
    const [market, kind] = this.queue.split("/");
    const query = parameters({ state: mine ? "open" : this.state, mine: mine || null, market, kind, page: this.pageNumber, limit: PAGE });
    const [me, page, details] = await Promise.all([
      this.me ?? look("me"),
      look(`review/tasks?${query}`),
      id && look(`review/tasks/${id}`).catch((error) => (error.code === "REVIEW_TASK_NOT_FOUND" ? null : Promise.reject(error))),
    ]);
    this.me = me;
    const reports = details?.task.kind === "report" ? await this.#reportsOf(details.task) : [];
    return { id, page, details, reports };
  }

  draw({ id, page, details, reports }, again) {
    this.#again = again;
    this.#tasks = page.tasks;
    if (id !== this.id) return; // another one was chosen meanwhile
    this.node.ariaBusy = "false";
    this.#task = details?.task ?? null;
    for (const one of page.tasks) if (this.#chosen.has(one.id)) this.#chosen.set(one.id, one);
    this.#drawFilter();
    this.#drawList(page);
    this.#drawBulk();
    this.panel.draw(details, reports, id);
    this.node.classList.toggle("chosen", Boolean(id));
  }

  #reportsOf({ userId, subjectId }) {
    return look(`reports?${parameters({ userId, subjectId, limit: 20 })}`).then(({ reports }) => reports);
  }

  #place(changes) {
    return `queue/?${parameters({ state: this.state, queue: this.queue || null, ...changes })}`;
  }

  #states() {
    const links = Object.entries(STATES).map(([name, words]) => {
      const link = to(this.#place({ state: name }), words);
      if (name === this.state) link.setAttribute("aria-current", "page");
      return link;
    });
    return el("nav.statuses", { ariaLabel: "State" }, links);
  }

  #drawFilter() {
    if (this.filter.options.length) return;
    const option = (value, text) => el("option", { value, selected: value === this.queue }, text);
    const several = new Set(this.me.queues.map((one) => one.split("/")[0])).size > 1;
    const name = (one) => (several ? `${labelOf(one.split("/")[1])}, ${one.split("/")[0]}` : labelOf(one.split("/")[1]));
    this.filter.append(option("", "All kinds"), ...this.me.queues.map((one) => option(one, name(one))));
    this.filter.hidden = this.me.queues.length < 2;
  }

  #drawList({ tasks, pagination }) {
    reconcile(this.list, tasks, {
      key: ({ id }) => id,
      create: () => el("li"),
      update: (node, task) => this.#drawRow(node, task),
    });
    this.empty.textContent = EMPTY[this.state];
    this.empty.hidden = Boolean(tasks.length);
    const { page, totalPages, total } = pagination;
    const pageLink = (number, words) => to(this.#place({ page: number }), words);
    this.pages.replaceChildren(
      ...[
        tasks.length > 0 && el("span.muted", totalPages > 1 ? `Page ${page} of ${totalPages}, ${total} tasks` : total === 1 ? "1 task" : `${total} tasks`),
        page > 1 && pageLink(page - 1, "Previous"),
        page < totalPages && pageLink(page + 1, "Next"),
      ].filter(Boolean),
    );
  }

  #drawRow(node, task) {
    const stamp = JSON.stringify([task, this.#chosen.has(task.id), task.id === this.id]);
    if (node.dataset.stamp === stamp) return;
    node.dataset.stamp = stamp;
    const hadFocus = node.contains(document.activeElement) && document.activeElement.localName;
    const isChosen = this.#chosen.has(task.id);
    fillRow(node, task, { isChosen, isCurrent: task.id === this.id, toggle: () => this.#toggle(task), open: () => this.#choose(task.id) });
    if (hadFocus) node.querySelector(hadFocus)?.focus({ preventScroll: true });
  }

  #toggle(task) {
    if (!this.#chosen.delete(task.id)) this.#chosen.set(task.id, task);
    this.#redrawList();
  }

  #toggleCurrent() {
    const task = this.#tasks.find(({ id }) => id === this.id);
    if (task && !task.decidedAt) this.#toggle(task);
  }

  #redrawList() {
    for (const node of this.list.children) {
      const task = this.#tasks.find(({ id }) => id === node.dataset.key);
      if (task) this.#drawRow(node, task);
    }
    this.#drawBulk();
  }

  #drawBulk() {
    const tasks = [...this.#chosen.values()];
    this.bulk.hidden = !tasks.length;
    const possible = tasks.map(({ decisions }) => decisions);
    const common = possible.length ? possible[0].filter((one) => possible.every((others) => others.includes(one))) : [];
    const decide = (name) => el("button.button", { onclick: () => this.#decideMany(name) }, labelOf(name));
    const clear = el("button.link", { onclick: () => this.#clear() }, "None");
    const count = el("span", `${tasks.length} chosen:`);
    this.bulk.replaceChildren(count, ...(common.length ? common.map(decide) : [el("span.muted", "nothing fits all of them")]), clear);
  }

  #clear() {
    this.#chosen.clear();
    this.#redrawList();
  }

  #choose(id) {
    this.id = id;
    history.replaceState(null, "", `${location.pathname}#/queue/${id ?? ""}?${this.#place({ page: this.pageNumber }).split("?")[1]}`);
    this.said.textContent = this.problem.textContent = "";
    this.node.classList.toggle("chosen", Boolean(id));
    this.node.parentNode.scrollTop = 0;
    this.#redrawList();
    this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    this.#task = null;
    if (!id) this.panel.draw(null, [], null);
    return this.#again();
  }

  #move(step) {
    if (!this.#tasks.length) return;
    const place = this.#tasks.findIndex(({ id }) => id === this.id);
    const next = place < 0 ? 0 : Math.min(Math.max(place + step, 0), this.#tasks.length - 1);
    this.#choose(this.#tasks[next].id);
  }

  /** Do one thing at a time; a failure is shown, and the page is loaded again in any case. */
  async #run(action) {
    if (this.#busy) return;
    this.#busy = true;
    this.problem.textContent = this.said.textContent = "";
    this.node.classList.add("busy");
    try {
      await action();
    } catch (error) {
      this.problem.textContent = explain(error);
    } finally {
      this.#busy = false;
      this.node.classList.remove("busy");
    }
    await this.#again();
  }

  #next() {
    const [market, kind] = this.queue.split("/");
    return this.#run(async () => {
      const { task } = await act(`review/tasks/next?${parameters({ market, kind })}`);
      if (!task) this.said.textContent = "Nothing is waiting that nobody else holds.";
      else await this.#choose(task.id);
    });
  }

  #take() {
    return this.#run(() => act(`review/tasks/${this.id}/take`));
  }

  #release() {
    return this.#run(() => act(`review/tasks/${this.id}/release`));
  }

  #decide(decision) {
    const { id, version } = this.#task;
    const note = this.panel.noteText;
    return this.#run(async () => {
      await act(`review/tasks/${id}/decide`, { decision, version, note });
      this.#chosen.delete(id);
      this.said.textContent = `Decided: ${labelOf(decision)}. Press n for the next task.`;
    });
  }

  #note(text) {
    return this.#run(() => act(`review/tasks/${this.id}/notes`, { text }));
  }

  async #decideMany(decision) {
    const ids = [...this.#chosen.keys()];
    const note = el("textarea", { rows: 3, maxLength: NOTE_LENGTH });
    const field = el("label.field-row", "Note (for others who decide)", note);
    const count = ids.length === 1 ? "one task" : `${ids.length} tasks`;
    if (!(await confirmation(`${labelOf(decision)} ${count}?`, "Each is decided on its own. What somebody else holds stays.", labelOf(decision), field))) return;
    await this.#run(async () => {
      const { outcomes } = await act("review/tasks/decide", { ids, decision, note: note.value.trim() });
      const refused = outcomes.filter(({ code }) => code !== "DECIDED");
      this.#chosen.clear();
      const reasons = [...new Set(refused.map(({ message }) => message))].join(" · ");
      this.said.textContent = `${outcomes.length - refused.length} decided${refused.length ? `, ${refused.length} not: ${reasons}` : ""}.`;
    });
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input:not([type=checkbox]), textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const task = this.#task;
    const decision = task?.isMine && task.decisions[Number(event.key) - 1];
    const actions = {
      n: () => this.#next(),
      j: () => this.#move(1),
      k: () => this.#move(-1),
      ArrowDown: () => this.#move(1),
      ArrowUp: () => this.#move(-1),
      t: () => task && this.#take(),
      r: () => task?.isMine && this.#release(),
      m: () => this.panel.focusNote(),
      b: () => this.panel.togglePictures(),
      x: () => this.#toggleCurrent(),
      Escape: () => this.#choose(null),
      "?": showKeys,
    };
    const action = decision ? () => this.#decide(decision) : Object.hasOwn(actions, event.key) && actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

function parameters(values) {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value != null && value !== ""));
}
