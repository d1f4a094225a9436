"""Asterisk's AudioSocket, by a client of its own on asyncio: calls that are good, and everything that may be wrong."""

import asyncio
import uuid

import pytest

from support import audio, calls, codecs
from support.audiosocket import DTMF, ERROR, HANGUP, ID, LINEAR, exchange, frame, played
from support.signalling import register_request, start

SECONDS = 3.0
SLIN = LINEAR[audio.RATE]


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
        first = lambda id: played(id, pcm[:2000], size=2) + played(id, pcm[2000:])[1:]
    else:
        first = lambda id: played(id, pcm, size=piece)
    outcome, statuses, heard = call(server, first)
    assert (outcome.name, statuses, heard) == ("result-success", reference, HANGUP)


@pytest.mark.parametrize("rate", [rate for rate in LINEAR if rate <= 48_000])
def test_case_115_the_type_of_a_frame_is_its_rate(server, rate):
    pcm = codecs.at_rate(audio.decoded(audio.enrol()), rate)
    outcome, _, heard = call(server, lambda id: played(id, pcm, rate, rate // 50 * 2))
    assert (outcome.name, heard) == ("result-success", HANGUP)
    assert audio.open_wav(outcome.audio)[0] == (audio.RATE if rate == audio.RATE else 2 * audio.RATE)


@pytest.mark.negative
@pytest.mark.parametrize("rate", [96_000, 192_000])
def test_case_115_a_rate_that_is_not_heard_is_told_to_both_sides(server, rate):
    pcm = audio.decoded(audio.enrol())[: audio.RATE]
    outcome, _, heard = call(server, lambda id: played(id, pcm, rate))
    assert outcome.name == "error-audio" and "not supported" in outcome.data["content"], outcome.data
    assert heard == HANGUP


def test_case_115_tcp_may_cut_frames_anywhere(server, reference):
    def torn(id):
        whole = b"".join(played(id, audio.decoded(audio.enrol())))
        return [whole[begin : begin + 1009] for begin in range(0, len(whole), 1009)]

    outcome, statuses, heard = call(server, torn)
    assert (outcome.name, statuses, heard) == ("result-success", reference, HANGUP)


@pytest.mark.negative
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


@pytest.mark.negative
def test_case_116_what_is_no_call_is_hung_up_in_time(server):
    """All at once; whoever says nothing at all, too."""

    async def all_of_them():
        return await asyncio.gather(*(exchange(server, [sent]) for sent in [*WRONG.values(), b""]))

    assert asyncio.run(all_of_them()) == [HANGUP] * (len(WRONG) + 1)


@pytest.mark.negative
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
