/** Invents people, so that a demo starts with one click. */
import { call } from "./api.js";
import { keepAccount } from "./storage.js";

const FIRST = [
  "Mara",
  "Theo",
  "Noor",
  "Elif",
  "Jonas",
  "Amara",
  "Ravi",
  "Lucia",
  "Kofi",
  "Hana",
  "Milo",
  "Ines",
  "Sami",
  "Freya",
];
const LAST = [
  "Lindqvist",
  "Okafor",
  "Haddad",
  "Novak",
  "Tanaka",
  "Moreau",
  "Silva",
  "Iyer",
  "Brandt",
  "Rossi",
  "Quispe",
  "Doyle",
];
const LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** Sign up someone with a random name and a strong password, and remember both; returns the account. */
export async function inventPerson(userType, firstNames = FIRST) {
  const name = `${pick(firstNames)} ${pick(LAST)}`;
  const email = `${name.toLowerCase().replace(" ", ".")}.${randomText(6).toLowerCase()}@demo.example`;
  const password = `${randomText(20)}-aA7`; // one of each kind required by the password rules
  const account = await call("POST", "/api/auth/signup", { email, password, name, userType });
  keepAccount({ ...account, demoPassword: password });
  return account;
}

/** Accept the invitations of an invented person. */
export async function acceptInvitations({ accessToken }) {
  const { invitations } = await call("GET", "/api/invitations", null, accessToken);
  for (const { id } of invitations) await call("POST", `/api/invitations/${id}/accept`, null, accessToken);
}

/** A creator and a talent of different names who have a conversation; returns their accounts and its id. */
export async function inventDemo() {
  const half = FIRST.length / 2;
  const [creator, talent] = await Promise.all([
    inventPerson("creator", FIRST.slice(0, half)),
    inventPerson("talent", FIRST.slice(half)),
  ]);
  const { id } = await call("POST", "/api/conversations", { participantId: talent.user.id }, creator.accessToken);
  return { creator, talent, conversationId: id };
}

function pick(list) {
  return list[randomNumber() % list.length];
}

function randomText(length) {
  return Array.from({ length }, () => LETTERS[randomNumber() % LETTERS.length]).join("");
}

function randomNumber() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
