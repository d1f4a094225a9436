"""In: a call's bytes. Out: what a carrier does with them towards a Media Streams server, and how the server ended it.

Two dialects: `twilio` sends what real Twilio sends; `minimal` the documented subset, a `start` with only `callSid` and
`media` with only `payload`. A listening server never sends a message: one that does fails the call here.
"""

import base64
import contextlib
import json
import secrets
import time
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.audio import RATE
from support.server import SOON, reset

ENCODINGS = {"mulaw": "audio/x-mulaw", "alaw": "audio/x-alaw", "l16": "audio/x-l16", "l16be": "audio/x-l16"}


@dataclass(frozen=True)
class End:
    """How a connection ended."""

    code: int
    reason: str
    by_server: bool


def sid(prefix):
    return prefix + secrets.token_hex(16)


class Carrier:
    """One audio connection."""

    def __init__(self, server, call_id, dialect="twilio", codec="mulaw", rate=RATE, headers=None):
        self.call_id, self.minimal, self.codec, self.rate = call_id, dialect == "minimal", codec, rate
        self.server = server
        self.stream_sid, self.account_sid = sid("MZ"), sid("AC")
        self.sequence = self.chunk = 0
        #: Bytes of audio sent, and when: (bytes so far, monotonic time just before it was sent) of each message.
        self.sent = []
        self.bytes_sent = 0
        self._open = contextlib.ExitStack()
        connection = connect(server.audio_url, additional_headers=headers, open_timeout=SOON, close_timeout=SOON)
        self.socket = self._open.enter_context(connection)

    # ---- messages, as dictionaries

    def start_message(self, **other):
        start = {"callSid": self.call_id}
        if not self.minimal:
            start |= {
                "streamSid": self.stream_sid,
                "accountSid": self.account_sid,
                "tracks": ["inbound"],
                "customParameters": {},
                "mediaFormat": {"encoding": ENCODINGS[self.codec], "sampleRate": self.rate, "channels": 1},
            }
        start |= other
        return self._numbered({"event": "start", "start": {k: v for k, v in start.items() if v is not None}})

    def media_message(self, payload, timestamp=None):
        self.chunk += 1
        media = {"payload": base64.b64encode(payload).decode()}
        if not self.minimal:
            media |= {"track": "inbound", "chunk": str(self.chunk), "timestamp": str(timestamp or 0)}
        return self._numbered({"event": "media", "media": media})

    def stop_message(self):
        stop = {"accountSid": self.account_sid, "callSid": self.call_id}
        return self._numbered({"event": "stop", "stop": stop})

    def _numbered(self, message):
        if self.minimal:
            return message
        self.sequence += 1
        return {**message, "sequenceNumber": str(self.sequence), "streamSid": self.stream_sid}

    # ---- sending

    def send(self, message):
        """A message: a dictionary, or text or bytes as they are."""
        self.socket.send(json.dumps(message, separators=(",", ":")) if isinstance(message, dict) else message)

    def start(self):
        if not self.minimal:
            self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self.send(self.start_message())
        return self

    def pieces(self, audio, chunk_ms=20):
        """`(milliseconds since the start, payload)` of each message; whole chunks, as on the real wire."""
        step = int(self.bytes_per_second * chunk_ms / 1000)
        for number in range(len(audio) // step):
            yield number * chunk_ms, audio[number * step : (number + 1) * step]

    @property
    def bytes_per_second(self):
        return self.rate * (2 if self.codec.startswith("l16") else 1)

    def send_audio(self, payload, timestamp=None):
        message, now = self.media_message(payload, timestamp), time.monotonic()
        self.send(message)
        self.bytes_sent += len(payload)
        self.sent.append((self.bytes_sent, now))

    def play(self, audio, speed=1.0, chunk_ms=20, at=None, lose=(), swap_every=0):
        """Sends `audio`, `speed` times faster than real time (0: unpaced), until its end or the server's close.

        `at`: `(second, what to do then)`. `lose`: `(second, length)` of audio that is lost before the carrier: nothing
        is sent, and the timestamps jump. `swap_every`: of every so many messages, one is sent after its successor.
        Returns how the connection ended, or None if it is still open.
        """
        begun, held = time.monotonic(), None
        self.server.heard(audio[RATE : 2 * RATE])
        try:
            for number, (timestamp, payload) in enumerate(self.pieces(audio, chunk_ms)):
                if at and timestamp >= at[0] * 1000:
                    at[1](self)
                    at = None
                if any(second * 1000 <= timestamp < (second + length) * 1000 for second, length in lose):
                    continue
                self._wait_until(begun + timestamp / 1000 / speed if speed else begun)
                message = self.media_message(payload, timestamp)
                if swap_every and number and number % swap_every == 0 and held is None:
                    held = message
                    continue
                now = time.monotonic()
                self.send(message)
                if held is not None:
                    self.send(held)
                    held = None
                self.bytes_sent += len(payload)
                self.sent.append((self.bytes_sent, now))
        except ConnectionClosed as closed:
            return ended(closed)
        return None

    def _wait_until(self, due):
        """Waits for the time, or raises when the server closes; a message from the server is an error."""
        left = due - time.monotonic()
        if left <= 0:
            return
        try:
            message = self.socket.recv(timeout=left)
        except TimeoutError:
            return
        raise AssertionError(f"a listening server sent {message!r}")

    # ---- the end

    def stop(self):
        """The carrier's own end of the stream. Returns how the connection ended."""
        try:
            self.send(self.stop_message())
        except ConnectionClosed as closed:
            return ended(closed)
        return self.end()

    def end(self, within=SOON):
        """Waits for the server to close."""
        try:
            message = self.socket.recv(timeout=within)
        except ConnectionClosed as closed:
            return ended(closed)
        except TimeoutError:
            raise AssertionError(f"the server did not close within {within} s") from None
        raise AssertionError(f"a listening server sent {message!r}")

    def close(self):
        """A proper close by the carrier, without stop."""
        self._open.close()

    def drop(self):
        """The connection breaks: a TCP reset, no closing handshake; nothing, if the server has ended it before."""
        reset(self.socket.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ended(closed):
    """How the library tells of an end."""
    frame = closed.rcvd
    return End(frame.code if frame else 1006, frame.reason if frame else "", closed.rcvd_then_sent is not False)

