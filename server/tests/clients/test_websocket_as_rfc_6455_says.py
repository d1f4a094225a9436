"""What the Autobahn test suite asks of a WebSocket server, of our audio endpoints: every frame a byte at a time if need be.

Frames are made here, not by a library, so that they can be wrong. The headings are the suite's.
"""

import json
import socket

import pytest

from support import endpoints
from support.endpoints import ENDPOINTS
from support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Connection, close, frame, split
from support.server import SOON

@pytest.fixture(params=ENDPOINTS)
def endpoint(request):
    return ENDPOINTS[request.param]


@pytest.fixture
def headers(unsigned_key):
    return endpoints.headers(unsigned_key)


@pytest.fixture
def connection(server, endpoint, headers):
    with Connection(server, endpoint.path, headers) as connection:
        yield connection


# ---- 1, 5: framing and fragmentation


@pytest.mark.parametrize("chop", [0, 1, 7])
@pytest.mark.parametrize("cuts", [(), (1,), (20, 50), tuple(range(1, 60)), (0, 0, 10, 10)], ids=str)
def test_a_text_message_may_come_in_fragments(connection, endpoint, cuts, chop):
    connection.send(*split(endpoint.text, *cuts), chop=chop)
    assert connection.answered()


def test_control_frames_may_come_between_fragments(connection, endpoint):
    first, middle, last = split(endpoint.text, 10, 30)
    connection.send(first, frame(PING, b"1"), frame(PONG, b"unasked"), middle, frame(PING, b"2"), last)
    assert (connection.receive(), connection.receive()) == ((PONG, b"1"), (PONG, b"2"))
    assert connection.answered()


@pytest.mark.negative
@pytest.mark.parametrize("endpoint", ["media streams"], indirect=True)
def test_a_binary_message_in_fragments_is_one_message(connection):
    """It ends a text-only carrier's stream, but not before its last fragment."""
    connection.send(frame(BINARY, b"\xff" * 80, fin=False), frame(CONTINUATION, b"\xff" * 80, fin=False))
    assert connection.answered()
    connection.send(frame(CONTINUATION, b""))
    assert connection.closed_with() == 1003


@pytest.mark.negative
@pytest.mark.parametrize(
    "frames",
    [
        [frame(CONTINUATION, b"x")],
        [frame(CONTINUATION, b"x", fin=False)],
        [frame(TEXT, b"{", fin=False), frame(TEXT, b"}")],
        [frame(TEXT, b"{", fin=False), frame(BINARY, b"}")],
        [frame(PING, b"x", fin=False)],
        [frame(PONG, b"x", fin=False)],
        [frame(CLOSE, b"", fin=False)],
    ],
    ids=["nothing to continue", "the same, more to come", "text in text", "binary in text", "ping", "pong", "close"],
)
def test_fragments_that_do_not_fit_are_a_protocol_error(connection, frames):
    connection.send(*frames)
    assert connection.closed_with() == 1002


# ---- 2: pings and pongs


@pytest.mark.parametrize("payload", [b"", b"Hello", bytes(range(125)), b"\xff" * 125], ids=len)
def test_a_ping_is_answered_with_its_payload(connection, payload):
    assert connection.answered(payload)


def test_ten_pings_have_ten_pongs_in_their_order(connection):
    connection.send(*(frame(PING, bytes([n])) for n in range(10)), chop=3)
    assert [connection.receive() for _ in range(10)] == [(PONG, bytes([n])) for n in range(10)]


def test_a_pong_that_nobody_asked_for_is_nothing(connection):
    connection.send(frame(PONG), frame(PONG, b"unasked"))
    assert connection.answered()


@pytest.mark.negative
@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_has_125_bytes_at_most(connection, opcode):
    connection.send(frame(opcode, b"\x03\xe8" + b"x" * 124))
    assert connection.closed_with() == 1002


# ---- 3, 4: reserved bits and opcodes, masks


@pytest.mark.negative
@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_reserved_bits_are_a_protocol_error(connection, reserved, opcode):
    connection.send(frame(opcode, b"", reserved=reserved))
    assert connection.closed_with() == 1002


@pytest.mark.negative
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"x"])
def test_reserved_opcodes_are_a_protocol_error(connection, opcode, payload):
    connection.send(frame(opcode, payload))
    assert connection.closed_with() == 1002


@pytest.mark.negative
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_a_client_must_mask(connection, opcode):
    connection.send(frame(opcode, b"{}" if opcode == TEXT else b"", masked=False))
    assert connection.closed_with() == 1002


# ---- 6: UTF-8

INVALID = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\xff",
    b"\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf4\x90\x80\x80",
    b"\xed\xbf\xbf",
    b"\xfe\xfe\xff\xff",
]


@pytest.mark.negative
@pytest.mark.parametrize("text", INVALID, ids=bytes.hex)
def test_text_that_is_not_utf_8_is_1007(connection, text):
    connection.send(frame(TEXT, b'{"event":"' + text + b'"}'))
    assert connection.closed_with() == 1007


