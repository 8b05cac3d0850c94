/** Dead jobs: their errors; retry or drop them. */
import { confirmation } from "../dialogs.js";
import { el } from "../dom.js";
import { whileBusy } from "../forms.js";
import { act, look } from "./ops.js";
import { badge, datedMoment, table } from "./parts.js";

export function jobsView() {
  const chosen = new Set();
  const list = el("div");
  const problem = el("p.problem", { role: "alert" });
  const retry = el("button.button.primary", { disabled: true }, "Try again");
  const drop = el("button.button", { disabled: true }, "Drop");
  const bar = el("div.bar", retry, drop, problem);
  const node = el("div.page", el("h1", "Dead jobs"), bar, list);
  const view = { title: "Dead jobs", node, seconds: 5, load: () => look("jobs") };

  const choose = () => {
    for (const [button, words] of [[retry, "Try again"], [drop, "Drop"]]) {
      button.disabled = !chosen.size;
      button.textContent = chosen.size ? `${words} (${chosen.size})` : words;
    }
  };
  view.draw = (state, again) => {
    view.again = again;
    const known = new Set(state.jobs.map(({ id }) => id));
    for (const id of chosen) if (!known.has(id)) chosen.delete(id);
    drawJobs(list, state, chosen, choose);
    bar.hidden = !state.jobs.length;
    choose();
  };
  const run = async (button, path, ...question) => {
    if (!(await confirmation(...question))) return;
    await whileBusy(button, problem, () => act(path, { ids: [...chosen] }));
    if (!problem.textContent) view.again();
  };
  const many = () => (chosen.size === 1 ? "this job" : `these ${chosen.size} jobs`);
  retry.onclick = () => run(retry, "jobs/retry", `Try ${many()} again?`, "A worker takes them within seconds.", "Try again");
  drop.onclick = () => run(drop, "jobs/drop", `Drop ${many()}?`, "What they were to do is never done.", "Drop");
  return view;
}

function drawJobs(list, { jobs, total }, chosen, changed) {
  const box = ({ id, name }) => {
    const node = el("input", { type: "checkbox", value: id, checked: chosen.has(id), ariaLabel: `Choose ${name}` });
    node.addEventListener("change", () => {
      if (node.checked) chosen.add(id);
      else chosen.delete(id);
      changed();
    });
    return node;
  };
  const columns = [
    ["Choose", box],
    ["Job", ({ name }) => el("b", name)],
    ["Error", ({ error }) => el("code.error", error), "wide"],
    ["Tries", ({ tries }) => String(tries), "number"],
    ["Failed", ({ failedAt }) => datedMoment(failedAt)],
    ["Arguments", argumentsOf, "wide"],
  ];
  const title = jobs.length < total ? `The oldest ${jobs.length} of ${total}` : "All";
  list.replaceChildren(table(title, columns, jobs, "No job is dead."));
}

function argumentsOf({ arguments: kept }) {
  return kept === null ? badge("Not kept", "none", "They held a secret: it cannot be tried again") : el("code", kept);
}
