// A Socket.IO server as its documentation shows it: one namespace, a token asked for, `initialize` answered. `statuses` tells
// every client one status each millisecond, and then what processor time that took (benches/src/signalling/emit.rs).
// And a WebSocket server that reads a carrier's media messages as ws shows it: /heard tells how many bytes of audio were in them
// (benches/src/ingest.rs). Prints its port, serves until it is ended.
const { createServer } = require("node:http");
const { Server } = require("socket.io");
const { WebSocketServer } = require("ws");

let bytes = 0;
const http = createServer((_, response) => response.end(JSON.stringify({ bytes })));
const io = new Server(http, { serveClient: false, perMessageDeflate: false, destroyUpgrade: false });
const carriers = new WebSocketServer({ noServer: true, perMessageDeflate: false });
carriers.on("connection", (call) => {
  call.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.event === "media") bytes += Buffer.from(message.media.payload, "base64").length;
  });
});
http.on("upgrade", (request, socket, head) => {
  if (request.url !== "/twilio") return;
  carriers.handleUpgrade(request, socket, head, (call) => carriers.emit("connection", call, request));
});
const namespace = io.of("/socket.io/register");
namespace.use((socket, next) => {
  const given = socket.handshake.headers.authorization || "";
  next(given.toLowerCase().startsWith("bearer ") ? undefined : new Error("Unauthorized"));
});
namespace.on("connection", (socket) => {
  socket.on("statuses", ({ rounds }) => {
    const members = [...namespace.sockets.values()];
    const begun = process.cpuUsage();
    let round = 0;
    const tick = setInterval(() => {
      if (round === rounds) {
        clearInterval(tick);
        const { user, system } = process.cpuUsage(begun);
        return members.forEach((member) => member.emit("done", { cpu_microseconds: user + system }, null));
      }
      for (const member of members) {
        const data = { event: "info-vad-status", content: "Voice activity detection percentage" };
        data.audio_seconds = (round % 1000) / 100;
        data.vad_percentage = round % 100;
        member.emit("info-vad-status", data, null);
      }
      round += 1;
    }, 1);
  });
  socket.on("initialize", (request) => {
    const data = { event: "info-consumer-ready", content: "ready", call_id: request?.metadata?.call_id };
    socket.emit("info-consumer-ready", data, null);
  });
});
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port, node: process.version })));
