"""Every way a carrier may send its audio gives the same call; every way it may misbehave ends one call at most."""

import base64
import contextlib
import json
import time
import uuid

import pytest
from websockets.exceptions import ConnectionClosed

from support import audio, codecs, frames
from support.carrier import Carrier, ended
from support.frames import TEXT
from support.server import SOON, eventually
from support.signalling import register_request, start, verify_request

SECONDS = 3.0
SILENT_PIECE = base64.b64encode(audio.silence(0.02)).decode()


def carry(server, request, sound, speed=0, dialect="twilio", codec="mulaw", rate=audio.RATE, **how):
    """A call in the given manner: `(outcome, statuses, end, carrier)`."""
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"], dialect, codec, rate).start() as carrier:
        end = carrier.play(sound, speed, **how)
        end = end or (carrier.end() if carrier.minimal else carrier.stop())
        outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    return outcome, [status.data["audio_seconds"] for status in session.statuses], end, carrier


@pytest.fixture(scope="module")
def reference(server):
    """The statuses of the enrolled caller's registration, sent in the plainest way."""
    outcome, statuses, _, _ = carry(server, register_request(SECONDS), audio.enrol())
    assert outcome.name == "result-success"
    return statuses


@pytest.mark.parametrize("dialect", ["twilio", "minimal"])
@pytest.mark.parametrize("speed", [4, 0])
@pytest.mark.parametrize("chunk_ms", [20, 30, 40, 60, 100, 200, 400])
def test_case_073_085_097_101_any_dialect_chunk_and_speed_gives_the_same_call(server, reference, dialect, speed, chunk_ms):
    how = {"dialect": dialect, "speed": speed, "chunk_ms": chunk_ms}
    outcome, statuses, end, _ = carry(server, register_request(SECONDS), audio.enrol(), **how)
    assert outcome.name == "result-success", outcome.data
    # In bursts the client library's threads may hand events over out of order, so they are compared sorted.
    assert sorted(statuses) == reference
    assert (end.code, end.by_server) == (1000, True)


FORMATS = [
    # codec sent, rate, metadata
    ("alaw", 8000, {"audio_codec": "alaw"}),
    ("l16", 8000, {"audio_codec": "pcm"}),
    ("l16", 8000, {"audio_codec": "l16", "sample_format": "s16le", "sample_rate": 8000, "channels": 1}),
    ("l16be", 8000, {"audio_codec": "pcm", "sample_format": "s16be"}),
    ("l16", 16000, {"audio_codec": "pcm", "sample_format": "s16le", "sample_rate": "16000"}),
]


@pytest.mark.parametrize("dialect", ["twilio", "minimal"])
@pytest.mark.parametrize("codec, rate, agreed", FORMATS, ids=lambda value: str(value).replace("'", ""))
def test_case_103_any_agreed_format_is_decided_alike(server, credential, dialect, codec, rate, agreed):
    pcm = audio.samples(audio.english_files()[0])
    sound = audio.encode(codecs.at_rate(pcm, rate), codec)
    request = verify_request(credential, SECONDS, **agreed)
    outcome, statuses, end, carrier = carry(server, request, sound, dialect=dialect, codec=codec, rate=rate)
    assert outcome.name == "result-success", outcome.data
    assert end.code == 1000
    assert audio.open_wav(outcome.audio)[:3] == (rate, 1, 2)
    # 4096 samples at 8 kHz, 8192 at 16 kHz: the same 0.512 s.
    assert len(statuses) <= carrier.bytes_sent / (carrier.bytes_per_second * 0.512)


@pytest.mark.parametrize("size", [1, 37, 160, 800, 3200, 64_000])
def test_case_093_102_payloads_of_any_size_are_taken(server, reference, size):
    request = register_request(SECONDS)
    session = start(server, request)
    sound = audio.enrol()
    with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
        try:
            # The first quarter of a second byte by byte would already be 2000 messages: enough of it.
            for begin in range(0, 400 if size == 1 else len(sound), size):
                carrier.send_audio(sound[begin : begin + size])
            if size == 1:
                carrier.play(sound[400:], 0)
        except ConnectionClosed:
            pass
        assert session.outcome().name == "result-success"
    assert sorted(status.data["audio_seconds"] for status in session.statuses) == reference
    session.leave()


