"""Every signalling channel with every audio channel, each to a real result; and what can be set about the events."""

import json

import pytest

from support import audio
from support.carrier import Carrier
from support.rest import Rest
from support.signalling import Session, metadata, register_request, start

SECONDS = 3.0
#: Two statuses, in whole messages of 20 ms.
BEGINNING = 2 * audio.BLOCK + 128


def over_socket_io(transport):
    def call(server, dialect):
        request = register_request(SECONDS)
        session = start(server, request, transports=(transport,))
        assert session.client.transport() == transport
        end = carry(server, request["metadata"]["call_id"], dialect)
        outcome = session.outcome()
        session.ended_by_server()
        session.leave()
        names = [event.name for event in session.events]
        assert audio.open_wav(outcome.audio)
        return names, outcome.data, end

    return call


def over_rest_polling(server, dialect):
    rest = Rest(server)
    session = rest.create()
    assert (session["status"], session["event"]) == ("consumer_ready", "info-consumer-ready")
    end = carry(server, session["call_id"], dialect)
    seen = rest.polled(session)
    order = ["consumer_ready", "streaming", "processing", "success"]
    states = [order.index(state["status"]) for state in seen]
    assert states == sorted(states), "a state came back"
    wav = rest.get(f"/register_session/{session['id']}/collected_audio")
    assert audio.open_wav(wav.content)
    names = ["info-consumer-ready", "info-vad-status", seen[-1]["event"]]
    return names, seen[-1], end


def over_server_sent_events(server, dialect):
    rest = Rest(server)
    session = rest.create()
    events = rest.heard(session)
    first = next(events)
    end = carry(server, session["call_id"], dialect)
    heard = [first, *events]
    assert [number for number, _, _ in heard] == [str(number) for number in range(len(heard))]
    assert all(data["event"] == name for _, name, data in heard)
    return [name for _, name, _ in heard], heard[-1][2], end


def carry(server, call_id, dialect):
    with Carrier(server, call_id, dialect).start() as carrier:
        return carrier.play(audio.enrol(), 0) or carrier.end()


SIGNALLING = {
    "Socket.IO over WebSocket": over_socket_io("websocket"),
    "Socket.IO over polling": over_socket_io("polling"),
    "REST polling": over_rest_polling,
    "REST with Server-Sent Events": over_server_sent_events,
}
AUDIO = {"Twilio Media Streams": "twilio", "the minimal subset": "minimal"}


@pytest.mark.parametrize("carried", AUDIO)
@pytest.mark.parametrize("signalled", SIGNALLING)
def test_any_signalling_goes_with_any_audio_to_a_result(server, signalled, carried):
    names, result, end = SIGNALLING[signalled](server, AUDIO[carried])
    assert (names[0], names[-1]) == ("info-consumer-ready", "result-success")
    assert set(names[1:-1]) == {"info-vad-status"}
    assert result["credential"] and result["voice_audio_collected"] >= SECONDS
    assert (end.code, end.by_server) == (1000, True)


# ---- how events look

ARGS = {"always2": (2, 2), "results_only": (1, 2), "always1": (1, 1)}
ENCODINGS = {"object": dict, "string": str}


def assert_looks(server, session, args, encoding):
    """A whole call, every event of it as asked for: `(on others, on results)` arguments, of this type."""
    request = register_request(SECONDS)
    session.initialize(request)
    carry(server, request["metadata"]["call_id"], "minimal")
    others, results = ARGS[args]
    terminal = False
    while not terminal:
        event = session.event()
        terminal = event.is_terminal
        assert len(event.args) == (results if terminal else others), event.name
        assert isinstance(event.data, ENCODINGS[encoding])
        data = json.loads(event.data) if encoding == "string" else event.data
        assert data["event"] == event.name
    assert event.name == "result-success"
    server.private.add(data["credential"])
    if results == 2:
        assert audio.open_wav(event.audio)


def options(server, how, **asked):
    """A connection that asks for its events in this way."""
    if how == "payload":
        return {"connect_with": {"auth": asked | {"token": server.token()}}}
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return {"query": f"/?access_token={server.token()}&{query}", "connect_with": {}}


@pytest.mark.parametrize("how", ["payload", "query"])
@pytest.mark.parametrize("args, encoding", [("always1", "string"), ("results_only", "object"), ("always2", "string")])
def test_a_connection_asks_for_its_events_its_own_way(server, how, args, encoding):
    asked = options(server, how, event_args=args, payload_encoding=encoding)
    with Session(server, "register", **asked) as session:
        assert_looks(server, session, args, encoding)


def test_the_operator_sets_how_events_look(other_server):
    with Session(other_server, "register") as session:
        assert_looks(other_server, session, "results_only", "string")


def test_a_connection_may_differ_from_what_the_operator_set(other_server):
    asked = options(other_server, "payload", event_args="always2", payload_encoding="object")
    with Session(other_server, "register", **asked) as session:
        assert_looks(other_server, session, "always2", "object")


@pytest.mark.parametrize("option", ["event_args", "payload_encoding"])
@pytest.mark.parametrize("how", ["payload", "query"])
def test_an_option_of_another_value_is_refused_by_name(server, how, option):
    session = Session(server, "register", **options(server, how, **{option: "sideways"}))
    with pytest.raises(Exception, match=f"Invalid {option}|namespaces failed"):
        session.connect()
    assert f"Invalid {option}" in str(session.refusal)
    session.leave()


# ---- more than one session on a connection


def test_kept_open_a_connection_takes_a_second_session_after_the_result(other_server):
    with Session(other_server, "register") as session:
        for _ in range(2):
            assert_looks(other_server, session, "results_only", "string")
        # Errors too leave it open.
        session.initialize({})
        assert json.loads(session.event().args[0])["event"] == "error-parameters"
        assert_looks(other_server, session, "results_only", "string")
        assert session.client.connected


def test_not_kept_open_the_first_terminal_event_is_the_last(server):
    with Session(server, "register") as session:
        assert session.initialize({}).event().name == "error-parameters"
        # Within the grace, before the disconnect.
        session.initialize(register_request())
        session.ended_by_server()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_second_initialize_while_a_session_runs_is_refused_and_takes_nothing_from_it(server, transport):
    request = register_request(SECONDS)
    with start(server, request, transports=(transport,)) as session:
        with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
            carrier.play(audio.enrol()[:BEGINNING], 0)
            session.initialize({"metadata": metadata()})
            events = [session.event() for _ in range(3)]
            assert sorted(event.name for event in events) == ["error-parameters"] + ["info-vad-status"] * 2
            refusal = next(event for event in events if event.is_terminal)
            assert refusal.fields == ["initialize"]
            carrier.play(audio.enrol()[BEGINNING:], 0)
            assert session.outcome().name == "result-success"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_client_that_disconnects_cancels_its_session_and_its_audio(impatient_server, transport):
    impatient_server.becomes_idle()
    request = register_request(SECONDS)
    session = start(impatient_server, request, transports=(transport,))
    with Carrier(impatient_server, request["metadata"]["call_id"]).start() as carrier:
        carrier.play(audio.enrol()[:BEGINNING], 0)
        assert session.event().name == "info-vad-status"
        session.leave()
        assert carrier.end().code == 1000
    # It takes one session at a time, and the same call.
    again = start(impatient_server, request)
    again.leave()
    impatient_server.becomes_idle()
