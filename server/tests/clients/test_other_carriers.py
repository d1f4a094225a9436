"""Every carrier of the table streams in its own words, and gives the call that everybody else gives."""

import base64
import functools

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support import audio, calls
from support.carrier import ended
from support.dialects import CARRIERS, ModAudioStream, Telnyx, Vonage
from support.signalling import register_request, start

SECONDS = 3.0


def carry(server, carrier, sound=None):
    """One call: `(outcome, statuses, how the connection ended)`. What the carrier announces holds, whatever was agreed."""
    request = register_request(SECONDS, **carrier.agreed())
    session = start(server, request)
    with carrier(server, request["metadata"]["call_id"]) as wire:
        wire.start()
        end = wire.play(sound or audio.decoded(audio.enrol())) or wire.end()
        outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    return outcome, sorted(status.data["audio_seconds"] for status in session.statuses), end


@pytest.fixture(scope="module")
def reference(server):
    """The statuses of the same samples without any words around them. A-law has other steps than mu-law, and so its own."""

    @functools.cache
    def statuses(law):
        sound = audio.encode(audio.decoded(audio.enrol()), law)
        session, outcome, _ = calls.call(server, register_request(SECONDS, audio_codec=law), sound)
        assert outcome.name == "result-success"
        return sorted(status.data["audio_seconds"] for status in session.statuses)

    return lambda carrier: statuses("alaw" if carrier.codec == "alaw" else "mulaw")


@pytest.mark.parametrize(
    "carrier",
    [carrier for _, _, carrier in CARRIERS],
    ids=[(f"case_{case:03d} {name}" if case else name) for case, name, _ in CARRIERS],
)
def test_case_109_110_111_112_113_114_a_carrier_speaks_its_own_words(server, reference, carrier):
    outcome, statuses, end = carry(server, carrier)
    assert outcome.name == "result-success", outcome.data
    assert (end.code, end.by_server) == (1000, True)
    if carrier.rate == audio.RATE:
        # The same samples, whatever they were wrapped in.
        assert statuses == reference(carrier)


def test_case_109_media_of_telnyx_is_put_into_the_order_of_its_chunks(server, reference):
    class Shuffled(Telnyx):
        """Every third message comes after its successor; the other track counts for itself."""

        waiting = None

        def send(self, message):
            if isinstance(message, dict) and message.get("event") == "media":
                other = {**message["media"], "track": "outbound", "payload": base64.b64encode(b"\x2a" * 160).decode()}
                super().send({**message, "media": other})
                if self.count % 3 == 0 and self.waiting is None:
                    self.waiting = message
                    return
            super().send(message)
            if self.waiting is not None and self.waiting is not message:
                super().send(self.waiting)
                self.waiting = None

    outcome, statuses, end = carry(server, Shuffled)
    assert (outcome.name, statuses, end.code) == ("result-success", reference(Shuffled), 1000)


@pytest.mark.negative
@pytest.mark.parametrize("what", ["stop", "close"])
@pytest.mark.parametrize("carrier", [carrier for _, _, carrier in CARRIERS], ids=[name for _, name, _ in CARRIERS])
def test_a_stream_that_ends_early_is_told_to_the_client(server, carrier, what):
    request = register_request(SECONDS, **carrier.agreed())
    session = start(server, request)
    with carrier(server, request["metadata"]["call_id"]) as wire:
        wire.start()
        wire.send_audio(wire.sound(audio.decoded(audio.enrol())[: audio.RATE]))
        wire.stop() if what == "stop" else wire.socket.close()
        outcome = session.outcome()
    assert outcome.name == "error-audio" and "ended early" in outcome.data["content"], outcome.data
    session.leave()


@pytest.mark.negative
def test_a_format_that_cannot_be_decoded_is_told_to_both_sides(server):
    class Wideband(Telnyx):
        encodings = {"alaw": "AMR-WB"}

    request = register_request(SECONDS)
    session = start(server, request)
    with Wideband(server, request["metadata"]["call_id"]) as wire:
        wire.start()
        assert wire.end().code == 1008
    assert session.outcome().name == "error-audio"
    session.leave()


@pytest.mark.negative
def test_a_carrier_that_names_no_call_is_refused(server):
    class Nameless(Vonage):
        def start(self):
            self.send({"event": "websocket:connected", "content-type": "audio/l16;rate=8000"})

    with Nameless(server, "nobody") as wire:
        wire.start()
        assert wire.end().code == 1008

    class Bare(ModAudioStream):
        query = ""

    with Bare(server, "nobody") as wire:
        try:
            wire.send_audio(b"\0" * 320)
            end = wire.end()
        except ConnectionClosed as closed:
            end = ended(closed)
        assert end.code == 1003, "binary audio needs an address that names the call"


@pytest.mark.negative
@pytest.mark.parametrize("query", ["call_id=", "track=both", "call_id=" + "x" * 257])
def test_an_address_that_says_nothing_sensible_is_refused(server, query):
    class Wrong(ModAudioStream):
        pass

    Wrong.query = query
    with pytest.raises(InvalidStatus) as refused:
        Wrong(server, "nobody")
    assert refused.value.response.status_code == 400


@pytest.mark.negative
def test_an_unknown_subprotocol_is_not_agreed_to_and_does_no_harm(server):
    class Chat(ModAudioStream):
        subprotocols = ["chat", "soap"]

    request = register_request(SECONDS, audio_codec="pcm")
    session = start(server, request)
    with Chat(server, request["metadata"]["call_id"]) as wire:
        assert wire.socket.subprotocol is None
        wire.play(audio.decoded(audio.enrol()))
        assert session.outcome().name == "result-success"
    session.leave()