@pytest.mark.negative
@pytest.mark.parametrize("text", INVALID, ids=bytes.hex)
def test_nor_is_it_in_fragments(connection, text):
    whole = b'{"event":"' + text + b'"}'
    connection.send(*split(whole, *range(1, len(whole))))
    assert connection.closed_with() == 1007


@pytest.mark.negative
@pytest.mark.parametrize("tail", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"], ids=bytes.hex)
def test_a_character_that_does_not_end_is_1007(connection, tail):
    connection.send(frame(TEXT, b'{"event":"' + tail))
    assert connection.closed_with() == 1007


@pytest.mark.parametrize("text", ["κόσμε", "\U0010ffff", "\ufffe", "\ud7ff\ue000", "\x00"], ids=ascii)
def test_a_character_may_be_cut_by_fragments(connection, endpoint, text):
    message = json.dumps(json.loads(endpoint.text) | {"more": text}, ensure_ascii=False).encode()
    connection.send(*split(message, *range(1, len(message))))
    assert connection.answered()


# ---- 7: the end


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_a_close_is_answered_with_its_code(connection, code):
    connection.send(close(code, "reason".encode()))
    assert connection.closed_with() == code


def test_a_close_without_a_code_is_answered_without_one(connection):
    connection.send(close())
    assert connection.closed_with() is None


def test_a_reason_may_have_123_bytes(connection):
    connection.send(close(1000, b"r" * 123))
    assert connection.closed_with() == 1000


@pytest.mark.negative
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_a_code_that_must_not_be_sent_is_a_protocol_error(connection, code):
    connection.send(close(code))
    assert connection.closed_with() == 1002


@pytest.mark.negative
def test_a_close_of_one_byte_is_a_protocol_error(connection):
    connection.send(frame(CLOSE, b"\x03"))
    assert connection.closed_with() == 1002


@pytest.mark.negative
def test_a_reason_that_is_not_utf_8_is_an_error(connection):
    connection.send(close(1000, b"\xff\xfe"))
    assert connection.closed_with() in (1002, 1007)


@pytest.mark.negative
def test_what_comes_after_a_close_is_not_looked_at(connection):
    connection.send(close(1000), frame(PING, b"late"), frame(TEXT, b"late"), frame(7, b"late"))
    assert connection.closed_with() == 1000


# ---- 9, 10: limits


@pytest.mark.negative
@pytest.mark.parametrize("claimed", [1, 1 << 40, (1 << 62) - 1])
def test_a_frame_over_the_limit_is_1009_before_it_is_there(server, settled, connection, endpoint, claimed):
    before = server.resident_mib()
    connection.send(frame(TEXT, b"{", length=endpoint.limit + claimed))
    assert connection.closed_with() == 1009
    assert server.resident_mib() - before < 8


@pytest.mark.negative
def test_a_message_over_the_limit_is_1009_in_fragments_too(connection, endpoint):
    piece = b"x" * (endpoint.limit // 4)
    connection.send(frame(TEXT, piece, fin=False), *(frame(CONTINUATION, piece, fin=False) for _ in range(4)))
    assert connection.closed_with() == 1009


@pytest.mark.parametrize("fragments", [1, 64])
def test_a_message_just_within_the_limit_is_taken(connection, endpoint, fragments):
    limit = endpoint.limit
    message = endpoint.of(limit)
    step = limit // fragments
    connection.send(*split(message, *range(step, limit, step)))
    assert connection.answered()


# ---- the handshake


def request(server, *lines):
    host = server.base.removeprefix("http://").split(":")
    with socket.create_connection(host, timeout=SOON) as stream:
        stream.sendall("\r\n".join([*lines, f"Host: {':'.join(host)}", "", ""]).encode())
        return int(stream.recv(4096).split()[1])


UPGRADE = ["Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
VERSION = "Sec-WebSocket-Version: 13"


@pytest.mark.negative
def test_only_a_proper_handshake_is_one(server, endpoint, headers):
    get = f"GET {endpoint.path} HTTP/1.1"
    assert request(server, get, *UPGRADE, VERSION, *headers) == 101
    for lines in [
        [get],
        [get, *UPGRADE],
        [get, *UPGRADE, "Sec-WebSocket-Version: 12"],
        [get, *UPGRADE[:2], VERSION],
        [get, *UPGRADE[1:], VERSION],
        [get, UPGRADE[0], UPGRADE[2], VERSION],
        [get.replace("GET", "POST"), *UPGRADE, VERSION, "Content-Length: 0"],
        [get.replace("1.1", "1.0"), *UPGRADE, VERSION],
    ]:
        assert request(server, *lines, *headers) in (400, 405, 426), lines


def test_extensions_that_are_offered_are_not_used(server, endpoint, headers):
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    with Connection(server, endpoint.path, [offer, *headers]) as connection:
        assert b"extensions" not in connection.answer.lower()
        assert connection.answered()
