"""Calls in asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._engine import CallStream, Status
    from ._types import Bytes


async def statuses(call: CallStream, frames: AsyncIterable[Bytes]) -> AsyncGenerator[Status, None]:
    """Pushes frames as they come and gives the call's :class:`Status` at every moment at which it is decided (0.512 s of audio).

    Ends when there is enough speech, or no frame is left; the last status is given in either case. frames: whatever
    :meth:`CallStream.push` takes. A push is short enough for the event loop (microseconds for 20 ms of audio); after each status others
    have their turn. What decides afterwards is not: give it to a thread (``loop.run_in_executor``).
    """
    import asyncio  # not with the package, whose import should cost next to nothing

    status, told = call.status, None
    async for frame in frames:
        status = call.push(frame)
        if status.enough:
            break
        if status.boundary:
            yield status
            told = status
            await asyncio.sleep(0)
    if status is not told:
        yield status
