// Opens a WebSocket with the `ws` package, which offers subprotocols; prints one JSON line: what was agreed and came first.
import { createRequire } from "node:module";

const [url, nodeModules, ...protocols] = process.argv.slice(2);
const { WebSocket } = createRequire(nodeModules + "/")("ws");
const websocket = new WebSocket(url, protocols);
const finish = (seen) => (console.log(JSON.stringify(seen)), process.exit(0));
websocket.on("error", (error) => finish({ error: error.message }));
websocket.on("message", (data) => finish({ protocol: websocket.protocol, first: String(data).slice(0, 2) }));
