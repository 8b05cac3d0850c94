/** Whether all hubs have answered: otherwise nobody can be called offline. */
import { el } from "../dom.js";
import { unheardNote } from "./parts.js";

/** A note that the view may be incomplete, or nothing. */
export function heardNote({ unheard, heardAll }) {
  if (heardAll || unheard.length) return unheardNote(unheard);
  return el("p.note", { role: "status" }, "The first Redis does not say which hubs there are: what is on others than those that answered is not shown.");
}
