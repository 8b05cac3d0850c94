/** The calls of an operator, and the token that they are made with: kept for as long as the tab is open. */
import { call } from "../api.js";

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

/** Throws Failure. */
export function act(path, body) {
  return call("POST", `/ops/${path}`, body, sessionStorage.getItem(KEY));
}
