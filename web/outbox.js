/**
 * Messages that are written but not acknowledged. They survive a reload, are sent in their order, and arrive once:
 * a repeat with the same client id is answered by the server with the first one's place.
 */
import { explain } from "./api.js";
import { recallAll, remember } from "./storage.js";

const PAUSE_MS = 1500;

export class Outbox {
  #entries;
  #sending = false;

  /** `send(entry)` resolves with the answer; `delivered(entry, answer)`, `changed()`, `say(text)` tell what happens. */
  constructor(userId, { send, delivered, changed, say }) {
    this.userId = userId;
    Object.assign(this, { send, delivered, changed, say });
    this.#entries = recallAll(`outbox.${userId}.`).sort((one, other) => one.sentAt.localeCompare(other.sentAt));
  }

  of(conversationId) {
    return this.#entries.filter((entry) => entry.conversationId === conversationId);
  }

  /** Take in `{conversationId, content, replyTo, mentions}` for sending. */
  add(draft) {
    this.#keep({ ...draft, clientId: newClientId(), sentAt: new Date().toISOString() });
    this.flush();
  }

  retry(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (entry) this.#keep({ ...entry, problem: undefined });
    this.flush();
  }

  /** Take an entry out: it has arrived, or is given up. */
  drop(clientId) {
    this.#entries = this.#entries.filter((entry) => entry.clientId !== clientId);
    remember(this.#key(clientId), null);
    this.changed();
  }

  /** Send what waits, one after the other. Ends when all is sent or the connection is lost. */
  async flush() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let entry; (entry = this.#entries.find(({ problem }) => !problem));) await this.#deliver(entry);
    } catch (error) {
      if (error.code !== "UNREACHABLE") throw error; // else: flushed again when the connection is back
    } finally {
      this.#sending = false;
    }
  }

  async #deliver(entry) {
    try {
      this.delivered(entry, await this.send(entry));
      this.drop(entry.clientId);
    } catch (error) {
      if (error.code === "UNREACHABLE") throw error;
      // A bug of the server may hit the same message each time: whether to try again is for the user to say.
      const isHopeless = !error.isRetryable || error.code === "INTERNAL_ERROR";
      if (isHopeless) return this.#keep({ ...entry, problem: explain(error) });
      this.say(explain(error));
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
  }

  #keep(entry) {
    const place = this.#entries.findIndex(({ clientId }) => clientId === entry.clientId);
    this.#entries.splice(place < 0 ? this.#entries.length : place, 1, entry);
    remember(this.#key(entry.clientId), entry);
    this.changed();
  }

  #key(clientId) {
    // A key for each entry, so that two windows of one user do not overwrite each other's.
    return `outbox.${this.userId}.${clientId}`;
  }
}

function newClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12)); // unlike randomUUID, there on plain http too
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
