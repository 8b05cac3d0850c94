// Connects with the official client set to another parser; prints one JSON line: what its user is shown.
import { createRequire } from "node:module";

const [url, transport, parser, nodeModules] = process.argv.slice(2);
const require = createRequire(nodeModules + "/");
// The msgpack client is made for browsers only. What they have and Node has not:
globalThis.WebSocket = require("ws").WebSocket;
globalThis.XMLHttpRequest = require("xmlhttprequest-ssl").XMLHttpRequest;
globalThis.FileReader = class {
  async readAsDataURL(blob) {
    this.result = "data:;base64," + Buffer.from(await blob.arrayBuffer()).toString("base64");
    this.onload();
  }
};

class Decoder {
  add(packet) {
    if (typeof packet !== "string" || !packet.startsWith("{")) throw new Error("invalid format");
    this.listener(JSON.parse(packet));
  }
  on(_event, listener) {
    this.listener = listener;
  }
  off() {}
  destroy() {}
}
class Encoder {
  encode(packet) {
    return [JSON.stringify(packet)];
  }
}
// As cbor-x, which no server here could answer, would begin a packet: a map of text keys.
class Unknown extends Encoder {
  encode() {
    return [Uint8Array.from([0xa1, 0x64, 0x74, 0x79, 0x70, 0x65, 0x00])];
  }
}

const isMsgpack = parser === "msgpack";
const { io } = require(`${nodeModules}/socket.io-client/dist/socket.io.${isMsgpack ? "msgpack." : ""}min.js`);
const options = { transports: [transport], auth: { token: "right" }, reconnectionDelay: 10 };
if (parser === "json") options.parser = { Encoder, Decoder };
if (parser === "unknown") options.parser = { Encoder: Unknown, Decoder };
const socket = io(url, options);
const finish = (shown) => (console.log(JSON.stringify(shown)), process.exit(0));
setTimeout(() => finish("nothing"), 8000);
socket.on("connect_error", (error) => setTimeout(() => finish({ message: error.message, tries: socket.active }), 200));
socket.io.on("close", (_reason, details) => {
  if (details?.context?.code) finish({ code: details.context.code, reason: String(details.context.reason) });
});
