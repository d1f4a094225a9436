"""In: packets as text. Out: Engine.IO v4 as it is on the wire, over HTTP and WebSocket, without a Socket.IO library.

What both transports have in common: `send` packets, `packet` for the next one that is no ping (pings are answered),
`join` a namespace. A server that ends a session ends it here with `Closed`.
"""

import contextlib
import json
import time
from urllib.parse import urlencode

import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.server import SOON

SEPARATOR = "\x1e"
#: Engine.IO packet types.
OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
#: Longest payload and longest message (MAX_MESSAGE_BYTES of the server).
LIMIT = 256 << 10


class Closed(Exception):
    """The server has ended the session; `code` is the WebSocket's or the HTTP status."""

    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


def url(server, transport="websocket", **query):
    """The URL of a WebSocket; a member of the query that is None is left out."""
    members = {"EIO": "4", "transport": transport} | query
    query = {name: value for name, value in members.items() if value is not None}
    return f"{server.base.replace('http', 'ws', 1)}/socket.io/?{urlencode(query)}"


def http(server, method="GET", body=None, within=SOON, **query):
    """One request of the transport `polling`."""
    members = {"EIO": "4", "transport": "polling"} | query
    query = {name: value for name, value in members.items() if value is not None}
    return requests.request(method, f"{server.base}/socket.io/", params=query, data=body, timeout=within)


def event(packet):
    """`(namespace, ack id, arguments)` of an EVENT; attachments are still placeholders."""
    kind, rest = packet[1], packet[2:]
    assert packet[0] == MESSAGE and kind in "25", packet
    attachments, namespace, number = 0, "/", ""
    if kind == "5":
        count, rest = rest.split("-", 1)
        attachments = int(count)
    if rest.startswith("/"):
        namespace, rest = rest.split(",", 1)
    while rest[0].isdigit():
        number, rest = number + rest[0], rest[1:]
    return namespace, number, json.loads(rest), attachments


class Transport:
    """What does not depend on the transport."""

    def join(self, server, namespace="/socket.io/register", **auth):
        """Joins a namespace with the server's token, and returns the Socket.IO session id."""
        self.send(f"40{namespace},{json.dumps({'token': server.token()} | auth)}")
        answer = self.packet()
        assert answer.startswith(f"40{namespace},"), answer
        return json.loads(answer.removeprefix(f"40{namespace},"))["sid"]

    def emit(self, name, *data, namespace="/socket.io/register"):
        self.send(f"42{namespace},{json.dumps([name, *data])}")

    def event(self):
        """Name and first argument of the next event; an attachment is taken with it."""
        _, _, (name, *args), attachments = event(self.packet())
        self.attachments = [self.packet() for _ in range(attachments)]
        return name, *args

    def lives(self):
        """Shows that the session works: an unknown namespace is refused at once, in any state."""
        self.send("40/nowhere,")
        assert self.packet() == '44/nowhere,{"message":"Invalid namespace"}'

    def is_closed(self, within=SOON):
        """Waits for the server to end the session; returns the code."""
        deadline = time.monotonic() + within
        try:
            while True:
                self.packet(max(0.1, deadline - time.monotonic()))
        except Closed as closed:
            return closed.code


class Polling(Transport):
    """A session over HTTP. Nothing happens unasked: `poll` is one GET, `send` one POST."""

    def __init__(self, server):
        self.server = server
        opened = http(server)
        assert opened.status_code == 200, opened.text
        assert opened.text[0] == OPEN, opened.text
        self.handshake = json.loads(opened.text[1:])
        self.sid = self.handshake["sid"]
        self._packets = []

    def get(self, within=SOON):
        return http(self.server, within=within, sid=self.sid)

    def post(self, *packets):
        return http(self.server, "POST", SEPARATOR.join(packets).encode(), sid=self.sid)

    def send(self, *packets):
        answer = self.post(*packets)
        if answer.status_code != 200:
            raise Closed(answer.status_code)
        assert answer.text == "ok", answer.text

    def poll(self, within=SOON):
        """The packets of one GET, pings included."""
        answer = self.get(within)
        if answer.status_code != 200:
            raise Closed(answer.status_code)
        return answer.text.split(SEPARATOR)

    def packet(self, within=SOON):
        deadline = time.monotonic() + within
        while not self._packets:
            packets = self.poll(max(0.1, deadline - time.monotonic()))
            if PING in packets:
                self.send(PONG)
            if CLOSE in packets:
                raise Closed(200)
            # A session that ends while a GET is waiting answers it with nothing.
            self._packets = [packet for packet in packets if packet not in ("", PING, NOOP)]
        return self._packets.pop(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.post(CLOSE)


class WebSocket(Transport):
    """A session over WebSocket, or with `sid` a WebSocket for a session that polls."""

    def __init__(self, server, sid=None, **how):
        self._open = contextlib.ExitStack()
        how = {"compression": None, "max_size": None, "open_timeout": SOON, "close_timeout": SOON} | how
        self.socket = self._open.enter_context(connect(url(server, sid=sid), **how))
        if sid is None:
            opened = self.frame()
            assert opened[0] == OPEN, opened
            self.handshake = json.loads(opened[1:])

    def send(self, *packets):
        for packet in packets:
            try:
                self.socket.send(packet)
            except ConnectionClosed as closed:
                raise Closed(closed.rcvd.code if closed.rcvd else 1006) from None

    def frame(self, within=SOON):
        """The next frame, whatever it is."""
        try:
            return self.socket.recv(timeout=within)
        except ConnectionClosed as closed:
            raise Closed(closed.rcvd.code if closed.rcvd else 1006) from None

    def packet(self, within=SOON):
        deadline = time.monotonic() + within
        while (packet := self.frame(max(0.1, deadline - time.monotonic()))) == PING:
            self.send(PONG)
        if packet == CLOSE:
            raise Closed(1000)
        return packet

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()


TRANSPORTS = {"polling": Polling, "websocket": WebSocket}
