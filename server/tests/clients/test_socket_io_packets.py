"""Socket.IO v5, packet by packet, over HTTP and WebSocket: the cases of the protocol's conformance suite, and more.

The suite's echo is replaced by `initialize`, which this server answers with what is wrong about it.
"""

import base64
import json

import pytest

from support import audio, raw
from support.carrier import Carrier
from support.raw import TRANSPORTS, Polling, WebSocket
from support.server import eventually
from support.signalling import Session, register_request

REGISTER, VERIFY, ALIVE = "/socket.io/register", "/socket.io/verify", "/socket.io/alive"
#: From the handshake to the first namespace (CONNECT_TIMEOUT of the server).
PATIENCE = 10


@pytest.fixture(scope="module", autouse=True)
def silent(server):
    """Sessions that join nothing, or only try to; the last test here looks how they ended. Meanwhile others run."""
    sessions = [WebSocket(server), Polling(server), WebSocket(server)]
    sessions[2].send(f"40{REGISTER},")
    assert sessions[2].packet() == f'44{REGISTER},{{"message":"Unauthorized"}}'
    return sessions


@pytest.fixture(params=TRANSPORTS)
def session(request, server):
    """A session that has joined nothing, over each transport."""
    with TRANSPORTS[request.param](server) as session:
        yield session


@pytest.fixture
def joined(session, server):
    """A session that has joined `register`."""
    session.join(server)
    return session


def assert_answers(session, namespace=REGISTER):
    """The namespace works: what is wrong about an empty request is told."""
    session.emit("initialize", {}, namespace=namespace)
    joined, number, (name, data, collected), attachments = raw.event(session.packet())
    assert (joined, number, name, collected, attachments) == (namespace, "", "error-parameters", None, 0)
    return data


# ---- CONNECT


@pytest.mark.parametrize("payload", ["", '{"token":"123"}'], ids=["without a payload", "with one"])
@pytest.mark.parametrize("namespace", ["", ALIVE, "/alive"], ids=["main", "custom", "custom, short"])
def test_a_namespace_is_joined_with_and_without_a_payload(session, namespace, payload):
    prefix = f"40{namespace}," if namespace else "40"
    session.send(prefix + payload)
    answer = session.packet()
    assert answer.startswith(prefix)
    handshake = json.loads(answer.removeprefix(prefix))
    assert set(handshake) == {"sid"} and isinstance(handshake["sid"], str)


def test_a_namespace_may_end_without_a_comma(session):
    session.send(f"40{ALIVE}")
    assert session.packet().startswith(f"40{ALIVE},")


UNKNOWN = ["/random", "/socket.io", "/socket.io/register/", "/REGISTER", "/\u00e9", "/a?b=c"]


@pytest.mark.parametrize("namespace", UNKNOWN)
def test_an_unknown_namespace_gets_a_connect_error_and_the_session_goes_on(session, namespace):
    session.send(f"40{namespace},")
    assert session.packet() == f'44{namespace},{{"message":"Invalid namespace"}}'
    session.lives()


@pytest.mark.parametrize("payload", ["", "{}", '{"token":"wrong"}', '{"token":7}', "[1]", '"text"', "{", "null"])
def test_who_proves_nothing_gets_a_connect_error_and_may_try_again(session, server, payload):
    session.send(f"40{REGISTER},{payload}")
    assert session.packet() == f'44{REGISTER},{{"message":"Unauthorized"}}'
    session.join(server)
    assert_answers(session)


def test_a_session_joins_several_namespaces_and_each_answers_for_itself(session, server):
    for namespace in (REGISTER, VERIFY, "/register"):
        session.join(server, namespace)
    for namespace in (VERIFY, "/register", REGISTER):
        assert_answers(session, namespace)
        assert session.packet() == f"41{namespace},"


def test_a_second_connect_is_ignored_and_the_namespace_goes_on(joined, server):
    joined.send(f"40{REGISTER},{json.dumps({'token': server.token()})}")
    joined.send(f"40{REGISTER},")
    joined.lives()
    assert_answers(joined)


# ---- DISCONNECT


