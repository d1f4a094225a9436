"""In: WebSocket frames, right or wrong. Out: them on a bare TCP connection, and what comes back. No WebSocket library."""

import base64
import hashlib
import os
import socket
import struct

from support.server import SOON

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode, payload=b"", fin=True, reserved=0, masked=True, length=None):
    """One frame; `length` is what the header claims, if that is not the truth."""
    claimed = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if claimed < 126:
        head += bytes([mask_bit | claimed])
    elif claimed < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack(">H", claimed)
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", claimed)
    if not masked:
        return head + payload
    key = os.urandom(4)
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + key + mixed.to_bytes(len(payload), "big")


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def split(text, *cuts):
    """A text message in fragments, cut at these bytes."""
    data = text.encode() if isinstance(text, str) else text
    edges = [0, *cuts, len(data)]
    pieces = [data[begin:end] for begin, end in zip(edges, edges[1:])]
    last = len(pieces) - 1
    return [frame(CONTINUATION if n else TEXT, piece, fin=n == last) for n, piece in enumerate(pieces)]


class Connection:
    """A WebSocket after its handshake, as bytes."""

    def __init__(self, server, path="/twilio", headers=()):
        host = server.base.removeprefix("http://").split(":")
        self.socket = socket.create_connection(host, timeout=SOON)
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", f"Host: {':'.join(host)}", "Connection: Upgrade", "Upgrade: websocket"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key.decode()}", *headers]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer, self.closing = b"", False
        while b"\r\n\r\n" not in self.buffer:
            more = self.socket.recv(4096)
            assert more, f"no answer: {self.buffer!r}"
            self.buffer += more
        self.answer, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert self.answer.startswith(b"HTTP/1.1 101 "), self.answer
        expected = base64.b64encode(hashlib.sha1(key + GUID).digest())
        assert b"sec-websocket-accept: " + expected.lower() in self.answer.lower()

    def send(self, *frames, chop=0):
        data = b"".join(frames)
        self.closing |= any(sent[0] & 0x0F == CLOSE for sent in frames)
        try:
            for begin in range(0, len(data), chop or len(data) or 1):
                self.socket.sendall(data[begin : begin + (chop or len(data))])
        except ConnectionError:
            pass  # the server has closed already; what it said is still to be read
        return self

    def _take(self, count):
        while len(self.buffer) < count:
            more = self.socket.recv(65536)
            if not more:
                return None
            self.buffer += more
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def receive(self):
        """The next frame of the server, `(opcode, payload)`; None at the end of the connection."""
        head = self._take(2)
        if head is None:
            return None
        assert head[0] & 0x70 == 0 and head[1] & 0x80 == 0, "a server sets no reserved bits and masks nothing"
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack(">H", self._take(2))[0]
        assert length < 1 << 16
        return head[0] & 0x0F, self._take(length)

    def answered(self, payload=b"are you there?"):
        """Whether the connection is in order: a ping is answered next."""
        self.send(frame(PING, payload))
        return self.receive() == (PONG, payload)

    def closed_with(self):
        """The code of the server's close, which must come next; nothing may follow it but the end. None: no code."""
        opcode, payload = self.receive()
        assert opcode == CLOSE, f"opcode {opcode} instead of a close: {payload[:80]!r}"
        code = struct.unpack(">H", payload[:2])[0] if payload else None
        payload[2:].decode()
        if not self.closing:
            self.send(close(code or 1000))
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server, which had our close already, has ended the connection
        assert self.receive() is None, "something follows the close"
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
