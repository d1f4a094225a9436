"""A client of the server: registers and verifies callers over Socket.IO, and carries their audio if nobody else does.

    from peakstream.client import Client

    with Client("https://voice.example.com", client_id="…", client_secret="…") as client:
        alice = client.register("call-1", "alice.wav").credential
        verified = client.verify("call-2", alice, "caller.wav")
        print(verified.accepted, verified.score)

:class:`AsyncClient` is the same for asyncio. Needs ``pip install "peakstream[client]"``, and for :class:`Microphone`
``pip install "peakstream[microphone]"`` and PortAudio; both are looked for when they are used.
"""

from ._async import AsyncClient, AsyncSession
from ._audio import Audio, Microphone
from ._outcome import (
    AudioRefused,
    ClientError,
    NotDecided,
    Outcome,
    Progress,
    Registered,
    RequestRefused,
    ServerUnavailable,
    TimedOut,
    Unauthorized,
    Verified,
)
from ._request import Options
from ._sync import Client, Session

__all__ = [
    "AsyncClient",
    "AsyncSession",
    "Audio",
    "AudioRefused",
    "Client",
    "ClientError",
    "Microphone",
    "NotDecided",
    "Options",
    "Outcome",
    "Progress",
    "Registered",
    "RequestRefused",
    "ServerUnavailable",
    "Session",
    "TimedOut",
    "Unauthorized",
    "Verified",
]
