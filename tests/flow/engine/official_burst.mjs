// Buffers many events while it connects, as official clients do; prints one JSON line: how many were answered, and why it left.
import { createRequire } from "node:module";

const [url, transport, count, nodeModules] = process.argv.slice(2);
const { io } = createRequire(nodeModules + "/")("socket.io-client");
const socket = io(url, { transports: [transport], reconnection: false, auth: { token: "right" } });
let left = null;
socket.on("disconnect", (reason) => (left = reason));
let answered = 0;
const all = Array.from({ length: Number(count) }, () => socket.emitWithAck("send", "hello").then(() => answered++));
await Promise.all(all);
console.log(JSON.stringify({ answered, left }));
process.exit(0);
