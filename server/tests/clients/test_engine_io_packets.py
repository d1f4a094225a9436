"""Engine.IO v4, packet by packet, over HTTP and WebSocket: the cases of the protocol's conformance suite, and more.

The suite's echo is replaced by what this server answers at once: CONNECT_ERROR to a namespace that nobody knows.
"""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support import raw
from support.raw import CLOSE, LIMIT, NOOP, PING, PONG, SEPARATOR, TRANSPORTS, Closed, Polling, WebSocket
from support.server import SOON

MEMBERS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
#: What the protocol calls its errors.
TRANSPORT_UNKNOWN = (0, "Transport unknown")
SID_UNKNOWN = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
BAD_VERSION = (5, "Unsupported protocol version")
#: A session id that is one, but nobody's.
NOBODY = "A" * 16


def assert_refused(response, error):
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/json"
    assert (response.json()["code"], response.json()["message"]) == error


@pytest.fixture(params=TRANSPORTS)
def session(request, server):
    """A session over each transport."""
    with TRANSPORTS[request.param](server) as session:
        yield session


@pytest.fixture(params=TRANSPORTS)
def sessions(request):
    """Opens sessions over each transport."""
    return TRANSPORTS[request.param]


# ---- handshake


def test_polling_opens_with_one_open_packet(server):
    opened = raw.http(server)
    assert opened.headers["content-type"].lower() == "text/plain; charset=utf-8"
    value = json.loads(opened.text.removeprefix("0"))
    assert set(value) == MEMBERS and isinstance(value["sid"], str)
    assert value["upgrades"] == ["websocket"]
    assert (value["pingInterval"], value["pingTimeout"], value["maxPayload"]) == (25_000, 20_000, LIMIT)


def test_websocket_opens_with_one_open_packet_and_offers_no_upgrade(server):
    with WebSocket(server) as session:
        value = session.handshake
        assert set(value) == MEMBERS and isinstance(value["sid"], str)
        assert value["upgrades"] == []
        assert (value["pingInterval"], value["pingTimeout"], value["maxPayload"]) == (25_000, 20_000, LIMIT)


def test_session_ids_are_long_and_never_the_same(server):
    sids = {json.loads(raw.http(server).text[1:])["sid"] for _ in range(20)}
    assert len(sids) == 20 and min(map(len, sids)) >= 16


WRONG_QUERIES = {
    "no EIO": ({"EIO": None}, BAD_VERSION),
    "EIO=abc": ({"EIO": "abc"}, BAD_VERSION),
    "EIO=3": ({"EIO": "3"}, BAD_VERSION),
    "EIO=5": ({"EIO": "5"}, BAD_VERSION),
    "no transport": ({"transport": None}, TRANSPORT_UNKNOWN),
    "transport=abc": ({"transport": "abc"}, TRANSPORT_UNKNOWN),
    "something else": ({"EIO": None, "transport": None, "x": "1"}, BAD_VERSION),
    "sid=of nobody": ({"sid": NOBODY}, SID_UNKNOWN),
    "sid=of another shape": ({"sid": "../../etc"}, SID_UNKNOWN),
    "sid=empty": ({"sid": ""}, SID_UNKNOWN),
}


@pytest.mark.parametrize("query", WRONG_QUERIES)
def test_polling_with_a_wrong_query_is_refused(server, query):
    members, error = WRONG_QUERIES[query]
    assert_refused(raw.http(server, **members), error)


def test_polling_without_a_query_is_refused(server):
    assert_refused(raw.http(server, EIO=None, transport=None), TRANSPORT_UNKNOWN)


BEFORE_THE_UPGRADE = [query for query in WRONG_QUERIES if query != "sid=of nobody"]


@pytest.mark.parametrize("query", BEFORE_THE_UPGRADE)
def test_websocket_with_a_wrong_query_is_refused(server, query):
    with pytest.raises(InvalidStatus) as refused:
        connect(raw.url(server, **{"transport": "websocket"} | WRONG_QUERIES[query][0]))
    answer = refused.value.response
    assert answer.status_code == 400
    assert int(json.loads(answer.body)["code"]) == WRONG_QUERIES[query][1][0]


