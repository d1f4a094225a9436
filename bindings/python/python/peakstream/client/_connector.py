"""Connections enter by being made; none is left once the connector is closed."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any


def connector(aiohttp: Any, ssl: Any) -> Any:
    """A connector of aiohttp that waits, when it is closed, for those connections too that end only after their last message.

    aiohttp forgets a WebSocket's connection as soon as it begins to close. Over TLS it then still waits for the server's
    farewell; an event loop that ends meanwhile leaves its socket open, and Python warns of it.
    """

    class Connector(aiohttp.TCPConnector):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(ssl=ssl)
            # By their protocols, which live as long as they are open: uvloop's transports cannot be referred to weakly.
            self._transports: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

        async def connect(self, *args: Any, **options: Any) -> Any:
            connection = await super().connect(*args, **options)
            self._transports[connection.protocol] = connection.transport
            return connection

        async def close(self, **options: Any) -> None:
            await super().close(**options)
            for transport in list(self._transports.values()):
                transport.abort()
            # What abort() begins, the loop ends in its next round.
            await asyncio.sleep(0)

    return Connector()
