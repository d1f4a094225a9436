"""AudioHook, cases 62 to 72: every way a call ends, and what becomes of its session."""

import time

import pytest

from support import audio
from support.audiohook import EXTERNAL, Hook
from support.server import SOON, eventually, reset
from support.signalling import start, verify_request
from test_audiohook_stream import SECONDS, hooked, register


@pytest.fixture(scope="module")
def flow_key(other_server):
    return other_server.key("--audiohook", "--unsigned")


def attached(server, key, request, **how):
    """A session and its call, streaming."""
    session = start(server, request)
    hook = Hook(server, key, request["metadata"]["call_id"]).connect()
    assert hook.open(media=[EXTERNAL], **how)["startPaused"] is False
    return session, hook


def test_case_062_case_064_enough_audio_is_one_disconnect_and_the_socket_is_the_clients(other_server, flow_key):
    session, hook = attached(other_server, flow_key, register())
    with hook:
        hook.ping()
        hook.play(audio.enrol())
        hook.wait("closed")
        assert hook.types() == ["opened", "pong", "event", "disconnect", "closed"]
        assert hook.disconnected["reason"] == "completed" and "outputVariables" not in hook.disconnected
        entity = hook.wait("event")["parameters"]["entities"][0]
        assert (entity["type"], entity["data"]["outcome"]) == ("voice_biometrics_result", "success")
        assert "credential" not in entity["data"]
        assert not hook._over.wait(0.3), "the client ends the connection"
        hook.end()
    assert session.outcome().name == "result-success"
    session.leave()


def test_a_flow_that_sends_variables_gets_the_outcome_in_variables(server, unsigned_key, credential):
    """Audio Connector: the flow waits for the end of the connection, also where other calls are only paused."""
    request = hooked(verify_request(credential, SECONDS))
    session = start(server, request)
    with Hook(server, unsigned_key) as hook:
        hook.open(media=[EXTERNAL], inputVariables={"call_id": request["metadata"]["call_id"]})
        hook.ping()
        hook.play(audio.same())
        hook.wait("closed")
        outputs = hook.disconnected["outputVariables"]
        assert (outputs["outcome"], outputs["operation"]) == ("success", "verify")
        assert float(outputs["score"]) > 0.5 and "credential" not in outputs
        assert outputs["authenticity_judged"] == "true" and "step_up" not in outputs
        hook.end()
    outcome = session.outcome()
    assert outcome.name == "result-success"
    assert float(outputs["authenticity_llr"]) == outcome.data["authenticity_llr"]
    session.leave()


@pytest.mark.negative
def test_case_063_a_call_that_is_closed_early_is_closed_soon_and_its_session_told(server, unsigned_key):
    session, hook = attached(server, unsigned_key, register(), inputVariables={})
    with hook:
        hook.ping()
        hook.play(audio.enrol()[:8000])
        assert hook.close() < 5
        assert hook.outputs["outcome"] == "error"
    outcome = session.outcome()
    assert outcome.name == "error-audio" and "3" in outcome.data["content"], outcome.data
    session.leave()


@pytest.mark.negative
def test_case_068_audio_after_close_is_harmless_to_a_session_too(server, unsigned_key):
    session, hook = attached(server, unsigned_key, register())
    with hook:
        hook.play(audio.enrol()[:8000])
        hook.ping()
        hook.closing = True
        hook.say("close", {"reason": "end"})
        hook.ws.send(audio.enrol()[8000:40_000])
        hook.wait("closed")
        hook.ws.send(audio.enrol()[40_000:])
        hook.end()
    outcome = session.outcome()
    assert outcome.name == "error-audio" and outcome.data["audio_seconds"] <= 1, outcome.data
    session.ended_by_server()
    session.leave()


@pytest.mark.negative
def test_case_044_case_070_case_116_who_says_nothing_when_it_is_his_turn_is_cut_off(server, unsigned_key):
    """Ten seconds each, all at once: no `open`, no `close` after `disconnect`, no end after `closed`."""
    begun = time.monotonic()
    request = register()
    session, rude = attached(server, unsigned_key, request)
    rude.answers = False
    rude.say("ping", seq=99)
    mute, closed = (Hook(server, unsigned_key).connect() for _ in range(2))
    closed.open()
    closed.closing = True
    closed.say("close", {"reason": "end"})
    closed.wait("closed")
    assert (mute.ended(2 * SOON), mute.types()) == (1008, [])
    assert (rude.ended(2 * SOON), rude.types()) == (1008, ["opened", "disconnect"])
    assert (closed.ended(2 * SOON), closed.types()) == (1000, ["opened", "closed"])
    assert 9 < time.monotonic() - begun < 2 * SOON
    assert not (mute.violations or rude.violations or closed.violations)
    assert session.outcome().name == "error-audio"
    session.leave()


