// A stock official client loses its connection and comes back to another hub. Usage: node recover.mjs URL1 URL2 TOKEN ROOM MARKET FOLDER
// Speaks with the test by lines: prints what it saw, reads when to go on.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [first, second, token, conversationId, market, folder] = process.argv.slice(2);
const { io } = createRequire(`${folder}/`)("socket.io-client");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => console.log(JSON.stringify(what));

const { namespace, received, said, joining } = {
  onswift: {
    namespace: "/",
    received: "message:received",
    said: ({ message }) => message.content,
    joining: (conversationId) => ({ conversationId }),
  },
  bazaar: {
    namespace: "/chat",
    received: "message:new",
    said: (message) => message.content,
    joining: (conversation_id) => ({ conversation_id }),
  },
}[market];
const socket = io(first + namespace, { auth: { token }, transports: ["websocket"], reconnectionDelay: 10 });
const seen = [];
socket.on(received, (payload) => seen.push(said(payload)));
const connected = () => new Promise((resolve) => socket.once("connect", resolve));

await connected();
for (const id of conversationId.split(",")) await socket.emitWithAck("join:conversation", joining(id));
say({ recovered: socket.recovered });

const expected = JSON.parse((await lines.next()).value); // what is heard meanwhile
const isDrained = expected.at(-1) === "drain"; // the hub sends the client away
if (isDrained) expected.pop();
while (seen.length < expected.length) await new Promise((resolve) => setTimeout(resolve, 10));
await new Promise((resolve) => setTimeout(resolve, 0)); // the offset follows in the same write
socket.io.uri = second; // where the next attempt goes
const gone = new Promise((resolve) => socket.once("disconnect", resolve));
say({ seen });
if (!isDrained) socket.io.engine.close(); // as when the network goes
await gone;
say({ lost: true });

await lines.next();
if (!socket.connected) await connected();
say({ recovered: socket.recovered });
const wanted = JSON.parse((await lines.next()).value);
while (!wanted.every((content) => seen.includes(content))) await new Promise((resolve) => setTimeout(resolve, 10));
say({ seen });
socket.close();
process.exit(0);
