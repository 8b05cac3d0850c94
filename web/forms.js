/** The forms for logging in, signing up and for a forgotten password. */
import { call, explain } from "./api.js";
import { el } from "./dom.js";

/** `enter(account)` takes the account; `hint` is one that fills the fields beforehand, `userType` what sign-up suggests. */
export function loginForm(enter, { hint, userType = "creator" } = {}) {
  const email = field("E-mail", { type: "email", autocomplete: "username", value: hint?.user.email ?? "" });
  const password = field("Password", {
    type: "password",
    autocomplete: "current-password",
    value: hint?.demoPassword ?? "",
  });
  const submit = async () => {
    enter(await call("POST", "/api/auth/login", { email: email.control.value, password: password.control.value }));
  };
  const node = form("Log in", "Log in", [email, password], submit);
  node.append(
    link("Forgot the password?", () => node.replaceWith(forgotForm(email.control.value, node))),
    link("No account yet? Sign up", () => node.replaceWith(signupForm(enter, userType, node))),
  );
  return node;
}

function signupForm(enter, userType, back) {
  const name = field("Name", { autocomplete: "name" });
  const email = field("E-mail", { type: "email", autocomplete: "username" });
  const password = field("Password", { type: "password", autocomplete: "new-password" });
  const role = choice("I am a", ["creator", "talent"], userType);
  const node = form("Sign up", "Sign up", [name, email, password, role], async () => {
    const [typed, address, secret, kind] = [name, email, password, role].map(({ control }) => control.value);
    enter(await call("POST", "/api/auth/signup", { name: typed, email: address, password: secret, userType: kind }));
  });
  node.append(link("Log in instead", () => node.replaceWith(back)));
  return node;
}

/** The form behind the link in a mail about a forgotten password; `done()` is called when it is changed. */
export function resetForm(token, done) {
  const password = field("New password", { type: "password", autocomplete: "new-password" });
  return form("Choose a new password", "Save", [password], async () => {
    await call("POST", "/api/auth/reset-password", { token, newPassword: password.control.value });
    done();
  });
}

/** The form behind the link in a mail to a new user: a button, because programs that look mails over follow links. */
export function verifyForm(token, done) {
  return form("Is this your e-mail address?", "Yes, it is mine", [], async () => {
    await call("POST", "/api/auth/verify-email", { token });
    done();
  });
}

/** The form behind the links in the mails about a change of e-mail; both mailboxes have to confirm it. */
export function confirmEmailForm(token, done) {
  const node = form("Is this change of e-mail yours?", "Yes, confirm it", [], async () => {
    const { changed } = await call("POST", "/api/auth/change-email/confirm", { token });
    if (changed) done();
    else node.replaceWith(el("p", { role: "status" }, "Confirmed. Now follow the link in the other address's mail."));
  });
  return node;
}

/** The form behind the link in the mail to the present address, for a change that its owner has not asked for. */
export function keepEmailForm(token, done) {
  return form("Keep your e-mail address?", "Yes, keep it", [], async () => {
    await call("POST", "/api/auth/change-email/cancel", { token });
    done();
  });
}

/** Run `action` while `button` cannot be pressed again; a failure is shown in `problem`. */
export async function whileBusy(button, problem, action) {
  button.disabled = true;
  problem.textContent = "";
  try {
    await action();
  } catch (error) {
    problem.textContent = explain(error);
  } finally {
    button.disabled = false;
  }
}

function forgotForm(address, back) {
  const email = field("E-mail", { type: "email", autocomplete: "username", value: address });
  const node = form("Forgot the password?", "Send a mail", [email], async () => {
    await call("POST", "/api/auth/forgot-password", { email: email.control.value });
    node.replaceWith(
      el("p", { role: "status" }, "If there is an account with this e-mail, a link is on its way to it."),
    );
  });
  node.append(link("Back", () => node.replaceWith(back)));
  return node;
}

function form(title, action, fields, submit) {
  const problem = el("p.problem", { role: "alert" });
  const button = el("button.button.primary.wide", { type: "submit" }, action);
  const node = el(
    "form.form",
    el("h2", title),
    fields.map((one) => one.row),
    problem,
    button,
  );
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(button, problem, submit);
  });
  return node;
}

function field(label, properties) {
  const control = el("input", { required: true, ...properties });
  return { control, row: el("label.field-row", label, control) };
}

function choice(label, values, chosen) {
  const options = values.map((value) => el("option", { value, selected: value === chosen }, value));
  const control = el("select", options);
  return { control, row: el("label.field-row", label, control) };
}

function link(text, onclick) {
  return el("button.link", { type: "button", onclick }, text);
}
