"""Asterisk's AudioSocket, by a client of its own on asyncio: calls that are good, and everything that may be wrong."""

import asyncio
import struct
import uuid

import pytest

from support import audio, calls
from support.server import SOON
from support.signalling import register_request, start

SECONDS = 3.0
HANGUP = b"\0\0\0"
ID, DTMF, SLIN, SLIN16, ERROR = 0x01, 0x03, 0x10, 0x12, 0xFF


def frame(kind, payload=b""):
    return struct.pack(">BH", kind, len(payload)) + payload


async def exchange(server, sent, pace=0.0, end_after=False):
    """Sends the pieces, and returns everything that the server says until it ends the connection."""
    host, port = server.said["audiosocket"].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    heard = asyncio.ensure_future(reader.read())
    try:
        for piece in sent:
            if heard.done():
                break
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), SOON)
            await asyncio.sleep(pace)
        if end_after:
            writer.write_eof()
        return await asyncio.wait_for(heard, 2 * SOON)
    except ConnectionError:
        return await asyncio.wait_for(heard, SOON)
    finally:
        writer.close()


def played(call_id, pcm, kind=SLIN, piece=320):
    sound = audio.encode(pcm, "l16")
    frames = [frame(kind, sound[begin : begin + piece]) for begin in range(0, len(sound), piece)]
    return [frame(ID, uuid.UUID(call_id).bytes), *frames]


def call(server, pieces_of, **how):
    request = register_request(SECONDS, call_id=str(uuid.uuid4()))
    session = start(server, request)
    heard = asyncio.run(exchange(server, pieces_of(request["metadata"]["call_id"]), **how))
    outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    return outcome, sorted(status.data["audio_seconds"] for status in session.statuses), heard


@pytest.fixture(scope="module")
def reference(server):
    session, _, _ = calls.call(server, register_request(SECONDS), audio.enrol())
    return sorted(status.data["audio_seconds"] for status in session.statuses)


@pytest.mark.parametrize("piece", [2, 320, 1600, 65_000])
def test_case_115_a_call_is_heard_in_frames_of_any_size(server, reference, piece):
    pcm = audio.decoded(audio.enrol())
    if piece == 2:
        # Sample by sample for a quarter of a second is enough.
        first = lambda id: played(id, pcm[:2000], piece=2) + played(id, pcm[2000:])[1:]
    else:
        first = lambda id: played(id, pcm, piece=piece)
    outcome, statuses, heard = call(server, first)
    assert (outcome.name, statuses, heard) == ("result-success", reference, HANGUP)


def test_case_115_sixteen_kilohertz_is_the_type_of_its_frames(server):
    pcm = audio.twice_the_rate(audio.decoded(audio.enrol()))
    outcome, _, heard = call(server, lambda id: played(id, pcm, SLIN16, 640))
    assert (outcome.name, heard) == ("result-success", HANGUP)
    assert audio.open_wav(outcome.audio)[0] == 16_000


def test_case_115_tcp_may_cut_frames_anywhere(server, reference):
    def torn(id):
        whole = b"".join(played(id, audio.decoded(audio.enrol())))
        return [whole[begin : begin + 1009] for begin in range(0, len(whole), 1009)]

    outcome, statuses, heard = call(server, torn)
    assert (outcome.name, statuses, heard) == ("result-success", reference, HANGUP)


@pytest.mark.parametrize(
    "last", [frame(0x00), frame(ERROR, b"\1"), None], ids=["hangup", "error", "end of the connection"]
)
def test_an_early_end_is_told_to_the_client(server, last):
    pcm = audio.decoded(audio.enrol())[: audio.RATE]
    pieces = lambda id: played(id, pcm) + [frame(DTMF, b"5"), frame(0x77, b"unknown")] + ([last] if last else [])
    outcome, _, heard = call(server, pieces, end_after=last is None)
    assert outcome.name == "error-audio" and "ended early" in outcome.data["content"], outcome.data
    assert heard in (HANGUP, b"")


WRONG = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "audio first": frame(SLIN, b"\0" * 320),
    "an id of 15 bytes": frame(ID, b"\1" * 15),
    "an unknown call": frame(ID, b"\1" * 16) + frame(SLIN, b"\0" * 320),
    "random bytes": bytes(range(255, 0, -1)) * 100,
}


def test_case_116_what_is_no_call_is_hung_up_in_time(server):
    """All at once; whoever says nothing at all, too."""

    async def all_of_them():
        return await asyncio.gather(*(exchange(server, [sent]) for sent in [*WRONG.values(), b""]))

    assert asyncio.run(all_of_them()) == [HANGUP] * (len(WRONG) + 1)
    calls.good_call(server)


def test_case_118_a_call_has_one_connection(server):
    request = register_request(SECONDS, call_id=str(uuid.uuid4()))
    session = start(server, request)
    call_id = request["metadata"]["call_id"]
    pcm = audio.decoded(audio.enrol())

    async def two():
        first = asyncio.ensure_future(exchange(server, played(call_id, pcm), pace=0.005))
        await asyncio.sleep(0.3)
        second = await exchange(server, played(call_id, pcm[:1600]))
        return await first, second

    assert asyncio.run(two()) == (HANGUP, HANGUP)
    assert session.outcome().name == "result-success"
    session.leave()
