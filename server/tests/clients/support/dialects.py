"""In: a call's bytes. Out: what each carrier but Twilio does with them, message by message.

A carrier is a beginning (text), a way to send audio, an end, the address it connects to, and a format; `speaking` gives
it another of its formats. Names and values are those of the carrier's own documentation; addresses, accounts and
telephone numbers are made up.
"""

import base64
import contextlib
import json
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support import audio, codecs
from support.carrier import ended, sid
from support.server import SOON

NUMBERS = {"from": "+15083084809", "to": "+15088084809"}
#: Codecs that come in packets, and FFmpeg's names of their encoders.
PACKETS = {"g722": "g722", "opus": "libopus"}


class Wire:
    """One connection: text and binary messages, and how it ended."""

    query = ""
    subprotocols = None
    headers = None
    codec, rate, stereo = "mulaw", audio.RATE, False
    #: Whether the carrier says what its bytes are. Where it does not, signalling must.
    announces = True

    def __init__(self, server, call_id, path=""):
        self.server, self.call_id, self.count = server, call_id, 0
        server.private.update(NUMBERS.values())
        self._open = contextlib.ExitStack()
        query = f"?{self.query.format(call_id=call_id)}" if self.query else ""
        how = {"subprotocols": self.subprotocols, "additional_headers": self._headers()}
        connection = connect(server.audio_url + path + query, open_timeout=SOON, close_timeout=SOON, **how)
        self.socket = self._open.enter_context(connection)

    def _headers(self):
        return {name: value.format(call_id=self.call_id) for name, value in (self.headers or {}).items()}

    def send(self, message):
        self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def start(self):
        """Everything before the first audio."""

    @classmethod
    def agreed(cls):
        """What signalling declares: what the carrier announces holds, so a telephone call, unless it announces nothing."""
        if cls.announces or cls.codec == "mulaw":
            return {}
        return {"audio_codec": "pcm", "sample_rate": cls.rate, "channels": 2 if cls.stereo else 1}

    def sound(self, pcm):
        """Samples at 8 kHz as this carrier sends them."""
        pcm = codecs.at_rate(pcm, self.rate)
        if self.stereo:
            # The other side talks as well: somebody else, backwards.
            other = codecs.at_rate(audio.samples(audio.files("other")[0])[::-1], self.rate)
            pcm = [sample for pair in zip(pcm, other) for sample in pair]
        return audio.encode(pcm, self.codec)

    def payloads(self, pcm, chunk_ms=100):
        """The same, message by message."""
        if self.codec in PACKETS:
            # G.722 is cut like samples; an Opus packet is a message.
            return codecs.packets(codecs.at_rate(pcm, self.rate), PACKETS[self.codec], self.rate)
        sound, frame = self.sound(pcm), (2 if self.codec == "l16" else 1) * (2 if self.stereo else 1)
        step = self.rate * chunk_ms // 1000 * frame
        return [sound[begin : begin + step] for begin in range(0, len(sound), step)]

    def play(self, pcm, chunk_ms=100, speed=0):
        """Sends all of it, unpaced unless told otherwise; returns how the server ended the connection, or None."""
        begun, payloads = time.monotonic(), self.payloads(pcm, chunk_ms)
        self.server.heard(payloads[len(payloads) // 2])
        try:
            for number, payload in enumerate(payloads):
                if speed:
                    time.sleep(max(0, begun + number * chunk_ms / 1000 / speed - time.monotonic()))
                self.send_audio(payload)
        except ConnectionClosed as closed:
            return ended(closed)
        return None

    def send_audio(self, payload):
        self.send(payload)

    def stop(self):
        """The carrier's own end of a stream; for many it is just the end of the connection."""
        self._open.close()

    def end(self, within=SOON):
        """Waits for the server to close; a message from it is an error."""
        try:
            message = self.socket.recv(timeout=within)
        except ConnectionClosed as closed:
            return ended(closed)
        raise AssertionError(f"a listening server sent {message!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()


class Base64(Wire):
    """Carriers that put audio into JSON."""

    def media(self, payload):
        raise NotImplementedError

    def send_audio(self, payload):
        self.count += 1
        self.send(self.media(base64.b64encode(payload).decode()))


class Telnyx(Base64):
    stream = "32de0dea-53cb-4b21-89a4-9e1819c043bc"
    codec = "alaw"
    encodings = {"mulaw": "PCMU", "alaw": "PCMA", "l16": "L16", "g722": "G722", "opus": "OPUS"}

    def start(self):
        self.send({"event": "connected", "version": "1.0.0"})
        call = {"user_id": "u", "call_control_id": self.call_id, "call_session_id": "s", "client_state": "aGk="} | NUMBERS
        call["media_format"] = {"encoding": self.encodings[self.codec], "sample_rate": self.rate, "channels": 1}
        self.send({"event": "start", "sequence_number": "1", "start": call, "stream_id": self.stream})

    def media(self, payload):
        media = {"track": "inbound", "chunk": str(self.count), "timestamp": str(self.count * 100 - 100), "payload": payload}
        number = str(self.count + 1)
        return {"event": "media", "sequence_number": number, "media": media, "stream_id": self.stream}

    def stop(self):
        self.send({"event": "stop", "sequence_number": str(self.count + 2), "stop": {}, "stream_id": self.stream})


class SignalWire(Base64):
    # `codec="L16@24000h"` in its `<Stream>`: 24 kHz, high quality.
    stream, codec, rate = "4ee1fa4a-4a4c-4b0a-8f0c-1c7c7d4f6b11", "l16", 24000
    encodings = {"mulaw": "audio/x-mulaw", "alaw": "audio/x-alaw", "l16": "audio/x-L16", "g722": "audio/x-G722"}

    def start(self):
        self.send({"event": "connected", "protocol": "Call", "version": "0.2.0"})
        format = {"encoding": self.encodings[self.codec], "sampleRate": self.rate, "channels": 1}
        call = {"streamSid": self.stream, "accountSid": "b08dacad-c6ec-4d3c-9b5e-7f5c1d8a1e10", "callSid": self.call_id}
        call |= {"tracks": ["inbound"], "customParameters": {}, "mediaFormat": format}
        self.send({"event": "start", "sequenceNumber": "1", "streamSid": self.stream, "start": call})

    def media(self, payload):
        media = {"track": "inbound", "chunk": str(self.count), "timestamp": str(self.count * 100 - 100), "payload": payload}
        return {"event": "media", "sequenceNumber": str(self.count + 1), "streamSid": self.stream, "media": media}


class Plivo(Base64):
    stream, codec, rate = "20170b0f-7d1e-4f1e-8f4a-0a4f1b0a7b11", "l16", 16000
    encodings = {"mulaw": "audio/x-mulaw", "l16": "audio/x-l16"}

    def start(self):
        call = {"callId": self.call_id, "streamId": self.stream, "accountId": "MAXXXXXXXXXXXXXXXXXX", "tracks": ["inbound"]}
        call["mediaFormat"] = {"encoding": self.encodings[self.codec], "sampleRate": self.rate}
        self.send({"event": "start", "sequenceNumber": 0, "start": call, "extra_headers": "userId=12345"})

    def media(self, payload):
        clock = str(1705312200000 + self.count * 100)
        media = {"track": "inbound", "timestamp": clock, "chunk": self.count, "payload": payload}
        return {"event": "media", "sequenceNumber": self.count, "streamId": self.stream, "media": media, "extra_headers": ""}


class Exotel(Base64):
    codec = "l16"
    encodings = {"mulaw": "audio/x-mulaw;rate=8000", "l16": "audio/x-raw"}

    def start(self):
        self.send({"event": "connected"})
        self.stream = sid("")
        call = {"stream_sid": self.stream, "call_sid": self.call_id, "account_sid": "exotel1", "custom_parameters": {}}
        format = {"encoding": self.encodings[self.codec], "sample_rate": str(self.rate), "bit_rate": "128kbps"}
        call |= NUMBERS | {"media_format": format}
        self.send({"event": "start", "sequence_number": "1", "stream_sid": self.stream, "start": call})

    def media(self, payload):
        media = {"chunk": str(self.count), "timestamp": str(self.count * 100), "payload": payload}
        return {"event": "media", "sequence_number": str(self.count + 1), "stream_sid": self.stream, "media": media}

    def stop(self):
        self.send({"event": "stop", "stream_sid": self.stream, "stop": {"call_sid": self.call_id, "reason": "callended"}})


class Bandwidth(Base64):
    def start(self):
        self.metadata = {"accountId": "5555555", "callId": self.call_id, "streamId": "s-1", "streamName": "voice"}
        self.send({"eventType": "start", "metadata": self.metadata | {"tracks": ["inbound"]}, "streamParams": {}})

    def media(self, payload):
        return {"eventType": "media", "track": "inbound", "payload": payload, "metadata": self.metadata}

    def stop(self):
        self.send({"eventType": "stop", "metadata": self.metadata})


class Vonage(Wire):
    codec, rate = "l16", 16000

    def start(self):
        self.send({"event": "websocket:connected", "content-type": f"audio/l16;rate={self.rate}", "call_id": self.call_id})


class VonageNamedByTheAddress(Vonage):
    query = "call_id={call_id}"

    def start(self):
        self.send({"event": "websocket:connected", "content-type": f"audio/l16;rate={self.rate}"})


class Jambonz(Wire):
    subprotocols, codec, stereo = ["audio.jambonz.org"], "l16", True

    def start(self):
        assert self.socket.subprotocol == "audio.jambonz.org"
        call = {"callSid": self.call_id, "direction": "inbound", "sipStatus": 200, "callStatus": "in-progress"} | NUMBERS
        mix = "stereo" if self.stereo else "mono"
        self.send(call | {"sampleRate": self.rate, "mixType": mix, "metadata": {}})


class Sinch(Wire):
    codec, rate = "l16", 16000

    def start(self):
        call = {"command": "connect", "version": 1, "callId": self.call_id, "codec": "PCM", "sampleRate": self.rate}
        self.send(call | {"callHeaders": [{"key": "foo", "value": "bar"}]})
        # Sinch sends no audio before it has this.
        assert json.loads(self.socket.recv(timeout=SOON)) == {"command": "answer"}


class ModAudioStream(Wire):
    """FreeSWITCH, without metadata: the address names the call, signalling said what the bytes are."""

    query, codec, announces = "call_id={call_id}", "l16", False


class ModAudioStreamNamedByAHeader(Wire):
    headers, codec, announces = {"X-Call-Id": "{call_id}"}, "l16", False

    def start(self):
        self.send("metadata of no particular form")


class ModAudioFork(Wire):
    subprotocols, codec, announces = ["audio.drachtio.org"], "l16", False

    def start(self):
        assert self.socket.subprotocol == "audio.drachtio.org"
        self.send({"call_id": self.call_id, "queue": "sales"})


#: Asterisk's names of codecs; of its linear samples, of each rate.
LINEAR = {8000: "slin", 12000: "slin12", 16000: "slin16", 24000: "slin24", 32000: "slin32", 44100: "slin44"}
LINEAR |= {48000: "slin48", 96000: "slin96", 192000: "slin192"}
ASTERISK = {"mulaw": "ulaw", "alaw": "alaw", "g722": "g722", "opus": "opus"}


class Asterisk(Wire):
    subprotocols = ["media"]

    @property
    def format(self):
        return LINEAR[self.rate] if self.codec == "l16" else ASTERISK[self.codec]


class AsteriskPlain(Asterisk):
    query, codec = "call_id={call_id}", "mulaw"

    def start(self):
        assert self.socket.subprotocol == "media"
        self.send(
            "MEDIA_START connection_id:peakstream channel:WebSocket/peakstream/0x5140001a0040 channel_id:1761245643.1 "
            f"format:{self.format} optimal_frame_size:160 ptime:20"
        )


class AsteriskJson(Asterisk):
    codec, rate = "l16", 16000

    def start(self):
        start = {"event": "MEDIA_START", "connection_id": "peakstream", "channel": "WebSocket/peakstream/0x5140001a0040"}
        start |= {"channel_id": "1761245643.1", "format": self.format, "optimal_frame_size": 640, "ptime": 20}
        self.send(start | {"channel_variables": {"call_id": self.call_id}})


def speaking(carrier, codec, rate=audio.RATE, stereo=False):
    """The same carrier in another of its formats."""
    return type(carrier.__name__, (carrier,), {"codec": codec, "rate": rate, "stereo": stereo})


#: Case number in the specification's list, name, carrier.
CARRIERS = [
    (109, "Telnyx", Telnyx),
    (110, "Plivo", Plivo),
    (111, "Exotel", Exotel),
    (112, "Vonage", Vonage),
    (112, "Vonage, named by the address", VonageNamedByTheAddress),
    (113, "SignalWire", SignalWire),
    (114, "jambonz", Jambonz),
    (None, "Bandwidth", Bandwidth),
    (None, "Sinch", Sinch),
    (None, "mod_audio_stream", ModAudioStream),
    (None, "mod_audio_stream, named by a header", ModAudioStreamNamedByAHeader),
    (None, "mod_audio_fork", ModAudioFork),
    (None, "Asterisk, plain", AsteriskPlain),
    (None, "Asterisk, JSON", AsteriskJson),
]
