/** All hubs, live: connections, traffic, problems; and draining one. */
import { confirmation } from "../dialogs.js";
import { el, reconcile } from "../dom.js";
import { whileBusy } from "../forms.js";
import { Charts, milliseconds } from "./charts.js";
import { troublesOf } from "./health.js";
import { act, look } from "./ops.js";
import { badge, datedMoment, facts, hubName, learnHubs } from "./parts.js";
import { processesTable } from "./processes.js";

const BUSY_SECONDS = 0.1;
const cards = new Map(); // by hub id; kept after leaving the view, so that the lines are still there on return
const whole = new Charts();
let last = null; // last drawn state, shown first if nothing can be loaded

export function hubsView() {
  const list = el("div.hubs");
  const none = el("p.empty", { hidden: true }, "No hub is running.");
  const all = el("section.block", { ariaLabel: "All hubs", hidden: true }, el("h2", "All hubs"), whole.node);
  const others = el("div");
  const node = el("div.page", el("h1", "Hubs"), all, list, none, others);
  const draw = (state, again) => {
    const isNew = state !== last;
    last = state;
    all.hidden = false;
    none.hidden = state.hubs.length > 0;
    if (isNew) whole.add(state.hubs.filter(({ late }) => !late).map(({ vitals }) => vitals));
    drawHubs(list, state.hubs, isNew, again);
    others.replaceChildren(processesTable(state.processes));
  };
  return { title: "Hubs", node, seconds: 2, load: () => look("hubs"), draw, last };
}

function drawHubs(list, hubs, isNew, again) {
  learnHubs(hubs);
  for (const id of cards.keys()) if (!hubs.some(({ vitals }) => vitals.id === id)) cards.delete(id);
  for (const { vitals } of hubs) if (!cards.has(vitals.id)) cards.set(vitals.id, new HubCard());
  reconcile(list, hubs, {
    key: ({ vitals }) => vitals.id,
    create: ({ vitals }) => cards.get(vitals.id).node,
    update: (_, hub) => cards.get(hub.vitals.id).update(hub, isNew, again),
  });
}

class HubCard {
  #charts = new Charts();
  #title = el("h2");
  #states = el("span.states");
  #facts = el("div");
  #problem = el("p.problem", { role: "alert" });
  #button = el("button.button", { onclick: () => this.#toggle() });

  constructor() {
    const head = el("header", this.#title, this.#states);
    this.node = el("article.hub", head, this.#charts.node, this.#facts, el("footer", this.#button, this.#problem));
  }

  update(hub, isNew, again) {
    const { vitals, late, silent } = hub;
    this.vitals = vitals;
    this.again = again;
    this.node.classList.toggle("late", late);
    this.#title.textContent = hubName(vitals.id);
    this.#states.replaceChildren(...statesOf(hub));
    if (isNew && !late) this.#charts.add([vitals]);
    this.#facts.replaceChildren(factsOf(vitals));
    this.#button.textContent = vitals.draining ? "Stop draining" : "Drain";
    this.#button.hidden = silent;
  }

  async #toggle() {
    const { id, draining, connections } = this.vitals;
    const name = hubName(id);
    const question = draining
      ? [`Stop draining ${name}?`, "It takes new connections from then on.", "Stop draining"]
      : [
          `Drain ${name}?`,
          `Its ${connections} connections are sent away one by one and come back to another hub, if there is one. It takes` +
            " no new ones until you stop draining it, or it is restarted.",
          "Drain",
        ];
    if (!(await confirmation(...question))) return;
    await whileBusy(this.#button, this.#problem, () => act(`hubs/${id}/${draining ? "undrain" : "drain"}`));
    this.again();
  }
}

function statesOf(hub) {
  const { draining, deaf, deafTo, slowSessions, loopLagSeconds, missing } = hub.vitals;
  const { hub: own, ...others } = missing;
  const [trouble, ...why] = troublesOf(hub, draining && !deaf ? others : missing);
  if (hub.late) return [trouble, ...why];
  const states = [
    trouble,
    draining && badge("Draining", "warn", "It takes no new clients"),
    deaf && badge("Bus down", "bad", `It hears nothing from ${deafTo.join(", ")}: it reads the log instead, every two seconds`),
    loopLagSeconds > BUSY_SECONDS && badge("Busy", "warn", "Its event loop has more to do than it can in time"),
    slowSessions > 0 && badge(`${slowSessions} slow`, "warn", "Clients that do not read what they are sent"),
  ].filter(Boolean);
  return states.length ? [...states, ...why] : [badge("Ready", "good")];
}

function factsOf(vitals) {
  return facts([
    ["Users", String(vitals.users)],
    ["Active rooms", String(vitals.rooms)],
    ["Slow clients", String(vitals.slowSessions)],
    ["Journal queue", String(vitals.journalWaiting)],
    ["Bus lag", milliseconds(vitals.busLagSeconds)],
    ["Hears nothing from", vitals.deafTo.join(", ")],
    ["Bus downtime", `${vitals.deafSeconds} s`],
    ["Bus gaps repaired", String(vitals.busGaps)],
    ["Started", datedMoment(vitals.startedAt)],
    ["Version", vitals.version],
    ["Process", String(vitals.pid)],
  ]);
}
