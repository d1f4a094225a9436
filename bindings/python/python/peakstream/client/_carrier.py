"""Audio enters; the server hears it as the call of a carrier (Media Streams, the minimal subset: docs/audio-channels.md)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from typing import Any

from ._audio import Source
from ._outcome import AudioRefused

#: Of RFC 6455: the server has what it needs.
_ENOUGH = 1000


async def carry(channel: Any, call_id: str, source: Source, speed: float) -> None:
    """Sends a call over an open WebSocket until the audio ends or the server has enough; raises AudioRefused if it wants none.

    speed: times faster than it was spoken; 0: as fast as it is taken.
    """
    # Whoever does not read does not learn that the other side has closed.
    closing = asyncio.ensure_future(channel.receive())
    begun, sent = time.monotonic(), 0.0
    try:
        await channel.send_json({"event": "start", "start": {"callSid": call_id}})
        async for message in source.messages:
            due = begun + sent / speed - time.monotonic() if speed else 0.0
            await asyncio.wait({closing}, timeout=max(due, 0.0))
            if closing.done():
                break
            await channel.send_json({"event": "media", "media": {"payload": base64.b64encode(message).decode()}})
            sent += source.seconds(message)
    except ConnectionError:
        pass  # closed between two messages; how is known below
    finally:
        await asyncio.wait({closing}, timeout=0.0)
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        await source.messages.aclose()
    if channel.close_code not in (None, _ENOUGH):
        reason = "" if closing.cancelled() else f": {closing.result().extra}"
        raise AudioRefused(f"the server closed the audio with {channel.close_code}{reason}")
