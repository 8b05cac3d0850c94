/** Local storage: accounts, panes, unsent messages and drafts. */
const PREFIX = "greenroom.";

export const SLOTS = ["creator", "talent"];

export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key));
  } catch {
    return null; // not ours, or damaged: treated as missing
  }
}

export function remember(key, value) {
  if (value == null || value === "") localStorage.removeItem(PREFIX + key);
  else localStorage.setItem(PREFIX + key, JSON.stringify(value));
}

/** All values whose key starts with `prefix`. */
export function recallAll(prefix) {
  return keysOf(prefix).map(recall).filter(Boolean);
}

export function accountById(userId) {
  return recall(`account.${userId}`);
}

export function accountIn(slot) {
  return accountById(recall(`pane.${slot}`));
}

/** Keep an account, or the new tokens of one that is known. */
export function keepAccount(account) {
  remember(`account.${account.user.id}`, { ...accountById(account.user.id), ...account });
}

export function seat(slot, userId) {
  remember(`pane.${slot}`, userId);
}

/** Delete a user with all their data, on logout. */
export function forgetUser(userId) {
  for (const slot of SLOTS) if (recall(`pane.${slot}`) === userId) seat(slot, null);
  for (const kind of ["outbox", "draft", "open"]) for (const key of keysOf(`${kind}.${userId}`)) remember(key, null);
  remember(`account.${userId}`, null);
}

function keysOf(prefix) {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(PREFIX + prefix))
    .map((key) => key.slice(PREFIX.length));
}