@pytest.mark.negative
def test_case_104_a_sample_may_be_split_between_two_messages(server):
    request = register_request(SECONDS, audio_codec="pcm")
    session = start(server, request)
    sound = audio.encode(audio.samples(audio.files("enrol")[0]), "l16")
    with Carrier(server, request["metadata"]["call_id"], "minimal", "l16").start() as carrier:
        try:
            for begin in range(0, len(sound), 641):
                carrier.send_audio(sound[begin : begin + 641])
        except ConnectionClosed as closed:
            assert ended(closed).code == 1000
        assert session.outcome().name == "result-success"
    session.leave()


@pytest.mark.negative
def test_case_082_audio_that_the_carrier_lost_costs_only_itself(server, credential):
    request = verify_request(credential, SECONDS)
    before = len(server.log())
    outcome, _, end, carrier = carry(server, request, audio.same(), lose=[(1.0, 0.5), (2.5, 0.2)])
    assert (outcome.name, end.code) == ("result-success", 1000), outcome.data
    # The timeline knows what is missing, and how much.
    eventually(lambda: "lost_ms=700\n" in server.log()[before:], "the log does not tell of the gap")


@pytest.mark.negative
def test_case_083_messages_out_of_order_are_put_back(server, reference):
    outcome, statuses, end, _ = carry(server, register_request(SECONDS), audio.enrol(), swap_every=7)
    assert (outcome.name, end.code) == ("result-success", 1000), outcome.data
    assert sorted(statuses) == reference


