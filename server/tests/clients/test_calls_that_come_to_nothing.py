"""Audio that never comes, holds too little, or ends early; clients that go away: nothing is left of the call.

The impatient server takes one session at a time, so each test that begins one also shows that the one before is gone.
"""

import contextlib
import functools
import json
import socket
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from support import audio, calls, frames
from support.carrier import Carrier, ended
from support.rest import Rest
from support.server import SOON, eventually
from support.signalling import Session, register_request, start

pytestmark = pytest.mark.negative

#: How long the impatient server waits for a call's first and next audio.
PATIENCE = 3


@pytest.fixture
def quiet(impatient_server):
    """The impatient server; after the test it holds as many sockets and sessions as before: none."""
    impatient_server.becomes_idle()
    yield impatient_server
    impatient_server.becomes_idle()


def error_audio(session):
    outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    assert outcome.name == "error-audio", outcome.data
    assert outcome.audio is None and outcome.data["content"]
    return outcome.data


# ---- audio


def test_without_an_audio_connection_the_session_ends_in_time(quiet):
    session = start(quiet, register_request())
    ready_at = session.events[0].at
    data = error_audio(session)
    assert (data["audio_seconds"], data["vad_percentage"]) == (0, 0)
    assert session.events[-1].at - ready_at >= PATIENCE - 0.1
    assert session.statuses == []


def test_a_connection_that_sends_no_audio_is_ended_in_time(quiet):
    request = register_request()
    session = start(quiet, request)
    with Carrier(quiet, request["metadata"]["call_id"]).start() as carrier:
        data = error_audio(session)
        assert data["audio_seconds"] == 0
        assert carrier.end().code == 1000


def test_audio_that_stalls_is_ended_in_time(quiet):
    request = register_request()
    session = start(quiet, request)
    with Carrier(quiet, request["metadata"]["call_id"]).start() as carrier:
        assert carrier.play(audio.enrol()[:16_000], 0) is None
        assert error_audio(session)["audio_seconds"] > 0
        assert carrier.end().code == 1000


def test_case_099_silence_alone_is_never_speech(quiet):
    request = register_request()
    session = start(quiet, request)
    with Carrier(quiet, request["metadata"]["call_id"], "minimal").start() as carrier:
        # Its limit is 20 s of audio.
        end = carrier.play(audio.silence(30), 0, chunk_ms=200) or carrier.end()
    data = error_audio(session)
    assert (data["audio_seconds"], data["vad_percentage"], end.code) == (0, 0, 1000)
    assert {status.data["audio_seconds"] for status in session.statuses} == {0}
    assert len(session.statuses) == 20 * audio.RATE // audio.BLOCK + 1


ENDS = {
    "stop": lambda carrier: carrier.stop(),
    "a close": lambda carrier: carrier.close(),
    "a broken connection": lambda carrier: carrier.drop(),
}


