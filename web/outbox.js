/**
 * Messages that are written but not acknowledged. They survive a reload, are sent in their order, and arrive once:
 * the server answers a repeat with the same client id with the position of the first one.
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

  /** Queue `{conversationId, content, replyTo, mentions}` for sending. */
  add(draft) {
    this.#keep({ ...draft, clientId: newClientId(), sentAt: new Date().toISOString() });
    this.flush();
  }

  retry(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (entry) this.#keep({ ...entry, problem: undefined });
    this.flush();
  }

  /** Remove an entry that was delivered or discarded. */
  drop(clientId) {
    this.#entries = this.#entries.filter((entry) => entry.clientId !== clientId);
    remember(this.#key(clientId), null);
    this.changed();
  }

  /** Send pending messages one by one, until all are sent or the connection is lost. */
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
      // A server bug may affect this message each time: the user decides whether to retry.
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
    // One key per entry, so that two windows of one user do not overwrite each other's entries.
    return `outbox.${this.userId}.${clientId}`;
  }
}

function newClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12)); // unlike randomUUID, available on plain http too
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
