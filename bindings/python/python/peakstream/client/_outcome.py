"""An event of the server enters; a progress, an outcome or an exception leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Error


class ClientError(Error):
    """Anything that keeps a call from being decided."""

    reason = "client"


class Unauthorized(ClientError):
    """A client id or secret that the server does not know, or one that may not do this."""

    reason = "unauthorized"


class ServerUnavailable(ClientError, ConnectionError):
    """A server that is not there, has too much to do, or went away."""

    reason = "unavailable"


class TimedOut(ClientError, TimeoutError):
    """A server that did not answer in time."""

    reason = "timed_out"


class RequestRefused(ClientError, ValueError):
    """A request with something wrong in it."""

    reason = "request_refused"

    def __init__(self, text: str, fields: Mapping[str, str]) -> None:
        super().__init__(text)
        self.fields = dict(fields)
        """What is wrong with each field that is."""


class AudioRefused(ClientError):
    """Audio that did not come, ended before there was enough speech, or cannot be heard."""

    reason = "audio_refused"


class NotDecided(ClientError):
    """Speech that gives no decision: too little, too noisy, or a credential that is none."""

    reason = "not_decided"

    def __init__(self, text: str, exception: str) -> None:
        super().__init__(text)
        self.exception = exception
        """Its name in the protocol, such as ``SignalNoiseRatioException``."""


@dataclass(frozen=True)
class Progress:
    """How far a call is."""

    net_speech: float
    """Seconds of speech."""
    percentage: int
    """Of what was asked for; not capped."""


@dataclass(frozen=True)
class Outcome:
    """What the server decided. The collected audio and everything that a credential could be read from stay out of its text."""

    accepted: bool
    """Whether every threshold was reached."""
    failed: str | None
    """Which one was not: ``"score"`` or ``"spoof"``."""
    authenticity: float
    """That the voice is live and human, 0 to 1."""
    net_speech: float
    """Seconds of speech that decided."""
    session_id: str
    """By which the session can be read over REST."""
    audio: bytes | None = field(repr=False)
    """The collected speech, as a WAV file."""
    data: Mapping[str, Any] = field(repr=False)
    """Every member of the event (docs/compatibility.md)."""


@dataclass(frozen=True)
class Registered(Outcome):
    """What came of a registration."""

    credential: str | None = field(repr=False)
    """What to keep and to verify with; None if it was not accepted."""


@dataclass(frozen=True)
class Verified(Outcome):
    """What came of a verification."""

    score: float
    """Calibrated similarity, 0 to 1."""


_FAILED = {"result-success": None, "result-fail-score": "score", "result-fail-spoof": "spoof"}


def is_terminal(event: str) -> bool:
    """Whether a session is over with an event."""
    return event.startswith(("result-", "error-"))


def progress(data: Mapping[str, Any]) -> Progress:
    """Of ``info-vad-status``."""
    return Progress(net_speech=data["audio_seconds"], percentage=data["vad_percentage"])


def outcome(kind: str, event: str, data: Mapping[str, Any], audio: bytes | None) -> Registered | Verified:
    """Of a terminal event; raises what an ``error-…`` means."""
    if event not in _FAILED:
        raise _error(event, data)
    common: dict[str, Any] = {
        "accepted": event == "result-success",
        "failed": _FAILED[event],
        "authenticity": data["authenticity"],
        "net_speech": data["voice_audio_collected"],
        "session_id": data.get("session_id", ""),
        "audio": audio,
        "data": data,
    }
    if kind == "verify":
        return Verified(**common, score=data["score"])
    return Registered(**common, credential=data.get("credential"))


def _error(event: str, data: Mapping[str, Any]) -> ClientError:
    text = str(data.get("content", event))
    if event == "error-parameters":
        fields = {detail["field"]: detail["message"] for detail in data.get("details", ())}
        said = "; ".join(f"{name}: {message}" for name, message in fields.items())
        return RequestRefused(said or text, fields)
    if event == "error-audio":
        return AudioRefused(text)
    if event == "error-das-Peak":
        return NotDecided(str(data.get("error", text)), str(data.get("exception", "")))
    return ServerUnavailable(text)
