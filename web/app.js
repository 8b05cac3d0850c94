/** The page: which account is in which pane, and which pane is in front. `/?as=creator` shows one pane only. */
import { el, reconcile } from "./dom.js";
import { confirmEmailForm, keepEmailForm, loginForm, resetForm, verifyForm } from "./forms.js";
import { Pane } from "./pane.js";
import { SLOTS, accountIn, keepAccount, remember, seat } from "./storage.js";
import { card, emptyPane, welcome } from "./welcome.js";

// The forms behind links in mails, by the prefix of the token.
const MAILED = { reset: resetForm, verify: verifyForm, email: confirmEmailForm, "keep-email": keepEmailForm };
const stage = document.querySelector("#stage");
const tabs = document.querySelector("#tabs");
const asked = new URLSearchParams(location.search).get("as");
const slots = SLOTS.includes(asked) ? [asked] : SLOTS;
const panes = new Map(); // slot -> Pane
let front = slots[0]; // the pane that the user used last; on a phone, the one in view

const page = {
  isAttended(pane) {
    return document.visibilityState === "visible" && document.hasFocus() && front === pane.slot && pane.isInView;
  },
  seat(slot, account) {
    keepAccount(account);
    seat(slot, account.user.id);
    draw();
  },
  /** Clear a pane; `hint` is the account that has to log in again. */
  leave(slot, hint) {
    seat(slot, null);
    draw({ [slot]: hint });
  },
  count() {
    const unread = [...panes.values()].reduce((sum, { session }) => sum + session.unread, 0);
    document.title = unread ? `(${unread}) Greenroom` : "Greenroom";
  },
};

/** Show the accounts in their panes; `hints` has the last accounts of empty panes. */
function draw(hints = {}) {
  const accounts = new Map(slots.map((slot) => [slot, accountIn(slot)]));
  for (const [slot, pane] of panes) if (accounts.get(slot)?.user.id !== pane.account.user.id) close(slot);
  const isWelcome = slots.every((slot) => !accounts.get(slot));
  stage.classList.toggle("single", isWelcome || slots.length === 1);
  reconcile(stage, isWelcome ? ["welcome"] : slots, {
    key: (place) => `${place} ${accounts.get(place)?.user.id}`,
    create: (place) => (isWelcome ? welcome({ start, enter: admit }) : sit(place, accounts.get(place), hints[place])),
    update: () => {},
  });
  drawTabs(isWelcome ? [] : slots, accounts);
}

function sit(slot, account, hint) {
  if (!account) return emptyPane(slot, (newcomer) => page.seat(slot, newcomer), hint);
  panes.set(slot, new Pane(slot, account, page));
  return panes.get(slot).node;
}

function close(slot) {
  panes.get(slot).close();
  panes.delete(slot);
}

function start(demo) {
  for (const slot of SLOTS) {
    const { id } = demo[slot].user;
    seat(slot, id);
    remember(`open.${id}`, demo.conversationId);
  }
  draw();
}

function admit(account) {
  page.seat(slots.includes(account.user.userType) ? account.user.userType : slots[0], account);
}

/** On a narrow screen the panes lie behind one another, and tabs choose the one in front. */
function drawTabs(shown, accounts) {
  tabs.hidden = shown.length < 2;
  tabs.replaceChildren(
    ...shown.map((slot) => {
      const name = accounts.get(slot)?.user.name.split(" ")[0] ?? "Log in";
      return el("button", { onclick: () => bringToFront(slot) }, name);
    }),
  );
  bringToFront(front);
}

function bringToFront(slot) {
  front = slot;
  stage.dataset.front = slot;
  [...tabs.children].forEach((tab, index) => tab.setAttribute("aria-current", String(slots[index] === slot)));
  lookAgain();
}

function lookAgain() {
  panes.forEach(({ session }) => session.changed()); // messages in view count as read
}

function enter() {
  const codes = new URLSearchParams(location.hash.slice(1));
  const [name] = codes.keys();
  if (Object.hasOwn(MAILED, name)) showMailed(MAILED[name], codes.get(name));
  else draw();
}

/** Show the form behind a mailed link. */
function showMailed(makeForm, token) {
  history.replaceState(null, "", location.pathname + location.search); // keep the one-time token out of the history
  const toLogin = () => stage.replaceChildren(card(loginForm(admit)));
  stage.classList.add("single");
  stage.replaceChildren(card(makeForm(token, toLogin)));
}

for (const event of ["focusin", "pointerdown"]) {
  stage.addEventListener(event, ({ target }) => {
    const slot = target.closest(".pane")?.dataset.slot;
    if (slot && slot !== front) bringToFront(slot);
  });
}
addEventListener("focus", lookAgain);
document.addEventListener("visibilitychange", lookAgain);
addEventListener("storage", ({ key }) => {
  if (key?.startsWith("greenroom.pane.")) draw(); // another window has changed an account
});

addEventListener("hashchange", enter);
enter();
