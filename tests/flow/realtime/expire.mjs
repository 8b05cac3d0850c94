// A stock official client whose `auth` is a function. Usage: node expire.mjs URL FIRST_TOKEN SECOND_TOKEN TRANSPORT FOLDER
import { createRequire } from "node:module";

const [url, first, second, transport, folder] = process.argv.slice(2);
const { io } = createRequire(`${folder}/`)("socket.io-client");
const say = (what) => console.log(JSON.stringify(what));
const tokens = [first, second];

const socket = io(url, { auth: (give) => give({ token: tokens.shift() }), transports: [transport], reconnectionDelay: 10 });
let connects = 0;
socket.on("session:expiring", () => say({ event: "session:expiring" }));
socket.on("disconnect", (reason) => say({ event: "disconnect", reason }));
socket.on("connect", () => {
    say({ event: "connect" });
    connects += 1;
    if (connects === 2) process.exit(0);
});
socket.on("connect_error", (error) => say({ event: "connect_error", reason: error.message }));
