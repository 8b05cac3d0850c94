/** The console: login, views, and polling every few seconds. The URL selects the view: `#/users/{id}`. */
import { Failure, explain } from "../api.js";
import { el } from "../dom.js";
import { conversationView } from "./conversation.js";
import { findView } from "./find.js";
import { hubsView } from "./hubs.js";
import { jobsView } from "./jobs.js";
import { loginView } from "./login.js";
import { forgetToken, hasToken, keepToken, look } from "./ops.js";
import { tick } from "./parts.js";
import { queueView } from "./queue.js";
import { reportsView } from "./reports.js";
import { statisticsView } from "./statistics.js";
import { traceView } from "./trace.js";
import { userView } from "./user.js";

const VIEWS = {
  hubs: hubsView,
  find: findView,
  users: userView,
  conversations: conversationView,
  messages: traceView,
  queue: queueView,
  statistics: statisticsView,
  reports: reportsView,
  jobs: jobsView,
};
const NAV_OF = { users: "find", conversations: "find", messages: "find", statistics: "queue" };

const stage = document.querySelector("#view");
const trouble = document.querySelector("#trouble");
const places = document.querySelector("#places");
const operator = document.querySelector("#operator");
const leave = document.querySelector("#leave");
let timer = 0;
let shown = 0; // number of the current view: late answers belong to an earlier one

/**
 * Show the view of the current URL. A view has a `node`, may `load` data and `draw` it, again every `seconds`; `last` is
 * the previous data, shown while nothing can be loaded.
 */
async function show() {
  clearTimeout(timer);
  const turn = ++shown;
  trouble.textContent = "";
  if (takeToken() || !hasToken()) return hasToken() ? enter() : ask();
  const [name, id, query] = location.hash.slice(2).split(/[/?]/);
  const place = Object.hasOwn(VIEWS, name) ? name : "hubs";
  mark(NAV_OF[place] ?? place);
  const view = VIEWS[place](id && decodeURIComponent(id), new URLSearchParams(query));
  document.title = `${view.title} · Greenroom console`;
  stage.replaceChildren(view.node);
  stage.scrollTop = 0;
  await refresh(view, turn);
}

async function refresh(view, turn) {
  clearTimeout(timer);
  try {
    const state = document.hidden && view.stamp ? null : await view.load();
    if (turn !== shown) return;
    if (state) redraw(view, state, () => refresh(view, turn));
    trouble.textContent = "";
  } catch (error) {
    if (turn !== shown) return;
    if (error.isRetryable && view.last && !view.stamp) redraw(view, view.last, () => refresh(view, turn));
    if (!complain(error, view)) return;
  }
  if (view.seconds) timer = setTimeout(() => refresh(view, turn), view.seconds * 1000);
}

/** Draw changes; the focus is kept, and so is a text selection while nothing changes. */
function redraw(view, state, again) {
  const stamp = JSON.stringify(state);
  if (stamp === view.stamp) return;
  view.stamp = stamp;
  const focused = pathTo(document.activeElement, view.node);
  view.draw(state, again);
  if (focused && !view.node.contains(document.activeElement)) at(view.node, focused)?.focus({ preventScroll: true });
}

function pathTo(node, root) {
  if (!root.contains(node) || node === root) return null;
  const path = [];
  for (let one = node; one !== root; one = one.parentNode) path.unshift([...one.parentNode.children].indexOf(one));
  return path;
}

function at(root, path) {
  return path.reduce((node, place) => node?.children[place], root);
}

/** Show an error; returns whether a retry may help. */
function complain(error, view) {
  const message = explain(error); // rethrows bugs
  if (error.code === "UNAUTHORIZED") {
    forgetToken();
    ask("This token is not known any more.");
    return false;
  }
  if (error.isRetryable) {
    const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
    trouble.textContent = `${sentence} ${view.stamp ? "What you see may be old; trying" : "Trying"} again.`;
    return true;
  }
  view.node.replaceChildren(el("p.empty", { role: "alert" }, message));
  return false;
}

/** A link may contain the token, like the one printed by `greenroom dev`. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  keepToken(token);
  history.replaceState(null, "", `${location.pathname}#/hubs`);
  return true;
}

async function enter() {
  try {
    operator.textContent = (await look("me")).name;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "UNAUTHORIZED") forgetToken();
    return ask(error.code === "UNAUTHORIZED" ? "This is no operator’s token." : explain(error));
  }
  for (const node of [places, operator, leave]) node.hidden = false;
  return show();
}

function ask(problem = "") {
  clearTimeout(timer);
  shown += 1;
  for (const node of [places, operator, leave]) node.hidden = true;
  document.title = "Log in · Greenroom console";
  const view = loginView(problem, (token) => {
    keepToken(token);
    enter();
  });
  stage.replaceChildren(view);
  view.querySelector("input").focus();
}

function mark(place) {
  for (const link of places.children) {
    if (link.hash === `#/${place}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

leave.addEventListener("click", () => {
  forgetToken();
  ask();
});
addEventListener("hashchange", () => {
  if (location.hash === "#view") return stage.focus();
  return show();
});

setInterval(() => tick(stage), 1000);

if (hasToken() && !location.hash.includes("token=")) enter();
else show();
