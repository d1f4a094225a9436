"""The rest of the Autobahn test suite's list, case by case, on our endpoints: what must work, and what must end a connection.

Our endpoints echo nothing. So a message that is taken shows by the ping behind it, which is answered; one that is refused by
the code of the close, and by the ping behind it, which is not. Groups 12 and 13 are compression, which is never agreed to.
What is not in this table is in `test_websocket_as_rfc_6455_says.py`: pings one by one (2.1 to 2.4, 2.7 to 2.10), all
reserved bits and opcodes, all close codes (7.3, 7.7, 7.9, 7.13), and the limits.
"""

import json
from typing import NamedTuple

import pytest

from support.endpoints import ENDPOINTS, HOOK, envelope, headers
from support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Connection, close, frame, split

TAKEN = None
LAST_WORD = frame(PING, b"not answered any more")


class Row(NamedTuple):
    """One case: its number, what is sent (made from the endpoint's own text), in how many pieces, and what comes of it."""

    number: str
    what: str
    #: `(endpoint) -> frames`.
    sent: object
    #: A close code, or several of which each would do; `TAKEN`: the connection is in order.
    end: object = TAKEN
    #: Bytes of one TCP segment; 0: as they come.
    chop: int = 0
    #: Pongs that come before anything else.
    pongs: tuple = ()
    #: Endpoints whose messages may be that short and that long.
    where: tuple = tuple(ENDPOINTS)


def whole(endpoint):
    return frame(TEXT, endpoint.text.encode())


def more(endpoint, text):
    """The endpoint's text with these characters in it, as bytes."""
    return json.dumps(json.loads(endpoint.text) | {"more": text}, ensure_ascii=False).encode()


TWILIO = ("media streams",)


def sizes():
    """1.1, 9 and 10: every way to write a length, in every way to send it."""
    for size, where in ((125, TWILIO), (126, TWILIO), (127, TWILIO), (128, TWILIO), (250, tuple(ENDPOINTS))):
        yield Row("1.1", f"text of {size} bytes", lambda e, size=size: [frame(TEXT, e.of(size))], where=where)
    for size in (65_535, 65_536):
        yield Row("1.1", f"text of {size} bytes", lambda e, size=size: [frame(TEXT, e.of(size))], where=TWILIO)
    yield Row("1.1.8", "65,536 bytes, 997 at a time", lambda e: [frame(TEXT, e.of(65_536))], chop=997, where=TWILIO)
    sent = lambda e: split(e.of(65_536), *range(1300, 65_536, 1300))
    yield Row("10.1.1", "65,536 bytes, 1,300 a fragment", sent, where=TWILIO)
    for step in (64, 256, 4096):
        yield Row("9.3", f"64,000 bytes, {step} a fragment", lambda e, step=step: split(e.of(64_000), *range(step, 64_000, step)))
    for chop in (64, 128, 1024):
        yield Row("9.5", f"64,000 bytes, {chop} a segment", lambda e: [frame(TEXT, e.of(64_000))], chop=chop)
    yield Row("9.7", "1,000 messages", lambda e: [whole(e)] * 1000, where=TWILIO)


PINGS = [bytes([number]) for number in range(10)]
CONTROL = [
    Row("2.5", "a ping of 126 bytes", lambda e: [frame(PING, b"\xfe" * 126)], 1002),
    Row("2.6", "a ping of 125 bytes, byte by byte", lambda e: [frame(PING, b"\xfe" * 125)], chop=1, pongs=(b"\xfe" * 125,)),
    Row("2.9", "a pong, then a ping", lambda e: [frame(PONG, b"unasked"), frame(PING, b"asked")], pongs=(b"asked",)),
    Row("2.11", "ten pings, byte by byte", lambda e: [frame(PING, one) for one in PINGS], chop=1, pongs=tuple(PINGS)),
]


