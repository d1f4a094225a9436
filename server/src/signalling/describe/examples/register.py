"""register.py CALL_ID: registers a caller over Socket.IO, while send_audio.py sends the audio."""

import os
import sys

import requests
import socketio

base, call_id = os.environ["PEAKSTREAM_URL"], sys.argv[1]
answer = requests.post(base + "/socket.io/oauth2/token", timeout=10, data={
    "client_id": os.environ["PEAKSTREAM_CLIENT_ID"],
    "client_secret": os.environ["PEAKSTREAM_CLIENT_SECRET"],
    "grant_type": "client_credentials",
})
token = answer.json()
sio = socketio.Client()


@sio.on("*", namespace="/socket.io/register")
def catch_all(event, data, collected_audio):
    print(data, flush=True)  # After info-consumer-ready the audio may come.
    if event == "result-success":
        with open("credential.txt", "w") as credential, open("speech.wav", "wb") as speech:
            credential.write(data["credential"])
            speech.write(collected_audio)


sio.connect(
    base + "/socket.io",
    socketio_path="/socket.io",
    headers={"Authorization": f"{token['token_type']} {token['access_token']}"},
    namespaces=["/socket.io/register"],
    transports=["websocket"],
)
sio.emit("initialize", namespace="/socket.io/register", data={
    "metadata": {
        "audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "pcm", "sample_format": "s16le",
        "sample_rate": "8000", "channels": "1", "call_id": call_id,
    },
    "register_request": {"audio_total_duration": 3.0, "authenticity_threshold": 0.8},
})
sio.wait()  # Until the server disconnects, after the result.