def test_websocket_for_a_session_that_is_nobodys_is_closed_without_a_word(server):
    with WebSocket(server, sid=NOBODY) as socket, pytest.raises(Closed):
        socket.frame()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_handshake_by_another_method_is_refused(server, method):
    assert_refused(raw.http(server, method), BAD_METHOD)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_session_takes_no_other_method(server, method):
    with Polling(server) as session:
        assert raw.http(server, method, "40", sid=session.sid).status_code == 400
        session.lives()


def test_the_transport_websocket_without_an_upgrade_is_refused(server):
    assert raw.http(server, transport="websocket").status_code == 400


# ---- messages


def test_packets_of_one_payload_are_answered_in_their_order(server):
    with Polling(server) as session:
        session.send(*(f"40/nowhere{number}," for number in range(8)))
        expected = [f'44/nowhere{number},{{"message":"Invalid namespace"}}' for number in range(8)]
        # All of them are there: one GET brings them all.
        assert session.poll() == expected


def test_packets_over_websocket_are_answered_in_their_order(server):
    with WebSocket(server) as session:
        session.send(*(f"40/nowhere{number}," for number in range(8)))
        answers = [session.packet() for _ in range(8)]
        assert answers == [f'44/nowhere{number},{{"message":"Invalid namespace"}}' for number in range(8)]


INVALID_PACKETS = ["abc", "7", "8x", "b***", " 4", "\u00e94", "0{}"]


@pytest.mark.parametrize("packet", INVALID_PACKETS)
def test_an_invalid_packet_in_a_payload_is_400_and_closes_the_session(server, packet):
    session = Polling(server)
    assert session.post(packet).status_code == 400
    assert_refused(session.get(), SID_UNKNOWN)


@pytest.mark.parametrize("packet", [*INVALID_PACKETS, ""])
def test_an_invalid_packet_over_websocket_closes_the_session(server, packet):
    with WebSocket(server) as session:
        session.send(packet)
        session.is_closed()


def test_bytes_that_are_no_text_are_400_and_close_the_session(server):
    session = Polling(server)
    assert raw.http(server, "POST", b"4\xff\xfe", sid=session.sid).status_code == 400
    assert_refused(session.get(), SID_UNKNOWN)


def test_two_polls_at_once_close_the_session(server):
    session = Polling(server)
    with ThreadPoolExecutor(2) as pool:
        answers = sorted((call.result() for call in [pool.submit(session.get) for _ in range(2)]), key=status)
    assert [status(answer) for answer in answers] == [200, 400]
    assert answers[0].text == CLOSE
    assert_refused(session.get(), SID_UNKNOWN)


def status(response):
    return response.status_code


# ---- heartbeat (a server that pings often)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pings_come_as_announced_and_a_pong_keeps_the_session(other_server, transport):
    with TRANSPORTS[transport](other_server) as session:
        assert session.handshake["pingInterval"] == 500
        for _ in range(3):
            ping = session.poll() if transport == "polling" else [session.frame()]
            assert ping == [PING]
            session.send(PONG)
        session.lives()


def test_who_does_not_answer_a_ping_is_closed_in_time(other_server):
    """Both at once, as both take the time-out."""
    polling, websocket = Polling(other_server), WebSocket(other_server)
    assert polling.poll() == [PING] and websocket.frame() == PING
    # A GET that waits is answered with a close packet.
    assert polling.poll() == [CLOSE]
    assert_refused(polling.get(), SID_UNKNOWN)
    with pytest.raises(Closed):
        while websocket.frame() != CLOSE:
            pass
        websocket.frame()


def test_the_first_ping_comes_after_an_interval(server):
    """Who sends and polls at once gets the answer to what it sent, and nothing before it."""
    websocket = WebSocket(server)
    with Polling(server) as polling, websocket:
        for session in (polling, websocket):
            session.send("40/nowhere,")
        answer = '44/nowhere,{"message":"Invalid namespace"}'
        assert polling.poll() == [answer] and websocket.frame() == answer


def test_a_pong_that_nobody_asked_for_does_no_harm(session):
    session.send(PONG, PONG, PONG)
    session.lives()


# ---- close


def test_a_close_packet_ends_the_poll_that_waits(server):
    session = Polling(server)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.get)
        session.send(CLOSE)
        # The poll may also come after the close, if the machine is slow.
        answer = waiting.result(SOON)
    assert (answer.status_code, answer.text) == (200, NOOP) or answer.status_code == 400, answer.text
    assert_refused(session.get(), SID_UNKNOWN)