def test_case_096_numbers_may_be_numbers_and_strings_be_strings(server, reference):
    """Plivo's way with numbers in Twilio's messages, and the other way round for what Twilio sends as numbers."""
    request = register_request(SECONDS)
    session = start(server, request)
    call_id = request["metadata"]["call_id"]
    with Carrier(server, call_id) as carrier:
        message = carrier.start_message(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"})
        carrier.send(message | {"sequenceNumber": 1})
        try:
            for timestamp, payload in carrier.pieces(audio.enrol()):
                message = carrier.media_message(payload)
                message["media"] |= {"chunk": carrier.chunk, "timestamp": timestamp}
                carrier.send(message | {"sequenceNumber": carrier.sequence})
            end = carrier.end()
        except ConnectionClosed as closed:
            end = ended(closed)
        assert session.outcome().name == "result-success"
    assert (end.code, end.by_server) == (1000, True)
    assert sorted(status.data["audio_seconds"] for status in session.statuses) == reference
    session.leave()


def test_case_080_only_the_callers_track_is_listened_to(server, reference):
    """Both tracks of a call; on the other one somebody else speaks all the time."""
    request = register_request(SECONDS)
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
        other = carrier.pieces(audio.mulaw(audio.files("other")[0]))
        try:
            for timestamp, payload in carrier.pieces(audio.enrol()):
                message = carrier.media_message(next(other)[1], timestamp)
                message["media"]["track"] = "outbound"
                carrier.send(message)
                carrier.send_audio(payload, timestamp)
        except ConnectionClosed as closed:
            assert ended(closed).code == 1000
        assert session.outcome().name == "result-success"
    assert sorted(status.data["audio_seconds"] for status in session.statuses) == reference
    session.leave()


def test_case_079_the_call_id_may_come_as_a_custom_parameter(server):
    request = register_request(SECONDS)
    session = start(server, request)
    with Carrier(server, "CA" + "0" * 32) as carrier:
        carrier.send(carrier.start_message(customParameters={"call_id": request["metadata"]["call_id"]}))
        carrier.play(audio.enrol(), 0)
        assert session.outcome().name == "result-success"
    session.leave()


def other_stream(carrier):
    """A second of somebody else, under another stream's name: heard, it would show in every later status."""
    loud = base64.b64encode(audio.mulaw(audio.files("other")[0])[8000:16_000]).decode()
    carrier.send({"event": "media", "streamSid": "MZ" + "0" * 32, "media": {"payload": loud}})


def media(text):
    return '{"event":"media","media":%s}' % text


def fragmented(carrier):
    text = json.dumps(carrier.media_message(audio.silence(0.02)))
    carrier.socket.send(iter([text[:20], text[20:50], text[50:]]))


# What the carrier does in the middle of its call, and the codes with which the server may end the connection for it;
# None: it may not, and the call goes on to its result as if nothing had been.
MISBEHAVIOUR = {
    "text that is not JSON": (lambda c: c.send("this is not JSON"), {1007}),
    "an array": (lambda c: c.send("[1,2,3]"), {1003, 1007}),
    "a string": (lambda c: c.send('"media"'), {1003, 1007}),
    "no event": (lambda c: c.send('{"media":{"payload":"%s"}}' % SILENT_PIECE), {1003, 1007}),
    "a binary message": (lambda c: c.send(audio.silence(0.02)), {1003}),
    "a message of 4 MB": (lambda c: c.send(media('{"payload":"%s"}' % ("/" * 4_000_000))), {1009}),
    "20000 brackets": (lambda c: c.send(media("[" * 20_000 + "]" * 20_000)), {1003, 1007}),
    "a second start for another call": (lambda c: c.send(c.start_message(callSid="CA" + "1" * 32)), {1008}),
    "four payloads that are no base64": (lambda c: [c.send(media('{"payload":"@@@"}')) for _ in range(4)], {1007}),
    "one payload that is no base64": (lambda c: c.send(media('{"payload":"@@@ not base64 @@@"}')), None),
    "no payload": (lambda c: c.send(media("{}")), None),
    "no media": (lambda c: c.send('{"event":"media"}'), None),
    "a payload that is a number": (lambda c: c.send(media('{"payload":12345,"chunk":1,"timestamp":2}')), None),
    "an empty payload": (lambda c: c.send(media('{"payload":""}')), None),
    "a payload of 37 bytes": (lambda c: c.send_audio(audio.silence(37 / 8000)), None),
    "an unknown event": (lambda c: c.send('{"event":"somethingNew","somethingNew":{"a":1}}'), None),
    "a mark": (lambda c: c.send('{"event":"mark","sequenceNumber":"9","mark":{"name":"x"}}'), None),
    "a key press": (lambda c: c.send('{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"1"}}'), None),
    "the start again": (lambda c: c.send(c.start_message()), None),
    "another stream's audio": (other_stream, None),
    "a ping": (lambda c: c.socket.ping().wait(5), None),
    "a pong that nobody asked for": (lambda c: c.socket.pong(b"hello"), None),
    "a fragmented message": (fragmented, None),
}


#: What holds audio, and what has a meaning only where streams have names.
WITH_AUDIO = ("a payload of 37 bytes", "a fragmented message")
OF_TWILIO = ("another stream's audio",)


@pytest.mark.negative
@pytest.mark.parametrize(
    "what, dialect",
    [(what, one) for what in MISBEHAVIOUR for one in ("twilio", "minimal") if one == "twilio" or what not in OF_TWILIO],
)
def test_case_084_088_089_090_091_092_093_094_095_106_120_misbehaviour_in_the_middle_of_a_call(
    server, reference, what, dialect
):
    misbehave, codes = MISBEHAVIOUR[what]
    outcome, statuses, end, _ = carry(server, register_request(SECONDS), audio.enrol(), dialect=dialect, at=(1.0, misbehave))
    if codes is None:
        assert (outcome.name, end.code) == ("result-success", 1000), outcome.data
        assert what in WITH_AUDIO or sorted(statuses) == reference
    else:
        assert end.by_server and end.code in codes, end
        assert outcome.name == "error-audio", outcome.data
        assert {"audio_seconds", "vad_percentage"} <= set(outcome.data)


STARTS = {
    "no start at all": lambda c: [c.send_audio(audio.silence(0.02)) for _ in range(60)],
    "no callSid": lambda c: c.send(c.start_message(callSid=None)),
    "an empty callSid": lambda c: c.send(c.start_message(callSid="")),
    "a callSid that is a number": lambda c: c.send(c.start_message(callSid=12345)),
    "a start that is no object": lambda c: c.send({"event": "start", "start": "CA1"}),
}


@pytest.mark.negative
@pytest.mark.parametrize("dialect", ["twilio", "minimal"])
@pytest.mark.parametrize("what", STARTS)
def test_case_086_087_106_a_connection_without_a_proper_start_is_refused_and_its_session_goes_on(server, what, dialect):
    request = register_request(SECONDS)
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"], dialect) as carrier:
        try:
            STARTS[what](carrier)
            end = carrier.end()
        except ConnectionClosed as closed:
            end = ended(closed)
    assert (end.code, end.by_server) == (1008, True)
    with Carrier(server, request["metadata"]["call_id"], dialect).start() as carrier:
        carrier.play(audio.enrol(), 0)
        assert session.outcome().name == "result-success"
    session.leave()


@pytest.mark.negative
def test_case_087_a_little_audio_before_start_is_forgiven_and_not_heard(server, reference):
    request = register_request(SECONDS)
    session = start(server, request)
    other = audio.mulaw(audio.files("other")[0])
    with Carrier(server, request["metadata"]["call_id"]) as carrier:
        for _, payload in carrier.pieces(other[8000:12_000], 100):
            carrier.send_audio(payload)
        carrier.start()
        carrier.play(audio.enrol(), 0)
        assert session.outcome().name == "result-success"
    assert sorted(status.data["audio_seconds"] for status in session.statuses) == reference
    session.leave()


@pytest.mark.negative
def test_case_107_what_comes_after_the_servers_close_changes_nothing(server):
    """The minimal subset has no stop, and a simple client no idea of a close: this one has read it and goes on for a while."""
    request = register_request(SECONDS)
    session = start(server, request)
    call_id = request["metadata"]["call_id"]
    media = [frames.frame(TEXT, piece.encode()) for piece in pieces(audio.enrol())]
    with frames.Connection(server) as connection:
        connection.send(frames.frame(TEXT, json.dumps({"event": "start", "start": {"callSid": call_id}}).encode()), *media)
        opcode, payload = connection.receive()
        assert (opcode, payload[:2]) == (frames.CLOSE, b"\x03\xe8")
        assert session.outcome().name == "result-success"
        connection.send(*media, frames.frame(TEXT, b"junk"), frames.frame(frames.BINARY, b"\xff" * 160))
        connection.send(frames.close(1000))
        assert connection.receive() is None
    session.ended_by_server()
    assert sum(event.is_terminal for event in session.events) == 1
    session.leave()


def pieces(sound, size=3200):
    """The text of each media message of the minimal subset."""
    for begin in range(0, len(sound), size):
        yield json.dumps({"event": "media", "media": {"payload": base64.b64encode(sound[begin : begin + size]).decode()}})


@pytest.mark.negative
def test_case_097_a_sender_that_is_too_fast_is_held_back_and_costs_no_memory(server, settled):
    """Nobody has asked for this call yet, so that nothing of it may be decided: TCP must stop the sender."""
    call_id = str(uuid.uuid4())
    server.private.add(call_id)
    flood = b"".join(frames.frame(TEXT, piece.encode()) for piece in pieces(audio.silence(60), 48_000)) * 100
    with frames.Connection(server) as connection:
        connection.send(frames.frame(TEXT, json.dumps({"event": "start", "start": {"callSid": call_id}}).encode()))
        before = server.resident_mib()
        connection.socket.settimeout(1)
        begun = time.monotonic()
        sent = 0
        with pytest.raises(TimeoutError):
            while time.monotonic() - begun < SOON:
                sent += connection.socket.send(flood[sent : sent + (1 << 20)])
                assert sent < len(flood), "everything was taken: nothing holds the sender back"
        kept = server.resident_mib() - before
        print(f"{sent / 2**20:.1f} of {len(flood) / 2**20:.0f} MiB were taken, {kept:.1f} MiB more in use")
        assert kept < 8
        # From the moment somebody asks for it, it flows, up to the limit of a session: silence, and no speech in it.
        session = start(server, register_request(SECONDS, call_id))
        connection.socket.settimeout(2 * SOON)
        with contextlib.suppress(ConnectionError):
            connection.socket.sendall(flood[sent:])
        assert session.outcome().name == "error-audio"
        assert server.resident_mib() - before < 16
    session.leave()


@pytest.mark.negative
def test_case_099_ten_minutes_of_silence_end_at_the_longest_that_a_session_listens(server):
    request = register_request(SECONDS)
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
        end = carrier.play(audio.silence(600), 0, chunk_ms=1000) or carrier.end()
    outcome = session.outcome()
    assert (outcome.name, outcome.data["audio_seconds"], end.code) == ("error-audio", 0, 1000)
    assert "180 s" in outcome.data["content"], outcome.data
    session.leave()