def test_the_main_namespace_is_left_and_the_session_goes_on(session, server):
    session.send("40")
    assert session.packet().startswith("40{")
    session.send("41")
    session.join(server)
    assert_answers(session)


def test_a_namespace_is_left_and_the_others_go_on(joined, server):
    joined.join(server, VERIFY)
    joined.send(f"41{REGISTER},")
    assert_answers(joined, VERIFY)


def test_a_namespace_that_was_left_can_be_joined_again(joined, server):
    joined.send(f"41{REGISTER},")
    joined.join(server)
    assert_answers(joined)


def test_the_server_leaves_only_the_namespace_whose_session_is_over(joined, server):
    joined.join(server, VERIFY)
    assert_answers(joined)
    assert joined.packet() == f"41{REGISTER},"
    assert_answers(joined, VERIFY)


def test_who_leaves_a_namespace_may_join_it_again_in_the_same_breath(joined, server):
    """Ten times, as a server may forget who left a moment too late; each time the session before is cancelled."""
    for _ in range(10):
        request = register_request()
        server.private.add(request["metadata"]["call_id"])
        joined.emit("initialize", request)
        assert joined.event()[0] == "info-consumer-ready"
        joined.send(f"41{REGISTER},", f"40{REGISTER},{json.dumps({'token': server.token()})}")
        assert joined.packet().startswith(f"40{REGISTER},")
    assert_answers(joined)
    eventually(lambda: free(server, request), "the call id is in use")


def free(server, request):
    """Whether another client gets a session for the call; it leaves at once."""
    with Session(server, "register") as other:
        return other.initialize(request).event().name == "info-consumer-ready"


@pytest.mark.parametrize("payload", ["", ',"text"', ',1,{"2":[true]}', ",null"], ids=["no", "text", "several", "null"])
def test_alive_disconnects_whatever_comes_with_it(session, payload):
    session.send(f"40{ALIVE},")
    session.packet()
    session.send(f'42{ALIVE},["alive"{payload}]')
    assert session.packet() == f"41{ALIVE},"
    session.lives()


# ---- EVENT


def test_an_event_may_ask_for_an_ack_and_the_answer_is_an_event(joined):
    joined.send(f'42{REGISTER},456["initialize",{{}}]')
    namespace, number, (name, *_), _ = raw.event(joined.packet())
    assert (namespace, number, name) == (REGISTER, "", "error-parameters")
    assert joined.packet() == f"41{REGISTER},"


def test_more_arguments_than_needed_are_ignored(joined, server):
    request = register_request()
    server.private.add(request["metadata"]["call_id"])
    joined.emit("initialize", request, 1, "2", {"3": [True]}, None)
    assert joined.event()[0] == "info-consumer-ready"


def test_binary_attachments_come_after_their_event(joined):
    two = f'452-{REGISTER},["initialize",{{"_placeholder":true,"num":0}},{{"_placeholder":true,"num":1}}]'
    joined.send(two, *attachments(joined, b"\1\2\3", b"\4\5\6"))
    name, data, _ = joined.event()
    assert (name, [detail["field"] for detail in data["details"]]) == ("error-parameters", ["initialize"])


def test_a_request_with_an_attachment_in_it_is_wrong(joined):
    request = register_request() | {"extra": {"_placeholder": True, "num": 0}}
    joined.send(f"451-{REGISTER},{json.dumps(['initialize', request])}", *attachments(joined, b"\0" * 1000))
    assert joined.event()[0] == "error-parameters"


def attachments(session, *data):
    """Binary packets, as this transport writes them."""
    if isinstance(session, Polling):
        return ["b" + base64.b64encode(piece).decode() for piece in data]
    return list(data)


RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
OTHERS = [*RESERVED, "error", "alive", "Initialize", "", "*"]


@pytest.mark.parametrize("name", OTHERS)
def test_events_of_other_names_reserved_ones_too_are_ignored(joined, name):
    joined.emit(name, {})
    joined.lives()
    assert_answers(joined)


def test_acks_that_nobody_waits_for_are_ignored(joined):
    joined.send(f"43{REGISTER},7[1]")
    joined.send(f'461-{REGISTER},8[{{"_placeholder":true,"num":0}}]', *attachments(joined, b"\1"))
    joined.lives()
    assert_answers(joined)


