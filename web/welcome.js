/** Shown while nobody is signed in: a demo, and the login forms. */
import { inventDemo } from "./demo.js";
import { el, icon } from "./dom.js";
import { loginForm, whileBusy } from "./forms.js";

const TALK = [
  ["theirs", "Are you free for a launch film in March?"],
  ["mine", "From the 9th on. What is the mood?"],
  ["theirs", "Warm, slow, a little strange."],
];
const POINTS = ["In order, and never twice", "Typing, presence, read ticks", "Survives reloads and restarts"];

/** `start(demo)` takes the two accounts of a new demo, `enter(account)` one that has logged in or signed up. */
export function welcome({ start, enter }) {
  const problem = el("p.problem", { role: "alert" });
  const button = el("button.button.primary.big", icon("bubbles"), "Start demo");
  button.addEventListener("click", () => whileBusy(button, problem, async () => start(await inventDemo())));
  const pitch = el(
    "div.pitch",
    el("h1", "Where people who work together talk."),
    el(
      "p",
      "Greenroom is the messaging behind marketplaces. Meet a creator and a talent, side by side, " +
        "each on a live connection of their own.",
    ),
    button,
    problem,
    el(
      "ul",
      POINTS.map((point) => el("li", icon("check"), point)),
    ),
  );
  return el("div.welcome", pitch, el("div.entry", vignette(), card(loginForm(enter))));
}

/** A preview of the app. */
function vignette() {
  const line = (side, text) => el(`div.message.${side}.starts`, el("div.bubble", text));
  return el("div.vignette", { ariaHidden: "true" }, ...TALK.map(([side, text]) => line(side, text)));
}

/** Shown instead of a pane. `hint` is its account until the session ended. */
export function emptyPane(slot, enter, hint) {
  const form = loginForm(enter, { hint, userType: slot });
  if (hint) form.prepend(el("p.problem", `${hint.user.name} has been logged out.`));
  const node = el("section.pane.vacant", { ariaLabel: `Log in as ${slot}` }, card(form));
  node.dataset.slot = slot;
  return node;
}

export function card(content) {
  return el("div.card", content);
}
