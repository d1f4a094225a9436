"""send_audio.py CALL_ID RECORDING.wav: sends a call's audio (8 kHz, 16 bit, mono), as any platform can."""

import base64
import json
import os
import sys
import time
import wave

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

call_id, recording = sys.argv[1:]
url = os.environ["PEAKSTREAM_URL"].replace("http", "ws", 1) + "/twilio"

try:
    with wave.open(recording) as wav, connect(url) as carrier:
        carrier.send(json.dumps({"event": "start", "start": {"callSid": call_id}}))
        while audio := wav.readframes(160):  # 20 ms
            carrier.send(json.dumps({"event": "media", "media": {"payload": base64.b64encode(audio).decode()}}))
            time.sleep(0.02)
        carrier.send(json.dumps({"event": "stop"}))
        carrier.recv()  # The server sends nothing; it closes.
except ConnectionClosed as closed:
    print("audio: closed with", closed.rcvd.code, closed.rcvd.reason)
