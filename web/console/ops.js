/** An operator's calls and token, which is kept until the tab is closed. */
import { call, Failure } from "../api.js";
import { learnHubs } from "./parts.js";

const KEY = "greenroom.operator";

export function hasToken() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

/** Throws Failure. */
export function look(path) {
  return call("GET", `/ops/${path}`, undefined, sessionStorage.getItem(KEY));
}

/** Load something that contains hub ids, and refresh their names, because a hub may be new. Throws Failure. */
export async function lookOnHubs(path) {
  const [page] = await Promise.all([look(path), look("hubs").then(({ hubs }) => learnHubs(hubs), ignoreFailure)]);
  return page;
}

/** While Redis is away the names of hubs are unknown, but the page is still useful. */
function ignoreFailure(error) {
  if (!(error instanceof Failure)) throw error;
}

/** Throws Failure. */
export function act(path, body) {
  return call("POST", `/ops/${path}`, body, sessionStorage.getItem(KEY));
}
