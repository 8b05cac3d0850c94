// Talks to the `greeters` application with the official client; prints one JSON line: what it heard.
import { createRequire } from "node:module";

const [url, transports, nodeModules] = process.argv.slice(2);
const { io } = createRequire(nodeModules + "/")("socket.io-client");
const heard = {};
setTimeout(() => (console.log(JSON.stringify(heard)), process.exit(1)), 8000);
const options = { forceNew: true, reconnection: false };
if (transports !== "default") options.transports = transports.split(",");
const once = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));

const socket = io(url, { ...options, auth: { token: "right" } });
heard.welcome = await once(socket, "welcome");
if (transports === "default" && socket.io.engine.transport.name === "polling") await once(socket.io.engine, "upgrade");
heard.transport = socket.io.engine.transport.name;

const [size, blob] = await new Promise((resolve) => socket.emit("send", Buffer.from([1, 2, 3]), (...a) => resolve(a)));
heard.blob = [size, [...new Uint8Array(blob)]];
heard.big = await socket.timeout(5000).emitWithAck("send", "x".repeat(900_000));

socket.on("question", (a, b, answer) => answer(a + b));
socket.emit("ask");
heard.answered = await once(socket, "answered");

const other = socket.io.socket("/other");
heard.other = await once(other, "welcome");
heard.nowhere = (await once(socket.io.socket("/nowhere"), "connect_error"))[0].message;
const [wrong] = await once(io(url, { ...options, auth: { token: "wrong" } }), "connect_error");
heard.refused = [wrong.message, wrong.data];

other.emit("leave");
heard.left = (await once(other, "disconnect"))[0];
socket.emit("die");
heard.died = (await once(socket, "disconnect"))[0];
console.log(JSON.stringify(heard));
process.exit(0);
