"""In: an AudioHook key. Out: our WebSocket endpoints as the tests of RFC 6455 need them: a text that changes nothing, limits."""

import json
from typing import NamedTuple

#: The AudioHook session of every connection here.
HOOK = "5f1d1b5e-6f57-4c0b-9d55-0a1f4a3c9e11"


class Endpoint(NamedTuple):
    """Where to connect, a text message that changes nothing and is not answered, and the longest message."""

    path: str
    text: str
    limit: int

    def of(self, size):
        """That message with this many bytes."""
        small = json.loads(self.text) | {"more": ""}
        message = json.dumps(small | {"more": "x" * (size - len(json.dumps(small)))}).encode()
        assert len(message) == size
        return message


def envelope(kind, parameters, seq=1):
    message = {"version": "2", "id": HOOK, "type": kind, "seq": seq, "serverseq": 0, "position": "PT0S"}
    return json.dumps(message | {"parameters": parameters, "more": ""}, ensure_ascii=False)


ENDPOINTS = {
    "media streams": Endpoint(
        "/twilio", '{"event":"connected","protocol":"Call","version":"1.0.0","more":"κόσμε 😀"}', 1 << 20
    ),
    "audiohook": Endpoint("/audiohook", envelope("error", {"code": 400, "message": "κόσμε 😀"}), 64_000),
}


def headers(key):
    """What AudioHook wants to know; nobody else looks at it."""
    names = ("Organization", "Session", "Correlation")
    return [f"X-API-KEY: {key['api_key']}", *(f"Audiohook-{name}-Id: {HOOK}" for name in names)]
