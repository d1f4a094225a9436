"""HTTP sessions leave; none of their connections is left once all of this is closed."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any


class Connections:
    """A connector of aiohttp that is not closed before those connections are that end only after their last message.

    aiohttp forgets a WebSocket's connection as soon as it begins to close. Over TLS it then still waits for the server's
    farewell; an event loop that ends meanwhile leaves its socket open, and Python warns of it.
    """

    def __init__(self, aiohttp: Any, ssl: Any) -> None:
        self._aiohttp = aiohttp
        self._connector: Any = aiohttp.TCPConnector(ssl=ssl)
        self._connect = self._connector.connect
        self._connector.connect = self._remembered
        # By their protocols, which live as long as they are open: uvloop's transports cannot be referred to weakly.
        self._transports: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def session(self) -> Any:
        """For one purpose; all of them share the connector."""
        return self._aiohttp.ClientSession(connector=self._connector, connector_owner=False)

    async def close(self) -> None:
        """Ends those that are open."""
        await self._connector.close()
        for transport in list(self._transports.values()):
            transport.abort()
        # What abort() begins, the loop ends in its next round.
        await asyncio.sleep(0)

    async def _remembered(self, *args: Any, **options: Any) -> Any:
        connection = await self._connect(*args, **options)
        self._transports[connection.protocol] = connection.transport
        return connection
