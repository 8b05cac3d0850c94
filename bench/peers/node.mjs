// Socket.IO's own server with its Redis adapter, as its documentation says, serving the two events that the load client speaks,
// and an empty page.
// node node.mjs PORT REDIS_SOCKET
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, path] = process.argv.slice(2);
const publisher = createClient({ socket: { path } });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer((_request, response) => response.end("[]"));
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });
io.on("connection", (socket) => {
  socket.on("join:conversation", ({ conversationId }, ack) => {
    socket.join(conversationId);
    ack({});
  });
  socket.on("message:send", (message, ack) => {
    io.to(message.conversationId).emit("message:received", message);
    ack({});
  });
});
http.listen(Number(port), "127.0.0.1", 4096);
