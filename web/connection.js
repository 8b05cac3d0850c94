/** One user's socket: it reconnects by itself, with a new token if the old one has expired. */
import { Failure, unreachable } from "./api.js";

const ANSWER_MS = 10_000;
const RENEWABLE = new Set(["TOKEN_EXPIRED", "UNAUTHORIZED", "SESSION_ENDED"]);
const SHUT = ["ACCOUNT_PENDING", "ACCOUNT_SUSPENDED", "ACCOUNT_BANNED"];
const OVER = new Set(["INVALID_REFRESH_TOKEN", "SESSION_ENDED", ...SHUT]);

export class Connection {
  #socket;
  #refusals = 0;
  #retry;

  /** `listener`: online(), offline() and ended() are called when it happens; ended means: log in again. */
  constructor(api, listener) {
    this.api = api;
    this.listener = listener;
    // forceNew: two users on one page must not share a connection.
    this.#socket = io("/", { forceNew: true, auth: (give) => give({ token: (this.token = api.token) }) });
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("disconnect", (reason) => this.#disconnected(reason));
    this.#socket.on("connect_error", (error) => this.#refused(error));
    this.#socket.on("session:expiring", () => this.#extend());
  }

  get online() {
    return this.#socket.connected;
  }

  on(event, handler) {
    this.#socket.on(event, handler);
  }

  /** Call `watcher(direction, event, payload)` for every event, including answers. */
  watch(watcher) {
    this.#socket.onAny((event, payload) => watcher("in", event, payload));
    this.#socket.onAnyOutgoing((event, payload) => watcher("out", event, payload));
    this.watcher = watcher;
  }

  /** Send an event and return its answer. Throws Failure. */
  async ask(event, payload) {
    if (!this.online) throw unreachable();
    const answer = await this.#socket
      .timeout(ANSWER_MS)
      .emitWithAck(event, payload)
      .catch(() => this.#unanswered());
    this.watcher?.("answer", event, answer);
    if (answer?.error) throw new Failure(answer.error);
    return answer;
  }

  /** Send an event that may be lost, such as typing. */
  tell(event, payload) {
    if (this.online) this.#socket.volatile.emit(event, payload);
  }

  close() {
    clearTimeout(this.#retry);
    this.#socket.disconnect();
  }

  #unanswered() {
    if (!this.online) throw unreachable();
    throw new Failure({ code: "TIMEOUT", message: "No answer in time" });
  }

  #connected() {
    this.#refusals = 0;
    this.listener.online();
  }

  #disconnected(reason) {
    if (reason === "io client disconnect") return;
    this.listener.offline();
    if (reason === "io server disconnect") this.#retryLater(); // the only case in which the library does not reconnect
  }

  /** Continue with a new token, before the server closes the connection because the current one expires. */
  async #extend() {
    try {
      await this.api.renew(this.token);
      this.token = this.api.token;
      await this.ask("auth:refresh", { token: this.token });
    } catch (error) {
      if (!(error instanceof Failure)) throw error; // the connection is closed, and the reconnect renews the token
    }
  }

  async #refused(error) {
    this.listener.offline();
    if (this.#socket.active) return; // the library retries by itself
    const code = error.data?.error?.code;
    if (SHUT.includes(code)) return this.listener.ended();
    if (!RENEWABLE.has(code)) return this.#retryLater();
    try {
      await this.api.renew(this.token);
      this.#retryLater();
    } catch (problem) {
      if (OVER.has(problem.code)) this.listener.ended();
      else this.#retryLater();
    }
  }

  #retryLater() {
    const wait = Math.min(30_000, 500 * 2 ** this.#refusals++) * (0.5 + Math.random()); // jitter: not all clients at once
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#socket.connect(), wait);
  }
}
