"""In: one session asked for with the real Python client. Out: its events, in order, with the time they came."""

import logging
import queue
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import socketio

from support.server import SOON, reset

# The library reports its own threads that outlive a connection as errors; they are none.
logging.getLogger("engineio.client").setLevel(logging.CRITICAL)


#: What our events carry beside the documented members.
ADDITIVE = {"call_id", "session_id", "calibration_id", "centre_id", "quality", "outcome"}
ADDITIVE |= {"authenticity_judged", "authenticity_llr", "authenticity_reason", "step_up", "replay", "implausible"}


@dataclass(frozen=True)
class Event:
    """One event as the client library handed it over."""

    name: str
    args: tuple
    at: float

    @property
    def data(self):
        return self.args[0]

    @property
    def audio(self):
        """The second argument: the collected audio, or None."""
        return self.args[1]

    @property
    def is_terminal(self):
        return self.name.startswith(("result-", "error-"))

    @property
    def fields(self):
        """The members that an `error-parameters` names."""
        return [detail["field"] for detail in self.data["details"]]


def metadata(call_id=None, **other):
    """The documented metadata."""
    return {
        "audio_protocol": "twilio",
        "audio_format": "raw",
        "audio_codec": "mulaw",
        "sample_format": "",
        "sample_rate": "8000",
        "channels": "1",
        "call_id": call_id or str(uuid.uuid4()),
        **other,
    }


def register_request(seconds=5.0, call_id=None, **other):
    """A registration as documented."""
    operation = {"authenticity_threshold": 0.8, "audio_total_duration": seconds}
    return {"metadata": metadata(call_id, **other), "register_request": operation}


def verify_request(credential, seconds=5.0, call_id=None, **other):
    """A verification as documented."""
    operation = {"authenticity_threshold": 0.8, "audio_total_duration": seconds, "credential": credential}
    return {"metadata": metadata(call_id, **other), "verify_request": operation}


@dataclass
class Session:
    """One connection to one namespace, and everything that comes over it.

    `connect_with` goes to the library's own `connect` and may replace the documented way to authenticate.
    """

    server: object
    kind: str
    namespace: str = ""
    transports: tuple = ("websocket",)
    query: str = ""
    connect_with: dict = None
    events: list = field(default_factory=list)

    def __post_init__(self):
        self.namespace = self.namespace or f"/socket.io/{self.kind}"
        self.client = socketio.Client(reconnection=False, handle_sigint=False)
        self.refusal = None
        self._arrived = queue.Queue()
        self._over = threading.Event()
        self.client.on("*", self._on_event, namespace=self.namespace)
        self.client.on("connect_error", self._on_refusal, namespace=self.namespace)
        self.client.on("disconnect", self._on_disconnect, namespace=self.namespace)

    def _on_event(self, name, *args):
        self._arrived.put(Event(name, args, time.monotonic()))

    def _on_refusal(self, data=None):
        self.refusal = data

    def _on_disconnect(self, reason=None):
        self.reason = reason
        self._over.set()

    def connect(self):
        """Joins the namespace; raises what the library raises."""
        how = self.connect_with
        if how is None:
            how = {"headers": {"Authorization": f"bearer {self.server.token()}"}}
        self.client.connect(
            f"{self.server.base}/socket.io{self.query}",
            namespaces=[self.namespace],
            transports=list(self.transports),
            wait_timeout=SOON,
            **how,
        )
        return self

    def emit(self, name, *data):
        self.client.emit(name, *data, namespace=self.namespace)

    def initialize(self, request):
        """Asks for the session; what is private about it is noted for the test of the log."""
        for section, member in (("metadata", "call_id"), ("verify_request", "credential")):
            match request:
                case {**members} if isinstance(members.get(section), dict):
                    secret = members[section].get(member)
                    if isinstance(secret, str) and len(secret) >= 16:
                        self.server.private.add(secret)
        self.emit("initialize", request)
        return self

    def event(self, within=SOON):
        """The next event."""
        event = self._arrived.get(timeout=within)
        self.events.append(event)
        if event.name == "result-success" and isinstance(event.data, dict) and "credential" in event.data:
            self.server.private.add(event.data["credential"])
        return event

    def consumer_ready(self):
        """Waits for the word to start the audio."""
        event = self.event()
        assert event.name == "info-consumer-ready", event
        return event

    def outcome(self, within=60):
        """Waits for the terminal event."""
        deadline = time.monotonic() + within
        while not (event := self.event(max(0.1, deadline - time.monotonic()))).is_terminal:
            pass
        return event

    def ended_by_server(self, within=SOON):
        """Waits for the server's disconnect, and checks that nothing came after the terminal event."""
        assert self._over.wait(within), "the server does not disconnect"
        assert self._arrived.empty(), f"after the terminal event: {self._arrived.get()}"

    @property
    def statuses(self):
        return [event for event in self.events if event.name == "info-vad-status"]

    def leave(self):
        """The client's own end; harmless if it is over already."""
        self.client.disconnect()

    def vanish(self):
        """The client's machine is gone: a TCP reset instead of any goodbye. Only over WebSocket."""
        reset(self.client.eio.ws.sock)

    def __enter__(self):
        return self if self.client.connected else self.connect()

    def __exit__(self, *_):
        self.leave()


def start(server, request, **how):
    """A session that is ready for its audio."""
    kind = "verify" if "verify_request" in request else "register"
    session = Session(server, kind, **how).connect()
    session.initialize(request).consumer_ready()
    return session


def answer(server, kind, request):
    """What the server says to a request that it refuses: one event, then the end."""
    session = Session(server, kind).connect()
    event = session.initialize(request).event()
    assert event.is_terminal, event
    session.ended_by_server()
    session.leave()
    return event


def answers(server, kind, requests):
    """The same for several requests, asked at the same time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda request: answer(server, kind, request), requests))
