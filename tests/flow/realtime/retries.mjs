// A stock official client with `retries`. Usage: node retries.mjs URL TOKEN ROOMS OPTIONS FOLDER
// Speaks with the test by lines: reads [event, payload], or a URL for the next connection; prints what happens.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [url, token, rooms, options, folder] = process.argv.slice(2);
const { io } = createRequire(`${folder}/`)("socket.io-client");
const say = (what) => console.log(JSON.stringify(what));

const socket = io(url, { auth: { token }, transports: ["websocket"], reconnectionDelay: 10, ...JSON.parse(options) });
socket.on("error", ({ event, error }) => say({ error: error.code, event }));
socket.on("disconnect", () => say({ lost: true }));
socket.on("connect", () => say({ connected: true, recovered: socket.recovered }));
socket.onAnyOutgoing((event) => say({ sent: event }));
for (const conversationId of rooms.split(",").filter(Boolean)) socket.emit("join:conversation", { conversationId });

for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    if (typeof asked === "string") socket.io.uri = asked;
    else
        socket.emit(...asked, (problem, answer) =>
            say(problem ? { problem: problem.message } : { answer: answer.error?.code ?? "done", seq: answer.seq ?? null }),
        );
}
process.exit(0);