def test_packets_for_a_namespace_that_nobody_knows_are_ignored(joined):
    joined.send('42/nowhere,["initialize",{}]', "41/nowhere,", "43/nowhere,1[]")
    joined.lives()
    assert_answers(joined)


# ---- what ends the session

INVALID = {
    "an unknown type": "4abc",
    "type 7": "47",
    "type 9": '49NS["initialize",{}]',
    "nothing": "4",
    "a payload that is no array": "42NS{}",
    "an empty array": "42NS[]",
    "a name that is no text": "42NS[1,2]",
    "no payload": "42NS",
    "half an array": '42NS["initialize",',
    "an ack id that is no number": '42NSabc["initialize",{}]',
    "an ack without an id": "43NS[1]",
    "an error from the client": '44NS{"message":"x"}',
    "a binary event without a count": '45NS["initialize",{"_placeholder":true,"num":0}]',
    "more attachments than there may be": '4599999999999-NS["initialize",{"_placeholder":true,"num":0}]',
}


@pytest.mark.parametrize("what", INVALID)
def test_an_invalid_packet_closes_the_session(joined, server, what):
    try:
        joined.send(INVALID[what].replace("NS", REGISTER + ","))
    except raw.Closed:
        pass
    joined.is_closed()


@pytest.mark.parametrize("namespace", ["", REGISTER + ","], ids=["main", "custom"])
def test_an_event_before_connect_closes_the_session(session, namespace):
    session.send(f'42{namespace}["initialize",{{}}]')
    session.is_closed()


def test_a_packet_to_a_namespace_that_was_left_closes_the_session(joined):
    joined.send(f"41{REGISTER},", f'42{REGISTER},["initialize",{{}}]')
    joined.is_closed()


def test_text_instead_of_the_announced_attachment_closes_the_session(joined):
    joined.send(f'451-{REGISTER},["initialize",{{"_placeholder":true,"num":0}}]', "40/nowhere,")
    joined.is_closed()


def test_an_attachment_more_than_announced_closes_the_session(joined):
    one = f'451-{REGISTER},["x",{{"_placeholder":true,"num":0}}]'
    joined.send(one, *attachments(joined, b"\1", b"\2"))
    joined.is_closed()


def test_an_attachment_that_nobody_announced_closes_the_session(joined):
    joined.send(*attachments(joined, b"\1"))
    joined.is_closed()


def test_deeply_nested_json_is_an_error_and_not_the_servers_end(joined):
    joined.send(f'42{REGISTER},["initialize",{"[" * 100_000}{"]" * 100_000}]')
    assert joined.event()[0] == "error-parameters"


# ---- a whole call


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_on_the_wire_come_ready_then_statuses_ascending_then_one_result_then_disconnect(server, transport):
    """What the libraries' threads may reorder is in order before them; the result's audio is an attachment."""
    request = register_request(3.0)
    server.private.add(request["metadata"]["call_id"])
    with TRANSPORTS[transport](server) as session:
        session.join(server)
        session.emit("initialize", request)
        assert session.event()[0] == "info-consumer-ready"
        with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
            carrier.play(audio.enrol(), speed=8)
        seconds = []
        while (event := session.event())[0] == "info-vad-status":
            assert event[2] is None
            seconds.append(event[1]["audio_seconds"])
        assert seconds == sorted(seconds) and len(seconds) > 5
        name, data, placeholder = event
        server.private.add(data["credential"])
        assert (name, placeholder) == ("result-success", {"_placeholder": True, "num": 0})
        assert data["voice_audio_collected"] == seconds[-1]
        [wav] = session.attachments
        if transport == "polling":
            assert wav[0] == "b"
            wav = base64.b64decode(wav[1:])
        rate, channels, _, speech = audio.open_wav(wav)
        assert (rate, channels, round(len(speech) / rate, 2)) == (8000, 1, seconds[-1])
        assert session.packet() == f"41{REGISTER},"
        session.lives()


# ---- last: what has gone on since the first


def test_a_session_that_joins_nothing_is_closed_after_a_while(silent):
    for session in silent:
        session.is_closed(within=PATIENCE + 5)
