"""In: a server, a credential and a voice. Out: the decision and the score of one way to send that call.

A way is a channel, a carrier's dialect or a file, with the format and framing it uses; `Way.send` carries one verification
through it, unpaced, and returns what the client was told.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from support import audio, codecs
from support.audiohook import Hook
from support.audiosocket import HANGUP, exchange, played
from support.carrier import Carrier, ended
from support.rest import Rest
from support.signalling import start, verify_request

SECONDS = 3.0


@dataclass(frozen=True)
class Receiver:
    """Where calls are sent to, and whose voice they are compared with."""

    server: object
    credential: str
    hook_key: dict


@dataclass(frozen=True)
class Way:
    """One way to send a call: `send(receiver, pcm)` returns the result's name and score."""

    name: str
    #: Samples per second on the wire: ways of one rate carry the same samples.
    rate: int
    send: Callable


def verified(receiver, sent, **declared):
    """A verification whose audio `sent(call_id)` brings: `(event, score)`, and what `sent` returned."""
    request = verify_request(receiver.credential, SECONDS, str(uuid.uuid4()), **declared)
    session = start(receiver.server, request)
    end = sent(request["metadata"]["call_id"])
    outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    return (outcome.name, outcome.data.get("score")), end


def carried(carrier, chunk_ms=100):
    """A carrier of the table, in the format of the class."""

    def send(receiver, pcm):
        def sent(call_id):
            with carrier(receiver.server, call_id) as wire:
                wire.start()
                return wire.play(pcm, chunk_ms) or wire.end()

        told, end = verified(receiver, sent, **carrier.agreed())
        assert (end.code, end.by_server) == (1000, True)
        return told

    return send


def twilio(codec="mulaw", rate=audio.RATE, chunk_ms=20):
    """Real Twilio's messages, numbered and timed."""

    def send(receiver, pcm):
        sound = audio.encode(codecs.at_rate(pcm, rate), codec)

        def sent(call_id):
            with Carrier(receiver.server, call_id, "twilio", codec, rate).start() as carrier:
                return carrier.play(sound, 0, chunk_ms) or carrier.stop()

        told, end = verified(receiver, sent)
        assert (end.code, end.by_server) == (1000, True)
        return told

    return send


def minimal(sound_of, size, **agreed):
    """The minimal subset: `sound_of(pcm)` in payloads of `size` bytes, or as a list of packets."""

    def send(receiver, pcm):
        sound = sound_of(pcm)

        def sent(call_id):
            with Carrier(receiver.server, call_id, "minimal").start() as carrier:
                pieces = sound if isinstance(sound, list) else [sound[n : n + size] for n in range(0, len(sound), size)]
                try:
                    for piece in pieces:
                        carrier.send_audio(piece)
                except ConnectionClosed as closed:
                    return ended(closed)
                return carrier.end()

        told, end = verified(receiver, sent, **agreed)
        assert (end.code, end.by_server) == (1000, True)
        return told

    return send


def audiohook(offer, sound_of, size):
    """Genesys, with one medium offered."""

    def send(receiver, pcm):
        sound = sound_of(pcm)

        def sent(call_id):
            with Hook(receiver.server, receiver.hook_key, call_id) as hook:
                assert hook.open(media=[offer])["media"] == [offer]
                hook.play(sound, size)
                hook.ping()
                hook.wait_paused()
                hook.close()

        return verified(receiver, sent, audio_protocol="audiohook")[0]

    return send


def audiosocket(rate=audio.RATE, size=320):
    """Asterisk over TCP."""

    def send(receiver, pcm):
        pieces = lambda call_id: played(call_id, codecs.at_rate(pcm, rate), rate, size)
        told, heard = verified(receiver, lambda call_id: asyncio.run(exchange(receiver.server, pieces(call_id))))
        assert heard == HANGUP
        return told

    return send


def uploaded(recording_of, channel=1):
    """A file in the body of a request."""

    def send(receiver, pcm):
        rest = Rest(receiver.server)
        settings = {"channels": max(1, channel), "channel": channel}
        session = rest.create("verify", settings=rest.settings(**settings), credential=receiver.credential)
        answer = rest.request("POST", f"/verify_session/{session['id']}/audio", data=recording_of(pcm))
        assert answer.status_code == 202, answer.text
        last = rest.polled(session, "verify")[-1]
        return last["event"], last.get("score")

    return send