def test_a_close_packet_closes_the_websocket(server):
    with WebSocket(server) as session:
        session.send(CLOSE)
        session.is_closed()


def test_a_session_that_is_closed_is_nobodys(server):
    session = Polling(server)
    session.send(CLOSE)
    assert_refused(session.get(), SID_UNKNOWN)
    assert_refused(session.post(PONG), SID_UNKNOWN)
    with WebSocket(server, sid=session.sid) as socket, pytest.raises(Closed):
        socket.frame()


def test_a_websocket_session_cannot_be_polled(server):
    with WebSocket(server) as session:
        assert_refused(raw.http(server, sid=session.handshake["sid"]), BAD_REQUEST)
        assert_refused(raw.http(server, "POST", "1", sid=session.handshake["sid"]), BAD_REQUEST)
        session.lives()


# ---- upgrade


def upgrade(server, session):
    """A WebSocket for the session, as the protocol says it."""
    socket = WebSocket(server, sid=session.sid)
    socket.send("2probe")
    assert socket.frame() == "3probe"
    return socket


def test_a_session_is_upgraded_and_goes_on_over_websocket(server):
    session = Polling(server)
    session.join(server)
    with upgrade(server, session) as socket:
        assert session.poll() == [NOOP]
        socket.send("5")
        socket.lives()
        socket.emit("initialize", {})
        assert socket.event()[0] == "error-parameters"


def test_a_poll_that_waits_is_ended_by_the_upgrade_with_a_noop(server):
    session = Polling(server)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.poll)
        with upgrade(server, session) as socket:
            assert waiting.result(SOON) == [NOOP]
            socket.send("5")
            socket.lives()


def test_what_is_said_during_the_upgrade_is_not_lost(server):
    session = Polling(server)
    with upgrade(server, session) as socket:
        session.send("40/nowhere,")
        assert session.poll() == [NOOP]
        socket.send("5")
        assert socket.packet() == '44/nowhere,{"message":"Invalid namespace"}'


def test_after_the_upgrade_http_is_refused_and_the_websocket_goes_on(server):
    session = Polling(server)
    with upgrade(server, session) as socket:
        socket.send("5")
        socket.lives()
        assert_refused(session.get(), BAD_REQUEST)
        assert_refused(session.post(CLOSE), BAD_REQUEST)
        socket.lives()


def test_after_the_upgrade_a_second_websocket_is_closed_and_the_first_goes_on(server):
    session = Polling(server)
    with upgrade(server, session) as socket:
        socket.send("5")
        socket.lives()
        with WebSocket(server, sid=session.sid) as second, pytest.raises(Closed):
            second.frame()
        socket.lives()


def test_an_upgrade_that_is_given_up_leaves_the_session_polling(server):
    session = Polling(server)
    WebSocket(server, sid=session.sid).socket.close()
    session.lives()


# ---- limits


def padded(length):
    """A message of exactly this length that is answered at once."""
    head = '40/nowhere,{"x":"'
    return head + "x" * (length - len(head) - 2) + '"}'


def test_a_payload_of_the_announced_length_is_taken(session):
    session.send(padded(LIMIT))
    assert session.packet() == '44/nowhere,{"message":"Invalid namespace"}'


def test_a_longer_payload_is_413_and_closes_the_session(server):
    session = Polling(server)
    assert session.post(padded(LIMIT + 1)).status_code == 413
    assert_refused(session.get(), SID_UNKNOWN)


def test_the_length_of_a_payload_counts_not_that_of_its_packets(server):
    session = Polling(server)
    assert session.post(*[padded(LIMIT // 2)] * 2).status_code == 413
    assert_refused(session.get(), SID_UNKNOWN)


def test_a_longer_message_over_websocket_closes_the_session(server):
    with WebSocket(server) as session:
        session.send(padded(LIMIT + 1))
        session.is_closed()


def test_a_payload_that_lies_about_its_length_is_cut_off(server):
    """A Content-Length of a gigabyte costs nothing: it is refused when the limit is passed."""
    session = Polling(server)
    connection = http.client.HTTPConnection(server.base.removeprefix("http://"), timeout=SOON)
    connection.putrequest("POST", f"/socket.io/?EIO=4&transport=polling&sid={session.sid}")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    connection.send(b"4" + b"x" * (LIMIT + 1))
    assert connection.getresponse().status == 413
    connection.close()
