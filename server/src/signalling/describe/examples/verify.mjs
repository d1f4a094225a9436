// verify.mjs CALL_ID: verifies a caller with the credential of register.py, while send_audio.py sends the audio.
import { readFileSync } from "node:fs";
import { io } from "socket.io-client";

const base = process.env.PEAKSTREAM_URL;
const answer = await fetch(base + "/socket.io/oauth2/token", {
  method: "POST",
  body: new URLSearchParams({
    client_id: process.env.PEAKSTREAM_CLIENT_ID,
    client_secret: process.env.PEAKSTREAM_CLIENT_SECRET,
    grant_type: "client_credentials",
  }),
});
const { access_token } = await answer.json();
const socket = io(base + "/socket.io/verify", {
  path: "/socket.io/",
  transports: ["websocket"],
  auth: { token: access_token },
});
socket.onAny((event, data) => console.log(JSON.stringify(data)));
socket.on("connect_error", (refused) => console.log(refused.message));
socket.emit("initialize", {
  metadata: {
    audio_protocol: "twilio", audio_format: "raw", audio_codec: "pcm", sample_format: "s16le",
    sample_rate: "8000", channels: "1", call_id: process.argv[2],
  },
  verify_request: {
    credential: readFileSync("credential.txt", "utf8"),
    audio_total_duration: 3.0, authenticity_threshold: 0.8, score_threshold: 0.5,
  },
});
