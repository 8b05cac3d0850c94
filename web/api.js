/** The REST side: calls, errors, and the tokens of one account. */
import { accountById, keepAccount } from "./storage.js";

/** A call that did not work. `code` is the server's, or UNREACHABLE or TIMEOUT; `details` name fields of the input. */
export class Failure extends Error {
  constructor({ code, message, details = [] }) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get isRetryable() {
    return ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL_ERROR", "UNREACHABLE", "TIMEOUT"].includes(this.code);
  }
}

export function unreachable() {
  return new Failure({ code: "UNREACHABLE", message: "The server cannot be reached right now." });
}

const WORDS = {
  RATE_LIMITED: "That was a lot at once. Give it a few seconds.",
  TIMEOUT: "The server takes its time. Trying again.",
  SAME_USER_TYPE: "A direct conversation is between a creator and a talent. Make it a group instead.",
  USER_NOT_FOUND: "Nobody has this ID.",
  EMAIL_EXISTS: "There is an account with this e-mail already. Log in instead?",
  INVALID_CREDENTIALS: "This e-mail and password do not belong together.",
  INVALID_REFRESH_TOKEN: "You have been logged out.",
  INVALID_RESET_TOKEN: "This link has been used or is too old. Ask for a new one.",
  INVALID_VERIFICATION_TOKEN: "This link has been used, cancelled, or is too old.",
  INVITATION_NOT_FOUND: "This invitation is not open any more.",
  INTERNAL_ERROR: "Something went wrong on our side. Please try again.",
};

/** Return a message for the user about a failure; any other error is a bug and is rethrown. */
export function explain(error) {
  if (!(error instanceof Failure)) throw error;
  if (WORDS[error.code]) return WORDS[error.code];
  const details = error.details.map(({ field, message }) => `${field}: ${message}`);
  return details.length ? details.join(" · ") : error.message;
}

/** Call an endpoint; returns its JSON, or null for an empty answer. Throws Failure. */
export async function call(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response, text;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    text = await response.text();
  } catch {
    throw unreachable();
  }
  return answerOf(response, text);
}

function answerOf(response, text) {
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw unreachable(); // a proxy's page instead of our answer
  }
  if (response.ok) return answer;
  throw answer?.error ? new Failure(answer.error) : unreachable();
}

/** The calls of one signed-in user. An expired access token is renewed once, transparently. */
export class Api {
  #renewal = null;

  constructor(userId) {
    this.userId = userId;
  }

  get token() {
    return accountById(this.userId)?.accessToken;
  }

  async call(method, path, body) {
    const token = this.token;
    try {
      return await call(method, path, body, token);
    } catch (error) {
      if (!["TOKEN_EXPIRED", "UNAUTHORIZED"].includes(error.code)) throw error;
      await this.renew(token);
      return call(method, path, body, this.token);
    }
  }

  /** Replace `token` by a new one, unless another window has done so. Throws Failure. */
  renew(token) {
    this.#renewal ??= this.#renew(token).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renew(token) {
    const account = accountById(this.userId);
    if (!account) throw new Failure({ code: "SESSION_ENDED", message: "You are logged out." });
    if (account.accessToken !== token) return;
    const fresh = await call("POST", "/api/auth/refresh", { refreshToken: account.refreshToken });
    keepAccount({ user: account.user, ...fresh });
  }
}
