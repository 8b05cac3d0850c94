// Two people talk with unmodified official clients: one with the default options (polling first), one by WebSocket only.
// Usage: node talk.mjs URL FOLDER-OF-SOCKET.IO-CLIENT ; prints what a later reader needs as one line of JSON.
import { createRequire } from "node:module";

const [url, folder] = process.argv.slice(2);
const { io } = createRequire(`${folder}/`)("socket.io-client");

async function rest(method, path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${url}/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

const signUp = (name, userType) =>
  rest("POST", "/auth/signup", { email: `${name}-${Date.now()}@example.com`, password: "SecurePass123!", name, userType });

function connect(account, options) {
  const socket = io(url, { auth: { token: account.accessToken }, forceNew: true, ...options });
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve(socket));
    socket.on("connect_error", reject);
  });
}

const heard = (socket, event) => new Promise((resolve) => socket.once(event, resolve));

const ann = await signUp("Ann", "creator");
const bob = await signUp("Bob", "talent");
const conversation = await rest("POST", "/conversations", { participantId: bob.user.id }, ann.accessToken);

const annSocket = await connect(ann, {});
const bobSocket = await connect(bob, { transports: ["websocket"] });
const room = { conversationId: conversation.id };
for (const [socket, account] of [[annSocket, ann], [bobSocket, bob]]) {
  await socket.emitWithAck("join:user", { userId: account.user.id });
  await socket.emitWithAck("join:conversation", room);
}

const typing = heard(bobSocket, "conversation:typing");
annSocket.emit("conversation:typing", { ...room, isTyping: true });
await typing;

const received = heard(bobSocket, "message:received");
const ack = await annSocket.emitWithAck("message:send", { ...room, content: "Hello from polling, then WebSocket" });
const { message } = await received;

const read = heard(annSocket, "conversation:read");
bobSocket.emit("conversation:read", { ...room, messageId: message.id });
const { lastReadSeq } = await read;

const answer = heard(annSocket, "message:received");
await bobSocket.emitWithAck("message:send", { ...room, content: "Hi!" });
await answer;

const big = "x".repeat(9_000);
await bobSocket.emitWithAck("message:send", { ...room, content: big });
const refused = await bobSocket.emitWithAck("message:send", { ...room, content: "" });

console.log(JSON.stringify({
  conversationId: conversation.id,
  token: ann.accessToken,
  ack,
  lastReadSeq,
  refused: refused.error.code,
  transports: [annSocket.io.engine.transport.name, bobSocket.io.engine.transport.name],
}));
annSocket.close();
bobSocket.close();
