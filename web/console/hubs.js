/** All hubs, live: how many are connected, what passes, who is in trouble; and draining one. */
import { confirmation } from "../dialogs.js";
import { el, reconcile } from "../dom.js";
import { whileBusy } from "../forms.js";
import { Charts } from "./charts.js";
import { act, look } from "./ops.js";
import { badge, facts, hubName, learnHubs, moment } from "./parts.js";

const LATE_SECONDS = 0.1;
const cards = new Map(); // by hub id; they outlive the view: the lines are there when one comes back
const whole = new Charts();

export function hubsView() {
  const list = el("div.hubs");
  const none = el("p.empty", { hidden: true }, "No hub is running.");
  const all = el("section.block", { ariaLabel: "All hubs together" }, el("h2", "All together"), whole.node);
  const node = el("div.page", el("h1", "Hubs"), all, list, none);
  const draw = ({ hubs }, again) => {
    none.hidden = hubs.length > 0;
    drawHubs(list, hubs, again);
  };
  return { title: "Hubs", node, seconds: 2, load: () => look("hubs"), draw };
}

function drawHubs(list, hubs, again) {
  learnHubs(hubs);
  whole.add(hubs.filter(({ silent }) => !silent).map(({ vitals }) => vitals));
  for (const id of cards.keys()) if (!hubs.some(({ vitals }) => vitals.id === id)) cards.delete(id);
  for (const { vitals } of hubs) if (!cards.has(vitals.id)) cards.set(vitals.id, new HubCard());
  reconcile(list, hubs, {
    key: ({ vitals }) => vitals.id,
    create: ({ vitals }) => cards.get(vitals.id).node,
    update: (_, hub) => cards.get(hub.vitals.id).update(hub, again),
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

  update({ vitals, silent }, again) {
    this.vitals = vitals;
    this.again = again;
    this.node.classList.toggle("silent", silent);
    this.#title.textContent = hubName(vitals.id);
    this.#states.replaceChildren(...statesOf(vitals, silent));
    if (!silent) this.#charts.add([vitals]);
    this.#facts.replaceChildren(factsOf(vitals));
    this.#button.textContent = vitals.draining ? "Let clients in again" : "Drain";
    this.#button.hidden = silent;
  }

  async #toggle() {
    const { id, draining, connections } = this.vitals;
    const name = hubName(id);
    const question = draining
      ? [`Let clients into ${name} again?`, "It takes new connections from then on.", "Let in"]
      : [
          `Drain ${name}?`,
          `Its ${connections} connections are sent away one by one and come back to another hub, if there is one. It takes` +
            " no new ones until you let them in again, or it is restarted.",
          "Drain",
        ];
    if (!(await confirmation(...question))) return;
    await whileBusy(this.#button, this.#problem, () => act(`hubs/${id}/${draining ? "undrain" : "drain"}`));
    this.again();
  }
}

function statesOf({ draining, deaf, slowSessions, loopLagSeconds, beatAt }, silent) {
  if (silent) return [badge("Silent", "bad"), el("small", "last heard ", moment(beatAt))];
  const states = [
    draining && badge("Draining", "warn", "It takes no new clients"),
    deaf && badge("Deaf", "bad", "It does not hear the bus: it reads the log instead, every two seconds"),
    loopLagSeconds > LATE_SECONDS && badge("Late", "warn", "Its event loop has more to do than it can in time"),
    slowSessions > 0 && badge(`${slowSessions} slow`, "warn", "Clients that do not take what they are sent"),
  ].filter(Boolean);
  return states.length ? states : [badge("Ready", "good")];
}

function factsOf(vitals) {
  return facts([
    ["Users", String(vitals.users)],
    ["Rooms awake", String(vitals.rooms)],
    ["Slow sessions", String(vitals.slowSessions)],
    ["Journal waiting", String(vitals.journalWaiting)],
    ["Deaf in all", `${vitals.deafSeconds} s`],
    ["Bus gaps mended", String(vitals.busGaps)],
    ["Started", moment(vitals.startedAt)],
    ["Version", `${vitals.version}, process ${vitals.pid}`],
  ]);
}
