/** The delivery trace of a message's last change: when and from where it reached each hub, and its writes to sockets. */
import { el } from "../dom.js";
import { slowOnes, standing } from "./conversation.js";
import { hubName } from "./parts.js";
import { after } from "./times.js";

const SOURCES = { own: "committed here", bus: "over the bus", log: "read from the log" };
const FORGOTTEN = "The conversation was opened there later, or 50,000 changes have passed through this hub since.";

export function traceColumns({ message, committedAt }) {
  return [
    ["Hub", ({ hub }) => hubName(hub)],
    ["Arrived", (one) => when(one.room.passage.arrivedAt, committedAt, one)],
    ["Source", ({ room }) => SOURCES[room.passage.way] ?? ""],
    ["Written", (one) => when(one.room.passage.writtenAt, committedAt, one)],
    ["To sockets", ({ room }) => String(room.passage.sockets ?? ""), "number"],
    ["Delivered up to", ({ room }) => (room.awake ? standing(room, message.version) : "not loaded: nobody has it open")],
    ["Slow", ({ room }) => slowOnes(room), "number"],
  ];
}

function when(moment, committedAt, { hasTold, room }) {
  if (moment) return after(moment, committedAt);
  return room.awake && !hasTold ? "not yet" : el("span", { title: FORGOTTEN }, "no longer known");
}