def reserved():
    """3 and 4: after a message that is good, and cut anywhere."""
    for number, (reserved, chop) in enumerate([(1, 0), (2, 0), (3, 0), (4, 1)], 1):
        sent = lambda e, bits=reserved: [whole(e), frame(TEXT, e.text.encode(), reserved=bits), LAST_WORD]
        yield Row(f"3.{number}", f"reserved bits {reserved} after a text", sent, 1002, chop)
    for group, opcodes in (("4.1", (3, 4, 5, 6, 7)), ("4.2", (11, 12, 13, 14, 15))):
        for number, opcode in enumerate(opcodes, 1):
            sent = lambda e, opcode=opcode: [whole(e), frame(opcode, b"x" * (opcode % 2)), LAST_WORD]
            yield Row(f"{group}.{number}", f"opcode {opcode} after a text", sent, 1002, chop=number // 5)


def two(endpoint):
    return split(endpoint.text, 20)


LOST, LOST_LAST = frame(CONTINUATION, b"lost", fin=False), frame(CONTINUATION, b"lost")
FRAGMENTS = [
    Row("5.1", "a ping in two fragments", lambda e: [frame(PING, b"a", fin=False), frame(CONTINUATION, b"b")], 1002),
    Row("5.2", "a pong in two fragments", lambda e: [frame(PONG, b"a", fin=False), frame(CONTINUATION, b"b")], 1002),
    Row("5.3", "a text in two fragments", two),
    Row("5.5", "the same, byte by byte", two, chop=1),
    Row("5.6", "a ping between them", lambda e: [two(e)[0], frame(PING, b"1"), two(e)[1]], pongs=(b"1",)),
    Row("5.8", "the same, byte by byte", lambda e: [two(e)[0], frame(PING, b"1"), two(e)[1]], chop=1, pongs=(b"1",)),
    Row("5.9", "the end of nothing, then a text", lambda e: [LOST_LAST, whole(e), LAST_WORD], 1002),
    Row("5.11", "the same, byte by byte", lambda e: [LOST_LAST, whole(e), LAST_WORD], 1002, chop=1),
    Row("5.12", "the middle of nothing, then a text", lambda e: [LOST, whole(e), LAST_WORD], 1002),
    Row("5.14", "the same, byte by byte", lambda e: [LOST, whole(e), LAST_WORD], 1002, chop=1),
    Row("5.15", "a whole message, then the middle of nothing", lambda e: [*two(e), LOST, whole(e), LAST_WORD], 1002),
    Row("5.16", "twice the middle of nothing and a text", lambda e: [LOST, whole(e)] * 2 + [LAST_WORD], 1002),
    Row("5.17", "twice the end of nothing and a text", lambda e: [LOST_LAST, whole(e)] * 2 + [LAST_WORD], 1002),
    Row("5.18", "a text within a text", lambda e: [two(e)[0], whole(e), LAST_WORD], 1002),
    Row(
        "5.19",
        "five fragments, pings after the second and the fourth",
        lambda e: [part for n, piece in enumerate(split(e.text, 5, 10, 15, 20)) for part in (piece, *ping_after(n))],
        pongs=(b"1", b"3"),
    ),
]


def ping_after(number):
    return [frame(PING, b"%d" % number)] if number in (1, 3) else []


#: 6.5 to 6.11, 6.22, 6.23: first and last characters of each length, non-characters, and the replacement character.
VALID = ["κόσμε", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0010ffff"]
VALID += ["\ufdd0", "\ufffe", *(chr(plane * 0x10000 + 0xFFFE + last) for plane in (1, 2, 16) for last in (0, 1))]
#: 6.3, 6.6, 6.12 to 6.21: lonely and missing continuations, impossible bytes, overlong forms, surrogates, beyond the last.
INVALID = ["cebae1bdb9cf83cebcceb5eda080656469746564", "80", "bf", "80bf80bf80bf", "c0", "df", "c020c120", "e020e120", "f020f120"]
INVALID += ["f820", "fc20", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"]
INVALID += ["c0e080f08080f8808080", "fe", "ff", "fefeffff", "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]
INVALID += ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf", "c080", "e08080", "f0808080", "f880808080"]
INVALID += ["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf", "eda080edb080", "eda080edbfbf"]
INVALID += ["edafbfedb080", "edafbfedbfbf", "f4908080", "f7bfbfbf", "f888808080", "fc8480808080", "fdbfbfbfbfbf"]


def characters():
    for text in VALID:
        yield Row("6.5", f"{ascii(text)}", lambda e, text=text: [frame(TEXT, more(e, text))])
    yield Row("6.2", "all of them, byte by byte", lambda e: [frame(TEXT, more(e, "".join(VALID)))], chop=1)
    for text in dict.fromkeys(INVALID):
        sent = lambda e, text=text: [frame(TEXT, b'{"more":"' + bytes.fromhex(text) + b'"}'), LAST_WORD]
        yield Row("6.12", text, sent, 1007)
    # Not at its end, but as soon as it is seen: the message goes on, and the connection does not.
    for number, text in (("6.4.1", "f4908080"), ("6.4.2", "eda080")):
        sent = lambda e, text=text: [frame(TEXT, b'{"', fin=False), frame(CONTINUATION, bytes.fromhex(text), fin=False)]
        yield Row(number, f"{text} in a message that goes on", sent, 1007)


def bytes_of(endpoint, size):
    return frame(TEXT, endpoint.of(min(size, endpoint.limit)))


ENDS = [
    Row("7.1.1", "a text, then a close", lambda e: [whole(e), close(1000)], 1000),
    Row("7.1.2", "two closes", lambda e: [close(1000), close(1001)], 1000),
    Row("7.1.3", "a ping after a close", lambda e: [close(1000), frame(PING, b"late")], 1000),
    Row("7.1.4", "a text after a close", lambda e: [close(1000), whole(e)], 1000),
    Row("7.1.5", "a close between two fragments", lambda e: [two(e)[0], close(1000), two(e)[1]], 1000),
    Row("7.1.6", "256 kB, a close and a ping", lambda e: [bytes_of(e, 256_000), close(1000), frame(PING, b"late")], 1000),
    Row("7.3.4", "a close with a reason", lambda e: [close(1000, "Räson".encode())], 1000),
    Row("7.3.6", "a close of 126 bytes", lambda e: [close(1000, b"r" * 124)], 1002),
    Row("7.7", "1012, registered since", lambda e: [close(1012)], 1012),
    Row("9", "a length whose first bit is set", lambda e: [frame(TEXT, b"", length=1 << 63)], (1002, 1009)),
    Row("13", "a compressed message, which nobody agreed to", lambda e: [frame(TEXT, b"\xaa\x56\x2a", reserved=4)], 1002),
]

TABLE = [*sizes(), *CONTROL, *reserved(), *FRAGMENTS, *characters(), *ENDS]


def parameters(wanted):
    for row in TABLE:
        for name in row.where:
            if (row.end is TAKEN) == wanted:
                yield pytest.param(row, ENDPOINTS[name], id=f"{row.number} {row.what}, {name}")


def sent(row, endpoint, connection):
    connection.send(*row.sent(endpoint), chop=row.chop)
    for payload in row.pongs:
        assert connection.receive() == (PONG, payload)


@pytest.mark.parametrize("row, endpoint", parameters(True))
def test_what_is_right_is_taken(server, unsigned_key, row, endpoint):
    with Connection(server, endpoint.path, headers(unsigned_key)) as connection:
        sent(row, endpoint, connection)
        assert connection.answered()


@pytest.mark.negative
@pytest.mark.parametrize("row, endpoint", parameters(False))
def test_what_is_wrong_ends_the_connection_with_its_code(server, unsigned_key, row, endpoint):
    with Connection(server, endpoint.path, headers(unsigned_key)) as connection:
        sent(row, endpoint, connection)
        assert connection.closed_with() in (row.end if isinstance(row.end, tuple) else (row.end,))


def test_no_group_of_the_list_is_left_out():
    groups = {row.number.split(".")[0] for row in TABLE}
    assert groups == {"1", "2", "3", "4", "5", "6", "7", "9", "10", "13"}
    assert len(list(parameters(True))) > 60 and len(list(parameters(False))) > 150


# ---- binary messages: an AudioHook call that is parked takes them and does nothing with them

MEDIA = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
SOMEBODY = {"id": "00000000-0000-4000-8000-000000000001", "ani": "", "aniName": "", "dnis": ""}


@pytest.fixture
def parked(server, unsigned_key):
    with Connection(server, "/audiohook", headers(unsigned_key)) as connection:
        opening = {"organizationId": HOOK, "conversationId": HOOK, "participant": SOMEBODY, "media": [MEDIA]}
        connection.send(frame(TEXT, envelope("open", opening).encode()))
        opcode, opened = connection.receive()
        assert opcode == TEXT and json.loads(opened)["type"] == "opened", opened
        yield connection


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 32_768, 63_999, 64_000])
@pytest.mark.parametrize("fragment, chop", [(0, 0), (0, 997), (1300, 0), (64, 0)])
def test_binary_messages_of_every_length_are_taken(parked, size, fragment, chop):
    """1.2, 9.2, 9.4, 9.6, 9.8."""
    payload = b"\xfe" * size
    cuts = range(fragment, size, fragment) if fragment else ()
    edges = [0, *cuts, size]
    pieces = [payload[begin:end] for begin, end in zip(edges, edges[1:])]
    last = len(pieces) - 1
    frames = [frame(CONTINUATION if n else BINARY, piece, fin=n == last) for n, piece in enumerate(pieces)]
    parked.send(*frames, chop=chop)
    assert parked.answered()


@pytest.mark.negative
@pytest.mark.parametrize("opcode, reserved", [(BINARY, 5), (PING, 6), (CLOSE, 7)])
def test_reserved_bits_in_the_middle_of_a_call(parked, opcode, reserved):
    """3.5 to 3.7."""
    parked.send(frame(BINARY, b"\xfe" * 160), frame(opcode, b"", reserved=reserved))
    assert parked.closed_with() == 1002


def test_a_thousand_binary_messages(parked):
    """9.8."""
    parked.send(*(frame(BINARY, b"\xfe" * (number % 256)) for number in range(1000)))
    assert parked.answered()
