/** The calls of an operator, and the token that they are made with: kept for as long as the tab is open. */
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

/** Look at what names hubs, and learn what they are called: a hub may have come up since. Throws Failure. */
export async function lookOnHubs(path) {
  const [page] = await Promise.all([look(path), look("hubs").then(({ hubs }) => learnHubs(hubs), ignoreFailure)]);
  return page;
}

/** While Redis is away nobody says what hubs are called, and the page is worth seeing nevertheless. */
function ignoreFailure(error) {
  if (!(error instanceof Failure)) throw error;
}

/** Throws Failure. */
export function act(path, body) {
  return call("POST", `/ops/${path}`, body, sessionStorage.getItem(KEY));
}
