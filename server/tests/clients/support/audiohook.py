"""In: a server and an AudioHook key. Out: a Genesys Cloud client as the protocol describes it, which trusts nothing.

Written from the protocol (version "2") with PyPI `websockets` and the standard library only. It behaves as the reference
client does: pings every few seconds, answers `pause`, `resume` and `disconnect`, sends 200 ms frames; and it notes every
rule that the server breaks. `Hook.end()` fails the test if there is one.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import uuid

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from support.server import SOON

ZERO = "00000000-0000-0000-0000-000000000000"
COMPONENTS = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
EXTERNAL = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
INTERNAL = {"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000}
BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
INVERTED = {"type": "audio", "format": "PCMU", "channels": ["internal", "external"], "rate": 8000}
L16 = {"type": "audio", "format": "L16", "channels": ["external"], "rate": 8000}
OFFER = [BOTH, EXTERNAL, INTERNAL]
#: What a server may send, and what its parameters must be.
SERVER_TYPES = {"opened", "pong", "closed", "disconnect", "pause", "resume", "event", "updated", "reconnect"}
#: The client's own times.
OPENED_WITHIN, PONG_WITHIN, CLOSED_WITHIN = 5, 5, 10
#: In the first second after `opened`, nothing but `resume` may come before the first `pong`.
QUIET = 1.0


class Refused(Exception):
    """The upgrade was answered with something else than 101."""

    def __init__(self, response, seconds):
        super().__init__(f"HTTP {response.status_code}")
        self.status, self.body, self.seconds = response.status_code, bytes(response.body), seconds
        #: All but the clock.
        self.headers = sorted((name.lower(), value) for name, value in response.headers.raw_items() if name != "date")


def duration(seconds):
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"


def signature(secret, headers, target, authority, components=COMPONENTS, label="sig1", **parameters):
    """The two headers of a signed request. `parameters` replace the usual ones; None leaves one out."""
    now = int(time.time())
    usual = {
        "keyid": headers.get("X-API-KEY", ""),
        "nonce": secrets.token_urlsafe(18),
        "alg": "hmac-sha256",
        "created": now,
        "expires": now + 30,
    }
    named = [(name, value) for name, value in (usual | parameters).items() if value is not None]
    text = "(" + " ".join(f'"{name}"' for name in components) + ")"
    text += "".join(f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"' for name, value in named)
    fields = {name.lower(): value for name, value in headers.items()}
    known = {"@request-target": target, "@authority": authority} | fields
    lines = [f'"{name}": {known[name]}' for name in components] + [f'"@signature-params": {text}']
    mac = hmac.new(base64.b64decode(secret), "\n".join(lines).encode(), hashlib.sha256).digest()
    return {"Signature-Input": f"{label}={text}", "Signature": f"{label}=:{base64.b64encode(mac).decode()}:"}


class Hook:
    """One connection, which is one session of the protocol."""

    def __init__(self, server, key, conversation=None, path="/audiohook", signed=None, change=None, **how):
        self.server, self.key = server, key
        self.id = str(uuid.uuid4())
        self.organization = str(uuid.uuid4())
        self.conversation = conversation or str(uuid.uuid4())
        self.path = path
        self.signed = signed
        #: `(headers) -> headers` before they are signed.
        self.change = change or (lambda headers: headers)
        self.how = how
        self.seq = self.serverseq = 0
        self.position = 0.0
        self.violations, self.messages, self.opened = [], [], None
        self.paused = self.closing = False
        self.awaits_pong, self.pongs = [], []
        self.disconnected = self.outputs = None
        self.offered = OFFER
        self.answers = True
        self._sending = threading.RLock()
        self._news = threading.Condition()
        self._over = threading.Event()
        self.code = None

    # ---- the connection

    def headers(self):
        headers = {
            "Audiohook-Organization-Id": self.organization,
            "Audiohook-Session-Id": self.id,
            "Audiohook-Correlation-Id": str(uuid.uuid4()),
            "X-API-KEY": self.key["api_key"],
            "Audiohook-Retry-Attempt": "0",
        }
        headers = self.change(headers)
        secret = self.key.get("client_secret")
        if self.signed is None and secret:
            made = signature(secret, headers, self.path, self.server.base.removeprefix("http://"))
            headers |= made
        elif self.signed:
            headers |= self.signed(headers, self.path, self.server.base.removeprefix("http://"))
        signed = headers.get("Signature-Input"), headers.get("Signature"), headers.get("Signature", "").split(":")[1:2]
        self.server.private.update(text for text in (*signed[:2], *signed[2]) if text and len(text) >= 16)
        return headers

    def connect(self):
        """Upgrades; raises `Refused`."""
        self.server.private.add(self.conversation)
        url = self.server.base.replace("http", "ws", 1) + self.path
        begun = time.monotonic()
        how = {"open_timeout": SOON, "close_timeout": SOON, "ping_interval": None, "max_size": 65_535, "legacy": True}
        how |= self.how
        try:
            self.ws = connect(url, additional_headers=self.headers(), user_agent_header=None, **how)
        except InvalidStatus as refused:
            raise Refused(refused.response, time.monotonic() - begun) from None
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __enter__(self):
        return self if hasattr(self, "ws") else self.connect()

    def __exit__(self, *_):
        if hasattr(self, "ws"):
            self.ws.close_timeout = 0.2
            self.ws.close()

    # ---- what is sent

    def envelope(self, kind, parameters=None, **replaced):
        """A message with the right numbers; `replaced` members are wrong on purpose, None leaves one out."""
        self.seq += 1
        message = {
            "version": "2",
            "type": kind,
            "id": self.id,
            "seq": self.seq,
            "serverseq": self.serverseq,
            "position": duration(self.position),
            "parameters": parameters or {},
        }
        return {name: value for name, value in (message | replaced).items() if value is not None}

    def say(self, kind, parameters=None, **replaced):
        with self._sending:
            self.ws.send(json.dumps(self.envelope(kind, parameters, **replaced)))

    def text(self, text):
        """Anything at all."""
        with self._sending:
            self.ws.send(text)

    def open_parameters(self, **replaced):
        usual = {
            "organizationId": self.organization,
            "conversationId": self.conversation,
            "participant": {
                "id": str(uuid.uuid4()),
                "ani": "+34600123456789",
                "aniName": "Private Person",
                "dnis": "+34900987654321",
            },
            "media": OFFER,
            "language": "en-US",
        }
        self.server.private.update(("+34600123456789", "+34900987654321", "Private Person"))
        return {name: value for name, value in (usual | replaced).items() if value is not None}

    def open(self, **replaced):
        """`open`, and the parameters of `opened`."""
        parameters = self.open_parameters(**replaced)
        self.offered = parameters["media"]
        begun = time.monotonic()
        self.say("open", parameters)
        opened = self.wait("opened")
        took = time.monotonic() - begun
        if took > OPENED_WITHIN:
            self.violations.append(f"opened after {took:.1f} s")
        return opened["parameters"]

    @property
    def media(self):
        """What was chosen, if anything."""
        return (self.opened["media"] or [None])[0] if self.opened else None

    @property
    def frame_bytes(self):
        return len(self.media["channels"]) * (2 if self.media["format"] == "L16" else 1)

    def audio(self, data):
        """One binary message, if audio may flow."""
        with self._sending:
            if self.paused or self.closing or not self.media:
                return False
            self.ws.send(bytes(data))
            self.position += len(data) // self.frame_bytes / 8000
            return True

    def play(self, data, chunk=1600, speed=0):
        """Sends audio until it is over or the server wants no more; how many bytes went out."""
        sent = 0
        self.server.heard(bytes(data[8000:9600]))
        begun = time.monotonic()
        while sent < len(data) and self.audio(data[sent : sent + chunk]):
            sent += chunk
            if speed:
                ahead = sent / self.frame_bytes / 8000 / speed - (time.monotonic() - begun)
                time.sleep(max(0.0, ahead))
        return sent

    def pause(self):
        """The agent puts the caller on hold."""
        with self._sending:
            self.paused = True
            self.say("paused")

    def resume(self, discarded=0.0):
        with self._sending:
            start = self.position
            self.position += discarded
            self.say("resumed", {"start": duration(start), "discarded": duration(discarded)})
            self.paused = False

    def ping(self):
        """`ping`, and how long its `pong` took."""
        begun = time.monotonic()
        with self._sending:
            count = len(self.pongs) + len(self.awaits_pong)
            self.awaits_pong.append(self.seq + 1)
            self.say("ping")
        self._until(lambda: len(self.pongs) > count, "pong", PONG_WITHIN)
        return time.monotonic() - begun

    def close(self, reason="end"):
        """`close`, `closed`, and the end of the connection without a code; how long `closed` took."""
        begun = time.monotonic()
        with self._sending:
            if not self.closing:
                self.closing = True
                self.say("close", {"reason": reason})
        self.wait("closed", CLOSED_WITHIN)
        took = time.monotonic() - begun
        self.end()
        return took

    def end(self):
        """The client ends the TCP connection; nothing may have come after `closed`, and no rule may be broken."""
        with self._sending:
            self.ws.close_timeout = SOON
            self.ws.close()
        assert self._over.wait(SOON), "the connection does not end"
        assert not self.violations, self.violations

    # ---- what comes

    def _listen(self):
        try:
            for message in self.ws:
                with self._sending:
                    self._take(message)
                with self._news:
                    self.messages.append(json.loads(message) if isinstance(message, str) else message)
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        except Exception as error:  # noqa: BLE001  a defect of this client must not look like a server's silence
            self.violations.append(f"the client failed: {error!r}")
        self.code = self.ws.close_code
        self._over.set()
        with self._news:
            self._news.notify_all()

    def _broken(self, rule):
        self.violations.append(rule)

    def _take(self, message):
        """Checks a message and does what a client does with it."""
        if not isinstance(message, str):
            return self._broken("a binary message")
        data = json.loads(message)
        if set(data) != {"version", "type", "id", "seq", "clientseq", "parameters"}:
            self._broken(f"members {sorted(data)}")
        if data["version"] != "2" or data["id"] != self.id or not isinstance(data["parameters"], dict):
            self._broken(f"envelope of {data['type']}")
        if data["seq"] != self.serverseq + 1:
            self._broken(f"seq {data['seq']} after {self.serverseq}")
        if not 0 <= data["clientseq"] <= self.seq:
            self._broken(f"clientseq {data['clientseq']} of {self.seq}")
        if data["type"] not in SERVER_TYPES:
            self._broken(f"type {data['type']}")
        if any(isinstance(one, dict) and one["type"] == "closed" for one in self.messages):
            self._broken(f"{data['type']} after closed")
        self.serverseq = data["seq"]
        if self.opened is not None and not self.pongs and data["type"] not in ("pong", "resume", "closed", "disconnect"):
            if time.monotonic() - self.opened_at < QUIET:
                self._broken(f"{data['type']} between opened and the first pong")
        getattr(self, "_on_" + data["type"], lambda parameters, data: None)(data["parameters"], data)

    def _on_opened(self, parameters, data):
        if self.opened is not None:
            self._broken("opened twice")
        chosen = parameters.get("media")
        if not isinstance(chosen, list) or len(chosen) > 1 or any(one not in self.offered for one in chosen):
            self._broken(f"media {chosen}")
        if parameters.get("startPaused") not in (True, False):
            self._broken("startPaused is missing")
        self.opened, self.opened_at = parameters, time.monotonic()
        self.paused = parameters.get("startPaused", False)
        if "discardTo" in parameters:
            point = float(parameters["discardTo"].removeprefix("PT").removesuffix("S"))
            if point > self.position and self.answers:
                lost = {"start": duration(self.position), "discarded": duration(point - self.position)}
                self.position = point
                self.say("discarded", lost)

    def _on_pong(self, _, data):
        if not self.awaits_pong:
            self._broken("a pong too many")
        elif data["clientseq"] != (pinged := self.awaits_pong.pop(0)):
            self._broken(f"pong for {data['clientseq']} instead of {pinged}")
        self.pongs.append(data["seq"])

    def _on_pause(self, *_):
        if self.opened is None or self.disconnected:
            self._broken("pause out of place")
        self.paused = True
        if self.answers and not self.closing:
            self.say("paused")

    def _on_resume(self, *_):
        if self.opened is None or self.disconnected:
            self._broken("resume out of place")
        if self.answers and not self.closing:
            self.resume()

    def _on_event(self, parameters, _):
        if self.opened is None or not parameters.get("entities"):
            self._broken("event out of place or empty")

    def _on_disconnect(self, parameters, _):
        if self.disconnected:
            self._broken("disconnect twice")
        if parameters.get("reason") not in ("completed", "unauthorized", "error"):
            self._broken(f"disconnect {parameters}")
        if any(not isinstance(value, str) for value in parameters.get("outputVariables", {}).values()):
            self._broken("output variables that are no strings")
        self.disconnected = parameters
        if self.answers and not self.closing:
            self.closing = True
            self.say("close", {"reason": "disconnect"})

    def _on_closed(self, parameters, data):
        if not self.closing:
            self._broken("closed without close")
        if data["clientseq"] != self.seq:
            self._broken(f"closed for {data['clientseq']} instead of {self.seq}")
        self.outputs = parameters.get("outputVariables")

    # ---- waiting

    def _until(self, condition, what, within=SOON):
        deadline = time.monotonic() + within
        with self._news:
            while not (found := condition()):
                left = deadline - time.monotonic()
                seen = [one["type"] for one in self.messages if isinstance(one, dict)]
                assert left > 0, f"no {what} within {within} s; came: {seen}; violations: {self.violations}"
                assert not self._over.is_set(), f"ended with {self.code} before {what}; came: {seen}"
                self._news.wait(min(left, 0.5))
        return found

    def wait(self, kind, within=SOON):
        """The first message of a type."""
        return self._until(lambda: next((one for one in self.messages if one["type"] == kind), None), kind, within)

    def wait_paused(self, paused=True, within=SOON):
        """Waits until the server wants no audio, or wants some."""
        self._until(lambda: self.paused == paused, "resume" if not paused else "pause", within)

    def types(self):
        return [one["type"] for one in self.messages]

    def ended(self, within=SOON):
        """Waits for the end of the connection that the server makes; its code."""
        assert self._over.wait(within), f"the server does not end it; came: {self.types()}"
        return self.code


def fails(hook, reason="error"):
    """The server must end the session by `disconnect`, answer `close`, and leave the socket to us."""
    hook.wait("closed")
    assert hook.disconnected["reason"] == reason, hook.disconnected
    hook.end()


def probe(server, key):
    """What an administrator's activation does: no session, no audio."""
    with Hook(server, key, conversation=ZERO) as hook:
        nobody = {"id": ZERO, "ani": "", "aniName": "", "dnis": ""}
        opened = hook.open(participant=nobody)
        hook.ws.send(b"")
        hook.close()
        assert hook.types() == ["opened", "closed"]
        return opened
