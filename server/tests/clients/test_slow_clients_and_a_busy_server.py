"""Clients that do not take what they are sent lose their session, not the server its memory; busy, it still answers."""

import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import audio
from support.carrier import Carrier
from support.raw import PONG, Closed, Polling, WebSocket
from support.rest import Rest
from support.server import SOON, eventually
from support.signalling import register_request

#: Packets that wait for a slow client (BUFFERED_PACKETS of the server).
BUFFER = 128
#: How long events wait for room before the client is given up (STALL_LIMIT).
STALL = 5
#: What the server may keep more than before.
KEPT_MIB = 48
GIVEN_UP = "a client does not read its events and is given up"
CONNECTION_ENDED = "a client takes nothing of what it is sent; its connection is ended"


def grew(server, what):
    """Returns a function that waits until the log says `what` once more."""
    before = server.log().count(what)
    return lambda: eventually(lambda: server.log().count(what) > before, f"the log does not say {what!r}")


def test_a_polling_client_that_does_not_poll_is_given_up_and_told_so_if_it_returns(server):
    request = register_request()
    call_id = request["metadata"]["call_id"]
    server.private.add(call_id)
    given_up = grew(server, GIVEN_UP)
    session = Polling(server)
    session.join(server)
    session.emit("initialize", request)
    with Carrier(server, call_id, "minimal").start() as carrier:
        carrier.play(audio.enrol()[: 4 * audio.BLOCK], 0)
        # Each is answered with a refusal, until there is no more room for one.
        begun = time.monotonic()
        for _ in range(BUFFER):
            session.send(*['42/socket.io/register,["initialize",{}]'] * 4)
        given_up()
        assert time.monotonic() - begun >= STALL
        assert carrier.end().code == 1000
    # The call is free: another client has it at once.
    other = WebSocket(server)
    other.join(server)
    other.emit("initialize", request)
    assert other.event()[0] == "info-consumer-ready"
    # Whoever returns finds what there was room for, in order, and then the end.
    names, packets = [], 0
    while (packet := session.packet()) != "41/socket.io/register,":
        packets += 1
        names.append(packet.split('"')[1])
    assert names[0] == "info-consumer-ready" and packets <= BUFFER
    assert set(names[1:]) == {"info-vad-status", "error-parameters"}
    session.lives()


@pytest.fixture
def quiet(impatient_server):
    impatient_server.becomes_idle()
    yield impatient_server
    impatient_server.becomes_idle()


def unread(server):
    """A WebSocket whose client never reads: small buffers, so that little is on its way."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    host, port = server.base.removeprefix("http://").split(":")
    connection.connect((host, int(port)))
    return WebSocket(server, sock=connection, max_queue=1, close_timeout=1)


def test_a_client_that_does_not_read_is_ended_and_costs_no_memory(quiet):
    """It floods the server meanwhile: whatever it asks for, its answers are not collected without end."""
    request = register_request()
    quiet.private.add(request["metadata"]["call_id"])
    ended = grew(quiet, CONNECTION_ENDED)
    session = unread(quiet)
    session.join(quiet)
    session.emit("initialize", request)
    assert session.event()[0] == "info-consumer-ready"
    with Carrier(quiet, request["metadata"]["call_id"], "minimal").start() as carrier:
        carrier.play(audio.enrol()[: 2 * audio.BLOCK], 0)
        before, most, sent = quiet.resident_mib(), 0, 0
        flood = f'42/socket.io/register,["initialize",{{"x":"{"x" * 100_000}"}}]'
        deadline = time.monotonic() + SOON
        with pytest.raises(Closed):
            while time.monotonic() < deadline:
                session.send(flood, PONG)
                sent += len(flood)
                most = max(most, quiet.resident_mib())
        ended()
        assert carrier.end().code == 1000
    print(f"{sent / 2**20:.0f} MiB sent, {most - before:.0f} MiB more in use meanwhile")
    assert sent / 2**20 > 2 * KEPT_MIB, "too little was sent to show anything"
    assert most - before < KEPT_MIB
    # The connection is gone, not only its session; so is what it held: the fixture waits for that.
    quiet.becomes_idle()


def test_a_listener_that_does_not_read_holds_up_nobody(quiet):
    """Server-Sent Events are told by a record, not by the session."""
    rest = Rest(quiet)
    session = rest.create(audio_total_duration=30.0)
    connection = socket.create_connection(quiet.base.removeprefix("http://").split(":"))
    path = f"/dpsrest/v1/register_session/{session['id']}/events"
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\napikey: {quiet.first_run['api_key']}\r\n\r\n".encode())
    connection.recv(100)
    with Carrier(quiet, session["call_id"], "minimal").start() as carrier:
        carrier.play(audio.silence(30), 0, chunk_ms=200)
        assert rest.polled(session)[-1]["event"] == "error-audio"
    connection.close()


# ---- a busy server

CALLS = 16


def test_connect_is_answered_well_under_a_second_while_decisions_wait(other_server):
    """One thread decides; sixteen calls end at the same moment."""
    rest = Rest(other_server)
    settings = rest.settings()
    sessions = [rest.create(settings=settings) for _ in range(CALLS)]
    token = other_server.token()

    def carry(session):
        with Carrier(other_server, session["call_id"], "minimal").start() as carrier:
            return carrier.play(audio.enrol(), 0, chunk_ms=200) or carrier.end()

    def processing():
        return sum(rest.session(session)["status"] == "processing" for session in sessions[-4:])

    took = []
    with ThreadPoolExecutor(CALLS) as pool:
        ends = [pool.submit(carry, session) for session in sessions]
        while not all(rest.session(session)["finished"] for session in sessions):
            busy = processing()
            begun = time.monotonic()
            with WebSocket(other_server) as client:
                client.send(f'40/socket.io/verify,{{"token":"{token}"}}')
                assert client.packet().startswith("40/socket.io/verify,")
            if busy and processing():
                took.append(time.monotonic() - begun)
        assert {end.result().code for end in ends} == {1000}
    print(f"{len(took)} while decisions waited: {statistics.median(took):.3f} s (median), {max(took):.3f} s (most)")
    assert len(took) >= 3, "the server was not busy"
    assert statistics.median(took) < 0.5
    assert {rest.session(session)["status"] for session in sessions} == {"success"}