@pytest.mark.negative
@pytest.mark.parametrize("how", ["drop", "websocket close"])
def test_case_069_what_breaks_off_leaves_neither_socket_nor_session(impatient_server, how):
    """Counted: that server takes one session at a time."""
    impatient_server.becomes_idle()
    session, hook = attached(impatient_server, impatient_server.key("--audiohook", "--unsigned"), register())
    hook.play(audio.enrol()[:8000])
    hook.ping()
    reset(hook.ws.socket) if how == "drop" else hook.ws.close(4000)
    assert session.outcome().name == "error-audio"
    session.leave()
    impatient_server.becomes_idle()


@pytest.mark.negative
@pytest.mark.parametrize("how", ["drop", "websocket close"])
def test_case_069_a_call_that_breaks_off_ends_its_session_and_frees_everything(server, unsigned_key, how):
    session, hook = attached(server, unsigned_key, register())
    hook.play(audio.enrol()[:8000])
    if how == "drop":
        reset(hook.ws.socket)
    else:
        hook.ws.close(4000, "not as the protocol has it")
    assert session.outcome().name == "error-audio"
    session.ended_by_server()
    session.leave()


@pytest.mark.negative
def test_case_069_a_parked_call_that_breaks_off_leaves_its_seat(other_server, flow_key):
    for _ in range(4):
        hook = Hook(other_server, flow_key).connect()
        hook.open()
        reset(hook.ws.socket)

    def opens():
        with Hook(other_server, flow_key) as hook:
            hook.say("open", hook.open_parameters())
            hook.offered = hook.open_parameters()["media"]
            hook._until(lambda: hook.opened or hook.disconnected, "answer")
            if hook.opened:
                hook.close()
            return bool(hook.opened)

    eventually(opens, "its seat is not given back")


@pytest.mark.negative
def test_more_calls_than_seats_are_told_to_come_again(other_server, flow_key):
    with Hook(other_server, flow_key) as one, Hook(other_server, flow_key) as two, Hook(other_server, flow_key) as three:
        for hook in (one, two):
            eventually(lambda: "opened" in hook.types() or hook.open(), "a seat")
        three.say("open", three.open_parameters())
        three.wait("closed")
        assert three.disconnected["reason"] == "error" and "too many" in three.disconnected["info"]
        three.end()
        one.close()
        two.close()


@pytest.mark.negative
def test_a_session_that_is_cancelled_pauses_the_call(server, unsigned_key):
    session, hook = attached(server, unsigned_key, register())
    with hook:
        hook.play(audio.enrol()[:8000])
        session.leave()
        hook.ping()
        hook.wait_paused()
        hook.close()


# ---- reconnection


def earlier(hook):
    return [{"id": hook.id, "serverseq": hook.serverseq, "clientseq": hook.seq}]


def test_case_072_a_planned_handover_goes_on_with_the_same_session(server, unsigned_key):
    """Nothing is heard twice: what the new connection offers again is discarded."""
    request = register()
    session, old = attached(server, unsigned_key, request)
    sound = audio.enrol()
    with old, Hook(server, unsigned_key, request["metadata"]["call_id"]) as new:
        old.play(sound[:16_000], 1600, 4)
        old.ping()
        opened = new.open(media=[EXTERNAL], continuedSessions=earlier(old))
        assert opened["startPaused"] is False and opened["discardTo"] == "PT2.000000S"
        assert new.position == 2.0
        old.audio(sound[:1600])
        new.play(sound[16_000:])
        new.ping()
        new.wait_paused()
        assert session.outcome().name == "result-success"
        old.ping()
        assert "pause" not in old.types() and "disconnect" not in old.types()
        old.close("reconnect")
        new.close()
    session.leave()


def test_case_072_a_call_that_broke_off_goes_on_where_it_was_heard_to(other_server, flow_key):
    """With `--reattach-grace`, the session waits for the reconnection."""
    request = register()
    session, old = attached(other_server, flow_key, request)
    sound = audio.enrol()
    old.play(sound[:16_000])
    old.ping()
    reset(old.ws.socket)
    with Hook(other_server, flow_key, request["metadata"]["call_id"]) as new:
        time.sleep(0.3)
        # A client that replays from the beginning and does not discard: the server leaves out what it knows.
        new.answers = False
        opened = new.open(media=[EXTERNAL], continuedSessions=earlier(old))
        assert opened["discardTo"] == "PT2.000000S" and opened["startPaused"] is False
        new.answers = True
        new.play(sound)
        new.ping()
        new.wait("closed")
        new.end()
    assert session.outcome().name == "result-success"
    session.leave()


def test_case_072_without_the_grace_a_reconnected_call_starts_again(server, unsigned_key):
    request = register()
    session, old = attached(server, unsigned_key, request)
    old.play(audio.enrol()[:8000])
    reset(old.ws.socket)
    assert session.outcome().name == "error-audio"
    session.leave()
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as new:
        assert new.open(continuedSessions=earlier(old))["startPaused"] is True
        new.ping()
        new.close()

