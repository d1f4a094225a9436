// A Socket.IO server as its documentation shows it: one namespace, a token asked for, `initialize` answered.
// Prints its port, serves until it is ended.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { serveClient: false, perMessageDeflate: false });
const namespace = io.of("/socket.io/register");
namespace.use((socket, next) => {
  const given = socket.handshake.headers.authorization || "";
  next(given.toLowerCase().startsWith("bearer ") ? undefined : new Error("Unauthorized"));
});
namespace.on("connection", (socket) => {
  socket.on("initialize", (request) => {
    const data = { event: "info-consumer-ready", content: "ready", call_id: request?.metadata?.call_id };
    socket.emit("info-consumer-ready", data, null);
  });
});
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port, node: process.version })));