@pytest.mark.parametrize("dialect", ["twilio", "minimal"])
@pytest.mark.parametrize("how", ENDS)
def test_case_075_076_105_too_little_speech_before_the_end_is_told_in_seconds(quiet, how, dialect):
    request = register_request()
    session = start(quiet, request)
    with Carrier(quiet, request["metadata"]["call_id"], dialect).start() as carrier:
        assert carrier.play(audio.enrol()[:24_000], 0) is None
        # A reset destroys what the server has not read yet; so it is let read.
        for _ in range(24_000 // audio.BLOCK):
            assert session.event().name == "info-vad-status"
        end = ENDS[how](carrier)
    assert end is None or (end.code, end.by_server) == (1000, True)
    data = error_audio(session)
    assert 0 < data["audio_seconds"] < 3
    assert f"{data['audio_seconds']:.2f}" in data["content"] and "5.00" in data["content"], data["content"]


@pytest.mark.parametrize("how", ENDS)
def test_an_end_without_any_audio_is_an_error_of_the_audio(quiet, how):
    request = register_request()
    session = start(quiet, request)
    with Carrier(quiet, request["metadata"]["call_id"]).start() as carrier:
        ENDS[how](carrier)
    assert error_audio(session)["audio_seconds"] == 0


def test_case_118_a_second_audio_connection_is_refused_and_the_first_goes_on(quiet):
    request = register_request(3.0)
    session = start(quiet, request)
    call_id = request["metadata"]["call_id"]
    with Carrier(quiet, call_id).start() as first:
        assert first.play(audio.enrol()[:8000], 0) is None
        with Carrier(quiet, call_id).start() as second:
            assert (second.end().code, second.end().by_server) == (1008, True)
        assert (first.play(audio.enrol()[8000:], 0) or first.end()).code == 1000
    assert session.outcome().name == "result-success"
    session.leave()


def test_case_108_audio_that_comes_before_its_session_is_held_for_it(quiet):
    request = register_request(3.0)
    with Carrier(quiet, request["metadata"]["call_id"], "minimal").start() as carrier:
        assert carrier.play(audio.enrol()[:12_000], 0) is None
        session = start(quiet, request)
        carrier.play(audio.enrol()[12_000:], 0)
        assert session.outcome().name == "result-success"
    session.leave()


def test_case_086_case_108_case_116_connections_that_say_nothing_are_closed_in_time(quiet):
    """Ten seconds each, all at once: no header, half a header, no start, a call that nobody registered."""
    begun = time.monotonic()
    host = quiet.base.removeprefix("http://").split(":")
    mute, half = (socket.create_connection(host, timeout=2 * SOON) for _ in range(2))
    half.sendall(b"GET /twilio HTTP/1.1\r\nHost:")
    unknown = Carrier(quiet, "CA" + "e" * 32).start()
    unknown.play(audio.enrol()[:8000], 0)
    with connect(quiet.audio_url) as without_start:
        without_start.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        assert unknown.end(within=2 * SOON).code == 1008
        with pytest.raises(ConnectionClosed) as closed:
            without_start.recv(timeout=2 * SOON)
        assert ended(closed.value).code == 1008
    for connection in (mute, half):
        while connection.recv(4096):
            pass  # a 408 on the way out is fine
        connection.close()
    unknown.close()
    assert 9 < time.monotonic() - begun < 2 * SOON


def test_case_116_a_peer_that_is_gone_without_a_word_is_given_up(quiet):
    """Half-open TCP, as far as the server can see it: nothing comes any more, and nothing it says is answered, ever.

    The socket here stays open, and nobody reads it; the fixture waits until the server has none left.
    """
    request = register_request()
    session = start(quiet, request)
    begin = {"event": "start", "start": {"callSid": request["metadata"]["call_id"]}}
    gone = frames.Connection(quiet)
    gone.send(frames.frame(frames.TEXT, json.dumps(begin).encode()))
    assert error_audio(session)["audio_seconds"] == 0
    quiet.becomes_idle()
    gone.socket.close()


def test_case_117_a_connection_too_many_is_told_503_and_may_come_again(quiet):
    """That server takes 64."""
    host = quiet.base.removeprefix("http://").split(":")
    with contextlib.ExitStack() as open_ones:
        for _ in range(64):
            open_ones.enter_context(socket.create_connection(host, timeout=SOON))
        eventually(lambda: quiet.sockets() >= quiet.own_sockets + 64, "not all are accepted")
        with pytest.raises(InvalidStatus) as refused:
            Carrier(quiet, "CA" + "f" * 32)
        assert refused.value.response.status_code == 503
    quiet.becomes_idle()
    with Carrier(quiet, "CA" + "f" * 32):
        pass


# ---- clients


def connected(server, request):
    return Session(server, "register").connect(), None


def waiting_for_audio(server, request):
    return start(server, request), None


def attached(server, request):
    session = start(server, request)
    call_id = request["metadata"]["call_id"]
    carrier = Carrier(server, call_id).start()
    carrier.send_audio(audio.enrol()[:160])
    # Too little for an event; polling shows that it has come.
    look = functools.partial(Rest(server).get, "/register_session", params={"call_id": call_id})
    eventually(lambda: look().json()["status"] == "streaming", "the audio does not come")
    return session, carrier


def collecting(server, request):
    session, carrier = attached(server, request)
    carrier.play(audio.enrol()[:12_000], 0)
    assert session.event().name == "info-vad-status"
    return session, carrier


def deciding(server, request):
    session, carrier = attached(server, request)
    carrier.play(audio.enrol(), 0)
    while session.event().data["vad_percentage"] < 100:
        pass
    return session, carrier


def decided(server, request):
    session, carrier = attached(server, request)
    carrier.play(audio.enrol(), 0)
    session.outcome()
    return session, carrier


STAGES = [connected, waiting_for_audio, attached, collecting, deciding, decided]


@pytest.mark.parametrize("how", ["leaves", "vanishes"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_client_that_goes_away_leaves_nothing_behind(quiet, stage, how):
    request = register_request(3.0)
    session, carrier = stage(quiet, request)
    session.leave() if how == "leaves" else session.vanish()
    if carrier:
        assert carrier.end().code == 1000
        carrier.close()
    quiet.becomes_idle()
    # The same call id, on a server that takes one session: both are free again.
    _, outcome, _ = calls.call(quiet, request, audio.enrol())
    assert outcome.name == "result-success", outcome.data


def test_others_notice_nothing_of_a_call_that_goes_wrong(server):
    """In the middle of a good call, other clients vanish, other carriers break the rules."""

    def trouble(_):
        for stage in (waiting_for_audio, attached, collecting):
            session, carrier = stage(server, register_request())
            session.vanish()
            if carrier:
                carrier.drop()
        request = register_request()
        session, carrier = attached(server, request)
        carrier.send("this is not JSON")
        assert session.outcome().name == "error-audio"
        session.leave()

    plain, _, _ = calls.call(server, register_request(3.0), audio.enrol())
    disturbed, outcome, _ = calls.call(server, register_request(3.0), audio.enrol(), speed=4, at=(1.0, trouble))
    assert outcome.name == "result-success"
    seconds = [[status.data["audio_seconds"] for status in session.statuses] for session in (plain, disturbed)]
    assert sorted(seconds[0]) == seconds[1]
