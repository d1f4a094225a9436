// In: one JSON object as argument. Out: one JSON line for everything that the real JavaScript client sees.
//
// { url, transports, headers, auth, emit: [[event, data…]…] }; binary arguments are printed as {"binary": base64}.
// The program ends when the server disconnects it, refuses it, or says nothing for 60 seconds.
const { io } = require('socket.io-client');

const { url, transports = ['websocket'], headers = {}, auth, emit = [] } = JSON.parse(process.argv[2]);
const say = (what, more) => console.log(JSON.stringify({ what, ...more }));
const end = () => process.exit(0);
const printable = (value) =>
    Buffer.isBuffer(value) || value instanceof ArrayBuffer ? { binary: Buffer.from(value).toString('base64') } : value;

const socket = io(url, { transports, extraHeaders: headers, auth, reconnection: false });
socket.io.engine?.on('upgrade', (transport) => say('upgrade', { to: transport.name }));
socket.on('connect', () => {
    say('connect', { transport: socket.io.engine.transport.name });
    for (const args of emit) socket.emit(...args);
});
socket.onAny((event, ...args) => say('event', { event, args: args.map(printable) }));
socket.on('connect_error', (error) => { say('refused', { message: error.message }); end(); });
socket.on('disconnect', (reason) => { say('disconnect', { reason }); end(); });
setTimeout(() => { say('silence', {}); process.exit(1); }, 60000);
